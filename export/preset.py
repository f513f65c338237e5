"""Ship a run as a preset: every recipe measured, weights stored, a card page written.

Or measure a preset anew, where what is around its network has changed: its networks stay as they
are, byte for byte; the cards of its files, its page, its tables and the index say what it is now.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_models
from datasets import samples, sources
from datasets.source import Source
from edge_demo.device import restorers
from edge_demo.errors import UserError
from edge_demo.measure import quality, restoration, results
from edge_demo.measure.restoration import Restoration
from edge_demo.model import models_folder, package
from edge_demo.tasks.record import Task
from keras_models import packed, runs

from . import chosen, files, index, page
from .calibrate import collect, public_name
from .check import kilo_macs_per_pixel
from .chosen import Chosen
from .convert import Network, applicable, tile_of
from .page import Shipped
from .recipes import NAMES, RECIPES


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
        calibrate: sources of photographs, joined as for training.
        evaluate: a source of others.
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
    _check_name(name, record["config"])
    _check_qat(run, qat)
    _check_replaces(name, bool(qat), overwrite)
    calibration, evaluation = _disjoint(calibrate, evaluate)

    task = keras_models.task(record["config"]["model"], record["config"]["size"])
    networks = _networks(run, qat, task, calibration)
    written = _measured_and_written(networks, task, name, terms, evaluation)
    kept = [_keep_weights(run, record, name, terms, networks[0].network.to_keep())]
    if qat:
        kept.append(_keep_weights(qat, runs.read_record(qat), f"{name}-qat", terms))
    return [*written, *itertools.chain(*kept)]


def measure_anew(name: str, evaluate: str) -> list[Path]:
    """Measure every recipe of a preset again, and write what says so.

    Args:
        name: of the preset.
        evaluate: a source of photographs.

    Returns:
        Every file written: models, page, tables, index.

    Raises:
        UserError: no such preset, or nothing is stored of its calibration; a source that shares
            photographs with it is not refused, because no path is stored.
    """
    record = runs.read_record(Path(name))
    task = keras_models.task(record["config"]["model"], record["config"]["size"])
    evaluation = sources.open_source(evaluate, "test")
    found = [one for one in (name, f"{name}-qat") if one in runs.presets()]
    if not found or not runs.is_preset(Path(name)):
        raise UserError(f"{name}: no such preset ({', '.join(runs.presets())})")
    networks = []
    for one in found:
        run = Path(one)
        network = stored_network(run)
        if not (network.trained or network.chosen):
            raise UserError(f"{one}: nothing is stored of its calibration; ship it again")
        networks.append(_Trained(run, runs.read_record(run), network))
    return _measured_and_written(networks, task, name, record["terms"], evaluation)


def stored_network(run: Path) -> Network:
    """The network of a preset, with what calibration chose for it, if that is stored.

    Args:
        run: the preset's name.

    Raises:
        UserError: as ``runs.load_model``.
    """
    record = runs.read_record(run)
    config, known = record["config"], record.get("quantisation")
    task = keras_models.task(config["model"], config["size"])
    return Network(
        runs.load_model(run), task, keras_models.in_floats(config["model"]), tile=tile_of(task),
        chosen=chosen.of_values(known) if known else None,
    )  # fmt: skip


def _measured_and_written(
    networks: Sequence[_Trained], task: Task, name: str, terms: str, evaluation: Source
) -> list[Path]:
    """A preset's files with what was measured of them, its page, its tables and the index."""
    with tempfile.TemporaryDirectory() as folder:
        measured = _measured(networks, task, name, terms, evaluation, Path(folder))
        written = [
            with_metrics(draft, measured.usual, models_folder.FOLDER) for draft in measured.drafts
        ]
    for path in models_folder.FOLDER.glob(f"{name}.*.tflite"):
        if path not in written:  # of what this name was before
            path.unlink()
    sizes = {_card(path)["recipe"]: path.stat().st_size for path in written}
    tables = {
        siting: _whole_table(table, sizes, measured.equals)
        for siting, table in measured.tables.items()
    }
    pages = page.write(
        Shipped(
            name,
            measured.cards,
            sizes,
            measured.equals,
            measured.left_out,
            measured.kilo_macs,
            tables,
        )
    )
    listed = index.replace(models_folder.FOLDER, written, measured.equals)
    return [*written, *pages, *listed]


@dataclass(frozen=True)
class _Trained:
    """A run, what it recorded, and its network ready for conversion."""

    run: Path
    record: Mapping[str, Any]
    network: Network


@dataclass(frozen=True)
class _Measured:
    """A preset's files before they are stored, and what was measured of them.

    Attributes:
        drafts: the files, of which none equals another.
        cards: recipe to card.
        equals: recipe to the one whose file it shares.
        left_out: recipe to why this network has none.
        kilo_macs: thousand multiply-accumulates a pixel.
        tables: siting (None where the task has none) to a schema-1 table.
        usual: the one of them whose figures the cards hold.
    """

    drafts: list[Path]
    cards: dict[str, Mapping[str, Any]]
    equals: dict[str, str]
    left_out: dict[str, str]
    kilo_macs: float
    tables: dict[str | None, dict[str, Any]]
    usual: dict[str, Any]


