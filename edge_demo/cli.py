"""What every command line here does alike: errors, exit codes, Ctrl-C, progress, cores."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TextIO

from .errors import UserError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line (the usage stays behind ``--help``)."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with exit code 2."""
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def run(
    parser: argparse.ArgumentParser,
    main: Callable[[argparse.Namespace], int | None],
    arguments: Sequence[str] | None,
) -> int:
    """Parse and run; the exit code: 0, 1 (a check failed), 2 (a user's mistake), 130 (Ctrl-C)."""
    options = parser.parse_args(arguments)
    try:
        return main(options) or 0
    except UserError as error:
        print(f"{parser.prog}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0


def duration(seconds: float) -> str:
    """Seconds for a reader: ``42 s``, ``3 min 20 s``, ``1 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def parse_size(text: str, example: str) -> tuple[int, int]:
    """What ``--size`` wants, ``640x480`` as (width, height).

    Raises:
        UserError: another text; an example is told.
    """
    width, separator, height = text.lower().partition("x")
    if not (separator and width.isdecimal() and height.isdecimal()):
        raise UserError(f"--size wants WIDTHxHEIGHT in pixels, such as {example}, not {text!r}")
    return int(width), int(height)


def remaining(seconds: float, done: int, total: int) -> str:
    """For a reader, how long the rest takes if it goes on as so far.

    Args:
        seconds: that ``done`` of them took.
        done, total: how many; above 0.
    """
    return duration(max(0, total - done) * seconds / done)


def moving(text: str, last: bool = False, stream: TextIO | None = None) -> None:
    """A line of progress in the place of the one before, on standard output if not said."""
    print(f"\r{text}", end="\n" if last else "", file=stream, flush=True)


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
