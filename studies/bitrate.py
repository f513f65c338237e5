"""What is chroma reconstruction worth on JPEGs, and what does it gain by knowing their quality?

``python -m studies bitrate --data folder:PHOTOGRAPHS``. Each photograph is made a JPEG of each
quality, and every method rebuilds its chroma. Writes ``docs/results/bitrate.json``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import samples, sources
from datasets.source import Source
from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.measure import quality, restoration
from edge_demo.report.tables import markdown
from export.calibrate import public_name
from export.made import shipped

from . import wording
from .command import RESULTS, command_line, write
from .wording import Json

QUALITIES = (30, 50, 70, 85, 95, 98, 100)
MODELS = ("chroma_residual-s.r1.float32", "chroma_residual-s.r1.qat",
          "chroma_bitrate-s.r2.float32", "chroma_bitrate-s.r2.int8")  # fmt: skip
BASELINES = ("bilinear", "lanczos4")


def measured(source: Source, jpeg_quality: int) -> dict[str, float]:
    """Method to mean chroma PSNR at a quality."""
    plain = restoration.of("chroma", quality=jpeg_quality)
    methods = {name: plain.baselines()[name] for name in BASELINES}
    for name in MODELS:
        methods[name] = restorers.load(shipped(name), threads=2).reconstruct
    _, values = quality.evaluate(plain, samples.samples(plain, source, None), methods)
    found = {}
    for name, metrics in values.items():
        psnr = [value for value in metrics["chroma_psnr"] if value is not None]
        found[name] = round(sum(psnr) / len(psnr), 4)
    return found


def measure(source: Source) -> dict[str, Any]:
    """Every method at every quality."""
    rows = []
    for jpeg_quality in QUALITIES:
        found = measured(source, jpeg_quality)
        print(jpeg_quality, "  ".join(f"{name} {value:.2f}" for name, value in found.items()))
        rows.append({"quality": jpeg_quality, "chroma_psnr": found})
    return {"data": public_name(source.text), "images": source.count, "rows": rows}


def table(found: Json) -> str:
    """Chroma PSNR of each method on JPEGs of each quality; models as gains over bilinear."""
    names = list(found["rows"][0]["chroma_psnr"])
    floor, others = names[0], names[1:]
    cells = []
    for row in found["rows"]:
        psnr = row["chroma_psnr"]
        gains = [f"{psnr[name] - psnr[floor]:+.2f}" for name in others]
        cells.append([str(row["quality"]), f"{psnr[floor]:.2f}", *gains])
    header = ["quality", f"{floor}, dB", *(f"`{n}`" if "." in n else n for n in others)]
    return (
        f"{markdown(header, cells, text_columns=0)}\nChroma PSNR of {floor}, and what others have "
        f"over it, dB; means over {found['images']} photographs (`{wording.data(found)}`).\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--data", required=True, metavar="SOURCE")
    parser.add_argument("--out", type=Path, default=RESULTS / "bitrate.json")

    def run(options: argparse.Namespace) -> None:
        write(options.out, measure(sources.open_source(options.data, "test")))

    return cli.run(parser, run, arguments)
