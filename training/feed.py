"""What a run is fed with, whatever its task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


@dataclass(frozen=True)
class Feed:
    """A run's data.

    Attributes:
        summary: what was read, for the user.
        batches: training batches from a step up to another of the same stage, always the same.
        validation: the batches that each epoch is measured on.
        draw: truth, input and prediction side by side, RGB (H, W, 3) uint8, of a model.
        prior: how common each of the 313 colours is; only of colorization.
        wholes: encoded whole pictures (N, h, w, C), reduced, of networks that judge a crop by the
            whole that it is of.
    """

    summary: str
    batches: Callable[[int, int], tf.data.Dataset]
    validation: tf.data.Dataset
    draw: Callable[[keras.Model], NDArray[np.uint8]]
    prior: Callable[[], NDArray[np.float64]] | None = None
    wholes: Callable[[], NDArray[np.float32]] | None = None
