"""Two learning rates in one optimizer, and a backbone that follows later and is not decayed."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_models
from edge_demo.errors import UserError
from training.config import FitConfig, load
from training.fit import compiled
from training.rated_adam import RatedAdam

PRIOR = np.full(313, 1 / 313)


def config(model: str = "colorize_unet", **changes: Any) -> FitConfig:
    return dataclasses.replace(
        load(model), size="test", steps=100, warmup_steps=0, precision="float32", **changes
    )


def moved(model: keras.Model, steps: int) -> dict[str, float]:
    """How far each fitted weight goes in some steps."""
    before = {weight.path: np.array(weight) for weight in model.trainable_weights}
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (4, 32, 32, 1)).astype(np.float32)
    truth = rng.normal(0, 0.2, (4, 8, 8, 2)).astype(np.float32)
    data = tf.data.Dataset.from_tensors((inputs, truth)).repeat(steps)
    model.fit(data, verbose=0)
    return {weight.path: float(np.abs(np.array(weight) - before[weight.path]).max())
            for weight in model.trainable_weights}  # fmt: skip


def parts(found: dict[str, float]) -> tuple[list[float], list[float]]:
    """Of the backbone's convolutions behind its first, and of what reads them."""
    backbone = [far for path, far in found.items() if path.startswith("backbone_")]
    return backbone, [far for path, far in found.items() if not path.startswith("backbone_")]


def test_a_backbone_waits_and_then_follows_slowly() -> None:
    keras.utils.set_random_seed(0)
    task = keras_models.task("colorize_unet", "test")
    model = compiled(config(backbone_rate=0.1, backbone_delay=3, weight_decay=0.05), task, None,
                     PRIOR)  # fmt: skip
    backbone, rest = parts(moved(model, 3))
    assert backbone and max(backbone) == 0.0  # it is not decayed either
    assert min(rest) > 0.0
    backbone, rest = parts(moved(model, 3))
    assert 0.0 < max(backbone) < 0.2 * max(rest)


def test_where_nothing_of_a_backbone_is_fitted_it_has_no_rate() -> None:
    for name in ("chroma_residual",):
        task = keras_models.task(name, "test")
        with pytest.raises(UserError, match=f"backbone_rate=0.1 .*{name}-test fits no backbone"):
            compiled(config(name, backbone_rate=0.1), task)


def test_it_survives_saving() -> None:
    made = RatedAdam(names=("a", "b"), rate=0.25, delay=7, learning_rate=0.5)
    again = RatedAdam.from_config(made.get_config())
    assert (again.names, again.rate, again.delay) == (("a", "b"), 0.25, 7)
