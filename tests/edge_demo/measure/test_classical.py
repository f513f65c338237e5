"""The classical low-light methods: each by hand or against OpenCV's own, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.lab import lab_to_rgb, rgb_to_lab
from edge_demo.colour.ycbcr import rgb_to_ycbcr
from edge_demo.measure import metrics
from edge_demo.measure.classical import (
    GAMMA,
    METHODS,
    STAGES,
    Settings,
    classical,
    equalised,
    gamma,
)


def photograph() -> NDArray[np.uint8]:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[60:188, 150:310])


def dark(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As a camera would see it with too little light: linear, with noise, mean about 11."""
    rng = np.random.default_rng(0)
    light = 0.04 * (rgb / 255.0) ** 2.2 + rng.normal(0, 1e-3, rgb.shape)
    return np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2) * 0.5).astype(np.uint8)


def only(*order: str, **values: float) -> Settings:
    return replace(Settings(), order=order, **values)


def test_the_names_are_those_of_the_tables() -> None:
    assert list(METHODS) == ["input", "gamma", "equalised", "classical", "classical_whole"]
    rgb = dark(photograph())
    assert METHODS["input"](rgb) is rgb


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_returns_another_picture_of_the_same_size(name: str) -> None:
    rgb = dark(photograph())
    before = rgb.copy()
    result = METHODS[name](rgb)
    assert result.dtype == np.uint8 and result.shape == rgb.shape
    assert (rgb == before).all()
    assert (METHODS[name](rgb) == result).all()
    # A view with gaps, as a crop or a mirrored picture is.
    view = rgb[::2, ::-1]
    assert (METHODS[name](view) == METHODS[name](view.copy())).all()


@pytest.mark.parametrize("name", ["gamma", "equalised", "classical", "classical_whole"])
def test_every_method_brings_a_dark_picture_nearer_to_the_truth(name: str) -> None:
    truth = photograph()
    rgb = dark(truth)
    assert rgb.mean() < 20
    assert metrics.psnr(METHODS[name](rgb), truth) > metrics.psnr(rgb, truth) + 4


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 3)])
@pytest.mark.parametrize("value", [0, 7, 255])
def test_tiny_and_plain_pictures(name: str, size: tuple[int, int], value: int) -> None:
    result = METHODS[name](np.full((*size, 3), value, np.uint8))
    assert result.shape == (*size, 3)
    # What was plain stays plain, and grey.
    assert result.min() == result.max()


@pytest.mark.parametrize("name", list(METHODS))
def test_what_is_no_picture_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match="uint8"):
        METHODS[name](np.zeros((4, 4, 3), np.float32))
    for shape in ((4, 4), (4, 4, 1), (4, 4, 4)):
        with pytest.raises(ValueError, match="H, W, 3"):
            METHODS[name](np.zeros(shape, np.uint8))


def test_gamma_by_hand() -> None:
    rgb = np.array([[[0, 16, 255], [64, 128, 1]]], np.uint8)
    # 255 * (16 / 255) ** 0.5 is 63.87, and so on.
    assert gamma(rgb, 0.5).tolist() == [[[0, 64, 255], [128, 181, 16]]]
    assert (gamma(rgb, 1.0) == rgb).all()
    assert (gamma(rgb) == gamma(rgb, GAMMA)).all()
    assert (classical(rgb, only("gamma", exponent=0.5)) == gamma(rgb, 0.5)).all()


def test_equalised_is_opencvs_on_luma_and_leaves_chroma() -> None:
    grey = dark(photograph())[..., :1]
    result = equalised(np.repeat(grey, 3, axis=2))
    assert (result == cv2.equalizeHist(grey)[..., None]).all()
    assert np.ptp(grey) < 60 and np.ptp(result) == 255
    # Few colours, so that little leaves RGB's range.
    rgb = np.rint(110 + 0.05 * photograph()).astype(np.uint8)
    before, after = rgb_to_ycbcr(rgb), rgb_to_ycbcr(equalised(rgb))
    inside = np.abs(after[..., 0] - 128) < 90
    assert inside.mean() > 0.5
    assert np.abs(after - before)[inside][:, 1:].max() < 1.5
    assert np.ptp(after[..., 0]) > 10 * np.ptp(before[..., 0])


