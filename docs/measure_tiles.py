"""How large should a tile be? Times the shipped int8 model on a 1920x1080 picture.

Run from the repository's root: ``python docs/measure_tiles.py``. Rounds alternate between sizes, so
that a noisy machine disturbs all alike; writes ``docs/results/tiles.json``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from edge_demo.benchmark import command as benchmark  # noqa: E402
from edge_demo.benchmark import host  # noqa: E402
from edge_demo.model import models_folder  # noqa: E402
from edge_demo.model.tflite import TFLiteModel  # noqa: E402
from edge_demo.model.tiling import reconstruct  # noqa: E402
from edge_demo.tasks import chroma  # noqa: E402

TILES = (128, 256, 384, 512, 768, 1024, 2048)
SIZE = (1920, 1080)
ROUNDS = 7
THREADS = 2


def main() -> None:
    """Measure, print and write."""
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
    target = ROOT / "docs" / "results" / "tiles.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(table, indent=2) + "\n")
    for row in rows:
        print(f"tile {row['tile']:>5}: {row['picture_ms']:>7.1f} ms")


if __name__ == "__main__":
    main()
