"""Lab against published values, the formula in float64, and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.lab import lab_to_rgb, lightness, rgb_to_lab

# Code values, and Lab as Lindbloom's calculator (brucelindbloom.com) and most tables print it; they
# round the matrix to six or four digits, hence two decimals.
PUBLISHED = [
    ((255, 255, 255), (100, 0, 0)),
    ((0, 0, 0), (0, 0, 0)),
    ((255, 0, 0), (53.24, 80.09, 67.20)),
    ((0, 255, 0), (87.74, -86.18, 83.18)),
    ((0, 0, 255), (32.30, 79.19, -107.86)),
    ((0, 255, 255), (91.11, -48.09, -14.13)),
    ((255, 0, 255), (60.32, 98.24, -60.83)),
    ((255, 255, 0), (97.14, -21.55, 94.48)),
    ((119, 119, 119), (50.03, 0, 0)),
]


def every_fifth() -> NDArray[np.uint8]:
    """Colours through the whole cube, its corners included, as a picture."""
    steps = np.arange(0, 256, 5, dtype=np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(52 * 4, -1, 3)


def formula(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """IEC 61966-2-1 and CIE 15, in float64, with the matrix of Lindbloom's table for sRGB."""
    coded = rgb / 255.0
    linear = np.where(coded > 0.04045, ((coded + 0.055) / 1.055) ** 2.4, coded / 12.92)
    rows = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    t = linear @ (rows / rows.sum(1, keepdims=True)).T
    x, y, z = np.moveaxis(np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


@pytest.mark.parametrize(("rgb", "lab"), PUBLISHED)
def test_published_values(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    pixel = np.array([[rgb]], np.uint8)
    assert rgb_to_lab(pixel)[0, 0] == pytest.approx(lab, abs=0.012)
    # Where a channel is 0, its code values change fastest: two decimals are worth half of one.
    assert lab_to_rgb(np.array([[lab]]))[0, 0] == pytest.approx(rgb, abs=0.62)


def test_the_whole_cube_by_the_formula() -> None:
    rgb = every_fifth()
    lab = rgb_to_lab(rgb)
    assert lab.dtype == np.float32 and lab.shape == rgb.shape
    np.testing.assert_allclose(lab, formula(rgb), atol=0.016)


def test_the_whole_cube_as_scikit_image() -> None:
    color = pytest.importorskip("skimage.color")
    rgb = every_fifth()
    np.testing.assert_allclose(rgb_to_lab(rgb), color.rgb2lab(rgb), atol=0.016)
    np.testing.assert_allclose(lab_to_rgb(color.rgb2lab(rgb)), rgb, atol=0.5)


def test_there_and_back() -> None:
    rgb = every_fifth()
    back = lab_to_rgb(rgb_to_lab(rgb))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, rgb, atol=0.02)


def test_floats_are_code_values_with_fractions() -> None:
    rgb = every_fifth()
    np.testing.assert_allclose(rgb_to_lab(rgb.astype(np.float64)), rgb_to_lab(rgb), atol=1e-4)
    between = rgb_to_lab(np.full((1, 1, 3), 119.5, np.float32))[0, 0, 0]
    below, above = rgb_to_lab(np.array([[[119] * 3, [120] * 3]], np.uint8))[0, :, 0]
    assert between == pytest.approx((below + above) / 2, abs=1e-3)


def test_greys_are_neutral() -> None:
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    lab = rgb_to_lab(greys)
    assert np.abs(lab[..., 1:]).max() < 2e-4
    assert (np.diff(lab[0, :, 0]) > 0.2).all()


def test_out_of_range_is_neither_clipped_nor_lost() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.uniform(-60, 320, (40, 40, 3)).astype(np.float32)
    np.testing.assert_allclose(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=0.05)
    # Full saturation at the lightness of white: no sRGB colour.
    rgb = lab_to_rgb(np.array([[[100, -100, 0]]], np.float32))
    assert rgb.min() < -50 and rgb.max() > 255


def test_sources_need_not_be_contiguous() -> None:
    rgb = every_fifth()
    lab = rgb_to_lab(rgb)
    # Not equal to the last bit: OpenCV rounds the end of a row differently.
    np.testing.assert_allclose(rgb_to_lab(rgb[::3, ::-2]), lab[::3, ::-2], atol=1e-3)
    back = lab_to_rgb(lab)
    np.testing.assert_allclose(lab_to_rgb(lab[::3, ::-2]), back[::3, ::-2], atol=1e-2)


def test_lightness_alone_is_that_of_lab() -> None:
    for rgb in (every_fifth(), every_fifth().astype(np.float32) * np.float32(1.3) - 20):
        np.testing.assert_allclose(lightness(rgb), rgb_to_lab(rgb)[..., 0], atol=2e-4)


def test_what_is_refused() -> None:
    for convert in (rgb_to_lab, lightness):
        with pytest.raises(TypeError, match="uint16"):
            convert(np.zeros((2, 2, 3), np.uint16))
    for convert in (rgb_to_lab, lightness, lab_to_rgb):
        for shape in ((2, 2), (2, 2, 4), (2, 3)):
            with pytest.raises(ValueError, match="H, W, 3"):
                convert(np.zeros(shape, np.float32))
