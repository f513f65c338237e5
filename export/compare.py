"""Quantised against float: what each file of a network costs in quality, time and memory.

The measuring is ``python -m edge_demo benchmark``'s, each file in a process of its own; what is
added here is each file's loss against its float32, photograph by photograph.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.source import Source
from edge_demo import tasks
from edge_demo.errors import UserError
from edge_demo.measure import restoration, results
from edge_demo.measure.results import Row
from edge_demo.model import package
from edge_demo.report import tables
from edge_demo.tasks.record import Task

from . import made

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "edge_demo" / "models"
# dB: a photograph that loses more counts as one that suffers.
LIMIT = 0.3
REFERENCE = "float32"


def resolve(names: Sequence[str]) -> list[Path]:
    """Files of what a user names: ``.tflite`` files, or presets with all the files they have.

    Those that are not here are made.

    Raises:
        UserError: neither, nothing to compare with, or files of several tasks.
    """
    files: list[Path] = []
    for name in names:
        if name.endswith(".tflite"):
            files.append(Path(name))
            continue
        of_preset = made.of_preset(name)
        if not of_preset:
            raise UserError(f"{name}: no such preset or model file")
        files += sorted(of_preset, key=lambda path: path.name)
    files = list(dict.fromkeys(files))
    cards = [package.read_card(path) for path in files]
    found = sorted({card.task.name for card in cards})
    if len(found) > 1:
        raise UserError(f"files of several tasks cannot be compared: {', '.join(found)}")
    if not any(card.values["recipe"] == REFERENCE for card in cards):
        raise UserError(f"name the {REFERENCE} file too: it is what the others are compared with")
    return files


def compare(
    files: Sequence[Path],
    source: Source,
    *,
    limit: float = LIMIT,
    threads: int | None = None,
    seconds: float = 5.0,
    siting: str | None = None,
) -> dict[str, Any]:
    """Measure files and work out what each loses against the float32 file of the same network.

    Args:
        files: at least one of them float32.
        source: photographs, or pairs, that none was trained or calibrated on.
        limit: dB that a photograph may lose.
        threads: of the interpreter; None: as the benchmark chooses.
        seconds: for the timing of each file, at most.
        siting: of the 4:2:0 chroma made from each photograph; None: the task's own.

    Returns:
        The benchmark's document of schema 1 with its ``values`` and ``photographs``; each row of
        a quantised file has ``drop``: mean and max in dB, and ``share_over`` the limit.

    Raises:
        UserError: what the benchmark refuses, or a siting of a task that has none.
    """
    restored = restoration.of(package.read_card(files[0]).task)
    siting = restored.siting(siting)
    with tempfile.TemporaryDirectory() as folder:
        # The benchmark takes a folder, a source is a list of files.
        pictures, out = Path(folder) / "pictures", Path(folder) / "table.json"
        _link(source if restored.pairs else dataclasses.replace(source, low=()), pictures)
        command = [
            sys.executable, "-m", "edge_demo", "benchmark", *(str(f.resolve()) for f in files),
            "--images", str(pictures), "--each", "--json", str(out), "--seconds", f"{seconds:g}",
        ]  # fmt: skip
        if siting:
            command += ["--siting", siting]
        if threads:
            command += ["--threads", str(threads)]
        # Its table is not ours; its progress and its complaints are.
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if not out.exists():
            raise UserError(f"the benchmark failed with exit code {done.returncode}")
        table: dict[str, Any] = json.loads(out.read_text())
    table["data"] = source.text
    table["photographs"] = [Path(name).name for name in table["photographs"]]
    table["limit_db"] = limit
    for row in table["rows"]:
        row.pop("file", None)
        _add_drop(row, table["rows"], limit, restored.task)
    return table


def _link(source: Source, folder: Path) -> None:
    """A source's files in a folder, in its order; each keeps its name, of which there may be two.

    Low light that is made from a photograph depends on its name.
    """
    sides = {"low": source.low, "high": source.paths} if source.low else {"": source.paths}
    for side, paths in sides.items():
        for index, path in enumerate(paths):
            # Partners have one name.
            name = source.paths[index].with_suffix(path.suffix).name
            link = folder / side / f"{index:05d}" / name
            link.parent.mkdir(parents=True)
            link.symlink_to(path.resolve())


def _add_drop(row: Row, rows: Sequence[Row], limit: float, task: Task) -> None:
    metric = task.headline_metric
    whole = next(
        (r for r in rows if r["name"] == row["name"] and r.get("recipe") == REFERENCE), None
    )
    if row["kind"] != "model" or row is whole or not whole:
        return
    if "values" not in row or "values" not in whole:
        return
    pairs = zip(whole["values"][metric], row["values"][metric], strict=True)
    drops = np.array([results.METRICS[metric].gain(before, after) for before, after in pairs])
    row["drop"] = {
        "mean": round(float(drops.mean()), 4),
        "max": round(float(drops.max()), 4),
        "share_over": round(float((drops > limit).mean()), 4),
    }


def worst(table: Mapping[str, Any], count: int = 3) -> list[str]:
    """The photographs that lose most in any file, worst first."""
    metric = tasks.first(table["task"]).headline_metric
    found: dict[str, float] = {}
    for row in table["rows"]:
        if "drop" not in row:
            continue
        whole = next(
            r for r in table["rows"]
            if r["name"] == row["name"] and r.get("recipe") == REFERENCE
        )  # fmt: skip
        for name, ours, theirs in zip(
            table["photographs"], row["values"][metric], whole["values"][metric], strict=True
        ):
            drop = results.METRICS[metric].gain(theirs, ours)
            found[name] = max(found.get(name, -np.inf), drop)
    return sorted(found, key=lambda name: -found[name])[:count]


def over(table: Mapping[str, Any], most: float) -> list[Row]:
    """Rows whose mean drop exceeds a bound, and rows that failed."""
    return [
        row
        for row in table["rows"]
        if row["status"] != "ok" or ("drop" in row and row["drop"]["mean"] > most)
    ]


def columns(table: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The table as text: header and a line a file, models only."""
    metric = tasks.first(table["task"]).headline_metric
    unit = results.METRICS[metric].unit
    header = [
        "file", "KiB", f"{metric} {unit}", "min", "max", "drop", "worst drop",
        f"over {table['limit_db']:g} {unit}", "p50 ms", "p90 ms", "p99 ms", "of float32",
        "peak MiB", "load ms",
    ]  # fmt: skip
    lines = []
    for row in table["rows"]:
        if row["kind"] != "model":
            continue
        size = f"{row['bytes'] / 1024:.0f}" if "bytes" in row else ""
        if row["status"] != "ok":
            lines.append([results.label(row), size, row["status"], *[""] * (len(header) - 3)])
            continue
        quality, times, drop = row["metrics"][metric], row["latency_ms"], row.get("drop")
        whole = next(
            (r for r in table["rows"]
             if r["name"] == row["name"] and r.get("recipe") == REFERENCE and "latency_ms" in r),
            None,
        )  # fmt: skip
        lines.append(
            [
                results.label(row),
                size,
                *(f"{quality[key]:.2f}" for key in ("mean", "min", "max")),
                *((f"{drop['mean']:.3f}", f"{drop['max']:.2f}", f"{drop['share_over']:.0%}")
                  if drop else ("", "", "")),
                *(f"{times[key]:.1f}" for key in ("p50", "p90", "p99")),
                f"{times['p50'] / whole['latency_ms']['p50']:.2f}" if whole else "",
                f"{row['peak_rss_bytes'] / 2**20:.0f}",
                f"{row['load_ms']:.1f}",
            ]
        )  # fmt: skip
    return header, lines


def title(table: Mapping[str, Any]) -> str:
    """What the figures are of, in a line."""
    timed, metric = table["timed"], tasks.first(table["task"]).headline_metric
    siting = f", {table['siting']} siting" if "siting" in table else ""
    return (
        f"{metric} over {table['images']} photographs of {table['data']}"
        f"{siting}; drops against float32 in dB; inference on a picture of "
        f"{timed['width']}x{timed['height']}, threads: {table['threads']}"
    )


def text(table: Mapping[str, Any]) -> str:
    """The table for a terminal."""
    header, lines = columns(table)
    return f"{title(table)}\n{tables.aligned(header, lines, header[:1])}"


def markdown(table: Mapping[str, Any]) -> str:
    """The table for a page."""
    return f"{tables.markdown(*columns(table))}\n{title(table)}.\n"
