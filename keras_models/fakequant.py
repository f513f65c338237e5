"""Fake quantisation of a functional model, in pure Keras ops.

Rounds weights and activations to the 8-bit steps that a TFLite graph will have, and passes
gradients straight through (Jacob et al., 2018), so that training sees what the device computes.
Weights: symmetric, one scale an output channel. Activations: one range a tensor, chosen from real
inputs so that the squared error of rounding and clipping is least, then fixed. Where integer
kernels demand it, several tensors share a range (a pool's input and output, all that is
concatenated), or the range is the kernel's own (sigmoid, tanh, softmax). What only moves values
(a slice, a reshape) leaves them on the steps that they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from edge_demo.tasks.record import Task

LEVELS = 255
# What a network says of a picture as a whole, one number a channel, is calibrated on no more values
# than there are pictures, and where it is cut off all of the picture changes: a range from the
# smallest to the largest of them, and so much wider.
_ROOM = 1.3
_SUFFIX = "_range"  # after an operation's name: the layer that rounds its output


@dataclass(frozen=True)
class Range:
    """The real values that an 8-bit activation spans; 0 is one of its 256 steps."""

    low: float
    high: float

    @property
    def scale(self) -> float:
        """What one step is worth."""
        return (self.high - self.low) / LEVELS


def nudged(low: float, high: float) -> Range:
    """The nearest range to low..high that holds 0 exactly, as TensorFlow nudges it.

    Of a tensor that is 0 everywhere, as behind a dead ReLU, it is 0..1: any range holds it, and an
    interpreter refuses a convolution whose output has much smaller steps than its products.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-6:
        low, high = 0.0, 1.0
    scale = (high - low) / LEVELS
    zero = np.clip(np.rint(-low / scale), 0, LEVELS)
    return Range(float(-zero * scale), float((LEVELS - zero) * scale))


def least_error_range(values: NDArray[np.floating], candidates: int = 24) -> Range:
    """The range whose rounding and clipping error on ``values`` has the least mean square.

    Args:
        values: a sample of the tensor, any shape.
        candidates: how many shrunken ranges to try, from the extremes down to a tenth.
    """
    flat = np.asarray(values, np.float32).ravel()
    low, high = min(0.0, float(flat.min())), max(0.0, float(flat.max()))

    def error(span: Range) -> float:
        rounded = np.rint(np.clip(flat, span.low, span.high) / span.scale) * span.scale
        return float(np.mean(np.square(rounded - flat), dtype=np.float64))

    spans = [nudged(low * f, high * f) for f in np.geomspace(1.0, 0.1, candidates)]
    return min(spans, key=error)


def whole_range(values: NDArray[np.floating]) -> Range:
    """The range of what is said of a picture as a whole: its extremes, with room beyond them."""
    return nudged(float(values.min()) * _ROOM, float(values.max()) * _ROOM)


def says_of_whole(values: NDArray[Any]) -> bool:
    """Whether a tensor of one picture has one number a channel."""
    return values.ndim > 0 and values.size == values.shape[-1]


def _straight_through(values: Any, rounded: Any) -> Any:
    return values + ops.stop_gradient(rounded - values)


