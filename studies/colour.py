"""Measures the shipped presets of colour beyond their own tables; writes ``docs/results``.

    python -m studies colour scenes SOURCE     photographs that are all of a few kinds
    python -m studies colour wanted SOURCE     with the truth's own colours as a global hint
    python -m studies colour large FILE        a photograph of 12 megapixels, file to file

SOURCE is as for ``training``. ``large`` enlarges the photograph FILE to 4000x3000 and colours it
with ``python -m edge_demo run``, two threads, in processes of their own: wall time includes all
that other work on the machine takes away, processor time does not. Both are from the start of the
process to its end; so is the peak of its memory.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from datasets import samples, sources
from datasets.source import some
from edge_demo import cli
from edge_demo.benchmark import host
from edge_demo.colour.lab import rgb_to_lab
from edge_demo.device import restorers
from edge_demo.device.colorize import Colorize
from edge_demo.device.global_hints import Wanted, of_photograph
from edge_demo.errors import UserError
from edge_demo.measure import quality, restoration, results
from edge_demo.model.tflite import TFLiteModel
from edge_demo.pictures import photographs
from edge_demo.pictures.images import write_image
from edge_demo.report.tables import markdown
from export.calibrate import public_name
from export.made import shipped

from . import reports, wording
from .command import RESULTS, ROOT, command_line, write
from .wording import Json

NETWORKS = ("colorize_unet-lite0.r3",)
RECIPES = "float32", "int8"
HINTED = f"{NETWORKS[0]}.int8"
LARGE = 4000, 3000
THREADS, ROUNDS = 2, 7
MOST = 120  # scenes, evenly spread
# What is wanted of the whole picture, of the truth RGB.
WANTED: dict[str, Callable[[np.ndarray], Wanted | None]] = {
    "nothing": lambda _: None,
    "its average": lambda rgb: Wanted(_average(rgb)),
    "its colours": of_photograph,
}


def _average(rgb: np.ndarray) -> tuple[float, float]:
    a, b = rgb_to_lab(rgb)[..., 1:].mean((0, 1)).tolist()
    return a, b


def told(done: int) -> None:
    """Say how many photographs are done, now and then."""
    if done % 20 == 0:
        print(f"{done} photographs", file=sys.stderr, flush=True)


def scenes(text: str) -> dict[str, Any]:
    """A table of schema 1: every network, as floats and as integers, without hints."""
    source = sources.open_source(text, "test")
    step = -(-len(source.paths) // MOST)
    few = some(source, range(0, len(source.paths), step))
    models = [TFLiteModel(shipped(f"{n}.{r}"), THREADS) for n in NETWORKS for r in RECIPES]
    candidates = [
        quality.Candidate(
            model.card.values["preset"], model.card.values["recipe"], model.path.stat().st_size,
            restorers.of_model(model).reconstruct,
        )
        for model in models
    ]  # fmt: skip
    restored = restoration.of("colorize")
    table, _, _ = quality.table(
        restored, candidates, samples.samples(restored, few, None), public_name(source.text),
        None, told,
    )  # fmt: skip
    return table


def wanted(text: str) -> dict[str, Any]:
    """How much closer the network with hints comes, told the colours of the whole picture."""
    source = sources.open_source(text, "test")
    model = restorers.load(HINTED, THREADS)
    assert isinstance(model, Colorize)
    restored = restoration.of(model.task)
    found: dict[str, list[dict[str, float | None]]] = {name: [] for name in WANTED}
    for number, sample in enumerate(samples.samples(restored, source, None), 1):
        for name, of in WANTED.items():
            asked = dataclasses.replace(model, wanted=of(sample.truth))
            ab = asked.reconstruct(sample.degraded)
            found[name].append(restored.measure(sample.truth, sample.degraded, ab))
        told(number)
    kept = "ab_psnr", "colorfulness_ratio", "delta_e_2000"
    rows = [
        {"name": name, **{metric: _mean([one[metric] for one in each]) for metric in kept}}
        for name, each in found.items()
    ]
    return {"what": "wanted", "model": model.name, "data": public_name(source.text),
            "images": len(found["nothing"]), "rows": rows}  # fmt: skip


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))


def large(file: str) -> dict[str, Any]:
    """Time and memory of colouring a large photograph, from file to file."""
    rgb = photographs.read(Path(file), halved=False)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "large.jpg"
        big = cv2.resize(rgb, LARGE, interpolation=cv2.INTER_CUBIC)
        write_image(source, np.asarray(big, np.uint8), quality=92)
        runs: dict[str, list[tuple[float, float, int]]] = {name: [] for name in NETWORKS}
        for _ in range(ROUNDS):  # alternating, so that a noisy machine disturbs all alike
            for name in NETWORKS:
                runs[name].append(_timed(source, Path(folder) / "out.jpg", f"{name}.int8"))
        for name, each in runs.items():
            wall, processor, peak = zip(*each, strict=True)
            rows.append(
                {
                    "name": f"{name}.int8",
                    "wall_s": {"best": min(wall), "median": statistics.median(wall)},
                    "processor_s": {"best": min(processor), "median": statistics.median(processor)},
                    "peak_rss_bytes": max(peak),
                }
            )
    return {"what": "large", "size": LARGE, "threads": THREADS, "rounds": ROUNDS,
            "host": host.describe() | host.state(), "rows": rows}  # fmt: skip


# A process's peak of memory counts from what started it, so something small starts it.
_START = """
import json, os, sys, time
began = time.perf_counter()
_, status, used = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
wall = time.perf_counter() - began
code = os.waitstatus_to_exitcode(status)
print(json.dumps([code, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""


def _timed(source: Path, target: Path, model: str) -> tuple[float, float, int]:
    """Wall and processor seconds and the peak of memory, in bytes, of one process."""
    words = [sys.executable, "-m", "edge_demo", "run", str(source), str(target), "--model", model,
             "--threads", str(THREADS), "--overwrite"]  # fmt: skip
    found = subprocess.run(
        [sys.executable, "-c", _START, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    code, wall, processor, peak = json.loads(found.stdout.splitlines()[-1])
    if code:
        raise UserError(f"{' '.join(words[1:])}: exit code {code}")
    return wall, processor, peak


def table(found: Json) -> str:
    """What was measured on colour: a table of schema 1, or a part of this study."""
    if "what" not in found:
        return reports.quality(found)
    return _table_wanted(found) if found["what"] == "wanted" else _table_large(found)


def _table_wanted(found: Json) -> str:
    """What global hints bring."""
    plain = found["rows"][0]["ab_psnr"]
    cells = [
        [row["name"], f"{row['ab_psnr']:.2f}", f"{row['ab_psnr'] - plain:+.2f}",
         f"{row['colorfulness_ratio']:.3f}", f"{row['delta_e_2000']:.2f}"]
        for row in found["rows"]
    ]  # fmt: skip
    metrics = [results.METRICS[n].column for n in ("ab_psnr", "colorfulness_ratio", "delta_e_2000")]
    header = ["of the whole picture is told", metrics[0], "gain, dB", *metrics[1:]]
    return (
        f"{markdown(header, cells)}\n`{found['model']}`, means over {found['images']} photographs "
        f"(`{wording.data(found)}`).\n"
    )


def _table_large(found: Json) -> str:
    """How long a large photograph takes, and how much memory."""
    cells = [
        [f"`{row['name']}`",
         *(f"{row[kind][key]:.2f}" for kind in ("processor_s", "wall_s")
           for key in ("best", "median")),
         f"{row['peak_rss_bytes'] / 1e6:.0f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["file", "processor s, best", "median", "wall s, best", "median", "peak MB"]
    width, height = found["size"]
    busy = found["host"].get("load_average")
    load = f" at a load average of {busy:.1f}" if busy is not None else ""
    return (
        f"{markdown(header, cells)}\nA JPEG of {width}x{height}, from the start of the process to "
        f"its end, {found['threads']} threads, {found['rounds']} rounds, on "
        f"{wording.host(found['host'])}{load}.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    kinds: dict[str, Callable[[str], dict[str, Any]]] = {
        "scenes": scenes, "wanted": wanted, "large": large,
    }  # fmt: skip
    parser = command_line(__name__, __doc__)
    parser.add_argument("what", choices=kinds)
    parser.add_argument("source", metavar="SOURCE|FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: in docs/results")

    def run(options: argparse.Namespace) -> None:
        target = options.json or RESULTS / f"colour.{options.what}.json"
        write(target, kinds[options.what](options.source))

    return cli.run(parser, run, arguments)
