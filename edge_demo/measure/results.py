"""The one shape of every table: JSON of schema 1, and its text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import check_free, write_whole
from ..tasks.record import Task

Row = dict[str, Any]


@dataclass(frozen=True)
class Metric:
    """How a figure is to be read.

    Attributes:
        title: its name for a reader.
        unit: "" where it has none.
        digits: behind the decimal point, for a reader.
        higher: whether more is better.
    """

    title: str
    unit: str
    digits: int
    higher: bool = True

    @property
    def column(self) -> str:
        """The title with the unit, as columns of pages have it."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def gain(self, value: float, origin: float) -> float:
        """By how much a value is better than another."""
        return value - origin if self.higher else origin - value


# In the order of tables.
METRICS = {
    "chroma_psnr": Metric("chroma PSNR", "dB", 2),
    "ab_psnr": Metric("ab PSNR", "dB", 2),
    "rgb_psnr": Metric("RGB PSNR", "dB", 2),
    "chroma_ssim": Metric("chroma SSIM", "", 4),
    "rgb_ssim": Metric("RGB SSIM", "", 4),
    # Of the truth's, as of colourfulness: 1 is best.
    "chroma_sharpness": Metric("chroma gradient energy", "of the truth's", 3),
    # With so many true hints.
    "ab_psnr_1": Metric("ab PSNR with 1 hint", "dB", 2),
    "ab_psnr_5": Metric("with 5 hints", "dB", 2),
    "ab_psnr_10": Metric("with 10 hints", "dB", 2),
    "ab_psnr_50": Metric("with 50 hints", "dB", 2),
    "palette_hits": Metric("palettes with the true colour", "share", 3),
    "hint_delta_e": Metric("ΔE 2000 at a hint", "", 2, higher=False),
    "hint_delta_e_max": Metric("largest ΔE 2000 at a hint", "", 2, higher=False),
    # Of the truth's: 1 is best, less is sepia, so the table says neither more nor less is better.
    "colorfulness_ratio": Metric("colourfulness", "of the truth's", 3),
    "ab_auc": Metric("AuC of ab", "", 4),
    "delta_e_2000": Metric("ΔE 2000", "", 2, higher=False),
    # Never the headline: it uses the truth.
    "rgb_psnr_gt_mean": Metric("RGB PSNR with the truth's brightness", "dB", 2),
    "flat_noise": Metric("noise", "codes", 2, higher=False),
    "clipped": Metric("clipped", "", 4, higher=False),
    # Of Lab, on the mean of a picture, and of its brightest tenth.
    "cast_a": Metric("cast in a", "", 2, higher=False),
    "cast_b": Metric("in b", "", 2, higher=False),
    "cast_a_bright": Metric("cast of the brightest in a", "", 2, higher=False),
    "cast_b_bright": Metric("of the brightest in b", "", 2, higher=False),
    "lpips": Metric("LPIPS", "", 4, higher=False),
    # Of videos, see ``flicker``.
    "flicker": Metric("flicker", "", 3, higher=False),
    "change_ratio": Metric("change against the truth's", "", 3, higher=False),
}


def heading(metric: str) -> str:
    """A metric's name with its unit, ``rgb_psnr (dB)``."""
    unit = METRICS[metric].unit
    return f"{metric} ({unit})" if unit else metric


def row(
    name: str,
    kind: str,
    values: Mapping[str, Sequence[float | None]] | None = None,
    *,
    recipe: str | None = None,
    status: str = "ok",
    **other: Any,
) -> Row:
    """One method's line.

    Args:
        name: preset, run or baseline.
        kind: ``model`` or ``baseline``.
        values: metric name to one value a photograph, None where a photograph has none.
        recipe: of a model.
        status: ``ok`` or ``failed: WHY``.
        other: further keys of the schema (bytes, latency_ms, ...); None is left out.
    """
    out: Row = {"name": name, "kind": kind}
    if recipe:
        out["recipe"] = recipe
    if values:
        found = {
            metric: [value for value in list_ if value is not None]
            for metric, list_ in values.items()
        }
        out["metrics"] = {
            metric: {
                "mean": round(float(np.mean(list_)), 6),
                "min": round(float(np.min(list_)), 6),
                "max": round(float(np.max(list_)), 6),
            }
            for metric, list_ in found.items()
            if list_
        }
    out |= {key: value for key, value in other.items() if value is not None}
    return out | {"status": status}


def document(task: Task, images: int, data: str, rows: Sequence[Row], **other: Any) -> dict:
    """The whole table; of ``other`` keys, None is left out."""
    further = {key: value for key, value in other.items() if value is not None}
    return {"schema": 1, "task": task.name, "images": images, "data": data, **further,
            "rows": list(rows)}  # fmt: skip


def label(line: Row) -> str:
    """A row's name for a reader, ``PRESET.RECIPE`` where it has a recipe."""
    return f"{line['name']}.{line['recipe']}" if "recipe" in line else str(line["name"])


def verdicts(rows: Sequence[Row], task: Task) -> list[str]:
    """``NAME gains +x dB of METRIC over REFERENCE`` for each model's row."""
    metric = task.headline_metric
    kind = METRICS[metric]
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
        f"{label(r)}: {kind.gain(r['metrics'][metric]['mean'], floor):+.2f} {kind.unit} {metric} "
        f"over {task.reference}"
        for r in rows
        if r["kind"] == "model" and "metrics" in r
    ]


def quality_text(rows: Sequence[Row], task: Task) -> str:
    """A block for each metric: method, average, minimum, maximum; then the verdict lines."""
    measured = [r for r in rows if "metrics" in r]
    width = max([6, *(len(label(r)) for r in measured)])
    lines = []
    for metric, kind in METRICS.items():
        having = [r for r in measured if metric in r["metrics"]]
        if not having:
            continue
        lines.append(heading(metric))
        lines.append(f"  {'method':<{width}}  {'average':>9}  {'minimum':>9}  {'maximum':>9}")
        for r in having:
            v = r["metrics"][metric]
            lines.append(
                f"  {label(r):<{width}}"
                + "".join(f"  {v[key]:>9.{kind.digits}f}" for key in ("mean", "min", "max"))
            )
        lines.append("")
    lines += verdicts(rows, task)
    lines += [f"{label(r)}: {r['status']}" for r in rows if r["status"] != "ok"]
    return "\n".join(lines)


def write_text(path: Path, text: str, overwrite: bool = False) -> None:
    """Write a file whole; an existing one is refused unless ``overwrite``.

    Names of files in it that are no text in UTF-8 stay what they are.

    Raises:
        UserError: it exists, or cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"), overwrite)


def write_bytes(path: Path, data: bytes, overwrite: bool = False) -> None:
    """``write_text`` of data that is no text.

    Raises:
        UserError: as ``write_text``.
    """
    check_free(overwrite, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def write_json(path: Path, table: Mapping[str, Any], overwrite: bool = False) -> None:
    """Write a table as JSON."""
    write_text(path, json.dumps(table, indent=2, allow_nan=False) + "\n", overwrite)
