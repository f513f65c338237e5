"""Colours as shares of the 313 bins, what rare ones count, and the loss at the truth."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.ab_bins import BINS, COUNT
from edge_demo.tasks.colorize import AB
from training.colour_losses import (
    NEAREST,
    SIGMA,
    ColourEntropy,
    JointColour,
    chroma_ratio,
    rebalancing,
    scored_psnr,
    soft_encoding,
)

EVEN = np.ones(COUNT).tolist()


@pytest.fixture(scope="module")
def encoding() -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    return soft_encoding()


def row(a: int, b: int) -> int:
    return (a + 128) * 256 + b + 128


def test_shares_of_a_colour(encoding: tuple[NDArray[np.int32], NDArray[np.float32]]) -> None:
    indices, shares = encoding
    assert indices.shape == shares.shape == (256 * 256, NEAREST)
    assert np.allclose(shares.sum(1), 1, atol=1e-5)
    assert (shares > 0).any(1).all() and (np.diff(shares, axis=1) <= 0).all()
    assert (np.diff(np.sort(indices, axis=1), axis=1) > 0).all()
    for bin_, (a, b) in enumerate(BINS.astype(int)):
        # A bin's own colour is mostly that bin.
        assert indices[row(a, b), 0] == bin_
        assert shares[row(a, b), 0] > 0.5
    # By hand: between two bins, one 3 and the other 7 away.
    place = row(3, 0)
    assert [BINS[i].tolist() for i in indices[place, :2]] == [[0, 0], [10, 0]]
    expected = np.exp(-(7**2 - 3**2) / (2 * SIGMA**2))
    assert shares[place, 1] / shares[place, 0] == pytest.approx(expected, rel=1e-4)


def test_rare_colours_count_more() -> None:
    prior = np.exp(-np.square(BINS / 15).sum(1))
    prior /= prior.sum()
    for uniform in (0.1, 0.5, 1.0):
        weights = rebalancing(prior, uniform)
        assert weights.shape == (COUNT,) and (weights > 0).all()
        assert (prior * weights).sum() == pytest.approx(1, rel=1e-5)
    assert np.allclose(rebalancing(prior, 1.0), 1)
    weights = rebalancing(prior, 0.5)
    assert weights[prior.argmin()] > 5 * weights[prior.argmax()]
    # Evened out: the less, the more an even distribution is mixed in.
    assert np.ptp(rebalancing(prior, 0.9)) < np.ptp(weights)


def truth(rng: np.random.Generator) -> NDArray[np.float32]:
    """Whole ab over 110, so that the table has them."""
    return (rng.integers(-40, 41, (2, 3, 4, 2)) / AB).astype(np.float32)


def perfect(ab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores whose distribution is the soft encoding of ab itself."""
    indices, shares = soft_encoding()
    whole = np.rint(ab * AB).astype(int)
    scores = np.full((*ab.shape[:3], COUNT), -40.0, np.float32)
    for place in np.ndindex(*ab.shape[:3]):
        cell = row(*whole[place])
        scores[(*place, indices[cell])] = np.log(shares[cell] + 1e-9)
    return scores


def entropy(ab: NDArray[np.float32]) -> float:
    _, shares = soft_encoding()
    whole = np.rint(ab * AB).astype(int).reshape(-1, 2)
    found = shares[[row(a, b) for a, b in whole]]
    return float(np.mean(-(found * np.log(found + 1e-12)).sum(1)))


def test_the_loss_falls_to_the_entropy_of_the_truth() -> None:
    ab = truth(np.random.default_rng(0))
    loss = ColourEntropy(EVEN)
    least = entropy(ab)
    assert float(loss(ab, perfect(ab))) == pytest.approx(least, abs=1e-3)
    assert float(loss(ab, np.zeros((*ab.shape[:3], COUNT), np.float32))) == pytest.approx(
        np.log(COUNT), abs=1e-4
    )
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 0.5, (*ab.shape[:3], COUNT))
        assert float(loss(ab, perfect(ab) + noise.astype(np.float32))) > least + 0.01


