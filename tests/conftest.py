"""What several folders' tests need: small photographs, and a small model with every kind of file.

Nothing here is trained: a model's weights are random, of a size that makes its output matter.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MODEL = "chroma_residual"


@pytest.fixture(scope="session")
def natural() -> NDArray[np.uint8]:
    """A part of a photograph with fine colour: RGB (96, 128, 3)."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[352:448, 128:256])


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
    from edge_demo.runtime import tasks

    def make(name: str) -> Any:
        task = keras_models.get(name).TASK
        chroma = tasks.load(task.name)
        model = keras_models.build(name, "test")
        rng = np.random.default_rng(7)
        model.set_weights(
            [
                rng.normal(0, (2 / max(1, np.prod(w.shape[:-1]))) ** 0.5, w.shape)
                if w.ndim > 1
                else rng.normal(0, 0.2, w.shape)
                for w in model.get_weights()
            ]
        )
        values = chroma.encode(chroma.degrade(natural))["planes"][None]
        last = next(layer for layer in reversed(model.layers) if layer.get_weights())
        for _ in range(8):
            output = model.predict_on_batch(values)
            last.set_weights([w * (0.25 / output.std()) ** 0.7 for w in last.get_weights()])
        assert 0.2 < model.predict_on_batch(values).std() < 0.3
        return model

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


@pytest.fixture(scope="session")
def model_files(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Recipe to file, as ``python -m export tflite`` writes them; not to be changed by tests."""
    from export.__main__ import main
    from export.recipes import NAMES

    out = tmp_path_factory.mktemp("models")
    arguments = ["tflite", str(run_folder), "--calibrate", "sample", "--out", str(out)]
    assert main(arguments) == 0
    return {name: out / f"{MODEL}-test.{name}.tflite" for name in NAMES}
