"""PSNR by hand, SSIM against scikit-image, CIEDE2000 against its paper, the others by hand."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from edge_demo.colour.lab import lab_to_rgb, rgb_to_lab
from edge_demo.measure.metrics import (
    PSNR_LIMIT,
    ab_auc,
    ciede2000,
    clipped,
    colour_cast,
    delta_e_2000,
    flat_noise,
    mean_scaled,
    psnr,
    ssim,
)

# Sharma, Wu and Dalal 2005, table 1: two colours in Lab, and their difference.
SHARMA = [
    (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
    (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
    (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
    (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
    (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
    (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
    (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
    (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
    (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
    (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]


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


@pytest.mark.parametrize("metric", [psnr, ssim, delta_e_2000, mean_scaled, flat_noise, colour_cast])
def test_only_equal_shapes_of_uint8(metric) -> None:
    truth = crop(3)
    with pytest.raises(TypeError, match="uint8"):
        metric(truth.astype(np.float32), truth)
    with pytest.raises(TypeError, match="uint8"):
        metric(truth, truth.astype(np.float32))
    with pytest.raises(ValueError, match="shapes differ"):
        metric(truth[:-1], truth)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_ciede2000_is_the_papers(precision) -> None:
    table = np.array(SHARMA)
    assert len(table) == 34
    first, second = table[:, :3].astype(precision), table[:, 3:6].astype(precision)
    for difference in (ciede2000(first, second), ciede2000(second, first)):
        assert difference.dtype == precision
        np.testing.assert_allclose(
            difference, table[:, 6], atol=6e-5 if precision is np.float64 else 2e-4
        )
    assert (ciede2000(first, first) == 0).all()


def test_ciede2000_refuses_what_is_no_lab() -> None:
    with pytest.raises(TypeError, match="float"):
        ciede2000(np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="3"):
        ciede2000(np.zeros((2, 4), np.float32), np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="3"):
        ciede2000(np.zeros((2, 3), np.float32), np.zeros((3, 3), np.float32))


def test_delta_e_is_the_mean_over_pixels() -> None:
    truth = np.full((4, 6, 3), 119, np.uint8)
    prediction = truth.copy()
    prediction[:, :3] = 180
    # Between greys only lightness differs, weighted by its mean's distance from 50.
    low, high = rgb_to_lab(np.array([[[119] * 3, [180] * 3]], np.uint8))[0, :, 0].tolist()
    off_middle = ((low + high) / 2 - 50) ** 2
    grey = (high - low) / (1 + 0.015 * off_middle / math.sqrt(20 + off_middle))
    assert delta_e_2000(prediction, truth) == pytest.approx(grey / 2, rel=1e-4)
    assert delta_e_2000(truth, prediction) == pytest.approx(grey / 2, rel=1e-4)
    assert delta_e_2000(truth, truth) == 0


def test_delta_e_of_photographs_is_scikit_images() -> None:
    color = pytest.importorskip("skimage.color")
    truth = crop(3)
    prediction = cv2.GaussianBlur(truth, (5, 5), 1.2)[..., ::-1].copy()
    expected = color.deltaE_ciede2000(color.rgb2lab(prediction), color.rgb2lab(truth)).mean()
    assert expected > 5
    assert delta_e_2000(prediction, truth) == pytest.approx(expected, abs=2e-3)


def test_mean_scaled_meets_the_truths_mean_luma() -> None:
    truth = crop(3)
    dark = np.rint(truth * 0.25).astype(np.uint8)
    scaled = mean_scaled(dark, truth)
    assert scaled.dtype == np.uint8 and scaled.shape == truth.shape
    assert psnr(scaled, truth) > psnr(dark, truth) + 20
    # By hand: luma 0.299 * 200 + 0.587 * 102 is 119.7, and the prediction's is half of that.
    truth = np.full((2, 2, 3), (200, 102, 0), np.uint8)
    prediction = np.full((2, 2, 3), (100, 51, 0), np.uint8)
    assert (mean_scaled(prediction, truth) == truth).all()
    # A ratio of luma, not of each channel: a colour cast stays.
    assert (mean_scaled(np.full_like(truth, 20), truth) == 120).all()
    assert (mean_scaled(truth, truth) == truth).all()


def test_mean_scaled_rounds_clips_and_leaves_black() -> None:
    prediction = np.full((1, 4, 3), 10, np.uint8)
    prediction[0, 0] = 100
    truth = np.full((1, 4, 3), 97, np.uint8)
    # 97 / 32.5 is 2.98: 100 becomes 298, and 10 becomes 29.8.
    assert mean_scaled(prediction, truth)[0, :, 0].tolist() == [255, 30, 30, 30]
    black = np.zeros_like(truth)
    result = mean_scaled(black, truth)
    assert (result == 0).all() and result is not black


def noise(shape: tuple[int, ...], sigma: float) -> NDArray[np.float64]:
    """The same in the three channels, so that it is luma's."""
    return np.random.default_rng(5).normal(0, sigma, (*shape, 1))


