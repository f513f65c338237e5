"""How close reconstructions come to the truth: one loop for runs, model files and baselines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..device.restorer import Restorer
from ..errors import UserError
from . import results
from .restoration import Method, Restoration

Values = dict[str, list[float | None]]  # metric to one value a photograph


@dataclass(frozen=True)
class Sample:
    """A picture to measure on.

    Attributes:
        path: its file.
        truth: RGB (H, W, 3) uint8.
        degraded: what a method is given, of the kind that the restoration restores.
    """

    path: Path
    truth: NDArray[np.uint8]
    degraded: Any


Probe = Callable[[Sample], dict[str, float | None]]


def probe(restoration: Restoration, restorer: Restorer) -> Probe | None:
    """What ``Restoration.respond`` measures of a restorer, or None where it measures nothing."""
    respond = restoration.respond
    if respond is None:
        return None
    return lambda sample: respond(sample.truth, sample.path.name, restorer)


def degraded(
    restoration: Restoration,
    photographs: Iterable[tuple[Path, NDArray[np.uint8]]],
    siting: str | None = None,
) -> Iterator[Sample]:
    """Samples made of photographs.

    Args:
        restoration: how they are degraded.
        photographs: file and RGB (H, W, 3) uint8.
        siting: as ``Restoration.siting`` gives it.
    """
    for path, rgb in photographs:
        yield Sample(path, rgb, restoration.degrade(rgb, path.name, siting))


def paired(
    pairs: Iterable[tuple[Path, NDArray[np.uint8], NDArray[np.uint8]]], least_side: int = 32
) -> Iterator[Sample]:
    """Samples made of pairs: file, degraded and true RGB (H, W, 3) uint8, of one size.

    Tiny ones are named on stderr and skipped.

    Raises:
        UserError: when not one could be used.
    """
    count = used = 0
    for path, low, high in pairs:
        count += 1
        height, width = high.shape[:2]
        if min(height, width) < least_side:
            least = f"{least_side}x{least_side}"
            print(f"skipped: {path}: {width}x{height} pixels, below {least}", file=sys.stderr)
            continue
        used += 1
        yield Sample(path, high, low)
    if not used:
        raise UserError(f"none of {count} pairs could be used")


def evaluate(
    restoration: Restoration,
    samples: Iterable[Sample],
    methods: Mapping[str, Method],
    progress: Callable[[int], None] | None = None,
    probes: Mapping[str, Probe] | None = None,
) -> tuple[list[str], dict[str, Values]]:
    """Measure methods on samples.

    Args:
        restoration: the samples' task.
        samples: to measure on.
        methods: name to reconstruction.
        progress: called with the number of samples done.
        probes: of some methods, figures that need more than their result.

    Returns:
        The samples' names, and values[method][metric], one a sample.
    """
    names: list[str] = []
    values: dict[str, Values] = {name: {} for name in methods}
    for sample in samples:
        names.append(sample.path.name)
        for name, method in methods.items():
            found = restoration.measure(sample.truth, sample.degraded, method(sample.degraded))
            if name in (probes or {}):
                found |= (probes or {})[name](sample)
            for metric, value in found.items():
                values[name].setdefault(metric, []).append(value)
        if progress:
            progress(len(names))
    return names, values


@dataclass(frozen=True)
class Candidate:
    """Something to measure beside the baselines.

    Attributes:
        name: for tables.
        recipe: of a model file, ``keras`` for a run.
        size_bytes: of its file.
        method: its reconstruction.
        probe: figures that need more than its result.
    """

    name: str
    recipe: str
    size_bytes: int
    method: Method
    probe: Probe | None = None

    @property
    def label(self) -> str:
        """``NAME.RECIPE``."""
        return f"{self.name}.{self.recipe}"


def table(
    restoration: Restoration,
    candidates: Sequence[Candidate],
    samples: Iterable[Sample],
    data: str,
    siting: str | None,
    progress: Callable[[int], None] | None = None,
) -> tuple[dict[str, Any], list[str], dict[str, Values]]:
    """Baselines and candidates measured: a document of schema 1, and the values behind it.

    Args:
        restoration, samples, progress: as for ``evaluate``.
        candidates: of different labels.
        data: the source, for the document.
        siting: of the samples, for the document; None where the task has none.

    Returns:
        The document, and what ``evaluate`` returned.
    """
    baselines = restoration.baselines()
    methods = {**baselines, **{one.label: one.method for one in candidates}}
    probes = {one.label: one.probe for one in candidates if one.probe}
    names, values = evaluate(restoration, samples, methods, progress, probes)
    rows = [results.row(name, "baseline", values[name]) for name in baselines]
    rows += [
        results.row(one.name, "model", values[one.label], recipe=one.recipe, bytes=one.size_bytes)
        for one in candidates
    ]
    document = results.document(restoration.task, len(names), data, rows, siting=siting)
    return document, names, values
