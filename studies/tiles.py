"""How large should a tile be? Times the shipped int8 model on a 1920x1080 picture.

Rounds alternate between sizes, so that a noisy machine disturbs all alike; writes
``docs/results/tiles.json``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Any

from edge_demo import cli
from edge_demo.benchmark import command as benchmark
from edge_demo.benchmark import host
from edge_demo.device import restorers
from edge_demo.model import models_folder
from edge_demo.model.tflite import TFLiteModel
from edge_demo.report.tables import markdown
from edge_demo.tasks import chroma

from . import wording
from .command import RESULTS, command_line, write
from .wording import Json

TILES = (128, 256, 384, 512, 768, 1024, 2048)
SIZE = (1920, 1080)
ROUNDS = 7
THREADS = 2


def measure() -> dict[str, Any]:
    """Milliseconds a picture at each size."""
    planes = chroma.degrade(benchmark.synthetic(*SIZE))
    models = {}
    for tile in TILES:
        model = TFLiteModel(models_folder.find(None), THREADS)
        model.tile = tile
        models[tile] = model
    seconds: dict[int, list[float]] = {tile: [] for tile in TILES}
    for round_ in range(ROUNDS + 1):
        for tile, model in models.items():
            began = time.perf_counter()
            restorers.of_model(model).reconstruct(planes)
            if round_:  # the first resizes the graph
                seconds[tile].append(time.perf_counter() - began)
    rows = [
        {"tile": tile, "picture_ms": round(statistics.median(times) * 1e3, 1)}
        for tile, times in seconds.items()
    ]
    return {"size": SIZE, "threads": THREADS, "rounds": ROUNDS,
            "model": next(iter(models.values())).card.name,
            "host": host.describe(), "rows": rows}  # fmt: skip


def table(found: Json) -> str:
    """How long a picture takes at each size of tile."""
    cells = [[str(row["tile"]), f"{row['picture_ms']:.0f}"] for row in found["rows"]]
    width, height = found["size"]
    return (
        f"{markdown(['tile, pixels a side', 'ms a picture'], cells, text_columns=0)}\n"
        f"A picture of {width}x{height}, `{found['model']}`, {found['threads']} threads, "
        f"encoding and decoding included, on {wording.host(found['host'])}.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = command_line(__name__, __doc__)

    def run(_: argparse.Namespace) -> None:
        found = measure()
        for row in found["rows"]:
            print(f"tile {row['tile']:>5}: {row['picture_ms']:>7.1f} ms")
        write(RESULTS / "tiles.json", found)

    return cli.run(parser, run, arguments)
