"""What integer ranges are chosen from: the deployment's own ``encode``, on real tiles."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets import augment, sources
from edge_demo.runtime.tasks import chroma
from edge_demo.runtime.tiling import window

# Both sitings that files really have: a range must hold for each.
SITINGS = ("center", "left")


@dataclass(frozen=True)
class Calibration:
    """Tiles for calibration and where they come from.

    Attributes:
        pieces: RGB (tile, tile, 3) uint8 each.
        manifest: source, counts, seed and sha256 of the tiles, for the card.
    """

    pieces: tuple[NDArray[np.uint8], ...]
    manifest: dict[str, Any]

    @cached_property
    def planes(self) -> tuple[chroma.Planes, ...]:
        """Each tile as a device gets it; real files' sitings take turns."""
        return tuple(
            chroma.degrade(piece, SITINGS[index % len(SITINGS)])
            for index, piece in enumerate(self.pieces)
        )

    @cached_property
    def inputs(self) -> tuple[dict[str, NDArray[np.float32]], ...]:
        """Each tile encoded as the device encodes it: tensor name to (h, w, C)."""
        return tuple(map(chroma.encode, self.planes))

    @cached_property
    def targets(self) -> tuple[NDArray[np.uint8], ...]:
        """Each tile's true chroma (tile, tile, 2)."""
        return tuple(map(chroma.target, self.pieces))

    def first(self, count: int) -> Calibration:
        """The same with its first tiles only; sitings still take turns."""
        return Calibration(self.pieces[:count], self.manifest)


def collect(
    source: sources.Source, tile: int, count: int = 64, seed: int = 0, augmented: bool = False
) -> Calibration:
    """Random tiles of photographs.

    Args:
        source: photographs, disjoint from those that the model is evaluated on.
        tile: side in image pixels.
        count: tiles, spread over at most as many photographs.
        seed: of the choice.
        augmented: vary exposure and saturation, as other cameras would.
    """
    rng = np.random.default_rng(seed)
    chosen = [source.paths[i] for i in sorted(rng.permutation(len(source.paths))[:count])]
    photographs = [
        rgb for _, rgb in sources.photographs(sources.Source(source.text, tuple(chosen)))
    ]
    pieces = []
    digest = hashlib.sha256()
    for _, rgb in zip(range(count), itertools.cycle(photographs), strict=False):
        top, left = (int(rng.integers(0, max(1, side - tile + 1))) for side in rgb.shape[:2])
        piece = np.ascontiguousarray(window(rgb, top, left, tile, tile))
        if augmented:
            piece = augment.colours(piece, int(rng.integers(2**31)))
        digest.update(piece.tobytes())
        pieces.append(piece)
    manifest = {"source": public_name(source.text), "photographs": len(photographs), "tiles": count,
                "seed": seed, "augmented": augmented, "sha256": digest.hexdigest()}  # fmt: skip
    return Calibration(tuple(pieces), manifest)


def public_name(text: str) -> str:
    """A source without the path of somebody's machine: a card is public."""
    kind, separator, rest = text.partition(":")
    parts = rest.rstrip("/").split("/")
    return f"{kind}{separator}{'/'.join(parts[-2:])}"
