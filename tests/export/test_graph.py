"""What is read from a FlatBuffer, against networks counted by hand."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from export import graph
from export.recipes import find


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
    """12 to 8, twice 8 to 8, 8 to 8 channels by 3x3, on a cell for each 2x2 pixels of a tile."""
    for name, path in model_files.items():
        expected = (find(name).tile // 2) ** 2 * 9 * (12 * 8 + 8 * 8 + 8 * 8 + 8 * 8)
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


def test_an_op_with_its_tensors() -> None:
    contents = converted(
        layers.Conv2D(4, 3, strides=2, dilation_rate=1, padding="same", activation="relu"),
        layers.Flatten(),
        shape=(8, 6, 3),
    )
    first, last = contents.details
    assert (first.index, first.name, first.custom, last.name) == (0, "CONV_2D", "", "RESHAPE")
    assert first.options["strideW"] == 2 and first.macs == contents.macs
    source, weights, bias = first.inputs
    assert source and weights and bias
    assert (source.shape, source.constant, source.dtype) == ((1, 8, 6, 3), False, "float32")
    assert (weights.shape, weights.constant, weights.bytes) == ((4, 3, 3, 3), True, 4 * 27 * 4)
    assert bias.values is not None and (bias.values == 0).all() and source.values is None
    (between,) = first.outputs
    assert last.input(0) == between and between.bytes == 4 * 3 * 4 * 4
    shape = last.input(1)
    assert shape and shape.values is not None and shape.values.tolist() == [1, 48]
    assert last.input(5) is None
    assert contents.results == (last.outputs[0].index,)


def test_open_axes_and_zero_points(model_files: dict[str, Path]) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    (op,) = graph.read(tf.lite.TFLiteConverter.from_keras_model(model).convert()).details
    assert op.outputs[0].open == (0,) and op.outputs[0].shape == (1, 3)
    source = graph.read(model_files["int8"].read_bytes()).details[1].input(0)
    assert source and source.zero_point == -128 and source.dtype == "int8"
