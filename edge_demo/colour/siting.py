"""Where chroma samples lie, and resampling that respects it.

A 4:2:0 chroma sample stands for a 2x2 block of luma. ``center`` (JPEG, MPEG-1, WebP) puts it in the
block's middle; ``left`` (MPEG-2, H.264 and HEVC by default) on the left column, between two rows;
``topleft`` (BT.2020 video, HEVC type 2) on the top left pixel. Resampling at the wrong siting
shifts colour by half a luma pixel and costs 1 to 3 dB.

Planes are float32 (H, W, C) in any unit; a low plane is (ceil(H/2), ceil(W/2), C). Edges repeat.
"""

from __future__ import annotations

from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

SITINGS = ("center", "left", "topleft")
# The fourth, on the top row between the columns, is what 4:2:2 becomes, see ``tasks.chroma``.
KNOWN = (*SITINGS, "top")
KERNELS = ("bilinear", "bicubic", "lanczos4")

Array = NDArray[np.float32]


def check_siting(siting: str) -> str:
    """Return ``siting``, or raise UserError with the known names."""
    if siting not in KNOWN:
        raise UserError(f"unknown chroma siting {siting!r}; known: {', '.join(KNOWN)}")
    return siting


def cosited(siting: str) -> tuple[bool, bool]:
    """Whether samples lie on a luma row, and on a luma column: (vertical, horizontal)."""
    check_siting(siting)
    return siting in ("topleft", "top"), siting in ("left", "topleft")


def kernel_weight(name: str, x: float) -> float:
    """The resampling kernel at distance ``x`` in low-resolution samples."""
    x = abs(x)
    if name == "bilinear":
        return max(0.0, 1.0 - x)
    if name == "bicubic":  # Keys 1981, with OpenCV's a = -0.75
        a = -0.75
        if x < 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0
    if name == "lanczos4":
        return float(np.sinc(x) * np.sinc(x / 4)) if x < 4 else 0.0
    raise UserError(f"unknown kernel {name!r}; known: {', '.join(KERNELS)}")


_SUPPORT = {"bilinear": 1, "bicubic": 2, "lanczos4": 4}


def phase_taps(name: str, phase: float) -> tuple[Array, int]:
    """Filter taps that give the value at ``phase`` (in low samples) from its neighbours.

    Returns:
        The taps (float32, sum 1) and the offset of the first tap's sample from the current one.
    """
    support = _SUPPORT.get(name, 1)  # kernel_weight refuses an unknown name
    first, last = ceil(phase - support + 1e-9), floor(phase + support - 1e-9)
    taps = np.array([kernel_weight(name, phase - i) for i in range(first, last + 1)])
    return (taps / taps.sum()).astype(np.float32), first


def axis_phases(is_cosited: bool) -> tuple[float, float]:
    """Positions of the two luma samples of a block relative to its chroma sample."""
    return (0.0, 0.5) if is_cosited else (-0.25, 0.25)


def _centred(name: str, phase: float) -> Array:
    """Taps laid out around their anchor, as cv2.sepFilter2D wants them (odd length)."""
    taps, first = phase_taps(name, phase)
    reach = max(abs(first), abs(first + len(taps) - 1))
    out = np.zeros(2 * reach + 1, np.float32)
    out[first + reach : first + reach + len(taps)] = taps
    return out


def upsample_blocks(low: NDArray[np.generic], siting: str, kernel: str) -> Array:
    """Bring low chroma to luma resolution, as 2x2 blocks.

    Args:
        low: (h, w, C).
        siting: one of ``SITINGS``.
        kernel: one of ``KERNELS``.

    Returns:
        (h, w, 4 * C) float32, unrounded: the block's positions left to right, then top to bottom,
        and within each the channels.
    """
    return _merged(upsample_positions(low, siting, kernel))


def upsample_positions(low: NDArray[np.generic], siting: str, kernel: str) -> list[Array]:
    """``upsample_blocks``, each of the four positions by itself: (h, w, C) float32 each."""
    vertical, horizontal = cosited(siting)
    rows = [_centred(kernel, phase) for phase in axis_phases(vertical)]
    columns = [_centred(kernel, phase) for phase in axis_phases(horizontal)]
    return _positions(low, rows, columns)


def spread_blocks(low: NDArray[np.generic], siting: str) -> Array:
    """Spread low samples over the pixels that ``downsample`` weighs them from, as 2x2 blocks.

    The transpose of ``downsample``, scaled so that a constant stays what it is: a sample repeats
    along an axis where it is a mean, and is interpolated along one where it lies on a pixel.

    Returns:
        (h, w, 4 * C) float32, laid out as by ``upsample_blocks``.
    """
    one = np.ones(1, np.float32)
    rows, columns = (
        [_centred("bilinear", phase) for phase in axis_phases(True)] if on_pixel else [one, one]
        for on_pixel in cosited(siting)
    )
    return _merged(_positions(low, rows, columns))


