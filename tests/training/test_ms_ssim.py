"""MS-SSIM against TensorFlow's, and the loss that it is a part of by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from edge_demo.measure import metrics
from training.losses import Charbonnier
from training.ms_ssim import WEIGHTS, CharbonnierMsSsim, ms_ssim, ssim

Pictures = NDArray[np.float32]


@pytest.fixture(scope="module")
def pictures() -> tuple[Pictures, dict[str, Pictures]]:
    """A photograph in parts (2, 192, 208, 3) in 0..1, and what may happen to it."""
    import cv2
    import skimage.data

    photograph = skimage.data.astronaut()
    clean = (
        np.stack([photograph[:192, 100:308], photograph[300:492, 300:508]]).astype(np.float32) / 255
    )
    noise = np.random.default_rng(0).normal(0, 0.08, clean.shape)
    return clean, {
        "noisy": np.clip(clean + noise, 0, 1).astype(np.float32),
        "blurred": np.stack([cv2.GaussianBlur(one, (0, 0), 2.0) for one in clean]),
        "darker": (clean * 0.4).astype(np.float32),
        "shifted": np.roll(clean, 2, axis=2),
        "same": clean,
    }


@pytest.mark.parametrize("change", ["noisy", "blurred", "darker", "shifted", "same"])
def test_it_is_tensorflows(change: str, pictures: tuple[Pictures, dict[str, Pictures]]) -> None:
    import tensorflow as tf

    clean, changed = pictures
    found = np.asarray(ms_ssim(clean, changed[change]))
    expected = tf.image.ssim_multiscale(clean, changed[change], 1.0).numpy()
    assert np.abs(found - expected).max() < 1e-4
    assert expected.max() < 0.99 or change == "same"


@pytest.mark.parametrize("change", ["noisy", "blurred", "darker", "shifted", "same"])
def test_similarity_at_one_scale_is_what_pictures_are_measured_by(
    change: str, pictures: tuple[Pictures, dict[str, Pictures]]
) -> None:
    one, other = (np.rint(x * 255).astype(np.uint8) for x in (pictures[0], pictures[1][change]))
    expected = [metrics.ssim(a, b) for a, b in zip(one, other, strict=True)]
    found = np.asarray(ssim(one / np.float32(255), other / np.float32(255)))
    assert found == pytest.approx(expected, abs=1e-4)
    assert max(expected) < 0.99 or change == "same"


@pytest.mark.parametrize(
    ("side", "count"), [(21, 1), (22, 2), (43, 2), (44, 3), (87, 3), (88, 4), (175, 4), (176, 5)]
)
def test_fewer_scales_for_smaller_pictures(
    side: int, count: int, pictures: tuple[Pictures, dict[str, Pictures]]
) -> None:
    """Odd sides, too, as TensorFlow takes them."""
    import tensorflow as tf

    one, other = (x[:, 10 : 10 + side, 20 : 20 + side] for x in (pictures[0], pictures[1]["noisy"]))
    weights = np.array(WEIGHTS[:count]) / sum(WEIGHTS[:count])
    expected = tf.image.ssim_multiscale(one, other, 1.0, power_factors=list(weights)).numpy()
    assert np.abs(np.asarray(ms_ssim(one, other)) - expected).max() < 1e-4


def test_a_picture_below_the_window_is_refused() -> None:
    small = np.zeros((1, 64, 10, 3), np.float32)
    with pytest.raises(ValueError, match="11x11 pixels or more, not 10x64"):
        ms_ssim(small, small)


def test_pictures_of_open_size(pictures: tuple[Pictures, dict[str, Pictures]]) -> None:
    """As ``fit`` traces a loss once it has met a second size of crops."""
    import tensorflow as tf

    open_size = tf.TensorSpec((None, None, None, 3), tf.float32)
    traced = tf.function(ms_ssim, input_signature=(open_size, open_size))
    for height, width in ((11, 30), (44, 87), (64, 64), (160, 192), (176, 208), (192, 192)):
        one, other = (x[:, :height, :width] for x in (pictures[0], pictures[1]["noisy"]))
        assert np.allclose(traced(one, other), ms_ssim(one, other), atol=1e-6)
        moved = tf.Variable(other)
        with tf.GradientTape() as tape:
            similarity = tf.reduce_mean(traced(one, moved))
        gradient = tape.gradient(similarity, moved)
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_its_gradient_leads_to_the_picture(
    pictures: tuple[Pictures, dict[str, Pictures]],
) -> None:
    import tensorflow as tf

    clean = pictures[0][:, :64, :64]
    other = tf.Variable(pictures[1]["noisy"][:, :64, :64])
    with tf.GradientTape() as tape:
        before = tf.reduce_mean(ms_ssim(clean, other))
    gradient = tape.gradient(before, other)
    assert np.isfinite(gradient).all()
    better = other + 0.02 * gradient / tf.reduce_max(tf.abs(gradient))
    assert float(tf.reduce_mean(ms_ssim(clean, better))) > float(before) + 1e-3


def test_the_opposite_and_the_flat_have_finite_gradients() -> None:
    """Their similarity is negative, or nothing but the constants."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    noise = rng.uniform(0, 1, (1, 48, 48, 3)).astype(np.float32)
    for one, other in ((noise, 1 - noise), (noise * 0, noise), (noise * 0, noise * 0)):
        moved = tf.Variable(other)
        with tf.GradientTape() as tape:
            loss = CharbonnierMsSsim(255.0, 0.5, 0.5, 0.0)(one, moved)
        assert np.isfinite(loss) and np.isfinite(tape.gradient(loss, moved)).all()


