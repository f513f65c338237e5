"""The pictures, videos and other files that the commands are given: made from photographs that
come with scikit-image, with Pillow and PyAV alone, so that nothing here depends on our own code.
"""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from export.made import shipped

Pixels = NDArray[np.uint8]

# Copies, because a float file is made, not shipped.
FLOAT_FILES = (
    "chroma_merged-s.r2.float32.tflite",
    "colorize_unet-lite0.r3.float32.tflite",
    "enhance_zerodce-lite.r2.float32.tflite",
)


def make(folder: Path) -> None:
    """Write every input into a new folder."""
    folder.mkdir(parents=True)
    for name in FLOAT_FILES:
        shutil.copy(shipped(name.removesuffix(".tflite")), folder / name)
    _jpegs(folder)
    _others(folder)
    _bad(folder)
    _texts(folder)
    _folders(folder)
    _videos(folder)


def _crop(name: str, top: int, left: int, height: int, width: int) -> Pixels:
    rgb: Pixels = getattr(skimage.data, name)()
    return np.ascontiguousarray(rgb[top : top + height, left : left + width, :3])


def _jpegs(folder: Path) -> None:
    astronaut = _crop("astronaut", 0, 100, 300, 261)
    chelsea = _crop("chelsea", 40, 100, 201, 232)
    coffee = _crop("coffee", 60, 150, 256, 319)

    def save(name: str, rgb: Pixels, **options: Any) -> None:
        Image.fromarray(rgb).save(folder / name, "JPEG", **{"subsampling": "4:2:0", **options})

    for quality in (12, 50, 75, 90, 98):
        save(f"q{quality}.jpg", astronaut, quality=quality)
    save("even.jpg", coffee[:, :318], quality=85)
    save("odd.jpg", chelsea, quality=85)
    save("progressive.jpg", chelsea, quality=80, progressive=True)
    save("large.jpg", np.asarray(Image.fromarray(coffee).resize((1250, 1003))), quality=80)
    for side in (1, 2, 3, 17):
        save(f"tiny{side}.jpg", np.ascontiguousarray(chelsea[100 : 100 + side, 60:77]), quality=80)
    save("full.jpg", chelsea, quality=85, subsampling="4:4:4")
    save("half.jpg", chelsea, quality=85, subsampling="4:2:2")
    save("unchanging.jpg", np.full((64, 80, 3), (200, 40, 90), np.uint8), quality=80)
    for orientation in (3, 6, 7):
        exif = Image.Exif()
        exif[0x0112], exif[0x010E] = orientation, "a description"
        save(f"turned{orientation}.jpg", chelsea, quality=80, exif=exif)
    exif = Image.Exif()
    exif[0x0213] = 2  # EXIF's co-sited chroma
    save("cosited.jpg", chelsea, quality=80, exif=exif)
    save("profile.jpg", chelsea, quality=80, icc_profile=b"not a real profile" * 30)
    grey = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    save("grey.jpg", np.asarray(grey, np.uint8), quality=90)
    dark = np.rint(255 * (coffee / 255.0) ** 2 * 0.12).astype(np.uint8)
    save("dark.jpg", dark, quality=95, subsampling="4:4:4")
    save("dusk.jpg", np.rint(255 * (astronaut / 255.0) ** 1.6 * 0.4).astype(np.uint8), quality=90)