@keras.saving.register_keras_serializable("chromaedge")
class FakeQuant(layers.Layer):
    """An activation on 8-bit steps of a fixed range; no gradient where it clips."""

    def __init__(self, low: float, high: float, **options: Any) -> None:
        super().__init__(**options)
        self.range = nudged(low, high)

    def call(self, inputs: Any) -> Any:
        """Clip, round to steps."""
        clipped = ops.clip(inputs, self.range.low, self.range.high)
        rounded = ops.round(clipped / self.range.scale) * self.range.scale
        return _straight_through(clipped, rounded)

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` needs."""
        return {**super().get_config(), "low": self.range.low, "high": self.range.high}


def _rounded(kernel: Any, axes: tuple[int, ...]) -> Any:
    """A kernel on -127..127 steps, one scale for what ``axes`` leave: its output channels."""
    scale = ops.max(ops.abs(kernel), axis=axes, keepdims=True) / 127.0
    scale = ops.stop_gradient(ops.maximum(scale, 1e-8))
    return _straight_through(kernel, ops.round(kernel / scale) * scale)


def _finished(layer: Any, outputs: Any) -> Any:
    """What a layer's kernel gave, with its bias and through its activation."""
    if layer.use_bias:
        outputs = outputs + layer.bias
    return layer.activation(outputs) if layer.activation else outputs


@keras.saving.register_keras_serializable("chromaedge")
class FakeQuantConv2D(layers.Conv2D):
    """A convolution whose kernel is on -127..127 steps of its own scale an output channel."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve with the rounded kernel."""
        return super().convolution_op(inputs, _rounded(kernel, (0, 1, 2)))


@keras.saving.register_keras_serializable("chromaedge")
class FakeQuantDepthwiseConv2D(layers.DepthwiseConv2D):
    """A depthwise convolution whose kernel is on steps of its own scale a channel."""

    def call(self, inputs: Any) -> Any:
        """Convolve with the rounded kernel."""
        outputs = ops.depthwise_conv(
            inputs,
            _rounded(self.kernel, (0, 1)),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return _finished(self, outputs)


@keras.saving.register_keras_serializable("chromaedge")
class FakeQuantConv2DTranspose(layers.Conv2DTranspose):
    """A transposed convolution whose kernel is on steps of its own scale an output channel."""

    def call(self, inputs: Any) -> Any:
        """Convolve with the rounded kernel, (height, width, out, in)."""
        outputs = ops.conv_transpose(
            inputs,
            _rounded(self.kernel, (0, 1, 3)),
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        return _finished(self, outputs)


# Layers with kernels, and what rounds them.
_KERNELS: dict[type[layers.Layer], type[layers.Layer]] = {
    layers.Conv2D: FakeQuantConv2D,
    layers.DepthwiseConv2D: FakeQuantDepthwiseConv2D,
    layers.Conv2DTranspose: FakeQuantConv2DTranspose,
}
# What computes a tensor with a range of its own.
_OWN = (layers.Add, layers.Subtract, layers.Multiply, layers.GlobalAveragePooling2D)
# What gives its output the range of its input.
_PASSING = (
    layers.MaxPooling2D, layers.AveragePooling2D, layers.UpSampling2D, layers.ZeroPadding2D,
    layers.Resizing,
)  # fmt: skip
# What TFLite can do within the operation before it.
_FUSED = ("linear", "relu", "relu6")
# Ranges that integer kernels fix for functions of bounded output.
_BOUNDED = {"sigmoid": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128), "softmax": (0.0, 255 / 256)}


def _function(operation: Any) -> str:
    """The name of the activation function that an operation is or ends in; "" for none."""
    if isinstance(operation, layers.ReLU):
        plain = not operation.negative_slope and not operation.threshold
        limits = {None: "relu", 6.0: "relu6"}
        return limits.get(operation.max_value, "relu with a limit") if plain else "leaky relu"
    if isinstance(operation, layers.Softmax):
        return "softmax"
    function = getattr(operation, "activation", None)
    return str(getattr(function, "__name__", "")) if function else ""


def _is_fused(operation: Any) -> bool:
    """Whether TFLite takes the operation into the one before it (or drops it)."""
    if isinstance(operation, layers.Identity) or type(operation).__name__ == "Clip":
        return True
    return isinstance(operation, layers.ReLU | layers.Activation) and (
        _function(operation) in _FUSED
    )


def _moves(operation: Any) -> bool:
    """Whether an operation gives values as they are: a reshape, or a slice ``x[...]``."""
    return isinstance(operation, layers.Reshape) or type(operation).__name__ == "GetItem"


def _check(operation: Any, calls: int) -> None:
    """Raise ValueError for an operation that this module cannot put on integers."""
    kind, function = type(operation), _function(operation)
    if calls > 1:
        # Each call has a range of its own, and the copy's weights are rounded for one layer.
        raise ValueError(
            f"{operation.name}: called {calls} times; only a layer of one call can be quantised"
        )
    if kind in _KERNELS:
        if function not in _FUSED:
            raise ValueError(
                f"{operation.name}: its {function} must be a layer of its own to be quantised"
            )
        return
    resizes = isinstance(operation, layers.UpSampling2D | layers.Resizing)
    if resizes and operation.interpolation != "bilinear":
        raise ValueError(f"{operation.name}: only bilinear upsampling can be quantised")
    if isinstance(operation, layers.Softmax):
        last = len(operation.output.shape) - 1
        if operation.axis not in (-1, last):
            raise ValueError(f"{operation.name}: only a softmax of the last axis can be quantised")
    known = (layers.InputLayer, layers.Concatenate, *_OWN, *_PASSING)
    can = isinstance(operation, known) or _is_fused(operation) or _moves(operation)
    if not (can or function in _BOUNDED):
        raise ValueError(f"{operation.name}: {kind.__name__} cannot be quantised")


def quantised_tensors(model: keras.Model) -> tuple[str, ...]:
    """Names of the operations whose outputs an integer graph rounds, inputs included.

    Raises:
        ValueError: an operation that this module cannot put on integers, or a layer that is
            called more than once.
    """
    calls = _calls(model)
    readers: dict[int, list[Any]] = {}
    for operation in model.operations:
        _check(operation, len(calls[operation.name]))
        for node in calls[operation.name]:
            for tensor in node.input_tensors:
                readers.setdefault(id(tensor), []).append(operation)
    stored = []
    for operation in model.operations:
        consumers = [
            consumer
            for node in calls[operation.name]
            for tensor in node.output_tensors
            for consumer in readers.get(id(tensor), [])
        ]
        fused = consumers and all(_is_fused(c) for c in consumers)
        if not (fused or _moves(operation)):
            stored.append(operation.name)
    return tuple(stored)


def _calls(model: keras.Model) -> dict[str, list[Any]]:
    """The calls of each operation in a model; a layer may have others, of other models."""
    own = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    return {
        operation.name: [node for node in operation._inbound_nodes if id(node) in own]
        for operation in model.operations
    }


def _origins(calls: Mapping[str, list[Any]], operation: Any) -> list[Any]:
    """The operations that computed what an operation reads, however it was moved since."""
    sources = [
        tensor._keras_history.operation
        for node in calls[operation.name]
        for tensor in node.input_tensors
    ]
    return [
        origin
        for source in sources
        for origin in (_origins(calls, source) if _moves(source) else [source])
    ]


def _shared(model: keras.Model) -> dict[str, str]:
    """Every stored tensor's group, by the name of a member: one range serves the group."""
    group = {name: name for name in quantised_tensors(model)}
    calls = _calls(model)

    def unite(one: str, other: str) -> None:
        keep, drop = group[one], group[other]
        for name in group:
            if group[name] == drop:
                group[name] = keep

    # An output may be what was moved last, under the name of an Identity.
    passing = (layers.Concatenate, layers.Identity, *_PASSING)
    for operation in model.operations:
        if isinstance(operation, passing) and operation.name in group:
            for origin in _origins(calls, operation):
                if origin.name in group:
                    unite(operation.name, origin.name)
    return group


def stated_ranges(task: Task) -> dict[str, tuple[float, float]]:
    """What a task states of its inputs and outputs, for ``choose_ranges``."""
    return {tensor.name: (tensor.low, tensor.high) for tensor in (*task.inputs, *task.outputs)}


def choose_ranges(
    model: keras.Model,
    inputs: NDArray[np.float32],
    fixed: Mapping[str, tuple[float, float]],
    sample: int = 1_000_000,
) -> dict[str, Range]:
    """A range for every stored tensor.

    Args:
        model: float32.
        inputs: real encoded inputs (N, h, w, C).
        fixed: ranges that the contract states (of inputs and outputs), by operation name.
        sample: about how many values of each tensor are looked at, evenly spread.

    Raises:
        ValueError: as ``quantised_tensors``; or tensors that must share a range have two fixed
            ones.
    """
    group = _shared(model)
    bounded = {
        op.name: _BOUNDED[_function(op)]
        for op in model.operations
        if op.name in group and type(op) not in _KERNELS and _function(op) in _BOUNDED
    }
    stated = {name: span for name, span in fixed.items() if name in group} | bounded
    settled: dict[str, Range] = {}
    for name, span in stated.items():
        known = settled.setdefault(group[name], nudged(*span))
        if known != nudged(*span):
            raise ValueError(f"{name} and {group[name]} must share a range, but each has its own")
    tensors = {op.name: op.output for op in model.operations}
    measured = [name for name in group if group[name] not in settled]
    parts: dict[str, list[NDArray[np.floating]]] = {group[name]: [] for name in measured}
    of_places: set[str] = set()  # groups of which a tensor has several numbers a channel
    if measured:
        probe = keras.Model(model.inputs, [tensors[name] for name in measured])
        per_input = max(1, sample // len(inputs))
        for one in inputs:
            for name, value in zip(measured, _listed(probe.predict_on_batch(one[None])),
                                   strict=True):  # fmt: skip
                values = np.asarray(value)
                if not says_of_whole(values):
                    of_places.add(group[name])
                flat = values.ravel()
                # An odd stride meets every channel.
                parts[group[name]].append(flat[:: max(1, len(flat) // per_input) | 1])
    for name, part in parts.items():
        choose = least_error_range if name in of_places else whole_range
        settled[name] = choose(np.concatenate(part))
    return {name: settled[group[name]] for name in group}


def _listed(values: Any) -> list[Any]:
    """A model of one output gives no list."""
    return values if isinstance(values, list) else [values]


def ranges_of(model: keras.Model) -> dict[str, Range]:
    """The ranges of a fake-quantised model by operation; none of a plain one."""
    return {
        layer.name.removesuffix(_SUFFIX): layer.range
        for layer in model.layers
        if isinstance(layer, FakeQuant)
    }


def _take_weights(copy: keras.Model, model: keras.Model) -> None:
    """Give a copy the weights of a model, layer by layer: the two may list them in other orders."""
    for layer in model.layers:
        if layer.weights:
            copy.get_layer(layer.name).set_weights(layer.get_weights())


def fake_quantised(model: keras.Model, ranges: Mapping[str, Range]) -> keras.Model:
    """A copy of a model that computes on 8-bit steps, its weights those of ``model``.

    Args:
        model: functional, float32.
        ranges: from ``choose_ranges``.
    """

    def clone(layer: layers.Layer) -> layers.Layer:
        return _KERNELS.get(type(layer), type(layer)).from_config(layer.get_config())

    spanned: dict[str, Any] = {}

    def ranged(name: str, tensor: Any) -> Any:
        if name not in spanned:
            span = ranges[name]
            spanned[name] = FakeQuant(span.low, span.high, name=f"{name}{_SUFFIX}")(tensor)
        return spanned[name]

    def given(tensor: Any) -> Any:
        """What an operation reads: an input of the model is rounded first."""
        source = getattr(tensor, "_keras_history", None)
        if source and isinstance(source.operation, layers.InputLayer):
            return ranged(source.operation.name, tensor)
        return tensor

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        output = layer(*keras.tree.map_structure(given, arguments), **options)
        return ranged(layer.name, output) if layer.name in ranges else output

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    _take_weights(copy, model)
    return copy


def unquantised(model: keras.Model) -> keras.Model:
    """A fake-quantised model without its rounding, its weights as they are."""

    plain = {rounding: layer for layer, rounding in _KERNELS.items()}

    def clone(layer: layers.Layer) -> layers.Layer:
        return plain.get(type(layer), type(layer)).from_config(layer.get_config())

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        return arguments[0] if isinstance(layer, FakeQuant) else layer(*arguments, **options)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    _take_weights(copy, model)
    return copy