def test_the_loss_by_hand(pictures: tuple[Pictures, dict[str, Pictures]]) -> None:
    one, other = (x[:, :64, :64] for x in (pictures[0], pictures[1]["darker"]))
    plain = np.asarray(Charbonnier(255.0, 5.0).call(one, other)).mean((1, 2, 3))
    similarity = np.asarray(ms_ssim(one, other))
    found = np.asarray(CharbonnierMsSsim(255.0, 5.0, 0.1, 0.0).call(one, other))
    assert found == pytest.approx(0.9 * plain + 0.1 * 255 * (1 - similarity), rel=1e-5)
    assert float(CharbonnierMsSsim(255.0, 5.0, 0.1, 0.0)(one, other)) == pytest.approx(
        found.mean(), rel=1e-5
    )
    for share, alone in ((0.0, plain), (1.0, 255 * (1 - similarity))):
        assert np.asarray(
            CharbonnierMsSsim(255.0, 5.0, share, 0.0).call(one, other)
        ) == pytest.approx(alone, rel=1e-5)
    # Similarity at one scale is added on top.
    more = CharbonnierMsSsim(255.0, 5.0, 0.1, 0.0, ssim=0.3)
    at_one_scale = np.asarray(ssim(one, other))
    expected = found + 0.3 * 255 * (1 - at_one_scale)
    assert np.asarray(more.call(one, other)) == pytest.approx(expected, rel=1e-5)
    assert CharbonnierMsSsim.from_config(more.get_config()).ssim == 0.3
    # In code values, whatever the tensors' unit.
    in_codes = CharbonnierMsSsim(1.0, 5.0, 0.1, 0.0).call(one * 255, other * 255)
    assert np.asarray(in_codes) == pytest.approx(found, rel=1e-4)


def test_half_precision_is_not_compared_in_halves(
    pictures: tuple[Pictures, dict[str, Pictures]],
) -> None:
    one, other = (x[:, :64, :64] for x in (pictures[0], pictures[1]["noisy"]))
    rounded = ops.cast(other, "bfloat16")
    found = CharbonnierMsSsim(255.0, 0.5, 0.5, 0.0)(one, rounded)
    assert found.dtype == "float32"
    expected = CharbonnierMsSsim(255.0, 0.5, 0.5, 0.0)(one, ops.cast(rounded, "float32"))
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_it_survives_saving() -> None:
    loss = CharbonnierMsSsim(255.0, 5.0, 0.16, 0.5, name="mine")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(again, CharbonnierMsSsim)
    assert again.get_config() == loss.get_config()
    assert (again.scale, again.epsilon, again.share, again.name) == (255.0, 5.0, 0.16, "mine")


def test_a_coarse_error_counts_beside_the_others() -> None:
    """A shift of all pixels is in every mean; noise is in none."""
    one = np.full((1, 64, 64, 3), 0.5, np.float32)
    noisy = one + np.tile(np.float32([[0.1, -0.1], [-0.1, 0.1]]), (32, 32))[None, ..., None]
    for other, expected in ((one + np.float32(0.1), 25.5), (noisy, 0.5)):
        plain, coarse = (
            np.asarray(CharbonnierMsSsim(255.0, 0.5, 0.1, weight).call(one, other))
            for weight in (0.0, 2.0)
        )
        assert coarse - plain == pytest.approx(2 * expected, rel=0.01)
