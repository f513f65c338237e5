"""A finished run made ready to ship: more vivid, or in half the room.

Both change weights alone, so the new run is exported, measured and shipped as any other.
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
from edge_demo.files import write_whole

from . import colorize_unet, runs

_COPIED = ("history.csv",)


def adapt(run: Path, out: Path, saturation: float | None, half: bool) -> Path:
    """Write a run whose network differs from another's as asked.

    Args:
        run: a finished run's folder, or a preset.
        out: the new run's folder.
        saturation: of ``colorize_unet``: how many times as strong its colours are to be; None
            leaves them.
        half: round every weight to what 16 bits hold, so that a preset takes half the room. What
            networks do with it stays within what the float16 recipe loses.

    Returns:
        The new model's file.

    Raises:
        UserError: nothing is asked, the run cannot be read, the network has no saturation, or the
            folder holds something.
    """
    if saturation is None and not half:
        raise UserError("nothing to do: state --saturation, --half or both")
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is not empty; choose another --out")
    record = runs.read_record(run)
    config = record["config"]
    # Built anew: a run's own file has the heads that the network had when it was trained.
    model = keras_models.build(config["model"], config["size"])
    trained = runs.load_model(run)
    _take(model, trained)
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


def _halved(values: np.ndarray) -> np.ndarray:
    rounded = values.astype(np.float16).astype(np.float32)
    # What 16 bits cannot hold at all stays as it is.
    return np.where(np.isfinite(rounded), rounded, values)
