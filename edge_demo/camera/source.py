"""Where live pictures come from: a camera through V4L2 or picamera2, or a video file in its place.

A file's frames are its decoder's own planes. A camera's arrive as BGR, whatever it sent; their
chroma is brought to 4:2:0 again for models of chroma, since most cameras sent no more.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.siting import downsample
from ..colour.ycbcr import rgb_to_ycbcr, round_to_uint8
from ..device.frames import Frame
from ..errors import UserError
from ..quiet import quiet_stderr
from ..video.coding import RESTORED
from ..video.reader import Decoded, Reader

PICAMERA = "picamera"
USUAL_SIZE = 640, 480
_USUAL_RATE = 30
# Reads in a row that fail before a camera counts as gone.
_GIVE_UP = 10


@dataclass(frozen=True)
class Shot:
    """A picture and its time.

    Attributes:
        frame: for a restorer.
        at: seconds since the first.
    """

    frame: Frame = field(repr=False)
    at: float


@dataclass(frozen=True)
class Source:
    """An open source.

    Attributes:
        name: for messages.
        size: (H, W).
        rate: frames per second, as far as it tells.
        shots: its pictures: of a camera the newest each time, without end; of a file each, once.
        live: whether pictures that nobody takes are lost.
    """

    name: str
    size: tuple[int, int]
    rate: Fraction
    shots: Callable[[], Iterator[Shot]]
    live: bool


@contextmanager
def opened(wanted: str | None, size: tuple[int, int] | None, subsampled: bool) -> Iterator[Source]:
    """A camera or file, closed at the end.

    Args:
        wanted: ``picamera``, a number or ``/dev/video...`` of V4L2, or a video file; None: the
            Raspberry Pi's camera where picamera2 is installed, else ``/dev/video0``.
        size: width and height to ask a camera for.
        subsampled: whether the model restores 4:2:0 chroma.

    Raises:
        UserError: no such camera or file, or a file's frames have nothing to restore.
    """
    if wanted is None:
        wanted = PICAMERA if importlib.util.find_spec("picamera2") else "/dev/video0"
    if wanted == PICAMERA:
        with _picamera(size or USUAL_SIZE, subsampled) as source:
            yield source
    elif re.fullmatch(r"\d+|/dev/\w+", wanted):
        with _v4l2(wanted, size or USUAL_SIZE, subsampled) as source:
            yield source
    else:
        if size is not None:
            raise UserError("--size is of a camera; a file has its own")
        with Reader(Path(wanted)) as reader:
            if subsampled and reader.coding.subsampling not in RESTORED:
                raise UserError(
                    f"{wanted}: is not {' or '.join(RESTORED)}, so there is no chroma to "
                    "reconstruct"
                )
            yield Source(
                wanted, reader.size, reader.rate, lambda: _decoded(reader), live=False
            )  # fmt: skip


def _decoded(reader: Reader) -> Iterator[Shot]:
    first: int | None = None
    for item in reader.items():
        if isinstance(item, Decoded):
            first = item.pts if first is None else first
            yield Shot(item.frame(), float((item.pts - first) * reader.time_base))


@contextmanager
def _v4l2(device: str, size: tuple[int, int], subsampled: bool) -> Iterator[Source]:
    found = re.fullmatch(r"(?:/dev/video)?(\d+)", device)
    with quiet_stderr():  # OpenCV complains at length
        capture: Any = cv2.VideoCapture(int(found[1]) if found else device, cv2.CAP_V4L2)
    try:
        if not capture.isOpened():
            raise UserError(
                f"{device}: no camera answers there; is it plugged in, free, and may this user "
                "read it (group video)?"
            )
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, not the oldest
        height, width = (
            int(capture.get(which))
            for which in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)
        )
        rate = capture.get(cv2.CAP_PROP_FPS)

        def read() -> NDArray[np.uint8]:
            for _ in range(_GIVE_UP):
                done, bgr = capture.read()
                if done:
                    return np.asarray(bgr, np.uint8)
            raise UserError(f"{device}: the camera gives no pictures any more")

        yield Source(
            device, (height, width), _rate(rate), lambda: _taken(read, subsampled), live=True
        )  # fmt: skip
    finally:
        capture.release()


@contextmanager
def _picamera(size: tuple[int, int], subsampled: bool) -> Iterator[Source]:
    try:
        picamera2: Any = importlib.import_module("picamera2")
        camera = picamera2.Picamera2()
    except ImportError:
        raise UserError(
            "picamera2 is not installed (sudo apt install python3-picamera2, in an environment "
            "made with --system-site-packages)"
        ) from None
    except (IndexError, RuntimeError) as error:
        raise UserError(f"{PICAMERA}: no camera answers ({error})") from None
    try:
        # Its "RGB888" is B, G, R in memory, as OpenCV has it.
        main = {"size": size, "format": "RGB888"}
        camera.configure(camera.create_video_configuration(main=main))
        camera.start()
        yield Source(
            PICAMERA, size[::-1], Fraction(_USUAL_RATE),
            lambda: _taken(lambda: camera.capture_array("main"), subsampled), live=True,
        )  # fmt: skip
    finally:
        camera.close()


def _rate(value: float) -> Fraction:
    usable = np.isfinite(value) and 1 <= value <= 1000
    return Fraction(value).limit_denominator(1001) if usable else Fraction(_USUAL_RATE)


def _taken(read: Callable[[], NDArray[np.uint8]], subsampled: bool) -> Iterator[Shot]:
    began = time.monotonic()
    while True:
        bgr = read()
        yield Shot(frame_of(bgr, subsampled), time.monotonic() - began)


def frame_of(bgr: NDArray[np.uint8], subsampled: bool) -> Frame:
    """A picture (H, W, 3), B, G, R, as a frame; with chroma of 4:2:0 where that is wanted."""
    ycbcr = rgb_to_ycbcr(np.ascontiguousarray(bgr[..., ::-1]))
    chroma = ycbcr[..., 1:]
    if subsampled:
        chroma = round_to_uint8(downsample(chroma, "center")).astype(np.float32)
    return Frame(round_to_uint8(ycbcr[..., 0]), chroma, "center", "bt601")
