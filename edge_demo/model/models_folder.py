"""The models that ship beside the code."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Collection
from pathlib import Path

from .. import cli
from ..errors import UserError
from . import models_index
from .models_index import SUFFIX, Entry, Index
from .package import read_card

FOLDER = Path(__file__).parent.parent / "models"

# What is loaded when neither a model nor a task is named.
DEFAULT_PRESET = "chroma_residual-s.r1"
DEFAULT_RECIPES = ("qat", "int8")
# What pictures are restored with: most are JPEGs, and it is told how strongly one was quantised.
PICTURES_PRESET = "chroma_bitrate-s.r2"
# What videos are restored with, of which every frame counts: a quarter of the default's time.
VIDEOS_PRESET = "chroma_residual-xs.r2"
# What is meant where a task alone is named.
DEFAULTS = {
    "chroma": PICTURES_PRESET,
    "colorize": "colorize_unet-lite0.r3",
    "enhance": "enhance_mirnet-lite.r6",
}


def usual_of(preset: str) -> list[str]:
    """What a preset is taken for where nobody chooses: tasks, of chroma pictures and videos."""
    found = [name for name, usual in DEFAULTS.items() if usual == preset and name != "chroma"]
    found += ["pictures' chroma"] if preset == PICTURES_PRESET else []
    return found + (["videos' chroma"] if preset == VIDEOS_PRESET else [])


def shipped(task: str | None = None) -> dict[str, Path]:
    """``PRESET.RECIPE`` to file, sorted: of one task, or all; what is listed but not here is not.

    A file that does not tell its task is in each: whoever uses it will say what is wrong with it.
    """
    return {
        path.name.removesuffix(SUFFIX): path
        for path in sorted(FOLDER.glob(f"*{SUFFIX}"))
        if task is None or _task_of(path) in (task, None)
    }


def _task_of(path: Path) -> str | None:
    with contextlib.suppress(UserError):
        return read_card(path).task.name
    return None


def for_pictures() -> Path:
    """The file of the model that pictures are restored with, or of the default where it is gone.

    Raises:
        UserError: neither is here.
    """
    return _or_default(PICTURES_PRESET)


def for_videos() -> Path:
    """The same for the chroma of videos."""
    return _or_default(VIDEOS_PRESET)


def _or_default(preset: str) -> Path:
    there = any(name.startswith(f"{preset}.") for name in shipped())
    return find(preset if there else None)


def is_path(name: str) -> bool:
    """Whether a user's word for a model is the path of a file."""
    return name.endswith(SUFFIX) or "/" in name


def chosen(name: str, known: Collection[str]) -> str | None:
    """Which of the known ``PRESET.RECIPE`` such a name, or a bare ``PRESET``, means; or None."""
    names = (name, *(f"{name}.{recipe}" for recipe in DEFAULT_RECIPES))
    return next((candidate for candidate in names if candidate in known), None)


def find(name: str | None) -> Path:
    """The file of a model.

    Args:
        name: a path to a ``.tflite``, ``PRESET.RECIPE``, a bare ``PRESET`` (its qat file, or
            its int8 file where there is none), a part of a preset's name that is of no other
            (``unet``, ``residual-xs``), a task for the preset that is usual for it, or None for
            the default. Of a recipe that equals another it is the other's file.

    Raises:
        UserError: no such file or name; near names are listed, and how to get a file that there is
            but not here. A name of several presets, none of which is usual.
    """
    index = models_index.read(FOLDER)
    if name and is_path(name):
        return _at(Path(name), index)
    if name == "chroma":
        return for_pictures()
    known = shipped()
    wanted = DEFAULTS.get(name, name) if name else DEFAULT_PRESET
    if (found := chosen(wanted, known)) is not None:
        return known[found]
    if (listed := chosen(wanted, index.entries)) is not None:
        entry = index.entries[listed]
        if entry.stored_as in known:
            return known[entry.stored_as]
        raise UserError(f"{listed} is not here: {_how_to_get(entry, index)}")
    if (found := _remembered(wanted, {*known, *index.entries})) is not None:
        return find(found)
    every = {*known, *index.entries}
    short = {one for name in every for one in _shortened(name.rpartition(".")[0])}
    near = difflib.get_close_matches(wanted, sorted(every), 2, 0.4)
    near = near or difflib.get_close_matches(wanted, sorted(short), 2, 0.6)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(f"no model named {wanted!r}{hint} ('models' lists them)")


def _remembered(name: str, known: Collection[str]) -> str | None:
    """What a user means who leaves out a preset's task, size or revision; None: nothing known.

    Raises:
        UserError: several presets are called so, and none of them is usual.
    """
    meant: dict[str, str] = {}
    for one in known:
        preset, _, recipe = one.rpartition(".")
        for short in _shortened(preset):
            if name in (short, f"{short}.{recipe}"):
                meant[preset] = one if name != short else preset
    usual = [preset for preset in (DEFAULT_PRESET, *DEFAULTS.values()) if preset in meant]
    if len(meant) > 1 and not usual:
        raise UserError(f"{name!r} is the name of {' or '.join(sorted(meant))}; say which")
    return meant[usual[0]] if usual else next(iter(meant.values()), None)


def _shortened(preset: str) -> set[str]:
    """A preset's name, ``TASK_ARCHITECTURE-SIZE.rN``, without some of its parts."""
    without_task = preset.partition("_")[2]
    longer = {preset, without_task}
    longer |= {name.rpartition(".")[0] for name in longer}
    return {*longer, *(name.partition("-")[0] for name in longer)} - {""}


def _at(path: Path, index: Index) -> Path:
    if path.is_file():
        return path
    entry = index.entries.get(path.name.removesuffix(SUFFIX))
    if entry and path.parent.resolve() == FOLDER.resolve():
        raise UserError(f"{path} is not here: {_how_to_get(entry, index)}")
    raise UserError(f"{path}: no such model file")


def _how_to_get(entry: Entry, index: Index) -> str:
    """For a user who names a recipe whose file is not here."""
    source = "" if index.base_url else " --from DIR|URL"
    recipe = entry.equals or entry.recipe
    return (
        f"'python -m export preset {entry.preset} --recipes {recipe}' makes it, "
        f"'{cli.program()} models --fetch {entry.stored_as}{source}' takes it from elsewhere"
    )
