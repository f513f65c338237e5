"""Chroma beside what else people use: players' shaders, FFmpeg's scalers, decoders of JPEGs.

``python -m studies peers --data folder:PHOTOGRAPHS --shader KrigBilateral.glsl``. Each photograph
is taken to 4:2:0, as planes that nothing quantised and as JPEGs, and every method rebuilds its
chroma at the right siting. ``--shader`` names a user shader in mpv's syntax, of other people; none
is part of the project. Shaders run in libplacebo through FFmpeg. Of every method, a frame of
1920x1080 is timed as well; shaders have no graphics card here, so what they cost there is not seen.
Writes ``docs/results/peers.json``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import sources
from datasets.source import Source
from edge_demo import cli
from edge_demo.benchmark import command as benchmark
from edge_demo.benchmark import host
from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8
from edge_demo.device import restorers
from edge_demo.errors import UserError
from edge_demo.measure import metrics, restoration
from edge_demo.model import models_folder
from edge_demo.report.tables import markdown
from edge_demo.tasks import chroma
from edge_demo.tasks.chroma import Planes
from export.calibrate import public_name

from . import wording
from .bound import coded, libjpeg, stored
from .command import RESULTS, command_line, some_of, write
from .ffmpeg_filters import filtered, lacking, shaded, without_parameters
from .wording import Json

PLANES = "planes"
QUALITIES = (50, 75, 90, 95)
NETWORKS = ("chroma_residual-s.r1.qat", "chroma_residual-xs.r2.int8", "chroma_bitrate-s.r2.int8",
            "chroma_merged-m.r1.int8")  # fmt: skip
CLASSICAL = ("bilinear", "lanczos4", "lanczos4_bp")
FLOOR = CLASSICAL[0]
PILLOW, OPENCV = "Pillow", "OpenCV"
# FFmpeg's own scalers where samples lie between pixels, in the middle of four.
SCALERS = {
    "swscale, bicubic": "scale=flags=bicubic+accurate_rnd:in_range=pc:out_range=pc:"
    "in_h_chr_pos=128:in_v_chr_pos=128,format=yuv444p",
    "zscale, spline36": "zscale=filter=spline36:chromalin=center,format=yuv444p",
}
FRAME, THREADS, ROUNDS = (1920, 1080), 2, 3

Picture = NDArray[np.uint8]
Rebuild = Callable[[Planes], Picture]


@dataclass(frozen=True, eq=False)
class Method:
    """A way from planes to chroma (H, W, 2).

    Attributes:
        rebuild: it does that.
        frames: it does so for as many equal frames; None of what starts no program, where one
            frame's time is the call's.
    """

    rebuild: Rebuild
    frames: Callable[[Planes, int], Picture] | None = None


def methods(shaders: Mapping[str, str]) -> dict[str, Method]:
    """Every method of planes by its name.

    Args:
        shaders: name to text of user shaders.
    """
    baselines = restoration.of("chroma").baselines()
    found = {name: Method(baselines[name]) for name in CLASSICAL}
    for name, graph in SCALERS.items():
        found[name] = _program(partial(_scaled, graph))
    for name, text in {"": "", **shaders}.items():
        found[f"libplacebo, {name}" if name else "libplacebo"] = _program(partial(_shaded, text))
    for name in NETWORKS:
        model = restorers.load(models_folder.find(name), THREADS)
        found[f"`{name}`"] = Method(model.reconstruct)
    return found


def _program(frames: Callable[[Planes, int], Picture]) -> Method:
    return Method(lambda planes: frames(planes, 1), frames)


def _scaled(graph: str, planes: Planes, count: int) -> Picture:
    return filtered(graph, planes, "full", count)[..., 1:]


def _shaded(shader: str, planes: Planes, count: int) -> Picture:
    return shaded(shader, planes, "full", count)[..., 1:]


def decoded(data: bytes) -> dict[str, Picture]:
    """Chroma of a JPEG as others decode it."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    return {PILLOW: libjpeg(data), OPENCV: round_to_uint8(rgb_to_ycbcr(rgb))[..., 1:]}


def rebuilt(
    rgb: Picture, quality: int | None, given: Mapping[str, Method], folder: Path
) -> dict[str, Picture]:
    """Chroma of a photograph (H, W, 3) by every method.

    Args:
        rgb: of even size.
        quality: of the JPEG that it was made; None of planes that nothing quantised.
        given: methods of planes.
        folder: for the file.
    """
    if quality is None:
        planes, found = chroma.degrade(rgb, "center"), {}
    else:
        data = coded(rgb, quality)
        planes, found = stored(data, folder), decoded(data)
    return found | {name: method.rebuild(planes) for name, method in given.items()}


