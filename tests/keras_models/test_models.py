"""Every model file, found by its name, is held to the same promises."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import keras_models
from edge_demo import tasks
from edge_demo.colour.ab_bins import BINS
from edge_demo.device.chroma import Chroma
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.model.interpreter import Graph
from edge_demo.tasks import chroma
from edge_demo.tasks.colorize import AB
from edge_demo.tasks.record import Task
from export import graph
from export.calibrate import of_pieces
from export.convert import Network, convert, float_graph
from export.recipes import find
from keras_models.ab_classes import GAIN
from tests.pictures import encoded
from training.evaluate import KerasRunner

FOLDER = Path(keras_models.__file__).parent
MODELS = sorted(
    path.stem for path in FOLDER.glob("*.py") if path.stem.partition("_")[0] in tasks.NAMES
)
TILED = [name for name in MODELS if name.startswith("chroma_")]
TILE = 64

Lively = Callable[[str], keras.Model]


@pytest.fixture(scope="module", params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def module(name: str) -> Any:
    return keras_models.get(name)


@pytest.fixture(scope="module")
def model(name: str, lively: Lively) -> keras.Model:
    return lively(name)


@pytest.fixture(scope="module")
def task(name: str) -> Task:
    return keras_models.task(name, "test")


@pytest.fixture(scope="module")
def values(task: Task, natural: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A natural picture as a graph of ``TILE`` pixels sees it."""
    return encoded(task, np.ascontiguousarray(natural[:TILE, :TILE]))


