"""Samples to measure on or to calibrate with: what a source's pictures are for a task."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from edge_demo.measure import quality
from edge_demo.measure.quality import Sample
from edge_demo.measure.restoration import Restoration

from . import sources
from .source import Source, some


def samples(
    restoration: Restoration, source: Source, siting: str | None = None
) -> Iterator[Sample]:
    """Each usable picture of a source with its truth.

    Args:
        restoration: the task's. Of a source of pairs, one that restores them is given them; in all
            other cases photographs are degraded.
        source: pictures.
        siting: as ``Restoration.siting`` gives it.

    Raises:
        UserError: when not one picture could be used.
    """
    if restoration.pairs and source.low:
        return quality.paired(sources.pairs(source))
    return quality.degraded(
        restoration, sources.photographs(source, halved=restoration.halved), siting
    )


def named(
    restoration: Restoration,
    source: Source,
    names: Collection[str],
    siting: str | None = None,
) -> list[Sample]:
    """The samples of the files of some names."""
    chosen = [index for index, path in enumerate(source.paths) if path.name in names]
    return list(samples(restoration, some(source, chosen), siting))
