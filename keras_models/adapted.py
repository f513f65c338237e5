"""A finished run made ready to ship: averaged with another, more vivid, or in half the room.

All change weights alone, so the new run is exported, measured and shipped as any other.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_models
from edge_demo.errors import UserError
from edge_demo.files import check_empty, write_whole

from . import colorize_unet, runs

_COPIED = ("history.csv",)


def adapt(run: Path, out: Path, other: Path | None, saturation: float | None, half: bool) -> Path:
    """Write a run whose network differs from another's as asked.

    Args:
        run: a finished run's folder, or a preset.
        out: the new run's folder.
        other: a run or preset of the same network, one of the two having started from the other:
            every weight becomes the mean of both (Wortsman et al., "Robust fine-tuning of
            zero-shot models", CVPR 2022), which often does better than either on photographs
            unlike those of the second training; None leaves them.
        saturation: of ``colorize_unet``: how many times as strong its colours are to be; None
            leaves them.
        half: round every weight to what 16 bits hold, so that a preset takes half the room. What
            networks do with it stays within what the float16 recipe loses.

    Returns:
        The new model's file.

    Raises:
        UserError: nothing is asked, a run cannot be read, the other is of another network, the
            network has no saturation, or the folder holds something.
    """
    if saturation is None and not half and other is None:
        raise UserError("nothing to do: state --average-with, --saturation or --half")
    check_empty(out)
    record = runs.read_record(run)
    config = record["config"]
    # Built anew: a run's own file has the heads that the network had when it was trained.
    model = keras_models.build(config["model"], config["size"])
    trained = runs.load_model(run)
    _take(model, trained)
    if other is not None:
        _average(model, other, config)
    if saturation is not None:
        if config["model"] != "colorize_unet":
            raise UserError(f"--saturation is of colorize_unet; {run} is of {config['model']}")
        if not 0.0 < saturation <= 4.0:
            raise UserError(f"--saturation must be above 0 and at most 4, not {saturation}")
        colorize_unet.saturate(model, saturation)
    if half:
        model.set_weights([_halved(values) for values in model.get_weights()])
    out.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"saturation": saturation, "half": half}
    if other is not None:
        told["averaged_with"] = other.name
    write_whole(
        out / "run.json", json.dumps({**record, "adapted": told}, indent=2).encode() + b"\n"
    )
    for name in _COPIED:
        if not runs.is_preset(run) and (run / name).exists():
            shutil.copyfile(run / name, out / name)
    model.save(out / "model.keras")
    return out / "model.keras"


def _take(model: keras.Model, trained: keras.Model) -> None:
    """A network's weights, by the names of its layers."""
    names = [weight.path for weight in model.weights]
    if names != [weight.path for weight in trained.weights]:
        raise UserError(f"the run does not fit {model.name} as it is built now")
    model.set_weights(trained.get_weights())


def _average(model: keras.Model, other: Path, config: dict[str, Any]) -> None:
    """Half of the way to the weights of another run."""
    theirs = runs.read_record(other)["config"]
    names = [f"{each['model']}-{each['size']}" for each in (config, theirs)]
    if names[0] != names[1]:
        raise UserError(f"--average-with {other}: that run is of {names[1]}, not of {names[0]}")
    second = keras_models.build(config["model"], config["size"])
    _take(second, runs.load_model(other))
    pairs = zip(model.get_weights(), second.get_weights(), strict=True)
    model.set_weights([(one + two) / 2 for one, two in pairs])


def _halved(values: np.ndarray) -> np.ndarray:
    rounded = values.astype(np.float16).astype(np.float32)
    # What 16 bits cannot hold at all stays as it is.
    return np.where(np.isfinite(rounded), rounded, values)
