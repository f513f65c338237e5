"""What a TFLite file holds, read from its FlatBuffer."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

_OP_NAMES = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
_TYPE_NAMES = {
    value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)
}


# What a tensor's bytes are, where they are worth reading.
_DTYPES: Mapping[str, Any] = {
    "bool": np.bool_, "int8": np.int8, "uint8": np.uint8, "int16": np.int16, "int32": np.int32,
    "int64": np.int64, "float16": np.float16, "float32": np.float32, "float64": np.float64,
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """One tensor of a graph.

    Attributes:
        index: its number in the graph; two ops share a tensor if they share this.
        name, dtype, shape: as the file has them; a scalar's shape is empty.
        open: axes whose length is not fixed.
        constant: whether its values are in the file.
        variable: whether it keeps its values from one inference to the next.
        zero_point: the integer that stands for 0.0, of the first channel.
        data: a constant's bytes.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    open: tuple[int, ...] = ()
    constant: bool = False
    variable: bool = False
    zero_point: int = 0
    data: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    @property
    def bytes(self) -> int:
        """Its size; of an open axis, one step."""
        if self.data is not None:
            return int(self.data.nbytes)
        size = np.dtype(_DTYPES.get(self.dtype, np.int8)).itemsize
        return size * int(np.prod([max(1, side) for side in self.shape], dtype=np.int64))

    @property
    def values(self) -> NDArray[Any] | None:
        """A constant's values; None of what is no constant, or of a kind that is not read."""
        kind = _DTYPES.get(self.dtype)
        if self.data is None or kind is None or self.data.nbytes % np.dtype(kind).itemsize:
            return None
        return self.data.view(kind)


@dataclass(frozen=True)
class Op:
    """One operation of a graph.

    Attributes:
        index: its place in the order of execution.
        name: of the builtin op, or ``CUSTOM``.
        custom: a custom op's own name, else empty.
        version: of the builtin op.
        inputs: None for an optional one that is left out.
        options: the builtin op's, by their names in the schema.
        macs: multiply-accumulates; 0 for ops that hardly multiply.
    """

    index: int
    name: str
    custom: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any]
    macs: int

    def input(self, place: int) -> Tensor | None:
        """An input, or None if it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None


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
        details: ops of the first subgraph, with their tensors.
        results: indices of the first subgraph's output tensors.
    """

    ops: tuple[str, ...]
    custom: tuple[str, ...]
    subgraphs: int
    inputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    dynamic: tuple[str, ...]
    macs: int
    details: tuple[Op, ...] = ()
    results: tuple[int, ...] = ()


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
    details = [_details(model, graph) for graph in model.subgraphs]
    ops = [op for graph in details for op in graph]
    dynamic = [
        _text(t.name)
        for graph in model.subgraphs
        for t in graph.tensors
        if t.shapeSignature is not None and any(side < 0 for side in t.shapeSignature)
    ]
    first = model.subgraphs[0]

    def describe(indices) -> tuple:  # type: ignore[no-untyped-def]
        tensors = [first.tensors[i] for i in _numbers(indices)]
        return tuple((_text(t.name), _TYPE_NAMES[t.type], _numbers(t.shape)) for t in tensors)

    return Contents(
        tuple(op.name for op in ops), tuple(op.custom for op in ops if op.custom),
        len(model.subgraphs), describe(first.inputs), describe(first.outputs), tuple(dynamic),
        sum(op.macs for op in ops), details[0], _numbers(first.outputs),
    )  # fmt: skip


def _details(model, graph) -> tuple[Op, ...]:  # type: ignore[no-untyped-def]
    """A subgraph's ops with their tensors."""
    tensors = [_tensor(model, index, t) for index, t in enumerate(graph.tensors)]
    found = []
    for index, op in enumerate(graph.operators or ()):
        code = model.operatorCodes[op.opcodeIndex]
        # Files from before 2020 have the code in the older of the two places only.
        name = _OP_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
        options = op.builtinOptions or op.builtinOptions2
        found.append(
            Op(
                index=index,
                name=name,
                custom=_text(code.customCode or "?") if name == "CUSTOM" else "",
                version=code.version,
                inputs=tuple(tensors[i] if i >= 0 else None for i in _numbers(op.inputs)),
                outputs=tuple(tensors[i] for i in _numbers(op.outputs)),
                options=vars(options) if options else {},
                macs=_macs(name, graph.tensors, op),
            )
        )
    return tuple(found)


def _tensor(model, index: int, t) -> Tensor:  # type: ignore[no-untyped-def]
    buffer = model.buffers[t.buffer] if model.buffers else None
    data = None if buffer is None or buffer.data is None else np.asarray(buffer.data, np.uint8)
    held = data is not None and len(data) > 0
    # A large file keeps its constants behind the FlatBuffer, and their place in the buffer.
    behind = buffer is not None and getattr(buffer, "offset", 0) > 1
    zero_points = None if t.quantization is None else t.quantization.zeroPoint
    return Tensor(
        index=index,
        name=_text(t.name),
        dtype=_TYPE_NAMES[t.type],
        shape=_numbers(t.shape),
        open=tuple(i for i, side in enumerate(_numbers(t.shapeSignature)) if side < 0),
        constant=held or behind,
        variable=bool(t.isVariable),
        zero_point=0 if zero_points is None or len(zero_points) == 0 else int(zero_points[0]),
        data=data if held else None,
    )


def _numbers(values) -> tuple[int, ...]:  # type: ignore[no-untyped-def]
    return () if values is None else tuple(map(int, values))


def _text(name) -> str:  # type: ignore[no-untyped-def]
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")


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
