"""``python -m training runs``: what has been trained, how each run differs, and what it reached."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_demo.cli import duration
from edge_demo.errors import UserError
from edge_demo.report import tables
from keras_models import runs

from . import config

# What tells the best epoch, the first that a run has: more is better, or less.
_JUDGED = {"val_psnr": max, "val_loss": min}


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's folder in one line.

    Attributes:
        folder: where it is.
        network: MODEL-SIZE.
        data: what it was trained on.
        differs: settings that are not those of the model's config, as they are now.
        done, epochs: how many epochs are finished, of how many.
        finished: whether it has its model.
        seconds: of training so far.
        metric, best, epoch: the best value of a metric and its epoch; None before the first one.
    """

    folder: Path
    network: str
    data: str
    differs: Mapping[str, Any]
    done: int
    epochs: int
    finished: bool
    seconds: float
    metric: str | None
    best: float | None
    epoch: int | None


def find(root: Path) -> Iterator[Run]:
    """The runs in a folder and below, in the order of their paths.

    A damaged one is named on standard error and skipped.

    Raises:
        UserError: no such folder, or not one run in it.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {str(root)!r}")
    records = sorted(root.rglob("run.json"))
    if not records:
        raise UserError(f"no run in {root}; 'python -m training fit' makes one")
    for record in records:
        try:
            yield read(record.parent)
        except UserError as error:
            print(f"skipped: {error}", file=sys.stderr)


def read(folder: Path) -> Run:
    """One run.

    Raises:
        UserError: a damaged record or history, or a model that is no more.
    """
    record = runs.read_record(folder)
    own = config.read(record["config"])
    held, usual = config.as_read(own), config.as_read(config.load(own.model, own.qat))
    rows = runs.history(folder)
    # Weights that others trained were imported in no epoch.
    total = 0 if "imported" in record else config.epochs(own)[0]
    metric = next((name for name in _JUDGED if rows and name in rows[0]), None)
    best = _JUDGED[metric](rows, key=lambda row: row[metric]) if metric else None
    return Run(
        folder=folder,
        network=f"{own.model}-{own.size}",
        data=record["data"],
        differs={key: value for key, value in held.items() if usual.get(key) != value},
        done=len(rows),
        epochs=total,
        finished=(folder / "model.keras").exists(),
        seconds=rows[-1]["seconds"] if rows else 0.0,
        metric=metric,
        best=best[metric] if best and metric else None,
        epoch=round(best["epoch"]) if best else None,
    )


def text(found: Sequence[Run]) -> str:
    """A table for a terminal."""
    header = "run", "network", "state", "best", "at epoch", "took", "data", "differs in"
    lines = []
    for run in found:
        lines.append(
            (
                str(run.folder),
                run.network,
                "finished" if run.finished else f"{run.done} of {run.epochs} epochs",
                f"{run.metric} {run.best:.2f}" if run.best is not None else "",
                str(run.epoch or ""),
                duration(run.seconds),
                run.data,
                " ".join(f"{key}={value}" for key, value in run.differs.items()),
            )
        )
    return tables.aligned(header, lines, header)
