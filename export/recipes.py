"""How a model can be stored; one table that drives validation, help, export, checks and docs."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from edge_demo.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """One way to store a model.

    Attributes:
        name: in file names and on command lines.
        summary: for help and docs.
        calibrated: whether it needs photographs to choose ranges from.
        trained: whether it needs a run of quantisation-aware training.
        integer: whether the graph has 8-bit integers in and out, and nothing else inside but what
            its network states to be in floats, see ``keras_models.in_floats``.
        most_loss: dB of the headline metric that it may lose on calibration photographs; the
            operations that cost most are kept in floats until it loses no more. None: no bound.
        edgetpu: whether an Edge TPU must map the whole graph.
        tile: side of the square of image pixels that one inference takes: see docs/results.
    """

    name: str
    summary: str
    calibrated: bool = False
    trained: bool = False
    integer: bool = False
    most_loss: float | None = None
    edgetpu: bool = False
    tile: int = 512


RECIPES = (
    Recipe("float32", "32-bit floats, as trained"),
    Recipe("float16", "16-bit floats in the file, computed in 32: half the size"),
    Recipe("dynamic", "8-bit weights, activations quantised as they come: a quarter of the size"),
    Recipe(
        "int8",
        "8-bit weights and activations, integers in and out: smallest and fastest",
        calibrated=True,
        integer=True,
    ),
    Recipe(
        "mixed",
        "int8, but the operations that cost most quality stay in floats, to lose 0.1 dB at most",
        calibrated=True,
        most_loss=0.1,
    ),
    Recipe(
        "qat",
        "int8 of weights that were trained on for it (fit --qat)",
        trained=True,
        integer=True,
    ),
    # Smaller tiles, so that activations and weights fit into the 8 MiB on the chip together.
    Recipe(
        "int8_edgetpu",
        "int8 for edgetpu_compiler: every operation maps, or the export fails",
        calibrated=True,
        integer=True,
        edgetpu=True,
        tile=256,
    ),
)
NAMES = tuple(recipe.name for recipe in RECIPES)


def find(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        UserError: there is none; the near one is named.
    """
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    near = difflib.get_close_matches(name, NAMES, 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(f"unknown recipe {name!r}{hint} (known: {', '.join(NAMES)})")


def parse(text: str) -> tuple[Recipe, ...]:
    """Recipes of a comma-separated list, in the table's order.

    Raises:
        UserError: an unknown name, or none.
    """
    wanted = [find(name.strip()) for name in text.split(",") if name.strip()]
    if not wanted:
        raise UserError(f"no recipe named (known: {', '.join(NAMES)})")
    return tuple(recipe for recipe in RECIPES if recipe in wanted)


def with_most_loss(recipes: Sequence[Recipe], most: float) -> tuple[Recipe, ...]:
    """Recipes with another bound, in dB, for those that have one.

    Raises:
        UserError: a bound that is no positive number, or no recipe that has one.
    """
    if not most > 0:
        raise UserError(f"--most-loss must be above 0 dB, not {most:g}")
    if all(recipe.most_loss is None for recipe in recipes):
        bounded = ", ".join(recipe.name for recipe in RECIPES if recipe.most_loss is not None)
        raise UserError(f"--most-loss is for recipe {bounded} alone")
    return tuple(
        recipe if recipe.most_loss is None else dataclasses.replace(recipe, most_loss=most)
        for recipe in recipes
    )
