"""What is measured on a picture: each measure moves with its fault, and hardly with others."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from datasets.cleaning import colours, sharpness, subsampling
from datasets.cleaning.verdicts import Thresholds
from edge_demo.colour.lab import lab_to_rgb, rgb_to_lab
from edge_demo.colour.ycbcr import rgb_to_ycbcr, ycbcr_to_rgb
from tests import faults

LIMITS = Thresholds()


def test_a_good_photograph_is_within_every_limit(natural: np.ndarray) -> None:
    found = colours.measure(natural)
    assert found["spread"] > 10 * LIMITS.spread and found["channel"] > 0.3
    assert found["ends"] < 25 and found["tint"] < 0.1 and found["clipped"] < 0.2
    assert sharpness.blur(natural) < 0.3
    traces = subsampling.measure(natural)
    assert traces["period"] < 0 and traces["gap"] < 15


@pytest.mark.parametrize("manner", faults.MONOCHROME)
def test_monochrome(natural: np.ndarray, manner: str) -> None:
    spoilt = faults.MONOCHROME[manner](natural, random.Random(1))
    assert colours.measure(spoilt)["spread"] < LIMITS.spread


def test_spread_is_what_lightness_does_not_explain() -> None:
    """A ramp through many colours has none; the same ramp beside another colour has some."""
    ramp = np.linspace(0, 255, 256)[None, :, None] * np.array([1.0, 0.8, 0.5])
    ramp = np.repeat(ramp, 64, axis=0).astype(np.uint8)
    assert colours.measure(ramp)["spread"] < 0.5
    assert colours.measure(ramp)["ends"] > 4
    both = np.concatenate([ramp, ramp[..., ::-1]])
    assert colours.measure(both)["spread"] > 10


@pytest.mark.parametrize("manner", faults.SKEWED)
def test_skewed(natural: np.ndarray, manner: str) -> None:
    found = colours.measure(faults.SKEWED[manner](natural, random.Random(1)))
    assert (
        found["tint"] > LIMITS.tint
        or found["ends"] > LIMITS.ends
        or found["clipped"] > LIMITS.clipped
        or found["channel"] < LIMITS.channel
    )


def test_a_landscape_of_one_colour_has_no_tint() -> None:
    """Things of one colour leave white and grey what they are; light of one colour does not."""
    rng = np.random.default_rng(0)
    light = rng.uniform(0.3, 1.0, (96, 96, 1))
    meadow = light * np.array([60.0, 160.0, 40.0])
    meadow[:10] = light[:10] * 230  # clouds
    meadow = meadow.astype(np.uint8)
    found = colours.measure(meadow)
    assert found["tint"] < 0.1 and found["clipped"] == 0
    assert colours.measure((meadow * [0.3, 1.0, 0.3]).astype(np.uint8))["tint"] > LIMITS.tint


def test_a_change_of_colour_moves_blacks_and_whites(natural: np.ndarray) -> None:
    """Both, and to the same side; a red shadow below a blue sky is nothing strange."""
    lab = rgb_to_lab(natural)
    lab[..., 1:] += 45
    moved = np.clip(np.rint(lab_to_rgb(lab)), 0, 255).astype(np.uint8)
    assert colours.measure(moved)["ends"] > LIMITS.ends
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:32], halves[32:] = (60, 0, 0), (150, 190, 255)
    rest = np.random.default_rng(0).integers(90, 160, (64, 64, 3)).astype(np.uint8)
    assert colours.measure(np.concatenate([halves, rest]))["ends"] < 0.6 * LIMITS.ends


def test_colours_at_both_ends_of_the_range_are_clipped(natural: np.ndarray) -> None:
    white, grey = np.full((64, 64, 3), 255, np.uint8), np.full((64, 64, 3), 128, np.uint8)
    assert colours.measure(white)["clipped"] == colours.measure(grey)["clipped"] == 0
    for colour in ((255, 200, 180), (0, 90, 60)):
        half = np.concatenate([grey, np.full((64, 64, 3), colour, np.uint8)])
        assert colours.measure(half)["clipped"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("manner", faults.BLURRY)
def test_blurry(natural: np.ndarray, manner: str) -> None:
    assert sharpness.blur(faults.BLURRY[manner](natural, random.Random(1))) > LIMITS.blur


def test_blur_grows_with_the_blur_and_not_with_contrast(natural: np.ndarray) -> None:
    values = [sharpness.blur(natural)]
    values += [sharpness.blur(cv2.GaussianBlur(natural, (0, 0), sigma)) for sigma in (0.5, 1, 2, 4)]
    assert values == sorted(values) and values[-1] > 0.85
    pale = (natural // 3 + 80).astype(np.uint8)
    assert abs(sharpness.blur(pale) - values[0]) < 0.05


@pytest.mark.parametrize("turned", [False, True])
def test_motion_in_one_direction_counts(natural: np.ndarray, turned: bool) -> None:
    kernel = np.full((1, 13), 1 / 13, np.float32)
    moved = cv2.filter2D(natural, -1, kernel.T if turned else kernel)
    assert sharpness.blur(moved) > LIMITS.blur


@pytest.mark.parametrize("manner", faults.SUBSAMPLED)
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (3, 5)])
def test_every_way_to_interpolate_leaves_a_period(
    natural: np.ndarray, manner: str, shift: tuple[int, int]
) -> None:
    """Also when the picture was cropped afterwards, by odd numbers of pixels."""
    spoilt = faults.SUBSAMPLED[manner](natural, random.Random(1))[shift[0] :, shift[1] :]
    assert subsampling.measure(spoilt)["period"] > 10 * LIMITS.period


def test_the_grid_of_full_jpegs_is_no_period_of_two(natural: np.ndarray) -> None:
    for quality in (60, 75, 90, 97):
        kept = faults.through_jpeg(
            natural, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        )  # fmt: skip
        assert subsampling.measure(kept)["period"] < LIMITS.period


def test_an_ideal_filter_leaves_a_gap(natural: np.ndarray) -> None:
    """It has no period, as it is the same for every pixel."""
    ycbcr = rgb_to_ycbcr(natural)
    for channel in (1, 2):
        bands = np.fft.fft2(ycbcr[..., channel])
        down, right = (np.abs(np.fft.fftfreq(n)) > 0.24 for n in natural.shape[:2])
        bands[down] = 0
        bands[:, right] = 0
        ycbcr[..., channel] = np.fft.ifft2(bands).real
    spoilt = np.clip(np.rint(ycbcr_to_rgb(ycbcr)), 0, 255).astype(np.uint8)
    assert subsampling.measure(spoilt)["gap"] > LIMITS.gap


def test_pictures_too_small_to_tell(natural: np.ndarray) -> None:
    assert subsampling.measure(natural[:47, :80]) == {}
    assert "period" in subsampling.measure(natural[:48, :80])


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_pictures_have_numbers_too(value: int) -> None:
    flat = np.full((64, 64, 3), value, np.uint8)
    found = colours.measure(flat) | subsampling.measure(flat) | {"blur": sharpness.blur(flat)}
    assert all(np.isfinite(number) for number in found.values())
    assert found["spread"] < LIMITS.spread
