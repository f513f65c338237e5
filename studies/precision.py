"""Measures what bfloat16 and XLA are worth: a step of each model with and without either.

    python -m studies precision [MODEL ...] [--data SOURCE] [--set key=value ...]
        [--json FILE]

times steps on one batch that is already there, in rounds that alternate between the four ways, so
that a noisy machine disturbs all alike; by default for every model that has a config, as it is
configured. Of a model that is trained in stages it is the first. ``--json`` writes what
docs/scale.md shows (docs/results/precision.json).
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

import keras_models
from edge_demo import cli
from edge_demo.benchmark import host
from edge_demo.report.tables import markdown
from training import config, feeds
from training.bench import step_ms
from training.fit import compiled, split
from training.precision import BFLOAT16, FLOAT32

from . import wording
from .command import command_line, write
from .wording import Json

WAYS = tuple((one, jit) for one in (FLOAT32, BFLOAT16) for jit in ("off", "on"))


def measure(base: config.FitConfig, data: str, rounds: int, steps: int) -> dict[str, Any]:
    """Milliseconds of a step of a config, in each way.

    Returns:
        ``model`` and ``size``; ``patch`` and ``batch``; and ``ways``: for each its ``precision``,
        its ``jit_compile``, the median ``ms`` of a step, and the ``seconds`` until the first round
        had run, most of it compiling.
    """
    train, held_out = split(data, None)
    feed = feeds.prepare(base, train, held_out)
    task = keras_models.task(base.model, base.size)
    prior = feed.prior() if feed.prior else None
    batch = tf.data.Dataset.from_tensors(next(iter(feed.batches(0, 1)))).repeat()
    models, seconds = [], []
    for precision, jit in WAYS:
        changed = dataclasses.replace(base, precision=precision, jit_compile=jit)
        began = time.monotonic()
        models.append(compiled(changed, task, None, prior))
        step_ms(models[-1], batch, 1, 1)
        seconds.append(time.monotonic() - began)
    times: list[list[float]] = [[] for _ in WAYS]
    for _ in range(rounds):
        for own, model in zip(times, models, strict=True):
            own.append(step_ms(model, batch, steps, 1))
    stage = config.plan(base)[0]
    ways = [
        {"precision": precision, "jit_compile": jit, "ms": round(statistics.median(own), 1),
         "seconds": round(one, 1)}
        for (precision, jit), own, one in zip(WAYS, times, seconds, strict=True)
    ]  # fmt: skip
    return {"model": base.model, "size": base.size, "patch": stage.patch, "batch": stage.batch,
            "ways": ways}  # fmt: skip


def table(found: Json) -> str:
    """A step in each precision, with and without XLA."""
    ways = [(way["precision"], way["jit_compile"]) for way in found["rows"][0]["ways"]]
    cells = [
        [f"`{row['model']}-{row['size']}`", f"{row['batch']} x {row['patch']}",
         *(f"{way['ms']:.0f}" for way in row["ways"])]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["network", "crops of a step"]
    header += [f"{kind}{', XLA' if jit == 'on' else ''}, ms" for kind, jit in ways]
    return (
        f"{markdown(header, cells, 2)}\nMedians of {found['rounds']} alternating rounds of "
        f"{found['steps']} steps on one batch, on {wording.machine(found['host'])}.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--json", type=Path)
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    rows = []
    for name in options.models or config.available():
        base = config.override(config.load(name), options.settings)
        rows.append(measure(base, options.data, options.rounds, options.steps))
        for way in rows[-1]["ways"]:
            print(
                f"{name}-{base.size}  {way['precision']:<16} jit {way['jit_compile']:<4}"
                f"{way['ms']:>9.1f} ms  compiled in {way['seconds']:.0f} s",
                flush=True,
            )
    if options.json:
        found = {"schema": 1, "data": options.data, "rounds": options.rounds,
                 "steps": options.steps, "host": host.describe(), "rows": rows}  # fmt: skip
        write(options.json, found)
