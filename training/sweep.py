"""``python -m training sweep``: a fit for every combination of settings, one after the other."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_demo.errors import UserError

from . import config

# Longest name of a run's folder.
_NAME = 100


def combinations(settings: Sequence[str]) -> list[tuple[str, ...]]:
    """Every combination of ``key=value`` texts in which a key may come several times.

    Args:
        settings: as given; a key that comes twice or more is varied.

    Returns:
        Lists of settings in which each key comes once; the first varied key changes slowest.

    Raises:
        UserError: nothing is varied, or the same setting comes twice.
    """
    values: dict[str, list[str]] = {}
    for setting in settings:
        values.setdefault(setting.partition("=")[0], []).append(setting)
    if twice := [one for given in values.values() for one in given if given.count(one) > 1]:
        raise UserError(f"--set {twice[0]} is given twice")
    if all(len(given) == 1 for given in values.values()):
        raise UserError("nothing to sweep: give a key twice or more, --set batch=8 --set batch=16")
    return list(itertools.product(*values.values()))


def folder_name(settings: Sequence[str], varied: Sequence[str]) -> str:
    """A run's folder: the settings that vary, in letters that every file system takes."""
    shown = [setting for setting in settings if setting.partition("=")[0] in varied]
    return re.sub(r"[^\w.=+-]+", "_", ",".join(shown).replace(",", "+"))[:_NAME]


def _in_a_process(arguments: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", "training", "fit", *arguments]).returncode


def sweep(
    model: str,
    data: str,
    val: str | None,
    out: Path,
    settings: Sequence[str],
    run: Callable[[Sequence[str]], int] = _in_a_process,
) -> list[str]:
    """Fit every combination. The same call again goes on where it was stopped.

    All combinations are checked before the first is fitted. A fit that fails is named, and the
    others go on.

    Args:
        model, data, val: as for ``fit``.
        out: the folder of the runs.
        settings: as for ``fit``; a key given several times is varied.
        run: runs ``fit`` with arguments and gives its exit code; by default in a process of its
            own, whose memory is its own.

    Returns:
        Names of the runs that failed.

    Raises:
        UserError: as ``combinations``; a setting that makes no sense; two runs of one name.
        KeyboardInterrupt: stopped; every run can be resumed.
    """
    fits = combinations(settings)
    base = config.load(model)
    keys = [setting.partition("=")[0] for setting in settings]
    varied = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]
    names = [folder_name(one, varied) for one in fits]
    if len(set(names)) < len(names):
        raise UserError("--set: values so alike that their runs would share a folder")
    for one in fits:
        config.override(base, one)
    failed = []
    for index, (one, name) in enumerate(zip(fits, names, strict=True), 1):
        print(f"\n{index} of {len(fits)}: {out / name}", flush=True)
        arguments = [model, "--data", data, "--out", str(out / name)]
        arguments += ["--val", val] if val else []
        arguments += [part for setting in one for part in ("--set", setting)]
        code = run(arguments)
        if code == 130:
            raise KeyboardInterrupt
        if code:
            print(f"failed with exit code {code}: {shlex.join(arguments)}", file=sys.stderr)
            failed.append(name)
    return failed
