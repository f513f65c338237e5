"""Zero-DCE's losses on pictures whose value is known."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from training import zero_reference
from training.zero_reference import ZeroReference

RNG = np.random.default_rng(0)


def flat(red: float, green: float | None = None, blue: float | None = None) -> NDArray[np.float32]:
    """One picture of one colour, (1, 32, 48, 3); of one number, grey."""
    colour = [red, red if green is None else green, red if blue is None else blue]
    return np.broadcast_to(np.float32(colour), (1, 32, 48, 3)).copy()


# --------------------------------------------------------------------------------------- the losses


def test_spatial_consistency_by_hand() -> None:
    """Contrast that has grown by 0.2 between two halves of 8 x 12 regions."""
    before, after = flat(0.1), flat(0.1)
    before[:, :, 24:] += 0.1
    after[:, :, 24:] += 0.3
    found = np.asarray(zero_reference.spatial_consistency(before, after))
    # Eight pairs of neighbours across the edge, seen from both sides.
    assert found == pytest.approx([2 * 8 * 0.2**2 / 96], rel=1e-4)
    # Brightness itself is free, and so is what is finer than a region.
    assert np.asarray(zero_reference.spatial_consistency(before, before + 0.3)) < 1e-10
    fine = before + np.tile([[[[0.05], [-0.05]]]], (1, 32, 24, 1)).astype(np.float32)
    assert np.asarray(zero_reference.spatial_consistency(before, fine)) < 1e-10
    turned = np.asarray(
        zero_reference.spatial_consistency(*(x.swapaxes(1, 2) for x in (before, after)))
    )
    assert turned == pytest.approx(found, rel=1e-5)


def test_the_wanted_brightness_follows_the_picture_s_own() -> None:
    means = np.float32([0.0, 0.01, 0.04, 0.0625, 0.5])
    pictures = np.broadcast_to(means[:, None, None, None], (5, 16, 16, 3))
    fixed = np.asarray(zero_reference.wanted_level(pictures, 0.4, 0.0))
    assert fixed.shape == (5, 1, 1, 1)
    assert np.allclose(fixed, 0.4)
    found = np.asarray(zero_reference.wanted_level(pictures, 0.4, 0.5)).ravel()
    np.testing.assert_allclose(found, [0.1, 0.2, 0.4, 0.5, 0.6], rtol=1e-5)


def test_exposure_control_by_hand() -> None:
    picture = flat(0.2, 0.5, 0.8)
    picture[:, :16, :16] = 0.9
    found = np.asarray(zero_reference.exposure_control(picture, 0.6))
    assert found == pytest.approx([(5 * 0.1**2 + 0.3**2) / 6], rel=1e-4)
    # The mean of a region counts, not its pixels.
    mixed = np.tile(np.float32([[0.2], [1.0]]), (1, 32, 24, 3)).reshape(1, 32, 48, 3)
    assert np.asarray(zero_reference.exposure_control(mixed, 0.6)) < 1e-10


def test_colour_constancy_by_hand() -> None:
    found = np.asarray(zero_reference.colour_constancy(flat(0.2, 0.3, 0.6)))
    assert found == pytest.approx([0.1**2 + 0.3**2 + 0.4**2], rel=1e-4)
    halves = flat(0.2, 0.3, 0.6)
    halves[:, 16:] = [0.6, 0.5, 0.2]
    assert np.asarray(zero_reference.colour_constancy(halves)) < 1e-9


def test_illumination_smoothness_by_hand() -> None:
    """A map that rises by 0.01 a pixel to the right, one that falls by 0.02 a pixel downwards."""
    curves = np.zeros((1, 32, 48, 24), np.float32)
    curves[..., 5] = np.arange(48) * 0.01
    curves[..., 9] = -np.arange(32)[:, None] * 0.02
    found = np.asarray(zero_reference.illumination_smoothness(curves))
    assert found == pytest.approx([2 * (0.01**2 + 0.02**2)], rel=1e-4)
    # A map that is shared counts in all eight iterations.
    shared = np.asarray(zero_reference.illumination_smoothness(curves[..., 5:8]))
    assert shared == pytest.approx([8 * 2 * 0.01**2], rel=1e-4)


def test_the_losses_are_of_each_picture() -> None:
    dark, bright = flat(0.1), flat(0.9)
    both = np.concatenate([dark, bright])
    loss = ZeroReference(exposure=0.5)
    curves = RNG.uniform(-0.2, 0.2, (2, 4, 6, 3)).astype(np.float32)
    found = np.asarray(loss.call(both, curves))
    alone = [
        np.asarray(loss.call(one, curves[i : i + 1]))[0] for i, one in enumerate((dark, bright))
    ]
    assert found == pytest.approx(alone, rel=1e-5)
    assert float(loss(both, curves)) == pytest.approx(np.mean(alone), rel=1e-5)


@pytest.mark.parametrize("shape", [(32, 48, 24), (4, 6, 3)])
def test_the_sum_is_weighted(shape: tuple[int, int, int]) -> None:
    """Of curves that are 0 the picture stays, and only its exposure and colour count."""
    picture, still = flat(0.2, 0.3, 0.4), np.zeros((1, *shape), np.float32)
    expected = 10 * (0.6 - 0.3) ** 2 + 5 * (0.1**2 + 0.1**2 + 0.2**2)
    assert float(ZeroReference()(picture, still)) == pytest.approx(expected, rel=1e-4)
    other = ZeroReference(exposure=0.3, colour=1.0)
    assert float(other(picture, still)) == pytest.approx(0.06, rel=1e-4)


def test_a_map_and_its_eight_copies_cost_the_same() -> None:
    picture = RNG.uniform(0, 1, (1, 32, 48, 3)).astype(np.float32)
    shared = RNG.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)
    each = np.tile(shared, (1, 1, 1, 8))
    assert float(ZeroReference()(picture, shared)) == pytest.approx(
        float(ZeroReference()(picture, each)), rel=1e-5
    )


@pytest.mark.parametrize("alone", ["spatial", "exposed", "colour", "tv_weight"])
@pytest.mark.parametrize("shape", [(32, 48, 24), (4, 6, 3)])
def test_every_loss_moves_the_curves(alone: str, shape: tuple[int, int, int]) -> None:
    """A step against its gradient lowers it; it is finite on black and on white pictures, too."""
    import tensorflow as tf

    weights = dict.fromkeys(("spatial", "exposed", "colour", "tv_weight"), 0.0) | {alone: 1.0}
    loss = ZeroReference(**weights)
    tinted = RNG.uniform(0, 1, (1, 32, 48, 3)) * [0.6, 0.8, 1.0]
    picture = np.concatenate([tinted, flat(0.0), flat(1.0)]).astype(np.float32)
    curves = tf.Variable(RNG.uniform(-0.5, 0.5, (3, *shape)).astype(np.float32))
    with tf.GradientTape() as tape:
        before = loss(picture, curves)
    gradient = tape.gradient(before, curves)
    assert np.isfinite(gradient).all() and np.abs(gradient[0]).max() > 0
    after = loss(picture, curves - 0.02 * gradient / tf.reduce_max(tf.abs(gradient)))
    assert float(after) < float(before)


def test_half_precision_is_computed_in_floats() -> None:
    picture = RNG.uniform(0, 1, (2, 32, 48, 3)).astype(np.float32)
    curves = RNG.uniform(-1, 1, (2, 4, 6, 3)).astype(np.float32)
    rounded = ops.cast(curves, "bfloat16")
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        found = ZeroReference()(picture, rounded)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    assert found.dtype == "float32"
    expected = float(ZeroReference()(picture, ops.cast(rounded, "float32")))
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(32, 48, 24), (4, 6, 3)])
def test_pictures_of_open_size(shape: tuple[int, int, int]) -> None:
    """As ``fit`` traces a loss once it has met a second size of crops."""
    import tensorflow as tf

    loss = ZeroReference()
    signature = [tf.TensorSpec((None, None, None, depth), tf.float32) for depth in (3, shape[-1])]
    traced = tf.function(loss.call, input_signature=signature)
    picture = RNG.uniform(0, 1, (2, 32, 48, 3)).astype(np.float32)
    curves = RNG.uniform(-1, 1, (2, *shape)).astype(np.float32)
    assert np.allclose(traced(picture, curves), loss.call(picture, curves), rtol=1e-5)


def test_it_survives_saving() -> None:
    loss = ZeroReference(exposure=0.45, power=0.5, tv_weight=100.0, name="mine")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(again, ZeroReference)
    assert again.get_config() == loss.get_config()
    assert (again.exposure, again.power) == (0.45, 0.5)
    assert (again.weights["tv_weight"], again.name) == (100.0, "mine")
