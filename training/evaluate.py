"""Measure a run or a model file on photographs, beside every baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_models
from datasets import samples
from datasets.source import Source
from edge_demo.cli import moving
from edge_demo.measure import quality, restoration
from edge_demo.model.tflite import TFLiteModel
from edge_demo.model.tiling import Runner
from edge_demo.tasks.record import Task
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
        """Any size that the task allows will do."""
        return height, width

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """One tile through the model."""
        (source,) = values.values()
        # Not predict: compiled for pictures of no fixed size, Keras cannot resize.
        outputs = self.model(source[None], training=False)
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
    model, size = config["model"], config["size"]
    task = keras_models.task(model, size)
    runner = KerasRunner(runs.load_model(target), task, keras_models.halo(model, size))
    # A preset is known by its name, a run by what it is.
    name = target.name if runs.is_preset(target) else f"{model}-{size}"
    size_bytes = runs.model_file(target).stat().st_size
    return Evaluated(name, "keras", task, runner, size_bytes)


def evaluate(
    target: Evaluated,
    source: Source,
    siting: str | None = None,
    jpeg_quality: int | None = None,
    detail: float | None = None,
) -> tuple[dict[str, Any], list[str], dict[str, quality.Values]]:
    """The table, the photographs' names and the values behind it.

    Args:
        target: what to measure.
        source: photographs.
        siting: of chroma; None for the default.
        jpeg_quality, detail: ``quality`` and ``detail`` of ``restoration.varied``.

    Raises:
        UserError: a siting of a task that has none, as ``varied``, or no usable photograph.
    """
    restored = restoration.varied(restoration.of(target.task), jpeg_quality, detail)
    siting = restored.siting(siting)
    total = source.count

    def progress(done: int) -> None:
        moving(f"{done}/{total} photographs", last=done >= total)

    measured = quality.Candidate(
        target.name,
        target.recipe,
        target.size_bytes,
        restored.method(target.runner),
        quality.probe(restored, target.runner),
    )
    return quality.table(
        restored, [measured], samples.samples(restored, source, siting), source.text, siting,
        progress,
    )  # fmt: skip
