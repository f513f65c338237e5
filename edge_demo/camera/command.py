"""``python -m edge_demo camera``: live enhancement on a screen and into a file."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import cv2
import numpy as np

from .. import cli
from ..colour.ycbcr import rgb_to_ycbcr, round_to_uint8
from ..device import restorers, temporal
from ..errors import UserError
from ..video.writer import CODECS, CRF, Plain, Target, Writer, target
from .live import Live, Picture
from .source import Source, opened

# Fast enough to be live.
MODEL = "enhance_zerodce-lite.r2"
# What is written should not slow down what is shown.
_CODEC, _CRF = "h264", 20
_TITLE = "ChromaEdge (q ends)"
_QUIT = (ord("q"), 27)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``camera``."""
    parser.add_argument("--camera", metavar="DEVICE|FILE",
                        help="picamera, a number or /dev/video... of V4L2, or a video file in its "
                        "place; default: the Raspberry Pi's camera where picamera2 is installed, "
                        "else /dev/video0")  # fmt: skip
    parser.add_argument("--model", metavar="NAME|FILE", default=MODEL,
                        help=f"its task decides what is done; default: {MODEL}")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE",
                        help="record into a .mkv, .mp4 or .mov, until Ctrl-C")  # fmt: skip
    parser.add_argument("--size", metavar="WIDTHxHEIGHT", help="to ask the camera for")
    parser.add_argument("--seconds", type=float, help="stop after so many; default: never")
    parser.add_argument("--strength", type=float, default=1.0, metavar="0..1",
                        help="how far a dark picture is brightened, how much colour a grey one "
                        "gets; default: 1")  # fmt: skip
    parser.add_argument("--temporal", type=float, default=temporal.STRENGTH, metavar="0..1",
                        help="how far it is held steady over time; "
                        f"default: {temporal.STRENGTH:g}")  # fmt: skip
    parser.add_argument("--codec", default=_CODEC, metavar="|".join(CODECS),
                        help=f"of the file; default: {_CODEC}")  # fmt: skip
    parser.add_argument("--crf", type=int, default=_CRF, metavar=f"{CRF[0]}..{CRF[-1]}",
                        help=f"how good the file is; default: {_CRF}")  # fmt: skip
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--overwrite", action="store_true")


def run(options: argparse.Namespace) -> int:
    """Show and record until Ctrl-C, the end of a file, or ``--seconds``; the exit code.

    Raises:
        UserError: no camera, options out of range, or nowhere to show or record.
    """
    for name in ("strength", "temporal"):
        if not 0.0 <= getattr(options, name) <= 1.0:
            raise UserError(f"--{name} is from 0 to 1, not {getattr(options, name):g}")
    if options.seconds is not None and not options.seconds > 0:
        raise UserError(f"--seconds is more than 0, not {options.seconds:g}")
    size = cli.parse_size(options.size, "640x480") if options.size else None
    wanted = None
    if options.out is not None:
        crf = None if options.codec == "ffv1" else options.crf
        wanted = target(options.out, options.codec, crf, options.overwrite)
    show = _window()
    if show is None and wanted is None:
        raise UserError(
            "there is no screen to show pictures on (or OpenCV without windows is installed): "
            "record with --out FILE, or watch in a browser with 'serve --camera'"
        )
    restorer = restorers.load(options.model, options.threads)
    if "strength" in restorer.options:
        restorer = restorer.with_options(strength=options.strength)
    live = Live(restorer, options.temporal)
    with opened(options.camera, size, restorer.subsampled) as source:
        count, seconds = _watch(source, live, wanted, show, options)
    rate = count / seconds if seconds else 0.0
    where = f"wrote {options.out}" if wanted else "shown"
    height, width = source.size
    print(
        f"{where} ({width}x{height}, {count} frames, {restorer.name}; "
        f"{cli.duration(seconds)}, {rate:.1f} frames per second)"
    )
    return 0


def _watch(
    source: Source,
    live: Live,
    wanted: Target | None,
    show: Callable[[Picture], bool] | None,
    options: argparse.Namespace,
) -> tuple[int, float]:
    """Restore, show and record; the pictures and the seconds that it took."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        stopping = stack.enter_context(_until_stopped())
        write = None
        if wanted is not None:
            write = stack.enter_context(_recording(wanted, source, options.threads))
            print(f"recording {wanted.path} (Ctrl-C ends)", file=sys.stderr, flush=True)
        for shot in source.shots():
            picture = live(shot)
            if write is not None:
                write(picture, shot.at)
            if show is not None and not show(picture):
                break
            over = options.seconds is not None and shot.at >= options.seconds
            if over or stopping.is_set():
                break
    return live.frames, time.monotonic() - began


@contextlib.contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """What Ctrl-C and a kill set, so that a picture that is being written is written whole."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _recording(
    wanted: Target, source: Source, threads: int
) -> Iterator[Callable[[Picture, float], None]]:
    """What takes pictures, B, G, R, and their times in seconds, into a file."""
    plain = Plain(wanted.path, source.size, source.rate)
    with Writer(wanted, plain, threads) as writer:
        last = -1

        def write(picture: Picture, at: float) -> None:
            nonlocal last
            last = max(last + 1, round(at / plain.time_base))
            ycbcr = round_to_uint8(rgb_to_ycbcr(np.ascontiguousarray(picture[..., ::-1])))
            writer.write(plain.timed(last), ycbcr[..., 0], ycbcr[..., 1:])

        yield write


def _window() -> Callable[[Picture], bool] | None:
    """What shows a picture and tells whether to go on; None where nothing can be shown."""
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    ):
        return None
    gui: Any = cv2
    try:
        gui.namedWindow(_TITLE, cv2.WINDOW_NORMAL)
    except cv2.error:
        return None

    def show(picture: Picture) -> bool:
        gui.imshow(_TITLE, picture)
        key = gui.waitKey(1) & 0xFF
        return key not in _QUIT and gui.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1

    return show
