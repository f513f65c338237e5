"""Make files of a preset again from its weights, and hold them to what the index says.

What calibration chose and what was measured is stored with the preset, so no photographs are needed
and the networks are those that were shipped, byte for byte. But for one kind: where a network has
normalisations, TensorFlow multiplies them into the kernels as it converts, and processors differ
in the last digits of that. Such a file says on its card which network it ``stands_for``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edge_demo.device.selftest import repeated
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.model import models_folder, models_index, package
from edge_demo.model.interpreter import Graph
from edge_demo.model.models_index import SUFFIX, Entry, Index
from keras_models import runs

from . import files, page
from .convert import Network
from .index import holds
from .preset import stored_network, with_metrics
from .recipes import Recipe, find

# Of a float graph's output, where values are about 1: 1e-6 was seen between processors.
_LAST_DIGITS = 1e-4


def remake(
    name: str,
    recipes: Sequence[Recipe] | None,
    out: Path,
    progress: Callable[[Path, str], None] = lambda path, what: None,
) -> list[Path]:
    """Files of a preset, in a folder.

    Args:
        name: of the preset.
        recipes: which; None for every one of it. One that equals another is the other's file.
        out: the folder; a file that is there already and right is left alone.
        progress: told of each file, and ``wrote`` or ``kept``.

    Returns:
        The files, those that were there included.

    Raises:
        UserError: no such preset or recipe, another file in ``out``, or this TensorFlow makes
            another network than the index says.
    """
    index = models_index.read(models_folder.FOLDER)
    found = _Preset(name)
    paths = []
    for entry in _wanted(index, name, recipes):
        path = out / f"{entry.name}{SUFFIX}"
        if path.exists():
            if not holds(path, entry):
                raise UserError(f"{path} is another file than the index says; move it away first")
            progress(path, "kept")
        else:
            found.make(entry, out)
            progress(path, "wrote")
        paths.append(path)
    return paths


def _wanted(index: Index, name: str, recipes: Sequence[Recipe] | None) -> list[Entry]:
    """The entries that have files, each once."""
    entries = {one.recipe: one for one in index.entries.values() if one.preset == name}
    if not entries:
        known = sorted({entry.preset for entry in index.entries.values()})
        raise UserError(f"{name}: no such preset ({', '.join(known)})")
    for recipe in recipes or ():
        if recipe.name not in entries:
            raise UserError(f"{name} has no recipe {recipe.name} (it has {', '.join(entries)})")
    chosen_ones = [recipe.name for recipe in recipes] if recipes is not None else list(entries)
    stored = {entries[one].equals or one: None for one in chosen_ones}
    return [entries[one] for one in stored]


class _Preset:
    """A preset's networks, loaded when the first of its files is made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.networks: dict[str, Network] = {}

    def make(self, entry: Entry, out: Path) -> None:
        """Write a file that the index lists.

        Raises:
            UserError: other bytes came out.
        """
        recipe = find(entry.recipe)
        continued = f"{self.name}-qat"
        # What both can give is given by the network that was trained for it.
        aware = recipe.trained or (recipe.edgetpu and continued in runs.presets())
        run = Path(continued if aware else self.name)
        record = runs.read_record(run)
        if run.name not in self.networks:
            self.networks[run.name] = stored_network(run)
        network = self.networks[run.name]
        if recipe.calibrated and not (network.trained or network.chosen):
            raise UserError(f"{entry.name}: nothing is stored of its calibration; ship it again")
        card = files.base_card(record, self.name, record["terms"], runs.stages(run))
        with tempfile.TemporaryDirectory() as folder:
            (draft,) = files.export(network, card, [recipe], Path(folder))
            facts = {}
            if package.read_card(draft).values["weights_sha256"] != entry.network:
                made_with = record["versions"]["tensorflow"]
                if tf.__version__ == made_with and _rounds_alike(network):
                    facts["stands_for"] = entry.network
                else:
                    raise UserError(
                        f"{entry.name}: TensorFlow {tf.__version__} here makes other bytes than "
                        f"the index says, which TensorFlow {made_with} made: install "
                        "requirements.txt, or fetch the file ('python -m edge_demo models --fetch')"
                    )
            siting = restoration.of(network.task).siting(None)
            table: dict[str, Any] = json.loads(page.table_file(self.name, siting).read_text())
            with_metrics(draft, table, out, facts)


def _rounds_alike(network: Network) -> bool:
    """Whether other bytes are a matter of the processor's last digits.

    They can be where normalisations are multiplied into kernels, and are where the float graph,
    from which every recipe is made, computes what the network does in Keras.
    """
    kind = keras.layers.BatchNormalization
    if not any(isinstance(layer, kind) for layer in network.plain._flatten_layers()):
        return False
    (given,), (out,) = network.task.inputs, network.task.outputs
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "floats.tflite"
        file.write_bytes(network.floats)
        graph = Graph(file)
    values = repeated(files.golden_input(network.task)[given.name], graph.inputs[given.name][1:])
    found = graph.run({given.name: values})[out.name]
    wanted = np.asarray(network.plain(values[None], training=False)[0])
    return float(np.abs(found - wanted).max()) <= _LAST_DIGITS