def _positions(low: NDArray[np.generic], rows: list[Array], columns: list[Array]) -> list[Array]:
    """Each block position's own filter over (h, w, C): four of that shape."""
    source = np.ascontiguousarray(low, np.float32)
    positions: list[Array] = []
    for index, row in enumerate(rows):
        if index and np.array_equal(row, rows[0]):
            positions += positions
        else:
            upright = _along(source, row, 0)
            positions += [_along(upright, column, 1) for column in columns]
    return positions


def _merged(positions: list[Array]) -> Array:
    """Positions (h, w, C) side by side in the last axis."""
    h, w, channels = positions[0].shape
    blocks = np.asarray(cv2.merge(positions), np.float32)
    return blocks.reshape(h, w, len(positions) * channels)


def _along(values: Array, taps: Array, axis: int) -> Array:
    """A filter along an axis of (h, w, C), its taps around their anchor; edges repeat.

    Of filters this short a sum of shifted copies takes a quarter of the time of OpenCV's own.
    """
    used = np.flatnonzero(taps)
    reach = len(taps) // 2
    if used.tolist() == [reach]:
        return values * taps[reach] if taps[reach] != 1 else values
    border = (reach, reach, 0, 0) if axis == 0 else (0, 0, reach, reach)
    padded = np.asarray(cv2.copyMakeBorder(values, *border, cv2.BORDER_REPLICATE))
    padded = padded.reshape(*padded.shape[:2], values.shape[2]).swapaxes(0, axis)
    count = values.shape[axis]
    first, *others = (padded[at : at + count].swapaxes(0, axis) for at in used)
    total = first * taps[used[0]]
    for one, tap in zip(others, taps[used[1:]], strict=True):
        total = cv2.scaleAdd(one, float(tap), total).reshape(values.shape)
    return np.asarray(total, np.float32)


def _filtered(source: Array, columns: Array, rows: Array) -> Array:
    """Taps along rows and along columns over (h, w, C), of the same shape."""
    found = cv2.sepFilter2D(source, cv2.CV_32F, columns, rows, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32).reshape(source.shape)


def upsample(low: NDArray[np.generic], size: tuple[int, int], siting: str, kernel: str) -> Array:
    """Bring low chroma to luma resolution.

    Args:
        low: (h, w, C).
        size: the luma's (H, W); ``h == ceil(H / 2)``, ``w == ceil(W / 2)``.
        siting: one of ``SITINGS``.
        kernel: one of ``KERNELS``.

    Returns:
        (H, W, C) float32, unrounded.
    """
    height, width = size
    h, w, channels = low.shape
    if (h, w) != (ceil(height / 2), ceil(width / 2)):
        raise ValueError(f"low chroma of {h}x{w} does not fit luma of {height}x{width}")
    blocks = upsample_blocks(low, siting, kernel).reshape(h, w, 2, 2, channels)
    planes = blocks.transpose(0, 2, 1, 3, 4).reshape(2 * h, 2 * w, channels)
    return np.ascontiguousarray(planes[:height, :width])


def upsample_axis(
    low: NDArray[np.generic], length: int, axis: int, is_cosited: bool, kernel: str
) -> Array:
    """Bring chroma that is subsampled along one axis (4:2:2, 4:4:0) to luma resolution.

    Args:
        low: (h, w, C).
        length: the luma's along the axis; half of it, rounded up, is ``low``'s.
        axis: 0 of 4:4:0, 1 of 4:2:2.
        is_cosited: whether samples lie on pixels along it, see ``cosited``.
        kernel: one of ``KERNELS``.

    Returns:
        (H, W, C) float32, unrounded.
    """
    one = np.ones(1, np.float32)
    both = []
    for phase in axis_phases(is_cosited):
        taps = _centred(kernel, phase)
        columns, rows = (one, taps) if axis == 0 else (taps, one)
        both.append(_filtered(np.ascontiguousarray(low, np.float32), columns, rows))
    pairs = np.stack(both, axis + 1)
    shape = [*low.shape]
    shape[axis] *= 2
    return np.ascontiguousarray(pairs.reshape(shape).swapaxes(0, axis)[:length].swapaxes(0, axis))


def downsample_axis(full: NDArray[np.generic], axis: int, is_cosited: bool) -> Array:
    """Halve chroma (H, W, C) along one axis, as ``downsample`` does along both."""
    along = np.asarray(full, np.float32).swapaxes(0, axis)
    return np.ascontiguousarray(_halve(along, is_cosited).swapaxes(0, axis))


def downsample(full: NDArray[np.generic], siting: str) -> Array:
    """Bring chroma at luma resolution to 4:2:0, unrounded.

    The filter is the block's mean across an axis where samples lie between pixels (as libjpeg's
    encoder does) and (1, 2, 1) / 4 along an axis where they lie on pixels.

    Args:
        full: (H, W, C).
        siting: one of ``SITINGS``.

    Returns:
        (ceil(H/2), ceil(W/2), C) float32.
    """
    vertical, horizontal = cosited(siting)
    rows = _halve(np.asarray(full, np.float32), vertical)
    return np.ascontiguousarray(_halve(rows.swapaxes(0, 1), horizontal).swapaxes(0, 1))


