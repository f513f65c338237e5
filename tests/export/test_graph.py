"""What is read from a FlatBuffer, against networks counted by hand."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from export import graph


def converted(*stack: keras.Layer, shape: tuple[int, ...]) -> graph.Contents:
    model = keras.Sequential([keras.Input(shape, batch_size=1), *stack])
    return graph.read(tf.lite.TFLiteConverter.from_keras_model(model).convert())


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (layers.Conv2D(4, 3, strides=2, padding="same"), (8, 8, 3), 4 * 4 * 4 * 3 * 3 * 3),
        (layers.DepthwiseConv2D((3, 5), padding="same"), (8, 6, 7), 8 * 6 * 7 * 3 * 5),
        (layers.Conv2DTranspose(5, 3, strides=2, padding="same"), (4, 4, 2), 4 * 4 * 2 * 3 * 3 * 5),
        (layers.Dense(5), (11,), 11 * 5),
        (layers.Activation("relu"), (4, 4, 2), 0),
    ],
)
def test_multiply_accumulates_by_hand(
    layer: keras.Layer, shape: tuple[int, ...], macs: int
) -> None:
    contents = converted(layer, shape=shape)
    assert contents.macs == macs
    assert contents.subgraphs == 1 and contents.custom == () and contents.dynamic == ()


def test_the_test_networks_macs(model_files: dict[str, Path]) -> None:
    """12 to 8, twice 8 to 8, 8 to 8 channels by 3x3, on 256x256 cells of 512x512 pixels."""
    expected = 256 * 256 * 9 * (12 * 8 + 8 * 8 + 8 * 8 + 8 * 8)
    for name, path in model_files.items():
        contents = graph.read(path.read_bytes())
        assert contents.macs == expected, name
        assert contents.ops.count("CONV_2D") == 4


def test_inputs_and_outputs(model_files: dict[str, Path]) -> None:
    for name, kind in (("float32", "float32"), ("dynamic", "float32"), ("int8", "int8")):
        contents = graph.read(model_files[name].read_bytes())
        ((_, source, shape),) = contents.inputs
        ((_, result, result_shape),) = contents.outputs
        assert (source, shape) == (kind, (1, 256, 256, 12))
        assert (result, result_shape) == (kind, (1, 256, 256, 8))


def test_dynamic_shapes_are_seen() -> None:
    model = keras.Sequential([keras.Input((None, None, 2)), layers.Conv2D(3, 3, padding="same")])
    function = tf.function(model).get_concrete_function(tf.TensorSpec((1, None, None, 2)))
    data = tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert()
    assert graph.read(data).dynamic


@pytest.mark.parametrize(
    "data",
    [b"", b"TFL3", b"\x1c\0\0\0TFL4" + bytes(100), b"\x1c\0\0\0TFL3", bytes(4) + b"TFL3" * 9],
)
def test_what_is_no_model(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a TFLite"):
        graph.read(data)


def test_a_file_that_was_cut_short(model_files: dict[str, Path]) -> None:
    data = model_files["float32"].read_bytes()
    for length in (9, 40, 400, 2000):
        with pytest.raises(ValueError, match="not a TFLite"):
            graph.read(data[:length])


def test_random_bytes_behind_the_identifier() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        data = rng.bytes(4) + b"TFL3" + rng.bytes(300)
        with pytest.raises(ValueError, match="not a TFLite"):
            graph.read(data)
