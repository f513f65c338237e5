"""Whether a picture's chroma was ever stored at half the luma's resolution.

Interpolation leaves two traces. Every kernel with a finite reach leaves a period: pixels at even
and at odd places were made with different weights, so they follow from their neighbours with
different weights, too (Popescu and Farid, 2005, "Exposing digital forgeries by detecting traces of
resampling"). And the better the kernel, the emptier the upper half of the band.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.colour.ycbcr import rgb_to_ycbcr

# Of a large picture, the middle says enough.
SIDE = 384
# Below this the fits have too few pixels to mean anything.
LEAST_SIDE = 48

# Neighbours that a pixel is predicted from, along one axis: all of the other parity.
_NEIGHBOURS = (-5, -3, -1, 1, 3, 5)
_REACH = max(_NEIGHBOURS)
_TILE = 32
# Share of a tile's window that may be clipped.
_CLIPPED = 0.02
# What rounding to 8 bits leaves in a band, in squared code values.
_FLOOR = 0.02

_Plane = NDArray[np.float32]


def measure(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """Traces of 4:2:0 in RGB (H, W, 3); empty when it is smaller than ``LEAST_SIDE``.

    Returns:
        period: decibels by which a pixel's chroma is predicted better with weights of its own for
            even and for odd places, less what weights for each of eight places gain beyond that.
            The grid of JPEG's blocks has a period of eight, which is a period of two as well.
            Around or below 0 for true 4:4:4; left out where there is no chroma.
        gap: decibels that chroma's upper half band lies below its lower band, the median of the
            most colourful tiles; left out where no tile is fit to tell.
    """
    if min(rgb.shape[:2]) < LEAST_SIDE:
        return {}
    chroma = np.asarray(rgb_to_ycbcr(rgb)[..., 1:], np.float32)
    # A clipped channel bends chroma at edges, whatever it was made of.
    whole = np.asarray(~((rgb <= 1) | (rgb >= 254)).any(axis=2), np.bool_)
    if whole.mean() < 0.1:
        whole = np.ones_like(whole)
    axes = [(chroma, whole), (chroma.transpose(1, 0, 2), whole.T)]
    periods = [value for axis in axes if (value := _period(*axis)) is not None]
    out = {"period": float(np.mean(periods))} if periods else {}
    gap = _gap(chroma, whole)
    return out if gap is None else out | {"gap": gap}


def _period(chroma: _Plane, whole: NDArray[np.bool_]) -> float | None:
    """``period`` along the rows of chroma (H, W, 2); None where there is no chroma to predict."""
    width = chroma.shape[1]
    offsets = (*_NEIGHBOURS, 0)
    values = np.stack([chroma[:, _REACH + o : width - _REACH + o] for o in offsets], axis=-1)
    values -= values[..., :-1].mean(axis=-1, keepdims=True)
    window = np.ones((1, 2 * _REACH + 1), np.uint8)
    # Outside the picture counts as whole: only what lies inside is used.
    usable = cv2.erode(whole.astype(np.uint8), window)[:, _REACH : width - _REACH]
    values *= usable[..., None, None]
    n = len(offsets)
    products = np.stack(
        [(z := values[:, place::8].reshape(-1, n)).T @ z for place in range(8)]
    ).astype(np.float64)
    if products[:, -1, -1].sum() < 1:
        return None
    one = _unexplained(products.sum(axis=0))
    two = sum(_unexplained(products[parity::2].sum(axis=0)) for parity in (0, 1))
    eight = sum(_unexplained(product) for product in products)
    return float(10 * np.log10(one / two) - 10 * np.log10(two / eight))


def _unexplained(products: NDArray[np.float64]) -> float:
    """The squares that the best linear prediction leaves.

    Args:
        products: (n + 1, n + 1), sums of products of n neighbours and, last, the pixel itself.
    """
    neighbours, both, own = products[:-1, :-1], products[:-1, -1], products[-1, -1]
    # The neighbours' mean is taken off, so they depend on each other.
    ridge = (1e-6 * np.trace(neighbours) + 1e-6) * np.eye(len(both))
    weights = np.linalg.solve(neighbours + ridge, both)
    return max(1e-6, float(own - 2 * weights @ both + weights @ neighbours @ weights))


def _bands() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A window (T, T), and the masks (2, T * (T // 2 + 1)) of the low and the upper band."""
    line = np.hanning(_TILE + 2)[1:-1]
    frequency = np.abs(np.fft.fftfreq(_TILE)) * 2  # 1 is the highest
    highest = np.maximum(frequency[:, None], frequency[None, : _TILE // 2 + 1])
    masks = [(highest >= 0.12) & (highest <= 0.3), highest >= 0.56]
    return (
        np.outer(line, line).astype(np.float32),
        np.stack(masks).reshape(2, -1).astype(np.float32),
    )


_WINDOW, _MASKS = _bands()


def _gap(chroma: _Plane, whole: NDArray[np.bool_]) -> float | None:
    step = _TILE // 2

    def tiles(plane: _Plane) -> _Plane:
        view = np.lib.stride_tricks.sliding_window_view(plane, (_TILE, _TILE), axis=(0, 1))
        return view[::step, ::step].reshape(-1, *view.shape[2:])

    clipped = (tiles(1 - whole.astype(np.float32)) * _WINDOW).sum(axis=(1, 2)) / _WINDOW.sum()
    chosen = tiles(chroma)[clipped < _CLIPPED]
    if len(chosen) < 4:
        return None
    chosen = (chosen - chosen.mean(axis=(2, 3), keepdims=True)) * _WINDOW
    power = np.square(np.abs(np.fft.rfft2(chosen))) * (2 / np.square(_WINDOW).sum() / _TILE**2)
    low, high = (power.sum(axis=1).reshape(len(chosen), -1) @ _MASKS.T).T
    most = np.argsort(-low)[: max(4, len(low) // 4)]
    return float(np.median(10 * np.log10((low[most] + _FLOOR) / (high[most] + _FLOOR))))
