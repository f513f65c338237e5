"""What a network adds to a video, made steady: a recurrent filter that follows the motion.

A network that sees one frame at a time decides each frame anew, and what it adds (its *effect*:
output less what the frame had before) trembles where nothing in the scene does. So the effect of
the frame before is brought along the motion to this frame, held to what this frame's own effect is
in the neighbourhood, and mixed with it, as far as luma says that it is still the same place. This
is temporal anti-aliasing (Karis, "High-quality temporal supersampling", SIGGRAPH 2014) of the
effect alone: the frame itself is never touched, so nothing in it can blur or lag.

Motion is dense inverse search (Kroeger et al., "Fast optical flow using dense inverse search", ECCV
2016) on reduced luma. ``docs/results/video.json`` has what it brings against no filter, and
against the same filter without motion.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Plane = NDArray[np.uint8]

# Share of the earlier effect where luma agrees.
STRENGTH = 0.8
# Luma that differs by so many code values, once moved, says that it is another place.
DISTRUST = 16.0
# The mean trust below which a frame begins a new scene.
CUT = 0.3
# Motion is found on luma that is reduced until its shorter side is no more than this.
_FLOW_SIDE = 270
# Rows filtered at a time: what is made of them stays in a processor's cache.
_STRIP = 32
# OpenCV is three times as fast at moving four channels as at two.
_CHANNELS = 4


@dataclass(frozen=True)
class _Past:
    """The frame before: its luma, and beside that its filtered effect.

    Attributes:
        luma: (H, W) uint8.
        both: (H, W, 4) float32: the effect's channels, then luma, then nothing.
        channels: of the effect.
    """

    luma: Plane
    both: Array
    channels: int


class Smoother:
    """Filters effects of the frames of one video, in order.

    Attributes:
        cuts: scene changes met so far.
    """

    def __init__(
        self, strength: float = STRENGTH, neighbourhood: int = 3, motion: bool = True
    ) -> None:
        """Begin a video.

        Args:
            strength: 0 (each frame by itself) to 1 (an effect, once found, stays).
            neighbourhood: side in pixels, odd, of the square of this frame's effect whose range
                the earlier effect is clamped to: right for effects that are fine detail. 0: no
                clamping, for effects that are smooth over whole things, such as colour.
            motion: whether the earlier effect is brought along; without, it stays in its place.

        Raises:
            ValueError: a strength outside 0..1.
        """
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"a strength is 0..1, not {strength}")
        self._strength, self._motion = strength, motion
        self._square = np.ones((neighbourhood, neighbourhood), np.uint8) if neighbourhood else None
        self._past: _Past | None = None
        self.cuts = 0

    def __call__(self, luma: Plane, effect: Array) -> Array:
        """This frame's effect, filtered.

        Args:
            luma: (H, W) uint8, of the frame before any effect.
            effect: (H, W, C) float32, in any unit; C is 3 at most.

        Returns:
            (H, W, C) float32. A frame of another size than the one before, or of another scene,
            keeps its effect as it is.
        """
        past, out = self._past, effect
        if self._strength == 0.0:
            return effect
        if past is not None and past.luma.shape == luma.shape and past.channels == effect.shape[2]:
            out = self._mixed(past, luma, effect)
        self._past = _Past(luma, _beside(out, luma), effect.shape[2])
        return out

    def _mixed(self, past: _Past, luma: Plane, effect: Array) -> Array:
        places = follow(past.luma, luma) if self._motion else None
        out, sure = np.empty_like(effect), 0.0
        margin = 1 if self._square is None else max(1, len(self._square) // 2)
        for rows in _strips(len(luma)):
            top, bottom = max(0, rows.start - margin), min(len(luma), rows.stop + margin)
            around, kept = slice(top, bottom), slice(rows.start - top, rows.stop - top)
            both = past.both[around] if places is None else brought(past.both, places[around])
            own, of = effect[around], past.channels
            moved = np.array(both[..., of])
            share = trust(np.asarray(cv2.convertScaleAbs(moved), np.uint8), luma[around])[kept]
            sure += float(share.sum())
            share *= np.float32(self._strength)
            earlier = _first(both, of)
            if self._square is not None:
                np.maximum(earlier, cv2.erode(own, self._square).reshape(own.shape), out=earlier)
                np.minimum(earlier, cv2.dilate(own, self._square).reshape(own.shape), out=earlier)
            change = np.subtract(earlier[kept], own[kept], out=out[rows])
            change *= cv2.merge([share] * of).reshape(change.shape)
            change += own[kept]
        if sure / luma.size < CUT:
            self.cuts += 1
            return effect
        return out


def _strips(height: int) -> Iterator[slice]:
    """Rows to be filtered at a time."""
    for top in range(0, height, _STRIP):
        yield slice(top, min(top + _STRIP, height))


def _first(values: Array, count: int) -> Array:
    """A copy of the first channels of (h, w, C), contiguous."""
    if count % 2 == 0 and values.shape[2] % 2 == 0:  # two channels at once take half the time
        pairs = values.view(np.complex64)[..., : count // 2]
        return np.ascontiguousarray(pairs).view(np.float32)
    return np.ascontiguousarray(values[..., :count])


def _beside(effect: Array, luma: Plane) -> Array:
    """An effect (H, W, C), then luma, then zeros: (H, W, 4) float32, see ``_Past.both``."""
    of = effect.shape[2]
    both = np.zeros((*luma.shape, _CHANNELS), np.float32)
    if of == 2:
        both.view(np.complex64)[..., 0] = np.ascontiguousarray(effect).view(np.complex64)[..., 0]
    else:
        both[..., :of] = effect
    both[..., of] = luma
    return both


def trust(moved: Plane, luma: Plane) -> Array:
    """How sure it is, 0..1 at each pixel (H, W), that two lumas show the same place there."""
    difference = cv2.blur(cv2.absdiff(moved, luma), (3, 3)).astype(np.float32)
    return np.asarray(np.maximum(1.0 - difference * np.float32(1 / DISTRUST), 0.0), np.float32)


def follow(before: Plane, now: Plane) -> Array:
    """Where each pixel of a frame was in the frame before.

    Args:
        before, now: luma (H, W) uint8 of one size.

    Returns:
        (H, W, 2) float32: x and y, in pixels, in the frame before.
    """
    height, width = now.shape
    times = max(1, -(-min(height, width) // _FLOW_SIDE))
    small = max(1, width // times), max(1, height // times)
    first, second = (
        cv2.resize(one, small, interpolation=cv2.INTER_AREA) if times > 1 else one
        for one in (before, now)
    )
    places = grid(height, width)
    if min(small) < _LEAST_SIDE:
        return places
    finder: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    shift = finder.calc(np.ascontiguousarray(second), np.ascontiguousarray(first), None)
    if times > 1:
        shift *= np.array([width / small[0], height / small[1]], np.float32)
        shift = cv2.resize(shift, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(places + shift, np.float32)


# OpenCV refuses to look for motion in less.
_LEAST_SIDE = 16


@functools.lru_cache(maxsize=2)
def grid(height: int, width: int) -> Array:
    """Each pixel's own x and y, (H, W, 2) float32; shared, so not to be written to."""
    rows, columns = np.mgrid[0:height, 0:width]
    places = np.dstack([columns, rows]).astype(np.float32)
    places.flags.writeable = False
    return places


def brought(values: NDArray[Any], places: Array) -> NDArray[Any]:
    """A plane or picture of the frame before, brought to this frame; its edge repeats.

    Args:
        values: (H, W) or (H, W, C), uint8 or float32.
        places: (h, w, 2), rows of what ``follow`` gives.

    Returns:
        (h, w) or (h, w, C), of the same type.
    """
    none: Any = None  # an empty array in its place would be taken for a map
    moved = cv2.remap(values, places, none, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved.reshape(*places.shape[:2], *values.shape[2:])
