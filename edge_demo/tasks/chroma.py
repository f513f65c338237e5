"""Chroma reconstruction, 4:2:0 to 4:4:4: the record and its four functions.

The graph works on 2x2 blocks at half resolution, so that it needs no depth-to-space and every op
maps to small devices. It sees a block's four luma samples and the bilinear upsampling of both
chroma planes at the image's own siting, and predicts what bilinear misses: one network serves
every siting, and an 8-bit output spends its 256 steps on the correction alone.

Values are whole 8-bit codes, centred on grey: exactly the integers of an int8 input, so that its
rounding is no surprise to a network that was trained in floats (it cost 0.07 dB when it was one),
and a border of zeros is neutral.

Networks come in four variants, each of one tensor a side: they answer with the ``correction``;
with detail beside it, to be added as far as the user wants (``merged``); with chroma itself
(``direct``); or with the correction, told how strongly a JPEG was quantised by two more input
planes (``bitrate``).

Within a block, positions run left to right, then top to bottom;
input channels are four luma, then (Cb, Cr) at the four positions; output channels are (Cb, Cr) at
the four positions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.siting import (
    BASELINES,
    check_siting,
    cosited,
    downsample,
    downsample_blocks,
    spread_blocks,
    upsample_axis,
    upsample_blocks,
    upsample_positions,
)
from ..colour.ycbcr import rgb_to_ycbcr, round_to_uint8
from ..errors import UserError
from .record import Task, Tensor

Array = NDArray[np.float32]

# Code values per unit of output. Of 232 photographs' bilinear errors, 99.99 % are below 42.
CORRECTION_SCALE = 48.0

# How far a result is moved to what its own 4:2:0 would have to be. Not all the way, because the
# chroma in the file is rounded: on 40 training photographs half the way gained 0.05 dB, all of it
# 0.03 dB.
CONSISTENCY = 0.5
# The strength of quantisation (of chroma, see ``jpeg.strength``) from which on it is not moved.
_NO_CONSISTENCY = 0.25

# The same for chroma that is subsampled along one axis: its samples say more, and quantised ones
# hold, too, where more of them lie. Of 24 training crops the best shares were 1 where nothing was
# quantised, one half and more at quality 98, a quarter at 90, none at 75.
_CONSISTENCY_ONE_AXIS, _NO_CONSISTENCY_ONE_AXIS = 1.0, 0.6

# All that follows was chosen on training photographs by ``python -m studies bound``: grey, sepia,
# muted and coloured crops, as they are and as JPEGs of quality 50 to 100, none to lose 0.05 dB.
#
# Where low chroma is looked at for what a result may be: each sample that bilinear takes.
_AROUND = np.ones((3, 3), np.uint8)
_REACH = 1.5
# A range of so many code values is rounding and noise: of a JPEG that is hardly quantised, whose
# chroma is rounded as frequencies and as samples; of one that was quantised less is, for a network
# that was told, by so much less for each unit of strength.
_IDLE, _LEAST_IDLE, _IDLE_FALL = 3.0, 4 / 3, 8.0
# Of what is no JPEG: its samples alone are rounded, by at most half a code each way.
_IDLE_NO_JPEG = 2.0
# Smaller changes are noise; of a network that answers with chroma itself, half its step of 8 bits.
_NOISE, _NOISE_DIRECT = 0.15, 0.5
# The strength of quantisation (of chroma) from which on a network that is not told adds nothing.
_NO_TRUST = 0.75

# Bilinear's values are whole sixteenths.
_LESS_THAN_A_SIXTEENTH = np.float32(1 / 32)

# Rows of blocks encoded at a time: what is made of them stays in a processor's cache.
_ROWS = 32

# The baseline that networks start from.
REFERENCE = "bilinear"
# How much of its detail a network adds, unless told otherwise.
DETAIL = 1.0


@dataclass(frozen=True)
class Bound:
    """How far a result may lie from bilinear, by the range of the file's own chroma around it.

    Where the file's chroma hardly varies its luma says nothing about colour: nothing is changed
    there, so grey stays grey, and what has one hue keeps it.

    Attributes:
        reach: code values for each code value of range
        idle: beyond so many.
        noise: code values by which each change is made less, down to none.
    """

    reach: float
    idle: float
    noise: float

    def put(self, change: Array, low: NDArray[Any]) -> Array:
        """Changes of bilinear (h, w, 4 * C), in blocks, within the bound of low chroma (h, w, C).

        All in code values; low chroma uint8, or float32 with fractions.
        """
        limits = cv2.merge([self.limits(low)] * 4)
        noise = np.clip(change, -np.float32(self.noise), np.float32(self.noise))
        kept = np.subtract(change, noise, out=noise)
        np.minimum(kept, limits, out=kept)
        return np.maximum(kept, np.negative(limits, out=limits), out=kept)

    def limits(self, low: NDArray[Any]) -> Array:
        """How far changes may go (h, w, C), of low chroma (h, w, C), in code values."""
        # What lies beyond the border counts as no sample, which is as if the edge was repeated.
        highest, lowest = cv2.dilate(low, _AROUND), cv2.erode(low, _AROUND)
        spread = cv2.subtract(highest, lowest)
        if low.dtype == np.uint8:
            limits = cv2.LUT(spread, self._of(np.arange(256, dtype=np.float32)))
        else:
            limits = self._of(spread)
        return np.asarray(limits, np.float32).reshape(low.shape)

    def _of(self, spread: NDArray[Any]) -> Array:
        beyond = np.maximum(spread - np.float32(self.idle), np.float32(0.0))
        return np.asarray(np.float32(self.reach) * beyond, np.float32)


@dataclass(frozen=True)
class Planes:
    """A 4:2:0 picture, or another as such a one.

    Attributes:
        y: (H, W), 8-bit code units (uint8, or float32 with fractions).
        cbcr: (ceil(H/2), ceil(W/2), 2), the same units.
        siting: where the chroma samples lie, see ``siting.SITINGS``.
        quantised: how strongly luma and chroma were, 0..1, see ``jpeg.strength``; None where that
            is not known, or where they were not.
        doubled: the axis along which a picture of one subsampled axis was doubled, see
            ``of_one_axis``; None of 4:2:0.
    """

    y: NDArray[Any]
    cbcr: NDArray[Any]
    siting: str = "center"
    quantised: tuple[float, float] | None = None
    doubled: int | None = None

    def __post_init__(self) -> None:
        check_siting(self.siting)
        height, width = self.y.shape
        expected = ((height + 1) // 2, (width + 1) // 2, 2)
        if self.cbcr.shape != expected:
            raise UserError(
                f"chroma planes of shape {self.cbcr.shape} do not belong to luma of "
                f"{height}x{width}; expected {expected}"
            )

    @property
    def size(self) -> tuple[int, int]:
        """The picture's (H, W)."""
        return self.y.shape[0], self.y.shape[1]


