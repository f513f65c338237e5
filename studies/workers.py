"""Measures whether several workers train like one: the same fit by one process and by several.

    python -m studies workers [MODEL] [--data SOURCE] [--workers 2] [--set key=value ...]
        [--json FILE]

starts the workers on this machine, each at a port of its own, and prints each epoch's loss beside
one worker's and their ratio; by default for what ``make demo`` trains. The batch is the same: each
worker computes its part of it. ``--json`` writes what docs/scale.md shows
(docs/results/curves.workers.json).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge_demo import cli
from keras_models import runs

from . import curves
from .command import ROOT, command_line, write

ALIKE = 0.01


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens at just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def start(fit: Sequence[str], count: int) -> list[subprocess.Popen[str]]:
    """One ``python -m training`` a worker, with TF_CONFIG set; the first is the chief."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    command = [sys.executable, "-m", "training", *fit, "--strategy", "multiworker"]
    workers = []
    for index in range(count):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task)}
        workers.append(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
    return workers


def finish(workers: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, standard output and standard error of each worker."""
    found = []
    for worker in workers:
        said, complained = worker.communicate()
        found.append((worker.returncode, said, complained))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("model", nargs="?", default="chroma_residual")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--json", type=Path)
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    settings = options.settings or curves.DEMO
    words = [word for setting in settings for word in ("--set", setting)]
    with tempfile.TemporaryDirectory() as scratch:
        one, several = Path(scratch) / "one", Path(scratch) / "several"
        fit = ["fit", options.model, "--data", options.data, *words, "--out"]
        subprocess.run([sys.executable, "-m", "training", *fit, str(one)], cwd=ROOT, check=True,
                       stdout=sys.stderr)  # fmt: skip
        for code, said, complained in finish(start([*fit, str(several)], options.workers)):
            if code:
                print(f"{said}{complained}a worker failed with exit code {code}", file=sys.stderr)
                return 1
        histories = {"one worker": runs.history(one),
                     f"{options.workers} workers": runs.history(several)}  # fmt: skip
    if options.json:
        write(options.json, curves.document(options, settings, histories))
    worst = curves.apart(histories)
    last = {name: rows[-1]["loss"] for name, rows in histories.items()}
    print(curves.text(histories))
    print(f"farthest from each other: {worst:.2%}, allowed {ALIKE:.0%}; last {last}")
    return 0 if worst <= ALIKE else 1