def called(model: keras.Model, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a model makes of one input; not predict, which cannot resize pictures of open size."""
    return np.asarray(model(values[None], training=False), np.float32)[0]


def run_file(data: bytes, values: NDArray[np.float32], folder: Path) -> NDArray[np.float32]:
    path = folder / "model.tflite"
    path.write_bytes(data)
    loaded = Graph(path)
    (result,) = loaded.run({next(iter(loaded.inputs)): values}).values()
    return result


# ------------------------------------------------------------------------------ what a file offers


def test_the_folder_is_the_list() -> None:
    assert MODELS
    assert list(keras_models.names()) == MODELS


def test_an_unknown_name_lists_the_near() -> None:
    with pytest.raises(UserError, match="did you mean chroma_residual"):
        keras_models.get("chroma_residul")
    with pytest.raises(UserError, match=r"'zzz' \(known: .*chroma_residual"):
        keras_models.get("zzz")
    with pytest.raises(UserError, match=r"no size 'xxl' \(known: test, "):
        keras_models.build(MODELS[0], "xxl")


def test_docstring_names_a_paper(module: Any) -> None:
    assert re.search(r"[A-Z]\w+( et al\.| and [A-Z]\w+)?,? \(?(19|20)\d\d", module.__doc__)


def test_record_sizes_and_names(name: str, module: Any, task: Task) -> None:
    for size in module.SIZES:
        record = keras_models.task(name, size)
        assert record is tasks.record(name.partition("_")[0], record.variant)
    assert "test" in module.SIZES and len(module.SIZES) > 1
    built = keras_models.build(name, "test")
    assert built.count_params() < 20_000
    assert [tensor.name for tensor in built.inputs] == [tensor.name for tensor in task.inputs]
    assert built.output_names == [tensor.name for tensor in task.outputs]
    assert built.name == f"{name}-test"


def traced_macs(model: keras.Model, side: int) -> int:
    """Multiply-accumulates of a Keras model's own graph, for pictures of this side."""
    import tensorflow as tf

    spec = tf.TensorSpec([1, side, side, model.inputs[0].shape[-1]])
    traced = tf.function(lambda values: model(values, training=False)).get_concrete_function(spec)
    total = 0
    for op in traced.graph.get_operations():
        if op.type in ("Conv2D", "DepthwiseConv2dNative"):
            per_output = op.inputs[1].shape[: 2 if op.type.startswith("Depthwise") else 3]
            total += int(np.prod([*op.outputs[0].shape, *per_output]))
        elif op.type == "Conv2DBackpropInput":
            total += int(np.prod([*op.inputs[2].shape, *op.inputs[1].shape[:3]]))
        elif op.type == "MatMul":
            total += int(np.prod([*op.outputs[0].shape, op.inputs[1].shape[0]]))
    return total


@pytest.mark.slow  # builds or converts every size
def test_every_size_has_the_cost_that_the_docstring_states(module: Any, name: str) -> None:
    """ "kMAC per luma pixel: SIZE NUMBER, SIZE NUMBER", as the exported graph has it.

    "At 256x256 pixels:" begins the sizes whose cost is not proportional to the picture's.
    """
    text = " ".join(module.__doc__.split()).partition("kMAC per luma pixel:")[2]
    stated, found = {}, {}
    for part in text.split("At "):
        whole = re.match(r"(\d+)x\1 pixels:", part)
        side = int(whole[1]) if whole else TILE
        for size, number in re.findall(r"([\w-]+) (\d+\.\d)\b", part):
            stated[size] = float(number)
            built = keras_models.build(name, size)
            # Both counts agree for networks that colour, see the next test, and converting their
            # larger sizes takes minutes.
            if name.startswith("colorize_"):
                macs = traced_macs(built, side)
            else:
                task = keras_models.task(name, size)
                macs = graph.read(float_graph(built, task, side)).macs
            found[size] = round(macs / side**2 / 1e3, 1)
    assert list(stated) == list(module.SIZES)
    assert found == stated


@pytest.mark.slow
def test_macs_are_those_of_the_exported_graph(name: str, module: Any) -> None:
    """Else large networks' would be another count than small ones'."""
    if not name.startswith("colorize_"):
        pytest.skip("none of its sizes is large")
    built = keras_models.build(name, "test")
    contents = graph.read(float_graph(built, module.TASK, TILE))
    assert traced_macs(built, TILE) == contents.macs


# ------------------------------------------------------------------------------------- as a network


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_every_weight_gets_a_gradient(
    name: str, task: Task, values: NDArray[np.float32], policy: str
) -> None:
    import tensorflow as tf

    before = keras.mixed_precision.dtype_policy()
    keras.utils.set_random_seed(3)
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        fresh = keras_models.build(name, "test")
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    result = task.outputs[0]
    side = TILE // result.downscale
    truth = np.random.default_rng(0).normal(0, 0.2, (1, side, side, result.channels))
    with tf.GradientTape() as tape:
        output = fresh(values[None], training=True)
        loss = tf.reduce_mean(tf.square(output - truth.astype(np.float32)))
    # Mixed precision must not round the correction: its last bits are in use.
    assert output.dtype == tf.float32
    assert (output.numpy().view(np.uint32) & 0xFFFF != 0).mean() > 0.9
    gradients = tape.gradient(loss, [v.value for v in fresh.trainable_variables])
    assert gradients
    for variable, gradient in zip(fresh.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all() and np.any(gradient != 0), variable.path


def test_a_fresh_model_starts_near_its_reference(
    name: str, task: Task, values: NDArray[np.float32]
) -> None:
    """Training starts at what is known to help, instead of first having to find it.

    No correction of bilinear's chroma; that chroma; the lifted picture; curves that change nothing;
    hardly any colour, or all colours alike, whose mean is not quite grey.
    """
    keras.utils.set_random_seed(0)
    output = called(keras_models.build(name, "test"), values)
    start = np.zeros_like(output)
    if task.outputs[0].name == "enhanced":
        start = values[..., 3:]
    if task.variant == chroma.DIRECT.variant:
        start = values[..., -8:]
    if task.name == "colorize":  # behind ab come probabilities, all alike
        output, start = output[..., :2], start[..., :2]
    if task.variant == "spread":
        start = np.broadcast_to(BINS.mean(0) / AB, output.shape)
    assert 0 < np.abs(output - start).mean() < 0.06


def test_save_and_load(model: keras.Model, values: NDArray[np.float32], tmp_path: Path) -> None:
    expected = called(model, values)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(called(loaded, values), expected)
    assert loaded.output_names == model.output_names


def test_any_size_that_the_task_allows(model: keras.Model, task: Task) -> None:
    (source,), (result,) = task.inputs, task.outputs
    for rows, columns in [(1, 1), (1, 7), (5, 2), (4, 8)]:
        height, width = rows * task.size_multiple, columns * task.size_multiple
        shape = height // source.downscale, width // source.downscale
        output = model(np.zeros((2, *shape, source.channels), np.float32))
        expected = height // result.downscale, width // result.downscale
        assert output.shape == (2, *expected, result.channels)


def test_output_stays_in_the_tasks_range(model: keras.Model, task: Task) -> None:
    (source,), (result,) = task.inputs, task.outputs
    side = max(16, task.size_multiple)
    wild = np.random.default_rng(0).normal(0, 50, (1, side, side, source.channels))
    output = np.asarray(model(wild.astype(np.float32)))
    assert result.low <= output.min() and output.max() <= result.high
    # Colours are means, or behind a tanh: they need not reach the ends.
    if task.name != "colorize":
        assert (output.min(), output.max()) == (result.low, result.high)


# --------------------------------------------------------------------------------- what halo() says


def centre_block(model: keras.Model, planes: chroma.Planes, task: Task) -> NDArray[np.float32]:
    """The decoded 2x2 pixels in the middle of a square picture whose side is 2 modulo 4."""
    (output,) = model.predict_on_batch(task.encode(planes)["planes"][None])
    middle = planes.size[0] // 2 - 1
    decoded = task.decode({task.outputs[0].name: output}, planes)
    return decoded[middle : middle + 2, middle : middle + 2]


def disturbed(planes: chroma.Planes, distance: int, seed: int) -> chroma.Planes:
    """Noise everywhere but in the middle block and ``distance`` pixels around it."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 256, planes.y.shape).astype(np.uint8)
    cbcr = rng.integers(0, 256, planes.cbcr.shape).astype(np.uint8)
    middle = planes.size[0] // 2 - 1
    keep = slice(middle - distance, middle + 2 + distance)
    half = slice((middle - distance) // 2, (middle + 2 + distance) // 2)
    y[keep, keep] = planes.y[keep, keep]
    cbcr[half, half] = planes.cbcr[half, half]
    return chroma.Planes(y, cbcr, planes.siting)


@pytest.fixture(scope="module", params=TILED)
def tiled_model(request: pytest.FixtureRequest, lively: Lively) -> tuple[keras.Model, Any]:
    """A network whose pictures are cut into tiles, and its module; others see them whole."""
    return lively(request.param), keras_models.get(request.param)


def test_models_that_see_whole_pictures_state_no_halo() -> None:
    for name in MODELS:
        assert hasattr(keras_models.get(name), "halo") == (name in TILED)


@pytest.mark.parametrize("siting", ["center", "topleft"])
def test_halo_is_the_true_reach(tiled_model: tuple[keras.Model, Any], siting: str) -> None:
    model, module = tiled_model
    halo = module.halo("test")
    assert halo % 2 == 0
    side = 2 * halo + 2 + 8
    side += (2 - side) % 4
    rng = np.random.default_rng(5)
    rgb = rng.integers(90, 160, (side, side, 3), dtype=np.uint8)
    planes = chroma.degrade(rgb, siting)
    task = module.TASK
    before = centre_block(model, planes, task)
    for seed in range(4):
        assert np.array_equal(centre_block(model, disturbed(planes, halo, seed), task), before)
    # Not much larger than needed, which would waste time on every tile.
    assert any(
        not np.array_equal(centre_block(model, disturbed(planes, halo - 4, seed), task), before)
        for seed in range(4)
    )


@pytest.mark.parametrize("size", [(96, 128), (95, 61), (40, 127)])
def test_tiles_equal_the_whole_picture(
    tiled_model: tuple[keras.Model, Any], natural: NDArray[np.uint8], size: tuple[int, int]
) -> None:
    model, module = tiled_model
    planes = chroma.degrade(np.ascontiguousarray(natural[: size[0], : size[1]]), "left")
    runner = KerasRunner(model, module.TASK, module.halo("test"))
    restorer = Chroma(module.TASK, runner, module.__name__)
    whole = restorer.reconstruct(planes)
    runner.tile = TILE
    tiled = restorer.reconstruct(planes)
    # Sums in another order may round a value to the next code, now and then.
    different = tiled != whole
    assert different.mean() < 1e-3
    assert np.abs(tiled.astype(int) - whole).max() <= 1
    base = chroma.Planes(planes.y, planes.cbcr, "center")
    assert (restorer.reconstruct(base) != whole).mean() > 0.1


# -------------------------------------------------------------------------------------- as a file


def test_float_file_is_builtin_and_equal(
    model: keras.Model, task: Task, values: NDArray[np.float32], tmp_path: Path
) -> None:
    data = float_graph(model, task, TILE)
    contents = graph.read(data)
    assert contents.custom == () and contents.dynamic == () and contents.subgraphs == 1
    assert not [op for op in contents.ops if op in ("CUSTOM", "WHILE", "IF", "CALL")]
    expected = called(model, values)
    result = run_file(data, values, tmp_path)
    span = task.outputs[0].high - task.outputs[0].low
    assert np.abs(result - expected).max() < 1e-4 * span


def test_int8_floor(
    model: keras.Model, task: Task, natural: NDArray[np.uint8], values: NDArray[np.float32],
    tmp_path: Path,
) -> None:  # fmt: skip
    """Eight bits everywhere: the error stays below a twenty-fifth of what varies."""
    tiles = tuple(
        np.ascontiguousarray(natural[t : t + TILE, s : s + TILE])
        for t in (0, 16, 32)
        for s in (0, 32, 64)
    )
    square = dataclasses.replace(task, frame=None)
    network = Network(model, square, (), of_pieces(restoration.of(square), tiles, {}), TILE)
    data, _ = convert(network, dataclasses.replace(find("int8"), tile=TILE))
    contents = graph.read(data)
    assert {kind for _, kind, _ in (*contents.inputs, *contents.outputs)} == {"int8"}
    assert contents.custom == () and contents.dynamic == ()
    expected = called(model, values)
    result = run_file(data, values, tmp_path)
    if (
        task.variant == "hinted"
    ):  # probabilities of a random network are all alike, below what 8 bits tell
        result, expected = result[..., :2], expected[..., :2]
    error = result - expected
    # Low light's random network has four times chroma's operations in a row.
    times = 1 if task.name == "chroma" else 3
    if any(layer.name == GAIN for layer in model.layers):
        # Of a random network's scores, nearly alike, 8 bits lose the rarer probabilities, and a
        # gain adds to that; test_integers_of_presets says what it costs the trained one.
        assert np.corrcoef(result.ravel(), expected.ravel())[0, 1] > 0.9
        return
    assert np.corrcoef(result.ravel(), expected.ravel())[0, 1] > 1 - 0.001 * times**2
    assert np.sqrt(np.mean(error**2)) < 0.04 * times * expected.std()
    # What the light of a picture adds to all of it is rounded once, and does not average out.
    lit = any(layer.name == "colours_shift" for layer in model.layers)
    assert abs(error.mean()) < (0.025 if lit else 0.01) * times * expected.std()
