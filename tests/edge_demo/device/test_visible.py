"""Bars, frames and transparent pixels: what of a picture is seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.device import visible
from edge_demo.tasks import enhance

Bars = tuple[int, int, int, int]  # top, bottom, left, right
WHOLE = (0, 0, 0, 0)


def framed(natural: NDArray[np.uint8], bars: Bars, colour: int = 0) -> NDArray[np.uint8]:
    return np.asarray(
        cv2.copyMakeBorder(natural, *bars, cv2.BORDER_CONSTANT, value=(colour,) * 3), np.uint8
    )


def as_jpeg(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def found(rgb: NDArray[np.uint8]) -> Bars:
    rows, columns = visible.content(rgb)
    height, width = rgb.shape[:2]
    return rows.start, height - rows.stop, columns.start, width - columns.stop


@pytest.mark.parametrize("colour", [0, 16, 255])
@pytest.mark.parametrize(
    "bars", [WHOLE, (12, 12, 0, 0), (0, 0, 30, 30), (8, 9, 10, 10), (40, 40, 60, 60)]
)
def test_bars_and_frames_are_found(natural: NDArray[np.uint8], bars: Bars, colour: int) -> None:
    picture = framed(natural, bars, colour)
    assert found(picture) == bars
    assert found(picture.astype(np.float32)) == bars


@pytest.mark.parametrize("quality", [50, 90])
def test_bars_of_a_jpeg_are_found_to_a_block_of_its_chroma(
    natural: NDArray[np.uint8], quality: int
) -> None:
    bars = (20, 20, 0, 0)
    for one, wanted in zip(found(as_jpeg(framed(natural, bars), quality)), bars, strict=True):
        assert wanted - 16 < one <= wanted


@pytest.mark.parametrize("bars", [(20, 0, 0, 0), (40, 12, 0, 0), (1, 1, 0, 0)])
def test_what_is_no_pair_of_bars_belongs_to_the_picture(
    natural: NDArray[np.uint8], bars: Bars
) -> None:
    """One edge alone, two that are unlike, a thin line: a night sky may be as even."""
    assert found(framed(natural, bars)) == WHOLE


def test_a_noisy_night_sky_is_no_bar(natural: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    night = (framed(natural, (30, 30, 0, 0)) * 0.1).astype(np.float32)
    noisy = np.clip(night + rng.normal(0, 2, night.shape), 0, 255).astype(np.uint8)
    assert found(noisy) == WHOLE


def test_a_picture_of_one_colour_is_all_picture() -> None:
    assert found(np.full((40, 60, 3), 7, np.uint8)) == WHOLE


def test_hidden_pixels_take_the_mean_of_the_others(natural: NDArray[np.uint8]) -> None:
    seen = np.zeros(natural.shape[:2], bool)
    seen[20:60, 30:90] = True
    filled = visible.filled(np.where(seen[..., None], natural, 0), seen)
    np.testing.assert_array_equal(filled[seen], natural[seen])
    mean = natural[seen].mean(0)
    assert np.abs(filled[~seen] - mean).max() <= 1


def test_neither_decides_how_dark_a_picture_is(natural: NDArray[np.uint8]) -> None:
    alone = enhance.darkness(natural)
    picture = framed(natural, (40, 40, 0, 0))
    assert enhance.darkness(picture) > alone
    assert enhance.darkness(picture[visible.content(picture)]) == alone
