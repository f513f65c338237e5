"""What does invented detail cost, and what does it bring?

``python -m studies detail --data folder:PHOTOGRAPHS`` measures ``chroma_merged`` at several amounts
of detail, beside bilinear, ``chroma_residual`` and ``chroma_gan``. Writes
``docs/results/detail.json``.
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
from edge_demo.measure import quality, restoration, results
from edge_demo.report.tables import markdown
from export.calibrate import public_name
from export.made import shipped

from . import wording
from .command import RESULTS, command_line, write
from .wording import Json

MERGED = ("chroma_merged-s.r2", "chroma_merged-m.r1")
OTHERS = ("chroma_residual-s.r1", "chroma_gan-s.r1")
RECIPES = ("float32", "int8")
DETAILS = (0.0, 0.5, 1.0)


def measure(source: Source) -> dict[str, Any]:
    """A table of schema 1: every method, and the merged ones at each amount of detail."""
    plain = restoration.of("chroma")
    methods: dict[tuple[str, str, float | None], restoration.Method] = {}
    methods["bilinear", "", None] = plain.baselines()["bilinear"]
    for recipe in RECIPES:
        for name in OTHERS:
            model = restorers.load(shipped(f"{name}.{recipe}"), threads=2)
            methods[name, recipe, None] = model.reconstruct
        for name in MERGED:
            model = restorers.load(shipped(f"{name}.{recipe}"), threads=2)
            for detail in DETAILS:
                methods[name, recipe, detail] = model.with_options(detail=detail).reconstruct
    labels = {str(key): key for key in methods}
    by_label = {label: methods[key] for label, key in labels.items()}
    _, values = quality.evaluate(plain, samples.samples(plain, source, None), by_label)
    rows = []
    for label, (name, recipe, amount) in labels.items():
        kind = "model" if recipe else "baseline"
        row = results.row(name, kind, values[label], recipe=recipe or None, detail=amount)
        print(label, {metric: value["mean"] for metric, value in row["metrics"].items()})
        rows.append(row)
    return results.document(
        plain.task, source.count, public_name(source.text), rows, siting=plain.siting(None)
    )


def table(found: Json) -> str:
    """How far from the truth, and how sharp, at each amount of detail."""
    rows = found["rows"]
    floor = rows[0]["metrics"]["chroma_psnr"]["mean"]
    shown = ("chroma_psnr", "chroma_ssim", "chroma_sharpness")
    cells = []
    for row in rows:
        mean = {metric: row["metrics"][metric]["mean"] for metric in shown}
        cells.append([
            f"`{results.label(row)}`" if row["kind"] == "model" else results.label(row),
            f"{row['detail']:g}" if "detail" in row else "",
            f"{mean['chroma_psnr']:.2f}",
            f"{mean['chroma_psnr'] - floor:+.2f}",
            f"{mean['chroma_ssim']:.4f}",
            f"{mean['chroma_sharpness']:.3f}",
        ])  # fmt: skip
    likeness = [results.METRICS[name].column for name in ("chroma_ssim", "chroma_sharpness")]
    header = ["method", "detail", "chroma PSNR, dB", f"over {rows[0]['name']}, dB", *likeness]
    return (
        f"{markdown(header, cells)}\nMeans over {found['images']} photographs "
        f"(`{wording.data(found)}`), {found['siting']} siting.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--data", required=True, metavar="SOURCE")
    parser.add_argument("--out", type=Path, default=RESULTS / "detail.json")

    def run(options: argparse.Namespace) -> None:
        write(options.out, measure(sources.open_source(options.data, "test")))

    return cli.run(parser, run, arguments)
