"""Picture quality on 8-bit values, as stated in every table of this project."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# PSNR of identical pictures would be infinite, which JSON cannot hold.
PSNR_LIMIT = 100.0


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


def _check(prediction: NDArray[Any], truth: NDArray[Any]) -> None:
    if prediction.dtype != np.uint8 or truth.dtype != np.uint8:
        raise TypeError("metrics are defined on uint8 pictures; round and clip first")
    if prediction.shape != truth.shape:
        raise ValueError(f"shapes differ: {prediction.shape} and {truth.shape}")
