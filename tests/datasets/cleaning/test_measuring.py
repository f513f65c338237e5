"""The script that measures the cleaning, on a handful of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.sources import open_source
from edge_demo.runtime.images import read_rgb
from tests import faults, measure_cleaning


def test_recall_counts_each_kind(
    small_photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(measure_cleaning, "EACH", 1)
    measure_cleaning.recall(small_photographs, [small_photographs], 1, seed=1)
    lines = capsys.readouterr().out.splitlines()
    table = [line.split() for line in lines if line.split()[:1] and line.split()[0] in faults.KINDS]
    shares = {words[0]: words[1] for words in table if words[1] in ("0.000", "1.000")}
    assert set(shares) == set(faults.KINDS)
    assert shares["corrupt"] == shares["monochrome"] == shares["duplicate"] == "1.000"
    assert any(line.startswith("good photographs flagged: ") for line in lines)
    assert any(line.startswith(f"{small_photographs}: flagged ") for line in lines)


def test_spoilt_pictures_replace_good_ones(small_photographs: Path, tmp_path: Path) -> None:
    spoilt, good = measure_cleaning.spoil(small_photographs, tmp_path, 1, seed=0)
    assert {path.name for path in tmp_path.iterdir()} == {*spoilt, *good}
    assert sorted(kind for kind, _, _ in spoilt.values()) == sorted(faults.KINDS)
    # A copy stands beside its source, everything else in its place.
    assert len(good) == 1
    assert good == [source for kind, _, source in spoilt.values() if kind == "duplicate"]


def test_benchmarks_have_as_many_different_pictures(
    small_photographs: Path, tmp_path: Path
) -> None:
    measure_cleaning.variants(small_photographs, tmp_path, 20)
    paths = open_source(f"folder:{tmp_path}").paths
    assert len(paths) == 20
    assert len({read_rgb(path).rgb.tobytes() for path in paths}) == 20