def test_a_place_counts_as_its_nearest_bin_does() -> None:
    ab = np.zeros((1, 1, 2, 2), np.float32)
    ab[0, 0, 1] = 40 / AB
    scores = np.random.default_rng(1).normal(size=(1, 1, 2, COUNT)).astype(np.float32)
    weights = np.ones(COUNT)
    weights[(BINS == 40).all(1)] = 7.0
    first, second = (
        float(ColourEntropy(EVEN)(ab[:, :, i : i + 1], scores[:, :, i : i + 1])) for i in (0, 1)
    )
    found = float(ColourEntropy(weights.tolist())(ab, scores))
    assert found == pytest.approx((first + 7 * second) / 2, rel=1e-5)


def test_regression_is_of_ab_before_the_bins() -> None:
    ab = np.zeros((1, 1, 1, 2), np.float32)
    bins = np.zeros((1, 1, 1, COUNT), np.float32)
    plain = float(ColourEntropy(EVEN)(ab, bins))
    for error, expected in ((4.0, 4.0**2 / 20), (30.0, 30.0 - 5.0)):
        scores = np.concatenate([np.full_like(ab, error / AB), bins], -1)
        found = float(ColourEntropy(EVEN, regression=0.3)(ab, scores))
        assert found == pytest.approx(plain + 0.3 * 2 * expected, rel=1e-4)


def test_psnr_is_of_what_a_device_is_told() -> None:
    ab = np.zeros((1, 2, 2, 2), np.float32)
    told = np.full_like(ab, 8 / AB)
    scores = np.concatenate([told, np.zeros((1, 2, 2, COUNT), np.float32)], -1)
    expected = 10 * np.log10(255**2 / 8**2)
    assert float(scored_psnr(ab, scores)[0]) == pytest.approx(expected, rel=1e-4)
    one = np.full((1, 2, 2, COUNT), -50, np.float32)
    one[..., (BINS == [10, 0]).all(1)] = 50
    expected = 10 * np.log10(255**2 / (10**2 / 2))
    assert float(scored_psnr(ab, one)[0]) == pytest.approx(expected, rel=1e-4)
    assert scored_psnr.__name__ == "psnr"


def test_it_survives_saving() -> None:
    config = keras.saving.serialize_keras_object(ColourEntropy(EVEN, 0.25, name="mine"))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, ColourEntropy)
    assert (again.weights, again.regression, again.name) == (EVEN, 0.25, "mine")


# ------------------------------------------------------------------------------ of gain and scores


