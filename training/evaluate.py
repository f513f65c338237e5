"""Measure a run or a model file on photographs, beside every baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

import keras_models
from datasets import sources
from edge_demo.runtime import quality
from edge_demo.runtime.model import TFLiteModel
from edge_demo.runtime.tasks import chroma
from edge_demo.runtime.tasks.record import Task
from edge_demo.runtime.tiling import Runner, reconstruct
from keras_models import runs


class KerasRunner:
    """A Keras model behind the ``tiling.Runner`` protocol."""

    tile = 512

    def __init__(self, model: keras.Model, task: Task, halo: int) -> None:
        self.model = model
        self.halo = halo
        # Not the model's own name of it, which is another one in a fake-quantised copy.
        (self.output,) = (tensor.name for tensor in task.outputs)

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """Any even size will do."""
        return height, width

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """One tile through the model."""
        (source,) = values.values()
        outputs = self.model.predict_on_batch(source[None])
        return {self.output: np.asarray(outputs[0], np.float32)}


@dataclass(frozen=True)
class Evaluated:
    """Something that can be measured.

    Attributes:
        name: for tables.
        recipe: of a model file, ``keras`` for a run.
        task: its task.
        runner: runs it.
        size_bytes: of its file.
    """

    name: str
    recipe: str
    task: Task
    runner: Runner
    size_bytes: int


def load(target: Path) -> Evaluated:
    """A run's folder, a preset's name or a ``.tflite``.

    Raises:
        UserError: neither, or a run without a finished model.
    """
    if target.suffix == ".tflite" or target.is_file():
        model = TFLiteModel(target, threads=2)
        values = model.card.values
        name = values.get("preset") or values["model"]
        return Evaluated(name, values["recipe"], model.card.task, model, target.stat().st_size)
    config = runs.read_record(target)["config"]
    module = keras_models.get(config["model"])
    runner = KerasRunner(runs.load_model(target), module.TASK, module.halo(config["size"]))
    # A preset is known by its name, a run by what it is.
    name = target.name if runs.is_preset(target) else f"{config['model']}-{config['size']}"
    size_bytes = runs.model_file(target).stat().st_size
    return Evaluated(name, "keras", module.TASK, runner, size_bytes)


def evaluate(
    target: Evaluated, source: sources.Source, siting: str
) -> tuple[dict[str, Any], list[str], dict[str, dict[str, list[float]]]]:
    """The table, the photographs' names and the values behind it."""

    def method(planes: chroma.Planes) -> NDArray[np.uint8]:
        return reconstruct(planes, target.runner)

    total = len(source.paths)

    def progress(done: int) -> None:
        print(f"\r{done}/{total} photographs", end="" if done < total else "\n", flush=True)

    measured = quality.Candidate(target.name, target.recipe, target.size_bytes, method)
    return quality.table([measured], sources.photographs(source), source.text, siting, progress)
