"""Model files for the device's tests, and photographs with true chroma."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TILE = 64


@pytest.fixture(scope="session")
def photograph() -> NDArray[np.uint8]:
    """RGB (128, 160, 3) uint8 with fine colour detail."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[60:188, 150:310])


@pytest.fixture(scope="session")
def tiny_models(
    left: Callable[[str, Callable[[], dict[str, Path]]], dict[str, Path]],
    tmp_path_factory: pytest.TempPathFactory,
    photograph: NDArray[np.uint8],
) -> dict[str, Path]:
    """``float32`` and ``int8`` files of an untrained network of size ``test``, for small tiles."""
    return left("tiny_models", lambda: _export(tmp_path_factory.mktemp("models"), photograph))


def _export(folder: Path, photograph: NDArray[np.uint8]) -> dict[str, Path]:
    import keras

    import keras_models
    from edge_demo.measure import restoration
    from export import convert, files, recipes
    from export.calibrate import of_pieces

    keras.utils.set_random_seed(1)
    module = keras_models.get("chroma_residual")
    model = module.build("test")
    record = {
        "config": {"model": "chroma_residual", "size": "test"},
        "data": "synthetic",
        "versions": {},
    }
    card = {**files.base_card(record, None, None), "tile": TILE}
    pieces = (np.ascontiguousarray(photograph[:TILE, :TILE]),)
    calibration = of_pieces(restoration.of("chroma"), pieces, {})
    network = convert.Network(model, module.TASK, (), calibration, TILE)
    paths = {}
    for recipe in recipes.parse("float32,int8"):
        paths[recipe.name] = folder / f"chroma_residual-test.{recipe.name}.tflite"
        flatbuffer, _ = convert.convert(network, dataclasses.replace(recipe, tile=TILE))
        files.write(paths[recipe.name], flatbuffer, {**card, "recipe": recipe.name})
    return paths


@pytest.fixture(scope="session")
def low_light_models(
    left: Callable[[str, Callable[[], dict[str, Path]]], dict[str, Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Files of untrained low-light networks: ``curves`` of any size, ``static`` of 64x64."""
    return left("low_light_models", lambda: _low_light(tmp_path_factory.mktemp("low_light")))


def _low_light(folder: Path) -> dict[str, Path]:
    import keras

    import keras_models
    from export import convert, files

    paths = {}
    for kind, model, size in (
        ("curves", "enhance_zerodce", "lite"),
        ("static", "enhance_mirnet", "test"),
    ):
        keras.utils.set_random_seed(2)
        network = keras_models.build(model, size)
        rng = np.random.default_rng(2)
        network.set_weights([w + rng.normal(0, 0.05, w.shape) for w in network.get_weights()])
        record = {"config": {"model": model, "size": size}, "data": "synthetic", "versions": {}}
        card = {**files.base_card(record, None, None), "recipe": "float32", "tile": TILE}
        paths[kind] = folder / f"low_light.{kind}.tflite"
        task = keras_models.task(model, size)
        files.write(paths[kind], convert.float_graph(network, task, TILE), card)
    return paths


@pytest.fixture(scope="session")
def colour_models(
    left: Callable[[str, Callable[[], dict[str, Path]]], dict[str, Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Files of untrained colorizing networks of 64x64: ``ab``, ``spread`` and ``hinted``."""
    return left("colour_models", lambda: _colour(tmp_path_factory.mktemp("colour")))


def _colour(folder: Path) -> dict[str, Path]:
    kinds = {"ab": "fusion", "spread": "eccv16", "hinted": "siggraph17"}
    return _floats(folder, {kind: f"colorize_{name}" for kind, name in kinds.items()})


@pytest.fixture(scope="session")
def variant_models(
    left: Callable[[str, Callable[[], dict[str, Path]]], dict[str, Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Files of untrained networks of chroma, one of each further variant."""
    kinds = {"merged": "chroma_merged", "direct": "chroma_gan", "bitrate": "chroma_bitrate"}
    return left("variant_models", lambda: _floats(tmp_path_factory.mktemp("variants"), kinds))


def _floats(folder: Path, kinds: dict[str, str]) -> dict[str, Path]:
    """``float32`` files of untrained networks of size ``test``: kind to model."""
    import keras

    import keras_models
    from export import convert, files

    paths = {}
    for kind, model in kinds.items():
        keras.utils.set_random_seed(3)
        network = keras_models.build(model, "test")
        rng = np.random.default_rng(3)
        for weight in network.trainable_weights:
            weight.assign(weight + rng.normal(0, 0.1, weight.shape))
        record = {"config": {"model": model, "size": "test"}, "data": "synthetic", "versions": {}}
        card = {**files.base_card(record, None, None), "recipe": "float32", "tile": TILE}
        paths[kind] = folder / f"{model}.{kind}.tflite"
        task = keras_models.task(model, "test")
        files.write(paths[kind], convert.float_graph(network, task, TILE), card)
    return paths


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory, photograph: NDArray[np.uint8]) -> Path:
    """A folder of two pairs in low and good light, and a picture without a partner."""
    folder = tmp_path_factory.mktemp("pairs")
    bgr = np.ascontiguousarray(photograph[..., ::-1])
    for side, divisor in (("low", 8), ("high", 1)):
        (folder / side).mkdir()
        cv2.imwrite(str(folder / side / "a.png"), bgr // divisor)
        cv2.imwrite(str(folder / side / "b.png"), bgr[:95, 7:104] // divisor)
    cv2.imwrite(str(folder / "low" / "alone.png"), bgr)
    return folder


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory, photograph: NDArray[np.uint8]) -> Path:
    """A folder: two usable PNG, a grey one, one that is no picture, a tiny one and a text."""
    folder = tmp_path_factory.mktemp("photographs")
    bgr = np.ascontiguousarray(photograph[..., ::-1])
    cv2.imwrite(str(folder / "a.png"), bgr)
    cv2.imwrite(str(folder / "b.png"), bgr[:95, 7:104])
    cv2.imwrite(str(folder / "grey.png"), bgr[..., 0])
    cv2.imwrite(str(folder / "tiny.png"), bgr[:20, :20])
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (folder / "notes.txt").write_text("not a picture")
    return folder