def answered(ab: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    """What a network answers that is sure of ab, and shows it with a gain."""
    return np.concatenate([np.full((*ab.shape[:3], 1), gain, np.float32), perfect(ab)], -1)


def even(value: tuple[int, int], side: int = 4) -> NDArray[np.float32]:
    return np.broadcast_to(np.array(value, np.float32) / np.float32(AB), (4, side, side, 2))


def test_every_term_of_the_joint_loss() -> None:
    """A picture of one bin's colour, so that its annealed mean is that colour."""
    ab = even((30, 40))
    right = answered(ab, 1 / 1.5)
    least = float(JointColour(EVEN, 0.0, 0.0, 0.0)(ab, right))
    assert least == pytest.approx(entropy(ab), abs=1e-3)
    # Its neighbours are symmetrical, or nearly: the mean is within a unit or two.
    for regression, chroma in ((1.0, 0.0), (0.0, 1.0)):
        loss = JointColour(EVEN, 0.0, regression, chroma)
        assert float(loss(ab, right)) == pytest.approx(least, abs=0.2)
    grey = answered(ab, 0.0)
    assert float(JointColour(EVEN, 0.0, 1.0, 0.0)(ab, grey)) == pytest.approx(
        least + (30 - 5) + (40 - 5), rel=1e-3
    )
    found = float(JointColour(EVEN, 0.0, 0.0, 1.0)(ab, grey))
    assert found == pytest.approx(least + np.hypot(50, 1) - 1 - 5, rel=1e-3)


def test_chroma_keeps_a_doubt_from_grey() -> None:
    """Half red and half cyan: the best gain of a mean that is a little red."""
    ab = np.concatenate([even((40, 20)), even((-40, -20))])
    ab = ab.reshape(2, 4, 4, 4, 2).transpose(1, 0, 2, 3, 4).reshape(8, 4, 4, 2)
    scores = perfect(even((10, 0))[:1].repeat(8, 0))

    def best(chroma: float) -> float:
        loss = JointColour(EVEN, 0.0, 0.1, chroma)
        gains = np.linspace(0, 1, 21)
        losses = []
        for gain in gains:
            gained = np.full((8, 4, 4, 1), gain, np.float32)
            losses.append(float(loss(ab, np.concatenate([gained, scores], -1))))
        return float(gains[int(np.argmin(losses))])

    assert best(0.0) < 0.1
    assert best(0.1) > 0.5


@pytest.mark.slow
def test_scores_do_not_learn_what_is_kept_from_them() -> None:
    """The best scores are the truth's where all of the weights is taken back."""
    weights = np.exp(np.random.default_rng(3).normal(0, 1, COUNT))
    ab = even((30, 40), side=2)
    scores = keras.Variable(np.zeros((1, 1, 1, COUNT), np.float32))
    two = np.concatenate([ab, even((-30, 0), side=2)])
    gain = np.zeros((8, 2, 2, 1), np.float32)
    import tensorflow as tf

    def learnt(unbalance: float) -> float:
        """Odds of the two colours, at the scores that descent finds."""
        loss = JointColour(weights.tolist(), unbalance, 0.0, 0.0)
        scores.assign(np.zeros(scores.shape))
        for _ in range(1200):
            with tf.GradientTape() as tape:
                told = tf.concat([gain, tf.broadcast_to(scores.value, (8, 2, 2, COUNT))], -1)
                value = loss(two, told)
            scores.assign_sub(1.0 * tape.gradient(value, scores.value))
        first, second = (
            (np.array(colour) == BINS).all(1).argmax() for colour in ((30, 40), (-30, 0))
        )
        found = np.asarray(scores).ravel()
        return float(found[first] - found[second])

    first, second = ((np.array(colour) == BINS).all(1).argmax() for colour in ((30, 40), (-30, 0)))
    # The two share their bins with neighbours, each by its own share.
    own = [soft_encoding()[1][row(*colour), 0] for colour in ((30, 40), (-30, 0))]
    fair = float(np.log(own[0] / own[1]))
    bias = float(np.log(weights[first] / weights[second]))
    assert abs(bias) > 0.5
    assert learnt(0.0) == pytest.approx(fair + bias, abs=0.1)
    assert learnt(1.0) == pytest.approx(fair, abs=0.1)


def test_a_quarter_of_places_is_looked_at_all_over() -> None:
    """Of four pictures each place of every 2x2, of one alone the first."""
    ab = even((0, 0))
    right = answered(ab, 0.0)
    loss = JointColour(EVEN, 0.0, 1.0, 0.0)
    base = float(loss(ab, right))
    for index in range(4):
        seen = set()
        for corner in range(4):
            wrong = np.array(ab)
            wrong[index, corner // 2 :: 2, corner % 2 :: 2] = 30 / AB
            if float(loss(wrong, right)) > base + 0.1:
                seen.add(corner)
        assert seen == {index}


def test_metrics_of_gain_and_scores() -> None:
    ab = even((30, 40))
    half = answered(ab, 0.5 / 1.5)
    assert float(chroma_ratio(ab, half)) == pytest.approx(0.5, abs=0.03)
    expected = 10 * np.log10(255**2 / ((15**2 + 20**2) / 2))
    assert float(scored_psnr(ab, half)[0]) == pytest.approx(expected, abs=0.3)
    assert float(chroma_ratio(ab, ab)) == pytest.approx(1)


def test_the_joint_loss_survives_saving() -> None:
    config = keras.saving.serialize_keras_object(JointColour(EVEN, 0.5, 0.25, 0.125))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, JointColour)
    found = again.weights, again.unbalance, again.regression, again.chroma
    assert found == (EVEN, 0.5, 0.25, 0.125)