def of_one_axis(
    y: NDArray[Any],
    cbcr: NDArray[Any],
    axis: int,
    siting: str = "center",
    quantised: tuple[float, float] | None = None,
) -> Planes:
    """A picture of 4:2:2 or 4:4:0 as networks know pictures: 4:2:0, of twice as many pixels.

    Luma is doubled along the axis where chroma has all of its samples, so that the network sees
    each of them as one of 4:2:0 that lies on the first of two pixels. Of what it makes, ``own``
    keeps these: nothing that the file holds is averaged away before.

    Args:
        y: (H, W).
        cbcr: of 4:2:2 (H, ceil(W/2), 2), of 4:4:0 (ceil(H/2), W, 2).
        axis: along which chroma is subsampled: 1 of 4:2:2, 0 of 4:4:0.
        siting: of the file; only what it says of that axis counts.
        quantised: as of ``Planes``.
    """
    vertical, horizontal = cosited(siting)
    if axis == 1:
        siting = "topleft" if horizontal else "top"
    else:
        siting = "topleft" if vertical else "left"
    other = 1 - axis
    length = 2 * y.shape[other]
    luma: NDArray[Any] = upsample_axis(y[..., None], length, other, True, "bicubic")[..., 0]
    if y.dtype == np.uint8:
        luma = round_to_uint8(luma)
    return Planes(luma, cbcr, siting, quantised, other)


