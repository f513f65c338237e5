"""What a TFLite file holds, read from its FlatBuffer."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tensorflow.lite.python import schema_py_generated as schema

_OP_NAMES = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
_TYPE_NAMES = {
    value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)
}


@dataclass(frozen=True)
class Contents:
    """A file's ops and tensors.

    Attributes:
        ops: builtin op names, in execution order, over all subgraphs.
        custom: names of custom ops (Flex ops begin with ``Flex``).
        subgraphs: number of them.
        inputs, outputs: (name, dtype, shape) of the first subgraph.
        dynamic: names of tensors whose shape is not fixed.
        macs: multiply-accumulates of its convolutions and fully connected layers.
    """

    ops: tuple[str, ...]
    custom: tuple[str, ...]
    subgraphs: int
    inputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    dynamic: tuple[str, ...]
    macs: int


def read(flatbuffer: bytes) -> Contents:
    """Parse a FlatBuffer (anything appended to it is ignored).

    Raises:
        ValueError: it is not a TFLite model.
    """
    if flatbuffer[4:8] != b"TFL3":
        raise ValueError("not a TFLite file (its identifier is missing)")
    try:
        return _contents(schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0)))
    # What a damaged FlatBuffer can lead the generated code to.
    except (struct.error, TypeError, AttributeError, IndexError, KeyError, ValueError) as error:
        raise ValueError(f"not a TFLite file, or a damaged one ({type(error).__name__})") from None


def _contents(model) -> Contents:  # type: ignore[no-untyped-def]
    ops, custom, dynamic = [], [], []
    macs = 0
    for graph in model.subgraphs:
        for op in graph.operators:
            code = model.operatorCodes[op.opcodeIndex]
            builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
            name = _OP_NAMES[builtin]
            ops.append(name)
            if name == "CUSTOM":
                custom.append((code.customCode or b"?").decode())
            macs += _macs(name, graph.tensors, op)
        dynamic += [
            t.name.decode()
            for t in graph.tensors
            if t.shapeSignature is not None and any(side < 0 for side in t.shapeSignature)
        ]
    first = model.subgraphs[0]

    def describe(indices) -> tuple:  # type: ignore[no-untyped-def]
        tensors = [first.tensors[i] for i in indices]
        return tuple(
            (t.name.decode(), _TYPE_NAMES[t.type], tuple(map(int, t.shape))) for t in tensors
        )

    return Contents(
        tuple(ops), tuple(custom), len(model.subgraphs), describe(first.inputs),
        describe(first.outputs), tuple(dynamic), macs,
    )  # fmt: skip


def _macs(name: str, tensors, op) -> int:  # type: ignore[no-untyped-def]
    """Multiply-accumulates of one op; 0 for those that hardly multiply."""
    if name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"):
        return 0
    kernel = [int(side) for side in tensors[op.inputs[1]].shape]
    output = [int(side) for side in tensors[op.outputs[0]].shape]
    per_output = 1
    if name == "DEPTHWISE_CONV_2D":
        per_output = kernel[1] * kernel[2]
    elif name == "FULLY_CONNECTED":
        per_output = kernel[-1]
    else:
        per_output = kernel[1] * kernel[2] * kernel[3]
    if name == "TRANSPOSE_CONV":
        source = [int(side) for side in tensors[op.inputs[2]].shape]
        return source[1] * source[2] * per_output * kernel[0]
    total = per_output
    for side in output:
        total *= side
    return total