def test_stretch_is_of_percentiles_and_keeps_the_colour() -> None:
    values = np.arange(100, dtype=np.uint8).reshape(10, 10)
    rgb = np.repeat(values[..., None], 3, axis=2)
    result = classical(rgb, only("stretch", black=10, white=90)).reshape(100, 3)[:, 0]
    # A tenth of the values is below what becomes 0, and a tenth above what becomes 255.
    assert (result[:11] == 0).all() and (result[11] > 0)
    assert (result[88] < 255) and (result[89:] == 255).all()
    assert np.abs(np.diff(result[10:90].astype(int), 2)).max() <= 1
    # The channels are stretched alike, from the least value to the greatest.
    tinted = np.tile(np.array([40, 20, 10], np.uint8), (8, 8, 1))
    result = classical(tinted, only("stretch", black=0, white=100))
    assert (result[0, 0] == (255, 85, 0)).all()


def test_denoising_takes_the_noise_and_leaves_edges() -> None:
    clean = np.full((60, 80, 3), 60, np.uint8)
    clean[:, 40:] = 200
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 6, clean.shape), 0, 255)
    noisy = np.rint(noisy).astype(np.uint8)
    result = classical(noisy, only("denoise"))
    before, after = metrics.flat_noise(noisy, clean), metrics.flat_noise(result, clean)
    assert before is not None and after is not None and after < 0.5 * before
    assert np.abs(result.astype(int)[:, 38:42] - clean[:, 38:42]).max() < 20


@pytest.mark.parametrize("tiles", [1, 4])
def test_clahe_is_opencvs_on_lightness_and_leaves_the_hue(tiles: int) -> None:
    rgb = photograph()
    settings = only("clahe", clip=2.0, tiles=tiles)
    values = STAGES["clahe"](rgb.astype(np.float32), settings)
    lab = rgb_to_lab(rgb)
    coarse = np.rint(lab[..., 0] * 2.55).astype(np.uint8)
    expected = cv2.createCLAHE(2.0, (tiles, tiles)).apply(coarse) / 2.55
    after = rgb_to_lab(values)
    fits = (values > 0.5).all(-1) & (values < 254.5).all(-1)
    assert fits.mean() > 0.5
    # 8 bits of lightness are half of 0.39 off at most.
    assert np.abs(after[..., 0] - expected)[fits].max() < 0.25
    assert np.abs(after[..., 1:] - lab[..., 1:])[fits].max() < 0.05
    assert np.abs(after[..., 0] - lab[..., 0])[fits].max() > 5


def test_clahe_keeps_fractions() -> None:
    """What gamma gave the shadows is not rounded away again."""
    lab = np.zeros((16, 400, 3), np.float32)
    lab[..., 0] = np.linspace(30, 34, 400)
    result = STAGES["clahe"](lab_to_rgb(lab), only(clip=1.0, tiles=1))
    assert len(np.unique(result[0, :, 0])) > 300


def test_sharpening_by_hand() -> None:
    rgb = np.full((40, 40, 3), 100, np.uint8)
    rgb[:, 20:] = 140
    result = classical(rgb, only("sharpen", amount=0.5, sharpen_reach=2.0))
    # Beside the edge the blur is about 120 -/+ 4, so that half of what it took is added.
    assert 90 <= result[20, 19, 0] <= 93 and 147 <= result[20, 20, 0] <= 150
    assert (result[:, :10] == 100).all() and (result[:, -10:] == 140).all()
    assert (classical(rgb, only("sharpen", amount=0.0)) == rgb).all()


def test_stages_run_in_the_order_given() -> None:
    rgb = dark(photograph())
    first, second = only("gamma", "stretch"), only("stretch", "gamma")
    by_hand = rgb.astype(np.float32)
    for name in second.order:
        by_hand = STAGES[name](by_hand, second)
    assert (classical(rgb, second) == np.rint(by_hand)).all()
    assert (classical(rgb, first) != classical(rgb, second)).any()
    assert (classical(rgb, only()) == rgb).all()
