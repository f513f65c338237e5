"""How large should a tile be? Times the shipped int8 model on a 1920x1080 picture.

Run from the repository's root: ``python -m studies tiles``. Rounds alternate between sizes, so
that a noisy machine disturbs all alike; writes ``docs/results/tiles.json``.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence

from edge_demo.benchmark import command as benchmark
from edge_demo.benchmark import host
from edge_demo.model import models_folder
from edge_demo.model.tflite import TFLiteModel
from edge_demo.model.tiling import reconstruct
from edge_demo.tasks import chroma

from .command import RESULTS, command_line

TILES = (128, 256, 384, 512, 768, 1024, 2048)
SIZE = (1920, 1080)
ROUNDS = 7
THREADS = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    command_line(__name__, __doc__).parse_args(arguments)
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
            reconstruct(planes, model)
            if round_:  # the first resizes the graph
                seconds[tile].append(time.perf_counter() - began)
    rows = [
        {"tile": tile, "picture_ms": round(statistics.median(times) * 1e3, 1)}
        for tile, times in seconds.items()
    ]
    table = {"size": SIZE, "threads": THREADS, "rounds": ROUNDS, "model": models[512].card.name,
             "host": host.describe(), "rows": rows}  # fmt: skip
    target = RESULTS / "tiles.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(table, indent=2) + "\n")
    for row in rows:
        print(f"tile {row['tile']:>5}: {row['picture_ms']:>7.1f} ms")
