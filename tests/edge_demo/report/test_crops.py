"""Crops: where they are cut, and what they show of each method."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.measure import metrics, quality, restoration
from edge_demo.report import crops
from edge_demo.tasks import chroma
from tests.pages import Page, pixels

CHROMA, ENHANCE = restoration.of("chroma"), restoration.of("enhance")


def sample(name: str, rgb: NDArray[np.uint8], siting: str = "center") -> quality.Sample:
    return quality.Sample(Path(name), rgb, chroma.degrade(rgb, siting))


def planted(height: int = 200, width: int = 300) -> NDArray[np.uint8]:
    """Smooth grey with a patch of colour noise around (140..160, 210..230)."""
    rgb = np.full((height, width, 3), 120, np.uint8)
    rgb[140:160, 210:230] = np.random.default_rng(0).integers(0, 256, (20, 20, 3))
    return rgb


def test_the_window_holds_what_bilinear_gets_wrong() -> None:
    (top, left, height, width), error = crops.telling_window(CHROMA, sample("a", planted()), 64)
    assert (height, width) == (64, 64)
    assert top % 2 == left % 2 == 0
    assert top <= 138
    assert left <= 208
    assert top + 64 >= 162
    assert left + 64 >= 232
    assert error > 0


def test_the_window_can_be_where_one_method_loses_against_another() -> None:
    rgb = planted()
    bilinear = CHROMA.baselines()["bilinear"]

    def worse(planes: chroma.Planes) -> NDArray[np.uint8]:
        cbcr = bilinear(planes).copy()
        cbcr[20:30, 40:50] ^= 1  # a little, and not where bilinear errs
        return cbcr

    (top, left, _, _), error = crops.telling_window(CHROMA, sample("a", rgb), 16, worse, bilinear)
    assert 14 <= top <= 20 and 34 <= left <= 40
    assert error == pytest.approx(100 / 16**2)
    page = crops.crops(
        CHROMA, [sample("a", rgb)], {"b": bilinear, "w": worse}, side=16, suspect=("w", "b")
    )
    assert "where w loses most against b" in page and f"({left}, {top})" in page


@pytest.mark.parametrize("shape", [(64, 64), (33, 47), (64, 65), (201, 20)])
def test_small_and_odd_pictures_have_a_window(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    (top, left, height, width), _ = crops.telling_window(CHROMA, sample("a", rgb))
    assert height == min(64, shape[0])
    assert width == min(64, shape[1])
    assert top + height <= shape[0]
    assert left + width <= shape[1]
    Page(crops.crops(CHROMA, [sample("a", rgb)], CHROMA.baselines()))


@pytest.mark.parametrize("siting", ["center", "left", "topleft"])
def test_crops_show_each_method_and_its_error(siting: str, photograph: NDArray[np.uint8]) -> None:
    methods = {name: CHROMA.baselines()[name] for name in ("bilinear", "lanczos4_bp")}
    page = Page(crops.crops(CHROMA, [sample("p.png", photograph, siting)], methods, side=48))
    images = page.all("img")
    labels = [data for tag, data in page.text if tag == "b"]
    assert labels == ["input (4:2:0)", "bilinear", "lanczos4_bp", "truth"]
    assert len(images) == 8

    (top, left, height, width), _ = crops.telling_window(
        CHROMA, sample("p.png", photograph, siting), 48
    )
    inside = np.s_[top : top + height, left : left + width]
    planes, truth = chroma.degrade(photograph, siting), chroma.target(photograph)[inside]
    notes = [data for tag, data in page.text if tag == "figcaption" and data.strip()]
    for index, name in enumerate(methods, start=1):
        # What is made of a crop and its surroundings is what is made of the whole.
        cbcr = np.ascontiguousarray(methods[name](planes)[inside])
        assert np.array_equal(pixels(images[2 * index]), restoration.to_rgb(planes.y[inside], cbcr))
        assert notes[index] == f"{metrics.psnr(cbcr, np.ascontiguousarray(truth)):.2f} dB"
    assert np.array_equal(pixels(images[6]), photograph[inside])


def test_a_perfect_method_has_a_grey_error() -> None:
    rgb = planted()

    def perfect(planes: chroma.Planes) -> NDArray[np.uint8]:
        (top, left, _, _), _ = crops.telling_window(CHROMA, sample("a", rgb))
        first, start = max(0, top - 64), max(0, left - 64)
        height, width = planes.size
        return chroma.target(rgb)[first : first + height, start : start + width]

    images = Page(crops.crops(CHROMA, [sample("a", rgb)], {"perfect": perfect})).all("img")
    assert np.all(pixels(images[3]) == 128)
    assert not np.all(pixels(images[1]) == 128)


def test_crops_of_low_light_are_cut_from_whole_pictures(photograph: NDArray[np.uint8]) -> None:
    """Each method is given all of the picture: how bright a place should be depends on it."""
    dark = photograph // 8
    seen: list[tuple[int, ...]] = []

    def brightened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        seen.append(picture.shape)
        return np.clip(picture * 8.0 + 3, 0, 255).astype(np.uint8)

    given = quality.Sample(Path("p.png"), photograph, dark)
    page = Page(crops.crops(ENHANCE, [given], {"ours": brightened}, side=48))
    assert seen == [photograph.shape]
    assert [data for tag, data in page.text if tag == "b"] == ["input", "ours", "truth"]
    (top, left, height, width), _ = crops.telling_window(ENHANCE, given, 48)
    inside = np.s_[top : top + height, left : left + width]
    images = page.all("img")
    assert np.array_equal(pixels(images[0]), dark[inside])
    assert np.array_equal(pixels(images[2]), brightened(dark)[inside])
    assert np.array_equal(pixels(images[4]), photograph[inside])
    error = brightened(dark)[inside].astype(int) - photograph[inside]
    assert np.array_equal(pixels(images[3]), np.clip(128 + 2 * error, 0, 255))
