"""YCbCr as video and JPEG use it: BT.601, BT.709 and BT.2020, full and limited range.

All values are float32 in 8-bit code units (0..255), whatever the depth of the source: a 16-bit
picture divided by 257 keeps its fractions. Coefficients: ITU-R BT.601-7, BT.709-6, BT.2020-2
(non-constant luminance); full range as in JFIF.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

# Luma weights of red and blue; green's is what is left to 1.
LUMA_WEIGHTS: dict[str, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
MATRICES = tuple(LUMA_WEIGHTS)


def _weights(matrix: str) -> tuple[float, float, float]:
    if matrix not in LUMA_WEIGHTS:
        raise UserError(f"unknown colour matrix {matrix!r}; known: {', '.join(MATRICES)}")
    red, blue = LUMA_WEIGHTS[matrix]
    return red, 1.0 - red - blue, blue


def _excursions(full_range: bool) -> tuple[float, float, float]:
    """Luma offset, luma scale and chroma scale in 8-bit code units."""
    return (0.0, 1.0, 1.0) if full_range else (16.0, 219.0 / 255.0, 224.0 / 255.0)


def ycbcr_from_rgb_matrix(
    matrix: str = "bt601", full_range: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The affine map from RGB to YCbCr: ``ycbcr = rgb @ m.T + offset``.

    Args:
        matrix: one of ``MATRICES``.
        full_range: 0..255 for all three, or luma 16..235 and chroma 16..240.

    Returns:
        ``m`` (3, 3) and ``offset`` (3,), float32, for values in 8-bit code units.
    """
    red, green, blue = _weights(matrix)
    luma_offset, luma_scale, chroma_scale = _excursions(full_range)
    luma = np.array([red, green, blue])
    cb = (np.array([0.0, 0.0, 1.0]) - luma) / (2.0 * (1.0 - blue))
    cr = (np.array([1.0, 0.0, 0.0]) - luma) / (2.0 * (1.0 - red))
    rows = np.stack([luma * luma_scale, cb * chroma_scale, cr * chroma_scale])
    return rows.astype(np.float32), np.array([luma_offset, 128.0, 128.0], np.float32)


def rgb_to_ycbcr(
    rgb: NDArray[np.generic], matrix: str = "bt601", full_range: bool = True
) -> NDArray[np.float32]:
    """RGB (H, W, 3) in 0..255 to YCbCr (H, W, 3), float32, unrounded and unclipped."""
    rows, offset = ycbcr_from_rgb_matrix(matrix, full_range)
    return _affine(rgb, rows, offset)


def ycbcr_to_rgb(
    ycbcr: NDArray[np.generic], matrix: str = "bt601", full_range: bool = True
) -> NDArray[np.float32]:
    """YCbCr (H, W, 3) in 8-bit code units to RGB (H, W, 3), float32, unrounded and unclipped."""
    rows, offset = ycbcr_from_rgb_matrix(matrix, full_range)
    inverse = np.linalg.inv(rows.astype(np.float64)).astype(np.float32)
    return _affine(ycbcr, inverse, -inverse @ offset)


def _affine(
    pixels: NDArray[np.generic], rows: NDArray[np.float32], offset: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``pixels @ rows.T + offset`` on (H, W, 3), by OpenCV: several times numpy's speed."""
    source = np.ascontiguousarray(pixels, np.float32)
    return np.asarray(cv2.transform(source, np.hstack([rows, offset[:, None]])), np.float32)


def round_to_uint8(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round to nearest and clip to 0..255 (truncation would double the error)."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
