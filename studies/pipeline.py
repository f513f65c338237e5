"""Measures how fast data come: each stage of the pipeline, and what a training step waits for it.

    python -m studies pipeline stages --data SOURCE [--json FILE]
    python -m studies pipeline waiting [MODEL ...] --data SOURCE [--json FILE]

``stages`` is ``python -m datasets bench``, pictures a second beside a generator in Python;
``waiting`` is ``python -m training bench`` for several models, by default all. ``--repeat`` does it
all several times, to see how far a busy machine moves the figures. ``--json`` writes what
docs/training.md shows (docs/results/pipeline.stages.json and pipeline.waiting.json).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import bench as pipeline
from datasets import sources
from edge_demo import cli
from edge_demo.benchmark import host
from edge_demo.report.tables import markdown
from training import bench, config

from . import wording
from .command import command_line, write
from .wording import Json

# Of a step that a pipeline may be waited for, and what it gives at least beside the generator.
WAITING, FASTER = 0.05, 5.0
PATCH, BATCH, CELL = 96, 16, 192


def stages(data: str, rounds: int, seconds: float, repeat: int) -> list[dict[str, Any]]:
    """Each stage: ``name``, ``unit``, and ``per_second``, a median for each repetition."""
    source = sources.open_source(data, "train")
    found = []
    for _ in range(repeat):
        found.append(pipeline.bench(source, PATCH, BATCH, CELL, seconds, rounds))
        print(pipeline.text(found[-1]), flush=True)
    return [
        {"name": same[0].name, "unit": same[0].unit,
         "per_second": [round(stage.per_second, 1) for stage in same]}
        for same in zip(*found, strict=True)
    ]  # fmt: skip


def slowest(rows: Sequence[dict[str, Any]]) -> float:
    """How many times the generator's crops the slowest whole stage gives, in the worst repetition.

    Whole are the stages that end in what a network takes.
    """
    by_name = {row["name"]: row["per_second"] for row in rows}
    slow = by_name[pipeline.GENERATOR]
    whole = [rates for name, rates in by_name.items() if name.endswith("encode")]
    return min(rate / other for rates in whole for rate, other in zip(rates, slow, strict=True))


def waiting(
    names: Sequence[str], settings: Sequence[str], data: str, rounds: int, steps: int, repeat: int
) -> list[dict[str, Any]]:
    """Each stage of each model's training: ``crops``, ``ms`` of a step and ``shares`` waited."""
    rows = []
    for name in names:
        base = config.override(config.load(name), settings)
        repeated = [bench.bench(base, data, rounds, steps) for _ in range(repeat)]
        for same in zip(*repeated, strict=True):
            first, shares = same[0], [round(one.share, 4) for one in same]
            ms = round(statistics.median(one.cached_ms for one in same), 1)
            crops = f"{first.batch} x {first.patch}"
            rows.append({"network": f"{name}-{base.size}", "crops": crops, "ms": ms,
                         "shares": shares})  # fmt: skip
            text = " ".join(f"{share:+.1%}" for share in shares)
            print(f"{name:<22}{crops:<10}{ms:>9.1f} ms  waiting {text}", flush=True)
    return rows


def waits(rows: Sequence[Json]) -> bool:
    """Whether a training waits for its data, in the median of a stage's repetitions."""
    return any(statistics.median(row["shares"]) >= WAITING for row in rows)


def table(found: Json) -> str:
    """What each stage of the pipeline gives, or the share of a step that waits for data."""
    return _table_of_waiting(found) if "steps" in found else _table_of_stages(found)


def _table_of_stages(found: Json) -> str:
    """What each stage of the pipeline gives."""
    slow = found["rows"][-1]["per_second"]
    cells = []
    for row in found["rows"]:
        ratios = [rate / one for rate, one in zip(row["per_second"], slow, strict=True)]
        shown = f"{min(ratios):.1f}x to {max(ratios):.1f}x" if row["unit"] == "crops" else ""
        median = statistics.median(row["per_second"])
        cells.append([row["name"], row["unit"], f"{median:.0f}", shown])
    header = ["stage", "of", "a second", "of the generator"]
    return (
        f"{markdown(header, cells, 2)}\nCrops of {found['patch']} pixels, {found['batch']} a step, "
        f"from `{found['data']}`; medians of {len(slow)} repetitions of {found['rounds']} "
        f"alternating rounds, on {wording.machine(found['host'])}.\n"
    )


def _table_of_waiting(found: Json) -> str:
    """The share of a step that waits for data."""
    cells = [
        [f"`{row['network']}`", row["crops"], f"{row['ms']:.0f}",
         f"{statistics.median(row['shares']):+.1%}",
         f"{min(row['shares']):+.1%} to {max(row['shares']):+.1%}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["network", "crops of a step", "ms a step", "waiting", "least and most"]
    count = len(found["rows"][0]["shares"])
    return (
        f"{markdown(header, cells, 2)}\n`{found['data']}`; {count} repetitions of "
        f"{found['rounds']} alternating rounds of {found['steps']} steps, on "
        f"{wording.machine(found['host'])}. Below 0 is noise.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("what", choices=("stages", "waiting"))
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--data", required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="of waiting, in a round")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a stage, in a round")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--json", type=Path)
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    head = {"schema": 1, "data": Path(options.data).name, "host": host.describe(),
            "rounds": options.rounds}  # fmt: skip
    found: dict[str, Any]
    if options.what == "stages":
        rows = stages(options.data, options.rounds, options.seconds, options.repeat)
        found = head | {"patch": PATCH, "batch": BATCH, "seconds": options.seconds, "rows": rows}
        enough = slowest(rows) >= FASTER
        print(f"at least {slowest(rows):.1f}x the generator, wanted {FASTER:g}x")
    else:
        names = options.models or config.available()
        rows = waiting(names, options.settings, options.data, options.rounds, options.steps,
                       options.repeat)  # fmt: skip
        found = head | {"steps": options.steps, "rows": rows}
        shares = [share for row in rows for share in row["shares"]]
        below = sum(share < WAITING for share in shares)
        enough = not waits(rows)
        print(f"below {WAITING:.0%} in {below} of {len(shares)} measurements")
    if options.json:
        write(options.json, found)
    return 0 if enough else 1
