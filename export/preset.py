"""Ship a run as a preset: every recipe measured, weights stored, a card page written."""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras_models
from datasets import samples, sources
from datasets.source import Source
from edge_demo.device import restorers
from edge_demo.errors import UserError
from edge_demo.measure import quality, restoration, results
from edge_demo.measure.restoration import Restoration
from edge_demo.model import package
from edge_demo.tasks import chroma, jpeg
from edge_demo.tasks.record import Task
from keras_models import runs

from . import files
from .calibrate import collect, public_name
from .check import kilo_macs_per_pixel
from .convert import Network, applicable, tile_of
from .recipes import NAMES, RECIPES

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "edge_demo" / "models"
PAGES = ROOT / "docs" / "models"
# What a network's cost is stated on where it sees whole pictures: width, height.
COST_SIZE = (600, 400)

Tables = Mapping[str | None, Mapping[str, Any]]  # by siting; None where the task has none


def ship(
    run: Path,
    qat: Path | None,
    name: str,
    calibrate: str,
    evaluate: str,
    terms: str | None,
    overwrite: bool,
) -> list[Path]:
    """Export, measure and document a run as preset ``name``.

    Args:
        run: a finished run, or a preset whose files are to be made again.
        qat: a finished run of quantisation-aware training that started from it; its recipes are
            left out without one.
        name: ``MODEL-SIZE.rN``.
        calibrate, evaluate: sources of photographs, disjoint.
        terms: of the photographs that the run was trained on, for card and page; None: what the
            run itself says.
        overwrite: replace an existing preset of this name.

    Returns:
        Every file written: models, weights, page, table.

    Raises:
        UserError: a name that does not fit the run, sources that overlap, existing files.
    """
    record = runs.read_record(run)
    terms = terms or record.get("terms")
    if not terms:
        raise UserError("--terms is needed: under which may the training photographs be used?")
    expected = f"{record['config']['model']}-{record['config']['size']}"
    if not re.fullmatch(re.escape(expected) + r"\.r[1-9]\d*", name):
        raise UserError(f"--name {name}: this run's presets are named {expected}.r1, .r2, ...")
    _check_qat(run, qat)
    calibration_source = sources.open_source(calibrate, "train")
    evaluation_source = sources.open_source(evaluate, "test")
    if set(calibration_source.paths) & set(evaluation_source.paths):
        raise UserError("--calibrate and --evaluate share photographs")
    weights = runs.WEIGHTS / f"{name}.weights.h5"
    if weights.exists() and not overwrite:
        raise UserError(f"{weights} exists already; pass --overwrite, or ship the next rN")
    if not qat and (runs.WEIGHTS / f"{name}-qat.keras").exists():
        # Its files would stay behind, of other weights than the new ones.
        raise UserError(f"{name} has a quantisation-aware run; name the one to ship with --qat")

    task = keras_models.task(record["config"]["model"], record["config"]["size"])
    restored = restoration.of(task)
    side = tile_of(task)
    calibration = collect(restored, calibration_source, side)
    networks = [(run, record, Network(runs.load_model(run), task, calibration, side))]
    if qat:
        networks.append(
            (qat, runs.read_record(qat), Network(runs.load_model(qat), task, None, side))
        )
    with tempfile.TemporaryDirectory() as folder:
        drafts, left_out = _drafts(networks, name, terms, Path(folder))
        tables: Tables = {
            siting: _measure(restored, drafts, evaluation_source, siting)
            for siting in restored.sitings or (None,)
        }
        usual = tables[restored.siting(None)]
        written = [_with_metrics(draft, usual, evaluation_source.text) for draft in drafts]
    sizes = {package.read_card(p).values["recipe"]: p.stat().st_size for p in written}
    for row in (row for table in tables.values() for row in table["rows"] if "recipe" in row):
        row["bytes"] = sizes[row["recipe"]]  # with the metrics in its card
    kept = [_keep_weights(run, record, name, terms)]
    if qat:
        kept.append(_keep_weights(qat, runs.read_record(qat), f"{name}-qat", terms))
    return [*written, *itertools.chain(*kept), *_document(name, written, tables, left_out)]


