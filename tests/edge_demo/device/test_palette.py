"""Suggested colours: probable ones, apart, and such that sRGB can show."""

from __future__ import annotations

import numpy as np
import pytest

from edge_demo.colour.ab_bins import BINS, COUNT
from edge_demo.colour.lab import lab_to_rgb
from edge_demo.device import palette
from edge_demo.tasks.colorize import Colours


def nearest(a: float, b: float) -> int:
    return int(np.square(BINS - (a, b)).sum(-1).argmin())


def test_peaks_are_suggested_by_their_chance() -> None:
    probabilities = np.full(COUNT, 1e-6, np.float32)
    for (a, b), chance in (((30, 30), 0.5), ((-20, 20), 0.3), ((0, -30), 0.2)):
        probabilities[nearest(a, b)] = chance
    found = palette.suggest(probabilities, 60.0, 3)
    assert [round(one.chance, 2) for one in found] == [0.5, 0.3, 0.2]
    for one, wanted in zip(found, ((30, 30), (-20, 20), (0, -30)), strict=True):
        assert np.hypot(*np.subtract(one.ab, wanted)) < 1


@pytest.mark.parametrize("lightness", [0.5, 8.0, 50.0, 92.0, 99.5])
def test_suggestions_can_be_shown_at_their_lightness(lightness: float) -> None:
    probabilities = np.random.default_rng(0).random(COUNT).astype(np.float32)
    found = palette.suggest(probabilities, lightness)
    assert 1 <= len(found) <= 5 and np.isclose(sum(one.chance for one in found), 1)
    for one in found:
        rgb = lab_to_rgb(np.array([[[lightness, *one.ab]]], np.float32))
        assert rgb.min() > -7 and rgb.max() < 257


def test_black_without_a_colour_is_grey() -> None:
    probabilities = np.zeros(COUNT, np.float32)
    probabilities[nearest(100, -90)] = 1.0
    assert palette.suggest(probabilities, 99.0) == [palette.Suggestion((0.0, 0.0), 1.0)]


def test_a_place_between_cells_is_a_mixture() -> None:
    probabilities = np.zeros((2, 2, COUNT), np.float32)
    probabilities[:, 0, 3] = probabilities[:, 1, 7] = 1.0
    colours = Colours(np.zeros((2, 2, 2), np.float32), None, probabilities)
    middle = palette.at(colours, 0.5, 0.5)
    assert np.allclose(middle[[3, 7]], 0.5) and np.isclose(middle.sum(), 1)
    assert palette.at(colours, 0.1, 0.0)[3] == 1.0 and palette.at(colours, 1.0, 1.0)[7] == 1.0
    with pytest.raises(ValueError, match="no distribution"):
        palette.at(Colours(np.zeros((2, 2, 2), np.float32)), 0.5, 0.5)
