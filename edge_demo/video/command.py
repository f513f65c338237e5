"""The part of ``python -m edge_demo run`` that is about video."""

from __future__ import annotations

import argparse
import sys
import time

from .. import cli
from ..device import temporal
from ..device.restorer import Restorer
from ..errors import UserError
from ..files import check_other
from .restore import Progress, Stopped, restore_video
from .writer import target

# Seconds between signs of life on a terminal, and in a log.
_TERMINAL, _LOG = 0.5, 30.0
_BAR = 24
_WIDTH = 78  # covers what a longer line left


def run(options: argparse.Namespace, restorer: Restorer) -> int:
    """Restore a video as the user wants it; the exit code.

    Raises:
        UserError: as ``restore_video`` and ``writer.target``, or options out of range.
    """
    if options.resample:
        raise UserError("--resample is of pictures; of videos, full chroma is left as it is")
    if options.hints:
        raise UserError("--hints are of pictures: in a video their places move")
    if options.reference or options.render_size:
        raise UserError("--reference and --render-size are of pictures, not of videos")
    smoothing = temporal.STRENGTH if options.temporal is None else options.temporal
    if not 0.0 <= smoothing <= 1.0:
        raise UserError(f"--temporal is from 0 (each frame by itself) to 1, not {smoothing:g}")
    if not options.input.is_file():
        raise UserError(f"{options.input}: no such file")
    check_other(options.input, options.output)
    wanted = target(options.output, options.codec, options.crf, options.overwrite)
    began = time.perf_counter()
    shown = _Shown()
    try:
        done = restore_video(
            options.input, wanted, restorer,
            smoothing=smoothing,
            threads=options.threads,
            progress=shown,
        )  # fmt: skip
    except Stopped as stopped:
        shown.end()
        state = stopped.progress
        of = f" of {state.total}" if state.total else ""
        print(
            f"stopped after {state.frames}{of} frames, at {cli.duration(state.at)} of the video; "
            f"{options.output} was not written",
            file=sys.stderr,
        )
        raise
    shown.end()
    seconds = time.perf_counter() - began
    height, width = done.size
    loss = "lossless" if wanted.crf is None else f"CRF {wanted.crf}"
    notes = "".join(f"\nnote: {note}" for note in done.notes)
    print(
        f"wrote {options.output} ({width}x{height}, {done.counts.frames} frames, {wanted.codec} "
        f"{loss}, {restorer.name}; {cli.duration(seconds)}, "
        f"{done.counts.frames / seconds:.1f} frames per second){notes}"
    )
    return 0


class _Shown:
    """Progress on standard error: one line that moves, or in a log a line now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._next = time.perf_counter() + (_TERMINAL if self._terminal else _LOG)
        self._open = False

    def __call__(self, state: Progress) -> None:
        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + (_TERMINAL if self._terminal else _LOG)
        self._open = self._terminal
        if self._terminal:
            cli.moving(f"{line(state):<{_WIDTH}}", stream=sys.stderr)
        else:
            print(line(state), file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line that moves."""
        if self._open:
            print(file=sys.stderr)
        self._open = False


def line(state: Progress) -> str:
    """Progress in words: a bar where the end is known, frames, speed and time to go."""
    rate = f"{state.rate:.1f} frames per second"
    if state.total is None or state.left is None:
        return f"{state.frames} frames, {rate}"
    full = min(_BAR, _BAR * state.frames // max(1, state.total))
    bar = "#" * full + "." * (_BAR - full)
    return f"[{bar}] {state.frames}/{state.total}, {rate}, {cli.duration(state.left)} left"
