"""What colorization's runs are fed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets import sources
from edge_demo.errors import UserError
from training import feeds
from training.config import changed, load


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"batch": 1}, "--set batch=1: --data names 2 sources, each needs a place in it"),
        ({"shares": (1.0,)}, "--data names 2 sources, each needs one"),
    ],
)
def test_every_source_has_a_place_in_a_batch(
    small_photographs: Path, values: dict[str, object], says: str
) -> None:
    source = sources.open_source(f"folder:{small_photographs}")
    with pytest.raises(UserError, match=says):
        feeds.prepare(changed(load("colorize_unet"), **values), [source, source], source)
