"""Zero-DCE: the published network, its curves' forms, and that a device can hold the small one."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from edge_demo.model.interpreter import Graph
from edge_demo.tasks import enhance
from export import convert, edgetpu, graph, quantise
from keras_models import enhance_zerodce as zerodce
from keras_models import fakequant
from training.curves import apply_curves
from training.zero_reference import ZeroReference

SIDE = 64
Pictures = NDArray[np.float32]


@pytest.fixture(scope="module")
def pictures(natural: NDArray[np.uint8]) -> Pictures:
    """Encoded parts of a photograph that was made dark, (3, SIDE, SIDE, 6)."""
    encoded = enhance.encode((natural * 0.25).astype(np.uint8))["picture"]
    places = ((0, 0), (32, 64), (16, 30))
    return np.stack([encoded[top : top + SIDE, left : left + SIDE] for top, left in places])


def lively(size: str, pictures: Pictures) -> keras.Model:
    """A model whose curves are a good part of their range."""
    keras.utils.set_random_seed(5)
    model = zerodce.build(size)
    last = model.get_layer("conv7")
    spread = keras.Model(model.inputs, last.output).predict_on_batch(pictures).std()
    last.set_weights([weights * 0.5 / spread for weights in last.get_weights()])
    return model


def computed(flatbuffer: bytes, picture: Pictures, folder: Path) -> tuple[Pictures, float]:
    path = folder / "model.tflite"
    path.write_bytes(flatbuffer)
    loaded = Graph(path)
    return loaded.run({"picture": picture})["curves"], loaded.output_step("curves")


def test_the_published_network_is_the_published_size() -> None:
    model = zerodce.build("paper")
    assert model.count_params() == 79_416  # Guo et al., 2020: DCE-Net
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [32] * 6 + [24]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    # Zero-DCE++ has 10,561; three more channels at the input are 3 * (9 + 1) + 3 * 32 more, and
    # what the whole picture's means say is two matrices with biases.
    assert zerodce.build("lite").count_params() == 10_561 + 126 + 2 * (32 + 1) * 32


@pytest.mark.parametrize("size", zerodce.SIZES)
def test_each_size_answers_in_its_form(size: str) -> None:
    model, task = zerodce.build(size), zerodce.task(size)
    assert task is (enhance.SHARED_CURVES if size == "lite" else enhance.CURVES)
    (result,) = task.outputs
    assert model.output_names == ["curves"]
    output = model.predict_on_batch(np.zeros((2, 48, 16, 6), np.float32))
    cell = result.downscale
    assert output.shape == (2, 48 // cell, 16 // cell, result.channels)
    assert output.dtype == np.float32


@pytest.mark.parametrize("size", ["test", "lite"])
def test_a_fresh_network_leaves_the_picture(size: str, pictures: Pictures) -> None:
    keras.utils.set_random_seed(0)
    curves = zerodce.build(size).predict_on_batch(pictures)
    assert 0 < np.abs(curves).mean() < 0.02
    found = np.asarray(apply_curves(pictures[..., :3], curves))
    assert np.abs(found - pictures[..., :3]).mean() < 0.02


def test_only_the_small_one_sees_the_lifted_channels(pictures: Pictures) -> None:
    dimmed = pictures * np.float32([1, 1, 1, 0.5, 0.5, 0.5])
    for size, sees in (("test", False), ("lite", True)):
        model = lively(size, pictures)
        found = [model.predict_on_batch(given) for given in (pictures, dimmed)]
        assert np.array_equal(*found) != sees


def test_the_small_one_judges_by_the_whole_picture(pictures: Pictures) -> None:
    """What is 300 pixels away is beyond its convolutions."""
    model = lively("lite", pictures)
    wide = np.tile(pictures[:1], (1, 1, 8, 1))
    dimmed = wide.copy()
    dimmed[:, :, -SIDE:] *= 0.2
    found = [model.predict_on_batch(given)[0, :, 0] for given in (wide, dimmed)]
    assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize("size", ["test", "lite"])
def test_curves_keep_their_range(size: str, pictures: Pictures) -> None:
    model = lively(size, pictures)
    last = model.get_layer("conv7")
    last.set_weights([weights * 100 for weights in last.get_weights()])
    curves = model.predict_on_batch(pictures)
    assert -1 <= curves.min() < -0.99 and 0.99 < curves.max() <= 1


@pytest.mark.parametrize("size", ["test", "lite"])
def test_the_integer_graph_follows_training_on_steps(
    size: str, pictures: Pictures, tmp_path: Path
) -> None:
    model, task = lively(size, pictures), zerodce.task(size)
    ranges = fakequant.choose_ranges(model, pictures, {"picture": (0.0, 1.0)})
    rounding = fakequant.fake_quantised(model, ranges)
    network = convert.Network(rounding, task, (), None, SIDE)
    plain = model.predict_on_batch(pictures[:1])[0]
    floats, _ = computed(network.floats, pictures[0], tmp_path)
    assert np.abs(floats - plain).max() < 1e-5
    made = quantise.integer(network.floats, network.ranges)
    assert quantise.in_floats(made, ()) == []
    found, step = computed(made, pictures[0], tmp_path)
    assert step == pytest.approx(1 / 128)
    expected = rounding.predict_on_batch(pictures[:1])[0]
    assert expected.std() > 20 * step
    assert np.abs(found - expected).max() <= 6.01 * step
    # The small one loses little to rounding, about a step, and its many layers leave half of it.
    most = 0.8 if size == "lite" else 0.5
    assert np.abs(found - expected).mean() < most * np.abs(found - plain).mean()
    # In the picture, eight iterations later.
    bright = [enhance.apply_curves(pictures[0][..., :3], curves) for curves in (found, plain)]
    assert np.abs(bright[0] - bright[1]).mean() < 4 / 255


def test_an_edge_tpu_holds_the_small_one_whole(pictures: Pictures) -> None:
    model, task = lively("lite", pictures), zerodce.task("lite")
    floats = convert.float_graph(model, task, SIDE)
    ranges = quantise.calibrated_ranges(floats, task, [{"picture": one} for one in pictures])
    made = quantise.integer(floats, ranges)
    contents = graph.read(made)
    # What touches every pixel of the full size is cheap.
    assert contents.ops[0] == "AVERAGE_POOL_2D"
    assert {kind for _, kind, _ in (*contents.inputs, *contents.outputs)} == {"int8"}
    assert edgetpu.judge(made).ready


@pytest.mark.slow
@pytest.mark.parametrize("size", ["test", "lite"])
def test_it_learns_to_brighten_without_a_truth(size: str, pictures: Pictures) -> None:
    policy = keras.mixed_precision.dtype_policy()
    keras.utils.set_random_seed(1)
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = zerodce.build(size)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    picture = pictures[..., :3] * 0.5
    model.compile(keras.optimizers.Adam(3e-3), ZeroReference(exposure=0.5))
    history = model.fit(pictures, picture, batch_size=3, epochs=40, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    found = np.asarray(apply_curves(picture, model.predict_on_batch(pictures)))
    assert abs(found.mean() - 0.5) < 0.5 * abs(picture.mean() - 0.5)
