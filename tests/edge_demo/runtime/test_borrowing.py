"""Colours borrowed from a reference: which, and where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_demo.runtime import borrowing, palette
from edge_demo.runtime.borrowing import borrowed
from edge_demo.runtime.lab import lab_to_rgb, rgb_to_lab
from edge_demo.runtime.model import TFLiteModel
from edge_demo.runtime.tasks.colorize import Hint


@pytest.fixture(scope="module")
def model(colour_models: dict[str, Path]) -> TFLiteModel:
    return TFLiteModel(colour_models["hinted"])


def flat(*colours: tuple[float, float, float]) -> np.ndarray:
    """Stripes of some Lab, as RGB."""
    lab = np.repeat(np.array([colours], np.float32), 20, axis=1)
    return np.clip(np.rint(lab_to_rgb(np.repeat(lab, 60, axis=0))), 0, 255).astype(np.uint8)


def test_colours_go_where_the_lightness_is_theirs(
    model: TFLiteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(borrowing, "_GUESS_WEIGHT", 0.0)  # the network is not trained
    reference = flat((30.0, 40.0, 20.0), (75.0, -20.0, -25.0))
    # Dark on the left, light on the right.
    grey = np.full((64, 96), 30.0, np.float32)
    grey[:, 48:] = 75.0
    hints = borrowed(reference, grey, model)
    assert 2 <= len(hints) <= 2 * 3
    for hint in hints:
        left = hint.column < 0.5
        assert hint.ab == pytest.approx((40.0, 20.0) if left else (-20.0, -25.0), abs=1.5)
    assert {hint.column < 0.5 for hint in hints} == {True, False}
    places = [(hint.row, hint.column) for hint in hints]
    apart = [np.hypot(a[0] - b[0], a[1] - b[1]) for a in places for b in places if a is not b]
    assert min(apart) > 0.12
    # None comes close to a user's own.
    mine = Hint(*places[0], (0.0, 0.0))
    for hint in borrowed(reference, grey, model, [mine]):
        assert np.hypot(hint.row - mine.row, hint.column - mine.column) > 0.12


def test_a_reference_that_is_like_nothing_gives_nothing(
    model: TFLiteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(borrowing, "_GUESS_WEIGHT", 0.0)
    assert borrowed(flat((20.0, 10.0, 5.0)), np.full((40, 40), 90.0, np.float32), model) == ()


def test_dominant_colours() -> None:
    colours = ((30.0, 40.0, 20.0), (75.0, -20.0, -25.0), (75.0, -20.0, -25.0), (55.0, 5.0, 30.0))
    found = palette.dominant(flat(*colours), 3)
    assert [round(one.chance, 2) for one in found] == [0.5, 0.25, 0.25]
    assert (found[0].lightness, *found[0].ab) == pytest.approx(colours[1], abs=0.6)
    assert len(palette.dominant(flat((50.0, 0.0, 0.0)), 5)) == 1
    # As many as asked for, in a photograph of many; in shares that make one.
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    many = palette.dominant(noise, 5)
    assert len(many) == 5 and sum(one.chance for one in many) == pytest.approx(1.0)


def test_the_gamut_is_what_rgb_holds() -> None:
    grid = np.arange(palette.GAMUT_LOW, -palette.GAMUT_LOW + 1, palette.GAMUT_STEP)
    mask = palette.gamut(60.0)
    assert mask.shape == (len(grid), len(grid))
    b, a = (int(one) for one in np.argwhere(mask)[40])
    inside = np.array([[[60.0, grid[a], grid[b]]]], np.float32)
    back = rgb_to_lab(np.clip(np.rint(lab_to_rgb(inside)), 0, 255).astype(np.uint8))
    assert back[0, 0] == pytest.approx(inside[0, 0], abs=1.0)
    # Next to nothing is as dark as black, or as light as white.
    assert mask.sum() > palette.gamut(10.0).sum() > 20
    assert 1 <= palette.gamut(100.0).sum() <= palette.gamut(0.0).sum() < 12
