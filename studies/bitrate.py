"""What is chroma reconstruction worth on JPEGs, and what does it gain by knowing their quality?

Run from the repository's root: ``python -m studies bitrate --data folder:PHOTOGRAPHS``. Each
photograph is made a JPEG of each quality, and every method rebuilds its chroma. Writes
``docs/results/bitrate.json``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import samples, sources
from edge_demo.measure import quality, restoration, results
from edge_demo.model import models_folder
from edge_demo.model.tflite import TFLiteModel
from export.calibrate import public_name

from .command import RESULTS, command_line

OUT = RESULTS / "bitrate.json"
QUALITIES = (30, 50, 70, 85, 95, 98, 100)
MODELS = ("chroma_residual-s.r1.float32", "chroma_residual-s.r1.qat",
          "chroma_bitrate-s.r2.float32", "chroma_bitrate-s.r2.int8")  # fmt: skip
BASELINES = ("bilinear", "lanczos4")


def measured(source: sources.Source, jpeg_quality: int) -> dict[str, float]:
    """Method to mean chroma PSNR at a quality."""
    plain = restoration.varied(restoration.of("chroma"), quality=jpeg_quality)
    methods = {name: plain.baselines()[name] for name in BASELINES}
    for name in MODELS:
        model = TFLiteModel(models_folder.find(name), threads=2)
        own = restoration.varied(restoration.of(model.card.task), quality=jpeg_quality)
        methods[name] = own.method(model)
    _, values = quality.evaluate(plain, samples.samples(plain, source, None), methods)
    found = {}
    for name, metrics in values.items():
        psnr = [value for value in metrics["chroma_psnr"] if value is not None]
        found[name] = round(sum(psnr) / len(psnr), 4)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--data", required=True, metavar="SOURCE")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    source = sources.open_source(options.data, "test")
    rows = []
    for jpeg_quality in QUALITIES:
        found = measured(source, jpeg_quality)
        print(jpeg_quality, "  ".join(f"{name} {value:.2f}" for name, value in found.items()))
        rows.append({"quality": jpeg_quality, "chroma_psnr": found})
    document = {"data": public_name(source.text), "images": source.count, "rows": rows}
    results.write_json(options.out, document, overwrite=True)
    print(f"wrote {options.out}")
