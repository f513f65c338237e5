"""Planes to full-range codes and back: nothing lost, black black, grey grey."""

from __future__ import annotations

import numpy as np
import pytest

from edge_demo.errors import UserError
from edge_demo.video.coding import Coding, Tags, coding

UNKNOWN = Tags(2, 2, 2, 0)


def made(depth: int, full: bool) -> Coding:
    return Coding("4:2:0", depth, full, "bt709", "left", UNKNOWN)


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("full", [True, False])
def test_every_code_comes_back(depth: int, full: bool) -> None:
    one, times = made(depth, full), 2 ** (depth - 8)
    kind = np.uint8 if depth == 8 else np.uint16
    codes = np.arange(2**depth, dtype=kind)[None]
    legal = codes if full else codes[:, 16 * times : 235 * times + 1]
    assert np.array_equal(one.luma_plane(one.luma_codes(legal)), legal)
    assert np.array_equal(one.chroma_planes(one.chroma_codes(codes)), codes)


@pytest.mark.parametrize(("depth", "times"), [(8, 1), (10, 4)])
def test_limited_range(depth: int, times: int) -> None:
    one = made(depth, False)
    black, white, grey, strong = (np.array([[v * times]]) for v in (16, 235, 128, 240))
    assert one.luma_codes(black) == 0 and one.luma_codes(white) == pytest.approx(255)
    assert one.luma_codes(black - 3) == 0  # blacker than black
    assert one.chroma_codes(grey) == 128
    assert one.chroma_codes(strong) == pytest.approx(255.5)


def test_full_range() -> None:
    eight = np.arange(256, dtype=np.uint8)[None]
    assert made(8, True).luma_codes(eight) is eight and made(8, True).chroma_codes(eight) is eight
    assert made(10, True).luma_codes(np.array([[1023]])) == pytest.approx(255)
    assert made(10, True).chroma_codes(np.array([[512]])) == 128


def of(
    pixels: str = "yuv420p",
    size: tuple[int, int] = (480, 640),
    siting: str | None = None,
    tags: Tags = UNKNOWN,
) -> Coding:
    return coding("a.mp4", pixels, size, siting, tags)


def test_what_a_stream_does_not_say() -> None:
    assert (of().matrix, of().siting, of().full_range) == ("bt601", "left", False)
    assert of(size=(720, 1280)).matrix == of(size=(1280, 720)).matrix == "bt709"
    assert of("yuvj420p").full_range and of(tags=Tags(2, 2, 2, 2)).full_range
    assert of("yuv444p10le").subsampling == "4:4:4" and of("yuv444p10le").depth == 10


def test_what_a_stream_says() -> None:
    for number, name in ((1, "bt709"), (5, "bt601"), (6, "bt601"), (9, "bt2020")):
        assert of(tags=Tags(number, 2, 2, 1), size=(100, 100)).matrix == name
    assert of(siting="topleft").siting == "topleft"


def test_what_is_refused() -> None:
    for options, says in [
        ({"pixels": "yuv411p"}, r"its pixels \(yuv411p\)"),
        ({"tags": Tags(0, 1, 1, 2)}, "number 0 of ITU-T H.273"),
        ({"siting": "bottom"}, "chroma siting 'bottom'"),
    ]:
        with pytest.raises(UserError, match=says):
            of(**options)
