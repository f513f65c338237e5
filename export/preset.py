"""Ship a run as a preset: every recipe measured, weights stored, a card page written."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import sources
from edge_demo.runtime import package, quality, results
from edge_demo.runtime.errors import UserError
from edge_demo.runtime.model import TFLiteModel
from edge_demo.runtime.siting import SITINGS
from edge_demo.runtime.tiling import reconstruct
from keras_models import runs

from . import files
from .calibrate import collect, public_name
from .check import kilo_macs_per_pixel
from .recipes import RECIPES

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "edge_demo" / "models"
PAGES = ROOT / "docs" / "models"


def ship(
    run: Path, name: str, calibrate: str, evaluate: str, terms: str, overwrite: bool
) -> list[Path]:
    """Export, measure and document a run as preset ``name``.

    Args:
        run: a finished run.
        name: ``MODEL-SIZE.rN``.
        calibrate, evaluate: sources of photographs, disjoint.
        terms: of the photographs that the run was trained on, for card and page.
        overwrite: replace an existing preset of this name.

    Returns:
        Every file written: models, weights, page, table.

    Raises:
        UserError: a name that does not fit the run, sources that overlap, existing files.
    """
    record = runs.read_record(run)
    expected = f"{record['config']['model']}-{record['config']['size']}"
    if not re.fullmatch(re.escape(expected) + r"\.r[1-9]\d*", name):
        raise UserError(f"--name {name}: this run's presets are named {expected}.r1, .r2, ...")
    calibration_source = sources.open_source(calibrate, "train")
    evaluation_source = sources.open_source(evaluate, "test")
    if set(calibration_source.paths) & set(evaluation_source.paths):
        raise UserError("--calibrate and --evaluate share photographs")
    weights = runs.WEIGHTS / f"{name}.keras"
    if weights.exists() and not overwrite:
        raise UserError(f"{weights} exists already; pass --overwrite, or ship the next rN")

    model = runs.load_model(run)
    card = files.base_card(record, name, terms, runs.stages(run))
    calibration = collect(calibration_source, files.TILE)
    with tempfile.TemporaryDirectory() as folder:
        drafts = files.export(model, card, RECIPES, calibration, Path(folder))
        tables = {siting: _measure(drafts, evaluation_source, siting) for siting in SITINGS}
        written = [
            _with_metrics(draft, tables["center"], evaluation_source.text) for draft in drafts
        ]
    weights.parent.mkdir(exist_ok=True)
    shutil.copyfile(run / "model.keras", weights)
    plain = weights.with_name(f"{name}.weights.h5")
    model.save_weights(plain)
    return [*written, weights, plain, *_document(name, written, tables)]


def _measure(drafts: list[Path], source: sources.Source, siting: str) -> dict[str, Any]:
    """A schema-1 table of every recipe and baseline."""
    models = [TFLiteModel(path, threads=2) for path in drafts]
    methods = quality.baselines() | {
        model.card.name: (lambda planes, model=model: reconstruct(planes, model))
        for model in models
    }
    names, values = quality.evaluate(sources.photographs(source), methods, siting)
    rows = [results.row(name, "baseline", values[name]) for name in quality.baselines()]
    rows += [
        results.row(
            model.card.values["preset"],
            "model",
            values[model.card.name],
            recipe=model.card.values["recipe"],
            bytes=model.path.stat().st_size,
        )
        for model in models
    ]
    task = models[0].card.task
    return results.document(task, len(names), public_name(source.text), rows, siting=siting)


def _with_metrics(draft: Path, table: Mapping[str, Any], data: str) -> Path:
    """Write a draft again with what was measured in its card."""
    card = package.read_card(draft)
    metrics = next(r["metrics"] for r in table["rows"] if r.get("recipe") == card.values["recipe"])
    measured = {
        name: {**value, "images": table["images"], "data": public_name(data)}
        for name, value in metrics.items()
    }
    MODELS.mkdir(exist_ok=True)
    target = MODELS / draft.name
    flatbuffer = package.flatbuffer(draft)
    files.write(target, flatbuffer, {**card.values, "metrics": measured})
    return target


def _document(
    name: str, written: list[Path], tables: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    """The preset's page and its tables as JSON."""
    PAGES.mkdir(parents=True, exist_ok=True)
    out = []
    for siting, table in tables.items():
        path = PAGES / f"{name}.{siting}.json"
        results.write_json(path, table, overwrite=True)
        out.append(path)
    page = PAGES / f"{name}.md"
    results.write_text(page, _page(name, written, tables), overwrite=True)
    return [*out, page]


def _page(name: str, written: list[Path], tables: Mapping[str, Mapping[str, Any]]) -> str:
    values = package.read_card(written[0]).values
    int8 = next(p for p in written if ".int8." in p.name)
    calibration = package.read_card(int8).values["calibration"]
    training = values["training"]
    config = training["config"]
    lines = [
        f"# {name}",
        "",
        "Generated by `python -m export preset`; the same card travels inside each file.",
        "",
        f"- Task: {values['task']}, contract {values['contract']}",
        f"- Network: `keras_models/{config['model']}.py`, size {config['size']}, "
        f"{kilo_macs_per_pixel(written[0]):.1f} kMAC per luma pixel",
        f"- Trained on: {training['data']}",
        f"- Terms: {training['terms']}",
        *(_stage(stage) for stage in training["stages"]),
        f"- Keras {training['versions']['keras']}, TensorFlow {training['versions']['tensorflow']}",
        f"- Calibrated on: {calibration['tiles']} tiles of {calibration['photographs']} "
        f"photographs of {calibration['source']}, seed {calibration['seed']}",
        f"- One inference takes {values['tile']}x{values['tile']} pixels or less; tiles overlap "
        f"by {values['halo']} pixels on each side",
        "",
    ]
    for siting, table in tables.items():
        lines += _siting_section(siting, table)
    lines += ["## Files", "", "| file | KiB | sha256 of the network |", "|---|---:|---|"]
    lines += [
        f"| `{path.name}` | {path.stat().st_size / 1024:.0f} | "
        f"`{package.read_card(path).values['weights_sha256'][:16]}` |"
        for path in written
    ]
    return "\n".join(lines) + "\n"


def _stage(stage: Mapping[str, Any]) -> str:
    config = stage["config"]
    start = f", from the weights of {config['start_from']}" if config["start_from"] else ""
    return (
        f"- Training: {config['steps']} steps of {config['batch']} crops of {config['patch']} "
        f"pixels on the {config.get('loss', 'charbonnier')} loss{start}, {stage['hours']:.1f} h"
    )


def _siting_section(siting: str, table: Mapping[str, Any]) -> list[str]:
    rows = table["rows"]
    floor = next(r for r in rows if r["name"] == "bilinear")["metrics"]["chroma_psnr"]["mean"]
    lines = [
        f"## {table['images']} photographs of {table['data']}, {siting} siting",
        "",
        "Mean over photographs of each one's figure, on 8-bit values.",
        "",
        "| method | chroma PSNR, dB | minimum | maximum | over bilinear, dB | chroma SSIM | "
        "RGB PSNR, dB | RGB SSIM |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for r in rows:
        m = r["metrics"]
        psnr = m["chroma_psnr"]
        lines.append(
            f"| {results.label(r)} | {psnr['mean']:.2f} | {psnr['min']:.2f} | {psnr['max']:.2f} | "
            f"{psnr['mean'] - floor:+.2f} | {m['chroma_ssim']['mean']:.4f} | "
            f"{m['rgb_psnr']['mean']:.2f} | {m['rgb_ssim']['mean']:.4f} |"
        )
    return [*lines, ""]
