"""Photographs as cells: everything covered, memory kept, copies that repeat by their seed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import augment, cells, sources, squares
from datasets.source import Source
from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8
from edge_demo.errors import UserError


def folder_of(folder: Path, *pictures: np.ndarray) -> Source:
    for index, rgb in enumerate(pictures):
        assert cv2.imwrite(str(folder / f"{index}.png"), rgb[..., ::-1])
    return sources.open_source(f"folder:{folder}")


def numbered(height: int, width: int) -> np.ndarray:
    """Every pixel tells its place."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.dstack([rows, columns, rows * 0]).astype(np.uint8)


@pytest.mark.parametrize(
    "size", [(64, 64), (64, 65), (66, 64), (65, 127), (128, 128), (129, 200), (250, 64), (90, 90)]
)
def test_cells_cover_every_pixel_and_overlap(size: tuple[int, int]) -> None:
    grid = squares.grid(numbered(*size), 64)
    assert all(cell.shape == (64, 64, 3) for cell in grid)
    seen = {tuple(pixel) for cell in grid for pixel in cell[..., :2].reshape(-1, 2)}
    assert len(seen) == size[0] * size[1]
    for axis in range(2):
        starts = sorted({int(cell[0, 0, axis]) for cell in grid})
        assert starts[0] == 0 and starts[-1] == size[axis] - 64
        # A fifth of a cell is shared with the next, so that no crop's place is rare.
        assert max(np.diff(starts), default=0) <= 0.84 * 64
    assert len(grid) == len({cell[0, 0].tobytes() for cell in grid})


def test_cells_are_the_photographs_ycbcr(tmp_path: Path, natural: np.ndarray) -> None:
    bank = cells.cut(folder_of(tmp_path, natural), size=96, least_side=32)
    assert bank.ycbcr.dtype == np.uint8 and bank.photographs == 1
    expected = [round_to_uint8(rgb_to_ycbcr(natural[:, x : x + 96])) for x in (0, 32)]
    assert np.array_equal(bank.ycbcr, expected)


def test_small_photographs_are_mirrored(tmp_path: Path, natural: np.ndarray) -> None:
    rgb = natural[:40, :70]
    bank = cells.cut(folder_of(tmp_path, rgb), size=64, least_side=32)
    # Reflected below the last row, which is not repeated.
    rows = np.r_[0:40, 38:14:-1]
    ycbcr = round_to_uint8(rgb_to_ycbcr(rgb))[rows]
    assert np.array_equal(bank.ycbcr, [ycbcr[:, :64], ycbcr[:, 6:]])


def test_tiny_photographs_are_skipped(
    tmp_path: Path, natural: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder_of(tmp_path, natural, natural[:39])
    assert cells.cut(source, size=64, least_side=40).photographs == 1
    assert "1.png: 128x39" in capsys.readouterr().err
    with pytest.raises(UserError, match="none of 2"):
        cells.cut(source, size=64, least_side=200)


def test_the_memory_limit_is_kept_and_said(
    tmp_path: Path, natural: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder_of(tmp_path, natural, natural[::-1])
    whole = cells.cut(source, size=32, least_side=32)
    assert len(whole.ycbcr) == 2 * 4 * 5 and capsys.readouterr().err == ""
    limit = 11 * 32 * 32 * 3
    few = cells.cut(source, size=32, least_side=32, limit_bytes=limit)
    assert few.ycbcr.nbytes <= limit and len(few.ycbcr) == 10
    said = capsys.readouterr().err
    assert "kept 10 of 40 cells, at most 5 a photograph" in said
    # A choice among the cells: the same by the same seed, in order, half from each photograph.
    places = [
        next(i for i, cell in enumerate(whole.ycbcr) if np.array_equal(cell, chosen))
        for chosen in few.ycbcr
    ]
    assert places == sorted(places) and len(set(places)) == 10
    assert sum(place < 20 for place in places) == 5
    again = cells.cut(source, size=32, least_side=32, limit_bytes=limit)
    assert np.array_equal(again.ycbcr, few.ycbcr)
    other = cells.cut(source, size=32, least_side=32, limit_bytes=limit, seed=1)
    assert not np.array_equal(other.ycbcr, few.ycbcr)


def test_even_the_smallest_limit_leaves_a_cell_of_each(tmp_path: Path, natural: np.ndarray) -> None:
    source = folder_of(tmp_path, natural, natural[::-1])
    assert len(cells.cut(source, size=64, least_side=32, limit_bytes=1).ycbcr) == 2


def test_copies_repeat_by_their_seed(tmp_path: Path, natural: np.ndarray) -> None:
    source = folder_of(tmp_path, natural, natural[::-1, ::-1])

    def cut(copies: int, seed: int = 0) -> np.ndarray:
        return cells.cut(source, size=64, least_side=32, copies=copies, seed=seed).ycbcr

    first = cut(3)
    assert np.array_equal(cut(3), first)
    assert len(first) > len(cut(0)) == 2 * 2 * 3
    other = cut(3, seed=1)
    assert len(other) != len(first) or not np.array_equal(other, first)
    # The photographs themselves stay in, before their copies.
    assert np.array_equal(first[:6], cut(0)[:6])
    # Copies of one photograph differ.
    assert len({cell.tobytes() for cell in first}) == len(first)


def test_augmentation_touches_no_colour() -> None:
    flat = np.full((120, 90, 3), (200, 60, 30), np.uint8)
    versions = augment.copies(flat, 40, 64, seed=0)
    assert all((version == (200, 60, 30)).all() for version in versions)


def test_augmentation_only_reduces(natural: np.ndarray) -> None:
    versions = augment.copies(natural, 40, 32, seed=0)
    heights = np.array([version.shape[0] for version in versions]) / natural.shape[0]
    assert 0.49 < heights.min() < 0.6 and 0.85 < heights.max() <= 0.96
    ratios = [version.shape[1] / version.shape[0] for version in versions]
    assert np.abs(np.array(ratios) - 128 / 96).max() < 0.05
    # By area, so that colours average: the mean of the photograph stays where it was.
    mean = np.mean([version.mean(axis=(0, 1)) for version in versions], axis=0)
    assert np.abs(mean - natural.mean(axis=(0, 1))).max() < 3


def test_reduction_is_by_area() -> None:
    """Detail that is too fine becomes its mean instead of an alias."""
    rows, columns = np.mgrid[0:96, 0:96]
    board = np.dstack([(rows + columns) % 2 * 255] * 3).astype(np.uint8)
    for version in augment.copies(board, 12, 32, seed=0):
        assert ((version > 20) & (version < 235)).mean() > 0.2


def test_augmentation_flips_and_turns_some() -> None:
    """A ramp to the right: mirrored it falls; turned, its rows differ."""
    rgb = np.tile(np.linspace(20, 230, 120).astype(np.uint8)[None, :, None], (120, 1, 3))
    versions = [v.astype(int)[..., 0] for v in augment.copies(rgb, 60, 32, seed=2)]
    rising = [v[:, -1].mean() > v[:, 0].mean() for v in versions]
    assert 15 < sum(rising) < 45
    turned = [np.ptp(v, axis=0).max() > 8 for v in versions]
    assert 8 < sum(turned) < 32


def test_every_copy_has_the_least_side(natural: np.ndarray) -> None:
    versions = augment.copies(natural[:70, :80], 20, 64, seed=0)
    assert min(side for version in versions for side in version.shape[:2]) == 64
