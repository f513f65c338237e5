"""Measures whether TensorFlow and JAX train alike: one fit under each, from the same weights.

From the repository's root, in an environment that has requirements-jax.txt, too::

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_demo.measure import results

from .command import ROOT, command_line

BACKENDS = ("tensorflow", "jax")
ALIKE = 0.02
DEMO = ("steps=2500", "epoch_steps=250", "picture_every=4", "ema=0.99")


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


def curves(
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


def compared(found: Mapping[str, Sequence[Mapping[str, float]]]) -> tuple[str, float]:
    """A table of the losses of two runs for each epoch, and how far the farthest ratio is from 1.

    Args:
        found: name to history, of the two.
    """
    (name, first), (other_name, second) = found.items()
    kinds = [kind for kind in ("loss", "val_loss") if kind in first[0]]
    heads = (f"{kind:>10} {name:>10} {other_name:>10} {'ratio':>7}" for kind in kinds)
    lines, worst = ["epoch" + "".join(heads)], 0.0
    for one, other in zip(first, second, strict=True):
        line = f"{one['epoch']:>5.0f}"
        for kind in kinds:
            ratio = other[kind] / one[kind]
            worst = max(worst, abs(ratio - 1.0))
            line += f"{'':>10} {one[kind]:>10.4f} {other[kind]:>10.4f} {ratio:>7.4f}"
        lines.append(line)
    return "\n".join(lines), worst


def document(
    options: argparse.Namespace, settings: Sequence[str], found: Mapping[str, Any]
) -> dict[str, Any]:
    """What ``--json`` writes; ``found`` is name to history."""
    return {"schema": 1, "model": options.model, "data": options.data, "settings": list(settings),
            "histories": dict(found)}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("model", nargs="?", default="chroma_residual")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    settings = options.settings or DEMO
    with tempfile.TemporaryDirectory() as scratch:
        found = curves([options.model, "--data", options.data], settings, Path(scratch))
    if options.json:
        results.write_json(options.json, document(options, settings, found), True)
    table, worst = compared(found)
    print(f"{table}\nfarthest from each other: {worst:.2%}, allowed {ALIKE:.0%}")
    return 0 if worst <= ALIKE else 1
