"""Keras to TFLite: builtin ops only, static shapes, one function a recipe's kind."""

from __future__ import annotations

import tempfile

import keras
import tensorflow as tf

from edge_demo.runtime.quiet import quiet_stderr
from edge_demo.runtime.tasks.record import Task

from . import integer
from .calibrate import Calibration
from .recipes import Recipe


def convert(
    model: keras.Model, task: Task, tile: int, recipe: Recipe, calibration: Calibration | None
) -> bytes:
    """The FlatBuffer of a model.

    Args:
        model: float32, any size.
        task: names the tensors.
        tile: the file's static input spans this many image pixels, along each axis.
        recipe: how to store it.
        calibration: for a calibrated recipe.

    Raises:
        ValueError: a calibrated recipe without calibration, or an op that TFLite lacks.
    """
    if recipe.calibrated:
        if calibration is None:
            raise ValueError(f"recipe {recipe.name} needs calibration")
        model, _ = integer.prepared(model, task, calibration)
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        save(model, task, tile, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # No Flex ops: a device's interpreter refuses them.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if recipe.name != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe.name == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if recipe.calibrated:
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8
        flatbuffer: bytes = converter.convert()
    return flatbuffer


def save(model: keras.Model, task: Task, tile: int, folder: str) -> None:
    """A SavedModel whose one signature has the task's tensor names and a static shape.

    Keras's own archive, because it tells TensorFlow which variables are constants.
    """
    (source,), (result,) = task.inputs, task.outputs
    side = tile // source.downscale
    spec = tf.TensorSpec([1, side, side, source.channels], tf.float32, name=source.name)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda values: {result.name: model(values, training=False)},
        input_signature=[spec],
    )
    archive.write_out(folder, verbose=False)
