"""Values found on a reduced picture, brought to full size along the edges of the full-size picture.

After He and Sun, "Fast Guided Filter", arXiv 1505.00996, 2015: in each window of the reduced
picture the values are taken for a linear function of the guide; the slopes are averaged over the
windows of each pixel, and slopes and offsets enlarged bilinearly and applied to the full-size
guide, whose detail so reaches the result. Unlike there, the offset is not the windows' mean but
what gives each reduced pixel exactly its value: the filter need not smooth what a network made.

Measured on 8 of the pairs of ``classical``, with true values reduced four times and the square root
of the dark pictures as guide: 28.9 dB; as published 27.7, bicubic 27.0, bilinear 26.5. Reduced
twice: 31.8, 29.6, 31.1 and 30.0. A guide that a bilateral filter has cleaned, with eps 1e-5, gives
29.7 and 32.4.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

# Pixels of the result that are computed at once, which stay in a processor's cache.
_STRIP_PIXELS = 1 << 16


def upsample(
    low_guide: NDArray[np.float32],
    low_values: NDArray[np.float32],
    guide: NDArray[np.float32],
    radius: int = 1,
    eps: float = 1e-4,
    margin: float = 0.25,
) -> NDArray[np.float32]:
    """``low_values`` at the size of ``guide``.

    Where the guide varies by much more than sqrt(eps) in a window, its edges and detail appear in
    the result, scaled; where by much less, as noise does, the enlargement is bilinear. Take a guide
    whose noise is even, such as a dark picture's square root. The two guides must show the same;
    reduce the full one by averaging (``cv2.INTER_AREA``).

    Args:
        low_guide: (h, w, C), in 0..1.
        low_values: (h, w, K), in any range. With C = K each channel follows its own channel of the
            guide, with C = 1 all follow that one.
        guide: (H, W, C), in 0..1. The sizes need not be multiples; equal ones return the values.
        radius: of a window, in reduced pixels: it is 2 * radius + 1 wide.
        eps: what a window's variance of the guide must exceed to count as detail.
        margin: a channel of the result leaves the range of that channel of ``low_values`` by no
            more than this share of it, at either end: so much of detail that the reduction had
            averaged away may come back, and a guide far from all that a window held does no harm.

    Returns:
        (H, W, K) float32.

    Raises:
        ValueError: shapes that do not fit together; a radius below 1; eps or margin below 0.
    """
    result = np.empty((*guide.shape[:2], low_values.shape[-1]), np.float32)
    for rows, strip in strips(low_guide, low_values, guide, radius, eps, margin):
        result[rows] = strip
    return result


def strips(
    low_guide: NDArray[np.float32],
    low_values: NDArray[np.float32],
    guide: NDArray[np.float32],
    radius: int = 1,
    eps: float = 1e-4,
    margin: float = 0.25,
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """The rows of ``upsample``, some at a time, for pictures whose result is not to be held whole.

    Guides may be in another range than 0..1; ``eps`` is then in its square.

    Yields:
        Rows, and the values there (rows, W, K) float32.
    """
    _check(low_guide, low_values, guide)
    if radius < 1 or eps <= 0 or margin < 0:
        raise ValueError("radius must be 1 or more, eps above 0, and margin 0 or more")
    height, width = guide.shape[:2]
    slope, offset = _lines(low_guide, low_values, radius, eps)
    lowest, highest = low_values.min((0, 1)), low_values.max((0, 1))
    room = (highest - lowest) * np.float32(margin)
    # One of each for every pixel of a row: numpy is slow on so short an axis as the channels.
    least, most = (np.tile(end, (width, 1)) for end in (lowest - room, highest + room))
    step = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        strip = _enlarged(slope, rows, height, width)
        strip *= guide[rows]
        strip += _enlarged(offset, rows, height, width)
        yield rows, np.clip(strip, least, most)


def _lines(
    guide: NDArray[np.float32], values: NDArray[np.float32], radius: int, eps: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slopes and offsets, each (h, w, K), of the line through each pixel's guide and value."""
    # In double precision: a variance is a small difference of squares.
    x, y = guide.astype(np.float64), values.astype(np.float64)
    mean_x = _mean(x, radius)
    variance = np.maximum(_mean(x * x, radius) - mean_x**2, 0)
    slope = (_mean(x * y, radius) - mean_x * _mean(y, radius)) / (variance + eps)
    slope = _mean(slope, radius)
    return slope.astype(np.float32), (y - slope * x).astype(np.float32)


def _mean(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """Over windows, mirrored beyond the border."""
    side = 2 * radius + 1
    mean = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(mean, np.float64).reshape(values.shape)  # cv2 drops a single channel


def _enlarged(
    values: NDArray[np.float32], rows: slice, height: int, width: int
) -> NDArray[np.float32]:
    """These rows of the bilinear enlargement to (height, width), as ``cv2.resize`` places it."""
    last = len(values) - 1
    at = np.clip((np.arange(rows.start, rows.stop) + 0.5) * len(values) / height - 0.5, 0, last)
    above = np.floor(at).astype(np.intp)
    share = (at - above).astype(np.float32)[:, None, None]
    strip = values[above] * (1 - share) + values[np.minimum(above + 1, last)] * share
    wide = cv2.resize(strip, (width, len(strip)), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, np.float32).reshape(len(strip), width, -1)


def _check(
    low_guide: NDArray[np.float32], low_values: NDArray[np.float32], guide: NDArray[np.float32]
) -> None:
    named = {"low_guide": low_guide, "low_values": low_values, "guide": guide}
    for name, pixels in named.items():
        if pixels.ndim != 3 or 0 in pixels.shape:
            raise ValueError(f"{name} must be (height, width, channels), not {pixels.shape}")
    if low_guide.shape[:2] != low_values.shape[:2]:
        raise ValueError(
            f"low_guide and low_values differ in size: {low_guide.shape} and {low_values.shape}"
        )
    if low_guide.shape[-1] != guide.shape[-1]:
        raise ValueError(
            f"the guides differ in channels: {low_guide.shape[-1]} and {guide.shape[-1]}"
        )
    if guide.shape[-1] not in (1, low_values.shape[-1]):
        raise ValueError(
            f"a guide of {guide.shape[-1]} channels cannot guide {low_values.shape[-1]}: "
            "it needs one, or as many"
        )