def _others(folder: Path) -> None:
    chelsea = _crop("chelsea", 40, 100, 141, 152)
    coffee = _crop("coffee", 60, 150, 128, 160)
    ramp = np.tile(np.linspace(0, 255, 152).astype(np.uint8), (141, 1))
    Image.fromarray(chelsea).save(folder / "plain.png")
    Image.fromarray(np.dstack([chelsea, ramp])).save(folder / "alpha.png")
    Image.fromarray(chelsea).convert("L").save(folder / "grey.png")
    Image.fromarray(chelsea).convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "p.png")
    Image.fromarray(chelsea).save(folder / "lossy.webp", quality=70)
    Image.fromarray(np.dstack([chelsea, ramp])).save(folder / "alpha.webp", quality=70)
    Image.fromarray(chelsea).save(folder / "lossless.webp", lossless=True)
    Image.fromarray(chelsea).save(folder / "plain.tif")
    Image.fromarray(chelsea).save(folder / "plain.bmp")
    deep = np.random.default_rng(1).integers(0, 257, chelsea.shape).astype(np.uint16)
    deep += chelsea.astype(np.uint16) * 256 - (chelsea == 255) * np.uint16(1)
    cv2.imwrite(str(folder / "deep.png"), deep[..., ::-1])
    cv2.imwrite(str(folder / "deep_dark.png"), (deep // 14)[..., ::-1])
    cv2.imwrite(str(folder / "deep_grey.tif"), deep[..., 1])
    night = np.rint(255 * (coffee / 255.0) ** 2.2 * 0.2).astype(np.uint8)
    Image.fromarray(np.dstack([night, ramp[:128, :1].repeat(160, 1)])).save(folder / "night.png")
    Image.fromarray(_crop("rocket", 0, 100, 180, 240)).save(folder / "reference.png")
    Image.fromarray(_crop("retina", 500, 500, 96, 96)).save(folder / "red.jpg", quality=92)


def _bad(folder: Path) -> None:
    whole = (folder / "q75.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture", encoding="utf-8")
    (folder / "broken.tflite").write_bytes(b"no model")
    Image.new("CMYK", (40, 30), (10, 90, 40, 0)).save(folder / "cmyk.jpg", quality=80)


def _texts(folder: Path) -> None:
    def write(name: str, hints: Any) -> None:
        (folder / name).write_text(json.dumps(hints), encoding="utf-8")

    one = {"x": 120, "y": 90, "color": "#4a7bc8"}
    write("hints.json", {"hints": [one, {"x": 200, "y": 250, "color": "#c8402a", "size": 7}]})
    write("outside.json", {"hints": [{"x": 5000, "y": 90, "color": "#4a7bc8"}]})
    write("unknown.json", {"hints": [{**one, "radius": 3}]})


def _folders(folder: Path) -> None:
    """Small folders for folder runs, evaluation and the benchmark."""
    for name, files in {
        "mixed": ("odd.jpg", "plain.png", "grey.png", "cut.jpg", "q75.jpg"),
        "photographs": ("plain.png", "lossless.webp", "plain.tif"),
    }.items():
        (folder / name).mkdir()
        for file in files:
            shutil.copy(folder / file, folder / name / file)
    photographs = folder / "photographs"
    for index, name in enumerate(("astronaut", "coffee", "rocket")):
        rgb = _crop(name, 90, 120 + 20 * index, 192, 225)
        Image.fromarray(rgb).save(photographs / f"{name}.png")
        for side, pixels in (("high", rgb), ("low", np.rint(rgb * 0.15).astype(np.uint8))):
            (folder / "pairs" / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / "pairs" / side / f"{name}.png")


def _moving(count: int, size: tuple[int, int]) -> list[Pixels]:
    """Frames of a camera that pans and zooms over a photograph."""
    photograph = skimage.data.astronaut()
    height, width = size
    frames = []
    for index in range(count):
        zoom = 1.0 + 0.01 * index
        place = np.array([[zoom, 0, -120 - 2.3 * index], [0, zoom, -60 - 0.6 * index]], np.float32)
        frames.append(np.asarray(cv2.warpAffine(photograph, place, (width, height)), np.uint8))
    return frames


def _videos(folder: Path) -> None:
    bright = _moving(8, (112, 162))
    dark = [np.rint(255 * (frame / 255.0) ** 2 * 0.15).astype(np.uint8) for frame in bright]
    _video(folder / "left.mp4", bright, sound=True)
    _video(folder / "center.mkv", bright[:4], options={"x264-params": "chromaloc=1"})
    _video(folder / "topleft.mkv", bright[:4], options={"x264-params": "chromaloc=2"})
    _video(folder / "bt601.mov", bright[:4], tags=(6, 6, 6, 1))
    _video(folder / "wide.mp4", bright[:4], tags=(1, 1, 1, 2))
    _video(folder / "deep.mkv", bright[:3], pixels="yuv420p10le")
    _video(folder / "full.mkv", bright[:3], pixels="yuv444p")
    _video(folder / "dark.mp4", dark)


def _video(
    path: Path,
    frames: list[Pixels],
    pixels: str = "yuv420p",
    tags: tuple[int, int, int, int] = (1, 1, 1, 1),
    options: dict[str, str] | None = None,
    sound: bool = False,
) -> None:
    base = Fraction(1, 30000)
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream(
            "libx264", rate=30, options={"crf": "12", "bf": "0", "threads": "1", **(options or {})}
        )
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        video.time_base = video.codec_context.time_base = base
        video.colorspace, video.color_primaries, video.color_trc, video.color_range = tags
        audio: Any = out.add_stream("aac", rate=48000, layout="mono") if sound else None
        for index, rgb in enumerate(frames):
            whole = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame = whole.reformat(format=pixels)
            frame.pts, frame.time_base = 1001 * index + (7 if index % 3 == 1 else 0), base
            frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = tags
            out.mux(video.encode(frame))
        for index in range(10 if sound else 0):
            wave = (np.sin(np.arange(1024) / (5 + index)) * 0.3).astype(np.float32)[None]
            heard = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            heard.sample_rate, heard.pts, heard.time_base = 48000, 1024 * index, Fraction(1, 48000)
            out.mux(audio.encode(heard))
        if sound:
            out.mux(audio.encode(None))
        out.mux(video.encode(None))
