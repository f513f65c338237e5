"""MIRNet's published structure, and how its small form starts."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_models
from keras_models.enhance_mirnet import Blur, Lifted

# Of the authors' network of 64 features, three groups of two blocks, without biases.
PUBLISHED = 31_787_419


def test_the_published_size_has_the_published_number_of_parameters() -> None:
    model = keras_models.build("enhance_mirnet", "paper")
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == PUBLISHED


def test_lite_is_within_its_budget() -> None:
    assert keras_models.build("enhance_mirnet", "lite").count_params() < 500_000


def test_the_long_skip_starts_as_the_lifted_picture() -> None:
    kernel = np.asarray(Lifted()((1, 1, 6, 3)))
    picture = np.random.default_rng(0).random((5, 4, 6), np.float32)
    np.testing.assert_array_equal(picture @ kernel[0, 0], picture[..., 3:])


def test_blur_is_binomial_at_every_second_pixel() -> None:
    layer = Blur(name="blur")
    point = np.zeros((1, 8, 8, 2), np.float32)
    point[0, 5, 3] = 16
    result = np.asarray(layer(point))
    assert result.shape == (1, 4, 4, 2) and not layer.trainable_weights
    # TensorFlow pads an even side behind it: the taps lie on the odd pixels.
    assert result[0, 2, 1, 0] == pytest.approx(4) and result.sum() == pytest.approx(8)
    copy = Blur.from_config(layer.get_config())
    np.testing.assert_array_equal(np.asarray(copy(point)), result)


def test_fusion_weighs_streams_against_one_another() -> None:
    """Across the streams, not across the channels: of one channel the weights add up to 1."""
    model = keras_models.build("enhance_mirnet", "test")
    softmax = model.get_layer("group1_block1_fuse10_softmax")
    assert softmax.output.shape[1:] == (8, 2)
    weights = keras.Model(model.input, softmax.output)(np.random.rand(1, 16, 16, 6))
    np.testing.assert_allclose(np.asarray(weights).sum(-1), 1, atol=1e-5)
