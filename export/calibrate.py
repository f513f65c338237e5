"""What integer ranges are chosen from: the deployment's own ``encode``, on real tiles."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets import sources
from edge_demo.runtime.tasks import chroma
from edge_demo.runtime.tiling import window

# Both sitings that files really have: a range must hold for each.
SITINGS = ("center", "left")


@dataclass(frozen=True)
class Calibration:
    """Tiles for calibration and where they come from.

    Attributes:
        inputs: (H/2, W/2, 12) float32 each.
        manifest: source, count, seed and sha256 of the tiles, for the card.
    """

    inputs: tuple[NDArray[np.float32], ...]
    manifest: dict[str, Any]


def collect(source: sources.Source, tile: int, count: int = 64, seed: int = 0) -> Calibration:
    """Random tiles of photographs, encoded as the device encodes them.

    Args:
        source: photographs, disjoint from those that the model is evaluated on.
        tile: side in image pixels.
        count: tiles, spread over at most as many photographs.
        seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    chosen = [source.paths[i] for i in sorted(rng.permutation(len(source.paths))[:count])]
    photographs = [
        rgb for _, rgb in sources.photographs(sources.Source(source.text, tuple(chosen)))
    ]
    inputs = []
    digest = hashlib.sha256()
    for index, rgb in zip(range(count), itertools.cycle(photographs), strict=False):
        top, left = (int(rng.integers(0, max(1, side - tile + 1))) for side in rgb.shape[:2])
        piece = window(rgb, top, left, tile, tile)
        digest.update(np.ascontiguousarray(piece).tobytes())
        planes = chroma.degrade(piece, SITINGS[index % len(SITINGS)])
        inputs.append(chroma.encode(planes)["planes"])
    manifest = {"source": public_name(source.text), "photographs": len(photographs), "tiles": count,
                "seed": seed, "sha256": digest.hexdigest()}  # fmt: skip
    return Calibration(tuple(inputs), manifest)


def public_name(text: str) -> str:
    """A source without the path of somebody's machine: a card is public."""
    kind, separator, rest = text.partition(":")
    parts = rest.rstrip("/").split("/")
    return f"{kind}{separator}{'/'.join(parts[-2:])}"
