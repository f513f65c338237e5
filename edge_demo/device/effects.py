"""What a model does to one frame of a video, in two halves with room between them.

``find`` asks the network what it would add to a frame; ``apply`` adds it. What was found may be
filtered in between (``temporal``). A task takes part by one function that makes its ``Effect``.

Frames are in full-range 8-bit code units of their stream's own matrix: chroma needs no other, since
a network that corrects upsampled chroma learned what upsampling misses, which is much the same
whatever the matrix; only tasks in RGB convert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.siting import upsample
from ..colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from ..model.tiling import Runner, corrections
from ..tasks import chroma, colorize, enhance
from ..tasks.record import Task
from .colorizing import Look, to_rgb
from .colorizing import strips as colour_strips
from .enhancing import enhance_picture

Array = NDArray[np.float32]
Plane = NDArray[np.uint8]

# How tasks in RGB see 4:2:0 chroma.
_KERNEL = "bicubic"


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded frame.

    Attributes:
        y: (H, W), uint8, or float32 with fractions (limited range, more than 8 bits); 0..255.
        cbcr: (ceil(H/2), ceil(W/2), 2) of 4:2:0, or (H, W, 2) of 4:4:4; the same units, centred on
            128, and beyond 0..255 where the stream is.
        siting: of 4:2:0 chroma, see ``siting``.
        matrix: name of the colour matrix, see ``colour``.
    """

    y: NDArray[Any] = field(repr=False)
    cbcr: NDArray[Any] = field(repr=False)
    siting: str
    matrix: str

    @property
    def luma(self) -> Plane:
        """Y as uint8 (H, W)."""
        return self.y if self.y.dtype == np.uint8 else round_to_uint8(self.y)

    def rgb(self) -> Array:
        """(H, W, 3) float32, clipped to 0..255, unrounded."""
        cbcr = self.cbcr
        if cbcr.shape[:2] != self.y.shape:
            cbcr = upsample(cbcr, self.y.shape[:2], self.siting, _KERNEL)
        ycbcr = np.dstack([self.y.astype(np.float32), cbcr.astype(np.float32)])
        return np.clip(ycbcr_to_rgb(ycbcr, self.matrix), 0.0, 255.0)


@dataclass(frozen=True, eq=False)
class Restored:
    """A frame with an effect applied, 4:4:4, in the units of ``Frame``.

    Attributes:
        y: (H, W); None where luma is the frame's own.
        cbcr: (H, W, 2) float32.
    """

    y: NDArray[Any] | None = field(repr=False)
    cbcr: Array = field(repr=False)


@dataclass(frozen=True)
class Effect:
    """What a model adds to frames.

    Attributes:
        find: a frame to its effect (H, W, C) float32, in any unit of the task's own.
        apply: a frame and an effect to the result; with an effect of zeros, what it would be
            without a network.
        neighbourhood: of ``temporal.Smoother``.
        subsampled: whether only 4:2:0 frames have something to restore.
    """

    find: Callable[[Frame], Array]
    apply: Callable[[Frame, Array], Restored]
    neighbourhood: int
    subsampled: bool


def of_chroma(runner: Runner, task: Task = chroma.TASK, detail: float = chroma.DETAIL) -> Effect:
    """Chroma of 4:2:0 frames at luma resolution: the effect is the correction of bilinear.

    Args:
        runner: the graph.
        task: its form.
        detail: of ``chroma.correction``.
    """
    return Effect(
        find=lambda frame: chroma_correction(_planes(frame), runner, task, detail),
        apply=lambda frame, effect: Restored(None, chroma_restored(_planes(frame), effect)),
        neighbourhood=3,
        subsampled=True,
    )


def _planes(frame: Frame) -> chroma.Planes:
    return chroma.Planes(frame.y, frame.cbcr, frame.siting)


def chroma_correction(
    planes: chroma.Planes,
    runner: Runner,
    task: Task = chroma.TASK,
    detail: float = chroma.DETAIL,
) -> Array:
    """The network's correction at luma resolution, (H, W, 2) in 8-bit code units."""
    height, width = planes.size
    return chroma.unpack(corrections(planes, runner, task, detail))[:height, :width]


def chroma_restored(planes: chroma.Planes, correction: Array) -> Array:
    """CbCr (H, W, 2) float32, unrounded: bilinear, the correction and agreement with the planes."""
    height, width = planes.size
    even = cv2.copyMakeBorder(
        correction, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE
    )  # of odd size the last row and column once more
    return chroma.corrected(chroma.pack(np.asarray(even)), planes)[:height, :width]


def of_enhance(runner: Runner, strength: float) -> Effect:
    """Low light: the effect is what the picture gains in RGB.

    Args:
        runner: the graph.
        strength: of ``enhancing.enhance_picture``.
    """

    def find(frame: Frame) -> Array:
        rgb = frame.rgb()
        return np.asarray(enhance_picture(rgb, runner, strength) - rgb, np.float32)

    def apply(frame: Frame, effect: Array) -> Restored:
        rgb = np.clip(frame.rgb() + effect, 0.0, 255.0)
        ycbcr = rgb_to_ycbcr(rgb, frame.matrix)
        return Restored(ycbcr[..., 0], ycbcr[..., 1:])

    # What brightens is smooth over whole things: held to its neighbourhood it would be held to
    # this frame's own brightness, and pump.
    return Effect(find, apply, neighbourhood=0, subsampled=False)


def of_colorize(runner: Runner, task: Task, look: Look) -> Effect:
    """Colour: the effect is a and b, under the frame's own lightness.

    Args:
        runner: the graph.
        task: the form that it answers in.
        look: as the user wants it.
    """

    def find(frame: Frame) -> Array:
        grey = colorize.Grey(colorize.lightness(frame.rgb()))
        ab = np.empty((*grey.size, 2), np.float32)
        for rows, values in colour_strips(grey, runner, task, look):
            ab[rows] = values
        return ab

    def apply(frame: Frame, effect: Array) -> Restored:
        rgb = to_rgb(colorize.lightness(frame.rgb()), effect, np.uint16) / np.float32(257.0)
        ycbcr = rgb_to_ycbcr(rgb, frame.matrix)
        return Restored(ycbcr[..., 0], ycbcr[..., 1:])

    # What a thing's colour is held to be changes for all of the thing at once.
    return Effect(find, apply, neighbourhood=0, subsampled=False)


def of(
    task: Task, runner: Runner, look: Look | None = None, detail: float = chroma.DETAIL
) -> Effect:
    """The effect of a task's model.

    Args:
        task: its record.
        runner: the graph.
        look: of colorize; its strength is that of enhance, too.
        detail: of chroma, see ``chroma.correction``.
    """
    look = look or Look()
    if task.name == colorize.TASK.name:
        return of_colorize(runner, task, look)
    if task.name == enhance.TASK.name:
        return of_enhance(runner, look.strength)
    return of_chroma(runner, task, detail)
