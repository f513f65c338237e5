"""Resampling that knows where chroma samples lie, against positions written out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.siting import (
    BASELINES,
    KERNELS,
    SITINGS,
    agreeing,
    back_project,
    baseline,
    check_siting,
    cosited,
    downsample,
    halved,
    phase_taps,
    upsample,
)
from edge_demo.errors import UserError

# Position of chroma sample 0 in luma pixels, (row, column): what the standards draw.
FIRST_SAMPLE = {"center": (0.5, 0.5), "left": (0.5, 0.0), "topleft": (0.0, 0.0)}
ODD_SIZES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (3, 5), (6, 7), (7, 6)]


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0, 255, (height, width, 2)).astype(np.float32)


def ramp(height: int, width: int, row: float, column: float, step: int) -> NDArray[np.float32]:
    """Channel 0: 3 times the row's position in luma pixels; channel 1: 5 times the column's."""
    rows, columns = np.mgrid[0:height, 0:width]
    both = [3 * (row + step * rows), 5 * (column + step * columns)]
    return np.stack(both, axis=-1).astype(np.float32)


def test_every_siting_has_a_position() -> None:
    assert set(FIRST_SAMPLE) == set(SITINGS)
    for siting, (row, column) in FIRST_SAMPLE.items():
        assert cosited(siting) == (row == 0, column == 0)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("siting", SITINGS)
def test_upsampling_reproduces_a_ramp(siting: str, kernel: str) -> None:
    """A filter at a wrong phase would give the ramp shifted: off by 1.5 or 2.5."""
    low = ramp(24, 28, *FIRST_SAMPLE[siting], step=2)
    expected = ramp(48, 56, 0, 0, step=1)
    inside = np.s_[8:-8, 8:-8]
    # Bilinear is exact; the others keep straight lines only nearly straight.
    allowed = {"bilinear": 1e-4, "bicubic": 0.5, "lanczos4": 0.2}[kernel]
    error = upsample(low, (48, 56), siting, kernel)[inside] - expected[inside]
    assert np.abs(error).max() <= allowed
    for other in set(SITINGS) - {siting}:
        wrong = upsample(low, (48, 56), other, kernel)[inside] - expected[inside]
        assert np.abs(wrong).max() > 1.4


@pytest.mark.parametrize("siting", SITINGS)
def test_downsampling_takes_the_value_where_the_sample_lies(siting: str) -> None:
    low = downsample(ramp(20, 22, 0, 0, step=1), siting)
    expected = ramp(10, 11, *FIRST_SAMPLE[siting], step=2)
    assert np.abs(low - expected)[1:-1, 1:-1].max() < 1e-4


@pytest.mark.parametrize(
    ("kernel", "flag", "allowed"),
    [
        ("bilinear", cv2.INTER_LINEAR, 1e-3),
        ("bicubic", cv2.INTER_CUBIC, 1e-3),
        ("lanczos4", cv2.INTER_LANCZOS4, 0.5),
    ],
)
def test_centre_siting_is_cv2_resize(kernel: str, flag: int, allowed: float) -> None:
    low = noise(13, 17)
    expected = cv2.resize(low, (34, 26), interpolation=flag)
    assert np.abs(upsample(low, (26, 34), "center", kernel) - expected).max() <= allowed


def test_centre_halving_is_the_blocks_mean() -> None:
    full = noise(12, 14)
    expected = cv2.resize(full, (7, 6), interpolation=cv2.INTER_AREA)
    assert np.abs(downsample(full, "center") - expected).max() < 1e-3


def test_left_halving_by_hand() -> None:
    """(1, 2, 1) / 4 along rows, the edge repeated; the mean of two down columns."""
    full = np.zeros((2, 6, 1), np.float32)
    full[0, :, 0] = [8, 16, 40, 0, 80, 24]
    full[1] = full[0]
    expected = [(8 + 16 + 16) / 4, (16 + 80 + 0) / 4, (0 + 160 + 24) / 4]
    assert downsample(full, "left")[0, :, 0].tolist() == expected
    turned = full.swapaxes(0, 1)
    assert downsample(turned, "topleft")[:, 0, 0].tolist() == expected
    assert downsample(turned, "left")[:, 0, 0].tolist() == [12, 20, 52]


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("size", ODD_SIZES)
def test_odd_sizes(size: tuple[int, int], siting: str) -> None:
    height, width = size
    half = (height + 1) // 2, (width + 1) // 2
    full = noise(height, width)
    low = downsample(full, siting)
    assert low.shape == (*half, 2) and low.dtype == np.float32
    # An odd last row or column stands twice.
    even = np.pad(full, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    assert np.array_equal(low, downsample(even, siting))
    for kernel in KERNELS:
        up = upsample(low, size, siting, kernel)
        assert up.shape == (height, width, 2) and up.dtype == np.float32
        whole = upsample(low, (2 * half[0], 2 * half[1]), siting, kernel)
        assert np.array_equal(up, whole[:height, :width])


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("siting", SITINGS)
def test_a_flat_picture_stays_flat(siting: str, name: str) -> None:
    low = np.full((3, 4, 2), 77, np.uint8)
    assert np.abs(baseline(name, low, (5, 8), siting) - 77).max() < 1e-3


@pytest.mark.parametrize("siting", SITINGS)
def test_channels_do_not_mix(siting: str) -> None:
    low = noise(6, 5)
    both = baseline("lanczos4_bp", low, (12, 10), siting)
    for channel in range(2):
        alone = baseline("lanczos4_bp", low[..., [channel]], (12, 10), siting)
        assert np.abs(alone[..., 0] - both[..., channel]).max() < 1e-3


@pytest.mark.parametrize("siting", SITINGS)
def test_back_projection_gives_the_low_plane_back(siting: str) -> None:
    low = noise(16, 15, seed=3)
    errors = [
        np.abs(downsample(back_project(low, (32, 30), siting, "lanczos4", times), siting) - low)
        for times in (0, 1, 3, 30)
    ]
    means = [float(error.mean()) for error in errors]
    assert means[0] > 1.5 * means[1] > 3 * means[2]
    assert means[3] < 0.02 * means[0]


def test_baselines_are_what_they_are_called() -> None:
    low = noise(5, 6)
    for name in KERNELS:
        expected = upsample(low, (10, 12), "left", name)
        assert np.array_equal(baseline(name, low, (10, 12), "left"), expected)
    expected = back_project(low, (10, 12), "left", "lanczos4", times=3)
    assert np.array_equal(baseline("lanczos4_bp", low, (10, 12), "left"), expected)
    assert list(BASELINES) == [*KERNELS, "lanczos4_bp"]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("phase", [-0.25, 0.0, 0.25, 0.5])
def test_taps_sum_to_one_and_mirror(kernel: str, phase: float) -> None:
    taps, first = phase_taps(kernel, phase)
    assert taps.sum() == pytest.approx(1, abs=1e-6)
    mirrored, other_first = phase_taps(kernel, -phase)
    assert np.array_equal(taps, mirrored[::-1])
    assert first == -(other_first + len(mirrored) - 1)


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match=r"'middle'.*center, left, topleft"):
        check_siting("middle")
    with pytest.raises(UserError, match=r"'nearest'.*bilinear, bicubic, lanczos4"):
        baseline("nearest", noise(2, 2), (4, 4), "center")
    with pytest.raises(ValueError, match="2x2 does not fit luma of 4x5"):
        upsample(noise(2, 2), (4, 5), "center", "bilinear")


@pytest.mark.parametrize("size", [(8, 12), (7, 13), (1, 1)])
@pytest.mark.parametrize("steps", [(1, 2), (2, 1), (1, 4), (2, 2)])
def test_other_subsampling_becomes_420_and_holds_in_the_end(
    steps: tuple[int, int], size: tuple[int, int]
) -> None:
    height, width = size
    low = -(-height // steps[0]), -(-width // steps[1])
    own = np.random.default_rng(0).uniform(0, 255, (*low, 2)).astype(np.float32)
    half = halved(own, steps, size)
    assert half.shape == ((height + 1) // 2, (width + 1) // 2, 2)
    if steps == (2, 2):
        np.testing.assert_array_equal(half, own)
    # a ramp keeps its place: samples lie between the pixels that share them
    ramp = (np.arange(low[1], dtype=np.float32) + 0.5) * steps[1]
    ramp = np.broadcast_to(ramp[None, :, None], (*low, 1))
    found = halved(ramp, steps, size)[0, :, 0]
    inner = slice(1, max(1, (width // 4) * 2 - 2))
    np.testing.assert_allclose(found[inner], (np.arange(len(found))[inner] + 0.5) * 2, atol=1e-4)
    full = agreeing(np.zeros((height, width, 2), np.float32), own, steps)
    down, across = steps
    whole = full[: height // down * down, : width // across * across]
    means = whole.reshape(height // down, down, width // across, across, 2).mean((1, 3))
    np.testing.assert_allclose(means, own[: height // down, : width // across], atol=1e-3)
