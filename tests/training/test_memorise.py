"""Each network that colours can learn one picture by heart: else it can learn nothing."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

import keras_models
from datasets import colorize
from edge_demo.colour.ab_bins import COUNT
from training.config import load
from training.fit import compiled
from training.objectives import Charbonnier, Classification, JointColour, LogError

STEPS = 300
SIDE = 64
NETWORKS = [name for name in keras_models.names() if name.startswith("colorize_")]
# What the loss falls to, of what it was at first. Classes cannot fall below their entropy, a fifth.
OF_COLOURS, OF_CLASSES = 0.35, 0.5


def test_there_are_networks() -> None:
    assert NETWORKS


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_one_picture_is_learnt_by_heart(name: str, natural: NDArray[np.uint8]) -> None:
    keras.utils.set_random_seed(0)
    usual = load(name)
    charbonnier = isinstance(usual.objective, LogError)
    objective = Charbonnier() if charbonnier else usual.objective
    config = dataclasses.replace(
        usual, size="test", steps=STEPS, objective=objective, learning_rate=1e-2, warmup_steps=20,
        weight_decay=0.0, precision="float32", backbone_rate=1.0, backbone_delay=0,
    )  # fmt: skip
    task = keras_models.task(name, "test")
    lab = colorize.squeezed(np.ascontiguousarray(natural[:, 16:112]), SIDE)
    ((inputs, ab),) = colorize.fixed(lab[None], task, seed=0)
    model = compiled(config, task, prior=np.full(COUNT, 1 / COUNT))
    batches = tf.data.Dataset.from_tensors((inputs, ab)).repeat()
    seen = model.fit(batches, steps_per_epoch=STEPS // 10, epochs=10, verbose=0).history["loss"]
    first = float(model.loss(ab, np.zeros((*ab.shape[:3], model.output.shape[-1]), np.float32)))
    classes = isinstance(usual.objective, Classification | JointColour)
    share = OF_CLASSES if classes else OF_COLOURS
    assert seen[-1] < share * first, (seen, first)
