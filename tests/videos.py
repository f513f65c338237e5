"""Small videos, made of a photograph that comes with scikit-image: it pans and zooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

SIZE = (64, 96)
BASE = Fraction(1, 30000)
# Uneven on purpose: a variable frame rate.
TIMES = (0, 1001, 2002, 5005, 5505, 9000, 10001, 12000, 13100, 16000)


def moving(count: int, size: tuple[int, int] = SIZE) -> list[NDArray[np.uint8]]:
    """RGB frames of a camera that pans and zooms over a photograph."""
    import skimage.data

    photograph = skimage.data.astronaut()
    height, width = size
    frames = []
    for index in range(count):
        zoom = 1.0 + 0.01 * index
        place = np.array([[zoom, 0, -150 - 1.7 * index], [0, zoom, -90 - 0.6 * index]], np.float32)
        frames.append(np.asarray(cv2.warpAffine(photograph, place, (width, height)), np.uint8))
    return frames


def fill(frame: av.VideoFrame, planes: Sequence[NDArray[Any]]) -> None:
    for plane, values in zip(frame.planes, planes, strict=True):
        step = plane.line_size // values.dtype.itemsize
        lines = np.frombuffer(memoryview(plane), values.dtype).reshape(-1, step)
        lines[: values.shape[0], : values.shape[1]] = values


def planes_of(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """Y, Cb and Cr, by PyAV's own way where it has one."""
    out = []
    for plane in frame.planes:
        kind: Any = np.uint16 if "10" in frame.format.name else np.uint8
        lines = np.frombuffer(bytes(plane), kind)
        out.append(lines.reshape(plane.height, -1)[:, : plane.width].copy())
    return out


def stored(rgb: NDArray[np.uint8], pixels: str) -> list[NDArray[Any]]:
    """Some planes of a picture in a pixel format: limited range, whatever the matrix."""
    deep = "10" in pixels
    ycbcr = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb).astype(np.float32)[..., [0, 2, 1]]
    y = 16 + ycbcr[..., 0] * (219 / 255)
    chroma = 128 + (ycbcr[..., 1:] - 128) * (224 / 255)
    if "420" in pixels:
        odd = [(0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)]
        chroma = np.pad(chroma, odd, mode="edge")
        chroma = (chroma[0::2, 0::2] + chroma[1::2, 0::2]
                  + chroma[0::2, 1::2] + chroma[1::2, 1::2]) / 4  # fmt: skip
    if "422" in pixels:
        chroma = chroma[:, 0::2]
    times, kind = (4, np.uint16) if deep else (1, np.uint8)
    planes = [y] if "gray" in pixels else [y, chroma[..., 0], chroma[..., 1]]
    return [np.rint(one * times).astype(kind) for one in planes]


@dataclass(frozen=True)
class Clip:
    """A file and what it was made of.

    Attributes:
        path: the file.
        planes: of each frame Y, Cb, Cr.
        times: in ``BASE``.
    """

    path: Path
    planes: list[list[NDArray[Any]]]
    times: tuple[int, ...]


def make_clip(
    folder: Path,
    name: str = "in.mp4",
    count: int = 4,
    size: tuple[int, int] = SIZE,
    pixels: str = "yuv420p",
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    tags: tuple[int, int, int, int] = (1, 1, 1, 1),
    matrix: Sequence[int] | None = None,
    sound: str | None = None,
    rgb: Sequence[NDArray[np.uint8]] | None = None,
) -> Clip:
    """A video whose codec loses nothing."""
    path = folder / name
    pictures = list(rgb) if rgb is not None else moving(count, size)
    made = [stored(one, pixels) for one in pictures]
    lossless = {"libx264": {"qp": "0", "bf": "0"}}.get(codec, {})
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream(codec, rate=30, options={**lossless, **(options or {})})
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = pixels
        video.time_base = video.codec_context.time_base = BASE
        video.colorspace, video.color_primaries, video.color_trc, video.color_range = tags
        video.set_display_matrix(matrix)
        audio = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        for index, planes in enumerate(made):
            frame = av.VideoFrame(video.width, video.height, pixels)
            fill(frame, planes)
            frame.pts, frame.time_base = TIMES[index], BASE
            frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = tags
            out.mux(video.encode(frame))
        if audio:
            hum(out, audio)
        out.mux(video.encode(None))
    return Clip(path, made, TIMES[: len(made)])


def hum(out: Any, audio: Any) -> None:
    for index in range(12):
        sound = av.AudioFrame.from_ndarray(
            (np.sin(np.arange(1024) / (5 + index)) * 0.3).astype(np.float32)[None], "fltp", "mono"
        )
        sound.sample_rate, sound.pts, sound.time_base = 48000, index * 1024, Fraction(1, 48000)
        out.mux(audio.encode(sound))
    out.mux(audio.encode(None))


@dataclass(frozen=True)
class Content:
    """What a file holds, read by plain PyAV.

    Attributes:
        planes: of each frame Y, Cb, Cr.
        times: in seconds.
        pixels: name of the pixel format.
        codec: name of the decoder.
        tags: matrix, primaries, transfer, range.
        matrix: the display matrix, or None.
        sound: packets of the first audio stream: bytes.
    """

    planes: list[list[NDArray[Any]]]
    times: list[Fraction]
    pixels: str
    codec: str
    tags: tuple[int, int, int, int]
    matrix: list[int] | None
    sound: list[bytes]


def content(path: Path) -> Content:
    with av.open(str(path)) as source:
        video = source.streams.video[0]
        frames = list(source.decode(video))
        first: Any = frames[0]
        turned = first.side_data.get(Type.DISPLAYMATRIX)
        found = Content(
            [planes_of(frame) for frame in frames],
            [frame.pts * video.time_base for frame in frames],
            first.format.name,
            video.codec_context.name,
            (first.colorspace, first.color_primaries, first.color_trc, first.color_range),
            None if turned is None else [int(v) for v in np.frombuffer(bytes(turned), np.int32)],
            [],
        )
    with av.open(str(path)) as source:
        if source.streams.audio:
            found.sound.extend(bytes(p) for p in source.demux(audio=0) if p.dts is not None)
    return found
