"""How a model can be stored; one table that drives validation, help, export and docs."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from edge_demo.runtime.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """One way to store a model.

    Attributes:
        name: in file names and on command lines.
        summary: for help and docs.
        calibrated: whether it needs photographs to choose ranges from.
    """

    name: str
    summary: str
    calibrated: bool = False


RECIPES = (
    Recipe("float32", "32-bit floats, as trained"),
    Recipe("float16", "16-bit floats in the file, computed in 32: half the size"),
    Recipe("dynamic", "8-bit weights, activations quantised as they come: a quarter of the size"),
    Recipe(
        "int8", "8-bit weights and activations, integers in and out: smallest and fastest", True
    ),
)
NAMES = tuple(recipe.name for recipe in RECIPES)


def parse(text: str) -> tuple[Recipe, ...]:
    """Recipes of a comma-separated list, in the table's order.

    Raises:
        UserError: an unknown name; the near one is named.
    """
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    for name in wanted:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1, 0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(f"unknown recipe {name!r}{hint} (known: {', '.join(NAMES)})")
    if not wanted:
        raise UserError(f"no recipe named (known: {', '.join(NAMES)})")
    return tuple(recipe for recipe in RECIPES if recipe.name in wanted)
