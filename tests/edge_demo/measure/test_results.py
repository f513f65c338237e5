"""Tables: their one shape, their text, and files that are whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge_demo.errors import UserError
from edge_demo.measure import results
from edge_demo.tasks import chroma

VALUES = {"chroma_psnr": [40.0, 42.0, 47.0], "chroma_ssim": [0.5, 0.75, 1.0]}
BETTER = {"chroma_psnr": [41.0, 44.0, 47.0], "chroma_ssim": [0.6, 0.75, 1.0]}


@pytest.fixture
def rows() -> list[results.Row]:
    return [
        results.row("bilinear", "baseline", VALUES),
        results.row("net-s.r1", "model", BETTER, recipe="int8", bytes=1234, peak_rss_bytes=None),
        results.row("net-s.r1", "model", recipe="float16", status="failed: no room"),
    ]


def test_a_row(rows: list[results.Row]) -> None:
    assert rows[0] == {
        "name": "bilinear",
        "kind": "baseline",
        "metrics": {"chroma_psnr": {"mean": 43.0, "min": 40.0, "max": 47.0},
                    "chroma_ssim": {"mean": 0.75, "min": 0.5, "max": 1.0}},
        "status": "ok",
    }  # fmt: skip
    assert rows[1]["recipe"] == "int8" and rows[1]["bytes"] == 1234
    # What does not apply is left out.
    assert set(rows[1]) == {"name", "kind", "recipe", "metrics", "bytes", "status"}
    assert rows[2] == {"name": "net-s.r1", "kind": "model", "recipe": "float16",
                       "status": "failed: no room"}  # fmt: skip


def test_a_document(rows: list[results.Row]) -> None:
    document = results.document(chroma.TASK, 3, "sample", rows, siting="left")
    assert {k: v for k, v in document.items() if k != "rows"} == {
        "schema": 1, "task": "chroma", "images": 3, "data": "sample", "siting": "left"
    }  # fmt: skip
    assert document["rows"] == rows


def test_verdicts_are_gains_over_the_reference(rows: list[results.Row]) -> None:
    assert results.verdicts(rows, chroma.TASK) == [
        "net-s.r1.int8: +1.00 dB chroma_psnr over bilinear"
    ]
    assert results.verdicts(rows[1:], chroma.TASK) == []
    worse = [results.row("bilinear", "baseline", BETTER), results.row("net", "model", VALUES)]
    assert results.verdicts(worse, chroma.TASK) == ["net: -1.00 dB chroma_psnr over bilinear"]


def test_text_is_a_block_for_each_metric(rows: list[results.Row]) -> None:
    lines = results.quality_text(rows, chroma.TASK).splitlines()
    assert lines == [
        "chroma_psnr (dB)",
        "  method           average    minimum    maximum",
        "  bilinear           43.00      40.00      47.00",
        "  net-s.r1.int8      44.00      41.00      47.00",
        "",
        "chroma_ssim",
        "  method           average    minimum    maximum",
        "  bilinear          0.7500     0.5000     1.0000",
        "  net-s.r1.int8     0.7833     0.6000     1.0000",
        "",
        "net-s.r1.int8: +1.00 dB chroma_psnr over bilinear",
        "net-s.r1.float16: failed: no room",
    ]


def test_less_is_better_of_some() -> None:
    assert results.METRICS["rgb_psnr"].gain(3.0, 1.0) == 2.0
    assert results.METRICS["delta_e_2000"].gain(3.0, 1.0) == -2.0
    assert results.heading("flat_noise") == "flat_noise (codes)"
    assert results.heading("delta_e_2000") == "delta_e_2000"


def test_a_photograph_without_a_value_is_not_averaged() -> None:
    found = results.row("n", "model", {"flat_noise": [None, 2.0, 4.0], "clipped": [None, None]})
    assert found["metrics"] == {"flat_noise": {"mean": 3.0, "min": 2.0, "max": 4.0}}
    document = results.document(chroma.TASK, 3, "sample", [found], siting=None)
    assert "siting" not in document


def test_json_is_written_whole(tmp_path: Path, rows: list[results.Row]) -> None:
    path = tmp_path / "deep" / "table.json"
    document = results.document(chroma.TASK, 3, "sample", rows)
    results.write_json(path, document)
    assert json.loads(path.read_text()) == document
    assert path.read_text().endswith("}\n")
    (tmp_path / "ordinary").write_text("")
    assert path.stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    with pytest.raises(UserError, match=r"exists already.*--overwrite"):
        results.write_json(path, {})
    assert json.loads(path.read_text()) == document
    results.write_json(path, {"a": 1}, overwrite=True)
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(path.parent) == ["table.json"]
    # What JSON cannot hold is a bug to be seen, not a file that nobody can read.
    with pytest.raises(ValueError, match="JSON compliant"):
        results.write_json(tmp_path / "nan.json", {"a": float("nan")})
    assert not (tmp_path / "nan.json").exists()


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below.json", tmp_path / "folder"):
        with pytest.raises(UserError, match="cannot write"):
            results.write_text(path, "text", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "mine" and not os.listdir(tmp_path / "folder")
