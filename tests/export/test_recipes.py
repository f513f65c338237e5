"""Names of recipes on a command line."""

from __future__ import annotations

import pytest

from edge_demo.errors import UserError
from export.recipes import NAMES, RECIPES, find, parse, with_most_loss


def test_the_table() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {"float32", "float16", "dynamic", "int8", "mixed", "qat", "int8_edgetpu"} == set(NAMES)
    for recipe in RECIPES:
        assert not (recipe.calibrated and recipe.trained)
        assert recipe.integer == ("int8" in recipe.name or recipe.name == "qat")
        assert recipe.tile % 4 == 0
        assert recipe.summary and not recipe.summary.endswith(".")


def test_a_list_is_read_in_the_tables_order() -> None:
    assert parse("int8, float32") == parse("float32,int8") == (RECIPES[0], RECIPES[3])
    assert parse("float16,,float16") == (RECIPES[1],)
    assert parse(",".join(NAMES)) == RECIPES


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("float23", r"unknown recipe 'float23'; did you mean 'float32'\?"),
        ("float32,in8", r"unknown recipe 'in8'; did you mean 'int8'\?"),
        ("zzz", r"unknown recipe 'zzz' \(known: float32, float16"),
        ("INT8", "unknown recipe 'INT8'"),
        ("", "no recipe named"),
        (" , ", "no recipe named"),
    ],
)
def test_unknown_recipes(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse(text)


def test_another_bound() -> None:
    before = parse("float32,mixed")
    float32, mixed = with_most_loss(before, 0.05)
    assert float32 == before[0] and mixed.most_loss == 0.05
    assert mixed.name == "mixed" and find("mixed").most_loss == 0.1
    # The summary, which help and docs show, tells the table's own bound.
    assert f"{find('mixed').most_loss:g} dB" in find("mixed").summary
    with pytest.raises(UserError, match="--most-loss is for recipe mixed alone"):
        with_most_loss(parse("float32,int8"), 0.05)
    for most in (0.0, -1.0, float("nan")):
        with pytest.raises(UserError, match="must be above 0 dB"):
            with_most_loss(before, most)
