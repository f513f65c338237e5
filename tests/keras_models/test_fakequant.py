"""Fake quantisation: ranges, rounding, gradients, and the integer graph that comes of it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_models
from edge_demo.measure import restoration
from edge_demo.model.interpreter import Graph
from edge_demo.tasks import chroma
from edge_demo.tasks.record import Task, Tensor
from export import calibrate, convert, edgetpu, graph, quantise, recipes
from keras_models import fakequant

TILE = 32
PICTURE = Task(
    "toy", 1, (Tensor("picture", 6, 1, 0.0, 1.0, 255.0),),
    (Tensor("enhanced", 3, 1, 0.0, 1.0, 255.0),), "RGB", 2, "psnr", (), "none",
)  # fmt: skip
STATED = {"planes": (-128 / 255, 127 / 255), "correction": (-1.0, 1.0)}


def test_a_range_holds_zero_and_256_steps() -> None:
    for low, high in ((-0.3, 1.0), (0.2, 0.9), (-2.0, -1.0), (-128 / 255, 127 / 255)):
        span = fakequant.nudged(low, high)
        assert span.low <= 0 <= span.high
        assert span.high - span.low == pytest.approx(255 * span.scale)
        assert -span.low / span.scale == pytest.approx(round(-span.low / span.scale))
    assert fakequant.nudged(-128 / 255, 127 / 255).scale == pytest.approx(1 / 255)


def test_a_tensor_of_zeros_has_a_range_that_a_device_takes(
    pictures: np.ndarray, tmp_path: Path
) -> None:
    """A dead ReLU, as a narrow layer behind a global pool may be."""
    dead = keras.initializers.Constant(-100.0)
    model = toy(
        lambda x: conv(8)(conv(4, 1, activation="relu", bias_initializer=dead, name="dead")(x))
    )
    ranges = fakequant.choose_ranges(model, pictures, fakequant.stated_ranges(PICTURE))
    assert (ranges["dead"].low, ranges["dead"].high) == (0.0, 1.0)
    floats = convert.float_graph(model, PICTURE, TILE)
    expected = model.predict_on_batch(pictures[:1])[0]
    for choice in quantise.CHOICES:
        found = quantise.calibrated_ranges(
            floats, PICTURE, [{"picture": one} for one in pictures], choice
        )
        result = computed(quantise.integer(floats, found), pictures[0], tmp_path)
        assert np.abs(result - expected).mean() < 2 / 255


def test_what_is_said_of_a_whole_picture_has_room(pictures: np.ndarray) -> None:
    """As in calibration, see ``export.quantise``: cut off, it changes every pixel."""

    def judged(x: keras.KerasTensor) -> keras.KerasTensor:
        whole = conv(4, name="whole")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        return layers.Add()([conv(4, name="body")(x), whole])

    model = toy(judged)
    ranges = fakequant.choose_ranges(model, pictures, fakequant.stated_ranges(PICTURE))
    layer = model.get_layer("whole").output
    values = keras.Model(model.inputs, layer).predict_on_batch(pictures)
    low, high = min(0.0, values.min()), max(0.0, values.max())
    span = ranges["whole"]
    assert span.low <= 1.25 * low and span.high >= 1.25 * high
    assert span.high - span.low <= 1.35 * (high - low)


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
    inputs = chroma.TASK.encode(chroma.degrade(picture))["planes"]
    ranges = fakequant.choose_ranges(model, inputs[None], STATED)
    rounding = fakequant.fake_quantised(model, ranges)
    expected = np.asarray(rounding(inputs[None]))[0]
    if kind == "trained":
        network = convert.Network(rounding, chroma.TASK, (), None, 64)
        recipe = recipes.find("qat")
    else:
        calibration = calibrate.of_pieces(restoration.of("chroma"), (picture,), {})
        network = convert.Network(model, chroma.TASK, (), calibration, 64)
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


# ------------------------------------------------- what attention and selective fusion are made of


def conv(filters: int, kernel: int = 3, **options: Any) -> layers.Conv2D:
    return layers.Conv2D(filters, kernel, padding="same", **options)


def channel_attention(x: Any) -> Any:
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = conv(x.shape[-1], 1)(conv(4, 1, activation="relu")(pooled))
    return layers.Multiply()([x, layers.Activation("sigmoid")(gate)])


def spatial_attention(x: Any) -> Any:
    gate = conv(1, 5)(conv(2, 1)(x))
    return layers.Multiply()([x, layers.Activation("sigmoid")(gate)])


def softmax_fusion(streams: list[Any]) -> Any:
    """Selective kernel fusion: a softmax across the streams, channel by channel."""
    count, channels = len(streams), streams[0].shape[-1]
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(layers.Add()(streams))
    y = conv(count * channels, 1)(conv(4, 1, activation="relu")(pooled))
    shares = layers.Softmax()(layers.Reshape((channels, count))(y))
    weights = [layers.Reshape((1, 1, channels))(shares[..., i]) for i in range(count)]
    return layers.Add()([layers.Multiply()(pair) for pair in zip(streams, weights, strict=True)])


def sigmoid_fusion(streams: list[Any]) -> Any:
    """The same without a softmax: each stream is mixed into what those behind it have made."""
    channels = streams[0].shape[-1]
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(layers.Add()(streams))
    y = conv(4, 1, activation="relu")(pooled)
    mixed = streams[-1]
    for stream in reversed(streams[:-1]):
        share = layers.Activation("sigmoid")(conv(channels, 1)(y))
        more = layers.Multiply()([layers.Subtract()([stream, mixed]), share])
        mixed = layers.Add()([mixed, more])
    return mixed


def attentive(fusion: Callable[[list[Any]], Any], streams: int) -> Callable[[Any], Any]:
    """Streams of several scales with attention in each, fused: MIRNet's parts."""

    def build(picture: Any) -> Any:
        x = conv(8, activation="relu")(picture[..., :3])
        scales = [layers.Add()([x, channel_attention(conv(8)(x))])]
        y = scales[0]
        for level in range(1, streams):
            y = spatial_attention(conv(8 + 4 * level, strides=2, activation="relu")(y))
            z = y
            for _ in range(level):
                z = layers.UpSampling2D(interpolation="bilinear")(conv(8, 1)(z))
            scales.append(z)
        return fusion(scales)

    return build


