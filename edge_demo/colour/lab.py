"""CIELAB of sRGB pictures by the CIE formula: the one implementation of this project.

sRGB as in IEC 61966-2-1, Lab as in CIE 15:2004, both with the white D65 of the 2 degree observer.
The matrix follows from the primaries' and the white's chromaticities, so that every grey has a and
b of 0. OpenCV's own conversion is not used: its tables err by up to 0.6, and by 2.2 on uint8.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from . import srgb

# Chromaticities (x, y) of red, green, blue (ITU-R BT.709) and of D65.
_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_WHITE = (0.3127, 0.3290)

# f(t) is the cube root above KNEE and a line of this slope and offset below.
KNEE = (6.0 / 29.0) ** 3
SLOPE = (29.0 / 6.0) ** 2 / 3.0
OFFSET = 4.0 / 29.0

# L, a, b from f(X / Xn), f(Y / Yn), f(Z / Zn), and back.
_LAB_FROM_F = np.array([[0, 116, 0, -16], [500, -500, 0, 0], [0, 200, -200, 0]], np.float32)
F_FROM_LAB = np.array(
    [
        [1 / 116, 1 / 500, 0, 16 / 116],
        [1 / 116, 0, 0, 16 / 116],
        [1 / 116, 0, -1 / 200, 16 / 116],
    ],
    np.float32,
)


def _xyz_from_linear() -> NDArray[np.float64]:
    """(3, 3): linear RGB in 0..1 to XYZ, each divided by the white's (rows sum to 1)."""
    xyz = np.array([[x / y, 1.0, (1.0 - x - y) / y] for x, y in (*_PRIMARIES, _WHITE)])
    primaries, white = xyz[:3].T, xyz[3]
    return primaries * np.linalg.solve(primaries, white) / white[:, None]


_MATRIX = _xyz_from_linear()
INVERSE = np.linalg.inv(_MATRIX)


def rgb_to_lab(rgb: NDArray[np.generic]) -> NDArray[np.float32]:
    """SRGB (H, W, 3), uint8 or float in 0..255 code values, to Lab (H, W, 3) float32.

    L is in 0..100; a and b of what sRGB can show are in -86.2..98.3 and -107.9..94.5. Float values
    outside 0..255 are neither clipped nor refused: the transfer function goes on.

    Raises:
        TypeError: integers other than uint8, whose range is not known.
        ValueError: not (H, W, 3).
    """
    _check(rgb)
    xyz = cv2.transform(_linear_of(rgb), _MATRIX.astype(np.float32))
    return np.asarray(cv2.transform(_curve(xyz), _LAB_FROM_F), np.float32)


def lightness(rgb: NDArray[np.generic]) -> NDArray[np.float32]:
    """L (H, W) of ``rgb_to_lab``, in a third of its time: of Y alone a root is taken.

    Raises:
        TypeError, ValueError: as there.
    """
    _check(rgb)
    y = cv2.transform(_linear_of(rgb), _MATRIX[1:2].astype(np.float32))
    return np.asarray(_curve(y) * np.float32(116) - np.float32(16), np.float32)


def _linear_of(rgb: NDArray[np.generic]) -> NDArray[np.float32]:
    """Linear light of codes, in 0..1."""
    if rgb.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(rgb), _LINEAR), np.float32)
    if np.issubdtype(rgb.dtype, np.floating):
        return _linearise(np.asarray(rgb, np.float32))
    raise TypeError(f"RGB is uint8 or float in 0..255, not {rgb.dtype}")


def _curve(values: NDArray[Any]) -> NDArray[Any]:
    """f(t) of X, Y or Z over the white's."""
    return np.where(values > KNEE, _power(values, 1.0 / 3.0), SLOPE * values + OFFSET)


def lab_to_rgb(lab: NDArray[np.generic]) -> NDArray[np.float32]:
    """Lab (H, W, 3) to sRGB (H, W, 3) float32 in 0..255 code values, unrounded and unclipped.

    Colours that sRGB cannot show come out below 0 or above 255; ``colour.round_to_uint8`` clips
    them.

    Raises:
        ValueError: not (H, W, 3).
    """
    _check(lab)
    linear = lab_to_linear(lab)
    coded = srgb.from_linear(linear, _power)
    return np.multiply(coded, 255.0, dtype=np.float32)


def lab_to_linear(lab: NDArray[np.generic]) -> NDArray[np.float32]:
    """Lab (H, W, 3) to linear RGB (H, W, 3) float32 in 0..1, unclipped: no power is taken.

    Raises:
        ValueError: not (H, W, 3).
    """
    _check(lab)
    curve = cv2.transform(np.ascontiguousarray(lab, np.float32), F_FROM_LAB)
    knee = KNEE ** (1.0 / 3.0)
    xyz = curve * curve
    xyz *= curve
    if curve.min() <= knee:
        line = (curve - np.float32(OFFSET)) / np.float32(SLOPE)
        xyz = np.where(curve > knee, xyz, line)
    return np.asarray(cv2.transform(xyz, INVERSE.astype(np.float32)), np.float32)


def encode_linear(linear: NDArray[np.float32], depth: Any) -> NDArray[Any]:
    """Linear RGB in 0..1 to sRGB codes of a depth, rounded and clipped.

    Through a table of 65536 entries, which errs by less than a twentieth of an 8-bit code.

    Args:
        linear: of any shape.
        depth: ``np.uint8`` or ``np.uint16``.
    """
    most = np.iinfo(depth).max
    if depth == np.uint8:
        at = np.clip(linear, 0.0, 1.0)
        at *= np.float32(65535.0)
        at += np.float32(0.5)
        return _ENCODED[at.astype(np.uint16)]
    coded = srgb.from_linear(linear, _power)
    return np.rint(np.clip(coded, 0.0, 1.0) * most).astype(depth)


def _linearise(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Code values in 0..255 to linear light in 0..1."""
    coded = np.ascontiguousarray(rgb / np.float32(255.0))
    return srgb.to_linear(coded, _power)


def _power(values: NDArray[Any], exponent: float) -> NDArray[np.float32]:
    """Several times numpy's speed."""
    return np.asarray(cv2.pow(values, exponent), np.float32)


def _check(pixels: NDArray[np.generic]) -> None:
    if pixels.ndim != 3 or pixels.shape[-1] != 3:
        raise ValueError(f"expected (H, W, 3), not {pixels.shape}")


_GRID = np.linspace(0.0, 1.0, 65536)
_ENCODED = np.rint(255.0 * srgb.from_linear(_GRID)).astype(np.uint8)
_LINEAR = _linearise(np.arange(256, dtype=np.float32)[None]).ravel()
