"""The one shape of every table: JSON of schema 1, and its text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import UserError
from .files import write_whole
from .tasks.record import Task

Row = dict[str, Any]
UNITS = {"chroma_psnr": "dB", "rgb_psnr": "dB", "chroma_ssim": "", "rgb_ssim": ""}


def row(
    name: str,
    kind: str,
    values: Mapping[str, Sequence[float]] | None = None,
    *,
    recipe: str | None = None,
    status: str = "ok",
    **other: Any,
) -> Row:
    """One method's line.

    Args:
        name: preset, run or baseline.
        kind: ``model`` or ``baseline``.
        values: metric name to one value a photograph.
        recipe: of a model.
        status: ``ok`` or ``failed: WHY``.
        other: further keys of the schema (bytes, latency_ms, ...); None is left out.
    """
    out: Row = {"name": name, "kind": kind}
    if recipe:
        out["recipe"] = recipe
    if values:
        out["metrics"] = {
            metric: {
                "mean": round(float(np.mean(list_)), 6),
                "min": round(float(np.min(list_)), 6),
                "max": round(float(np.max(list_)), 6),
            }
            for metric, list_ in values.items()
        }
    out |= {key: value for key, value in other.items() if value is not None}
    return out | {"status": status}


def document(task: Task, images: int, data: str, rows: Sequence[Row], **other: Any) -> dict:
    """The whole table."""
    return {"schema": 1, "task": task.name, "images": images, "data": data, **other,
            "rows": list(rows)}  # fmt: skip


def label(line: Row) -> str:
    """A row's name for a reader, ``PRESET.RECIPE`` where it has a recipe."""
    return f"{line['name']}.{line['recipe']}" if "recipe" in line else str(line["name"])


def verdicts(rows: Sequence[Row], task: Task) -> list[str]:
    """``NAME gains +x dB of METRIC over REFERENCE`` for each model's row."""
    metric = task.headline_metric
    floor = next(
        (
            r["metrics"][metric]["mean"]
            for r in rows
            if r["name"] == task.reference and "metrics" in r
        ),
        None,
    )
    if floor is None:
        return []
    return [
        f"{label(r)}: {r['metrics'][metric]['mean'] - floor:+.2f} {UNITS[metric]} {metric} "
        f"over {task.reference}"
        for r in rows
        if r["kind"] == "model" and "metrics" in r
    ]


def quality_text(rows: Sequence[Row], task: Task) -> str:
    """A block for each metric: method, average, minimum, maximum; then the verdict lines."""
    measured = [r for r in rows if "metrics" in r]
    width = max([6, *(len(label(r)) for r in measured)])
    lines = []
    for metric, unit in UNITS.items():
        if not any(metric in r["metrics"] for r in measured):
            continue
        digits = 2 if unit else 4
        lines.append(f"{metric}{f' ({unit})' if unit else ''}")
        lines.append(f"  {'method':<{width}}  {'average':>9}  {'minimum':>9}  {'maximum':>9}")
        for r in measured:
            v = r["metrics"][metric]
            lines.append(
                f"  {label(r):<{width}}"
                + "".join(f"  {v[key]:>9.{digits}f}" for key in ("mean", "min", "max"))
            )
        lines.append("")
    lines += verdicts(rows, task)
    lines += [f"{label(r)}: {r['status']}" for r in rows if r["status"] != "ok"]
    return "\n".join(lines)


def write_text(path: Path, text: str, overwrite: bool = False) -> None:
    """Write a file whole; an existing one is refused unless ``overwrite``.

    Raises:
        UserError: it exists, or cannot be written.
    """
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already; choose another name or pass --overwrite")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def write_json(path: Path, table: Mapping[str, Any], overwrite: bool = False) -> None:
    """Write a table as JSON."""
    write_text(path, json.dumps(table, indent=2, allow_nan=False) + "\n", overwrite)
