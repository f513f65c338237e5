"""Fake quantisation: ranges, rounding, gradients, and the integer graph that comes of it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from edge_demo.runtime.interpreter import Graph
from edge_demo.runtime.tasks import chroma
from export import calibrate, convert, recipes
from keras_models import fakequant

STATED = {"planes": (-128 / 255, 127 / 255), "correction": (-1.0, 1.0)}


def test_a_range_holds_zero_and_256_steps() -> None:
    for low, high in ((-0.3, 1.0), (0.2, 0.9), (-2.0, -1.0), (-128 / 255, 127 / 255)):
        span = fakequant.nudged(low, high)
        assert span.low <= 0 <= span.high
        assert span.high - span.low == pytest.approx(255 * span.scale)
        assert -span.low / span.scale == pytest.approx(round(-span.low / span.scale))
    assert fakequant.nudged(-128 / 255, 127 / 255).scale == pytest.approx(1 / 255)


def test_the_least_error_range_leaves_outliers_out() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0, 1, 100_000), [40.0]])

    def error(span: fakequant.Range) -> float:
        rounded = np.rint(np.clip(values, span.low, span.high) / span.scale) * span.scale
        return float(np.mean((rounded - values) ** 2))

    found = fakequant.least_error_range(values)
    assert found.high < 40
    assert error(found) < error(fakequant.nudged(0, 40))
    calm = fakequant.least_error_range(rng.uniform(-1, 1, 100_000))
    assert calm.high > 0.9 and calm.low < -0.9


def test_rounding_passes_the_gradient_where_it_does_not_clip() -> None:
    import tensorflow as tf

    layer = fakequant.FakeQuant(0.0, 1.0)
    values = tf.Variable([-1.0, 0.3333, 0.601, 2.0])
    with tf.GradientTape() as tape:
        out = layer(values)
    assert np.allclose(out, [0, 85 / 255, 153 / 255, 1], atol=1e-6)
    assert tape.gradient(out, values).numpy().tolist() == [0, 1, 1, 0]


def test_a_kernel_is_on_127_steps_of_its_own_scale() -> None:
    layer = fakequant.FakeQuantConv2D(2, 1, use_bias=False)
    layer.build((None, 4, 4, 2))
    kernel = np.array([[1.0, 0.013], [0.3, -0.004]], np.float32).reshape(1, 1, 2, 2)
    layer.set_weights([kernel])
    picked = np.eye(2, dtype=np.float32).reshape(1, 1, 2, 2)
    out = np.asarray(layer(picked))[0, 0]
    scale = np.abs(kernel).max((0, 1, 2)) / 127
    steps = out / scale
    assert np.allclose(steps, np.rint(steps), atol=1e-3)
    assert np.abs(out - kernel[0, 0]).max() <= scale.max() / 2 + 1e-7
    assert not np.allclose(out, kernel[0, 0], atol=1e-6)


def test_an_operation_that_has_no_integers_here_is_named() -> None:
    source = keras.Input((8, 8, 3))
    model = keras.Model(source, layers.LayerNormalization(name="norm")(source))
    with pytest.raises(ValueError, match="norm: LayerNormalization"):
        fakequant.quantised_tensors(model)


def test_what_tflite_fuses_is_not_rounded_twice() -> None:
    source = keras.Input((8, 8, 3), name="in")
    x = layers.Conv2D(4, 3, name="a")(source)
    x = layers.ReLU(name="relu")(x)
    model = keras.Model(source, layers.Identity(name="out")(ops.clip(x, 0, 1)))
    assert fakequant.quantised_tensors(model) == ("in", "out")


@pytest.mark.parametrize("kind", ["calibrated", "trained"])
def test_the_integer_graph_follows_the_fake_quantised_one(
    kind: str, lively: Callable[[str], Any], natural: np.ndarray, tmp_path: Path
) -> None:
    """Within two steps of the output, on a real picture, from a network that really corrects."""
    model = lively("chroma_residual")
    picture = np.ascontiguousarray(natural[:64, :64])
    inputs = chroma.encode(chroma.degrade(picture))["planes"]
    ranges = fakequant.choose_ranges(model, inputs[None], STATED)
    rounding = fakequant.fake_quantised(model, ranges)
    expected = np.asarray(rounding(inputs[None]))[0]
    if kind == "trained":
        network = convert.Network(rounding, chroma.TASK, None, 64)
        recipe = recipes.find("qat")
    else:
        calibration = calibrate.Calibration((picture,), {})
        network = convert.Network(model, chroma.TASK, calibration, 64)
        recipe = recipes.find("int8")
    path = tmp_path / "model.tflite"
    flatbuffer, facts = convert.convert(network, dataclasses.replace(recipe, tile=64))
    assert facts["ranges"] == ("trained" if kind == "trained" else "least-error")
    path.write_bytes(flatbuffer)
    graph = Graph(path)
    found = graph.run({"planes": inputs})["correction"]
    assert set(graph.dtypes.values()) == {"int8"}
    step = graph.output_step("correction")
    assert expected.std() > 3 * step
    # A sum that lies between two steps may be rounded to either, and is from layer to layer.
    assert np.abs(found - expected).max() <= 2.01 * step
    assert np.mean(np.abs(found - expected) > 0.01 * step) < 0.1
    plain = np.asarray(model(inputs[None]))[0]
    assert np.abs(found - plain).mean() < 4 * step


def test_a_fake_quantised_model_can_be_undone(lively: Callable[[str], Any]) -> None:
    model = lively("chroma_residual")
    inputs = np.random.default_rng(0).uniform(-0.5, 0.49, (1, 32, 32, 12)).astype(np.float32)
    ranges = fakequant.choose_ranges(model, inputs, STATED)
    rounding = fakequant.fake_quantised(model, ranges)
    assert fakequant.ranges_of(rounding) == ranges and fakequant.ranges_of(model) == {}
    plain = fakequant.unquantised(rounding)
    assert not any("FakeQuant" in type(layer).__name__ for layer in plain.layers)
    assert np.array_equal(plain.predict_on_batch(inputs), model.predict_on_batch(inputs))
    assert not np.allclose(rounding.predict_on_batch(inputs), model.predict_on_batch(inputs))
