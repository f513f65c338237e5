"""How much a restored video trembles, beside how much the truth itself changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.device.temporal import brought, grid

Array = NDArray[np.float32]
Plane = NDArray[np.uint8]

# Places where motion and the motion back disagree by more than so many pixels are left out: there
# something was covered or uncovered, and no frame before tells what it looked like.
_ASTRAY = 1.0
# A frame of which less than this share can be followed begins a new scene: it has no step.
SCENE = 0.3


@dataclass(frozen=True)
class Step:
    """What a frame changed against the one before, motion compensated.

    Sums of squares of 8-bit code values over the pixels and channels that could be followed.

    Attributes:
        truth: of the truth's change.
        output: of the output's change.
        error: of the change of the error, output less truth.
    """

    truth: float
    output: float
    error: float


class Motion:
    """How a frame moved against the one before, as the truth's luma says.

    Found finer, and in both directions, than the filter in ``temporal`` finds its own: the judge
    does not share the judged one's mistakes.

    Attributes:
        followed: share of the pixels, 0..1, that could be followed.
    """

    def __init__(self, before: Plane, now: Plane) -> None:
        """Find it; luma (H, W) uint8 of the truth, at least 16 pixels a side."""
        finder: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        before, now = np.ascontiguousarray(before), np.ascontiguousarray(now)
        back, forth = finder.calc(now, before, None), finder.calc(before, now, None)
        self._places = grid(*now.shape) + back
        round_trip = np.abs(back + brought(forth, self._places))
        self._mask = (round_trip.max(-1) < _ASTRAY)[..., None]
        self.followed = float(self._mask.mean())

    def step(self, truth: tuple[Plane, Plane], output: tuple[Plane, Plane]) -> Step:
        """Compare two frames, each given as (the one before, this one), (H, W, C) uint8."""
        before, now = (one.astype(np.float32) for one in truth)
        first, second = (one.astype(np.float32) for one in output)
        return Step(
            self._change(before, now),
            self._change(first, second),
            self._change(first - before, second - now),
        )

    def _change(self, before: Array, now: Array) -> float:
        change = (now - brought(before, self._places)) * self._mask
        return float(np.sum(np.square(change), dtype=np.float64))


def flicker(steps: Sequence[Step]) -> float:
    """The motion-compensated frame-to-frame change of the error, as a ratio to the truth's own.

    With W bringing a frame along the motion, T the truth, O the output and E = O - T:
    ``sqrt(sum |E[t] - W E[t-1]|^2 / sum |T[t] - W T[t-1]|^2)`` over all steps, pixels that can be
    followed, and channels. Lower is better. 0: the error, if any, sticks to things and moves with
    them, which nobody sees as flicker. 1: the error trembles as much as the truth itself changes
    beyond its motion (its own noise, light, and what motion does not explain), so that flicker
    could hide in what is there anyway; above 1, the error is the liveliest thing in the picture.
    NaN where the truth does not change at all.
    """
    return _ratio(sum(step.error for step in steps), sum(step.truth for step in steps))


def change_ratio(steps: Sequence[Step]) -> float:
    """The motion-compensated frame-to-frame change of the output, as a ratio to the truth's own.

    As ``flicker``, with the output O in place of the error E. 1: the output is exactly as lively as
    the truth. Above: it flickers where the truth does not. Below 1 is steadier than the truth,
    as whatever smooths is, such as bilinear upsampling; so it means little without the PSNR.
    """
    return _ratio(sum(step.output for step in steps), sum(step.truth for step in steps))


def _ratio(part: float, whole: float) -> float:
    return math.sqrt(part / whole) if whole > 0 else math.nan
