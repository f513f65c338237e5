"""``python -m datasets bench``: pictures a second of each stage, beside a generator in Python.

The generator is what many projects train with (``keras.utils.Sequence`` and the like): for every
batch it decodes files anew, augments each picture, and converts it to grey and Lab, all in Python.
All is measured in one process in alternating rounds, so that a noisy machine disturbs all alike.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_demo.colour.lab import rgb_to_lab
from edge_demo.tasks.chroma import TASK

from . import cells, lowlight, pipeline, sources
from .augment import random_crop
from .crops import Draws, crops, draws
from .source import Source

GENERATOR = "generator in Python"
_SITINGS = {"center": 1.0}
# Batches that wait in a pipeline's buffer, and one in the making.
_READY = 5


@dataclass(frozen=True)
class Stage:
    """What was measured.

    Attributes:
        name: of the stage.
        unit: what is counted: ``photographs``, or ``crops`` that a training step takes.
        per_second: median over the rounds.
    """

    name: str
    unit: str
    per_second: float


def bench(
    source: Source, patch: int, batch: int, cell: int, seconds: float = 2.0, rounds: int = 5
) -> list[Stage]:
    """Measure every stage.

    Args:
        source: photographs; each is decoded once for the stages that crop from memory.
        patch, batch, cell: as in training: sides of crops and cells in pixels, crops a step.
        seconds: of each stage in each round.
        rounds: alternating.
    """
    bank = cells.cut(source, size=cell, least_side=patch)
    night = lowlight.cut_photographs(
        (rgb for _, rgb in sources.photographs(source, patch)), size=cell, share=1.0,
        limit_bytes=2**30, count=len(source.paths), seed=0,
    )  # fmt: skip
    stages: Mapping[str, tuple[str, Iterator[int]]] = {
        "decode": ("photographs", _decoded(source, patch)),
        "decode and cut into cells": ("photographs", _cut(source, cell, patch)),
        "crop": ("crops", _cropped(bank.ycbcr, patch, batch)),
        "crop, make 4:2:0, encode": ("crops", _chroma(bank, patch, batch)),
        "crop, darken, encode": ("crops", _darkened(night, patch - patch % 16, batch)),
        GENERATOR: ("crops", map(len, generator(source.paths, patch, batch))),
    }
    for _, counts in stages.values():
        next(counts)  # compiles, and fills buffers
    rates: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(rounds):
        for name, (unit, counts) in stages.items():
            # What was made while other stages were measured would count as this round's.
            ready = _READY if unit == "crops" and name != GENERATOR else 0
            rates[name].append(rate(counts, seconds, ready))
    return [Stage(name, stages[name][0], statistics.median(rates[name])) for name in stages]


def rate(counts: Iterator[int], seconds: float, ready: int = 0) -> float:
    """How much a second an endless stream of counts gives, after some of them."""
    for _ in range(ready):
        next(counts)
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds or not done:
        done += next(counts)
    return done / elapsed if elapsed else float(done)


def _decoded(source: Source, least_side: int) -> Iterator[int]:
    while True:
        for _ in sources.photographs(source, least_side):
            yield 1


def _cut(source: Source, cell: int, least_side: int) -> Iterator[int]:
    one = itertools.cycle(source.paths)
    while True:
        yield cells.cut(
            Source(source.text, (next(one),)), size=cell, least_side=least_side
        ).photographs


def _cropped(bank: NDArray[np.uint8], patch: int, batch: int) -> Iterator[int]:
    wanted, held, size = Draws(len(bank), batch, 0), tf.constant(bank), bank.shape[1]

    def draw(step: tf.Tensor) -> tf.Tensor:
        return tf.stack(crops(held, draws(wanted, step, size, patch), patch))

    return _counted(tf.data.Dataset.range(2**40).map(draw).prefetch(4), batch)


def _chroma(bank: cells.Cells, patch: int, batch: int) -> Iterator[int]:
    data = pipeline.batches(
        bank, TASK, patch=patch, batch=batch, steps=2**40, seed=0, sitings=_SITINGS
    )
    return _counted(data, batch)


def _darkened(bank: lowlight.Part, patch: int, batch: int) -> Iterator[int]:
    data = lowlight.batches([bank], patch=patch, batch=batch, start=0, stop=2**40, seed=0)
    return _counted(data, batch)


def _counted(data: Any, batch: int) -> Iterator[int]:
    return (batch for _ in data)


def generator(
    paths: Sequence[Path], patch: int, batch: int
) -> Iterator[list[tuple[NDArray[np.float32], NDArray[np.float32]]]]:
    """Endless batches made in Python; of each crop grey (patch, patch, 1), ab (patch, patch, 2).

    Grey in 0..1; ab in -1..1 (CIE Lab, of 128).
    """
    augment = random_crop(patch, 0)
    files = itertools.cycle(paths)
    while True:
        pairs = []
        for path in itertools.islice(files, batch):
            picture = cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB)
            crop = augment(image=picture)["image"]
            grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None] / np.float32(255)
            pairs.append((grey.astype(np.float32), rgb_to_lab(crop)[..., 1:] / np.float32(128)))
        yield pairs


def text(stages: Sequence[Stage]) -> str:
    """A table for a terminal; crops are compared with the generator's."""
    slow = next(stage.per_second for stage in stages if stage.name == GENERATOR)
    lines = [f"{'stage':<28}{'a second':>12}  {'unit':<12}{'of the generator':>18}"]
    for stage in stages:
        ratio = f"{stage.per_second / slow:.1f}x" if stage.unit == "crops" else ""
        lines.append(f"{stage.name:<28}{stage.per_second:>12.0f}  {stage.unit:<12}{ratio:>18}")
    return "\n".join(lines)
