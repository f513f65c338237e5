"""Fake quantisation of any functional model of convolutions, in pure Keras ops.

Rounds weights and activations to the 8-bit steps that a TFLite graph will have, and passes
gradients straight through (Jacob et al., 2018), so that training sees what the device computes.
Weights: symmetric, one scale an output channel. Activations: one range a tensor, chosen from real
inputs so that the squared error of rounding and clipping is least, then fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from edge_demo.runtime.tasks.record import Task

LEVELS = 255
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
    """The nearest range to low..high that holds 0 exactly, as TensorFlow nudges it."""
    low, high = min(low, 0.0), max(high, 0.0, low + 1e-6)
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


@keras.saving.register_keras_serializable("chromaedge")
class FakeQuantConv2D(layers.Conv2D):
    """A convolution whose kernel is on -127..127 steps of its own scale an output channel."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve with the rounded kernel."""
        scale = ops.max(ops.abs(kernel), axis=(0, 1, 2), keepdims=True) / 127.0
        scale = ops.stop_gradient(ops.maximum(scale, 1e-8))
        rounded = ops.round(kernel / scale) * scale
        return super().convolution_op(inputs, _straight_through(kernel, rounded))


def _is_activation(operation: Any) -> bool:
    """Whether TFLite fuses the operation into the one before it (or drops it)."""
    return isinstance(operation, layers.ReLU | layers.Identity) or (
        type(operation).__name__ == "Clip"
    )


def quantised_tensors(model: keras.Model) -> tuple[str, ...]:
    """Names of the operations whose outputs an integer graph stores, inputs included.

    Raises:
        ValueError: an operation that this module cannot put on integers.
    """
    known = (layers.InputLayer, layers.Conv2D, layers.Add, layers.ReLU, layers.Identity)
    stored = []
    for operation in model.operations:
        if not isinstance(operation, known) and type(operation).__name__ != "Clip":
            raise ValueError(f"{operation.name}: {type(operation).__name__} cannot be quantised")
        consumers = [
            node.operation
            for inbound in operation._inbound_nodes
            for tensor in inbound.output_tensors
            for node in _consumers(model, tensor)
        ]
        if not consumers or not all(_is_activation(c) for c in consumers):
            stored.append(operation.name)
    return tuple(stored)


def _consumers(model: keras.Model, tensor: Any) -> list[Any]:
    return [
        node
        for operation in model.operations
        for node in operation._inbound_nodes
        if any(source is tensor for source in node.input_tensors)
    ]


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
    """
    names = quantised_tensors(model)
    tensors = {op.name: op.output for op in model.operations}
    measured = [name for name in names if name not in fixed]
    probe = keras.Model(model.inputs, [tensors[name] for name in measured])
    per_input = max(1, sample // len(inputs))
    parts: dict[str, list[NDArray[np.floating]]] = {name: [] for name in measured}
    for one in inputs:
        for name, value in zip(measured, probe.predict_on_batch(one[None]), strict=True):
            flat = np.asarray(value).ravel()
            # An odd stride meets every channel.
            parts[name].append(flat[:: max(1, len(flat) // per_input) | 1])
    found = {name: least_error_range(np.concatenate(part)) for name, part in parts.items()}
    return found | {name: nudged(*fixed[name]) for name in names if name in fixed}


def ranges_of(model: keras.Model) -> dict[str, Range]:
    """The ranges of a fake-quantised model by operation; none of a plain one."""
    return {
        layer.name.removesuffix(_SUFFIX): layer.range
        for layer in model.layers
        if isinstance(layer, FakeQuant)
    }


def fake_quantised(model: keras.Model, ranges: Mapping[str, Range]) -> keras.Model:
    """A copy of a model that computes on 8-bit steps, its weights those of ``model``.

    Args:
        model: functional, float32.
        ranges: from ``choose_ranges``.
    """

    def clone(layer: layers.Layer) -> layers.Layer:
        config = layer.get_config()
        if type(layer) is layers.Conv2D:
            return FakeQuantConv2D.from_config(config)
        return layer.__class__.from_config(config)

    spanned: dict[str, Any] = {}

    def ranged(name: str, tensor: Any) -> Any:
        if name not in spanned:
            span = ranges[name]
            spanned[name] = FakeQuant(span.low, span.high, name=f"{name}{_SUFFIX}")(tensor)
        return spanned[name]

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        if arguments and isinstance(arguments[0], keras.KerasTensor):
            source = arguments[0]._keras_history.operation
            if isinstance(source, layers.InputLayer):
                arguments = (ranged(source.name, arguments[0]), *arguments[1:])
        output = layer(*arguments, **options)
        return ranged(layer.name, output) if layer.name in ranges else output

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    copy.set_weights(model.get_weights())
    return copy


def unquantised(model: keras.Model) -> keras.Model:
    """A fake-quantised model without its rounding, its weights as they are."""

    def clone(layer: layers.Layer) -> layers.Layer:
        kind = layers.Conv2D if isinstance(layer, FakeQuantConv2D) else layer.__class__
        return kind.from_config(layer.get_config())

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        return arguments[0] if isinstance(layer, FakeQuant) else layer(*arguments, **options)

    copy = keras.models.clone_model(model, clone_function=clone, call_function=call)
    copy.set_weights(model.get_weights())
    return copy
