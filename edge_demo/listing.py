"""``models``: what there is, what of it is here, and what is not yet."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import cli, tasks
from .errors import UserError
from .measure import results
from .model import models_folder, models_index, purposes
from .model.models_index import Entry, Index
from .model.package import read_card
from .report.tables import aligned


@dataclass(frozen=True)
class Line:
    """A recipe of a preset, in the index or found beside it.

    Attributes:
        preset, recipe, task: what it is.
        bytes: of its file.
        value: its headline figure, None where it was not measured.
        data: the photographs of that.
        here: whether its file is.
        equals: the recipe that it equals, if any.
    """

    preset: str
    recipe: str
    task: str
    bytes: int
    value: float | None
    data: str
    here: bool
    equals: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``models``."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="with --fetch: presets, or PRESET.RECIPE"
    )
    parser.add_argument(
        "--all", action="store_true", help="every recipe, and whether its file is here"
    )
    parser.add_argument(
        "--fetch", action="store_true", help="take files that are not here; default: all of them"
    )
    parser.add_argument(
        "--from", dest="source", metavar="DIR|URL",
        help="with --fetch: where from; default: what the index says",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """``models``; the exit code.

    Raises:
        UserError: no models, unknown names, or files that cannot be had.
    """
    index = models_index.read(models_folder.FOLDER)
    if options.fetch:
        return _fetch(options, index)
    if options.source or options.names:
        raise UserError("names and --from are for --fetch")
    lines = _lines(index)
    if not lines:
        raise UserError(f"no models in {models_folder.FOLDER}")
    print(_every(lines) if options.all else _presets(lines))
    if not options.all:
        print("models --all lists every recipe, with what was measured of it")
        print("run --model takes any part of a name that is of one preset alone, such as unet")
    print(f"next: {cli.program()} run photo.jpg restored.png")
    return 0


def _lines(index: Index) -> list[Line]:
    """What the index lists, and behind it files that it does not, preset by preset."""
    files = models_folder.shipped()
    lines = [
        Line(
            entry.preset, entry.recipe, entry.task, entry.bytes,
            entry.figures.get(_headline(entry.task)), entry.data, entry.stored_as in files,
            entry.equals,
        )
        for entry in index.entries.values()
    ]  # fmt: skip
    for name, path in files.items():
        if name not in index.entries:
            card = read_card(path)
            found = card.values.get("metrics", {}).get(card.task.headline_metric, {})
            preset, _, recipe = name.rpartition(".")
            lines.append(
                Line(preset, recipe, card.task.name, path.stat().st_size, found.get("mean"),
                     found.get("data", ""), True)
            )  # fmt: skip
    return sorted(lines, key=lambda line: line.preset)


def _headline(task: str) -> str:
    return tasks.first(task).headline_metric


def _presets(lines: Sequence[Line]) -> str:
    """A line a preset: what it is for, and the size of the file that is taken of it."""
    by_preset: dict[str, list[Line]] = {}
    for line in lines:
        by_preset.setdefault(line.preset, []).append(line)
    rows = []
    for preset, of_preset in by_preset.items():
        order = [*models_folder.DEFAULT_RECIPES, *(line.recipe for line in of_preset)]
        usual = min(of_preset, key=lambda line: (not line.here, order.index(line.recipe)))
        words = [purposes.of(preset, usual.task).line]
        words += [f"the usual one of {what}" for what in models_folder.usual_of(preset)]
        words += [] if usual.here else ["not here: models --fetch takes it"]
        size = f"{usual.bytes / 1024:.0f}"
        rows.append([preset, usual.task, size, "; ".join(words)])
    return aligned(["preset", "task", "KiB", "for"], rows, ["preset", "task", "for"])


def _every(lines: Sequence[Line]) -> str:
    """A line a recipe."""
    rows = {
        f"{line.preset}.{line.recipe}": (
            line, [f"equals {line.equals}" if line.equals else "yes" if line.here else "no"]
        )
        for line in lines
    }  # fmt: skip
    return _table(rows, "model", ["here"])


def _table(rows: Mapping[str, tuple[Line, list[str]]], first: str, columns: Sequence[str]) -> str:
    lines = []
    for name, (line, more) in rows.items():
        metric = _headline(line.task)
        text = "not measured"
        if line.value is not None:
            text = f"{line.value:.2f} {results.METRICS[metric].unit} on {line.data}"
        lines.append([name, line.task, *more, f"{line.bytes / 1024:.0f}", metric, text])
    header = [first, "task", *columns, "KiB", "metric", "measured"]
    return aligned(header, lines, [name for name in header if name != "KiB"])


# Taking files -----------------------------------------------------------------------------------


def _fetch(options: argparse.Namespace, index: Index) -> int:
    # Brings an HTTP client along, which no other command needs to wait for.
    from .model.fetch import fetch, is_url

    source = options.source or index.base_url
    entries = _wanted(options.names, index)
    if not entries:
        print(f"every file is in {os.path.relpath(models_folder.FOLDER)}")
        return 0
    if not source:
        raise UserError(
            "the index names no place to fetch files from yet: say --from DIR or --from URL"
        )
    if not is_url(source) and not Path(source).is_dir():
        raise UserError(f"--from {source}: neither a folder nor an http(s) URL")
    for entry in entries:
        path = os.path.relpath(models_folder.FOLDER / f"{entry.stored_as}{models_index.SUFFIX}")
        taken = fetch(entry, source, models_folder.FOLDER, _progress(entry))
        size = f"{entry.bytes / 1024:.0f} KiB"
        print(f"wrote {path} ({size})" if taken else f"{path} is here already", flush=True)
    print(f"next: {cli.program()} selftest {entries[0].stored_as}")
    return 0


def _wanted(names: Sequence[str], index: Index) -> list[Entry]:
    """The entries whose files are to be fetched, each file once: those named, or all not here.

    Raises:
        UserError: a name that the index lacks.
    """
    entries = list(index.entries.values())
    if names:
        known = {entry.preset for entry in entries} | set(index.entries)
        if unknown := [name for name in names if name not in known]:
            raise UserError(f"no model named {unknown[0]!r} ('models --all' lists them)")
        wanted = [entry for entry in entries if {entry.name, entry.preset} & set(names)]
    else:
        here = models_folder.shipped()
        wanted = [entry for entry in entries if entry.stored_as not in here]
    return list({entry.stored_as: entry for entry in wanted}.values())


def _progress(entry: Entry) -> Callable[[int, int], None]:
    """A line that grows, for somebody who watches."""

    def tell(done: int, total: int) -> None:
        text = f"{entry.stored_as}: {done >> 10} of {total >> 10} KiB"
        cli.moving(text, done == total, sys.stderr)

    return tell if sys.stderr.isatty() else lambda done, total: None
