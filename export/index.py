"""``edge_demo/models/index.json``: every recipe of every preset, and which files git keeps.

Git keeps the integer file that a device takes when nobody names a recipe. Where that loses more of
the headline metric than ``MOST_LOSS`` against float32, it keeps a file with floats in it, too:
``mixed``, or ``float16`` where that is no better. All others are made again, or fetched.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_demo import tasks
from edge_demo.errors import UserError
from edge_demo.files import write_whole
from edge_demo.model import models_folder, models_index, package
from edge_demo.model.models_index import SUFFIX, Entry
from keras_models import runs

from .recipes import NAMES

# dB of the headline metric; a photograph that loses more counts in ``compare``, too.
MOST_LOSS = 0.3

_IGNORED = """# Written by python -m export index: what is not named here is made again, or fetched.
*.tflite
*.part
"""


def refresh(folder: Path, base_url: str | None = None) -> list[Path]:
    """Write the index of a folder of models again, and which of its files git ignores.

    A preset's recipes are those whose files are here and those that the index has already; presets
    whose weights are gone are left out.

    Args:
        folder: of the models.
        base_url: where files are fetched from; None: what the index says.

    Returns:
        What was written.

    Raises:
        UserError: a damaged index or file, or a preset that lacks float32 or the integer recipes.
    """
    index = models_index.read(folder)
    every = dict(index.entries)
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        found = entry_of(path)
        if found and not _made_here(found, every.get(found.name)):
            every[found.name] = found
    kept = [entry for entry in every.values() if entry.preset in runs.presets()]
    return _write(folder, index.base_url if base_url is None else base_url, kept)


def replace(folder: Path, files: Iterable[Path], equals: Mapping[str, str]) -> list[Path]:
    """The same for one preset that is shipped now: what was known of it before goes.

    Args:
        folder: of the models.
        files: all its files.
        equals: recipe without a file to the recipe that it equals.
    """
    index = models_index.read(folder)
    found = {entry.recipe: entry for path in files if (entry := entry_of(path))}
    found |= {one: dataclasses.replace(found[other], recipe=one) for one, other in equals.items()}
    names = {entry.preset for entry in found.values()}
    others = [entry for entry in index.entries.values() if entry.preset not in names]
    return _write(folder, index.base_url, [*others, *found.values()])


def unlike(files: Iterable[Path]) -> tuple[list[Path], dict[str, str]]:
    """Files of one preset with graphs of their own, and recipe to recipe of those without."""
    first: dict[str, Path] = {}
    equals: dict[str, str] = {}
    for path in files:
        card = package.read_card(path).values
        before = first.setdefault(card["weights_sha256"], path)
        if before is not path:
            equals[card["recipe"]] = package.read_card(before).values["recipe"]
    return list(first.values()), equals


def in_git(figures: Mapping[str, float], stored: Iterable[str]) -> set[str]:
    """The recipes of a preset whose files git keeps, see the module.

    Args:
        figures: recipe to headline figure, float32 and an integer one among them.
        stored: the recipes that have a file of their own.
    """

    def loses(recipe: str) -> bool:
        return figures["float32"] - figures[recipe] > MOST_LOSS

    device = next(recipe for recipe in models_folder.DEFAULT_RECIPES if recipe in figures)
    if not loses(device):
        return {device}
    others = [one for one in ("mixed", "float16") if one in set(stored) and not loses(one)]
    return {device, *others[:1]}


def entry_of(path: Path) -> Entry | None:
    """What a file says of itself; None of one that is no preset's.

    Raises:
        UserError: it is no model.
    """
    card = package.read_card(path).values
    if not card.get("preset"):
        return None
    data, metrics = path.read_bytes(), card.get("metrics", {})
    return Entry(
        preset=card["preset"],
        recipe=card["recipe"],
        task=card["task"],
        variant=card.get("form", ""),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        network=_network(card),
        figures={name: value["mean"] for name, value in metrics.items()},
        data=next((value["data"] for value in metrics.values()), ""),
        equals="",
        in_git=False,
    )


def holds(path: Path, entry: Entry) -> bool:
    """Whether a file has the graph that the index says, or stands for it, see ``remake``.

    Its golden pair may be from another processor, whose floats differ in their last digits.
    """
    card = package.read_card(path)
    return _network(card.values) == entry.network and package.intact(path, card)


def _network(card: Mapping[str, Any]) -> str:
    """The sha256 of the graph that a file has or stands for."""
    network: str = card.get("stands_for") or card["weights_sha256"]
    return network


def _made_here(found: Entry, known: Entry | None) -> bool:
    """Whether a file is one that was made again, perhaps with another processor's golden pair."""
    return known is not None and not known.in_git and found.network == known.network


def _write(folder: Path, base_url: str, entries: Iterable[Entry]) -> list[Path]:
    ordered = sorted(entries, key=lambda entry: (entry.preset, NAMES.index(entry.recipe)))
    settled = [
        entry
        for _, preset in itertools.groupby(ordered, lambda entry: entry.preset)
        for entry in _settled(list(preset))
    ]
    presets: dict[str, Any] = {}
    for entry in settled:
        preset = presets.setdefault(
            entry.preset,
            {"task": entry.task, "variant": entry.variant, "data": entry.data, "recipes": {}},
        )
        preset["recipes"][entry.recipe] = {"equals": entry.equals} if entry.equals else {
            "bytes": entry.bytes, "sha256": entry.sha256, "network": entry.network,
            "figures": dict(entry.figures), "in_git": entry.in_git,
        }  # fmt: skip
    document = {"schema": 1, "base_url": base_url, "presets": presets}
    kept = [f"!{entry.name}{SUFFIX}\n" for entry in settled if entry.in_git]
    written = {
        folder / models_index.NAME: json.dumps(document, indent=1) + "\n",
        folder / ".gitignore": _IGNORED + "".join(kept),
    }
    try:
        for path, text in written.items():
            write_whole(path, text.encode())
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from None
    return list(written)


def _settled(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of a preset, with what equals what and which are in git."""
    headline = tasks.record(entries[0].task, entries[0].variant).headline_metric
    first: dict[str, str] = {}
    unlike = [
        dataclasses.replace(entry, equals="" if other == entry.recipe else other)
        for entry in entries
        if (other := first.setdefault(entry.network, entry.recipe))
    ]
    try:
        figures = {entry.recipe: entry.figures[headline] for entry in unlike}
        kept = in_git(figures, [entry.recipe for entry in unlike if not entry.equals])
    except (KeyError, StopIteration):
        raise UserError(
            f"{entries[0].preset}: float32 and {' or '.join(models_folder.DEFAULT_RECIPES)} have "
            "to be there, and measured"
        ) from None
    return [dataclasses.replace(entry, in_git=entry.recipe in kept) for entry in unlike]
