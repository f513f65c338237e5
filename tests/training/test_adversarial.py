"""Two networks learn against each other in one step, each from its own loss."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

import keras_models
from edge_demo.errors import UserError
from edge_demo.tasks import chroma
from tests.apart import ROUNDING, apart
from training import callbacks
from training.adversarial import AdversarialModel, optimizer, residual
from training.config import FitConfig
from training.fit import compiled, fit

Small = Callable[..., FitConfig]
MODELS = ("chroma_gan", "chroma_merged")


@pytest.fixture(params=MODELS)
def both(request: pytest.FixtureRequest, small: Small) -> AdversarialModel:
    keras.utils.set_random_seed(4)
    config = small(model=request.param, loss="adversarial")
    model = compiled(config, keras_models.task(request.param, "test"))
    assert isinstance(model, AdversarialModel)
    return model


def batch() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    planes = rng.uniform(-0.4, 0.4, (2, 16, 16, 12)).astype(np.float32)
    return planes, rng.normal(0, 0.1, (2, 16, 16, 8)).astype(np.float32)


def gradients(model: AdversarialModel) -> tuple[list[NDArray], list[NDArray]]:
    """Of the whole loss, to the weights of the generator and of the discriminator."""
    planes, truth = batch()
    with tf.GradientTape() as tape:
        loss = model.compute_loss(planes, truth, model(planes, training=True))
    weights = [*model.generator.trainable_weights, *model.discriminator.trainable_weights]
    found = [np.asarray(g) for g in tape.gradient(loss, [w.value for w in weights])]
    count = len(model.generator.trainable_weights)
    return found[:count], found[count:]


def test_each_learns_from_its_own_loss_alone(both: AdversarialModel) -> None:
    planes, truth = batch()
    judge, task = both.discriminator, both.task
    of_generator, of_discriminator = gradients(both)

    def seen(values: tf.Tensor) -> tf.Tensor:
        return tf.concat([planes, residual(values, planes, task) * 10.0], -1)

    with tf.GradientTape() as tape:
        *_, true = judge(seen(truth))
        *_, made = judge(seen(both(planes)))
        loss = 0.5 * (tf.reduce_mean((true - 1) ** 2) + tf.reduce_mean(made**2))
    wanted = tape.gradient(loss, [w.value for w in judge.trainable_weights])
    for found, expected in zip(of_discriminator, wanted, strict=True):
        assert np.abs(found - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())
        assert np.any(found != 0)

    with tf.GradientTape() as tape:
        output = both(planes, training=True)
        true, made = residual(truth, planes, task), residual(output, planes, task)
        *likely, _ = judge(seen(truth))
        *features, fooled = judge(seen(output))
        loss = (
            tf.reduce_mean(tf.sqrt(((true - made) * 48.0) ** 2 + both.fidelity.epsilon**2))
            + both.gan_weight * tf.reduce_mean((fooled - 1) ** 2)
            + both.feature_weight
            * sum(tf.reduce_mean(tf.abs(a - b)) for a, b in zip(features, likely, strict=True))
        )
    wanted = tape.gradient(loss, [w.value for w in both.generator.trainable_weights])
    for found, expected in zip(of_generator, wanted, strict=True):
        assert np.abs(found - expected).max() < 1e-3 * max(1.0, np.abs(expected).max())
        assert np.any(found != 0)


@pytest.mark.slow
def test_the_discriminator_has_a_rate_of_its_own(both: AdversarialModel) -> None:
    """Adam's first step is the learning rate, whatever the gradient."""
    both.compile(optimizer=optimizer(3.0, learning_rate=1e-3))
    sides = both.generator.trainable_weights, both.discriminator.trainable_weights
    before = [[np.array(weight) for weight in side] for side in sides]
    both.train_on_batch(*batch())
    steps = [
        max(np.abs(np.asarray(w) - old).max() for w, old in zip(side, olds, strict=True))
        for side, olds in zip(sides, before, strict=True)
    ]
    assert steps == pytest.approx([1e-3, 3e-3], rel=0.02)


def test_what_the_discriminator_judges() -> None:
    planes, truth = batch()
    assert residual(truth, planes, chroma.TASK) is truth
    assert residual(truth, planes, chroma.MERGED) is truth
    both = np.concatenate([truth, truth / 2], -1)
    assert np.allclose(residual(both, planes, chroma.MERGED), truth * 1.5)
    direct = planes[..., 4:] + truth * 48 / 255
    assert np.allclose(residual(direct, planes, chroma.DIRECT), truth, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_run_is_like_any_other(
    model: str, small_photographs: Path, small: Small, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Histories of both losses, pictures, and the same end after an interruption."""
    config = small(model=model, loss="adversarial", steps=4, epoch_steps=2, picture_every=1)
    data, run = f"folder:{small_photographs}", tmp_path / "run"
    half = tmp_path / "half"
    end = callbacks.Checkpoint.on_epoch_end

    def copied(self: callbacks.Checkpoint, epoch: int, logs: dict | None = None) -> None:
        end(self, epoch, logs)
        if epoch == 0:
            shutil.copytree(self.path.parent, half)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.Checkpoint, "on_epoch_end", copied)
        fit(config, data, None, run, "x")
    fit(config, data, None, half, "x")
    assert apart(run, half) < ROUNDING
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row in rows:
        total = float(row["generator_loss"]) + float(row["discriminator_loss"])
        assert total == pytest.approx(float(row["loss"]), rel=1e-3)
        assert float(row["val_psnr"]) > 20
    assert len(list((run / "pictures").glob("*.png"))) == 2


def test_what_cannot_be_trained_so(small: Small) -> None:
    for model in ("chroma_bitrate", "enhance_zerodce"):
        config = small(model=model, loss="adversarial")
        with pytest.raises(UserError, match=f"no discriminator for {model}"):
            compiled(config, keras_models.task(model, "test"))
