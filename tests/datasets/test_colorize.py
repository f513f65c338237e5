"""Colorization's data: the twin of ``encode``, and what is drawn afresh at each step."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from datasets import colorize as data
from edge_demo.colour.ab_bins import BINS, COUNT
from edge_demo.tasks import colorize
from edge_demo.tasks.colorize import AB, FINE, HINTED, TASK, Grey, Hint

SIDE = 64


@pytest.fixture(scope="module")
def bank(natural: NDArray[np.uint8]) -> data.Bank:
    """Two sources, of four and of one photograph."""
    pieces = [np.ascontiguousarray(natural[:, 8 * i :][:, :90]) for i in range(4)]
    return data.gather([pieces, [natural[::-1]]], SIDE, ())


def take(
    bank: data.Bank, task: colorize.Task = TASK, **changes: float
) -> list[NDArray[np.float32]]:
    wanted = {"patch": 32, "batch": 3, "start": 0, "stop": 2, "seed": 4, "scanned": 0.0} | changes
    return [np.asarray(values) for pair in data.batches(bank, task, **wanted) for values in pair]


# ------------------------------------------------------------------------------- the twin of encode


def test_a_whole_photograph_is_what_encode_gives(natural: NDArray[np.uint8]) -> None:
    square = np.ascontiguousarray(natural[:SIDE, :SIDE])
    lab = data.squeezed(square, SIDE)
    ((inputs, ab),) = data.fixed(lab[None], TASK, seed=1)
    grey = Grey(lab[..., 0] / np.float32(2.55))
    assert np.allclose(inputs[0], colorize.TASK.encode(grey)["lightness"], atol=1e-6)
    truth = colorize.target(square).astype(np.float32) - 128
    coarse = truth.reshape(SIDE // 4, 4, SIDE // 4, 4, 2).mean((1, 3))
    assert np.allclose(np.asarray(ab)[0] * AB, coarse, atol=1e-3)
    ((_, fine),) = data.fixed(lab[None], FINE, seed=1)
    assert np.allclose(np.asarray(fine)[0] * AB, truth, atol=1e-3)


def hints_of(values: NDArray[np.float32]) -> tuple[Hint, ...]:
    """A hint of one pixel wherever the mask says so."""
    side = len(values)
    return tuple(
        Hint((row + 0.5) / side, (column + 0.5) / side, tuple(values[row, column, 1:3] * AB), 1)
        for row, column in np.argwhere(values[..., 3] > 0)
    )


def test_hinted_input_is_what_encode_gives(bank: data.Bank) -> None:
    hinted, _, *_ = take(bank, HINTED)
    assert hinted.shape == (3, 32, 32, 4)
    assert hinted[..., 3].sum() > 0
    for values in hinted:
        grey = Grey((values[..., 0] + 1) * np.float32(50), hints_of(values))
        assert np.allclose(HINTED.encode(grey)["hinted"], values, atol=1e-5)


def test_a_hint_covers_what_place_says() -> None:
    """Squares of every size, at and across the edges."""
    side = np.arange(1, 10, dtype=np.float32)
    for middle in (0, 1, 15, 30, 31):
        covered = data._covered(tf.fill([1, 9], float(middle)), side[None], 32)
        for length, row in zip(side, np.asarray(covered)[0], strict=True):
            hint = Hint((middle + 0.5) / 32, 0.5, (0.0, 0.0), int(length))
            rows, _ = colorize.place(hint, (32, 32))
            expected = np.zeros(32)
            expected[rows] = 1
            assert np.array_equal(row, expected)


# ---------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("task", [TASK, HINTED, FINE], ids=lambda task: task.variant)
def test_batches_are_a_function_of_seed_and_step(bank: data.Bank, task: colorize.Task) -> None:
    first = take(bank, task, stop=3)
    again = take(bank, task, start=2, stop=3)
    assert all(np.array_equal(a, b) for a, b in zip(first[4:], again, strict=True))
    other = take(bank, task, start=2, stop=3, seed=5)
    assert not any(np.array_equal(a, b) for a, b in zip(again, other, strict=True))
    assert not np.array_equal(first[0], first[2])


def test_a_batch_is_in_range(bank: data.Bank) -> None:
    inputs, ab, *_ = take(bank, batch=5)
    assert inputs.shape == (5, 32, 32, 1) and ab.shape == (5, 8, 8, 2)
    assert inputs.dtype == ab.dtype == np.float32
    assert inputs.min() >= -1 and inputs.max() <= 1 and inputs.std() > 0.1
    assert np.abs(ab).max() <= 1 and ab.std() > 0.01
    # Lightness in whole steps of 8 bits, as an integer graph sees it.
    assert np.allclose((inputs + 1) * 127.5, np.rint((inputs + 1) * 127.5), atol=1e-3)
    with pytest.raises(ValueError, match="multiple of 32"):
        take(bank, patch=48)


def test_sources_share_a_batch() -> None:
    """As the roots of their sizes, or as stated."""

    def sources() -> list[list[NDArray[np.uint8]]]:
        return [[np.zeros((8, 9, 3), np.uint8)] * count for count in (100, 25, 1)]

    bank = data.gather(sources(), 8, ())
    assert [part.shape for part in bank.lab] == [(n, 8, 8, 3) for n in (100, 25, 1)]
    assert data.shares(bank, 16) == [10, 5, 1]
    assert [sum(data.shares(bank, batch)) for batch in range(1, 20)] == list(range(1, 20))
    assert data.shares(data.gather(sources(), 8, (1.0, 2.0, 1.0)), 16) == [4, 8, 4]


def test_stated_shares_are_those_of_the_prior_too() -> None:
    green, blue = (np.zeros((1, 8, 8, 3), np.uint8) for _ in range(2))
    green[..., 1:] = 128 - 50, 128 + 50
    blue[..., 1:] = 128 + 20, 128 - 70
    shares = data.prior(data.Bank((green, blue), (3.0, 1.0)), BINS)
    assert shares[(BINS == [-50, 50]).all(1)] == pytest.approx([0.75])


# ------------------------------------------------------------------------------------ old scans


def test_old_scans_change_lightness_alone(bank: data.Bank) -> None:
    plain, ab, *_ = take(bank, batch=8)
    worn, same, *_ = take(bank, batch=8, scanned=1.0)
    assert np.array_equal(ab, same)
    assert worn.min() >= -1 and worn.max() <= 1
    assert np.allclose((worn + 1) * 127.5, np.rint((worn + 1) * 127.5), atol=1e-3)
    assert all(not np.array_equal(a, b) for a, b in zip(plain, worn, strict=True))
    # What is seen stays where it is.
    likeness = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(plain, worn, strict=True)]
    assert min(likeness) > 0.7
    some, *_ = take(bank, batch=64, scanned=0.3)
    before, *_ = take(bank, batch=64)
    changed = np.mean([not np.array_equal(a, b) for a, b in zip(before, some, strict=True)])
    assert 0.1 < changed < 0.5


def test_an_old_scan_of_one_grey() -> None:
    """Levels and gamma move it, grain is within its bounds, and no two are alike."""
    grey = tf.fill([200, 32, 32, 1], 128.0)
    found = np.asarray(data.old_scan(grey, tf.constant([1, 2], tf.int64)))[..., 0]
    means, grain = found.mean((1, 2)), found.std((1, 2))
    assert 60 < means.min() < 100 and 150 < means.max() < 200
    assert grain.min() < 1 and 7 < grain.max() < 11


# ------------------------------------------------------------------------------------------ hints


def test_hints_are_true_means_of_squares() -> None:
    rng = np.random.default_rng(0)
    ab = rng.uniform(-0.8, 0.8, (64, 32, 32, 2)).astype(np.float32)
    hints, mask = (
        np.asarray(part) for part in data.simulate_hints(ab, tf.constant([7, 1], tf.int64))
    )
    assert set(np.unique(mask)) == {0, 1}
    assert (hints[mask[..., 0] == 0] == 0).all()
    counts = mask.sum((1, 2, 3))
    # None is common, and so are many.
    assert (counts == 0).mean() > 0.05 and (counts > 100).mean() > 0.1
    # One hint alone: a square of 1 to 9 pixels, or what the edges leave of it, of its own mean.
    sides = set()
    for values, found, truth in zip(hints, mask[..., 0], ab, strict=True):
        rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
        box = np.ix_(rows, columns)
        colours = np.unique(np.round(values[found > 0], 5), axis=0)
        if len(rows) and len(colours) == 1:
            assert found[box].all() and max(len(rows), len(columns)) <= 9
            assert np.allclose(values[box], truth[box].mean((0, 1)), atol=1e-5)
            sides.add(max(len(rows), len(columns)))
    assert len(sides) > 1


def test_a_picture_of_one_colour_has_hints_of_that_colour() -> None:
    """Where hints overlap, too."""
    ab = np.broadcast_to(np.float32([0.25, -0.5]), (16, 32, 32, 2))
    hints, mask = data.simulate_hints(tf.constant(ab), tf.constant([3, 3], tf.int64))
    assert np.allclose(hints, ab * np.asarray(mask), atol=1e-5)
    assert np.asarray(mask).sum() > 500


# ------------------------------------------------------------------------------------------- prior


def test_the_prior_prefers_what_is_common(bank: data.Bank) -> None:
    shares = data.prior(bank, BINS)
    assert shares.shape == (COUNT,) and shares.min() >= 0
    assert shares.sum() == pytest.approx(1)
    near = np.abs(BINS).max(1) <= 20
    assert shares[near].mean() > 2 / COUNT
    assert shares[np.abs(BINS).max(1) > 90].mean() < 0.01 / COUNT


def test_the_prior_by_hand() -> None:
    """Two pictures of one colour each, of a bin and beside one; sources of one size count alike."""
    green, blue = (np.zeros((1, 8, 8, 3), np.uint8) for _ in range(2))
    green[..., 1:] = 128 - 50, 128 + 50
    blue[..., 1:] = 128 + 22, 128 - 69
    shares = data.prior(data.Bank((green, blue), (1.0, 1.0)), BINS)
    assert shares[(BINS == [-50, 50]).all(1)] == pytest.approx([0.5])
    assert shares[(BINS == [20, -70]).all(1)] == pytest.approx([0.5])