def _check_name(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a name that says another model or size than the run's."""
    expected = f"{config['model']}-{config['size']}"
    if not re.fullmatch(re.escape(expected) + r"\.r[1-9]\d*", name):
        raise UserError(f"--name {name}: this run's presets are named {expected}.r1, .r2, ...")


def _check_replaces(name: str, with_qat: bool, overwrite: bool) -> None:
    """Refuse to replace a preset unasked, or to leave half of the old one behind."""
    weights = runs.WEIGHTS / f"{name}.weights.h5"
    if weights.exists() and not overwrite:
        raise UserError(f"{weights} exists already; pass --overwrite, or ship the next rN")
    if not with_qat and (runs.WEIGHTS / f"{name}-qat.keras").exists():
        # Its files would stay behind, of other weights than the new ones.
        raise UserError(f"{name} has a quantisation-aware run; name the one to ship with --qat")


def _disjoint(calibrate: str, evaluate: str) -> tuple[list[Source], Source]:
    """The sources to calibrate and to evaluate on; refused where they share a photograph."""
    calibration = sources.open_all(calibrate, "train")
    evaluation = sources.open_source(evaluate, "test")
    if any(set(source.paths) & set(evaluation.paths) for source in calibration):
        raise UserError("--calibrate and --evaluate share photographs")
    return calibration, evaluation


def _networks(
    run: Path, qat: Path | None, task: Task, calibration: Sequence[Source]
) -> list[_Trained]:
    """The run's network with its calibration, and the quantisation-aware one, if any, last."""
    side, record = tile_of(task), runs.read_record(run)
    inputs = collect(restoration.of(task), calibration, side)
    stated = keras_models.in_floats(record["config"]["model"])
    plain = Network(runs.load_model(run), task, stated, inputs, side)
    networks = [_Trained(run, record, plain)]
    if qat:
        trained = Network(runs.load_model(qat), task, stated, None, side)
        networks.append(_Trained(qat, runs.read_record(qat), trained))
    return networks


def _measured(
    networks: Sequence[_Trained],
    task: Task,
    name: str,
    terms: str,
    evaluation: Source,
    folder: Path,
) -> _Measured:
    """Every recipe's file, written to ``folder`` and measured; equal graphs only once."""
    restored = restoration.of(task)
    drafts, left_out = _drafts(networks, name, terms, folder)
    cards = {values["recipe"]: values for values in (_card(path) for path in drafts)}
    drafts, equals = index.unlike(drafts)
    tables: dict[str | None, dict[str, Any]] = {
        siting: _measure(restored, drafts, evaluation, siting)
        for siting in restored.sitings or (None,)
    }
    usual = tables[restored.siting(None)]
    return _Measured(drafts, cards, equals, left_out, kilo_macs_per_pixel(drafts[0]), tables, usual)


def _whole_table(
    table: Mapping[str, Any], sizes: Mapping[str, int], equals: Mapping[str, str]
) -> dict[str, Any]:
    """A table with the sizes of the stored files, metrics in their cards, and equal recipes."""
    rows = [
        {**row, "bytes": sizes[row["recipe"]]} if "recipe" in row else row for row in table["rows"]
    ]
    return {**table, "rows": with_equals(rows, equals)}


def _card(path: Path) -> Mapping[str, Any]:
    return package.read_card(path).values


def with_equals(rows: list[dict[str, Any]], equals: Mapping[str, str]) -> list[dict[str, Any]]:
    """A table's rows, and those of recipes that equal another: its figures, and its name."""
    by_recipe = {row["recipe"]: row for row in rows if "recipe" in row}
    by_recipe |= {
        recipe: {**by_recipe[other], "recipe": recipe, "equals": other}
        for recipe, other in equals.items()
    }
    models = [by_recipe[recipe] for recipe in NAMES if recipe in by_recipe]
    return [*(row for row in rows if "recipe" not in row), *models]


def _drafts(
    networks: Sequence[_Trained], name: str, terms: str, folder: Path
) -> tuple[list[Path], dict[str, str]]:
    """Every recipe's file, in the order of ``NAMES``; and recipes that do not fit, with the reason.

    Args:
        networks: the quantisation-aware one last.
        name, terms: for the cards.
        folder: to write to.
    """
    drafts: list[Path] = []
    left_out: dict[str, str] = {}
    for trained in networks:
        card = files.base_card(trained.record, name, terms, runs.stages(trained.run))
        # What both can give is given by the network that was trained for it, the last.
        last = trained is networks[-1]
        network = trained.network
        fitting = [
            recipe
            for recipe in RECIPES
            if applicable(recipe, bool(network.trained)) and (last or not recipe.edgetpu)
        ]
        for recipe in fitting:
            if recipe.most_loss is not None and network.chosen and network.chosen.floats is None:
                left_out[recipe.name] = page.reason(name, recipe.name)
                continue
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


def _keep_weights(
    run: Path, record: Mapping[str, Any], name: str, terms: str, ranges: Chosen | None = None
) -> list[Path]:
    """Store a run's weights, and all that is needed to make its files again, as a preset."""
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
    if ranges:
        public["quantisation"] = ranges.values()
    results.write_json(told, public, overwrite=True)
    if record["config"].get("qat"):
        # Its layers hold the ranges of 8 bits, which no size knows: the whole model is kept.
        source = runs.model_file(run)
        if source != model:
            packed.pack(source, model)
        return [model, told]
    if runs.model_file(run) != plain:
        with tempfile.TemporaryDirectory() as scratch:
            whole = Path(scratch) / plain.name
            runs.load_model(run).save_weights(whole)
            packed.pack(whole, plain)
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


def with_metrics(
    draft: Path, table: Mapping[str, Any], folder: Path, facts: Mapping[str, Any] | None = None
) -> Path:
    """Write a draft again, to a folder, with what was measured in its card, and further facts."""
    card = package.read_card(draft)
    metrics = next(r["metrics"] for r in table["rows"] if r.get("recipe") == card.values["recipe"])
    measured = {
        name: {**value, "images": table["images"], "data": table["data"]}
        for name, value in metrics.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / draft.name
    flatbuffer = package.flatbuffer(draft)
    files.write(target, flatbuffer, {**card.values, "metrics": measured, **(facts or {})})
    return target
