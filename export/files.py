"""Write a run's or preset's model in several recipes, each file with its card and golden pair."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from numpy.typing import NDArray

import keras_models
from edge_demo import tasks
from edge_demo.device.selftest import REPEATED, cut, repeated
from edge_demo.errors import UserError
from edge_demo.files import write_whole
from edge_demo.measure import restoration
from edge_demo.model import package
from edge_demo.model.interpreter import Graph
from edge_demo.tasks.record import Task

from .calibrate import public_name
from .convert import Network, check_fit, convert
from .recipes import Recipe

_GOLDEN_SIDE = 32
Array = NDArray[np.float32]


def base_card(
    record: Mapping[str, Any],
    preset: str | None,
    terms: str | None,
    stages: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What a card says of a run, whatever the recipe.

    Args:
        record: ``run.json``.
        preset: its name, if it is to ship.
        terms: of the training photographs.
        stages: from ``runs.stages``, where the training is to be told in full.
    """
    config = record["config"]
    model, size = config["model"], config["size"]
    task = keras_models.task(model, size)
    training = {
        "data": public_name(record["data"]),
        "terms": terms or "not stated: trained by the owner of this file",
        "config": public_config(config),
        "versions": record["versions"],
    }
    if stages:
        training["stages"] = [
            {
                "config": public_config(stage["config"]),
                "data": public_name(stage["data"]),
                "hours": round(stage["seconds"] / 3600, 2),
            }
            for stage in stages
        ]
    return {
        "schema": 1,
        "task": task.name,
        **({"form": task.variant} if task.variant else {}),
        "contract": task.contract,
        "model": f"{model}-{size}",
        "preset": preset,
        "halo": keras_models.halo(model, size),
        "training": training,
    }


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the path of somebody's machine."""
    names = ("start_from", "qat", "backbone_weights", "teacher")
    # Older runs lack some of them, and their cards go on to.
    return {key: Path(value or "").name if key in names else value for key, value in config.items()}


def export(
    network: Network,
    card: Mapping[str, Any],
    recipes: Sequence[Recipe],
    out: Path,
    overwrite: bool = False,
) -> list[Path]:
    """Convert, wrap and write ``out/NAME.RECIPE.tflite`` for each recipe.

    Raises:
        UserError: a file exists already (checked before any work), or cannot be written.
    """
    for recipe in recipes:
        check_fit(network, recipe)
    name = card["preset"] or card["model"]
    paths = [out / f"{name}.{recipe.name}.tflite" for recipe in recipes]
    if not overwrite:
        for path in paths:
            if path.exists():
                raise UserError(f"{path} exists already; choose another --out or pass --overwrite")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for recipe, path in zip(recipes, paths, strict=True):
            flatbuffer, facts = convert(network, recipe)
            write(path, flatbuffer, {**card, "recipe": recipe.name, "tile": recipe.tile, **facts})
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from None
    return paths


def write(path: Path, flatbuffer: bytes, card: Mapping[str, Any]) -> None:
    """Wrap a FlatBuffer with its card and a golden pair, and write it whole or not at all.

    A graph that cannot be resized is ``static`` on its card.
    """
    task = tasks.record(card["task"], card.get("form", ""))
    inputs = golden_input(task)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(flatbuffer)
        outputs, facts = _resized(Graph(file), inputs, task), {}
        if outputs is None:
            outputs = _repeated(Graph(file), inputs, task)
            facts = {"static": True, "golden": REPEATED}
    golden = {f"input_{k}": v for k, v in inputs.items()}
    golden |= {f"output_{k}": v for k, v in outputs.items()}
    write_whole(path, package.join(flatbuffer, {**card, **facts}, golden))


def golden_input(task: Task) -> dict[str, Array]:
    """A small real input."""
    side = slice(96, 96 + _GOLDEN_SIDE), slice(192, 192 + _GOLDEN_SIDE)
    photograph = np.ascontiguousarray(skimage.data.astronaut()[side])
    restored = restoration.of(task)
    return task.encode(restored.degrade(photograph, "golden", restored.siting(None)))


def _resized(graph: Graph, inputs: Mapping[str, Array], task: Task) -> dict[str, Array] | None:
    """What a graph makes of an input of another size; None where it holds to its own.

    Some operations, such as a bilinear resize, keep the size that they were converted for.
    """
    try:
        graph.resize({name: (1, *values.shape) for name, values in inputs.items()})
        outputs = graph.run(inputs)
    except (RuntimeError, ValueError):
        return None
    sides = {tensor.name: _GOLDEN_SIDE // tensor.downscale for tensor in task.outputs}
    follows = all(outputs[name].shape[:2] == (side, side) for name, side in sides.items())
    return outputs if follows else None


def _repeated(graph: Graph, inputs: Mapping[str, Array], task: Task) -> dict[str, Array]:
    """The beginning of what a graph makes of an input that is repeated until it fills it."""
    full = {name: repeated(values, graph.inputs[name][1:]) for name, values in inputs.items()}
    outputs = graph.run(full)
    return {
        tensor.name: cut(outputs[tensor.name], [2 * _GOLDEN_SIDE // tensor.downscale] * 2)
        for tensor in task.outputs
    }
