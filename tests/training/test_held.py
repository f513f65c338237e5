"""Layers that keep their weights while the rest of a network is trained."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import keras_models
from edge_demo.errors import UserError
from training import config
from training.fit import compiled, kept_network

CONFIG = dataclasses.replace(
    config.load("chroma_residual"), size="test", steps=10, warmup_steps=0, precision="float32",
    weight_decay=0.01,
)  # fmt: skip


def test_held_layers_keep_their_weights_and_the_others_learn() -> None:
    held = dataclasses.replace(CONFIG, held=("head", "block1_a"))
    model = compiled(held, keras_models.task("chroma_residual", "test"))
    rng = np.random.default_rng(0)
    planes = rng.uniform(-0.5, 0.5, (2, 16, 16, 12)).astype(np.float32)
    truth = rng.uniform(-1, 1, (2, 16, 16, 8)).astype(np.float32)
    before = {weight.path: np.array(weight) for weight in kept_network(model).weights}
    model.fit(tf.data.Dataset.from_tensors((planes, truth)).repeat(3), verbose=0)
    moved = {weight.path.partition("/")[0] for weight in kept_network(model).weights
             if not np.array_equal(weight, before[weight.path])}  # fmt: skip
    assert moved == {"block1_b", "tail"}


def test_a_name_of_no_layer_is_refused() -> None:
    unknown = dataclasses.replace(CONFIG, held=("body",))
    with pytest.raises(UserError, match=r"of chroma_residual-test .* begins with 'body'"):
        compiled(unknown, keras_models.task("chroma_residual", "test"))
