"""Scores of the 313 colours, and what a device is told of them."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

import keras_models
from edge_demo.colour.ab_bins import BINS, COUNT
from edge_demo.tasks.colorize import AB
from keras_models import ab_classes


def told(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(ab_classes.annealed(logits[None, None, None]))[0, 0, 0]


def test_one_colour_alone_has_no_spread() -> None:
    for index in (0, 100, COUNT - 1):
        logits = np.full(COUNT, -50, np.float32)
        logits[index] = 50
        a, b, square = told(logits)
        assert np.allclose([a, b], BINS[index] / AB, atol=1e-5)
        assert np.isclose(square, min(1, np.square(BINS[index] / AB).sum()), atol=1e-5)


def test_the_mean_is_of_a_sharpened_distribution() -> None:
    logits = np.random.default_rng(0).normal(size=COUNT).astype(np.float32)
    probabilities = np.exp(logits / 0.38)
    probabilities /= probabilities.sum()
    expected = probabilities @ BINS / AB
    assert np.allclose(told(logits)[:2], expected, atol=1e-5)
    assert np.isclose(
        told(logits)[2], probabilities @ np.square(BINS / AB).sum(1).clip(max=1), atol=1e-5
    )
    # Two colours of unlike probabilities: nearer to the probable one than their plain mean.
    two = np.full(COUNT, -50, np.float32)
    two[10], two[200] = 1.0, 0.0
    share = 1 / (1 + np.exp(-1 / 0.38))
    assert np.allclose(told(two)[:2], (share * BINS[10] + (1 - share) * BINS[200]) / AB, atol=1e-5)
    assert share > 0.9


def test_scores_begin_alike() -> None:
    keras.utils.set_random_seed(0)
    features = keras.Input((None, None, 6))
    model = keras.Model(features, ab_classes.scores(features))
    values = np.random.default_rng(0).normal(size=(1, 4, 4, 6)).astype(np.float32)
    probabilities = np.asarray(keras.ops.softmax(model(values)))
    assert probabilities.shape == (1, 4, 4, COUNT)
    assert probabilities.max() < 1.5 / COUNT


def test_what_is_trained_ends_in_scores() -> None:
    for name, channels in (("colorize_eccv16", COUNT), ("colorize_siggraph17", 2 + COUNT)):
        model = keras_models.build(name, "test")
        part = ab_classes.trained_part(model)
        assert part.output.shape[-1] == channels
        # The same weights, not copies, in whatever order.
        assert {id(w) for w in part.weights} == {id(w) for w in model.weights}
    fusion = keras_models.build("colorize_fusion", "test")
    assert ab_classes.trained_part(fusion) is fusion


def test_the_published_network_carries_hints_itself() -> None:
    variants = {
        size: keras_models.task("colorize_siggraph17", size).variant for size in ("lite", "full")
    }
    assert variants == {"lite": "hinted", "full": "carried"}
