"""A backbone read from a quantised model file is the network that the file was made of."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import keras_models
from datasets import sources
from edge_demo.errors import UserError
from edge_demo.model.interpreter import Graph
from edge_demo.pictures.images import read_rgb
from keras_models import backbone_import, backbones, mobilenet_v2
from keras_models.__main__ import main
from tests.mistakes import refused

SIDE = 64
# A quantised MobileNetV2 of 224x224 RGB pixels and 1001 classes, as TensorFlow's site had it.
PUBLISHED = "CHROMAEDGE_MOBILENET_V2"


def quantised(model: keras.Model, folder: Path, spread: float = 1.0) -> bytes:
    """A model in 8 bits, as TensorFlow quantises after training, for inputs in +-spread."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    shape = 1, SIDE, SIDE, model.inputs[0].shape[-1]
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", model, input_signature=[tf.TensorSpec(shape)])
    archive.write_out(str(folder), verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    ends = np.array([-spread, spread], np.float32)
    converter.representative_dataset = lambda: [[rng.choice(ends, shape)] for _ in range(4)]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    data: bytes = converter.convert()
    return data


def network(channels: int) -> keras.Model:
    picture = keras.Input((None, None, channels))
    return keras.Model(picture, mobilenet_v2.classes(picture, mobilenet_v2.TINY))


@pytest.fixture(scope="module")
def colour() -> keras.Model:
    """A tiny MobileNetV2 that sees colours, and is sure of something."""
    keras.utils.set_random_seed(5)
    model = network(3)
    rng = np.random.default_rng(5)
    for weight in model.weights:
        scale = 1.6 / np.prod(weight.shape[:-1]) ** 0.5 if len(weight.shape) > 1 else 0.1
        weight.assign(rng.normal(0, scale, weight.shape))
    return model


@pytest.fixture(scope="module")
def file(colour: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backbone") / "tiny.tflite"
    path.write_bytes(quantised(colour, path.parent / "saved"))
    return path


@pytest.fixture(scope="module")
def weights(file: Path) -> dict[str, list[NDArray[np.float32]]]:
    return backbone_import.read(file, mobilenet_v2.TINY)


def test_every_weight_is_back_within_half_a_step(
    colour: keras.Model, weights: dict[str, list[NDArray[np.float32]]]
) -> None:
    assert list(weights) == [layer.name for layer in mobilenet_v2.structure(mobilenet_v2.TINY)]
    for name, (kernel, bias) in weights.items():
        wanted, offset = colour.get_layer(name).get_weights()
        # A step for each output channel, of 127 to its largest weight.
        axes = (0, 1, 3) if "depthwise" in name else (0, 1, 2)
        step = np.abs(wanted).max(axes, keepdims=True) / 127
        if name == "backbone_stem":
            wanted, step = wanted.sum(2, keepdims=True), 3 * step
        assert kernel.shape == wanted.shape
        assert (np.abs(kernel - wanted) <= 0.51 * step).all(), name
        assert np.abs(bias - offset).max() < 1e-3, name


def test_a_grey_picture_is_classified_alike(
    file: Path, weights: dict[str, list[NDArray[np.float32]]], natural: NDArray[np.uint8]
) -> None:
    grey = natural[:SIDE, :SIDE].mean(-1, keepdims=True).astype(np.float32) / 127.5 - 1
    ours = network(1)
    for layer in backbones.layers(ours).values():
        layer.set_weights(weights[layer.name])
    found = np.asarray(ours(grey[None])).ravel()
    loaded = Graph(file)
    (theirs,) = loaded.run({next(iter(loaded.inputs)): grey.repeat(3, -1)}).values()
    assert np.abs(found - theirs.ravel()).max() < 0.25 * theirs.std()
    assert np.corrcoef(found, theirs.ravel())[0, 1] > 0.98


def test_a_file_of_the_command_is_what_networks_start_from(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    read = functools.partial(backbone_import.read, layout=mobilenet_v2.TINY)
    monkeypatch.setattr(backbone_import, "read", read)  # the command takes the published one
    out = tmp_path / "tiny.npz"
    assert main(["import-backbone", str(file), "--out", str(out)]) == 0
    said = capfd.readouterr().out
    assert f"wrote {out}\nnext: python -m training fit colorize_fusion" in said
    assert f"--set backbone_weights={out}" in said
    fusion = keras_models.build("colorize_fusion", "test")
    before = {name: layer.get_weights() for name, layer in backbones.layers(fusion).items()}
    backbones.load(fusion, str(out))
    wanted = read(file)
    for name, layer in backbones.layers(fusion).items():
        for value, loaded, random in zip(
            layer.get_weights(), wanted[name], before[name], strict=True
        ):
            assert np.array_equal(value, loaded) and not np.array_equal(value, random)
    line = refused("keras_models", capfd, "import-backbone", file, "--out", out)
    assert "exists already" in line
    assert main(["import-backbone", str(file), "--out", str(out), "--overwrite"]) == 0


def test_what_is_refused(file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(file.read_bytes()[:2000])
    text = tmp_path / "text.tflite"
    text.write_text("no model")
    for path, says in [
        (file, "not this MobileNetV2: backbone_stem is conv 3x3 to 32 channels, stride 2, with "
               "ReLU6; in the file conv 3x3 to 6"),
        (broken, "not a TFLite file"),
        (text, "not a TFLite file"),
        (tmp_path / "none.tflite", "No such file"),
    ]:  # fmt: skip
        out = tmp_path / "out.npz"
        line = refused("keras_models", capfd, "import-backbone", path, "--out", out)
        assert says in line
        assert not out.exists()
    line = refused("keras_models", capfd, "import-backbone", file, "--out", tmp_path / "out.txt")
    assert "ends in .npz" in line


@pytest.mark.parametrize(
    ("layer", "spread", "says"),
    [
        ("backbone_classifier", 3.0, "takes values in -2.9.*, not in -1"),
        ("backbone_embedding_relu", 1.0, "the file 19$"),
    ],
)
def test_networks_that_nearly_fit(
    colour: keras.Model, tmp_path: Path, layer: str, spread: float, says: str
) -> None:
    other = keras.Model(colour.inputs, colour.get_layer(layer).output)
    path = tmp_path / "other.tflite"
    path.write_bytes(quantised(other, tmp_path / "saved", spread))
    with pytest.raises(UserError, match=says):
        backbone_import.read(path, mobilenet_v2.TINY)


@pytest.mark.skipif(PUBLISHED not in os.environ, reason=f"{PUBLISHED} names no file")
def test_the_published_file_agrees_on_photographs() -> None:
    """Grey in three channels for the file; our summed kernel for the network."""
    path = Path(os.environ[PUBLISHED])
    picture = keras.Input((224, 224, 1))
    model = keras.Model(picture, mobilenet_v2.classes(picture))
    weights = backbone_import.read(path)
    for name, layer in backbones.layers(model).items():
        layer.set_weights(weights[name])
    graph: Any = Graph(path)
    squares = []
    for name in [
        p for half in ("train", "test") for p in sources.open_source("sample", half).paths
    ]:
        grey = read_rgb(name).rgb.mean(-1).astype(np.float32)
        squares.append(cv2.resize(grey, (224, 224), interpolation=cv2.INTER_AREA) / 127.5 - 1)
    ours = np.asarray(model(np.stack(squares)[..., None])).reshape(len(squares), -1)
    same = 0
    for square, scores in zip(squares, ours, strict=True):
        values = {next(iter(graph.inputs)): np.repeat(square[..., None], 3, -1)}
        (theirs,) = graph.run(values).values()
        same += int(scores.argmax() == theirs.argmax())
    assert same >= 0.9 * len(squares)
