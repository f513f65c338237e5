"""Quantised against float: each file's losses, worked out photograph by photograph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets.source import Source
from edge_demo.errors import UserError
from edge_demo.tasks import chroma
from export import compare, reports
from export.__main__ import main

NAME = "chroma_residual-test"
CHOSEN = ("float32", "int8", "mixed")


@pytest.fixture(scope="module")
def measured(
    model_files: dict[str, Path], small_photographs: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """What one run of the command wrote, with nearly no time to measure times."""
    folder = tmp_path_factory.mktemp("compare")
    outputs = {kind: folder / f"table.{kind}" for kind in ("json", "markdown", "html")}
    arguments = ["compare", *(str(model_files[name]) for name in CHOSEN)]
    arguments += ["--data", f"folder:{small_photographs}", "--seconds", "0.1", "--threads", "1"]
    arguments += [part for kind, path in outputs.items() for part in (f"--{kind}", str(path))]
    assert main(arguments) == 0
    return outputs


@pytest.fixture(scope="module")
def table(measured: dict[str, Path]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(measured["json"].read_text())
    return found


def test_the_document_is_of_schema_1(table: dict[str, Any], small_photographs: Path) -> None:
    assert (table["schema"], table["task"], table["images"]) == (1, "chroma", 6)
    assert table["data"] == f"folder:{small_photographs}"
    assert sorted(table["photographs"]) == sorted(p.name for p in small_photographs.iterdir())
    rows = {row["recipe"]: row for row in table["rows"] if row["kind"] == "model"}
    assert set(rows) == set(CHOSEN)
    for row in rows.values():
        assert row["status"] == "ok" and row["bytes"] > 1000 and row["peak_rss_bytes"] > 1e6
        assert row["load_ms"] > 0 and {"p50", "p90", "p99", "threads"} <= set(row["latency_ms"])
        assert len(row["values"]["chroma_psnr"]) == 6
    assert "drop" not in rows["float32"]


def test_drops_are_differences_of_photographs(table: dict[str, Any]) -> None:
    rows = {row["recipe"]: row for row in table["rows"] if row["kind"] == "model"}
    whole = np.array(rows["float32"]["values"]["chroma_psnr"])
    for recipe in ("int8", "mixed"):
        drops = whole - rows[recipe]["values"]["chroma_psnr"]
        drop = rows[recipe]["drop"]
        assert drop["mean"] == pytest.approx(drops.mean(), abs=1e-4)
        assert drop["max"] == pytest.approx(drops.max(), abs=1e-4)
        assert drop["share_over"] == pytest.approx(np.mean(drops > 0.3), abs=1e-4)
        assert drops.max() != 0


def document(**drops: list[float]) -> dict[str, Any]:
    """A table whose float32 file has 40 dB on every photograph."""
    rows: list[dict[str, Any]] = [
        {"name": "n", "kind": "model", "recipe": recipe, "status": "ok",
         "values": {"chroma_psnr": [40.0 - drop for drop in values]}}
        for recipe, values in {"float32": [0.0, 0.0, 0.0], **drops}.items()
    ]  # fmt: skip
    for row in rows:
        compare._add_drop(row, rows, 0.3, chroma.TASK)
    return {"task": "chroma", "rows": rows, "photographs": ["a", "b", "c"]}


def test_worst_photographs_come_first() -> None:
    table = document(int8=[0.1, 0.5, 0.2], mixed=[0.6, 0.0, 0.1])
    assert compare.worst(table) == ["a", "b", "c"]
    assert compare.worst(table, 1) == ["a"]
    assert table["rows"][1]["drop"] == {"mean": 0.2667, "max": 0.5, "share_over": 0.3333}


def test_who_drops_too_much() -> None:
    table = document(int8=[0.1, 0.5, 0.3], mixed=[0.0, 0.1, 0.1])
    table["rows"].append({"name": "n", "kind": "model", "recipe": "qat", "status": "failed: why"})
    assert [row["recipe"] for row in compare.over(table, 0.2)] == ["int8", "qat"]
    assert [row["recipe"] for row in compare.over(table, 1.0)] == ["qat"]


def test_pages(measured: dict[str, Path], table: dict[str, Any]) -> None:
    page, markdown = measured["html"].read_text(), measured["markdown"].read_text()
    for recipe in CHOSEN:
        assert f"| {NAME}.{recipe} |" in markdown and f"{NAME}<wbr>.{recipe}" in page
    assert page.count("<h3>") == 3  # the worst photographs
    for name in compare.worst(table):
        assert name in page
    assert "http" not in page and "Quality against time" in page


def test_a_failed_file_is_a_row(table: dict[str, Any]) -> None:
    broken = {"name": "x", "kind": "model", "recipe": "int8", "bytes": 2048,
              "status": "failed: it crashed"}  # fmt: skip
    changed = {**table, "rows": [*table["rows"], broken]}
    assert "failed: it crashed" in compare.text(changed)
    assert "failed: it crashed" in compare.markdown(changed)


def test_max_drop_decides_the_exit_code(
    model_files: dict[str, Path],
    small_photographs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    table: dict[str, Any],
) -> None:
    monkeypatch.setattr(compare, "compare", lambda *_, **__: table)
    arguments = ["compare", *(str(model_files[name]) for name in CHOSEN)]
    arguments += ["--data", f"folder:{small_photographs}", "--max-drop"]
    assert main([*arguments, "100"]) == 0
    capsys.readouterr()
    assert main([*arguments, "-100"]) == 1
    said = capsys.readouterr().out
    assert f"{NAME}.int8: drops" in said and "(allowed: -100 dB)" in said


@pytest.mark.slow
def test_what_can_be_compared(model_files: dict[str, Path], tmp_path: Path) -> None:
    shipped = compare.resolve(["chroma_residual-s.r1"])
    assert len(shipped) >= 4
    assert all(path.name.startswith("chroma_residual-s.r1.") for path in shipped)
    twice = [str(model_files["float32"])] * 2
    assert compare.resolve(twice) == [model_files["float32"]]
    for names, says in [
        (["nobody"], "no such preset or model file"),
        ([str(tmp_path / "none.tflite")], "no such model file"),
        ([str(model_files["int8"])], "name the float32 file too"),
    ]:
        with pytest.raises(UserError, match=says):
            compare.resolve(names)


def test_the_finding_names_the_fastest_that_is_good_enough(table: dict[str, Any]) -> None:
    assert reports._finding({**table, "limit_db": -50.0}).startswith("No file loses")
    assert "Fastest of those that lose 50 dB" in reports._finding({**table, "limit_db": 50.0})


def test_a_benchmark_that_fails_is_a_mistake(model_files: dict[str, Path], tmp_path: Path) -> None:
    source = Source("folder:x", (tmp_path / "none.png",))
    with pytest.raises(UserError, match="the benchmark failed with exit code 2"):
        compare.compare([model_files["float32"]], source)
