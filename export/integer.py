"""Integer graphs with the ranges that we choose, through fake quantisation.

TensorFlow's own calibration takes each activation's extremes; ranges of least squared error lose
about half as much (``docs/quantisation.md`` has the measurement). The converter takes them from
fake-quantisation operations of its own, so the same road exports a network that was trained with
``keras_models.fakequant``.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from edge_demo.runtime.tasks.record import Task
from keras_models.fakequant import Range, choose_ranges, fake_quantised, stated_ranges

from .calibrate import Calibration


class _Activation(layers.Layer):
    """``FakeQuant`` as the converter knows it."""

    def __init__(self, low: float, high: float, **options: Any) -> None:
        super().__init__(**options)
        self.low, self.high = low, high

    def call(self, inputs: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_args(inputs, self.low, self.high)


class _Convolution(layers.Conv2D):
    """``FakeQuantConv2D`` as the converter knows it."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        # Of the value, not the variable: the scale must be a constant of the graph.
        with tf.init_scope():
            limit = np.maximum(np.abs(np.asarray(self.kernel)).max(axis=(0, 1, 2)), 1.27e-6)
        rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            kernel, -limit, limit, num_bits=8, narrow_range=True
        )
        return super().convolution_op(inputs, rounded)


def prepared(
    model: keras.Model, task: Task, calibration: Calibration
) -> tuple[keras.Model, dict[str, Range]]:
    """The model with the converter's fake-quantisation operations in it, and its ranges.

    The task states the ranges of inputs and outputs; calibration those of all between.
    """
    ranges = choose_ranges(model, np.stack(calibration.inputs), stated_ranges(task))
    return fake_quantised(model, ranges, _Convolution, _Activation), ranges
