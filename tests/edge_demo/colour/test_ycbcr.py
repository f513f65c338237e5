"""Codes of known colours as the standards give them, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from edge_demo.colour.ycbcr import MATRICES, rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from edge_demo.errors import UserError

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
YELLOW, CYAN, MAGENTA = (255, 255, 0), (0, 255, 255), (255, 0, 255)

# 100 % colour bars, 8 bits, limited range: the codes of every test card generator.
BARS = {
    "bt601": {WHITE: (235, 128, 128), YELLOW: (210, 16, 146), CYAN: (170, 166, 16),
              GREEN: (145, 54, 34), MAGENTA: (106, 202, 222), RED: (81, 90, 240),
              BLUE: (41, 240, 110), BLACK: (16, 128, 128)},
    "bt709": {WHITE: (235, 128, 128), YELLOW: (219, 16, 138), CYAN: (188, 154, 16),
              GREEN: (173, 42, 26), MAGENTA: (78, 214, 230), RED: (63, 102, 240),
              BLUE: (32, 240, 118), BLACK: (16, 128, 128)},
    # From the weights that BT.2020 states: Y' = 0.2627 R' + 0.6780 G' + 0.0593 B'.
    "bt2020": {WHITE: (235, 128, 128), GREEN: (164, 47, 25), RED: (74, 97, 240),
               BLUE: (29, 240, 119), BLACK: (16, 128, 128)},
}  # fmt: skip
# JFIF: all 256 codes; pure red's Cr and pure blue's Cb are 255.5 and clip.
JFIF = {WHITE: (255, 128, 128), BLACK: (0, 128, 128), GREY: (128, 128, 128),
        RED: (76, 85, 255), GREEN: (150, 44, 21), BLUE: (29, 255, 107)}  # fmt: skip


def codes(rgb: tuple[int, ...], matrix: str, full_range: bool) -> tuple[int, ...]:
    values = rgb_to_ycbcr(np.array([[rgb]], np.uint8), matrix, full_range)
    assert values.dtype == np.float32 and values.shape == (1, 1, 3)
    return tuple(round_to_uint8(values)[0, 0].tolist())


@pytest.mark.parametrize("matrix", BARS)
def test_colour_bars_in_limited_range(matrix: str) -> None:
    found = {rgb: codes(rgb, matrix, full_range=False) for rgb in BARS[matrix]}
    assert found == BARS[matrix]


def test_primaries_in_full_range() -> None:
    assert {rgb: codes(rgb, "bt601", full_range=True) for rgb in JFIF} == JFIF
    # With BT.709's weights only luma and the chroma of the other primaries change.
    assert codes(GREEN, "bt709", full_range=True) == (182, 30, 12)


@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("matrix", MATRICES)
def test_there_and_back(matrix: str, full_range: bool) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    back = ycbcr_to_rgb(rgb_to_ycbcr(rgb, matrix, full_range), matrix, full_range)
    assert np.abs(back - rgb).max() < 1e-3


def test_the_default_is_jpegs() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    assert np.array_equal(rgb_to_ycbcr(rgb), rgb_to_ycbcr(rgb, "bt601", True))
    ycbcr = rgb_to_ycbcr(rgb)
    assert np.array_equal(ycbcr_to_rgb(ycbcr), ycbcr_to_rgb(ycbcr, "bt601", True))


def test_an_unknown_matrix_lists_the_known() -> None:
    with pytest.raises(UserError, match=r"'bt470'.*bt601, bt709, bt2020"):
        rgb_to_ycbcr(np.zeros((1, 1, 3)), "bt470")


def test_rounding_is_to_nearest_and_clips() -> None:
    values = np.array([-3.0, -0.4, 0.49, 0.51, 127.6, 254.4, 254.6, 255.9, 1e6])
    rounded = round_to_uint8(values)
    assert rounded.dtype == np.uint8
    assert rounded.tolist() == [0, 0, 0, 1, 128, 254, 255, 255, 255]
