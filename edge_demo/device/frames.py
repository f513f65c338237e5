"""Frames of a video, before and after a network.

They are in full-range 8-bit code units of their stream's own matrix: chroma needs no other, since
a network that corrects upsampled chroma learned what upsampling misses, which is much the same
whatever the matrix; only tasks in RGB convert.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..colour.siting import cosited, upsample_axis
from ..colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb

Array = NDArray[np.float32]
Plane = NDArray[np.uint8]

# How tasks in RGB see subsampled chroma.
_KERNEL = "bicubic"


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded frame.

    Attributes:
        y: (H, W), uint8, or float32 with fractions (limited range, more than 8 bits); 0..255.
        cbcr: (ceil(H/2), ceil(W/2), 2) of 4:2:0, (H, ceil(W/2), 2) of 4:2:2, (ceil(H/2), W, 2) of
            4:4:0, or (H, W, 2) of 4:4:4; the same units, centred on 128, and beyond 0..255 where
            the stream is.
        siting: of subsampled chroma, see ``siting``.
        matrix: name of the colour matrix, see ``ycbcr``.
    """

    y: NDArray[Any] = field(repr=False)
    cbcr: NDArray[Any] = field(repr=False)
    siting: str
    matrix: str

    @property
    def luma(self) -> Plane:
        """Y as uint8 (H, W)."""
        return self.y if self.y.dtype == np.uint8 else round_to_uint8(self.y)

    @property
    def coarse(self) -> tuple[bool, bool]:
        """Whether chroma is subsampled down and across."""
        down, across = (self.cbcr.shape[axis] != self.y.shape[axis] for axis in (0, 1))
        return down, across

    def ycbcr(self) -> Array:
        """(H, W, 3) float32 of 4:4:4."""
        cbcr = self.cbcr
        for axis, is_coarse in enumerate(self.coarse):
            if is_coarse:
                on = cosited(self.siting)[axis]
                cbcr = upsample_axis(cbcr, self.y.shape[axis], axis, on, _KERNEL)
        return np.dstack([self.y.astype(np.float32), cbcr.astype(np.float32)])

    def rgb(self) -> Array:
        """(H, W, 3) float32, clipped to 0..255, unrounded."""
        return np.clip(ycbcr_to_rgb(self.ycbcr(), self.matrix), 0.0, 255.0)


@dataclass(frozen=True, eq=False)
class RestoredFrame:
    """A frame with an effect applied, 4:4:4, in the units of ``Frame``.

    Attributes:
        y: (H, W); None where luma is the frame's own.
        cbcr: (H, W, 2) float32.
    """

    y: NDArray[Any] | None = field(repr=False)
    cbcr: Array = field(repr=False)


def of_rgb(rgb: NDArray[Any], matrix: str) -> RestoredFrame:
    """A frame of RGB (H, W, 3) in 0..255, of a matrix."""
    ycbcr = rgb_to_ycbcr(rgb, matrix)
    return RestoredFrame(ycbcr[..., 0], ycbcr[..., 1:])


def changed(frame: Frame, gain: Array) -> RestoredFrame:
    """A frame with a gain of RGB (H, W, 3), clipped; where it is 0, luma is its own exactly."""
    own = frame.ycbcr()
    rgb = np.clip(ycbcr_to_rgb(own, frame.matrix), 0.0, 255.0)
    change = np.clip(rgb + gain, 0.0, 255.0) - rgb
    ycbcr = own + rgb_to_ycbcr(change, frame.matrix)
    return RestoredFrame(ycbcr[..., 0], ycbcr[..., 1:] - np.float32(128))
