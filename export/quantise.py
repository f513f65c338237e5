"""Integer graphs from float graphs, with ranges of our own, through AI Edge Quantizer.

TensorFlow's converter has no place for ranges of one's own: it takes each activation's extremes.
AI Edge Quantizer takes what it is given, operation by operation, so the same road serves
calibrated ranges, ranges that a network was trained with, and graphs of which a part stays in
floats. ``docs/quantisation.md`` has the measurement that chose it.

Weights are symmetric, one scale an output channel; activations are asymmetric, one range a tensor.
"""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from ai_edge_quantizer import algorithm_manager, qtyping, quantizer
from ai_edge_quantizer import recipe as quantizer_recipes
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from edge_demo.model.interpreter import quantise
from edge_demo.quiet import quiet_stderr
from edge_demo.tasks.record import Task
from keras_models.fakequant import (
    Range,
    least_error_range,
    nudged,
    says_of_whole,
    stated_ranges,
    whole_range,
)

from . import graph

# Behind the name of each layer in the names of a graph's tensors, see ``convert.save``.
MARK = "."
Array = NDArray[np.float32]
T = TypeVar("T")

# Of each activation in each tile, about this many values are looked at, evenly spread.
_SAMPLE = 16_384
# Share of an activation's values that a range by percentile may clip, at each end.
_CLIPPED = 1e-4
# What only moves values: they keep their range.
_MOVES = ("RESHAPE", "STRIDED_SLICE", "SQUEEZE", "EXPAND_DIMS")
# What clamps, and is nothing but a clamp.
_CLAMPS = ("MINIMUM", "MAXIMUM", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")
# What writes integers of any range, cut off at its ends.
_SATURATES = ("ADD", "SUB", "MUL", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")

# What makes one range of another, given a number.
_WITH_CONSTANT: dict[str, Callable[[float, float], float]] = {
    "ADD": operator.add, "SUB": operator.sub, "MUL": operator.mul,
}  # fmt: skip


def extremes_range(values: NDArray[np.floating]) -> Range:
    """From the smallest to the largest value: nothing is clipped."""
    return nudged(float(values.min()), float(values.max()))


def percentile_range(values: NDArray[np.floating]) -> Range:
    """All but one in ten thousand values at each end."""
    low, high = np.quantile(values, [_CLIPPED, 1 - _CLIPPED])
    return nudged(float(low), float(high))


# How to choose a range from an activation's values; the first is the default.
CHOICES: dict[str, Callable[[NDArray[np.floating]], Range]] = {
    "least-error": least_error_range,
    "extremes": extremes_range,
    "percentile": percentile_range,
}


def all_tensors(
    flatbuffer: bytes, inputs: Iterable[Mapping[str, Array]]
) -> Iterator[dict[str, Array]]:
    """What every operation of a graph computes, for one input after the other.

    Args:
        flatbuffer: of one signature.
        inputs: tensor name of the signature to (h, w, C) real values.

    Yields:
        Tensor name in the graph to real values, inputs included, constants not.
    """
    # Without delegates, which keep nothing that they compute on the way.
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(
            model_content=flatbuffer,
            experimental_op_resolver_type=resolver,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
        runner = interpreter.get_signature_runner()
    names = _computed(flatbuffer)
    details = {d["name"]: d for d in interpreter.get_tensor_details() if d["name"] in names}
    given = runner.get_input_details()
    for values in inputs:
        runner(**{name: _stored(values[name][None], detail) for name, detail in given.items()})
        yield {name: _real(interpreter.get_tensor(d["index"]), d) for name, d in details.items()}


def _computed(flatbuffer: bytes) -> set[str]:
    """Names of the tensors that are no constants."""
    contents = graph.read(flatbuffer)
    written = {tensor.name for op in contents.details for tensor in op.outputs}
    return written | {name for name, _, _ in contents.inputs}


def _stored(values: Array, detail: Mapping[str, Any]) -> NDArray[Any]:
    if np.issubdtype(detail["dtype"], np.integer):
        scale, zero_point = detail["quantization"]
        return quantise(values, scale, zero_point, detail["dtype"])
    return values


def _real(values: NDArray[Any], detail: Mapping[str, Any]) -> Array:
    scale, zero_point = detail["quantization"]
    if scale:
        return (values.astype(np.float32) - zero_point) * np.float32(scale)
    return values.astype(np.float32)


def calibrated_ranges(
    flatbuffer: bytes,
    task: Task,
    inputs: Iterable[Mapping[str, Array]],
    choice: str = "least-error",
) -> dict[str, Range]:
    """A range for every tensor of a float graph.

    Args:
        flatbuffer: float32.
        task: states the ranges of inputs and outputs.
        inputs: encoded tiles, tensor name of the signature to (h, w, C).
        choice: a key of ``CHOICES``; what is one number a channel has room beyond its extremes.
    """
    parts: dict[str, list[Array]] = {}
    whole: set[str] = set()  # of the picture, one number a channel
    for tensors in all_tensors(flatbuffer, inputs):
        for name, values in tensors.items():
            flat = values.ravel()
            if says_of_whole(values):
                whole.add(name)
            # An odd stride meets every channel; a copy lets go of the whole.
            parts.setdefault(name, []).append(flat[:: flat.size // _SAMPLE | 1].copy())
    known = {**share_ranges(flatbuffer), **_of_signature(flatbuffer, stated_ranges(task))}

    def chosen(name: str, values: Array) -> Range:
        if name in known:
            return nudged(*known[name])
        if name in whole:
            return whole_range(values)
        return CHOICES[choice](values)

    return {name: chosen(name, np.concatenate(part)) for name, part in parts.items()}


def share_ranges(flatbuffer: bytes) -> dict[str, tuple[float, float]]:
    """The range of what a softmax becomes by constants alone: known, whatever the photographs.

    A softmax writes 0..1 in 256 steps. Its integer kernels differ by a step between processors, and
    a narrower range behind it would make several steps of that one, besides cutting off the
    surest values.

    Returns:
        Tensor name to lowest and highest value, of each product, sum and difference of a softmax
        and one number.
    """
    found: dict[str, tuple[float, float]] = {}
    spans: dict[str, tuple[float, float]] = {}
    for op in graph.read(flatbuffer).details:
        source, constant, result = op.input(0), op.input(1), op.outputs[0].name
        if op.name == "SOFTMAX":
            spans[result] = 0.0, 1.0
        elif op.name in _WITH_CONSTANT and source and source.name in spans:
            values = None if constant is None else constant.values
            if values is not None and values.size == 1:
                number = float(values.reshape(()))
                ends = [_WITH_CONSTANT[op.name](end, number) for end in spans[source.name]]
                found[result] = spans[result] = min(ends), max(ends)
    return found


def _of_signature(flatbuffer: bytes, values: Mapping[str, T]) -> dict[str, T]:
    """From names of the signature to names in the graph."""
    return {tensor: values[name] for name, tensor in signature(flatbuffer).items()}


def signature(flatbuffer: bytes) -> dict[str, str]:
    """Name in the signature to name in the graph, of inputs and outputs."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flatbuffer, 0))
    (main,), (stated,) = model.subgraphs, model.signatureDefs
    return {
        entry.name.decode(): main.tensors[entry.tensorIndex].name.decode()
        for entry in (*stated.inputs, *stated.outputs)
    }


def trained_ranges(flatbuffer: bytes, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """The ranges that a network was trained with, by name in its float graph.

    Args:
        flatbuffer: of the network without its fake quantisation.
        ranges: Keras operation to range, see ``fakequant.ranges_of``.

    Raises:
        ValueError: the graph has a tensor that training did not round, or the reverse.
    """
    outer = {tensor: name for name, tensor in signature(flatbuffer).items()}
    contents = graph.read(flatbuffer)
    layers = {name: outer.get(name) or layer_of(name) or "" for name in _computed(flatbuffer)}
    found = {name: ranges[layer] for name, layer in layers.items() if layer in ranges}
    used = {layers[name] for name in found}
    for op in contents.details:
        source = op.input(0)
        if op.name in _MOVES and source and source.name in found:
            found.setdefault(op.outputs[0].name, found[source.name])
    # What is clamped is rounded behind the clamp, see ``saturating``.
    for op in reversed(contents.details):
        source, behind = op.input(0), op.outputs[0].name
        if op.name in _CLAMPS and source and behind in found:
            found.setdefault(source.name, found[behind])
    for tensor in layers:
        if tensor not in found:
            raise ValueError(f"no range was trained for tensor {tensor}")
    if len(used) != len(ranges):
        raise ValueError(f"{len(ranges)} ranges were trained, the graph has {len(used)} of them")
    return found


def layer_of(tensor: str) -> str | None:
    """The Keras layer that computes a tensor, or None if its name tells none.

    Of ``net_1/relu._1/Relu;net_1/conv._1/BiasAdd``, made by two layers in one operation, the last
    layer stands first.
    """
    for part in tensor.partition(";")[0].split("/"):
        if MARK in part:
            return part.rpartition(MARK)[0]
    return None


def saturating(
    flatbuffer: bytes, ranges: Mapping[str, Range], floats: Collection[str] = ()
) -> bytes:
    """The graph without the clamps that integers need not: none can leave its tensor's range.

    A clamp to 0..1 is a MINIMUM and perhaps a RELU, and AI Edge Quantizer would leave the first in
    floats. Where the range of what they give lies within what they let pass, the operation before
    them gives it at once.

    Args:
        flatbuffer: float32.
        ranges: tensor name to range, for every tensor.
        floats: tensors whose operation stays in floats, where nothing saturates.
    """
    contents = graph.read(flatbuffer)
    writes = {op.outputs[0].index: op for op in contents.details}
    reads: dict[int, list[graph.Op]] = {}
    for op in contents.details:
        for given in op.inputs:
            if given is not None:
                reads.setdefault(given.index, []).append(op)
    gone: set[int] = set()  # operations
    moved: dict[int, int] = {}  # operation to the tensor that it gives instead of its own
    for clamp in contents.details:
        source, limit = clamp.input(0), clamp.input(1)
        if clamp.name != "MINIMUM" or source is None or limit is None or limit.values is None:
            continue
        chain, last = [clamp], clamp.outputs[0]
        behind = reads.get(last.index, [])
        if [op.name for op in behind] == ["RELU"] and last.index not in contents.results:
            chain, last = [clamp, *behind], behind[0].outputs[0]
        span = ranges[last.name]
        inside = span.high <= limit.values.min() + span.scale / 2 and (
            len(chain) == 1 or span.low >= -span.scale / 2
        )
        before = writes.get(source.index)
        alone = len(reads[source.index]) == 1 and source.index not in contents.results
        integers = not {source.name, *(op.outputs[0].name for op in chain)} & set(floats)
        if before and before.name in _SATURATES and alone and inside and integers:
            gone |= {op.index for op in chain}
            moved[before.index] = last.index
    if not gone:
        return flatbuffer
    model = flatbuffer_utils.convert_bytearray_to_object(flatbuffer)
    main = model.subgraphs[0]
    for index, tensor in moved.items():
        main.operators[index].outputs = [tensor]
    main.operators = [op for index, op in enumerate(main.operators) if index not in gone]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def integer(flatbuffer: bytes, ranges: Mapping[str, Range], floats: Collection[str] = ()) -> bytes:
    """The graph in 8-bit integers.

    Args:
        flatbuffer: float32.
        ranges: tensor name to range, for every tensor.
        floats: tensors whose operation stays in floats.

    Raises:
        UserError: an operation that has no integer form.
    """
    calibration = {
        name: {"min": np.float32(r.low).reshape(1, 1, 1, 1),
               "max": np.float32(r.high).reshape(1, 1, 1, 1)}
        for name, r in ranges.items()
    }  # fmt: skip
    flatbuffer = saturating(flatbuffer, ranges, floats)
    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = quantizer.Quantizer(flatbuffer, quantizer_recipes.static_wi8_ai8())
        for name in floats:
            # An operation's scope is the name of what it writes, and a semicolon.
            made.update_quantization_recipe(
                f"^{re.escape(name)};?$",
                qtyping.TFLOperationName.ALL_SUPPORTED,
                algorithm_key=algorithm_manager.AlgorithmName.NO_QUANTIZE,
            )
        result = made.quantize(calibration, enable_progress_report=False)
    return bytes(result.quantized_model)


def in_floats(flatbuffer: bytes, stated: Collection[str]) -> list[str]:
    """Kinds of operations that compute floats in a graph that was made of integers.

    Args:
        flatbuffer: from ``integer``.
        stated: tensors whose operations are to compute floats, and do not count.
    """
    found = {
        op.name
        for op in graph.read(flatbuffer).details
        if op.name != "DEQUANTIZE"
        and any(t.dtype == "float32" and t.name not in stated for t in op.outputs)
    }
    return sorted(found)