def frame_ms(given: Mapping[str, Method]) -> dict[str, float]:
    """Milliseconds a frame by each method, medians of rounds that alternate between them."""
    planes = chroma.degrade(benchmark.synthetic(*FRAME), "center")
    for method in given.values():
        method.rebuild(planes)  # the first resizes graphs and fills caches of shaders
    times: dict[str, list[float]] = {name: [] for name in given}
    for _ in range(ROUNDS):
        for name, method in given.items():
            times[name].append(_seconds(method, planes) * 1e3)
    return {name: round(statistics.median(every), 1) for name, every in times.items()}


def _seconds(method: Method, planes: Planes) -> float:
    """Of a frame; of a program what four more cost, without its start."""

    def of(work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    frames = method.frames
    if frames is None:
        return of(lambda: method.rebuild(planes))
    return (of(lambda: frames(planes, 5)) - of(lambda: frames(planes, 1))) / 4


def measure(source: Source, shaders: Mapping[str, str]) -> dict[str, Any]:
    """Mean chroma PSNR of every method on every kind of source, and what a frame costs."""
    given = methods(shaders)
    values: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for index, (_, whole) in enumerate(sources.photographs(source)):
            cli.moving(f"photograph {index + 1}")
            rgb = whole[: whole.shape[0] // 2 * 2, : whole.shape[1] // 2 * 2]
            truth = chroma.target(rgb)
            for quality in (None, *QUALITIES):
                kind = PLANES if quality is None else str(quality)
                for name, cbcr in rebuilt(rgb, quality, given, Path(folder)).items():
                    values.setdefault((name, kind), []).append(metrics.psnr(cbcr, truth))
    cli.moving("measured", last=True)
    cost = frame_ms(given)
    rows = []
    for name in dict.fromkeys(name for name, _ in values):
        psnr = {
            kind: round(statistics.fmean(found), 4)
            for (of, kind), found in values.items()
            if of == name
        }
        rows.append({"name": name, "chroma_psnr": psnr, "frame_ms": cost.get(name)})
    return {"schema": 1, "data": public_name(source.text), "images": source.count, "size": FRAME,
            "threads": THREADS, "host": host.describe(), "rows": rows}  # fmt: skip


def table(found: Json) -> str:
    """Chroma PSNR of the floor on each kind, what others have over it, and what a frame costs."""
    kinds = [PLANES, *map(str, QUALITIES)]
    floor = next(row for row in found["rows"] if row["name"] == FLOOR)["chroma_psnr"]
    cells = []
    for row in found["rows"]:
        psnr = row["chroma_psnr"]
        if row["name"] == FLOOR:
            gains = [f"{psnr[kind]:.2f} dB" for kind in kinds]
        else:
            gains = [f"{psnr[kind] - floor[kind]:+.2f}" if kind in psnr else "" for kind in kinds]
        cost = "" if row["frame_ms"] is None else f"{row['frame_ms']:.0f}"
        cells.append([row["name"], *gains, cost])
    header = ["method", PLANES, *(f"JPEG {quality}" for quality in QUALITIES), "ms a frame"]
    width, height = found["size"]
    return (
        f"{markdown(header, cells)}\nChroma PSNR of {FLOOR}, and what others have over it, dB; "
        f"means over {found['images']} photographs (`{wording.data(found)}`). A frame of "
        f"{width}x{height}: networks in {found['threads']} threads, all that surrounds them "
        f"included, libplacebo on llvmpipe, a processor in a graphics card's place, on "
        f"{wording.machine(found['host'])}.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--data", required=True, metavar="SOURCE")
    parser.add_argument(
        "--shader", type=Path, action="append", default=[], metavar="FILE",
        help="a user shader to measure as well; may be given several times",
    )  # fmt: skip
    parser.add_argument("--count", type=int, help="photographs, evenly spread (default: all)")
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.json")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    if missing := lacking(("scale", "zscale", "libplacebo")):
        raise UserError(f"{missing}; other people's methods need it")
    shaders = {}
    for path in options.shader:
        if not path.is_file():
            raise UserError(f"{path}: no such file")
        if path.stem in shaders:
            raise UserError(f"--shader {path}: another one is called {path.stem}")
        shaders[path.stem] = without_parameters(path.read_text(encoding="utf-8"))
    write(options.out, measure(some_of(options.data, options.count), shaders))
