"""Write a run's or preset's model in several recipes, each file with its card and golden pair."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data

import keras_models
from edge_demo.runtime import package
from edge_demo.runtime.errors import UserError
from edge_demo.runtime.files import write_whole
from edge_demo.runtime.interpreter import Graph
from edge_demo.runtime.tasks import chroma

from .calibrate import public_name
from .convert import Network, check_fit, convert
from .recipes import Recipe

_GOLDEN_SIDE = 32


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
    module = keras_models.get(config["model"])
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
        "task": module.TASK.name,
        "contract": module.TASK.contract,
        "model": f"{config['model']}-{config['size']}",
        "preset": preset,
        "halo": module.halo(config["size"]),
        "training": training,
    }


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the path of somebody's machine."""
    names = {key: Path(config.get(key) or "").name for key in ("start_from", "qat")}
    return {**config, **names}


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
    """Wrap a FlatBuffer with its card and a golden pair, and write it whole or not at all."""
    golden = _golden(flatbuffer)
    write_whole(path, package.join(flatbuffer, card, golden))


def _golden(flatbuffer: bytes) -> dict[str, Any]:
    """A small real input and what this machine makes of it."""
    photograph = skimage.data.astronaut()[96 : 96 + _GOLDEN_SIDE, 192 : 192 + _GOLDEN_SIDE]
    inputs = chroma.encode(chroma.degrade(np.ascontiguousarray(photograph)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(flatbuffer)
        graph = Graph(file)
        graph.resize({name: (1, *values.shape) for name, values in inputs.items()})
        outputs = graph.run(inputs)
    return {f"input_{k}": v for k, v in inputs.items()} | {
        f"output_{k}": v for k, v in outputs.items()
    }
