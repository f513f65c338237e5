"""Integer graphs of many kinds of layers: wholly integer, and what training on steps saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.model.interpreter import Graph
from edge_demo.tasks.record import Task, Tensor
from export import convert, graph, quantise
from export.calibrate import Calibration
from export.recipes import find
from keras_models import fakequant

TILE = 32
Build = Callable[[Any], Any]


def conv(filters: int = 8, kernel: int = 3, **options: Any) -> layers.Conv2D:
    return layers.Conv2D(filters, kernel, padding="same", **options)


def squeeze_and_excite(x: Any) -> Any:
    x = conv(activation="relu")(x)
    weights = conv(8, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, layers.Activation("sigmoid")(weights)])


NETWORKS: dict[str, Build] = {
    "residual": lambda x: layers.Add()([(y := conv(activation="relu")(x)), conv()(y)]),
    "depthwise": lambda x: layers.DepthwiseConv2D(3, padding="same", activation="relu")(conv()(x)),
    "inverted bottleneck": lambda x: layers.Add()([
        (y := conv()(x)),
        conv(8, 1)(layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same")(conv(16, 1)(y)))),
    ]),
    "concatenation": lambda x: layers.Concatenate()([conv()(x), conv(activation="relu")(x)]),
    "concatenation of a pool": lambda x: layers.Concatenate()([
        conv()(x), layers.UpSampling2D(interpolation="bilinear")(layers.MaxPooling2D()(conv()(x))),
    ]),
    "average pool": lambda x: layers.UpSampling2D(interpolation="bilinear")(
        conv()(layers.AveragePooling2D(2)(conv()(x)))
    ),
    "attention": squeeze_and_excite,
    "gate": lambda x: layers.Multiply()([conv()(x), layers.Activation("tanh")(conv()(x))]),
    "subtraction": lambda x: layers.Subtract()([conv()(x), conv()(x)]),
    "input read twice": lambda x: layers.Concatenate()([x, conv()(x)]),
}  # fmt: skip


def network(build: Build) -> tuple[keras.Model, Task, np.ndarray]:
    """A model around a part, the task of its tensors, and inputs for it."""
    keras.utils.set_random_seed(3)
    source = keras.Input((None, None, 3), name="x")
    tail = conv(4, name="tail")(build(source))
    model = keras.Model(source, layers.Identity(name="y")(tail))
    inputs = np.random.default_rng(0).uniform(-1, 1, (4, TILE, TILE, 3)).astype(np.float32)
    output = model.predict_on_batch(inputs)
    low, high = float(output.min()), float(output.max())
    task = Task(
        "toy", 1, (Tensor("x", 3, 1, -1.0, 1.0, 1.0),), (Tensor("y", 4, 1, low, high, 1.0),),
        "RGB", 2, "psnr", (), "none",
    )  # fmt: skip
    return model, task, inputs


def run(flatbuffer: bytes, values: np.ndarray, folder: Path) -> tuple[np.ndarray, float]:
    path = folder / "model.tflite"
    path.write_bytes(flatbuffer)
    loaded = Graph(path)
    return loaded.run({"x": values})["y"], loaded.output_step("y")


@pytest.mark.parametrize("name", NETWORKS)
def test_calibrated_afterwards(name: str, tmp_path: Path) -> None:
    model, task, inputs = network(NETWORKS[name])
    floats = convert.float_graph(model, task, TILE)
    ranges = quantise.calibrated_ranges(floats, task, [{"x": one} for one in inputs])
    made = quantise.integer(floats, ranges)
    assert quantise.in_floats(made, ()) == []
    kinds = {t.dtype for op in graph.read(made).details for t in op.outputs}
    assert kinds == {"int8"}
    found, _ = run(made, inputs[0], tmp_path)
    expected = model.predict_on_batch(inputs[:1])[0]
    assert np.abs(found - expected).mean() < 0.05 * expected.std()


@pytest.mark.parametrize("name", NETWORKS)
def test_trained_on_steps(name: str, tmp_path: Path) -> None:
    """The integer graph follows the fake-quantised one far closer than the float one."""
    model, task, inputs = network(NETWORKS[name])
    ranges = fakequant.choose_ranges(model, inputs, fakequant.stated_ranges(task))
    rounding = fakequant.fake_quantised(model, ranges)
    trained = convert.Network(rounding, task, (), None, TILE)
    made = quantise.integer(trained.floats, trained.ranges)
    assert quantise.in_floats(made, ()) == []
    found, step = run(made, inputs[0], tmp_path)
    expected = rounding.predict_on_batch(inputs[:1])[0]
    plain = model.predict_on_batch(inputs[:1])[0]
    assert np.abs(found - expected).max() <= 4.01 * step
    # A mean of four integers is often half way between two, and kernels differ in which they take.
    closer = 1.0 if name == "average pool" else 0.5
    assert np.abs(found - expected).mean() < closer * np.abs(found - plain).mean()
    again = fakequant.unquantised(rounding)
    assert np.allclose(again.predict_on_batch(inputs[:1])[0], plain, atol=1e-6)
    file = tmp_path / "model.keras"
    rounding.save(file)
    loaded = keras.saving.load_model(file)
    assert np.array_equal(loaded.predict_on_batch(inputs[:1])[0], expected)


def test_layers_are_told_apart_whatever_they_are_called(tmp_path: Path) -> None:
    """``conv`` called twice is ``conv_1`` for TensorFlow, which is another layer's name here."""

    def build(x: Any) -> Any:
        for name in ("conv", "conv_1", "conv_1_1", "conv_2"):
            x = conv(name=name, activation="relu")(x)
        return x

    model, task, inputs = network(build)
    ranges = fakequant.choose_ranges(model, inputs, fakequant.stated_ranges(task))
    rounding = fakequant.fake_quantised(model, ranges)
    trained = convert.Network(rounding, task, (), None, TILE)
    found = {quantise.layer_of(name): span for name, span in trained.ranges.items()}
    for name in ("conv", "conv_1", "conv_1_1", "conv_2"):
        assert found[name] == ranges[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_gets_a_gradient_through_the_steps(name: str) -> None:
    import tensorflow as tf

    model, task, inputs = network(NETWORKS[name])
    ranges = fakequant.choose_ranges(model, inputs, fakequant.stated_ranges(task))
    rounding = fakequant.fake_quantised(model, ranges)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(rounding(inputs, training=True)))
    for gradient in tape.gradient(loss, rounding.trainable_variables):
        assert gradient is not None and np.abs(gradient).max() > 0


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda x: layers.LeakyReLU(name="odd")(conv()(x)), "odd: LeakyReLU cannot be quantised"),
        (lambda x: layers.ReLU(2.0, name="odd")(conv()(x)), "odd: ReLU cannot be quantised"),
        (lambda x: conv(activation="sigmoid", name="odd")(x), "odd: its sigmoid must be a layer"),
        (lambda x: layers.BatchNormalization(name="odd")(conv()(x)), "odd: BatchNormalization"),
        (
            lambda x: layers.UpSampling2D(name="odd")(conv()(x)),
            "odd: only bilinear upsampling can be quantised",
        ),
        (
            lambda x: layers.Concatenate()(
                [layers.Activation("tanh")(conv()(x)), layers.Activation("sigmoid")(conv()(x))]
            ),
            "must share a range, but each has its own",
        ),
    ],
)
def test_what_training_cannot_round_is_named(build: Build, says: str) -> None:
    model, task, inputs = network(build)
    with pytest.raises(ValueError, match=says):
        fakequant.choose_ranges(model, inputs, fakequant.stated_ranges(task))


