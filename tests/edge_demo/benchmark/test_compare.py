"""A benchmark beside a former one: what is matched, what is told, and what is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from edge_demo import __main__ as command
from edge_demo.benchmark import (
    command as benchmark,
)
from edge_demo.benchmark import (
    compare as benchmark_compare,
)
from edge_demo.benchmark import page as benchmark_page
from edge_demo.benchmark import (
    report as benchmark_report,
)
from edge_demo.errors import UserError
from edge_demo.measure import results
from edge_demo.tasks import chroma

METRIC = "chroma_psnr"


def a_row(name: str, p50: float, value: float, recipe: str | None = "int8") -> results.Row:
    times = {"p50": p50, "p90": p50, "p99": p50, "runs": 20, "threads": 2}
    return results.row(
        name, "model" if recipe else "baseline", {METRIC: [value]}, recipe=recipe,
        latency_ms=times, picture_ms=p50, bytes=2048, peak_rss_bytes=64 << 20,
    )  # fmt: skip


def a_table(*rows: results.Row, **other: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "measured": "2026-01-01", "host": {"cpu": "A72", "cores": 4, "interpreter": "one 1.0"},
        "before": {}, "during": {}, "after": {}, "warnings": [],
        "timed": {"name": "a.png", "width": 64, "height": 48}, "threads": 2,
        "limit_seconds": 20.0, "sustained": False, "siting": "center",
    }  # fmt: skip
    return results.document(chroma.TASK, 3, "folder:photos", rows, **{**settings, **other})


def compared(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    before = copy.deepcopy((old, new))
    out = benchmark_compare.compare(old, new, chroma.TASK, "old.json")
    assert (old, new) == before
    assert json.loads(json.dumps(out, allow_nan=False)) == out
    return out


def test_rows_are_matched_by_name_and_recipe() -> None:
    old = a_table(
        a_row("net", 10.0, 44.0), a_row("net", 40.0, 44.5, "float32"), a_row("bicubic", 1.0, 41, "")
    )
    new = a_table(
        a_row("bicubic", 1.0, 41.0, ""), a_row("net", 8.0, 44.25), a_row("other", 5.0, 43.0)
    )
    out = compared(old, new)
    assert [results.label(line) for line in out["rows"]] == ["bicubic", "net.int8"]
    assert out["rows"][1] == {
        "name": "net", "recipe": "int8", "kind": "model",
        "p50_ms": {"old": 10.0, "new": 8.0, "ratio": 0.8},
        "bytes": {"old": 2048, "new": 2048, "ratio": 1.0},
        "peak_rss_bytes": {"old": 64 << 20, "new": 64 << 20, "ratio": 1.0},
        METRIC: {"old": 44.0, "new": 44.25, "difference": 0.25},
    }  # fmt: skip
    assert (out["only_old"], out["only_new"]) == (["net.float32"], ["other.int8"])
    assert out["warnings"] == []
    assert (out["name"], out["measured"]) == ("old.json", "2026-01-01")


def test_rows_of_one_name_are_matched_in_their_order() -> None:
    old = a_table(a_row("net", 10.0, 44.0), a_row("net", 20.0, 45.0))
    new = a_table(*(a_row("net", p50, 44.0) for p50 in (11.0, 22.0, 33.0)))
    out = compared(old, new)
    assert [line["p50_ms"]["old"] for line in out["rows"]] == [10.0, 20.0]
    assert out["only_new"] == ["net.int8"]


def test_a_failure_is_told_and_has_no_figures() -> None:
    failed = results.row("net", "model", recipe="int8", status="failed: odd")
    (line,) = compared(a_table(a_row("net", 10.0, 44.0)), a_table(failed))["rows"]
    assert line["status"] == {"old": "ok", "new": "failed: odd"}
    assert "p50_ms" not in line
    assert METRIC not in line
    out = compared(a_table(failed), a_table(failed))
    _, cells = benchmark_compare.columns(out, chroma.TASK)
    assert cells == [["net.int8", "still failed: odd"]]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"host": {"cpu": "A76", "cores": 4, "interpreter": "one 1.0"}}, "cpu A72 -> A76"),
        ({"host": {"cpu": "A72", "cores": 4, "interpreter": "two 2.0"}},
         "interpreter one 1.0 -> two 2.0"),
        ({"host": {"cpu": "A72", "cores": 4, "interpreter": "one 1.0", "board": "Pi"}},
         "board unknown -> Pi"),
        ({"threads": 4}, "threads 2 -> 4"),
        ({"sustained": True}, "sustained False -> True"),
        ({"timed": {"name": "b", "width": 32, "height": 48}},
         "size of the picture 64x48 -> 32x48"),
        ({"data": "folder:others"}, "photographs folder:photos -> folder:others"),
        ({"images": 4}, "number of photographs 3 -> 4"),
        ({"siting": "left"}, "siting center -> left"),
    ],
)  # fmt: skip
def test_another_machine_or_set_up_is_one_warning(changes: dict[str, Any], part: str) -> None:
    line = a_row("net", 10.0, 44.0)
    out = compared(a_table(line), {**a_table(line), **changes})
    (warning,) = out["warnings"]
    assert part in warning
    quality = {"data", "images", "siting"} & set(changes)
    assert ("of other photographs" in warning) == bool(quality)
    assert ("compare machines" in warning) == (not quality)


def test_what_is_no_other_machine() -> None:
    line = a_row("net", 10.0, 44.0)
    old, new = a_table(line), a_table(line)
    del old["sustained"]  # an older document
    old["host"]["memory_bytes"], new["host"]["memory_bytes"] = 3884360 << 10, 3884300 << 10
    assert compared(old, new)["warnings"] == []
    # Without photographs there is no quality that could be of others.
    assert compared(old, {**new, "images": 0, "data": "synthetic"})["warnings"] == []


@pytest.mark.parametrize("value", [None, "fast", True, [1], {"p50": 1}, float("inf"), 0])
def test_odd_values_of_others_are_left_out(value: Any) -> None:
    line = a_row("net", 10.0, 44.0)
    odd = copy.deepcopy(line)
    odd["latency_ms"]["p50"] = odd["bytes"] = value
    odd["metrics"] = {METRIC: value}
    (found,) = benchmark_compare.compare(a_table(odd), a_table(line), chroma.TASK, "o")["rows"]
    assert set(found) == {"name", "recipe", "kind", "peak_rss_bytes"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no json", "is not JSON"),
        ("[]", "not a table of schema 1"),
        ('{"schema": 2}', "not a table of schema 1"),
        (
            '{"schema": 1, "task": "colorize", "rows": []}',
            "of the 'colorize' task, not of 'chroma'",
        ),
        ('{"schema": 1, "task": "chroma"}', "no rows"),
        ('{"schema": 1, "task": "chroma", "rows": []}', "no rows"),
        ('{"schema": 1, "task": "chroma", "rows": [{"name": 3}]}', "no rows"),
        (
            '{"schema": 1, "task": "chroma", "rows": [{"name": "a", "kind": "model", '
            '"status": "ok", "recipe": []}]}',
            "no rows",
        ),
        ("\xff", "is not JSON"),
    ],
)
def test_other_files_are_refused(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=why):
        benchmark_compare.read(path, chroma.TASK)


def test_a_missing_file_is_one_line_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "benchmark", None)
    arguments = ["benchmark", "m.tflite", "--compare", str(tmp_path / "gone.json")]
    assert command.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "gone.json: cannot be read" in line


def test_both_reports_tell() -> None:
    old = a_table(a_row("net", 10.0, 44.0), a_row("gone", 1.0, 40.0), threads=1)
    new = a_table(a_row("net", 12.5, 43.75), a_row("come", 1.0, 40.0))
    new["compared"] = compared(old, new)
    lines = benchmark_report.text(new, chroma.TASK).splitlines()
    assert lines[-5] == "compared with old.json, measured 2026-01-01: old -> new"
    assert " ".join(lines[-3].split()) == (
        "net.int8 10.00 -> 12.50 1.25x 44.00 -> 43.75 -0.25 2 -> 2 64 -> 64"
    )
    assert lines[-2:] == ["only in old.json: gone.int8", "only in this benchmark: come.int8"]
    page = benchmark_page.page(new, chroma.TASK)
    assert "<h2>What changed</h2>" in page
    assert "1.25x" in page
    assert "Only in old.json: gone.int8." in page
    assert "threads 1 -&gt; 2" in page


def test_nothing_in_common(tmp_path: Path) -> None:
    old, new = a_table(a_row("gone", 1.0, 40.0)), a_table(a_row("come", 1.0, 40.0))
    new["compared"] = compared(old, new)
    lines = benchmark_report.text(new, chroma.TASK).splitlines()
    assert lines[-2:] == ["only in old.json: gone.int8", "only in this benchmark: come.int8"]
    assert "Only in this benchmark: come.int8." in benchmark_page.page(new, chroma.TASK)


def test_the_command_compares_with_its_own_table(
    tiny_models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.json"
    once = ["benchmark", str(tiny_models["int8"]), "--size", "64x64", "--threads", "1",
            "--seconds", "0.05", "--json", str(table)]  # fmt: skip
    assert command.main(once) == 0
    assert "compared" not in json.loads(table.read_text())
    assert command.main([*once, "--overwrite", "--compare", str(table)]) == 0
    (line,) = json.loads(table.read_text())["compared"]["rows"]
    assert line["bytes"]["ratio"] == 1
    assert line["p50_ms"]["ratio"] > 0
    out, errors = capsys.readouterr()
    assert f"compared with {table}" in out
    assert "compare machines" not in errors