def downsample_blocks(blocks: Array, siting: str, doubled: int | None = None) -> Array:
    """``downsample`` of chroma of even size that lies in 2x2 blocks.

    Args:
        blocks: (h, w, 4 * C), laid out as by ``upsample_blocks``.
        siting: one of ``SITINGS``.
        doubled: the axis along which the picture was doubled: the second of each two is none of
            its own, and samples are the first.

    Returns:
        (h, w, C) float32.
    """
    vertical, horizontal = cosited(siting)
    upper, lower = _halves(blocks)
    left, right = _halves(upper if doubled == 0 else _mean(upper, lower, 0, vertical))
    return left if doubled == 1 else _mean(left, right, 1, horizontal)


def _halves(blocks: Array) -> tuple[Array, Array]:
    """The halves of the last axis of (h, w, D): copied at once, so that sums are fast."""
    h, w, depth = blocks.shape
    kind = np.dtype((np.void, depth // 2 * blocks.itemsize))
    both = np.ascontiguousarray(blocks).view(kind)
    first, second = (
        np.ascontiguousarray(both[..., half]).view(blocks.dtype).reshape(h, w, depth // 2)
        for half in range(2)
    )
    return first, second


def _mean(even: Array, odd: Array, axis: int, is_cosited: bool) -> Array:
    """What the two samples of each block give along an axis, see ``downsample``."""
    if not is_cosited:
        total = even + odd
        total *= np.float32(0.5)
        return total
    before = np.empty_like(odd)
    along = before.swapaxes(0, axis)
    along[0], along[1:] = even.swapaxes(0, axis)[0], odd.swapaxes(0, axis)[:-1]
    before += 2 * even
    before += odd
    before *= np.float32(0.25)
    return before


def _halve(values: Array, is_cosited: bool) -> Array:
    """Halve the first axis; an odd last row repeats."""
    if len(values) % 2:
        values = np.concatenate([values, values[-1:]])
    return _mean(values[0::2], values[1::2], 0, is_cosited)


def back_project(
    low: NDArray[np.generic], size: tuple[int, int], siting: str, kernel: str, times: int = 3
) -> Array:
    """Upsample, then add the upsampled difference to ``low`` until it is consistent.

    Iterative back-projection (Irani and Peleg 1991): the strongest classical baseline here.
    """
    target = np.asarray(low, np.float32)
    estimate = upsample(target, size, siting, kernel)
    for _ in range(times):
        estimate = estimate + upsample(target - downsample(estimate, siting), size, siting, kernel)
    return estimate


BASELINES = ("bilinear", "bicubic", "lanczos4", "lanczos4_bp")


def baseline(name: str, low: NDArray[np.generic], size: tuple[int, int], siting: str) -> Array:
    """The named classical reconstruction, (H, W, C) float32; names in ``BASELINES``."""
    if name == "lanczos4_bp":
        return back_project(low, size, siting, "lanczos4")
    return upsample(low, size, siting, name)


def halved(own: NDArray[np.generic], steps: tuple[int, int], size: tuple[int, int]) -> Array:
    """Chroma of another subsampling as 4:2:0, centred, unrounded.

    Args:
        own: (ceil(H/down), ceil(W/across), C), centred between the pixels that share it.
        steps: down and across, 1, 2 or 4 each.
        size: the luma's (H, W).

    Returns:
        (ceil(H/2), ceil(W/2), C) float32.
    """
    out = np.asarray(own, np.float32)
    for axis, step in enumerate(steps):
        out = out.swapaxes(0, axis)
        if step == 1:
            out = _halve(out, False)
        elif step == 4:
            before, after = out[[0, *range(len(out) - 1)]], out[[*range(1, len(out)), -1]]
            out = np.stack([0.75 * out + 0.25 * before, 0.75 * out + 0.25 * after], 1)
            out = out.reshape(-1, *out.shape[2:])
        out = out[: ceil(size[axis] / 2)].swapaxes(0, axis)
    return np.ascontiguousarray(out, np.float32)


def agreeing(full: NDArray[np.generic], own: NDArray[np.generic], steps: tuple[int, int]) -> Array:
    """Chroma at luma resolution, moved so that its means are the file's own samples.

    Args:
        full: (H, W, C).
        own, steps: as of ``halved``.

    Returns:
        (H, W, C) float32, unrounded.
    """
    height, width = full.shape[:2]
    down, across = steps
    padding = ((0, -height % down), (0, -width % across), (0, 0))
    even = np.pad(np.asarray(full, np.float32), padding, "edge")
    blocks = even.reshape(len(even) // down, down, -1, across, full.shape[2])
    blocks = blocks + (np.asarray(own, np.float32) - blocks.mean((1, 3)))[:, None, :, None]
    return np.ascontiguousarray(blocks.reshape(even.shape)[:height, :width])
