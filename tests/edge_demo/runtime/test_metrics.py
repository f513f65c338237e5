"""PSNR by hand, SSIM against scikit-image."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from edge_demo.runtime.metrics import PSNR_LIMIT, psnr, ssim


def crop(channels: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(skimage.data.astronaut()[60:124, 180:250, :channels])


def test_psnr_by_hand() -> None:
    truth = np.full((4, 5, 2), 100, np.uint8)
    assert psnr(truth + np.uint8(5), truth) == pytest.approx(10 * math.log10(255**2 / 25), abs=1e-9)
    # All channels together: an error in one of two counts half, and its sign does not matter.
    one = truth.copy()
    one[..., 1] -= 10
    assert psnr(one, truth) == pytest.approx(10 * math.log10(255**2 / 50), abs=1e-9)
    assert psnr(np.zeros((1, 1, 1), np.uint8), np.full((1, 1, 1), 255, np.uint8)) == 0


def test_psnr_ends_at_a_finite_limit() -> None:
    truth = np.zeros((2000, 2000), np.uint8)
    assert psnr(truth, truth) == PSNR_LIMIT == 100
    almost = truth.copy()
    almost[7, 7] = 1
    assert psnr(almost, truth) == PSNR_LIMIT


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_ssim_is_scikit_images(channels: int) -> None:
    truth = crop(channels)
    rng = np.random.default_rng(4)
    blurred = cv2.GaussianBlur(truth, (5, 5), 1.2).reshape(truth.shape)
    noisy = np.clip(truth + rng.normal(0, 12, truth.shape), 0, 255).astype(np.uint8)
    for prediction in (blurred, noisy, 255 - truth):
        # scikit-image leaves out the same borders as ssim does.
        expected = structural_similarity(
            truth, prediction, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            data_range=255, channel_axis=-1,
        )  # fmt: skip
        assert ssim(prediction, truth) == pytest.approx(expected, abs=1e-4)
    assert ssim(truth, truth) == pytest.approx(1)


def test_the_smallest_picture_of_ssim() -> None:
    truth = crop(2)[:11, :11]
    assert ssim(truth, truth) == pytest.approx(1)
    with pytest.raises(ValueError, match="11x11"):
        ssim(truth[:10], truth[:10])


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_only_equal_shapes_of_uint8(metric) -> None:
    truth = crop(3)
    with pytest.raises(TypeError, match="uint8"):
        metric(truth.astype(np.float32), truth)
    with pytest.raises(TypeError, match="uint8"):
        metric(truth, truth.astype(np.float32))
    with pytest.raises(ValueError, match="shapes differ"):
        metric(truth[:-1], truth)
