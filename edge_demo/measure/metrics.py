"""Picture quality on 8-bit values, as stated in every table of this project."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.lab import rgb_to_lab
from ..colour.ycbcr import round_to_uint8, ycbcr_from_rgb_matrix

# PSNR of identical pictures would be infinite, which JSON cannot hold.
PSNR_LIMIT = 100.0

# What ``flat_noise`` calls flat: luma that varies by less than this, in 8-bit code values, in a
# square window of so many pixels; and the share of a picture that must be flat.
FLAT_BELOW = 1.5
FLAT_WINDOW = 7
FLAT_SHARE = 0.01


def psnr(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all channels together, peak 255, at most 100.

    Both are uint8 and of one shape; round first, so that the stored picture is what is measured.
    """
    _check(prediction, truth)
    error = prediction.astype(np.float32) - truth.astype(np.float32)
    mse = float(np.mean(np.square(error), dtype=np.float64))
    return PSNR_LIMIT if mse == 0 else min(PSNR_LIMIT, 10.0 * float(np.log10(255.0**2 / mse)))


def ssim(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Structural similarity, mean over pixels and channels (Wang et al. 2004).

    Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03; borders where the window does not
    fit are left out. Pictures are uint8 (H, W, C); those below 11 pixels raise ValueError.
    """
    _check(prediction, truth)
    if min(truth.shape[:2]) < 11:
        raise ValueError("SSIM needs at least 11x11 pixels")
    a, b = prediction.astype(np.float32), truth.astype(np.float32)

    def blur(values: NDArray[Any]) -> NDArray[Any]:
        return cv2.GaussianBlur(values, (11, 11), 1.5)[5:-5, 5:-5]

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return float(np.mean(similarity, dtype=np.float64))


def sharpness_ratio(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float | None:
    """Gradient energy of a picture over the truth's: below 1 is blurred, above 1 too sharp.

    The energy is the mean square of forward differences along both axes, over all channels.

    Args:
        prediction, truth: (H, W, C) uint8.

    Returns:
        None where the truth is flat.

    Raises:
        TypeError, ValueError: as ``psnr``.
    """
    _check(prediction, truth)
    energy = _gradient_energy(truth)
    return _gradient_energy(prediction) / energy if energy > 0 else None


def _gradient_energy(values: NDArray[np.uint8]) -> float:
    floats = values.astype(np.float32)
    return sum(
        float(np.mean(np.square(np.diff(floats, axis=axis)), dtype=np.float64)) for axis in (0, 1)
    )


def delta_e_2000(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Mean colour difference CIEDE2000 over the pixels of two sRGB pictures (H, W, 3) uint8.

    0 is equal, about 1 just visible side by side; see ``ciede2000``. Raises as ``psnr`` does.
    """
    _check(prediction, truth)
    difference = ciede2000(rgb_to_lab(prediction), rgb_to_lab(truth))
    return float(np.mean(difference, dtype=np.float64))


def ciede2000(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.floating]:
    """The colour difference CIEDE2000 of Lab values, with kL = kC = kH = 1.

    Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula", Color Research and Application
    30(1), 2005, whose equations the comments number.

    Args:
        first, second: (..., 3) float32 or float64, L in 0..100.

    Returns:
        (...), in the precision of the arguments.

    Raises:
        TypeError: integers.
        ValueError: shapes differ or do not end in 3.
    """
    if not all(np.issubdtype(one.dtype, np.floating) for one in (first, second)):
        raise TypeError("CIEDE2000 is defined on float Lab values")
    if first.shape != second.shape or first.shape[-1:] != (3,):
        raise ValueError(f"expected (..., 3) twice, not {first.shape} and {second.shape}")
    l1, a1, b1 = np.moveaxis(first, -1, 0)
    l2, a2, b2 = np.moveaxis(second, -1, 0)
    # 2 to 5: near grey, a is stretched.
    stretch = 1.5 - 0.5 * _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    # 6 and 7
    c1, h1 = _polar(a1 * stretch, b1)
    c2, h2 = _polar(a2 * stretch, b2)
    # 8 to 11; a hue difference beyond half a turn is taken the other way round.
    delta_l, delta_c = l2 - l1, c2 - c1
    # Exactly half a turn is not beyond, whichever way it was rounded.
    far = np.abs(h2 - h1) > math.pi + 3e-6
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin((h2 - h1) / 2)
    delta_h = np.where(far, -delta_h, delta_h)
    # 12 to 14. A grey has no hue, but there delta_h is 0 and whatever the hue weighs is, too.
    l_mean, c_mean = (l1 + l2) / 2, (c1 + c2) / 2
    hue = (h1 + h2) / 2
    hue = np.where(far, np.where(hue < math.pi, hue + math.pi, hue - math.pi), hue)
    # 15 to 21
    hue_weight = (
        1
        - 0.17 * np.cos(hue - math.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + math.radians(6))
        - 0.20 * np.cos(4 * hue - math.radians(63))
    )
    blue = np.exp(-np.square((hue - math.radians(275)) / math.radians(25)))
    rotation = -2 * _saturation(c_mean) * np.sin(math.radians(60) * blue)
    off_middle = np.square(l_mean - 50)
    delta_l = delta_l / (1 + 0.015 * off_middle / np.sqrt(20 + off_middle))
    delta_c = delta_c / (1 + 0.045 * c_mean)
    delta_h = delta_h / (1 + 0.015 * c_mean * hue_weight)
    # 22; rounding could bring the sum of equal colours below 0.
    total = delta_l**2 + delta_c**2 + delta_h**2 + rotation * delta_c * delta_h
    return np.sqrt(np.maximum(total, 0))


def _saturation(chroma: NDArray[np.floating]) -> NDArray[np.floating]:
    """0 for greys to 1 for strong colours: what both of CIEDE2000's corrections depend on."""
    seventh = chroma * np.square(chroma * chroma * chroma)
    return np.sqrt(seventh / (seventh + 25.0**7))


def _polar(
    a: NDArray[np.floating], b: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Chroma, and hue in 0..2 pi."""
    hue = np.arctan2(b, a)
    return np.hypot(a, b), np.where(hue < 0, hue + 2 * math.pi, hue)


# ``ab_auc`` looks at errors of a and b up to this, in steps of 1.
AUC_UP_TO = 150


def ab_auc(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Area under the curve of how many colours are right, 0..1: 1 is all.

    Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016, section 3.1, without their
    rebalancing: the share of pixels whose a and b are within t of the truth's, averaged over t of
    0 to 150.

    Args:
        prediction, truth: a and b as 8-bit codes, (H, W, 2) uint8.

    Raises:
        TypeError, ValueError: as ``psnr``, and for what is not (H, W, 2).
    """
    _check(prediction, truth)
    if truth.ndim != 3 or truth.shape[-1] != 2:
        raise ValueError(f"expected a and b, (H, W, 2), not {truth.shape}")
    error = prediction.astype(np.float32) - truth.astype(np.float32)
    # A pixel counts from the first whole t that is not below its error.
    first = np.ceil(np.hypot(error[..., 0], error[..., 1]))
    counts = np.maximum(AUC_UP_TO + 1 - first, 0)
    return float(np.mean(counts, dtype=np.float64)) / (AUC_UP_TO + 1)


def colorfulness(rgb: NDArray[np.uint8]) -> float:
    """How colourful a picture (H, W, 3) is, 0 for grey, about 100 for extremely.

    M3 of Hasler and Suesstrunk, "Measuring Colorfulness in Natural Images", 2003.
    """
    red, green, blue = (rgb[..., channel].astype(np.float64) for channel in range(3))
    opponents = red - green, (red + green) / 2 - blue
    spread = np.hypot(*(values.std() for values in opponents))
    mean = np.hypot(*(values.mean() for values in opponents))
    return float(spread + 0.3 * mean)


def mean_scaled(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The prediction, multiplied so that its mean luma becomes the truth's, as uint8 (H, W, 3).

    How far a low-light picture should be brightened is a matter of taste, so papers since KinD
    (Zhang et al. 2019) and LLFlow (Wang et al. 2022) also measure after this. It uses the truth:
    ``rgb_psnr_gt_mean`` is a column beside ``rgb_psnr``, never instead of it. The mean is of BT.601
    luma and is met before values are rounded and clipped to 0..255. A black prediction stays.

    Raises:
        TypeError, ValueError: as ``psnr``, and for pictures that are not (H, W, 3).
    """
    _check(prediction, truth)
    mean = float(np.mean(_luma(prediction), dtype=np.float64))
    if mean == 0:
        return prediction.copy()
    ratio = float(np.mean(_luma(truth), dtype=np.float64)) / mean
    return round_to_uint8(prediction.astype(np.float32) * np.float32(ratio))


def flat_noise(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float | None:
    """Noise where the truth is flat, in 8-bit code values of BT.601 luma.

    The standard deviation of the prediction's luma less its mean in a window of 7x7, over those
    pixels whose window is flat in the truth: there the truth's luma, after a Gaussian blur of sigma
    1, has a standard deviation below 1.5. White noise reads 1 % low, because the window's mean
    follows it. A lamp's glow or a wrong brightness does not count, being smooth.

    Returns:
        None when less than 1 % of the pixels are flat: such a picture says nothing of noise.

    Raises:
        TypeError, ValueError: as ``psnr``, and for pictures that are not (H, W, 3).
    """
    _check(prediction, truth)
    smooth = np.asarray(cv2.GaussianBlur(_luma(truth), (0, 0), 1.0), np.float32)
    smooth -= smooth.mean()  # small squares lose fewer digits below
    flat = _local_mean(smooth * smooth) - _local_mean(smooth) ** 2 < FLAT_BELOW**2
    if flat.mean() < FLAT_SHARE:
        return None
    luma = _luma(prediction)
    return float(np.std((luma - _local_mean(luma))[flat], dtype=np.float64))


def colour_cast(
    prediction: NDArray[np.uint8], truth: NDArray[np.uint8]
) -> tuple[float, float, float, float]:
    """How far a and b of CIE Lab are off on the mean, (H, W, 3) each: a cast of one colour.

    Returns:
        The absolute mean error of a and of b over the picture, then both over the tenth of its
        pixels that are brightest in the truth, where a cast is seen first.

    Raises:
        TypeError, ValueError: as ``psnr``, and for pictures that are not (H, W, 3).
    """
    _check(prediction, truth)
    wanted = rgb_to_lab(truth)
    error = (rgb_to_lab(prediction) - wanted)[..., 1:]
    bright = wanted[..., 0] >= np.quantile(wanted[..., 0], 0.9)
    means = np.abs([*error.mean((0, 1), np.float64), *error[bright].mean(0, np.float64)])
    a, b, a_bright, b_bright = (float(mean) for mean in means)
    return a, b, a_bright, b_bright


def _local_mean(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(values, (FLAT_WINDOW, FLAT_WINDOW)), np.float32)


def _luma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """BT.601 luma (H, W), 0..255."""
    if rgb.ndim != 3 or rgb.shape[-1] != 3:
        raise ValueError(f"expected a picture (H, W, 3), not {rgb.shape}")
    rows, _ = ycbcr_from_rgb_matrix()
    return np.asarray(cv2.transform(rgb.astype(np.float32), rows[:1]), np.float32)


def clipped(picture: NDArray[np.uint8]) -> float:
    """The share, 0..1, of a uint8 picture's values that are 255: highlights without detail.

    Raises:
        TypeError: not uint8.
    """
    _check(picture, picture)
    return float(np.mean(picture == 255))


def _check(prediction: NDArray[Any], truth: NDArray[Any]) -> None:
    if prediction.dtype != np.uint8 or truth.dtype != np.uint8:
        raise TypeError("metrics are defined on uint8 pictures; round and clip first")
    if prediction.shape != truth.shape:
        raise ValueError(f"shapes differ: {prediction.shape} and {truth.shape}")
