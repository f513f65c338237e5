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
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        complete = {"model", "size"} <= set(record["config"]) and {"data", "val"} <= set(record)
    except (ValueError, TypeError, KeyError):
        complete = False
    if not complete:
        raise UserError(f"{path} is damaged")
    return record


def stages(run: Path) -> list[dict[str, Any]]:
    """The runs that a run's weights come from, first to last: it may have started from another.

    Returns:
        For each ``config``, ``data`` and ``seconds`` of training.
    """
    record = read_record(run)
    before = record["config"].get("start_from")
    rows = (run / "history.csv").read_text().splitlines()
    seconds = float(rows[-1].split(",")[rows[0].split(",").index("seconds")])
    stage = {"config": record["config"], "data": record["data"], "seconds": seconds}
    return [*(stages(Path(before)) if before else []), stage]


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
