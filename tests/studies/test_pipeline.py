"""The studies of the pipeline, of precision and of XLA, on a handful of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datasets.bench import GENERATOR
from studies import pipeline, precision
from training import bench, config

pytestmark = pytest.mark.slow  # measures pipelines and training

SETTINGS = ("size=test", "patch=32", "cell=48", "copies=0", "batch=4", "val_crop=48")
TINY = [word for setting in SETTINGS for word in ("--set", setting)]


def test_stages(small_photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PATCH", 32)
    monkeypatch.setattr(pipeline, "CELL", 48)
    file = tmp_path / "stages.json"
    arguments = ["stages", "--data", f"folder:{small_photographs}", "--repeat", "2"]
    # How fast this machine is just now is no matter of a test.
    assert pipeline.main([*arguments, "--rounds", "1", "--seconds", "0.01", "--json",
                          str(file)]) in (0, 1)  # fmt: skip
    rows = json.loads(file.read_text())["rows"]
    assert rows[-1]["name"] == GENERATOR
    assert all(len(row["per_second"]) == 2 and min(row["per_second"]) > 0 for row in rows)


def test_the_slowest_stage_in_the_worst_repetition_counts() -> None:
    rates = {"crop": [1.0, 1.0], "crop, encode": [60.0, 90.0], "crop, darken, encode": [99.0, 40.0],
             GENERATOR: [10.0, 5.0]}  # fmt: skip
    rows = [{"name": name, "per_second": values} for name, values in rates.items()]
    assert pipeline.slowest(rows) == 6.0


@pytest.mark.parametrize(("generator", "code"), [(20.0, 0), (20.1, 1)])
def test_a_stage_below_the_promise_fails(
    generator: float, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"crop, encode": [100.0, 200.0], GENERATOR: [generator, generator]}
    rows = [{"name": name, "per_second": values} for name, values in rates.items()]
    monkeypatch.setattr(pipeline, "stages", lambda *_: rows)
    assert pipeline.main(["stages", "--data", "sample"]) == code


@pytest.mark.parametrize(("shares", "code"), [([0.04, 0.3, 0.01], 0), ([0.06, 0.0, 0.05], 1)])
def test_a_training_that_waits_fails(
    shares: list[float], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"network": "a", "shares": [0.0, 0.0, 0.0]}, {"network": "b", "shares": shares}]
    monkeypatch.setattr(pipeline, "waiting", lambda *_: rows)
    assert pipeline.main(["waiting", "--data", "sample"]) == code


def test_waiting(one_photograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_WARM_UP", 2)
    file = tmp_path / "waiting.json"
    arguments = ["waiting", "chroma_residual", "--data", f"folder:{one_photograph}", *TINY]
    assert pipeline.main([*arguments, "--rounds", "1", "--steps", "2", "--repeat", "2",
                          "--json", str(file)]) in (0, 1)  # fmt: skip
    (row,) = json.loads(file.read_text())["rows"]
    assert (row["network"], row["crops"]) == ("chroma_residual-test", "4 x 32")
    assert len(row["shares"]) == 2 and row["ms"] > 0


def test_precision(one_photograph: Path, tmp_path: Path) -> None:
    file = tmp_path / "precision.json"
    arguments = ["chroma_residual", "--data", f"folder:{one_photograph}", *TINY]
    assert precision.main([*arguments, "--rounds", "1", "--steps", "1", "--json",
                                   str(file)]) == 0  # fmt: skip
    (row,) = json.loads(file.read_text())["rows"]
    ways = [(way["precision"], way["jit_compile"]) for way in row["ways"]]
    stated = set(config.PRECISIONS) - {config.AUTO}
    assert len(set(ways)) == 4 and {kind for kind, _ in ways} == stated
    assert all(way["ms"] > 0 for way in row["ways"])
