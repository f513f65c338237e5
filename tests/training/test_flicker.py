"""The figure of flicker: 0 for errors that stick to things, 1 for errors as lively as the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.edge_demo.device.test_temporal import panned
from training.flicker import Motion, Step, change_ratio, flicker

Frames = list[NDArray[np.uint8]]


def steps(lumas: Frames, truth: Frames, output: Frames) -> list[Step]:
    return [
        Motion(lumas[t - 1], lumas[t]).step((truth[t - 1], truth[t]), (output[t - 1], output[t]))
        for t in range(1, len(lumas))
    ]


def noise(count: int, deviation: float, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, deviation, (count, 96, 128, 2))


@pytest.fixture
def lumas() -> Frames:
    return panned(6, (2, 1))


def chroma(lumas: Frames, added: NDArray[np.float64] | float = 0.0) -> Frames:
    clean = np.stack([np.dstack([one // 2 + 40, 200 - one // 2]) for one in lumas])
    return list(np.clip(np.rint(clean + added), 0, 255).astype(np.uint8))


def test_an_error_that_sticks_to_things_does_not_flicker(lumas: Frames) -> None:
    truth = chroma(lumas, noise(6, 3, 0))
    sticking = [np.clip(one.astype(int) + 5, 0, 255).astype(np.uint8) for one in truth]
    found = steps(lumas, truth, sticking)
    assert flicker(found) < 0.02
    assert change_ratio(found) == pytest.approx(1.0, abs=0.02)


def test_fresh_noise_as_strong_as_the_truths_is_1(lumas: Frames) -> None:
    truth = chroma(lumas, noise(6, 4, 0))
    found = steps(lumas, truth, [
        np.clip(np.rint(one + extra), 0, 255).astype(np.uint8)
        for one, extra in zip(truth, noise(6, 4, 1), strict=True)
    ])  # fmt: skip
    assert flicker(found) == pytest.approx(1.0, abs=0.08)
    assert change_ratio(found) == pytest.approx(math.sqrt(2), abs=0.08)


def test_twice_the_noise_is_twice_the_flicker(lumas: Frames) -> None:
    truth = chroma(lumas, noise(6, 4, 0))
    found = [
        flicker(steps(lumas, truth, [
            np.clip(np.rint(one + times * extra), 0, 255).astype(np.uint8)
            for one, extra in zip(truth, noise(6, 4, 1), strict=True)
        ]))
        for times in (0.5, 1.0)
    ]  # fmt: skip
    assert found[1] == pytest.approx(2 * found[0], rel=0.05)


def test_smoothing_the_truth_is_steadier_than_the_truth(lumas: Frames) -> None:
    found = steps(lumas, chroma(lumas, noise(6, 4, 0)), chroma(lumas))
    assert change_ratio(found) < 0.6


def test_the_truth_itself(lumas: Frames) -> None:
    truth = chroma(lumas, noise(6, 4, 0))
    found = steps(lumas, truth, truth)
    assert flicker(found) == 0 and change_ratio(found) == 1


def test_motion_is_compensated(lumas: Frames) -> None:
    """Without it, a moving error would count."""
    truth = chroma(lumas, noise(6, 3, 0))
    wrong = [
        np.clip(one.astype(int) + (luma[..., None] // 16), 0, 255).astype(np.uint8)
        for one, luma in zip(truth, lumas, strict=True)
    ]
    still = Motion(lumas[0], lumas[0])
    moving = steps(lumas, truth, wrong)
    fixed = [still.step((truth[t - 1], truth[t]), (wrong[t - 1], wrong[t])) for t in range(1, 6)]
    assert sum(s.error for s in moving) < 0.5 * sum(s.error for s in fixed)


def test_another_scene_cannot_be_followed() -> None:
    one, two = panned(1, (0, 0), seed=1)[0], panned(1, (0, 0), seed=2)[0]
    assert Motion(one, one).followed == 1
    assert Motion(one, two).followed < 0.5


def test_nothing_changes() -> None:
    assert math.isnan(flicker([Step(0.0, 0.0, 0.0)])) and math.isnan(change_ratio([]))
