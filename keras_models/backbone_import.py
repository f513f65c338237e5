"""A pretrained backbone without a download: the weights inside a model file for devices.

Reads a quantised MobileNetV2 that classifies pictures (8-bit kernels, 32-bit biases, batch
normalisation folded) back into real numbers, as ``mobilenet_v2`` takes them. The format is that of
TensorFlow's own schema.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from edge_demo.errors import UserError

from .inverted_residual import Layer
from .mobilenet_v2 import PUBLISHED, Layout, structure

_KINDS = {schema.BuiltinOperator.CONV_2D: "conv",
          schema.BuiltinOperator.DEPTHWISE_CONV_2D: "depthwise"}  # fmt: skip
_DTYPES: Mapping[int, Any] = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8,
           schema.TensorType.INT32: np.int32, schema.TensorType.FLOAT32: np.float32}  # fmt: skip
# Of the real values that a network's 8-bit input spans.
_NEAR = 0.02


def read(path: Path, layout: Layout = PUBLISHED) -> dict[str, list[NDArray[np.float32]]]:
    """The weights of a MobileNetV2 in a TFLite file, classifier included.

    Args:
        path: the file; its network takes RGB in -1..1.
        layout: what it must be.

    Returns:
        Layer name to kernel and bias, as ``backbone_files.save`` takes them. The first kernel,
        summed over its three channels, is for one grey channel.

    Raises:
        UserError: no such file, or one of another network.
    """
    try:
        flatbuffer = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    try:
        if flatbuffer[4:8] != b"TFL3":
            raise ValueError
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))
        graph = model.subgraphs[0]
        found = list(_convolutions(model, graph))
        span = _input_span(graph)
    # What a damaged FlatBuffer can lead the generated code to.
    except (struct.error, TypeError, AttributeError, IndexError, KeyError, ValueError):
        raise UserError(f"{path}: not a TFLite file, or a damaged one") from None
    wanted = list(structure(layout))
    for layer, (other, _) in zip(wanted, found, strict=False):
        if _shape(layer) != other:
            raise UserError(
                f"{path}: not this MobileNetV2: {layer.name} is {_words(_shape(layer))}; "
                f"in the file {_words(other)}"
            )
    if len(found) != len(wanted):
        raise UserError(
            f"{path}: not this MobileNetV2, which has {len(wanted)} convolutions; "
            f"the file {len(found)}"
        )
    if max(abs(span[0] + 1), abs(span[1] - 1)) > _NEAR:
        raise UserError(f"{path}: takes values in {span[0]:.2f}..{span[1]:.2f}, not in -1..1")
    weights = {layer.name: list(values) for layer, (_, values) in zip(wanted, found, strict=True)}
    stem = weights[wanted[0].name]
    stem[0] = stem[0].sum(2, keepdims=True)
    return weights


_Shape = tuple[str, int, int, int, bool]  # kind, channels, side, stride, active
_Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


def _shape(layer: Layer) -> _Shape:
    channels = layer.channels
    return layer.kind, channels, layer.side, layer.stride, layer.active


def _words(shape: _Shape) -> str:
    kind, channels, side, stride, active = shape
    how = f"{kind} {side}x{side} to {channels} channels, stride {stride}"
    return f"{how}, with ReLU6" if active else how


def _convolutions(model: Any, graph: Any) -> Iterator[tuple[_Shape, _Pair]]:
    """Every convolution of a graph, in the order in which they run, with kernel and bias."""
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        # Files from before 2020 have the code in the older of the two places only.
        kind = _KINDS.get(max(code.builtinCode, code.deprecatedBuiltinCode))
        if kind is None:
            continue
        kernel, bias = (_real(model, graph.tensors[index]) for index in op.inputs[1:3])
        # (out, h, w, in), or of a depthwise one (1, h, w, channels): Keras has (h, w, in, out).
        kernel = kernel.transpose(1, 2, 3, 0)
        channels = kernel.shape[3 if kind == "conv" else 2]
        active = op.builtinOptions.fusedActivationFunction == schema.ActivationFunctionType.RELU6
        shape = kind, channels, kernel.shape[0], int(op.builtinOptions.strideH), active
        yield shape, (kernel, bias)


def _real(model: Any, tensor: Any) -> NDArray[np.float32]:
    """A constant's real values."""
    data = np.asarray(model.buffers[tensor.buffer].data, np.uint8)
    values = data.view(_DTYPES[tensor.type]).reshape(tensor.shape).astype(np.float64)
    scheme = tensor.quantization
    if scheme is None or scheme.scale is None:
        return values.astype(np.float32)
    axes = [1] * values.ndim
    if len(scheme.scale) > 1:
        axes[scheme.quantizedDimension] = -1
    scale, zero = (np.reshape(part, axes) for part in (scheme.scale, scheme.zeroPoint))
    return np.asarray((values - zero) * scale, np.float32)


def _input_span(graph: Any) -> tuple[float, float]:
    """The real values that the 8-bit input spans."""
    tensor = graph.tensors[graph.inputs[0]]
    limits = np.iinfo(_DTYPES[tensor.type])
    scale, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
    return (limits.min - zero) * scale, (limits.max - zero) * scale
