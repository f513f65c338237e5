"""What the outputs of networks of colour mean."""

from __future__ import annotations

import numpy as np

from edge_demo.colour.ab_bins import BINS, COUNT
from edge_demo.tasks.colorize import PALETTE


def palette(chances: np.ndarray) -> dict[str, np.ndarray]:
    """An output (1, 1, 315) of these chances (313,) and no colour."""
    values = np.concatenate([np.zeros(2), chances * 2.0 - 1.0]).astype(np.float32)
    return {PALETTE.outputs[0].name: values[None, None]}


def test_bins_that_integers_cannot_say_are_impossible_have_no_chance() -> None:
    """Of -1..1 in 8 bits the lowest code is half a step above -1, over 313 bins 0.6 of all."""
    chances = np.zeros(COUNT)
    chances[[40, 200]] = 0.75, 0.25
    rounded = np.floor(chances * 2 * 127.5) / (2 * 127.5) + 0.25 / 127.5
    for given, tolerance in ((chances, 1e-5), (rounded, 0.01)):
        found = PALETTE.decode(palette(given))
        assert found.distribution is not None and found.std is not None
        np.testing.assert_allclose(found.distribution[0, 0], chances, atol=tolerance)
        mean = chances @ BINS
        spread = np.sqrt(chances @ np.square(BINS - mean).sum(-1))
        np.testing.assert_allclose(found.std[0, 0], spread, rtol=0.05)


def test_bins_that_are_all_alike_have_the_same_chance() -> None:
    found = PALETTE.decode(palette(np.full(COUNT, 0.004)))
    assert found.distribution is not None
    np.testing.assert_allclose(found.distribution, 1 / COUNT, rtol=1e-4)
