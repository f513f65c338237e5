"""Decode photographs once and keep them as square cells in memory, ready to crop from."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8

from . import augment
from .source import Source
from .sources import photographs
from .squares import at_most, grid


@dataclass(frozen=True)
class Cells:
    """Cells of photographs.

    Attributes:
        ycbcr: (N, size, size, 3) uint8, BT.601 full range.
        photographs: how many photographs they come from.
    """

    ycbcr: NDArray[np.uint8]
    photographs: int


def cut(
    source: Source,
    *,
    size: int,
    least_side: int,
    copies: int = 0,
    seed: int = 0,
    limit_bytes: int = 2**31,
) -> Cells:
    """Cut every photograph of a source, and augmented copies of it, into overlapping cells.

    Args:
        source: where the photographs are.
        size: side of a cell in pixels, even.
        least_side: smaller photographs are skipped; those between it and ``size`` are mirrored.
        copies: augmented copies of each photograph (see ``augment``), beside the photograph itself.
        seed: of the augmentation, and of the choice when there are too many cells.
        limit_bytes: most memory that cells may take. Beyond it, a random choice of each
            photograph's cells is kept, and a line says so.

    Raises:
        UserError: not one photograph could be used.
    """
    most = max(1, limit_bytes // (size * size * 3))
    per_photo = max(1, most // source.count)
    rng = np.random.default_rng(seed)
    kept: list[NDArray[np.uint8]] = []
    seen = count = 0
    found = photographs(source, least_side)
    if source.counts:
        found = itertools.islice(found, most)  # records are shuffled
    for index, (_, rgb) in enumerate(found):
        count += 1
        versions = [rgb, *augment.copies(rgb, copies, size, seed * 100_003 + index)]
        cells = [cell for version in versions for cell in grid(version, size)]
        seen += len(cells)
        cells = at_most(per_photo, cells, rng)
        kept += [round_to_uint8(rgb_to_ycbcr(cell)) for cell in cells]
    if len(kept) < seen:
        print(
            f"kept {len(kept)} of {seen} cells, at most {per_photo} a photograph, "
            f"to stay below {limit_bytes / 2**30:.1f} GiB",
            file=sys.stderr,
        )
    return Cells(np.stack(kept), count)
