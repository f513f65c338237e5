"""Pairs for low light out of exposure brackets: a scene taken several times, each lighter.

Most cameras and telephones can take a bracket, and public collections for HDR are full of them. The
frame that is best exposed becomes the truth; those that a device would brighten become its dark
partners. A camera that was held in the hand moved between them, so each is laid over the truth
first (Evangelidis and Psarakis, 2008, "Parametric Image Alignment Using Enhanced Correlation
Coefficient Maximization").
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.pictures.images import in_srgb, read_rgb, to_uint8
from edge_demo.pictures.photographs import read_folder
from edge_demo.tasks.enhance import DARK, LIFT, brightness

from .cleaning.colours import small

Picture = NDArray[np.uint8]

# The truth's mean luma, as near to the first as a bracket allows and within the other two (0..1);
# and how many of its pixels may be clipped, without loss and at most.
WANTED, LIMITS = 0.42, (0.26, 0.62)
CLIPPED, MOST_CLIPPED = 0.06, 0.2
# Mean square root of luma: below this a frame is nothing but noise; and how far a dark frame's is
# below the truth's.
DARKEST, APART = 0.07, 0.15
MOST = 4  # dark frames of a bracket, evenly spread
# Of the enhanced correlation, what two frames of one scene reach; and how far one may have moved
# and have been turned or enlarged: pixels, and parts of a pixel's way.
LEAST_ALIKE, MOST_MOVED, MOST_TURNED = 0.8, 40.0, 0.05
# Below these a frame did not move, and stays as it is.
STILL, STILL_TURN = 0.3, 3e-4


@dataclass(frozen=True)
class Found:
    """What a folder gave.

    Attributes:
        folder: of the bracket.
        pairs: name, low and high of each.
        why: why there are none, or "".
    """

    folder: Path
    pairs: tuple[tuple[str, Picture, Picture], ...]
    why: str = ""


def find(folder: Path, longer: int) -> Iterator[Found]:
    """Every folder below one, with pictures in it, as a bracket.

    A picture that cannot be read is named on standard error and left out.

    Args:
        folder: where to look.
        longer: larger frames are reduced until their longer side has so many pixels.

    Raises:
        UserError: no such folder, or no picture in it.
    """
    by_folder: dict[Path, list[Path]] = {}
    for path in read_folder(folder):
        by_folder.setdefault(path.parent, []).append(path)
    for place, paths in sorted(by_folder.items()):
        frames = [(path, rgb) for path in paths if (rgb := _read(path, longer)) is not None]
        yield _pairs(place, frames) if frames else Found(place, (), "no frame can be read")


def _read(path: Path, longer: int) -> Picture | None:
    try:
        rgb = to_uint8(in_srgb(read_rgb(path))[0])
    except UserError as error:
        print(f"left out: {error}", file=sys.stderr)
        return None
    return small(rgb, longer)


def _pairs(place: Path, frames: Sequence[tuple[Path, Picture]]) -> Found:
    size, _ = Counter(rgb.shape for _, rgb in frames).most_common(1)[0]
    frames = [(path, rgb) for path, rgb in frames if rgb.shape == size]
    best = truth([rgb for _, rgb in frames])
    if best is None:
        return Found(place, (), "no frame is well exposed")
    high = frames[best][1]
    low = [(path, rgb) for path, rgb in frames if is_dark(rgb, high)]
    if not low:
        return Found(place, (), "no frame is dark")
    pairs = []
    for path, rgb in _spread(low):
        if both := aligned(rgb, high):
            pairs.append((f"{place.name}_{path.stem}", *both))
    return Found(place, tuple(pairs), "" if pairs else "the frames do not show one scene")


def truth(frames: Iterable[Picture]) -> int | None:
    """Which of a bracket's frames is best exposed; None where none is well."""
    found = []
    for index, rgb in enumerate(frames):
        luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).mean() / 255.0
        clipped = float((rgb.max(-1) >= 253).mean())
        if LIMITS[0] < luma < LIMITS[1] and clipped < MOST_CLIPPED:
            found.append((abs(luma - WANTED) + 3.0 * max(0.0, clipped - CLIPPED), index))
    return min(found)[1] if found else None


def is_dark(low: Picture, high: Picture) -> bool:
    """Whether a frame is one that a device would brighten wholly, beside its truth."""
    return DARKEST < brightness(low) < min(DARK, brightness(high) - APART)


def _spread(frames: list[tuple[Path, Picture]]) -> list[tuple[Path, Picture]]:
    """At most ``MOST``, from the darkest to the lightest."""
    ordered = sorted(frames, key=lambda frame: brightness(frame[1]))
    if len(ordered) <= MOST:
        return ordered
    return [ordered[int(place)] for place in np.linspace(0, len(ordered) - 1, MOST)]


def aligned(low: Picture, high: Picture) -> tuple[Picture, Picture] | None:
    """A dark frame laid over the truth, and both without the borders that this costs.

    Args:
        low, high: (H, W, 3) uint8 of one size.

    Returns:
        Both of one size again; None where they do not show the same.
    """
    start: NDArray[Any] = np.eye(2, 3, dtype=np.float32)
    every = np.full(low.shape[:2], 255, np.uint8)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 80, 1e-5)
    try:
        alike, way = cv2.findTransformECC(
            _structure(high), _structure(low), start.copy(), cv2.MOTION_AFFINE, stop, every, 5
        )
    except cv2.error:  # it does not converge where there is nothing in common
        return None
    height, width = low.shape[:2]
    shift, turn = np.abs(way - start)[:, 2].max(), np.abs(way - start)[:, :2].max()
    if alike < LEAST_ALIKE or shift > MOST_MOVED or turn > MOST_TURNED:
        return None
    if shift < STILL and turn < STILL_TURN:
        return low, high
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    low = np.asarray(cv2.warpAffine(low, way, (width, height), flags=flags), np.uint8)
    edge = int(np.ceil(shift + turn * max(height, width))) + 1
    if min(height, width) < 3 * edge:
        return None
    inside = slice(edge, -edge), slice(edge, -edge)
    return low[inside].copy(), high[inside].copy()


def _structure(rgb: Picture) -> Picture:
    """What an exposure does not change: the order of lightness, its noise taken off."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    lifted = np.rint(np.power(grey / 255.0, LIFT) * 255.0).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(cv2.equalizeHist(lifted), (0, 0), 1.2), np.uint8)
