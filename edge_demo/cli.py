"""What every command line here does alike: errors, exit codes, Ctrl-C, progress, cores."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

from .errors import UserError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line (the usage stays behind ``--help``).

    Attributes:
        fill: adds its arguments when they are first needed, so that no command loads what another
            one is made of; None of a parser that has them.
    """

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As ever, once the arguments are there."""
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)
        return super().parse_known_args(args, namespace)

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
    for stream in (sys.stdout, sys.stderr):
        # A file's name need not be text: what cannot be printed is escaped, and the work goes on.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return main(parser.parse_args(arguments)) or 0
    except UserError as error:
        return _mistake(parser, str(error))
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:
        # Whatever the system refuses of a file, it is nothing that a program could mend.
        if error.filename is None:
            raise
        return _mistake(parser, f"{os.fsdecode(error.filename)}: {error.strerror}")


def _mistake(parser: argparse.ArgumentParser, text: str) -> int:
    print(f"{parser.prog}: {' '.join(text.split())}", file=sys.stderr)
    return 2


def program() -> str:
    """How this program was called, for lines that say what to type next."""
    name = Path(sys.argv[0]).name
    return name if name == "chromaedge" else "python -m edge_demo"


def quoted(value: object) -> str:
    """A path or another word as a shell takes it, for lines that say what to type next."""
    return shlex.quote(str(value))


@contextmanager
def killable() -> Iterator[None]:
    """A kill (SIGTERM) ends as Ctrl-C does, so that nothing half-written stays behind."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before: Any = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
