"""A classifier's eye as a loss: its colours are Lab's, and it minds what it should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

import keras_models
from edge_demo.colour.ab_bins import COUNT
from edge_demo.colour.lab import lab_to_rgb
from edge_demo.errors import UserError
from edge_demo.tasks.colorize import AB
from keras_models import backbone_files, backbones, efficientnet_lite
from training import perception
from training.config import FitConfig
from training.fit import compiled
from training.objectives import PerceivedColour

Small = Callable[..., FitConfig]
EVEN = np.full(COUNT, 1 / COUNT)
Pictures = NDArray[np.float32]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network's file: its random weights tell colours apart, too."""
    keras.utils.set_random_seed(3)
    picture = keras.Input((None, None, 3))
    network = keras.Model(picture, efficientnet_lite.classes(picture, efficientnet_lite.TINY))
    weights = {name: layer.get_weights() for name, layer in backbones.layers(network).items()}
    path = tmp_path_factory.mktemp("classifier") / "tiny.npz"
    backbone_files.save(weights, path)
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objectives take the small network for EfficientNet-Lite0."""
    monkeypatch.setitem(efficientnet_lite.LITE, "lite0", efficientnet_lite.TINY)


def pictures(count: int = 2, side: int = 64) -> Pictures:
    rng = np.random.default_rng(5)
    coarse = rng.uniform(0, 1, (count, side // 8, side // 8, 3))
    return np.repeat(np.repeat(coarse, 8, 1), 8, 2).astype(np.float32)


def test_lab_is_the_project_s_own() -> None:
    rng = np.random.default_rng(0)
    values = np.stack(
        [rng.uniform(0, 100, (40, 40)), *rng.uniform(-100, 100, (2, 40, 40))], -1
    ).astype(np.float32)
    found = np.asarray(perception.rgb_of_lab(values[None]))[0]
    # The darkest are lifted by a third of an 8-bit code.
    assert np.abs(found - np.clip(lab_to_rgb(values) / 255, 0, 1)).max() < 0.4 / 255


def test_black_and_impossible_colours_have_finite_gradients() -> None:
    values = tf.constant([[[0.0, 0, 0], [0, 80, -80], [100, 90, 90], [50, -100, 100]]])
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(perception.rgb_of_lab(values))
    assert np.isfinite(tape.gradient(total, values)).all()


def test_the_distance_is_of_each_picture_and_the_truth_stands_still(classifier: Path) -> None:
    apart = perception.distance(str(classifier), efficientnet_lite.TINY)
    truth = tf.constant(pictures())
    grey = tf.repeat(tf.reduce_mean(truth, -1, keepdims=True), 3, -1)
    same = np.asarray(apart(truth, truth))
    assert same == pytest.approx([0, 0], abs=1e-5)
    half, whole = (np.asarray(apart(truth + (grey - truth) * share, truth)) for share in (0.5, 1.0))
    assert (half > 0).all() and (half < whole).all()
    mixed = np.asarray(apart(tf.stack([truth[0], grey[1]]), truth))
    assert mixed == pytest.approx([0, whole[1]], abs=1e-5)
    with tf.GradientTape() as tape:
        tape.watch([grey, truth])
        total = tf.reduce_sum(apart(grey, truth))
    made, known = tape.gradient(total, [grey, truth])
    assert known is None and float(tf.norm(made)) > 0


def perceived(small: Small, classifier: Path, **changes: object) -> keras.Model:
    config = small(
        model="colorize_unet", loss="perceived_colour", classifier=str(classifier), **changes
    )
    keras.utils.set_random_seed(1)
    return compiled(config, keras_models.task("colorize_unet", "test"), None, EVEN)


@pytest.mark.usefixtures("tiny")
def test_it_stands_beside_the_joint_loss(small: Small, classifier: Path) -> None:
    rng = np.random.default_rng(2)
    lightness = rng.uniform(-1, 1, (4, 64, 64, 1)).astype(np.float32)
    truth = rng.uniform(-40, 40, (4, 16, 16, 2)).astype(np.float32) / np.float32(AB)
    losses = {}
    for weight in (0.0, 1.0, 2.0):
        model = perceived(small, classifier, perception=weight, looked_at=1.0)
        answer = model(lightness)
        losses[weight] = float(model.compute_loss(lightness, truth, answer, training=False))
    assert losses[1.0] > losses[0.0] + 1e-3
    assert losses[2.0] - losses[0.0] == pytest.approx(2 * (losses[1.0] - losses[0.0]), rel=1e-3)
    fitted = {weight.path for weight in model.trainable_variables}
    assert fitted == {weight.path for weight in model.generator.trainable_variables}
    assert len(model.weights) < len(model.generator.weights) + 5  # the classifier is not saved


@pytest.mark.usefixtures("tiny")
def test_a_part_of_each_batch_is_looked_at_another_each_time(
    small: Small, classifier: Path
) -> None:
    """With one picture of four that is wrong, the loss of one at a time is all or nothing."""
    model = perceived(small, classifier, perception=1.0, looked_at=0.25)
    seen: list[int] = []

    def noted(made: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
        assert made.shape[0] == 1
        seen.append(round(float(tf.reduce_mean(truth)) * 10))
        return tf.zeros(1)

    model.apart = noted
    grey = np.zeros((4, 16, 16, 2), np.float32)
    lightness = np.broadcast_to(
        np.array([-0.5, 0.0, 0.5, 0.9], np.float32)[:, None, None, None], (4, 64, 64, 1)
    )
    answer = model(lightness)
    for _ in range(40):
        model.compute_loss(lightness, grey, answer, training=True)
    assert len(set(seen)) == 4


@pytest.mark.usefixtures("tiny")
def test_what_it_cannot_do_without(small: Small, classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs --set classifier=FILE\.npz"):
        PerceivedColour().check()
    with pytest.raises(UserError, match=r"^classifier=.*none.npz: No such file"):
        perceived(small, tmp_path / "none.npz")
    with pytest.raises(UserError, match="does not make its ab"):
        compiled(
            small(model="chroma_residual", loss="perceived_colour", classifier=str(classifier)),
            keras_models.task("chroma_residual", "test"),
        )
