"""A run's folder, as training leaves it: ``run.json`` and ``model.keras``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from edge_demo.runtime.errors import UserError


def read_record(run: Path) -> dict[str, Any]:
    """``run.json``: config, data, command, versions.

    Raises:
        UserError: the folder is no run.
    """
    path = run / "run.json"
    if not path.is_file():
        raise UserError(f"{run}: no such run (a folder that 'python -m training fit' made)")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def load_model(run: Path) -> keras.Model:
    """The finished model of a run, float32.

    Raises:
        UserError: the folder is no run, or one that has not finished.
    """
    read_record(run)
    file = run / "model.keras"
    if not file.exists():
        raise UserError(f"{run} is not finished; run its fit command again to resume it")
    model: keras.Model = keras.saving.load_model(file, compile=False)
    return model
