"""What video costs and gains.

``python -m studies video WHAT`` writes ``docs/results/video.WHAT.json``:

- ``filters``: what filtering effects over time brings, with motion and without, on a clip that pans
  and zooms over photographs (made here) and on videos of your own (``--video``).
- ``coding``: whether a network that learned from JPEG's planes does as well on those of video.
- ``speed``: frames a second of a 1920x1080 video, and where the time goes. Where other programs
  take turns on the processor, wall time is theirs, too: processor time is stated beside it.
- ``sizes``: operations, quality and speed of the networks for video, and estimates for boards.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import sources, video
from edge_demo import cli
from edge_demo.benchmark import host
from edge_demo.colour import ycbcr as colour
from edge_demo.colour.siting import baseline, downsample
from edge_demo.device import restorers, temporal
from edge_demo.device.chroma import Chroma
from edge_demo.measure import metrics, results
from edge_demo.model import tiling
from edge_demo.model.tflite import TFLiteModel
from edge_demo.report.tables import markdown
from edge_demo.tasks import chroma
from edge_demo.video import restore, writer
from edge_demo.video.coding import Coding, Tags
from export import check
from export.made import shipped
from training import flicker

from . import wording
from .command import RESULTS, command_line, write
from .wording import Json

Picture = NDArray[np.uint8]

MODEL = "chroma_residual-s.r1.int8"
THREADS = 2
# Filters to compare: what a row is called, strength, motion.
FILTERS = (
    ("each frame by itself", 0.0, True),
    ("without motion, 0.5", 0.5, False),
    ("without motion, 0.8", 0.8, False),
    ("along the motion, 0.5", 0.5, True),
    ("along the motion, 0.8", 0.8, True),
    ("along the motion, 0.9", 0.9, True),
)
PANNED, PAN_SIZE = 40, (208, 256)  # frames over each photograph, and their size
# Noise of a camera, in code values: of luma, and of chroma at half the size.
NOISE = 2.0, 1.5
# What planes are coded as: a name, matrix, full range, bits, and whether they are stretched to
# what the network has learned.
CODINGS = (
    ("BT.601, full range, 8 bits", "bt601", True, 8, True),
    ("BT.601, limited range, 8 bits", "bt601", False, 8, True),
    ("BT.709, limited range, 8 bits", "bt709", False, 8, True),
    ("BT.709, limited range, 8 bits, not stretched", "bt709", False, 8, False),
    ("BT.709, limited range, 10 bits", "bt709", False, 10, True),
    ("BT.2020, limited range, 10 bits", "bt2020", False, 10, True),
)
SPEED_SIZE, SPEED_FRAMES = (1080, 1920), 24
# Sizes of the network to compare: the one that videos are restored with, and the next larger.
SIZED = ("chroma_residual-xs.r2.int8", "chroma_residual-s.r1.int8")
# What boards may be expected to do, in 8-bit multiply-accumulates a second: XNNPACK's page states
# 24 ms for MobileNet v1 (569 million of them, Howard et al., 2017) on a Raspberry Pi 4 of 64 bits;
# of a Raspberry Pi 5 its makers state two to three times the speed.
PI_4 = 569e6 / 24e-3
PI_5 = 2.5 * PI_4


def _sample(name: str) -> Picture:
    """A photograph of the sample: B, G, R."""
    bgr = cv2.imread(str(sources.sample_folder() / name))
    assert bgr is not None
    return np.asarray(bgr, np.uint8)


def panned() -> Iterator[Picture]:
    """YCbCr frames of a camera that pans and zooms over the sample's photographs, with noise."""
    rng = np.random.default_rng(0)
    height, width = PAN_SIZE
    for name in sources.SAMPLE_TEST:
        rgb = _sample(name)[..., ::-1]
        small = cv2.resize(rgb, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
        for index in range(PANNED):
            zoom = 1.0 + 0.004 * index
            place = np.array([[zoom, 0, -5 - 1.2 * index], [0, zoom, -5 - 0.6 * index]])
            frame = cv2.warpAffine(
                small, place, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
            )
            ycbcr = colour.rgb_to_ycbcr(frame)
            ycbcr[..., 0] += rng.normal(0, NOISE[0], (height, width))
            grain = rng.normal(0, NOISE[1], (height // 2, width // 2, 2)).astype(np.float32)
            ycbcr[..., 1:] += cv2.resize(grain, (width, height))
            yield colour.round_to_uint8(ycbcr)


def loaded(name: str, threads: int) -> Chroma:
    """A network of chroma."""
    restorer = restorers.load(shipped(name), threads)
    assert isinstance(restorer, Chroma)
    return restorer


def filtered(name: str, frames: Iterable[Picture], model: Chroma) -> dict[str, Any]:
    """Every filter on one video."""
    smoothers = {
        label: temporal.Smoother(strength, motion=motion) for label, strength, motion in FILTERS
    }
    labels = ["bilinear", *smoothers]
    psnr: dict[str, list[float]] = {label: [] for label in labels}
    steps: dict[str, list[flicker.Step]] = {label: [] for label in labels}
    last: dict[str, Picture] = {}
    before: Picture | None = None
    for count, now in enumerate(frames, 1):
        print(f"\r{name}: {count} frames", end="", flush=True)
        planes = chroma.degrade_ycbcr(now)
        found, wanted = model.correction(planes), np.ascontiguousarray(now[..., 1:])
        made = {"bilinear": baseline("bilinear", planes.cbcr, planes.size, planes.siting)}
        for label, smoother in smoothers.items():
            made[label] = model.corrected(planes, smoother(planes.y, found))
        motion = None if before is None else flicker.Motion(before[..., 0], now[..., 0])
        for label, cbcr in made.items():
            result = colour.round_to_uint8(cbcr)
            psnr[label].append(metrics.psnr(result, wanted))
            if motion and before is not None and motion.followed >= flicker.SCENE:
                steps[label].append(motion.step((before[..., 1:], wanted), (last[label], result)))
            last[label] = result
        before = now
    print()
    rows = [
        {
            "name": label,
            "chroma_psnr": round(float(np.mean(psnr[label])), 3),
            "flicker": round(flicker.flicker(steps[label]), 4),
            "change_ratio": round(flicker.change_ratio(steps[label]), 4),
        }
        for label in labels
    ]
    return {"name": name, "frames": len(psnr["bilinear"]), "rows": rows}


def filters(options: argparse.Namespace) -> dict[str, Any]:
    """The document of ``filters``."""
    model = loaded(MODEL, THREADS)
    clips = [("panning over photographs", panned())]
    for path in options.video:
        clips.append((path.name, itertools.islice(video.truths(path)[0], options.frames)))
    return {"model": MODEL, "clips": [filtered(name, frames, model) for name, frames in clips]}


def coding(options: argparse.Namespace) -> dict[str, Any]:
    """The document of ``coding``: chroma PSNR in full-range units, whatever the coding."""
    model = loaded(MODEL, THREADS)
    source = sources.open_source(options.data)
    values: dict[str, list[tuple[float, float]]] = {line[0]: [] for line in CODINGS}
    for count, (_, rgb) in enumerate(sources.photographs(source), 1):
        print(f"\r{count}/{len(source.paths)} photographs", end="", flush=True)
        for name, matrix, full, depth, stretched in CODINGS:
            made = Coding("4:2:0", depth, full, matrix, "left", Tags(2, 2, 2, 2 if full else 1))
            values[name].append(_coded(rgb, made, stretched, model))
    print()
    rows = []
    for name, found in values.items():
        bilinear, ours = (float(np.mean(one)) for one in zip(*found, strict=True))
        rows.append({"name": name, "bilinear": round(bilinear, 3), "model": round(ours, 3)})
    return {"model": MODEL, "data": options.data, "images": len(source.paths), "rows": rows}


def _coded(rgb: Picture, made: Coding, stretched: bool, model: Chroma) -> tuple[float, float]:
    """Chroma PSNR of bilinear and of the model, against unrounded truth."""
    full = colour.rgb_to_ycbcr(rgb, made.matrix)
    y = made.luma_plane(full[..., 0])
    low = made.chroma_planes(downsample(full[..., 1:], made.siting))
    codes = made if stretched else Coding(**{**vars(made), "full_range": True})
    planes = chroma.Planes(codes.luma_codes(y), codes.chroma_codes(low), made.siting)
    found = []
    for cbcr in (
        baseline("bilinear", planes.cbcr, planes.size, planes.siting),
        model.corrected(planes, model.correction(planes)),
    ):
        stored = made.chroma_codes(codes.chroma_planes(cbcr)).astype(np.float32)
        mse = float(np.mean(np.square(stored - full[..., 1:]), dtype=np.float64))
        found.append(10 * float(np.log10(255**2 / mse)))
    return found[0], found[1]


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """The document of ``speed``: medians of rounds that alternate between networks and ways."""
    ways = {"ffv1": ("out.mkv", "ffv1", temporal.STRENGTH),
            "h264": ("out.mp4", "h264", temporal.STRENGTH),
            "ffv1, not filtered": ("out.mkv", "ffv1", 0.0)}  # fmt: skip
    models = {name: TFLiteModel(shipped(name), THREADS) for name in SIZED}
    found: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    alone: dict[str, list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        clip = Path(scratch) / "in.mp4"
        _write_clip(clip)
        for round_ in range(options.rounds + 1):
            for model, (way, (file, codec, smoothing)) in itertools.product(models, ways.items()):
                print(
                    f"\rround {round_} of {options.rounds}: {model} {way:<20}", end="", flush=True
                )
                wanted = writer.target(Path(scratch) / file, codec, None, True)
                restorer = restorers.of_model(models[model])
                began, worked = time.perf_counter(), time.process_time()
                done = restore.restore_video(
                    clip, wanted, restorer, smoothing=smoothing, threads=THREADS
                )
                ended = {"all": time.perf_counter() - began,
                         "cpu": time.process_time() - worked}  # fmt: skip
                found[model, way].append(done.seconds | ended)
            for model, loaded in models.items():
                alone[model].append(_graph_alone(loaded))
    print()
    rows = []
    for (model, way), rounds in found.items():
        # The first warms up.
        middle = {key: statistics.median(one[key] for one in rounds[1:]) for key in rounds[0]}
        rows.append(
            {"model": model, "name": way, "fps": round(SPEED_FRAMES / middle["all"], 3),
             "ms": {key: round(1e3 * value / SPEED_FRAMES, 1) for key, value in middle.items()}}
        )  # fmt: skip
    graphs = {
        model: {key: round(1e3 * statistics.median(one[key] for one in rounds[1:]), 1)
                for key in rounds[0]}
        for model, rounds in alone.items()
    }  # fmt: skip
    height, width = SPEED_SIZE
    return {"size": [width, height], "frames": SPEED_FRAMES, "threads": THREADS,
            "rounds": options.rounds, "host": host.describe(), "graph_ms": graphs,
            "rows": rows}  # fmt: skip


def sizes(options: argparse.Namespace) -> dict[str, Any]:
    """What smaller networks gain in speed and lose in quality, in rounds that alternate."""
    models = {name: TFLiteModel(shipped(name), THREADS) for name in SIZED}
    frame = np.asarray(cv2.resize(next(panned()), SPEED_SIZE[::-1]), np.uint8)
    planes = chroma.degrade(frame)
    times: dict[str, list[float]] = {name: [] for name in models}
    for model in models.values():
        restorers.of_model(model).reconstruct(planes)  # takes its tiles
    for _ in range(options.rounds):
        for name, model in models.items():
            times[name].append(_graph_alone(model)["all"])
    rows = []
    for name, model in models.items():
        macs = 1e3 * check.kilo_macs_per_pixel(model.path) * SPEED_SIZE[0] * SPEED_SIZE[1]
        psnr = model.card.values["metrics"]["chroma_psnr"]
        rows.append(
            {"name": name, "giga_macs": round(macs / 1e9, 2), "chroma_psnr": psnr["mean"],
             "data": psnr["data"], "ms": round(1e3 * statistics.median(times[name]), 1),
             "fps_pi_4": round(PI_4 / macs, 2), "fps_pi_5": round(PI_5 / macs, 2)}
        )  # fmt: skip
    height, width = SPEED_SIZE
    return {"size": [width, height], "threads": THREADS, "rounds": options.rounds,
            "host": host.describe(), "rows": rows}  # fmt: skip


def _graph_alone(model: TFLiteModel) -> dict[str, float]:
    """Seconds a frame that the graph computes, its tiles as the restoration left them."""
    tensor = chroma.TASK.inputs[0]
    tile = [length * tensor.downscale for length in model.graph.inputs[tensor.name][1:3]]
    count = len(list(tiling.tiles(SPEED_SIZE, (tile[0], tile[1]), model.halo)))
    began, worked = time.perf_counter(), time.process_time()
    for _ in range(4 * count):
        model.graph.invoke()
    return {"all": (time.perf_counter() - began) / 4, "cpu": (time.process_time() - worked) / 4}


def _write_clip(path: Path) -> None:
    """An H.264 video of 1920x1080 that pans over a photograph."""
    height, width = SPEED_SIZE
    photograph = _sample(sources.SAMPLE_TEST[0])
    size = 2 * width, 2 * width
    large = np.asarray(cv2.resize(photograph, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=Fraction(25), options={"crf": "20"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for index in range(SPEED_FRAMES):
            part = np.ascontiguousarray(large[8 * index :, 12 * index :][:height, :width])
            out.mux(stream.encode(av.VideoFrame.from_ndarray(part, "bgr24")))
        out.mux(stream.encode(None))


def table(found: Json) -> str:
    """What was measured on video: an evaluation, or a part of this study."""
    if "what" not in found:
        return _table_quality(found)
    shown: dict[str, Callable[[Json], str]] = {
        "filters": _table_filters,
        "coding": _table_coding,
        "sizes": _table_sizes,
        "speed": _table_speed,
    }
    return shown[found["what"]](found)


def _table_quality(found: Json) -> str:
    """Methods on a video; ``found`` is a table of schema 1."""
    rows = found["rows"]
    floor = rows[0]["metrics"]["chroma_psnr"]["mean"]
    cells = []
    for row in rows:
        measured = row["metrics"]
        psnr = measured["chroma_psnr"]
        name = f"`{results.label(row)}`" if row["kind"] == "model" else results.label(row)
        others = ("rgb_psnr", "chroma_ssim", "rgb_ssim", "flicker", "change_ratio")
        cells.append(
            [
                name,
                *(f"{psnr[key]:.2f}" for key in ("mean", "min", "max")),
                f"{psnr['mean'] - floor:+.2f}",
                *(f"{measured[one]['mean']:.{results.METRICS[one].digits}f}" for one in others),
            ]
        )
    header = ["method", "chroma PSNR, dB", "least", "most", f"over {rows[0]['name']}, dB",
              "RGB PSNR, dB", "chroma SSIM", "RGB SSIM", "flicker", "change"]  # fmt: skip
    return (
        f"{markdown(header, cells)}\n{found['images']} frames of `{wording.data(found)}`, halved; "
        f"{found['siting']} siting, filter {found['temporal']:g}.\n"
    )


def _table_filters(found: Json) -> str:
    """Filters over time, side by side for each video."""
    clips = found["clips"]
    cells = [
        [
            rows[0]["name"],
            *(
                text
                for row in rows
                for text in (f"{row['chroma_psnr']:.2f}", f"{row['flicker']:.3f}",
                             f"{row['change_ratio']:.3f}")
            ),
        ]
        for rows in zip(*(clip["rows"] for clip in clips), strict=True)
    ]  # fmt: skip
    header = ["filter"]
    for clip in clips:
        header += [f"{clip['name']}: chroma PSNR, dB", "flicker", "change"]
    frames = ", ".join(f"{clip['frames']} of {clip['name']}" for clip in clips)
    return f"{markdown(header, cells)}\n`{found['model']}`; frames: {frames}.\n"


def _table_coding(found: Json) -> str:
    """How the network does on planes that are coded as video's are."""
    cells = [
        [row["name"], f"{row['bilinear']:.2f}", f"{row['model']:.2f}",
         f"{row['model'] - row['bilinear']:+.2f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["planes", "bilinear, dB", "model, dB", "gain, dB"]
    return (
        f"{markdown(header, cells)}\n`{found['model']}`: chroma PSNR against unrounded truth, "
        f"means over {found['images']} photographs (`{wording.data(found)}`), left siting.\n"
    )


def _table_sizes(found: Json) -> str:
    """How large a network a board can be given; what is no measurement is called an estimate."""
    cells = [
        [f"`{row['name']}`", f"{row['giga_macs']:.1f}", f"{row['chroma_psnr']:.2f}",
         f"{1e3 / row['ms']:.1f}", f"{row['fps_pi_4']:.1f}", f"{row['fps_pi_5']:.1f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["graph", "GMAC a frame", "chroma PSNR, dB", "frames a second here",
              "Raspberry Pi 4, estimate", "Raspberry Pi 5, estimate"]  # fmt: skip
    width, height = found["size"]
    return (
        f"{markdown(header, cells)}\nThe graphs alone. A frame of {width}x{height}, "
        f"{found['threads']} threads, medians of {found['rounds']} alternating rounds, on "
        f"{wording.host(found['host'])}; chroma PSNR on `{found['rows'][0]['data']}`.\n"
    )


def _table_speed(found: Json) -> str:
    """Frames a second, and where the time goes."""
    stages = ("read", "network", "filter", "rest", "write")
    cells = [
        [f"`{row['model']}`", row["name"], f"{row['fps']:.2f}", f"{row['ms']['all']:.0f}",
         *(f"{row['ms'][key] / sum(row['ms'][one] for one in stages):.0%}" for key in stages),
         f"{row['ms']['cpu']:.0f}"]
        for row in found["rows"]
    ]  # fmt: skip
    cells += [
        [f"`{model}`", "nothing: the graph alone", f"{1e3 / ms['all']:.2f}", f"{ms['all']:.0f}",
         "", "100%", "", "", "", f"{ms['cpu']:.0f}"]
        for model, ms in found["graph_ms"].items()
    ]  # fmt: skip
    header = ["network", "written as", "frames a second", "ms a frame", *stages,
              "processor ms a frame"]  # fmt: skip
    width, height = found["size"]
    return (
        f"{markdown(header, cells)}\nA frame of {width}x{height}, {found['threads']} threads, "
        f"medians of {found['rounds']} alternating rounds of {found['frames']} frames, on "
        f"{wording.host(found['host'])}.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    kinds = {"filters": filters, "coding": coding, "speed": speed, "sizes": sizes}
    parser = command_line(__name__, __doc__)
    parser.add_argument("what", choices=kinds)
    parser.add_argument("--video", type=Path, nargs="*", default=[], help="of filters")
    parser.add_argument("--frames", type=int, default=300, help="of each video, at most; 300")
    parser.add_argument("--data", default="sample", help="photographs of coding")
    parser.add_argument("--rounds", type=int, default=3, help="of speed and sizes; 3")

    def run(options: argparse.Namespace) -> None:
        found = {"what": options.what, **kinds[options.what](options)}
        print(json.dumps(found, indent=2))
        write(RESULTS / f"video.{options.what}.json", found)

    return cli.run(parser, run, arguments)
