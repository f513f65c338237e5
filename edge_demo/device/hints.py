"""Colours that a user wants at places of a picture, as a JSON file.

``{"hints": [{"x": 320, "y": 200, "color": "#4a7bc8"}, ...]}``: x and y in pixels of the upright
picture from its top left, colours in sRGB. ``"size"`` is the side of the square that a hint fills
on the model's grid, 1 to 9, default 3.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..colour.lab import rgb_to_lab
from ..errors import UserError
from ..tasks.colorize import Hint

_SIZES = 1, 9
MOST = 1000
DEFAULT_SIZE = 3


@dataclass(frozen=True)
class Hints:
    """A document of hints, not yet brought to a picture.

    Attributes:
        document: what JSON gave.
        name: of where it came from, for messages.
    """

    document: Any
    name: str

    def on(self, size: tuple[int, int]) -> tuple[Hint, ...]:
        """The hints on a picture of (height, width).

        Raises:
            UserError: not of this form, or a point outside of the picture.
        """
        try:
            return parse_hints(self.document, size)
        except UserError as error:
            raise UserError(f"{self.name}: {error}") from None


def read_hints(path: Path) -> Hints:
    """The hints of a file.

    Raises:
        UserError: unreadable, or not JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UserError(f"{path}: {why or error}") from None
    return loads(text, str(path))


def loads(text: str, name: str) -> Hints:
    """The hints of a JSON text.

    Raises:
        UserError: not JSON.
    """
    try:
        return Hints(json.loads(text), name)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{name}: not JSON ({error})") from None


def parse_hints(document: Any, size: tuple[int, int]) -> tuple[Hint, ...]:
    """The hints of a document that JSON gave, see the module.

    Raises:
        UserError: not of this form, or a point outside of the picture.
    """
    entries = document.get("hints") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise UserError('hints are {"hints": [{"x": 10, "y": 20, "color": "#4a7bc8"}]}')
    if len(entries) > MOST:
        raise UserError(f"{len(entries)} hints, but at most {MOST} are taken")
    return tuple(_hint(entry, number, size) for number, entry in enumerate(entries, 1))


def _hint(entry: Any, number: int, size: tuple[int, int]) -> Hint:
    where = f"hint {number}"
    if not isinstance(entry, dict):
        raise UserError(f"{where}: an object with x, y and color is needed")
    if unknown := sorted(set(entry) - {"x", "y", "color", "size"}):
        raise UserError(f"{where}: {unknown[0]!r} is not known (x, y, color, size are)")
    height, width = size
    places = []
    for axis, length in (("y", height), ("x", width)):
        value = entry.get(axis)
        if not isinstance(value, int | float) or not 0 <= value < length:
            raise UserError(f"{where}: {axis} is {value!r}, but must be in 0..{length - 1}")
        places.append((float(value) + 0.5) / length)
    side = entry.get("size", DEFAULT_SIZE)
    if not isinstance(side, int) or not _SIZES[0] <= side <= _SIZES[1]:
        raise UserError(f"{where}: size is {side!r}, but must be in {_SIZES[0]}..{_SIZES[1]}")
    row, column = (min(place, 1.0 - 1e-9) for place in places)
    return Hint(row, column, ab_of(entry.get("color"), where), side)


def ab_of(color: Any, where: str) -> tuple[float, float]:
    """a and b of ``#rrggbb``.

    Raises:
        UserError: another text, or none.
    """
    if not isinstance(color, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        raise UserError(f"{where}: color is {color!r}, but must be like '#4a7bc8'")
    rgb = np.array([[list(bytes.fromhex(color[1:]))]], np.uint8)
    _, a, b = rgb_to_lab(rgb)[0, 0].tolist()
    return a, b
