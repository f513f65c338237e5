"""What the study of layers in floats measures, on a network that was never trained."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import keras_models
from edge_demo.measure import restoration
from edge_demo.pictures.images import write_image
from export import calibrate, convert
from studies import in_floats


@pytest.fixture
def network(natural: NDArray[np.uint8]) -> convert.Network:
    """Of size test, for frames of the task."""
    keras.utils.set_random_seed(2)
    task = keras_models.task("enhance_mirnet", "test")
    side = convert.tile_of(task)
    tile = np.ascontiguousarray(np.resize(natural // 8, (side, side, 3)))
    inputs = calibrate.of_pieces(restoration.of(task), (tile,), {})
    return convert.Network(keras_models.build("enhance_mirnet", "test"), task, (), inputs, side)


def test_each_group_is_measured(
    network: convert.Network,
    natural: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More in floats is nearer to the network in floats."""
    for kind, rgb in (("low", natural // 8), ("high", natural)):
        (tmp_path / kind).mkdir()
        write_image(tmp_path / kind / "a.png", rgb)
    monkeypatch.setattr(in_floats, "network", lambda preset: network)
    found = in_floats.measure("any", [f"pairs:{tmp_path}"], 1)
    assert [row["name"] for row in found["rows"]] == [name for name, _ in in_floats.GROUPS]
    shares = [row["float_macs"] for row in found["rows"]]
    near = [row["sets"][0]["from_floats"] for row in found["rows"]]
    assert shares[0] == 0.0 and 0.0 < max(shares) == shares[-1] < 0.9
    assert near[0] < near[-1]
    lines = in_floats.table(found).splitlines()
    assert lines[2].startswith("| nothing | 0.0% |") and len(lines) == 2 + len(shares) + 2


def test_other_presets_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert in_floats.main(["pairs:x", "--preset", "chroma_residual-s.r1"]) == 2
    assert "is no preset of enhance_mirnet" in capsys.readouterr().err


def test_what_ships_is_one_of_the_groups() -> None:
    stated = set(keras_models.in_floats("enhance_mirnet"))
    assert stated in [set(layers) for _, layers in in_floats.GROUPS]
