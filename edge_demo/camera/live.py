"""Pictures restored as they come, with the speed written on them."""

from __future__ import annotations

import time
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.ycbcr import round_to_uint8, ycbcr_to_rgb
from ..device import temporal
from ..device.restorer import Restorer
from .source import Shot

Picture = NDArray[np.uint8]

# Seconds over which the speed is counted.
_WINDOW = 2.0


class Live:
    """Restores the pictures of one source, in order.

    Attributes:
        restorer: of its model.
        frames: restored so far.
    """

    def __init__(self, restorer: Restorer, smoothing: float = temporal.STRENGTH) -> None:
        """Begin a source.

        Args:
            restorer: with what a user asked for.
            smoothing: over time, see ``temporal.Smoother``.
        """
        self.restorer = restorer
        self._smoother = temporal.Smoother(smoothing, restorer.neighbourhood)
        self._ends: deque[float] = deque([time.monotonic()])
        self.frames = 0

    @property
    def rate(self) -> float:
        """Frames per second, lately."""
        seconds = self._ends[-1] - self._ends[0]
        return (len(self._ends) - 1) / seconds if seconds > 0 else 0.0

    def restored(self, shot: Shot) -> Picture:
        """A picture (H, W, 3), B, G, R, with nothing written on it."""
        frame = shot.frame
        found = self._smoother(frame.luma, self.restorer.find(frame))
        done = self.restorer.apply(frame, found)
        y = frame.y if done.y is None else done.y
        ycbcr = np.dstack([y.astype(np.float32), done.cbcr])
        bgr = round_to_uint8(ycbcr_to_rgb(ycbcr, frame.matrix))[..., ::-1]
        self.frames += 1
        self._ends.append(time.monotonic())
        while self._ends[-1] - self._ends[0] > _WINDOW and len(self._ends) > 2:
            self._ends.popleft()
        return np.ascontiguousarray(bgr)

    def __call__(self, shot: Shot) -> Picture:
        """A picture (H, W, 3), B, G, R, with the frames per second written on it."""
        return labelled(self.restored(shot), f"{self.rate:.1f} fps")


def labelled(bgr: Picture, text: str) -> Picture:
    """The picture with a text in its top left corner, light on dark, readable on anything."""
    scale = max(0.4, bgr.shape[0] / 720)
    at = round(12 * scale), round(30 * scale)
    for colour, thickness in (((0, 0, 0), round(5 * scale) + 2), ((255, 255, 255), 1)):
        cv2.putText(
            bgr, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA
        )  # fmt: skip
    return bgr
