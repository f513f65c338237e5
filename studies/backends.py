"""Measures whether TensorFlow and JAX train alike: one fit under each, from the same weights.

In an environment that has requirements-jax.txt, too::

    python -m studies backends [MODEL] [--data SOURCE] [--set key=value ...] [--json FILE]

prints each epoch's loss under both and their ratio; by default for what ``make demo`` trains. The
batches are the same by themselves. The first weights are not, because each backend draws its own,
so both start from those of a fit of one tiny step. ``--json`` writes what docs/scale.md shows
(docs/results/curves.backends.json).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge_demo import cli

from . import curves
from .command import ROOT, command_line, write

BACKENDS = ("tensorflow", "jax")
ALIKE = 0.02


def fit(backend: str, arguments: Sequence[str], settings: Sequence[str], out: Path) -> None:
    """One ``python -m training fit`` under a backend.

    Raises:
        RuntimeError: it failed; its own words are on standard error.
    """
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "training", "fit", *arguments, *words, "--out", str(out)]
    environment = os.environ | {"KERAS_BACKEND": backend}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr)
    if done.returncode:
        raise RuntimeError(f"fit under {backend} failed with exit code {done.returncode}")


def measure(
    arguments: Sequence[str], settings: Sequence[str], folder: Path
) -> dict[str, list[dict[str, float]]]:
    """The history of the same fit under each backend, from the same first weights.

    Args:
        arguments: of ``fit``: model and data.
        settings: of ``--set``.
        folder: an existing one to train in.
    """
    from keras_models import runs

    start = folder / "start"
    once = ("steps=1", "learning_rate=1e-9", "ema=0.0")
    fit("tensorflow", arguments, [*settings, *once], start)
    for backend in BACKENDS:
        fit(backend, arguments, [*settings, f"start_from={start}"], folder / backend)
    return {backend: runs.history(folder / backend) for backend in BACKENDS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("model", nargs="?", default="chroma_residual")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--json", type=Path)
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    settings = options.settings or curves.DEMO
    with tempfile.TemporaryDirectory() as scratch:
        found = measure([options.model, "--data", options.data], settings, Path(scratch))
    if options.json:
        write(options.json, curves.document(options, settings, found))
    worst = curves.apart(found)
    print(f"{curves.text(found)}\nfarthest from each other: {worst:.2%}, allowed {ALIKE:.0%}")
    return 0 if worst <= ALIKE else 1