@pytest.mark.parametrize("sigma", [2, 6])
def test_flat_noise_is_the_noise(sigma: float) -> None:
    truth = np.full((120, 160, 3), 100, np.uint8)
    noisy = np.rint(truth + noise((120, 160), sigma)).astype(np.uint8)
    assert flat_noise(noisy, truth) == pytest.approx(sigma, rel=0.03)
    assert flat_noise(truth, truth) == 0


def test_flat_noise_sees_neither_edges_nor_glow() -> None:
    truth = np.full((120, 160, 3), 60, np.uint8)
    truth[:, 80:] = 200
    texture = 40 * np.sin(np.arange(60))[:, None, None]
    truth[:60, :80] = np.rint(100 + texture)  # rows of stripes
    noisy = truth + noise((120, 160), 3)
    noisy[:60, :80] += 10 * texture[:, :, 0][..., None]  # far off, but not where the truth is flat
    glow = np.linspace(0, 30, 160)[None, :, None]
    both = np.clip(np.rint(noisy * 0.8 + glow), 0, 255).astype(np.uint8)
    assert flat_noise(both, truth) == pytest.approx(3 * 0.8, rel=0.05)
    # Noise of the truth itself does not count, unless it is strong.
    grainy = np.rint(truth + noise((120, 160), 1)).astype(np.uint8)
    assert flat_noise(both, grainy) == pytest.approx(3 * 0.8, rel=0.05)


def test_flat_noise_of_a_picture_without_flat_parts() -> None:
    truth = np.random.default_rng(1).integers(0, 256, (100, 100, 3), np.uint8)
    assert flat_noise(truth, truth) is None
    truth[20:32, 20:32] = 90  # less than 1 % is flat after the window
    assert flat_noise(truth, truth) is None
    truth[20:50, 20:50] = 90
    assert flat_noise(truth, truth) == 0


def test_clipped_is_the_share_of_values() -> None:
    picture = np.full((2, 5, 3), 254, np.uint8)
    assert clipped(picture) == 0
    picture[0, 0] = 255
    picture[1, 1, 2] = 255
    assert clipped(picture) == pytest.approx(4 / 30)
    with pytest.raises(TypeError, match="uint8"):
        clipped(picture.astype(np.float32))


@pytest.mark.parametrize("metric", [mean_scaled, flat_noise])
def test_luma_is_of_rgb(metric) -> None:
    with pytest.raises(ValueError, match="H, W, 3"):
        metric(crop(2), crop(2))


def test_a_cast_is_the_mean_error_of_a_and_b(natural: NDArray[np.uint8]) -> None:
    assert colour_cast(natural, natural) == (0, 0, 0, 0)
    lab = rgb_to_lab(natural)
    bright = lab[..., 0] >= np.quantile(lab[..., 0], 0.9)
    tinted = lab + np.float32([0, 3, -5]) * ~bright[..., None]
    found = colour_cast(lab_to_rgb_codes(tinted), natural)
    # Of nine pixels in ten; some colours are out of gamut, and 8 bits round.
    assert found[:2] == pytest.approx((2.7, 4.5), abs=0.4)
    assert max(found[2:]) < 0.2


def lab_to_rgb_codes(lab: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(lab_to_rgb(lab)), 0, 255).astype(np.uint8)


def test_auc_counts_what_is_right_up_to_each_error() -> None:
    truth = np.full((4, 4, 2), 128, np.uint8)
    assert ab_auc(truth, truth) == 1.0
    off = truth.copy()
    off[..., 0] += 30
    off[..., 1] += 40  # an error of 50: right from t = 50 on, of 151
    assert ab_auc(off, truth) == pytest.approx(101 / 151)
    off[:2] = truth[:2]
    assert ab_auc(off, truth) == pytest.approx((101 / 151 + 1) / 2)
    # Further off than is looked at.
    far = np.zeros((4, 4, 2), np.uint8)
    assert ab_auc(far, truth) == 0.0
    with pytest.raises(ValueError, match="a and b"):
        ab_auc(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8))