def test_an_integer_recipe_holds_integers_only() -> None:
    """An operation without an 8-bit form is no silent float within a file that says int8."""
    model, task, _ = network(lambda x: layers.LeakyReLU()(conv()(x)))
    made = convert.Network(model, task, (), Calibration(restoration.of("chroma"), (), {}), TILE)
    vars(made)["ranges"] = dict.fromkeys(
        quantise._computed(made.floats), fakequant.Range(-1.0, 1.0)
    )
    with pytest.raises(UserError, match="recipe int8: no 8-bit form here of LEAKY_RELU"):
        convert.convert(made, find("int8"))


def test_what_is_said_of_a_whole_picture_has_room() -> None:
    """Calibration sees as many values of it as pictures; cut off, it changes every pixel."""

    def judged(x: keras.KerasTensor) -> keras.KerasTensor:
        whole = conv(4, name="whole")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        return conv(4, name="body")(x) + whole

    model, task, inputs = network(judged)
    given = [{"x": values} for values in inputs]
    floats = convert.float_graph(model, task, TILE)
    ranges = quantise.calibrated_ranges(floats, task, given)
    seen: dict[str, list[np.ndarray]] = {}
    for tensors in quantise.all_tensors(floats, given):
        for name, values in tensors.items():
            seen.setdefault(name, []).append(values)
    (name,) = (n for n, values in seen.items() if "whole" in n and values[0].size == 4)
    low, high = np.min(seen[name]), np.max(seen[name])
    found = ranges[name]
    assert found.low <= 1.25 * min(low, 0.0) and found.high >= 1.25 * max(high, 0.0)
    assert found.high - found.low <= 1.35 * (max(high, 0.0) - min(low, 0.0))
    # What is said of every place is chosen by its error, which clips.
    (name,) = (n for n, values in seen.items() if "body" in n and values[0].size > 4)
    assert ranges[name].high <= np.max(seen[name]) * 1.01


def test_what_constants_make_of_a_softmax_keeps_its_steps() -> None:
    """Shares that calibration never saw must not be cut off, nor one step become several."""
    model, task, inputs = network(lambda x: layers.Softmax()(conv(8)(x)) * 2.0 - 1.0)
    floats = convert.float_graph(model, task, TILE)
    ranges = quantise.calibrated_ranges(floats, task, [{"x": one} for one in inputs])
    kinds = {op.name: op.outputs[0].name for op in graph.read(floats).details}
    largest = max(values[kinds["MUL"]].max() for values in quantise.all_tensors(
        floats, [{"x": one} for one in inputs]
    ))  # fmt: skip
    assert largest < 1.8  # of 2: seen alone, they would have given a narrower range
    for kind, low, high in (("MUL", 0.0, 2.0), ("SUB", -1.0, 1.0)):
        found = ranges[kinds[kind]]
        assert (found.low, found.high) == pytest.approx((low, high), abs=found.scale / 2)
