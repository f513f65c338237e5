"""The study of cleaning, on a handful of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datasets.sources import open_source
from edge_demo.pictures.images import read_rgb
from studies import cleaning
from tests import faults


def test_recall_counts_each_kind(
    small_photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cleaning, "EACH", 1)
    file, folder = tmp_path / "found.json", str(small_photographs)
    arguments = ["recall", folder, "--draws", "1", "--seed", "1", "--workers", "1"]
    code = cleaning.main([*arguments, "--good", folder, "--json", str(file)])
    found = json.loads(file.read_text())
    (draw,), (other,) = found["draws"], found["others"]
    shares = cleaning.shares(draw)
    assert list(shares) == list(faults.KINDS)
    assert shares["corrupt"] == shares["monochrome"] == shares["duplicate"] == 1.0
    assert draw["good"]["pictures"] == 1 and other["pictures"] == 6
    assert code == (0 if cleaning.is_enough(draw) else 1)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("corrupt       1.000  ") for line in lines)
    assert any(line.startswith("good photographs flagged: ") for line in lines)
    assert any(line.startswith(f"{small_photographs.name}: flagged ") for line in lines)


def test_one_fault_missed_too_often_is_not_enough() -> None:
    good = {"flagged": 3, "pictures": 100}
    found = {"corrupt": {"cut": [9, 10], "empty": [10, 10]}}
    assert cleaning.is_enough({"found": found, "good": good})
    assert not cleaning.is_enough({"found": found, "good": good | {"flagged": 4}})
    missed = {"corrupt": {"cut": [8, 10], "empty": [10, 10]}}
    assert not cleaning.is_enough({"found": missed, "good": good})


def test_spoilt_pictures_replace_good_ones(small_photographs: Path, tmp_path: Path) -> None:
    spoilt, good = cleaning.spoil(small_photographs, tmp_path, 1, seed=0)
    assert {path.name for path in tmp_path.iterdir()} == {*spoilt, *good}
    assert sorted(kind for kind, _, _ in spoilt.values()) == sorted(faults.KINDS)
    # A copy stands beside its source, everything else in its place.
    assert len(good) == 1
    assert good == [source for kind, _, source in spoilt.values() if kind == "duplicate"]


def test_benchmarks_have_as_many_different_pictures(
    small_photographs: Path, tmp_path: Path
) -> None:
    cleaning.variants(small_photographs, tmp_path, 20)
    paths = open_source(f"folder:{tmp_path}").paths
    assert len(paths) == 20
    assert len({read_rgb(path).rgb.tobytes() for path in paths}) == 20