def _drafts(
    networks: Sequence[tuple[Path, Mapping[str, Any], Network]], name: str, terms: str, folder: Path
) -> tuple[list[Path], dict[str, str]]:
    """Every recipe's file, in the order of ``NAMES``; and recipes that do not fit, with the reason.

    Args:
        networks: run, its record and its network; the quantisation-aware one last.
        name, terms: for the cards.
        folder: to write to.
    """
    drafts: list[Path] = []
    left_out: dict[str, str] = {}
    for source, told, network in networks:
        card = files.base_card(told, name, terms, runs.stages(source))
        # What both can give is given by the network that was trained for it, the last.
        last = source is networks[-1][0]
        chosen = [
            recipe
            for recipe in RECIPES
            if applicable(recipe, bool(network.trained)) and (last or not recipe.edgetpu)
        ]
        for recipe in chosen:
            try:
                drafts += files.export(network, card, [recipe], folder)
            except UserError as error:
                # Not every network fits an Edge TPU, nor is saved by a few floats; the page says
                # why this one is not.
                if not recipe.edgetpu and recipe.most_loss is None:
                    raise
                left_out[recipe.name] = str(error)
    drafts.sort(key=lambda path: NAMES.index(package.read_card(path).values["recipe"]))
    return drafts, left_out


def _check_qat(run: Path, qat: Path | None) -> None:
    """Refuse a run that is not the quantisation-aware continuation of the other."""
    if runs.read_record(run)["config"].get("qat"):
        raise UserError(f"{run} is quantisation-aware; name the run it started from, and it --qat")
    if qat and Path(runs.read_record(qat)["config"].get("qat") or "").name != run.name:
        raise UserError(f"--qat {qat} did not start from {run}")


def _keep_weights(run: Path, record: Mapping[str, Any], name: str, terms: str) -> list[Path]:
    """Store a run's weights, and what is known of them, under a preset's name."""
    folder = runs.WEIGHTS
    folder.mkdir(exist_ok=True)
    model, plain, told = (folder / f"{name}{kind}" for kind in (".keras", ".weights.h5", ".json"))
    stages = [
        {
            **stage,
            "config": files.public_config(stage["config"]),
            "data": public_name(stage["data"]),
        }
        for stage in runs.stages(run)
    ]
    public = {
        "config": files.public_config(record["config"]),
        "data": public_name(record["data"]),
        "val": public_name(record["val"]) if record["val"] else None,
        "terms": terms,
        "versions": record["versions"],
        "stages": stages,
    }
    results.write_json(told, public, overwrite=True)
    if record["config"].get("qat"):
        # Its layers hold the ranges of 8 bits, which no size knows: the whole model is kept.
        source = runs.model_file(run)
        if source != model:
            shutil.copyfile(source, model)
        return [model, told]
    if runs.model_file(run) != plain:
        runs.load_model(run).save_weights(plain)
    return [plain, told]


def _measure(
    restored: Restoration, drafts: list[Path], source: Source, siting: str | None
) -> dict[str, Any]:
    """A schema-1 table of every recipe and baseline."""

    def candidate(path: Path) -> quality.Candidate:
        restorer = restorers.load(path, threads=2)
        assert restorer.card is not None
        values = restorer.card.values
        return quality.Candidate(
            values["preset"],
            values["recipe"],
            path.stat().st_size,
            restorer.reconstruct,
            quality.probe(restored, restorer),
        )

    document, _, _ = quality.table(
        restored,
        [candidate(path) for path in drafts],
        samples.samples(restored, source, siting),
        public_name(source.text),
        siting,
    )
    return document


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
    name: str, written: list[Path], tables: Tables, left_out: Mapping[str, str]
) -> list[Path]:
    """The preset's page and its tables as JSON."""
    PAGES.mkdir(parents=True, exist_ok=True)
    out = []
    for siting, table in tables.items():
        path = PAGES / (f"{name}.{siting}.json" if siting else f"{name}.json")
        results.write_json(path, table, overwrite=True)
        out.append(path)
    page = PAGES / f"{name}.md"
    results.write_text(page, _page(name, written, tables, left_out), overwrite=True)
    return [*out, page]


