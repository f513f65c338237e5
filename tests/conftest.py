"""What several folders' tests need: small photographs, and a small model with every kind of file.

Nothing here is trained: a model's weights are random, of a size that makes its output matter.

The edge tests also run in an environment without TensorFlow, on the predecessor of the interpreter.
It cannot make model files, so it takes those that the last tests with TensorFlow left for it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MODEL = "chroma_residual"
# Ignored by git.
LEFT = Path(__file__).parent.parent / "build" / "tests"

Files = dict[str, Path]


@pytest.fixture(scope="session")
def natural() -> NDArray[np.uint8]:
    """A part of a photograph with fine colour: RGB (96, 128, 3)."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[352:448, 128:256])


@pytest.fixture(scope="session")
def one_photograph(tmp_path_factory: pytest.TempPathFactory, natural: NDArray[np.uint8]) -> Path:
    """A folder of one small photograph."""
    folder = tmp_path_factory.mktemp("one")
    assert cv2.imwrite(str(folder / "photo.png"), natural[..., ::-1])
    return folder


@pytest.fixture(scope="session")
def small_photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six small photographs as PNG files, among them one of odd size."""
    from datasets import sources

    folder = tmp_path_factory.mktemp("photographs")
    crops = {
        "coffee.png": (120, 200, 112, 128),
        "ihc.png": (200, 200, 96, 96),
        "motorcycle_left.png": (200, 300, 100, 121),
        "retina.jpg": (300, 500, 96, 128),
        "rocket.jpg": (150, 280, 128, 96),
        "chelsea.png": (80, 130, 104, 104),
    }
    for name, (top, left, height, width) in crops.items():
        bgr = cv2.imread(str(sources.sample_folder() / name))
        piece = bgr[top : top + height, left : left + width]
        assert cv2.imwrite(str(folder / f"{Path(name).stem}.png"), piece)
    return folder


@pytest.fixture(scope="session")
def lively(natural: NDArray[np.uint8]) -> Callable[[str], Any]:
    """A Keras model of size ``test``, by name, whose random output is a good part of its range.

    A fresh model corrects nothing, so that a test of its output would test bilinear upsampling.
    """
    import keras_models
    from tests.pictures import encoded

    def drawn(name: str, seed: int) -> Any:
        model = keras_models.build(name, "test")
        rng = np.random.default_rng(seed)
        for weight in model.weights:
            fan_in = int(np.prod(weight.shape[:-1]))
            scale = (2 / fan_in) ** 0.5 if len(weight.shape) > 1 else 0.2
            values = rng.normal(0, scale, weight.shape)
            # There is no negative variance.
            weight.assign(np.exp(values) if weight.path.endswith("variance") else values)
        return model

    def make(name: str) -> Any:
        values = encoded(keras_models.task(name, "test"), natural)[None]

        def std(model: Any) -> float:
            output = np.asarray(model(values, training=False))
            return float((output[..., :2] if name.startswith("colorize_") else output).std())

        for seed in range(7, 17):  # of a few draws all ReLUs are dead, or all of tanh is at its end
            model = drawn(name, seed)
            weighted = {layer.name: layer for layer in model.layers if layer.get_weights()}
            # Of a palette's two heads the one of ab: the other's probabilities have one of their
            # own. Before a gate both that it lies between.
            heads = ["tail", "detail_b"] if "gate" in weighted else ["ab"]
            if "colours" in weighted:  # what low light's small networks add to each other
                heads = ["tail", "colours", "colours_shift"]
            last = [weighted[name] for name in heads if name in weighted]
            last = last or [list(weighted.values())[-1]]
            for _ in range(8):
                scale = (0.25 / max(std(model), 1e-6)) ** 0.7
                for layer in last:
                    layer.set_weights([weight * scale for weight in layer.get_weights()])
            if 0.2 < std(model) < 0.3:
                return model
        raise AssertionError(f"{name}: no draw is lively")

    return make


@pytest.fixture(scope="session")
def run_folder(lively: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a finished fit leaves it, with a ``lively`` model."""
    run = tmp_path_factory.mktemp("runs") / "lively"
    run.mkdir()
    record = {"config": {"model": MODEL, "size": "test"}, "data": "sample", "val": None,
              "versions": {"keras": "3"}}  # fmt: skip
    (run / "run.json").write_text(json.dumps(record))
    lively(MODEL).save(run / "model.keras")
    return run


def _by_recipe(folder: Path) -> Files:
    return {path.name.split(".")[-2]: path for path in sorted(folder.glob("*.tflite"))}


@pytest.fixture(scope="session")
def qat_folder(
    lively: Callable[[str], Any],
    natural: NDArray[np.uint8],
    run_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder as a finished quantisation-aware fit of ``run_folder`` leaves it."""
    from edge_demo.tasks import chroma
    from keras_models import fakequant

    model = lively(MODEL)
    values = chroma.TASK.encode(chroma.degrade(natural))["planes"][None]
    ranges = fakequant.choose_ranges(model, values, fakequant.stated_ranges(chroma.TASK))
    run = tmp_path_factory.mktemp("runs") / "lively-qat"
    run.mkdir()
    record = json.loads((run_folder / "run.json").read_text())
    record["config"]["qat"] = str(run_folder)
    (run / "run.json").write_text(json.dumps(record))
    fakequant.fake_quantised(model, ranges).save(run / "model.keras")
    return run


@pytest.fixture(scope="session")
def left(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[], Files]], Files]:
    """Recipe to file: made where TensorFlow is installed, else a copy of what was made there."""

    def get(name: str, make: Callable[[], Files]) -> Files:
        shelf = LEFT / name
        if importlib.util.find_spec("tensorflow"):
            made = make()
            draft = LEFT / f"{name}.{os.getpid()}"
            draft.mkdir(parents=True, exist_ok=True)
            for path in made.values():
                shutil.copy(path, draft)
            shutil.rmtree(shelf, ignore_errors=True)
            try:
                draft.replace(shelf)
            except OSError:  # another worker of this run was quicker: its files are as good
                shutil.rmtree(draft)
            return made
        copies = tmp_path_factory.mktemp(name)
        for path in shelf.glob("*.tflite"):
            shutil.copy(path, copies)
        # Not a skip: nearly every edge test would be one.
        assert any(copies.iterdir()), "no model files; run the edge tests with TensorFlow first"
        return _by_recipe(copies)

    return get


@pytest.fixture(scope="session")
def model_files(
    left: Callable[[str, Callable[[], Files]], Files],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Files:
    """Recipe to file, as ``python -m export tflite`` writes them; not to be changed by tests."""

    def make() -> Files:
        from export.__main__ import main

        run, qat = (request.getfixturevalue(name) for name in ("run_folder", "qat_folder"))
        out = tmp_path_factory.mktemp("models")
        arguments = ["tflite", str(run), "--calibrate", "sample", "--out", str(out)]
        assert main(arguments) == 0
        assert main(["tflite", str(qat), "--recipes", "qat", "--out", str(out)]) == 0
        return _by_recipe(out)

    return left("model_files", make)
