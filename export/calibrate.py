"""What integer ranges are chosen from: the deployment's own ``encode``, on real tiles."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import augment, samples, sources
from datasets.source import Source, some
from edge_demo.errors import UserError
from edge_demo.measure.quality import Sample
from edge_demo.measure.restoration import Restoration
from edge_demo.model.tiling import window

# Both sitings that files really have: a range must hold for each.
SITINGS = ("center", "left")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Tile:
    """A square of a picture.

    Attributes:
        truth: RGB (tile, tile, 3) uint8.
        degraded: as a device gets it.
    """

    truth: NDArray[np.uint8]
    degraded: Any


@dataclass(frozen=True)
class Calibration:
    """Tiles for calibration and where they come from.

    Attributes:
        restoration: of the network's task.
        tiles: squares of one size.
        manifest: source, counts, seed and sha256 of the tiles, for the card.
    """

    restoration: Restoration
    tiles: tuple[Tile, ...]
    manifest: dict[str, Any]

    @cached_property
    def inputs(self) -> tuple[dict[str, Array], ...]:
        """Each tile encoded as the device encodes it: tensor name to (h, w, C)."""
        return tuple(self.restoration.task.encode(tile.degraded) for tile in self.tiles)

    @cached_property
    def targets(self) -> tuple[NDArray[np.uint8], ...]:
        """What should become of each tile."""
        return tuple(self.restoration.target(tile.truth) for tile in self.tiles)

    def decode(self, outputs: dict[str, Array], tile: Tile) -> NDArray[np.uint8]:
        """A graph's outputs for a tile, to be compared with its target."""
        return self.restoration.task.result(outputs, tile.degraded)

    def first(self, count: int) -> Calibration:
        """The same with its first tiles only."""
        return Calibration(self.restoration, self.tiles[:count], self.manifest)


def of_pieces(
    restoration: Restoration, pieces: Iterable[NDArray[np.uint8]], manifest: dict[str, Any]
) -> Calibration:
    """Calibration on pictures RGB (tile, tile, 3) uint8, each of which is a whole one."""
    tiles = tuple(_degraded(restoration, piece, index) for index, piece in enumerate(pieces))
    return Calibration(restoration, tiles, manifest)


def collect(
    restoration: Restoration,
    given: Sequence[Source],
    tile: int,
    count: int = 64,
    seed: int = 0,
    augmented: bool = False,
) -> Calibration:
    """Random tiles of photographs, or of pairs.

    Args:
        restoration: of the network's task.
        given: sources of pictures, disjoint from those that the model is evaluated on; each gives
            as many tiles as the others, whatever its size, so that a camera of which there are few
            pictures has its ranges, too.
        tile: side in image pixels.
        count: tiles, spread over at most as many pictures.
        seed: of the choice.
        augmented: vary exposure and saturation, as other cameras would.

    Raises:
        UserError: not one picture could be used, or pairs are to be augmented.
    """
    rng = np.random.default_rng(seed)
    if augmented and restoration.pairs and any(source.low for source in given):
        raise UserError("--augmented varies photographs; pairs are calibrated on as they are")
    most = math.ceil(count / len(given))
    drawn = [_drawn(restoration, source, most, rng) for source in given]
    # Sources take turns.
    turns = itertools.chain.from_iterable(itertools.zip_longest(*drawn))
    pictures = [picture for picture in turns if picture is not None][:count]
    tiles: list[Tile] = []
    digest = hashlib.sha256()
    for index, picture in zip(range(count), itertools.cycle(pictures), strict=False):
        if restoration.example:
            made = _squeezed(restoration, picture.truth, tile, len(tiles))
            digest.update(made.truth.tobytes())
            tiles.append(made)
            continue
        sides = picture.truth.shape[:2]
        top, left = (int(rng.integers(0, max(1, side - tile + 1))) for side in sides)
        place = top, left, tile, tile
        light = int(rng.integers(2**31)) if augmented else None
        made = _tile(restoration, picture, place, light, index)
        digest.update(made.truth.tobytes())
        if restoration.whole:
            digest.update(made.degraded.tobytes())
        tiles.append(made)
    text = " + ".join(source.text for source in given)
    manifest = {"source": public_name(text), "photographs": len(pictures), "tiles": count,
                "seed": seed, "augmented": augmented, "sha256": digest.hexdigest()}  # fmt: skip
    return Calibration(restoration, tuple(tiles), manifest)


def _drawn(
    restoration: Restoration, source: Source, most: int, rng: np.random.Generator
) -> list[Sample]:
    """Some pictures of a source, chosen at random, in the order of their names."""
    chosen = some(source, sorted(rng.permutation(len(source.paths))[:most].tolist()))
    if restoration.pairs and source.low:
        return list(samples.samples(restoration, chosen))
    # A tile of chroma is degraded by itself, and so is each tile's picture in low light.
    return [
        Sample(path, rgb, None)
        for path, rgb in sources.photographs(chosen, halved=restoration.halved)
    ]


def _squeezed(restoration: Restoration, truth: NDArray[np.uint8], tile: int, index: int) -> Tile:
    """A whole picture at the size of a tile, with what a user may add to it."""
    assert restoration.example
    squeezed = cv2.resize(truth, (tile, tile), interpolation=cv2.INTER_AREA)
    small = np.asarray(squeezed, np.uint8)
    return Tile(small, restoration.example(small, index))


def _tile(
    restoration: Restoration,
    picture: Sample,
    place: tuple[int, int, int, int],
    light: int | None,
    index: int,
) -> Tile:
    """A tile of a picture, degraded unless it is already, in another light if that has a seed."""

    def lit(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return rgb if light is None else augment.colours(rgb, light)

    if not restoration.whole:
        piece = np.ascontiguousarray(window(picture.truth, *place))
        return _degraded(restoration, lit(piece), index)
    truth, low = picture.truth, picture.degraded
    if low is None:
        truth = lit(truth)
        low = _degraded(restoration, truth, index).degraded
    piece, dark = (np.ascontiguousarray(window(rgb, *place)) for rgb in (truth, low))
    return Tile(piece, dark)


def _degraded(restoration: Restoration, rgb: NDArray[np.uint8], index: int) -> Tile:
    """A whole picture as a tile; real files' sitings, or kinds of low light, take turns."""
    siting = SITINGS[index % len(SITINGS)] if restoration.sitings else None
    low = restoration.degrade(rgb, f"tile {index}", siting)
    return Tile(rgb, low)


def public_name(text: str) -> str:
    """Sources without the path of somebody's machine: a card is public."""
    names = []
    for source in sources.parts(text):
        kind, separator, rest = source.partition(":")
        parts = rest.rstrip("/").split("/")
        names.append(f"{kind}{separator}{'/'.join(parts[-2:])}")
    return " + ".join(names)
