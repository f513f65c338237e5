"""Times a frame of 1920x1080 through a network's files: TFLite, onnxruntime and a player's shader.

The shader runs as players run it, in libplacebo through FFmpeg's filter of that name, on Mesa's
``llvmpipe``: a processor in a graphics card's place, so its figure says that it works and what it
costs, not how fast a card is. Rounds alternate between programs, so that a noisy machine disturbs
all alike; writes ``docs/results/players.json``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_demo import cli
from edge_demo.benchmark import command as benchmark
from edge_demo.benchmark import host
from edge_demo.device import restorers
from edge_demo.errors import UserError
from edge_demo.model.tflite import TFLiteModel
from edge_demo.report.tables import markdown
from edge_demo.tasks import chroma

from . import wording
from .command import RESULTS, command_line, write
from .ffmpeg_filters import lacking, shaded
from .wording import Json

SIZE = (1920, 1080)
THREADS = 2


def measure(preset: str, rounds: int) -> dict[str, Any]:
    """Milliseconds a frame, a median, of each program."""
    runs = _programs(preset)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(run())
    rows = [
        {"name": name, "frame_ms": round(statistics.median(times) * 1e3, 1)}
        for name, times in seconds.items()
    ]
    return {"schema": 1, "preset": preset, "size": SIZE, "threads": THREADS, "rounds": rounds,
            "host": host.describe(), "rows": rows}  # fmt: skip


def _programs(preset: str) -> dict[str, Callable[[], float]]:
    """Each program's name, and what runs it once: the seconds of a frame."""
    import onnxruntime

    from export import made, player, player_glsl, player_onnx

    planes = chroma.degrade(benchmark.synthetic(*SIZE), "left")
    network = player.network(Path(preset))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(player_onnx.written(network, "left"), options)
    given = {
        "luma": planes.y[None, None].astype(np.float32),
        "chroma": np.ascontiguousarray(planes.cbcr.transpose(2, 0, 1)[None], np.float32),
    }
    shader = player_glsl.written(network, "left", "full")

    def tflite(recipe: str) -> Callable[[], float]:
        model = TFLiteModel(made.shipped(f"{preset}.{recipe}"), THREADS)
        restorer = restorers.of_model(model)
        restorer.reconstruct(planes)  # the first resizes the graph
        return lambda: _seconds(lambda: restorer.reconstruct(planes))

    def shaded_frames(count: int) -> float:
        return _seconds(lambda: shaded(shader, planes, "full", count))

    def player_frame() -> float:
        # What two more frames cost: the first compiles the shader.
        return (shaded_frames(3) - shaded_frames(1)) / 2

    return {
        "TFLite, int8": tflite("int8"),
        "TFLite, float32": tflite("float32"),
        "onnxruntime, float32": lambda: _seconds(lambda: session.run(None, given)),
        "shader, libplacebo on llvmpipe": player_frame,
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def table(found: Json) -> str:
    """How long a frame takes in each program."""
    cells = [[row["name"], f"{row['frame_ms']:.0f}"] for row in found["rows"]]
    width, height = found["size"]
    return (
        f"{markdown(['program', 'ms a frame'], cells, text_columns=1)}\n"
        f"A frame of {width}x{height}, `{found['preset']}`, {found['threads']} threads (the shader "
        f"takes every core), all that surrounds the network included, medians of "
        f"{found['rounds']} alternating rounds, on {wording.machine(found['host'])}.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--preset", default="chroma_residual-s.r1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=RESULTS / "players.json")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    if missing := lacking():
        raise UserError(f"{missing}; the shader needs it")
    found = measure(options.preset, options.rounds)
    for row in found["rows"]:
        print(f"{row['name']:<32}{row['frame_ms']:>9.1f} ms")
    write(options.json, found)
