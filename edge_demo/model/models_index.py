"""What there is of models: every recipe of every preset, whether or not its file is here.

``index.json`` lies beside the files; ``python -m export index`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError

NAME = "index.json"
SUFFIX = ".tflite"


@dataclass(frozen=True)
class Entry:
    """One recipe of a preset.

    Attributes:
        preset: its name.
        recipe: its name.
        task: whose model it is.
        variant: of the task, "" where there is but one.
        bytes: of the file.
        sha256: of the file.
        network: sha256 of the graph alone, as the card in the file has it.
        figures: metric to mean, as measured when it was shipped.
        data: the photographs of that.
        equals: the recipe whose graph is the same, byte for byte: there is no second file.
        in_git: whether the file comes with the repository.
    """

    preset: str
    recipe: str
    task: str
    variant: str
    bytes: int
    sha256: str
    network: str
    figures: Mapping[str, float]
    data: str
    equals: str
    in_git: bool

    @property
    def name(self) -> str:
        """``PRESET.RECIPE``."""
        return f"{self.preset}.{self.recipe}"

    @property
    def stored_as(self) -> str:
        """``PRESET.RECIPE`` of the file that holds it: of the recipe that it equals, if any."""
        return f"{self.preset}.{self.equals or self.recipe}"


@dataclass(frozen=True)
class Index:
    """Everything in the file.

    Attributes:
        base_url: where files are fetched from, "" where nothing is said.
        entries: ``PRESET.RECIPE`` to what is known of it; presets in order of their names, recipes
            in that of the table of recipes.
    """

    base_url: str
    entries: Mapping[str, Entry]


def read(folder: Path) -> Index:
    """The index of a folder of models; an empty one where it has none.

    Raises:
        UserError: a damaged file.
    """
    path = folder / NAME
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return Index("", {})
    except (OSError, ValueError):
        raise UserError(f"{path} is damaged") from None
    try:
        entries = [
            _entry(preset, recipe, facts)
            for preset, facts in document["presets"].items()
            for recipe in facts["recipes"]
        ]
        return Index(document["base_url"], {entry.name: entry for entry in entries})
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged") from None


def _entry(preset: str, recipe: str, facts: Mapping[str, Any]) -> Entry:
    equals = facts["recipes"][recipe].get("equals", "")
    file = facts["recipes"][equals or recipe]
    return Entry(
        preset, recipe, facts["task"], facts["variant"], file["bytes"], file["sha256"],
        file["network"], file["figures"], facts["data"], equals, not equals and file["in_git"],
    )  # fmt: skip