def own(values: NDArray[Any], doubled: int | None) -> NDArray[Any]:
    """Of (H, W, C) of a doubled picture the pixels that are its own: a view."""
    if doubled is None:
        return values
    return values[::2] if doubled == 0 else values[:, ::2]


def degrade(image: NDArray[np.uint8], siting: str = "center") -> Planes:
    """What a 4:2:0 encoder keeps of RGB (H, W, 3) uint8: BT.601 full range, rounded to 8 bits."""
    return degrade_ycbcr(round_to_uint8(rgb_to_ycbcr(image)), siting)


def degrade_ycbcr(ycbcr: NDArray[np.uint8], siting: str = "center") -> Planes:
    """``degrade`` of a picture that is YCbCr (H, W, 3) uint8 already."""
    low = round_to_uint8(downsample(ycbcr[..., 1:], siting))
    return Planes(np.ascontiguousarray(ycbcr[..., 0]), low, siting)


def target(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The truth: full-resolution CbCr (H, W, 2), 8-bit, of RGB (H, W, 3) uint8."""
    return round_to_uint8(rgb_to_ycbcr(image))[..., 1:]


def pack(planes: NDArray[Any]) -> NDArray[Any]:
    """(H, W, C) with even H and W to blocks (H/2, W/2, 4 * C): position first, then channel."""
    height, width, channels = planes.shape
    rows = _pairs(planes.reshape(height // 2, 2, width // 2, 2 * channels))
    blocks = np.ascontiguousarray(rows.transpose(0, 2, 1))
    return blocks.view(planes.dtype).reshape(height // 2, width // 2, 4 * channels)


def unpack(blocks: NDArray[Any]) -> NDArray[Any]:
    """The inverse of ``pack``: (h, w, 4 * C) to (2h, 2w, C)."""
    h, w, depth = blocks.shape
    rows = _pairs(blocks.reshape(h, w, 2, depth // 2))
    planes = np.ascontiguousarray(rows.transpose(0, 2, 1))
    return planes.view(blocks.dtype).reshape(2 * h, 2 * w, depth // 4)


def _pairs(values: NDArray[Any]) -> NDArray[Any]:
    """The last axis, two pixels of a row, as one item: copied at once, at twice the speed."""
    kind = np.dtype((np.void, values.shape[-1] * values.itemsize))
    return np.ascontiguousarray(values).view(kind)[..., 0]


def _check_even(degraded: Planes) -> None:
    if degraded.size[0] % 2 or degraded.size[1] % 2:
        raise ValueError(f"a tile of even size is needed, not {degraded.size}")


def _whole(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Rounded and clipped to 0..255, contiguous: as ``round_to_uint8``, in less time."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    flat = np.ascontiguousarray(values, np.float32).reshape(len(values), -1)
    found = cv2.addWeighted(flat, 1.0, flat, 0.0, 0.0, dtype=cv2.CV_8U)
    return np.asarray(found, np.uint8).reshape(values.shape)


def consistency(degraded: Planes) -> float:
    """How far a result is moved to what its 4:2:0 has to be: not to chroma that was quantised."""
    _, strength = degraded.quantised or (0.0, 0.0)
    most, none = CONSISTENCY, _NO_CONSISTENCY
    if degraded.doubled is not None:
        most, none = _CONSISTENCY_ONE_AXIS, _NO_CONSISTENCY_ONE_AXIS
    return most * max(0.0, 1.0 - strength / none)


def rounded(cbcr: Array, doubled: int | None = None) -> NDArray[np.uint8]:
    """CbCr (H, W, 2) in whole codes; of two as near, each column in turn takes the other.

    Bilinear has many such, and libjpeg rounds them so: one way alone would shift the colour. Of
    chroma that was subsampled along one axis (``doubled`` is the other) it begins with the lower
    one, and takes turns along that axis.
    """
    height, width, channels = cbcr.shape
    if doubled is not None:
        turned = np.array([-_LESS_THAN_A_SIXTEENTH, _LESS_THAN_A_SIXTEENTH])
        turns = np.resize(turned, cbcr.shape[1 - doubled])
        return round_to_uint8(cbcr + np.expand_dims(turns, (doubled, 2)))
    up = np.repeat(_LESS_THAN_A_SIXTEENTH, channels)
    turns = np.resize(np.concatenate([up, -up]), width * channels)
    return round_to_uint8(cbcr.reshape(height, -1) + turns).reshape(cbcr.shape)


@dataclass(frozen=True)
class Variant(Task):
    """What a network sees of a 4:2:0 picture, and how it answers.

    Attributes:
        has_detail: its answer's second half is detail, to be added as far as the user wants.
        direct: it answers with chroma itself, not with what bilinear misses.
        told_quality: two more input planes say how strongly luma and chroma were quantised.
    """

    has_detail: bool = False
    direct: bool = False
    told_quality: bool = False

    def encode(self, degraded: Planes) -> dict[str, Array]:
        """The graph's input of a picture of even size.

        Returns:
            ``planes``: (H/2, W/2, 12 or 14) float32 in -128/255..127/255.
        """
        _check_even(degraded)
        tensor = self.inputs[0]
        height, width = degraded.cbcr.shape[:2]
        planes = np.empty((height, width, tensor.channels), np.float32)
        told: list[Array] = []
        if self.told_quality:
            strength = np.array(degraded.quantised or (0.0, 0.0), np.float32) * np.float32(255.0)
            told = [np.full((_ROWS, width, 2), strength, np.float32)]
        for top in range(0, height, _ROWS):
            above, rows = max(0, top - 1), planes[top : top + _ROWS]
            low = degraded.cbcr[above : top + _ROWS + 1]
            base = upsample_blocks(low, degraded.siting, REFERENCE)[top - above :]
            luma = pack(degraded.y[2 * top : 2 * (top + _ROWS), :, None])
            parts = [luma, base, *told]
            codes = np.concatenate([one[: len(rows)] for one in parts], axis=-1, dtype=np.float32)
            np.rint(codes, out=codes)
            codes -= np.float32(tensor.zero)
            np.multiply(codes, np.float32(1 / tensor.scale), out=rows)
        return {tensor.name: planes}

    def codes(self, degraded: Planes) -> NDArray[np.int8]:
        """``encode`` in whole codes less ``zero``, for graphs that hold just these as int8.

        A third of the time of ``encode`` and of making integers of it.

        Returns:
            (H/2, W/2, 12 or 14) int8; what lies beyond is clipped, as of any 8-bit input.
        """
        _check_even(degraded)
        tensor = self.inputs[0]
        height, width = degraded.cbcr.shape[:2]
        codes = np.empty((height, width, tensor.channels), np.uint8)
        pairs = codes.view(np.uint16)  # (Cb, Cr) of a position, or two luma samples, are one item
        if self.told_quality:
            strength = np.array(degraded.quantised or (0.0, 0.0), np.float32) * np.float32(255.0)
            codes[..., -2:] = round_to_uint8(strength)
        for top in range(0, height, _ROWS):
            above, rows = max(0, top - 1), pairs[top : top + _ROWS]
            luma = _whole(degraded.y[2 * top : 2 * (top + _ROWS)])
            for row in range(2):
                rows[..., row] = luma[row::2].view(np.uint16)
            low = degraded.cbcr[above : top + _ROWS + 1]
            found = upsample_positions(low, degraded.siting, REFERENCE)
            for index, position in enumerate(found, 2):
                kept = _whole(position[top - above :][: len(rows)])
                rows[..., index] = kept.view(np.uint16)[..., 0]
        codes ^= np.uint8(tensor.zero)  # less 128, as int8
        return codes.view(np.int8)

    def correction(
        self, outputs: Mapping[str, Array], degraded: Planes, detail: float = DETAIL
    ) -> Array:
        """What a graph adds to bilinear.

        Args:
            outputs: ``correction`` (H/2, W/2, 8), ``merged`` (H/2, W/2, 16) or ``chroma``
                (H/2, W/2, 8).
            degraded: the picture that ``encode`` was given.
            detail: how much is added of the detail that a network has, 0..1.

        Returns:
            Blocks (H/2, W/2, 8) in 8-bit code units; of a JPEG only the share of it that a network
            deserves which was not told how strongly that was quantised.
        """
        tensor = self.outputs[0]
        values = outputs[tensor.name]
        share = np.float32(self.trust(degraded))
        if self.direct:
            codes = values * np.float32(tensor.scale) + np.float32(tensor.zero)
            return (codes - upsample_blocks(degraded.cbcr, degraded.siting, REFERENCE)) * share
        if self.has_detail:
            half = values.shape[-1] // 2
            values = values[..., :half] + values[..., half:] * np.float32(detail)
        return values * (np.float32(CORRECTION_SCALE) * share)

    def trust(self, degraded: Planes) -> float:
        """How much of a correction is added, 0..1: all, but of a JPEG that it was not told of."""
        _, strength = degraded.quantised or (0.0, 0.0)
        return 1.0 if self.told_quality else max(0.0, 1.0 - (strength / _NO_TRUST) ** 2)

    def bound(self, degraded: Planes) -> Bound:
        """How far from bilinear its results may lie."""
        if degraded.quantised is None:
            idle = _IDLE_NO_JPEG
        else:
            strength = degraded.quantised[1] if self.told_quality else 0.0
            idle = max(_LEAST_IDLE, _IDLE - _IDLE_FALL * strength)
        return Bound(_REACH, idle, _NOISE_DIRECT if self.direct else _NOISE)

    def corrected(self, correction: Array, degraded: Planes, bound: Bound | None = None) -> Array:
        """Bilinear plus a correction, moved towards agreement with the chroma of the picture.

        Args:
            correction: blocks (ceil(H/2), ceil(W/2), 8) in 8-bit code units.
            degraded: the picture.
            bound: how far from bilinear the result may lie; None: as ``bound`` says.

        Returns:
            As of ``decode``; of even size, with what lies beyond a picture of odd size.
        """
        blocks = upsample_blocks(degraded.cbcr, degraded.siting, REFERENCE)
        change = correction
        share = consistency(degraded)
        if share > 0.0:
            low = downsample_blocks(blocks + correction, degraded.siting, degraded.doubled)
            missed = degraded.cbcr - low
            change = spread_blocks(missed * np.float32(share), degraded.siting)
            change += correction
        blocks += (bound or self.bound(degraded)).put(change, degraded.cbcr)
        return unpack(blocks)

    def decode(
        self, outputs: Mapping[str, Array], degraded: Planes, detail: float = DETAIL
    ) -> Array:
        """The graph's output to chroma at luma resolution.

        Bilinear plus the correction, then moved towards agreement with the chroma that the picture
        has (one damped step of back-projection, Irani and Peleg 1991), no further than ``bound``
        lets it.

        Args:
            outputs, degraded, detail: as for ``correction``.

        Returns:
            CbCr (H, W, 2) float32 in 8-bit code units, unrounded.
        """
        return self.corrected(self.correction(outputs, degraded, detail), degraded)

    def result(self, outputs: Mapping[str, Array], degraded: Planes) -> NDArray[np.uint8]:
        """``decode``, rounded."""
        return rounded(self.decode(outputs, degraded))


TASK = Variant(
    name="chroma",
    contract=1,
    inputs=(
        Tensor("planes", 12, downscale=2, low=-128 / 255, high=127 / 255, scale=255.0, zero=128.0),
    ),
    outputs=(Tensor("correction", 8, downscale=2, low=-1.0, high=1.0, scale=CORRECTION_SCALE),),
    colour_space="YCbCr",
    size_multiple=2,
    headline_metric="chroma_psnr",
    baselines=BASELINES,
    reference=REFERENCE,
)
MERGED = dataclasses.replace(
    TASK,
    outputs=(Tensor("merged", 16, downscale=2, low=-1.0, high=1.0, scale=CORRECTION_SCALE),),
    variant="merged",
    has_detail=True,
)
DIRECT = dataclasses.replace(
    TASK,
    outputs=(dataclasses.replace(TASK.inputs[0], name="chroma", channels=8),),
    variant="direct",
    direct=True,
)
BITRATE = dataclasses.replace(
    TASK,
    inputs=(dataclasses.replace(TASK.inputs[0], channels=14),),
    variant="bitrate",
    told_quality=True,
)
VARIANTS = {record.variant: record for record in (TASK, MERGED, DIRECT, BITRATE)}