ATTENTION: dict[str, Callable[[Any], Any]] = {
    "softmax of two": attentive(softmax_fusion, 2),
    "softmax of three": attentive(softmax_fusion, 3),
    "sigmoid of two": attentive(sigmoid_fusion, 2),
    "sigmoids of three": attentive(sigmoid_fusion, 3),
}
PARTS: dict[str, Callable[[Any], Any]] = {
    **ATTENTION,
    "slices": lambda x: layers.Concatenate()([conv(8)(x[..., 3:]), conv(8)(x)[..., 1:7:2]]),
    "reshape": lambda x: layers.Reshape((TILE // 2, TILE * 2, 4))(conv(4)(x)),
    "pool of a slice": lambda x: layers.UpSampling2D(interpolation="bilinear")(
        conv(8)(layers.AveragePooling2D(2)(conv(8)(x)[..., :4]))
    ),
    "by channel": lambda x: channel_attention(conv(8)(x)),
    "by place": lambda x: spatial_attention(conv(8)(x)),
    "large pool": lambda x: layers.UpSampling2D(8, interpolation="bilinear")(
        conv(8)(layers.AveragePooling2D(8)(x))
    ),
    "transposed": lambda x: layers.Conv2DTranspose(6, 4, 2, padding="same", activation="relu")(
        conv(8, strides=2)(x)
    ),
    "softmax of channels": lambda x: layers.Multiply()(
        [conv(8)(x), layers.Softmax(3)(conv(8)(x))]
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pictures(natural: np.ndarray) -> np.ndarray:
    """Encoded tiles (4, TILE, TILE, 6) in 0..1, whole codes."""
    tiles = [natural[y : y + TILE, x : x + TILE] / 255 for y in (0, 32) for x in (16, 64)]
    both = np.concatenate([tiles, np.power(tiles, 0.4)], -1)
    return (np.rint(both * 255) / 255).astype(np.float32)


def toy(build: Callable[[Any], Any]) -> keras.Model:
    """A model around a part, which adds something to the lifted picture."""
    keras.utils.set_random_seed(2)
    source = keras.Input((TILE, TILE, 6), name="picture")
    x = build(source)
    if x.shape[1:3] != (TILE, TILE):
        x = layers.Reshape((TILE, TILE, -1))(x)
    y = layers.Add()([conv(3)(x), source[..., 3:]])
    return keras.Model(source, layers.Identity(name="enhanced")(ops.clip(y, 0.0, 1.0)))


def rounded(model: keras.Model, pictures: np.ndarray) -> keras.Model:
    ranges = fakequant.choose_ranges(model, pictures, fakequant.stated_ranges(PICTURE))
    return fakequant.fake_quantised(model, ranges)


def exported(model: keras.Model) -> bytes:
    network = convert.Network(model, PICTURE, (), None, TILE)
    return quantise.integer(network.floats, network.ranges)


def computed(flatbuffer: bytes, picture: np.ndarray, folder: Path) -> np.ndarray:
    path = folder / "model.tflite"
    path.write_bytes(flatbuffer)
    return Graph(path).run({"picture": picture})["enhanced"]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_whole_in_integers_and_follows_training(
    name: str, pictures: np.ndarray, tmp_path: Path
) -> None:
    model = toy(PARTS[name])
    rounding = rounded(model, pictures)
    made = exported(rounding)
    assert quantise.in_floats(made, ()) == []
    assert {t.dtype for op in graph.read(made).details for t in op.outputs} == {"int8"}
    found = computed(made, pictures[0], tmp_path) * 255
    expected = rounding.predict_on_batch(pictures[:1])[0] * 255
    plain = model.predict_on_batch(pictures[:1])[0] * 255
    assert expected.std() > 20
    assert np.abs(found - expected).max() <= 4.01
    # Means are often half way between two integers, and kernels differ in which they take.
    closer = 1.0 if name in ("pool of a slice", "softmax of three") else 0.5
    assert np.abs(found - expected).mean() < closer * np.abs(found - plain).mean()


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_the_same_in_a_float_file_and_calibrated_afterwards(
    name: str, pictures: np.ndarray, tmp_path: Path
) -> None:
    model = toy(PARTS[name])
    floats = convert.float_graph(model, PICTURE, TILE)
    contents = graph.read(floats)
    assert contents.custom == () and contents.dynamic == ()
    expected = model.predict_on_batch(pictures[:1])[0]
    assert np.abs(computed(floats, pictures[0], tmp_path) - expected).max() < 1e-5
    ranges = quantise.calibrated_ranges(floats, PICTURE, [{"picture": one} for one in pictures])
    made = quantise.integer(floats, ranges)
    assert quantise.in_floats(made, ()) == []
    assert np.abs(computed(made, pictures[0], tmp_path) - expected).mean() < 2 / 255


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_survives_saving_and_every_weight_learns(
    name: str, pictures: np.ndarray, tmp_path: Path
) -> None:
    import tensorflow as tf

    model = toy(ATTENTION[name])
    rounding = rounded(model, pictures)
    rounding.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = rounding.predict_on_batch(pictures)
    assert np.array_equal(loaded.predict_on_batch(pictures), expected)
    again = fakequant.unquantised(loaded)
    assert np.allclose(
        again.predict_on_batch(pictures), model.predict_on_batch(pictures), atol=1e-6
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(rounding(pictures, training=True) - pictures[..., 1::2]))
    for gradient in tape.gradient(loss, rounding.trainable_variables):
        assert gradient is not None and np.abs(gradient).max() > 0


def test_multiplications_broadcast_in_integers(pictures: np.ndarray) -> None:
    for build, shape in (
        (channel_attention, (1, 1, 1, 8)),
        (spatial_attention, (1, TILE, TILE, 1)),
    ):
        made = exported(rounded(toy(lambda x, b=build: b(conv(8)(x))), pictures))
        (product,) = (op for op in graph.read(made).details if op.name == "MUL")
        assert product.outputs[0].shape == (1, TILE, TILE, 8)
        assert product.inputs[1] is not None and product.inputs[1].shape == shape
        assert {t.dtype for t in product.inputs if t} == {"int8"}


@pytest.mark.parametrize("name", ATTENTION)
def test_an_edge_tpu_fuses_by_sigmoids_only(name: str, pictures: np.ndarray) -> None:
    """Its softmax is of one dimension."""
    verdict = edgetpu.judge(exported(rounded(toy(ATTENTION[name]), pictures)))
    assert verdict.ready == name.startswith("sigmoid")
    if not verdict.ready:
        assert verdict.problems[0].startswith("1 x SOFTMAX: its input has more than one dimension")


def test_two_streams_fuse_the_same_by_softmax_or_sigmoid() -> None:
    rng = np.random.default_rng(0)
    (one, other), (a, b) = rng.normal(size=(2, 2, 5, 5, 8))
    shares = np.asarray(ops.softmax(np.stack([a, b]), axis=0))
    share = np.asarray(ops.sigmoid(a - b))
    mixed = other + share * (one - other)
    assert np.allclose(shares[0] * one + shares[1] * other, mixed, atol=1e-6)


def test_what_only_moves_values_is_not_rounded_again(pictures: np.ndarray) -> None:
    source = keras.Input((TILE, TILE, 6), name="picture")
    x = conv(8, name="conv")(source[..., :3])
    pool = layers.AveragePooling2D(2, name="pool")(layers.Reshape((TILE, TILE, 8))(x)[..., 2:4])
    model = keras.Model(source, [pool, x[:, 0]])
    assert fakequant.quantised_tensors(model) == ("picture", "conv", "pool")
    ranges = fakequant.choose_ranges(model, pictures, fakequant.stated_ranges(PICTURE))
    # Through the slice: a pool has its input's range.
    assert ranges["pool"] == ranges["conv"]
    _, row = fakequant.fake_quantised(model, ranges).predict_on_batch(pictures)
    steps = row / ranges["conv"].scale
    assert row.std() > 0 and np.allclose(steps, np.rint(steps), atol=1e-3)


def test_a_softmax_of_another_axis_is_named() -> None:
    source = keras.Input((8, 8, 3))
    for axis in (1, -2, (2, 3)):
        model = keras.Model(source, layers.Softmax(axis, name="odd")(source))
        with pytest.raises(ValueError, match="odd: only a softmax of the last axis"):
            fakequant.quantised_tensors(model)


def test_a_layer_of_two_calls_is_named() -> None:
    """Each call would need a range of its own, and the second got the first one's values."""
    source = keras.Input((8, 8, 3), name="in")
    shared = conv(3, name="shared")
    first = shared(source)
    model = keras.Model(source, layers.Add(name="sum")([first, shared(first)]))
    with pytest.raises(ValueError, match="shared: called 2 times"):
        fakequant.quantised_tensors(model)
    # A call of another model does not count.
    assert fakequant.quantised_tensors(keras.Model(source, first)) == ("in", "shared")


def test_integers_need_no_clamp_and_floats_keep_theirs(
    pictures: np.ndarray, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(2)
    source = keras.Input((TILE, TILE, 6), name="picture")
    wild = conv(3, 1, bias_initializer="ones", name="wild")(
        layers.Subtract()([source, conv(6)(source)])
    )
    model = keras.Model(source, layers.Identity(name="enhanced")(ops.clip(wild, 0.0, 1.0)))
    floats = convert.float_graph(model, PICTURE, TILE)
    assert graph.read(floats).ops[-2:] == ("MINIMUM", "RELU")
    ranges = quantise.calibrated_ranges(floats, PICTURE, [{"picture": one} for one in pictures])
    made = quantise.integer(floats, ranges)
    assert graph.read(made).ops == ("CONV_2D", "SUB", "CONV_2D")
    found = computed(made, pictures[0], tmp_path)
    expected = model.predict_on_batch(pictures[:1])[0]
    assert 0.1 < (expected == 1).mean() < 0.9 and 0.1 < (expected == 0).mean() < 0.9
    assert (found.min(), found.max()) == (0.0, 1.0)
    assert np.abs(found - expected).mean() < 2 / 255
    # A clamp that cuts deeper than the range stays, and so does one behind a float.
    last = graph.read(floats).details[-1].outputs[0].name
    deeper = {**ranges, last: fakequant.nudged(0.0, 2.0)}
    assert "MINIMUM" in graph.read(quantise.saturating(floats, deeper)).ops
    before = graph.read(floats).details[-3].outputs[0].name
    for name in (before, last):
        mixed = quantise.integer(floats, ranges, [name])
        assert "MINIMUM" in graph.read(mixed).ops
        assert computed(mixed, pictures[0], tmp_path).max() <= 1.0


def test_a_copy_that_lists_its_layers_otherwise_has_their_weights() -> None:
    """A graph of many branches is walked in another order by what copies it."""
    model = keras_models.build("enhance_mirnet", "lite")
    ranges = {layer.name: fakequant.Range(-1.0, 1.0) for layer in model.layers}
    copy = fakequant.fake_quantised(model, ranges)
    named = [layer.name for layer in model.layers if layer.weights]
    assert [layer.name for layer in copy.layers if layer.weights] != named
    for name in named:
        kept, given = copy.get_layer(name).get_weights(), model.get_layer(name).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(kept, given, strict=True))
