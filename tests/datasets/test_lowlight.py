"""Low-light batches: the twins of the numpy functions, and what a step draws."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets import lowlight as twin
from edge_demo.tasks import enhance, lowlight

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


def dark(natural: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    return enhance.degrade(natural, seed)


def bank(natural: NDArray[np.uint8], pairs: int = 2, photographs: int = 2) -> twin.Bank:
    return twin.cut(
        [(dark(natural, seed), natural) for seed in range(pairs)],
        [np.roll(natural, 9 * i, 1) for i in range(photographs)],
        size=48,
        limit_bytes=2**20,
        photograph_count=photographs,
        seed=0,
    )


def draw(cells: twin.Bank, **changes: Any) -> list[Pair]:
    options = {"patch": 32, "batch": 4, "start": 0, "stop": 3, "seed": 5, "synthetic": 0.5}
    return [(a.numpy(), b.numpy()) for a, b in twin.batches(cells, **(options | changes))]


def same(a: list[Pair], b: list[Pair]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x, y)
        for one, two in zip(a, b, strict=True)
        for x, y in zip(one, two, strict=True)
    )


def test_encode_is_the_devices(natural: NDArray[np.uint8]) -> None:
    low = dark(natural)
    ours = twin.encode(low[None])[0].numpy()
    theirs = enhance.encode(low)["picture"]
    # pow may round the other way where a code lies between two.
    assert np.abs(ours - theirs).max() <= 1.01 / 255
    assert (np.abs(ours - theirs) > 1e-6).mean() < 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_darken_is_the_runtimes(natural: NDArray[np.uint8], seed: int) -> None:
    rng = np.random.default_rng(seed)
    camera = lowlight.draw(rng)
    noise = rng.standard_normal(natural.shape, np.float32)
    values = list(dataclasses.astuple(camera))
    ours = twin.darken(natural[None], np.float32([values]), noise[None])[0].numpy()
    theirs = lowlight.darken(natural, camera, noise).astype(np.float32)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 1e-3


def test_cameras_are_drawn_from_the_stated_ranges() -> None:
    found = np.concatenate([twin.draw_cameras(64, 1, step).numpy() for step in range(20)])
    limits = (lowlight.EXPOSURE, lowlight.WHITE_BALANCE, lowlight.WHITE_BALANCE,
              lowlight.SHOT, lowlight.READ, lowlight.PEDESTAL, lowlight.PURPLE)  # fmt: skip
    for index, (low, high) in enumerate(limits):
        values = found[:, index]
        assert low * 0.999 <= values.min() and values.max() <= high * 1.001
        assert values.min() < low + 0.05 * (high - low) and values.max() > high - 0.1 * (high - low)
    # Half of the exposures below the geometric mean: the scale is logarithmic.
    middle = np.sqrt(np.prod(lowlight.EXPOSURE))
    assert 0.45 < (found[:, 0] < middle).mean() < 0.55


def test_shapes_shares_and_values(natural: NDArray[np.uint8]) -> None:
    for picture, truth in draw(bank(natural)):
        assert picture.shape == (4, 32, 32, 6) and truth.shape == (4, 32, 32, 3)
        assert picture.min() >= 0 and picture.max() <= 1 and truth.max() <= 1
        # Each is darker than its truth, and its lift lies above it.
        assert (picture[..., :3].mean((1, 2, 3)) < truth.mean((1, 2, 3))).all()
        assert (picture[..., 3:] >= picture[..., :3] - 1e-6).all()


def test_kinds_that_are_missing_leave_the_batch_to_the_other(natural: NDArray[np.uint8]) -> None:
    for pairs, photographs in ((2, 0), (0, 2)):
        drawn = draw(bank(natural, pairs, photographs))
        assert {p.shape[0] for p, _ in drawn} == {4}
    real = draw(bank(natural, 2, 2), synthetic=0.0)
    assert same(real, draw(bank(natural, 2, 0)))


def test_a_resumed_run_sees_what_it_would_have_seen(natural: NDArray[np.uint8]) -> None:
    whole = draw(bank(natural), stop=4)
    assert same(whole[2:], draw(bank(natural), start=2, stop=4))
    assert not same(whole, draw(bank(natural), stop=4, seed=6))
    assert not same(whole[:1], whole[1:2])


def test_photographs_are_darkened_anew_at_each_step(natural: NDArray[np.uint8]) -> None:
    drawn = draw(bank(natural, 0, 1), stop=8, batch=2)
    means = {round(float(p[..., :3].mean()), 4) for p, _ in drawn}
    assert len(means) == 8


def test_without_truth_the_goal_is_the_low_picture(natural: NDArray[np.uint8]) -> None:
    for picture, goal in draw(bank(natural), without_truth=True):
        np.testing.assert_array_equal(picture[..., :3], goal)


def test_a_patch_must_fit_the_networks() -> None:
    empty = twin.Bank(*(np.zeros(0, np.uint8),) * 2, 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="multiple of"):
        twin.batches(empty, patch=33, batch=1, start=0, stop=1, seed=0, synthetic=0.0)


def test_cells_of_photographs_stay_below_the_limit(natural: NDArray[np.uint8]) -> None:
    cell = 48 * 48 * 3
    made = twin.cut([], [natural, natural], size=48, limit_bytes=4 * cell, photograph_count=2,
                    seed=0)  # fmt: skip
    assert len(made.photographs) == 4
    assert made.count == 2


def test_fixed_crops_are_centres(natural: NDArray[np.uint8]) -> None:
    low = dark(natural)
    ((picture, truth),) = list(twin.fixed([(low, natural)], 64))
    centre = np.s_[16:80, 32:96]
    np.testing.assert_array_equal(truth[0] * 255, natural[centre])
    np.testing.assert_array_equal(
        picture[0], enhance.encode(np.ascontiguousarray(low[centre]))["picture"]
    )
