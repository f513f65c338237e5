"""What training leaves: a run's folder (``run.json``, ``model.keras``), or a shipped preset.

Wherever a command takes a RUN, it takes the name of a preset too: its weights ship beside the
architectures.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import keras

import keras_models
from edge_demo.errors import UserError

WEIGHTS = Path(__file__).parent / "weights"


def presets() -> tuple[str, ...]:
    """Names of the presets whose weights are here."""
    return tuple(sorted(path.stem for path in WEIGHTS.glob("*.json")))


def is_preset(run: Path) -> bool:
    """Whether a name is a preset's; a folder of that name comes first."""
    return not run.exists() and str(run) in presets()


def read_record(run: Path) -> dict[str, Any]:
    """What was trained, on what and how: config, data, val, versions.

    Args:
        run: a run's folder, or a preset's name.

    Raises:
        UserError: neither, or a damaged record.
    """
    path = WEIGHTS / f"{run}.json" if is_preset(run) else run / "run.json"
    if not path.is_file():
        known = ", ".join(presets())
        raise UserError(
            f"{run}: no such run (a folder that 'python -m training fit' made, or one of {known})"
        )
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
    if "stages" in record:
        kept: list[dict[str, Any]] = record["stages"]
        return kept
    config = record["config"]
    before = config.get("qat") or config.get("start_from")
    stage = {"config": config, "data": record["data"], "seconds": history(run)[-1]["seconds"]}
    return [*(stages(Path(before)) if before else []), stage]


def history(run: Path) -> list[dict[str, float]]:
    """A row for each finished epoch of a run's folder: epoch, step, seconds, losses and metrics.

    Raises:
        UserError: a damaged file.
    """
    file = run / "history.csv"
    if not file.exists():
        return []
    try:
        with file.open(newline="") as lines:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(lines)]
    except (ValueError, TypeError):
        raise UserError(f"{file} is damaged") from None


def model_file(run: Path) -> Path:
    """The file of a finished run's model, or of a preset's: ``.keras``, or weights alone.

    Raises:
        UserError: the folder is no run, or one that has not finished.
    """
    read_record(run)
    if is_preset(run):
        whole = WEIGHTS / f"{run}.keras"  # of quantisation-aware training
        return whole if whole.exists() else WEIGHTS / f"{run}.weights.h5"
    file = run / "model.keras"
    if not file.exists():
        raise UserError(f"{run} is not finished; run its fit command again to resume it")
    return file


def load_model(run: Path) -> keras.Model:
    """The finished model of a run or a preset, float32; fake-quantised where the run was.

    Raises:
        UserError: as ``model_file``, or weights of another network.
    """
    # Its layers must be known before Keras reads a fake-quantised model.
    from . import fakequant, packed  # noqa: F401

    file = model_file(run)
    config = read_record(run)["config"]
    keras_models.get(config["model"])  # it may have an initializer of its own
    if file.suffix == ".h5":
        model: keras.Model = keras_models.build(config["model"], config["size"])
        with packed.unpacked(file) as whole:
            try:
                model.load_weights(whole)
            except ValueError:
                raise UserError(
                    f"{file} does not fit {config['model']}-{config['size']} as it is built now"
                ) from None
        return model
    loaded: keras.Model = keras.saving.load_model(file, compile=False)
    return loaded
