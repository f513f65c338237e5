"""Low-light enhancement without learning: what a network must beat, each at its best setting.

Every method takes one RGB picture (H, W, 3) uint8 and returns another of that shape. All numbers
were tuned by ``studies/tune_classical.py`` for the highest mean PSNR of RGB on the first 56 of the
70 real pairs of ELIEI (see there), whose dark pictures have a mean of 11 of 255.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.lab import lab_to_rgb, rgb_to_lab
from ..colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb

GAMMA = 0.25  # on the 56 pairs 14.14 dB, SSIM 0.55


@dataclass(frozen=True)
class Settings:
    """Of a chain of stages; the defaults are the best that tuning found.

    Attributes:
        order: names of ``STAGES``; one that is left out is not run.
        black, white: percentiles of the picture's values that become 0 and 255.
        exponent: of the gamma curve, below 1 to brighten.
        clip: CLAHE's limit on a histogram's bins, in multiples of a uniform one's.
        tiles: CLAHE's tiles along each side; 1 is the whole picture.
        tone: the bilateral filter's reach in values, 0..255.
        reach: the same in pixels; both are standard deviations.
        amount: of the unsharp mask; 0 is none.
        sharpen_reach: its blur's standard deviation in pixels.
    """

    order: tuple[str, ...] = ("gamma", "denoise", "clahe", "sharpen")
    black: float = 0.0
    white: float = 100.0
    exponent: float = 0.28
    clip: float = 4.0
    tiles: int = 1
    tone: float = 15.0
    reach: float = 2.0
    amount: float = 0.0
    sharpen_reach: float = 2.0


# The usual pipeline at its best: its stages are given, as are CLAHE's 8x8 tiles and a mild
# sharpening. On the 56 pairs 15.65 dB, SSIM 0.69.
USUAL = Settings(
    order=("gamma", "denoise", "clahe", "sharpen"),
    exponent=0.28,
    clip=4.0,
    tiles=8,
    tone=20.0,
    reach=3.0,
    amount=0.2,
)


def gamma(rgb: NDArray[np.uint8], exponent: float = GAMMA) -> NDArray[np.uint8]:
    """A fixed gamma curve: (value / 255) ** exponent * 255.

    Args:
        rgb: (H, W, 3) uint8.
        exponent: below 1 to brighten.

    Raises:
        TypeError, ValueError: another dtype or shape.
    """
    _check(rgb)
    curve = round_to_uint8(255.0 * (np.arange(256) / 255.0) ** exponent)
    return np.asarray(cv2.LUT(np.ascontiguousarray(rgb), curve), np.uint8)


def equalised(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Histogram equalisation of BT.601 luma; chroma stays. There is nothing to tune.

    Raises:
        TypeError, ValueError: not uint8, not (H, W, 3).
    """
    _check(rgb)
    ycbcr = rgb_to_ycbcr(rgb)
    ycbcr[..., 0] = cv2.equalizeHist(round_to_uint8(ycbcr[..., 0]))
    return round_to_uint8(ycbcr_to_rgb(ycbcr))


def classical(rgb: NDArray[np.uint8], settings: Settings = USUAL) -> NDArray[np.uint8]:
    """The usual pipeline: gamma, denoising, CLAHE on Lab's L, mild sharpening.

    Args:
        rgb: (H, W, 3) uint8.
        settings: which stages, in which order, how strong.

    Raises:
        TypeError, ValueError: another dtype or shape.
    """
    _check(rgb)
    values = rgb.astype(np.float32)
    for name in settings.order:
        values = STAGES[name](values, settings)
    return round_to_uint8(values)


def classical_whole(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The strongest chain that was found: CLAHE over the whole picture at once, no sharpening.

    On the 56 pairs 19.01 dB, SSIM 0.73: in pictures as dark as those, tiles hold nothing but noise.

    Raises:
        TypeError, ValueError: another dtype or shape.
    """
    return classical(rgb, Settings())


def _stretch(values: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """Of all channels alike, so that the colour stays."""
    counts = np.bincount(round_to_uint8(values).ravel(), minlength=256)
    total = np.cumsum(counts)
    black = int(np.searchsorted(total, total[-1] * settings.black / 100.0, side="right"))
    white = int(np.searchsorted(total, total[-1] * settings.white / 100.0))
    gain = 255.0 / max(1, white - black)
    return np.clip((values - np.float32(black)) * np.float32(gain), 0, 255)


def _gamma(values: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    scale = 255.0 ** (1.0 - settings.exponent)
    return np.multiply(cv2.pow(values, settings.exponent), scale, dtype=np.float32)


def _denoise(values: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """A bilateral filter (Tomasi and Manduchi 1998)."""
    return np.asarray(cv2.bilateralFilter(values, -1, settings.tone, settings.reach), np.float32)


def _clahe(values: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """Contrast-limited adaptive histogram equalisation of L (Zuiderveld 1994)."""
    lab = rgb_to_lab(values)
    coarse = round_to_uint8(lab[..., 0] * 2.55)
    tiles = (settings.tiles, settings.tiles)
    equal = cv2.createCLAHE(settings.clip, tiles).apply(coarse)
    # Only the change is taken from 8 bits: L keeps the fractions that gamma gave the shadows.
    lab[..., 0] += (equal.astype(np.float32) - coarse) / np.float32(2.55)
    return np.clip(lab_to_rgb(lab), 0, 255)


def _sharpen(values: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """An unsharp mask."""
    blurred = cv2.GaussianBlur(values, (0, 0), settings.sharpen_reach)
    return np.clip(values + np.float32(settings.amount) * (values - blurred), 0, 255)


# Each takes RGB (H, W, 3) float32 in 0..255 and returns the same.
STAGES: Mapping[str, Callable[[NDArray[np.float32], Settings], NDArray[np.float32]]] = {
    "stretch": _stretch,
    "gamma": _gamma,
    "denoise": _denoise,
    "clahe": _clahe,
    "sharpen": _sharpen,
}


def _input(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture itself."""
    _check(rgb)
    return rgb


def _check(rgb: NDArray[np.generic]) -> None:
    if rgb.dtype != np.uint8:
        raise TypeError(f"the classical methods take uint8 pictures, not {rgb.dtype}")
    if rgb.ndim != 3 or rgb.shape[-1] != 3:
        raise ValueError(f"expected RGB (H, W, 3), not {rgb.shape}")


METHODS: Mapping[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "input": _input,
    "gamma": gamma,
    "equalised": equalised,
    "classical": classical,
    "classical_whole": classical_whole,
}
