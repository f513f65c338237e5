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
from edge_demo.device import restorers
from edge_demo.device.restorer import Restorer
from edge_demo.measure import quality, restoration
from edge_demo.tasks.record import Task
from keras_models import runs


class KerasRunner:
    """A Keras model behind the ``tiling.Runner`` protocol."""

    tile, takes_codes = 512, False

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
        restorer: what it does, with what a user asked for.
        size_bytes: of its file.
    """

    name: str
    recipe: str
    restorer: Restorer
    size_bytes: int

    @property
    def task(self) -> Task:
        """Its variant."""
        return self.restorer.task


def load(target: Path) -> Evaluated:
    """A run's folder, a preset's name or a ``.tflite``.

    Raises:
        UserError: neither, or a run without a finished model.
    """
    if target.suffix == ".tflite" or target.is_file():
        restorer = restorers.load(target, threads=2)
        assert restorer.card is not None
        values = restorer.card.values
        name = values.get("preset") or values["model"]
        return Evaluated(name, values["recipe"], restorer, target.stat().st_size)
    config = runs.read_record(target)["config"]
    model, size = config["model"], config["size"]
    task = keras_models.task(model, size)
    runner = KerasRunner(runs.load_model(target), task, keras_models.halo(model, size))
    # A preset is known by its name, a run by what it is.
    name = target.name if runs.is_preset(target) else f"{model}-{size}"
    size_bytes = runs.model_file(target).stat().st_size
    return Evaluated(name, "keras", restorers.of_runner(runner, task, name), size_bytes)


def evaluate(
    target: Evaluated,
    source: Source,
    siting: str | None = None,
    jpeg_quality: int | None = None,
) -> tuple[dict[str, Any], list[str], dict[str, quality.Values]]:
    """The table, the photographs' names and the values behind it.

    Args:
        target: what to measure.
        source: photographs.
        siting: of chroma; None for the default.
        jpeg_quality: ``quality`` of ``restoration.of``.

    Raises:
        UserError: a siting of a task that has none, as ``restoration.of``, or no usable photograph.
    """
    restored = restoration.of(target.task, jpeg_quality)
    siting = restored.siting(siting)
    total = source.count

    def progress(done: int) -> None:
        moving(f"{done}/{total} photographs", last=done >= total)

    measured = quality.Candidate(
        target.name,
        target.recipe,
        target.size_bytes,
        target.restorer.reconstruct,
        quality.probe(restored, target.restorer),
    )
    return quality.table(
        restored, [measured], samples.samples(restored, source, siting), source.text, siting,
        progress,
    )  # fmt: skip
