"""The models that ship beside the code."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Collection
from pathlib import Path

from ..errors import UserError
from .package import read_card

FOLDER = Path(__file__).parent.parent / "models"

# What ``run`` uses when nobody chooses: the smallest and fastest, and of two such the better.
DEFAULT_PRESET = "chroma_residual-s.r1"
DEFAULT_RECIPES = ("qat", "int8")
# What pictures are restored with: most are JPEGs, and it is told how strongly one was quantised.
PICTURES_PRESET = "chroma_bitrate-s.r2"
# What is meant where a task alone is named: of colorize the one that takes hints.
DEFAULTS = {
    "chroma": PICTURES_PRESET,
    "colorize": "colorize_siggraph17-lite.r1",
    "enhance": "enhance_mirnet-lite.r1",
}


def shipped(task: str | None = None) -> dict[str, Path]:
    """``PRESET.RECIPE`` to file, sorted: of one task, or all.

    A file that does not tell its task is in each: whoever uses it will say what is wrong with it.
    """
    return {
        path.name.removesuffix(".tflite"): path
        for path in sorted(FOLDER.glob("*.tflite"))
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
    there = any(name.startswith(f"{PICTURES_PRESET}.") for name in shipped())
    return find(PICTURES_PRESET if there else None)


def is_path(name: str) -> bool:
    """Whether a user's word for a model is the path of a file."""
    return name.endswith(".tflite") or "/" in name


def chosen(name: str, known: Collection[str]) -> str | None:
    """Which of the known ``PRESET.RECIPE`` such a name, or a bare ``PRESET``, means; or None."""
    names = (name, *(f"{name}.{recipe}" for recipe in DEFAULT_RECIPES))
    return next((candidate for candidate in names if candidate in known), None)


def of_preset(preset: str) -> list[Path]:
    """All the shipped files of a preset, sorted."""
    return [path for name, path in shipped().items() if name.rpartition(".")[0] == preset]


def find(name: str | None) -> Path:
    """The file of a model.

    Args:
        name: a path to a ``.tflite``, ``PRESET.RECIPE``, a bare ``PRESET`` (its qat file, or
            its int8 file where there is none), a task for the preset that is usual for it, or
            None for the default.

    Raises:
        UserError: no such file or name; near names are listed.
    """
    if name and is_path(name):
        if not Path(name).is_file():
            raise UserError(f"{name}: no such model file")
        return Path(name)
    if name == "chroma":
        return for_pictures()
    known = shipped()
    wanted = DEFAULTS.get(name, name) if name else DEFAULT_PRESET
    if (found := chosen(wanted, known)) is not None:
        return known[found]
    near = difflib.get_close_matches(wanted, known, 2, 0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(f"no model named {wanted!r}{hint} ('models' lists them)")
