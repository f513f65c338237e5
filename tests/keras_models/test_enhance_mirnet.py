"""MIRNet's published structure, and how its small form starts."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_models
from keras_models import enhance_mirnet
from keras_models.enhance_mirnet import Blur

# Of the authors' network of 64 features, three groups of two blocks, without biases.
PUBLISHED = 31_787_419


@pytest.mark.slow
def test_the_published_size_has_the_published_number_of_parameters() -> None:
    model = keras_models.build("enhance_mirnet", "paper")
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == PUBLISHED


def test_lite_is_within_its_budget() -> None:
    assert keras_models.build("enhance_mirnet", "lite").count_params() < 600_000


def test_the_long_skip_starts_as_the_lifted_picture() -> None:
    model = keras_models.build("enhance_mirnet", "test")
    share = model.get_layer("curves_share")
    share.set_weights([np.zeros_like(share.get_weights()[0]), share.get_weights()[1]])
    shift = model.get_layer("colours_shift")
    shift.set_weights([np.zeros_like(value) for value in shift.get_weights()])
    base = keras.Model(model.input, model.get_layer("recoloured").output)
    picture = np.random.default_rng(0).random((1, 16, 32, 6), np.float32)
    np.testing.assert_allclose(np.asarray(base(picture)), picture[..., 3:], atol=1e-6)


@pytest.mark.parametrize("share", [1.0, 0.0])
def test_the_network_says_how_much_of_the_finest_detail_stays(share: float) -> None:
    """All of it: what the colour curves give. None: what two pixels on each side have in common."""
    model = keras_models.build("enhance_mirnet", "test")
    tail, kept = model.get_layer("tail"), model.get_layer("kept")
    tail.set_weights([np.zeros_like(value) for value in tail.get_weights()])
    kernel, bias = kept.get_weights()
    kept.set_weights([np.zeros_like(kernel), np.full_like(bias, share)])
    base = keras.Model(model.input, model.get_layer("recoloured").output)
    checks = np.indices((32, 48)).sum(0) % 2 * 0.1 + 0.4
    picture = np.broadcast_to(checks[None, ..., None], (1, 32, 48, 6)).astype(np.float32)
    given, found = np.asarray(base(picture)), np.asarray(model(picture))
    low, high = given.min((0, 1, 2)), given.max((0, 1, 2))
    assert (high - low > 1e-3).any()
    wanted = given if share else np.broadcast_to((low + high) / 2, given.shape)
    np.testing.assert_allclose(found, np.clip(wanted, 0, 1), atol=1e-5)


def test_what_is_fitted_is_the_same_network_beside_a_thumbnail() -> None:
    model = keras_models.build("enhance_mirnet", "test")
    part = keras_models.fitted("enhance_mirnet", model)
    assert [tuple(one.shape[1:]) for one in part.inputs] == [(None, None, 6), (64, 96, 6)]
    picture = keras.ops.convert_to_tensor(
        np.random.default_rng(0).random((2, 128, 192, 6), np.float32)
    )
    small = enhance_mirnet.thumbnail(picture)
    whole = np.asarray(model(picture))
    np.testing.assert_allclose(np.asarray(part([picture, small])), whole, atol=1e-6)
    # And its weights are the same variables, not copies.
    assert {id(w) for w in part.trainable_weights} == {id(w) for w in model.trainable_weights}


def test_a_crop_with_its_pictures_thumbnail_is_a_crop_of_the_result() -> None:
    """Far from the borders, whose padding reaches some way in."""
    model = keras_models.build("enhance_mirnet", "test")
    part = keras_models.fitted("enhance_mirnet", model)
    picture = keras.ops.convert_to_tensor(
        np.random.default_rng(0).random((1, 256, 256, 6), np.float32)
    )
    whole = np.asarray(model(picture))[:, 64:192, 64:192]
    crop = np.asarray(part([picture[:, 64:192, 64:192], enhance_mirnet.thumbnail(picture)]))
    inside = np.s_[:, 56:-56, 56:-56]
    np.testing.assert_allclose(crop[inside], whole[inside], atol=1e-5)


def test_the_published_structure_sees_no_thumbnail() -> None:
    assert not keras_models.sees_thumbnail("enhance_mirnet", "s")
    assert keras_models.sees_thumbnail("enhance_mirnet", "test")


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
