"""The integer files that ship do what the trained floats do: what 8 bits lose of each preset."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import sources
from edge_demo.device import restorers
from edge_demo.measure import restoration
from edge_demo.model import models_folder, models_index
from edge_demo.model.package import read_card
from training.evaluate import load

pytestmark = pytest.mark.slow

# Integers against floats: the root of the mean square difference in code values that is allowed,
# about one and a half times what was measured; and what the network changes at the least, beside
# which that is little.
MOST = {"chroma": 0.5, "colorize": 1.5, "enhance": 2.5}
LEAST_CHANGE = {"chroma": 2.0, "colorize": 6.0, "enhance": 40.0}
FILES = sorted(
    path
    for path in models_folder.FOLDER.glob("*.tflite")
    if path.name.split(".")[-2] in ("int8", "qat")
)


def test_each_preset_has_such_a_file() -> None:
    presets = {entry.preset for entry in models_index.read(models_folder.FOLDER).entries.values()}
    assert {path.name.rpartition(".r")[0] for path in FILES} == {
        name.rpartition(".r")[0] for name in presets
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_integers_do_what_the_trained_floats_do(path: Path) -> None:
    card = read_card(path)
    task = card.task
    preset = str(card.values["preset"])
    record = preset if card.values["recipe"] != "qat" else f"{preset}-qat"
    restored = restoration.of(task)
    (photograph,) = (
        rgb
        for file, rgb in sources.photographs(sources.open_source("sample", "test"))
        if file.name == "astronaut.png"
    )
    # A graph of one size sees what fills a picture of another up to it; floats of any size do not.
    height, width = task.frame or (256, 256)
    small = cv2.resize(photograph, (width, height), interpolation=cv2.INTER_AREA)
    degraded = restored.degrade(np.asarray(small, np.uint8), "a.png", restored.siting(None))
    floats = load(Path(record)).restorer.reconstruct(degraded).astype(float)
    integers = restorers.load(path, threads=2).reconstruct(degraded).astype(float)
    before = restored.picture(degraded, restored.unrestored(degraded)).astype(float)
    after = restored.picture(degraded, integers.astype(np.uint8)).astype(float)
    lost = np.sqrt(np.mean((integers - floats) ** 2))
    changed = np.sqrt(np.mean((after - before) ** 2))
    assert lost < MOST[task.name]
    assert changed > LEAST_CHANGE[task.name]
