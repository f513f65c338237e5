"""Every preset that ships can be made again: its weights fit the network of today."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_demo.model import models_folder, models_index
from keras_models import runs


@pytest.mark.parametrize("name", runs.presets())
def test_weights_fit_the_network(name: str) -> None:
    model = runs.load_model(Path(name))
    record = runs.read_record(Path(name))
    assert model.name.startswith(f"{record['config']['model']}-{record['config']['size']}")
    assert all(np.isfinite(np.asarray(weight)).all() for weight in model.weights)


def test_presets_and_shipped_files_are_of_each_other() -> None:
    index = json.loads((models_folder.FOLDER / models_index.NAME).read_text())
    assert index  # not an empty file
    listed = {entry.preset for entry in models_index.read(models_folder.FOLDER).entries.values()}
    kept = {name.removesuffix("-qat") for name in runs.presets()}
    assert listed == kept