def _page(name: str, written: list[Path], tables: Tables, left_out: Mapping[str, str]) -> str:
    cards = {path: package.read_card(path).values for path in written}
    by_recipe = {values["recipe"]: values for values in cards.values()}
    values = by_recipe["float32"]
    task = package.read_card(written[0]).task
    calibration, training = by_recipe["int8"]["calibration"], values["training"]
    config, versions = training["config"], training["versions"]
    variant = f", variant {task.variant}" if task.variant else ""
    lines = [
        f"# {name}",
        "",
        "Generated by `python -m export preset`; the same card travels inside each file.",
        "",
        f"- Task: {values['task']}, contract {values['contract']}{variant}",
        f"- Network: `keras_models/{config['model']}.py`, size {config['size']}, "
        f"{_cost(task, kilo_macs_per_pixel(written[0]))}",
        f"- Trained on: {training['data']}",
        f"- Terms: {training['terms']}",
        *(_stage(stage) for stage in training["stages"]),
        f"- Keras {versions['keras']}, TensorFlow {versions['tensorflow']}",
        f"- Calibrated on: {calibration['tiles']} tiles of {calibration['photographs']} "
        f"photographs of {calibration['source']}, seed {calibration['seed']}",
    ]
    if mixed := by_recipe.get("mixed"):
        lines.append(
            f"- mixed: {', '.join(mixed['floats']) or 'no operation'} in floats, to lose at most "
            f"{mixed['most_loss_db']:g} dB on calibration photographs"
        )
    if "qat" in by_recipe:
        lines.append(f"- qat: {_stage(by_recipe['qat']['training']['stages'][-1])[2:]}")
    lines += [f"- {recipe} is left out: {reason}" for recipe, reason in left_out.items()]
    if not restoration.of(task).whole:
        lines.append(f"- Tiles overlap by {values['halo']} pixels on each side")
    if isinstance(task, chroma.Variant) and task.told_quality:
        least, most = jpeg.QUALITIES
        lines.append(
            f"- Measured and calibrated on JPEGs, each of its own quality, {least} to {most}"
        )
    lines.append("")
    for siting, table in tables.items():
        lines += _section(task, siting, table)
    lines += [
        "## Files",
        "",
        f"| file | KiB | {_SIZE[task.name]} | ranges | sha256 of the network |",
        "|---|---:|---:|---|---|",
    ]
    lines += [
        f"| `{path.name}` | {path.stat().st_size / 1024:.0f} | {_taken(task, card)} | "
        f"{card.get('ranges', '')} | `{card['weights_sha256'][:16]}` |"
        for path, card in cards.items()
    ]
    return "\n".join(lines) + "\n"


# What the size in a card is.
_SIZE = {"chroma": "largest tile", "colorize": "pixels at once", "enhance": "pixels at once"}


def _taken(task: Task, card: Mapping[str, Any]) -> str:
    """How much of a picture a file takes at once."""
    if not restoration.of(task).whole:
        return str(card["tile"])
    height, width = card["frame"]
    return f"{width}x{height}" if card.get("static") else "any"


def _cost(task: Task, kilo_macs: float) -> str:
    """What a network has to multiply."""
    per_pixel = f"{kilo_macs:.1f} kMAC per luma pixel"
    if not restoration.of(task).whole:
        return per_pixel
    width, height = task.frame if restoration.of(task).example and task.frame else COST_SIZE
    return f"{per_pixel}, {kilo_macs * width * height / 1e6:.2f} GMAC at {width}x{height}"


def _stage(stage: Mapping[str, Any]) -> str:
    config = stage["config"]
    before = config.get("qat") or config["start_from"]
    aware = " on 8-bit steps" if config.get("qat") else ""
    start = f", from the weights of {before}" if before else ""
    stages = config.get("progressive") or [(1.0, config["patch"], config["batch"])]
    crops = ", then ".join(f"{batch} crops of {patch} pixels" for _, patch, batch, *_ in stages)
    return (
        f"- Training{aware}: {config['steps']} steps of {crops} on the "
        f"{config.get('loss', 'charbonnier')} loss{start}, {stage['hours']:.1f} h"
    )


def _section(task: Task, siting: str | None, table: Mapping[str, Any]) -> list[str]:
    rows = table["rows"]
    headline, *others = restoration.of(task).metrics
    first = next(r for r in rows if r["name"] == task.reference)
    floor = first["metrics"][headline]["mean"]
    what = f"{table['images']} photographs of {table['data']}"
    lines = [
        f"## {what}, {siting} siting" if siting else f"## {what}",
        "",
        "Mean over photographs of each one's figure, on 8-bit values.",
        "",
        f"| method | {results.METRICS[headline].column} | minimum | maximum | "
        f"over {task.reference}, dB | "
        f"{' | '.join(results.METRICS[metric].column for metric in others)} |",
        "|---|---:|---:|---:|---:|" + "---:|" * len(others),
    ]
    for r in rows:
        m = r["metrics"]
        psnr = m[headline]
        further = (
            f"{m[metric]['mean']:.{results.METRICS[metric].digits}f}" if metric in m else ""
            for metric in others
        )
        lines.append(
            f"| {results.label(r)} | {psnr['mean']:.2f} | {psnr['min']:.2f} | {psnr['max']:.2f} | "
            f"{psnr['mean'] - floor:+.2f} | {' | '.join(further)} |"
        )
    return [*lines, ""]
