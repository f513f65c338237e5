"""Any file of any preset, for tables and tests: from where shipped models are, or made once."""

from __future__ import annotations

from pathlib import Path

from edge_demo.model import models_folder, models_index
from edge_demo.model.models_index import SUFFIX

from .index import holds
from .recipes import find

# Ignored by git.
CACHE = Path(__file__).parent.parent / "build" / "models"


def shipped(name: str) -> Path:
    """The file of ``PRESET.RECIPE``: the one that is here, or one that is made now and kept.

    Raises:
        UserError: the index has no such model, or it cannot be made, see ``remake``.
    """
    index = models_index.read(models_folder.FOLDER)
    if name not in index.entries:
        return models_folder.find(name)  # says so, or has a file that the index lacks
    entry = index.entries[name]
    here = models_folder.FOLDER / f"{entry.stored_as}{SUFFIX}"
    if here.exists():
        return here
    kept = CACHE / here.name
    if kept.exists() and holds(kept, entry):
        return kept
    kept.unlink(missing_ok=True)  # of a preset that was shipped anew since
    from .remake import remake  # which needs TensorFlow

    remake(entry.preset, [find(entry.equals or entry.recipe)], CACHE)
    return kept


def of_preset(name: str) -> list[Path]:
    """Every file of a preset, as ``shipped`` gives it; none of an unknown one."""
    index = models_index.read(models_folder.FOLDER)
    listed = [entry.stored_as for entry in index.entries.values() if entry.preset == name]
    others = [one for one in models_folder.shipped() if one.rpartition(".")[0] == name]
    return [shipped(one) for one in dict.fromkeys([*listed, *others])]
