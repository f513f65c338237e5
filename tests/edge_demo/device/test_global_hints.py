"""Colours of a whole picture: what a network says comes nearer to what is wanted."""

from __future__ import annotations

import numpy as np
import pytest

from edge_demo.colour.ab_bins import BINS, COUNT
from edge_demo.colour.lab import lab_to_rgb
from edge_demo.device import global_hints
from edge_demo.device.global_hints import Wanted, apply, of_photograph
from edge_demo.tasks.colorize import Colours


@pytest.fixture(scope="module")
def said() -> Colours:
    """Chances of a network that is sure on the left half, and of nothing on the right."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1, (8, 8, COUNT)) - np.square(BINS).sum(-1) / 1500
    scores[:, :4] -= np.square(BINS - (10, -20)).sum(-1) / 200
    probabilities = np.exp(scores)
    probabilities = (probabilities / probabilities.sum(-1, keepdims=True)).astype(np.float32)
    ab = probabilities @ BINS
    square = probabilities @ np.square(BINS).sum(-1)
    return Colours(ab, np.sqrt(square - np.square(ab).sum(-1)), probabilities)


def test_the_average_comes_most_where_the_network_is_unsure(said: Colours) -> None:
    found = apply(said, Wanted((15.0, 25.0)))
    assert np.allclose(found.ab.mean((0, 1)), (15.0, 25.0), atol=1e-3)
    moved = np.linalg.norm(found.ab - said.ab, axis=-1)
    assert moved[:, 4:].mean() > 1.5 * moved[:, :4].mean() > 0


def test_its_own_colours_change_nothing(said: Colours) -> None:
    assert said.distribution is not None
    a, b = said.ab.mean((0, 1)).tolist()
    found = apply(said, Wanted((a, b), said.distribution.mean((0, 1))))
    assert np.abs(found.ab - said.ab).max() < 0.1


def test_shares_come_halfway(said: Colours) -> None:
    assert said.distribution is not None
    before = said.distribution.mean((0, 1))
    shares = np.where(np.square(BINS - (-40, 40)).sum(-1) < 20**2, 1.0, 0.0).astype(np.float32)
    wanted = shares / shares.sum()
    found = apply(said, Wanted((-40.0, 40.0), wanted))
    assert found.distribution is not None
    after = found.distribution.mean((0, 1))
    assert np.allclose(found.distribution.sum(-1), 1, atol=1e-4)
    missed = [np.abs(now - (before + wanted) / 2).sum() for now in (before, after)]
    assert missed[1] < 0.5 * missed[0]


def test_a_photograph_of_two_colours() -> None:
    lab = np.zeros((40, 60, 3), np.float32)
    lab[:, :30], lab[:, 30:] = (50, 40, 20), (60, -30, 30)
    wanted = of_photograph(np.clip(np.rint(lab_to_rgb(lab)), 0, 255).astype(np.uint8))
    assert wanted.shares is not None and wanted.shares.sum() == pytest.approx(1.0, abs=1e-4)
    assert np.allclose(wanted.average, (5, 25), atol=1.5)
    for colour in ((40, 20), (-30, 30)):
        assert wanted.shares[np.square(BINS - colour).sum(-1).argmin()] > 0.2
    assert wanted.shares[np.square(BINS - (0, 0)).sum(-1).argmin()] < 0.02


def test_networks_without_chances_are_refused(said: Colours) -> None:
    with pytest.raises(ValueError, match="tells no distribution"):
        global_hints.apply(Colours(said.ab), Wanted((0.0, 0.0)))
