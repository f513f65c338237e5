"""Which operations lose quality in 8 bits, and what each would gain if it stayed in floats."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_demo.errors import UserError
from edge_demo.measure import metrics
from edge_demo.model.interpreter import Graph
from keras_models.fakequant import Range

from . import graph, quantise
from .calibrate import Calibration

# Tiles whose every activation is compared; quality is measured on all.
_COMPARED = 8
# Operations tried in each step of a choice, besides neighbours of those chosen.
_TRIED = 3
# Most operations in floats: what needs more is no graph of integers any longer.
_MOST = 12
# What an operation in floats costs beyond its own work, as a share of the whole graph's.
_OVERHEAD = 0.01


@dataclass(frozen=True)
class Sensitivity:
    """One operation of an integer graph.

    Attributes:
        name: of the layer.
        kind: TFLite's name of the operation.
        tensor: what it writes, in the graph.
        snr_db: signal to error of what it writes, against the float graph's, dB.
        mse: mean square of that error, in the tensor's own unit.
        gain_db: what the headline metric gains when this operation alone stays in floats, dB.
        macs: its multiply-accumulates.
    """

    name: str
    kind: str
    tensor: str
    snr_db: float
    mse: float
    gain_db: float
    macs: int


@dataclass(frozen=True)
class Analysis:
    """A graph's operations, most sensitive first.

    Attributes:
        float_db, integer_db: headline metric of the float and the integer graph on the tiles.
        operations: by falling ``gain_db``.
        tiles: number of tiles measured on.
    """

    float_db: float
    integer_db: float
    operations: tuple[Sensitivity, ...]
    tiles: int


def layer_name(operation: graph.Op) -> str:
    """The Keras layer that an operation came from, or what it writes where no name tells.

    An output of the graph is named after that; an operation's constants still tell its layer.
    """
    written = operation.outputs[0].name
    constants = [t.name for t in operation.inputs if t and t.constant]
    layers = (quantise.layer_of(name) for name in (written, *constants))
    return next(filter(None, layers), written)


def layer_names(flatbuffer: bytes, tensors: Sequence[str]) -> list[str]:
    """The layers of the operations that write these tensors."""
    names = {op.outputs[0].name: layer_name(op) for op in graph.read(flatbuffer).details}
    return [names[tensor] for tensor in tensors]


def score(flatbuffer: bytes, calibration: Calibration) -> float:
    """PSNR of what a graph makes of the calibration's tiles, mean, dB.

    It is each task's headline metric: of chroma planes, or of RGB pictures.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(flatbuffer)
        runner = Graph(file, threads=2)
        tiles = zip(calibration.tiles, calibration.inputs, calibration.targets, strict=True)
        values = [
            metrics.psnr(calibration.decode(runner.run(inputs), tile), target)
            for tile, inputs, target in tiles
        ]
    return float(np.mean(values))


def analyse(
    network: bytes,
    ranges: Mapping[str, Range],
    calibration: Calibration,
    stated: Collection[str],
    progress: Callable[[int, int], None] | None = None,
) -> Analysis:
    """Measure every operation.

    Args:
        network: the float graph.
        ranges: for every tensor of it.
        calibration: tiles to measure on.
        stated: tensors whose operations are in floats whatever is found.
        progress: told how many operations are done, of how many.
    """
    whole = quantise.integer(network, ranges, stated)
    integer_db = score(whole, calibration)
    errors = _errors(network, whole, calibration)
    operations = [op for op in graph.read(network).details if op.outputs[0].name not in stated]
    found = []
    for index, operation in enumerate(operations):
        tensor = operation.outputs[0].name
        alone = quantise.integer(network, ranges, [*stated, tensor])
        signal, error = errors[tensor]
        found.append(
            Sensitivity(
                name=layer_name(operation),
                kind=operation.name,
                tensor=tensor,
                snr_db=round(10 * float(np.log10(signal / max(error, 1e-20))), 2),
                mse=error,
                gain_db=round(score(alone, calibration) - integer_db, 4),
                macs=operation.macs,
            )
        )
        if progress:
            progress(index + 1, len(operations))
    found.sort(key=lambda line: -line.gain_db)
    return Analysis(
        round(score(network, calibration), 4), round(integer_db, 4), tuple(found),
        len(calibration.tiles),
    )  # fmt: skip


def _errors(
    network: bytes, whole: bytes, calibration: Calibration
) -> dict[str, tuple[float, float]]:
    """Mean square of each tensor of the float graph, and of its error in the integer graph."""
    few = calibration.first(_COMPARED)
    sums: dict[str, tuple[float, float]] = {}
    pairs = zip(
        quantise.all_tensors(network, few.inputs),
        quantise.all_tensors(whole, few.inputs),
        strict=True,
    )
    for floats, integers in pairs:
        for name, truth in floats.items():
            signal, error = sums.get(name, (0.0, 0.0))
            sums[name] = (
                signal + float(np.mean(np.square(truth), dtype=np.float64)),
                error + float(np.mean(np.square(integers[name] - truth), dtype=np.float64)),
            )
    return {name: (a / len(few.tiles), b / len(few.tiles)) for name, (a, b) in sums.items()}


def choose_floats(
    network: bytes,
    ranges: Mapping[str, Range],
    calibration: Calibration,
    stated: Collection[str],
    most_loss: float,
    analysis: Callable[[], Analysis],
) -> tuple[Sensitivity, ...]:
    """More operations to keep in floats, in the order of their choice, until few dB are lost.

    One after the other, that which gains most for its work. An operation may gain nothing alone
    and much beside a neighbour that is in floats already, so neighbours of those chosen are tried
    beside the most sensitive ones.

    Args:
        network, ranges, calibration, stated: as for ``analyse``.
        most_loss: dB that the graph may lose against floats on the tiles.
        analysis: gives that of the same; asked for only where all in 8 bits loses too much.

    Raises:
        UserError: a dozen operations in floats still lose more.
    """
    whole = quantise.integer(network, ranges, stated)
    if score(network, calibration) - score(whole, calibration) <= most_loss:
        return ()
    found = analysis()
    left = {line.tensor: line for line in found.operations}
    work = sum(line.macs for line in found.operations) or 1
    near = _neighbours(network)  # of what is stated, too: those are not left
    chosen: list[Sensitivity] = []
    reached = found.integer_db
    while left and found.float_db - reached > most_loss:
        if len(chosen) == _MOST:
            raise UserError(
                f"{_MOST} operations in floats still lose {found.float_db - reached:.2f} dB of "
                f"{found.float_db:.2f}, and {most_loss} was the most; train quantisation-aware"
            )
        taken = [line.tensor for line in chosen]
        beside = {tensor for name in taken for tensor in near[name]}
        tried = list(dict.fromkeys([*list(left)[:_TRIED], *sorted(beside & set(left))]))
        scores = {
            tensor: score(quantise.integer(network, ranges, [*stated, *taken, tensor]), calibration)
            for tensor in tried
        }
        best = max(
            tried,
            key=lambda tensor: (scores[tensor] - reached) / (left[tensor].macs / work + _OVERHEAD),
        )
        reached = scores[best]
        chosen.append(left.pop(best))
    return tuple(chosen)


def _neighbours(network: bytes) -> dict[str, set[str]]:
    """For what each operation writes, what its producers and consumers write."""
    operations = graph.read(network).details
    near: dict[str, set[str]] = {op.outputs[0].name: set() for op in operations}
    for op in operations:
        for tensor in op.inputs:
            if tensor and tensor.name in near:
                near[tensor.name].add(op.outputs[0].name)
                near[op.outputs[0].name].add(tensor.name)
    return near
