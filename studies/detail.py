"""What does invented detail cost, and what does it bring?

Run from the repository's root: ``python -m studies detail --data folder:PHOTOGRAPHS``.
Measures ``chroma_merged`` at several amounts of detail, beside bilinear, ``chroma_residual`` and
``chroma_gan``. Writes ``docs/results/detail.json``.
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

OUT = RESULTS / "detail.json"
MERGED = ("chroma_merged-s.r2", "chroma_merged-m.r1")
OTHERS = ("chroma_residual-s.r1", "chroma_gan-s.r1")
RECIPES = ("float32", "int8")
DETAILS = (0.0, 0.5, 1.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--data", required=True, metavar="SOURCE")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    source = sources.open_source(options.data, "test")
    plain = restoration.of("chroma")
    methods: dict[tuple[str, str, float | None], restoration.Method] = {}
    methods["bilinear", "", None] = plain.baselines()["bilinear"]
    for recipe in RECIPES:
        for name in OTHERS:
            model = TFLiteModel(models_folder.find(f"{name}.{recipe}"), threads=2)
            methods[name, recipe, None] = restoration.of(model.card.task).method(model)
        for name in MERGED:
            model = TFLiteModel(models_folder.find(f"{name}.{recipe}"), threads=2)
            for detail in DETAILS:
                own = restoration.varied(restoration.of(model.card.task), detail=detail)
                methods[name, recipe, detail] = own.method(model)
    labels = {str(key): key for key in methods}
    by_label = {label: methods[key] for label, key in labels.items()}
    measured = samples.samples(plain, source, None)
    _, values = quality.evaluate(plain, measured, by_label)
    rows = []
    for label, (name, recipe, amount) in labels.items():
        kind = "model" if recipe else "baseline"
        row = results.row(name, kind, values[label], recipe=recipe or None, detail=amount)
        print(label, {metric: value["mean"] for metric, value in row["metrics"].items()})
        rows.append(row)
    document = results.document(
        plain.task, source.count, public_name(source.text), rows, siting=plain.siting(None)
    )
    results.write_json(options.out, document, overwrite=True)
    print(f"wrote {options.out}")
