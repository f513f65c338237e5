"""Measures whether a run that is killed again and again ends like one that was left alone.

    python -m studies resume MODEL --data SOURCE [--kills 5] [--set key=value ...]

fits MODEL twice under one seed: once undisturbed, and once in processes that are killed (SIGKILL)
at random moments, each resuming where the last one had saved. It prints at which epoch each was
killed, and whether the weights of both models are the same to the last bit.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from edge_demo import cli

from .command import ROOT, command_line

EPOCH = re.compile(r"epoch (\d+)/(\d+) ")


def killed(fit: Sequence[str], rng: random.Random) -> int | None:
    """Start a fit and kill it at a random moment after one of its epochs.

    Args:
        fit: arguments of ``python -m training``.
        rng: chooses the moment, within about an epoch after the end of the first one seen.

    Returns:
        The last epoch that it told of; None where it finished before.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *fit], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    seen: list[float] = []
    # Two epochs tell how long one takes: the first of a process compiles, too.
    for line in process.stdout:
        if EPOCH.match(line):
            seen.append(time.monotonic())
        if len(seen) == 2:
            time.sleep(rng.uniform(0.0, 1.5) * (seen[1] - seen[0]))
            process.kill()
            seen.clear()
            break
    rest = process.stdout.read()
    process.wait()
    if process.returncode != -signal.SIGKILL:
        assert process.returncode == 0, f"fit failed with exit code {process.returncode}"
        return None
    told = EPOCH.findall(line + rest)
    return int(told[-1][0])


def killed_often(fit: Sequence[str], kills: int, rng: random.Random) -> list[int]:
    """Kill a fit several times, then let it finish; after which epochs it was killed."""
    after: list[int] = []
    for _ in range(kills):
        epoch = killed(fit, rng)
        if epoch is None:
            return after
        after.append(epoch)
    subprocess.run([sys.executable, "-m", "training", *fit], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return after


def same(one: Path, other: Path) -> bool:
    """Whether the models of two runs have the same weights to the last bit."""
    import numpy as np

    from keras_models import runs

    pairs = zip(*(runs.load_model(run).get_weights() for run in (one, other)), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    settings = [word for setting in options.settings for word in ("--set", setting)]
    with tempfile.TemporaryDirectory() as scratch:
        left, disturbed = Path(scratch) / "left", Path(scratch) / "disturbed"
        fit = ["fit", options.model, "--data", options.data, *settings, "--out"]
        subprocess.run([sys.executable, "-m", "training", *fit, str(left)], cwd=ROOT, check=True)
        rng = random.Random(options.seed)
        after = killed_often([*fit, str(disturbed)], options.kills, rng)
        identical = same(left, disturbed)
    print(f"killed {len(after)} times, after epochs {', '.join(map(str, after))}")
    print(f"weights are {'the same to the last bit' if identical else 'DIFFERENT'}")
    return 0 if identical and after else 1
