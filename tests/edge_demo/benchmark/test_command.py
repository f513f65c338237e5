"""The benchmark: its document, its failures, its table and its command line."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo import __main__ as command
from edge_demo.benchmark import (
    command as benchmark,
)
from edge_demo.benchmark import page as benchmark_page
from edge_demo.benchmark import (
    report as benchmark_report,
)
from edge_demo.benchmark import (
    worker as benchmark_worker,
)
from edge_demo.device import restorers
from edge_demo.errors import UserError
from edge_demo.measure import restoration, results
from edge_demo.model import models_folder, package
from edge_demo.pictures import photographs as reader
from edge_demo.tasks import chroma

CHROMA = restoration.of("chroma")
METRIC = "chroma_psnr"


def of_another_contract(source: Path, target: Path) -> Path:
    data = source.read_bytes()
    with zipfile.ZipFile(source) as archive:
        start = min(info.header_offset for info in archive.infolist())
        card = json.loads(archive.read("card.json"))
        golden = dict(np.load(io.BytesIO(archive.read("golden.npz"))))
    target.write_bytes(package.join(data[:start], {**card, "contract": 99}, golden))
    return target


def with_a_damaged_graph(source: Path, target: Path) -> Path:
    data = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as archive:
        start = min(info.header_offset for info in archive.infolist())
    data[8:start] = bytes(start - 8)
    target.write_bytes(data)
    return target


@pytest.fixture(scope="module")
def bad_files(tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "text.tflite").write_text("no model")
    return [
        folder / "missing.tflite",
        folder / "text.tflite",
        of_another_contract(tiny_models["int8"], folder / "contract.tflite"),
        with_a_damaged_graph(tiny_models["int8"], folder / "damaged.tflite"),
    ]


@pytest.fixture(scope="module")
def table(tiny_models: dict[str, Path], bad_files: list[Path], photographs: Path) -> dict[str, Any]:
    # A model's peak must not be the parent's: this one holds more than a worker ever does.
    ballast = np.ones(400 << 20, np.uint8)
    files = [*bad_files, *tiny_models.values(), tiny_models["int8"]]
    out = benchmark.benchmark(files, photographs, threads=1, limit_seconds=0.2)
    assert benchmark_worker.peak_rss_bytes() > ballast.nbytes
    return out


def rows_of(table: dict[str, Any], kind: str, status: str = "ok") -> dict[str, dict[str, Any]]:
    return {
        results.label(line): line
        for line in table["rows"]
        if line["kind"] == kind and line["status"].startswith(status)
    }


def test_the_document_is_of_schema_1(table: dict[str, Any], photographs: Path) -> None:
    assert (table["schema"], table["task"], table["images"]) == (1, "chroma", 2)
    assert table["data"] == f"folder:{photographs}"
    assert table["timed"] == {"name": "a.png", "width": 160, "height": 128}
    assert table["host"]["python"] and table["host"]["interpreter"] and table["host"]["cores"] >= 1
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    assert list(rows_of(table, "baseline")).count("bilinear") == 1
    assert set(rows_of(table, "baseline")) == set(chroma.TASK.baselines)
    # One named twice is measured once.
    assert sorted(rows_of(table, "model")) == [
        "chroma_residual-test.float32", "chroma_residual-test.int8"
    ]  # fmt: skip


def test_measured_rows_are_complete(table: dict[str, Any], tiny_models: dict[str, Path]) -> None:
    for line in table["rows"]:
        if line["status"] != "ok":
            continue
        times = line["latency_ms"]
        assert 0 < times["p50"] <= times["p90"] <= times["p99"]
        assert times["runs"] >= 1
        assert times["threads"] == 1
        assert line["megapixels"] == pytest.approx(160 * 128 / 1e6, abs=1e-4)
        assert set(line["metrics"]) == set(CHROMA.metrics)
        assert all(v["min"] <= v["mean"] <= v["max"] for v in line["metrics"].values())
    for recipe, path in tiny_models.items():
        line = rows_of(table, "model")[f"chroma_residual-test.{recipe}"]
        assert line["bytes"] == path.stat().st_size
        assert set(line["stages_ms"]) == {"encode", "inference", "decode"}
        assert line["stages_ms"]["inference"] == line["latency_ms"]["p50"]
        assert line["picture_ms"] > line["latency_ms"]["p50"]
        assert line["load_ms"] > 0
        assert line["peak_rss_bytes"] > 0
        assert "values" not in line
        assert line["tiles"] > 1
    assert "photographs" not in table


def test_failures_are_rows(table: dict[str, Any]) -> None:
    failed = rows_of(table, "model", "failed: ")
    assert set(failed) == {"missing.tflite", "text.tflite", "contract.tflite", "damaged.tflite"}
    assert "no such model file" in failed["missing.tflite"]["status"]
    assert "carries no card" in failed["text.tflite"]["status"]
    assert "contract 99" in failed["contract.tflite"]["status"]
    for line in failed.values():
        assert "\n" not in line["status"]
        assert "Traceback" not in line["status"]
        assert "latency_ms" not in line
        assert "metrics" not in line


def test_baselines_come_first_and_failures_last(table: dict[str, Any]) -> None:
    kinds = [(line["kind"], line["status"] == "ok") for line in table["rows"]]
    assert kinds == [("baseline", True)] * 4 + [("model", True)] * 2 + [("model", False)] * 4
    values = [line["metrics"][METRIC]["mean"] for line in table["rows"][:4]]
    assert values == sorted(values)


def test_metrics_are_those_of_quality(
    table: dict[str, Any], tiny_models: dict[str, Path], photographs: Path
) -> None:
    model = restorers.load(tiny_models["int8"])
    methods: dict[str, restoration.Method] = {
        "bilinear": CHROMA.baselines()["bilinear"],
        "chroma_residual-test.int8": model.reconstruct,
    }
    found = {**rows_of(table, "baseline"), **rows_of(table, "model")}
    pictures = [reader.read(photographs / name) for name in ("a.png", "b.png")]
    for label, method in methods.items():
        measured = [
            CHROMA.measure(rgb, planes, method(planes))
            for rgb, planes in ((rgb, chroma.degrade(rgb)) for rgb in pictures)
        ]
        for metric in CHROMA.metrics:
            values = [one[metric] for one in measured]
            expected = {"mean": np.mean(values), "min": min(values), "max": max(values)}
            assert found[label]["metrics"][metric] == pytest.approx(expected, abs=2e-6)


def test_each_variant_of_a_task_is_measured_as_its_own(photographs: Path) -> None:
    names = ("chroma_bitrate-s.r2", "chroma_merged-s.r2", "chroma_gan-s.r1")
    files = [models_folder.find(name) for name in names]
    found = benchmark.benchmark(files, photographs, threads=1, limit_seconds=0.2)
    labelled = rows_of(found, "model")
    assert len(labelled) == len(files)
    pictures = [reader.read(photographs / name) for name in ("a.png", "b.png")]
    for path in files:
        method = restorers.load(path).reconstruct
        planes = [chroma.degrade(rgb) for rgb in pictures]
        psnr = [
            CHROMA.measure(rgb, degraded, method(degraded))[METRIC]
            for rgb, degraded in zip(pictures, planes, strict=True)
        ]
        label = path.name.removesuffix(".tflite")
        assert labelled[label]["metrics"][METRIC]["mean"] == pytest.approx(np.mean(psnr), abs=1e-5)


def test_each_photographs_values_when_asked(
    tiny_models: dict[str, Path], photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    for name, target in (("a.png", "sub/x.png"), ("b.png", "x.png"), ("grey.png", "grey.png")):
        (tmp_path / target).write_bytes((photographs / name).read_bytes())
    out = benchmark.benchmark([tiny_models["int8"]], tmp_path, 1, limit_seconds=0.05, each=True)
    assert out["photographs"] == ["sub/x.png", "x.png"]
    assert len(out["rows"]) == 5
    for line in out["rows"]:
        assert set(line["values"]) == set(CHROMA.metrics)
        for metric, values in line["values"].items():
            assert len(values) == 2
            assert line["metrics"][metric]["mean"] == pytest.approx(np.mean(values), abs=2e-6)
    bilinear = rows_of(out, "baseline")["bilinear"]["values"][METRIC]
    rgb = reader.read(tmp_path / "x.png")
    planes = chroma.degrade(rgb)
    again = CHROMA.measure(rgb, planes, CHROMA.baselines()["bilinear"](planes))[METRIC]
    assert bilinear[1] == pytest.approx(again, abs=1e-5)


def test_a_photograph_that_vanishes_fails_the_row(
    photographs: Path, tmp_path: Path, tiny_models: dict[str, Path]
) -> None:
    planes = tmp_path / "planes.npz"
    rgb = reader.read(photographs / "a.png")
    benchmark_worker.write_picture(CHROMA, planes, chroma.degrade(rgb))
    gone = [str(photographs / "a.png"), str(tmp_path / "gone.png")]
    job = {
        "kind": "model", "target": str(tiny_models["int8"]), "task": "chroma", "threads": 1,
        "limit": 0.01, "sustained": False, "picture": str(planes), "photographs": gone,
        "low": [], "siting": "center",
    }  # fmt: skip
    with pytest.raises(UserError, match="changed"):
        benchmark_worker.measure(job, lambda *_: None)


def test_peak_memory_is_the_workers_own(table: dict[str, Any]) -> None:
    peaks = [line["peak_rss_bytes"] for line in table["rows"] if line["status"] == "ok"]
    assert len(peaks) == 6
    assert all(10 << 20 < peak < 400 << 20 for peak in peaks)


def test_each_method_has_a_process_of_its_own(
    tiny_models: dict[str, Path], photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    real = benchmark.subprocess.Popen

    def popen(*arguments: Any, **options: Any) -> Any:
        # One at a time: two would disturb each other.
        assert all(process.poll() is not None for process in started)
        started.append(real(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(benchmark.subprocess, "Popen", popen)
    out = benchmark.benchmark([tiny_models["int8"]], photographs, 1, limit_seconds=0.05)
    assert len({process.pid for process in started}) == len(out["rows"]) == 5


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("kill -SEGV $$", "its process died of SIGSEGV"),
        ("kill -KILL $$", "memory"),
        ("echo 'first' >&2; echo 'ValueError: odd' >&2; exit 1", "ValueError: odd"),
        ("exit 3", "its process ended with code 3"),
    ],
)
def test_a_crash_is_a_row(
    script: str,
    why: str,
    tiny_models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/bash\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    out = benchmark.benchmark([tiny_models["int8"]], size=(64, 64), limit_seconds=0.05)
    (line,) = out["rows"]
    assert line["status"].startswith("failed: ")
    assert why in line["status"]
    assert line["bytes"] == tiny_models["int8"].stat().st_size


def test_without_photographs_there_are_times_only(tiny_models: dict[str, Path]) -> None:
    out = benchmark.benchmark([tiny_models["int8"]], size=(70, 50), limit_seconds=0.05)
    (line,) = out["rows"]
    assert out["images"] == 0
    assert out["timed"] == {"name": "a synthetic picture", "width": 70, "height": 50}
    assert "metrics" not in line
    assert line["latency_ms"]["p50"] > 0
    assert METRIC not in benchmark_report.text(out, chroma.TASK)
    assert "<svg" not in benchmark_page.page(out, chroma.TASK)


def test_files_of_one_name_are_told_apart(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copies = [tmp_path / run / "model.int8.tflite" for run in ("one", "two")]
    for path in copies:
        path.parent.mkdir()
        path.write_bytes(tiny_models["int8"].read_bytes())
    out = benchmark.benchmark(copies, size=(64, 64), limit_seconds=0.05)
    assert sorted(line["name"] for line in out["rows"]) == [
        "one/chroma_residual-test", "two/chroma_residual-test"
    ]  # fmt: skip
    assert {line["file"] for line in out["rows"]} == {
        "one/model.int8.tflite", "two/model.int8.tflite"
    }  # fmt: skip


# When to stop -------------------------------------------------------------------------------


class Clock:
    """A clock that only moves when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(benchmark_worker.time, "perf_counter", lambda: self.now)

    def runs(self, seconds: Callable[[int], float]) -> Callable[[], dict[str, float]]:
        self.count = 0

        def once() -> dict[str, float]:
            spent = seconds(self.count)
            self.count += 1
            self.now += spent
            return {"inference": spent}

        return once


def test_steady_runs_stop_early(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    runs = list(benchmark_worker.repeat(clock.runs(lambda _: 0.01), limit=20))
    assert len(runs) == benchmark_worker.LEAST_RUNS
    assert clock.count - len(runs) == pytest.approx(100, abs=1)  # a twentieth of the limit
    assert "spread" not in benchmark_worker.latency(runs, 2)


def test_drifting_runs_go_on_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    began = clock.now
    drift = clock.runs(lambda index: 0.01 * 1.02**index)
    runs = list(benchmark_worker.repeat(drift, limit=20))
    assert 20 <= clock.now - began < 21
    assert benchmark_worker.latency(runs, 2)["spread"] > benchmark_worker.TOLERANCE


def test_a_picture_slower_than_the_limit_is_still_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = list(benchmark_worker.repeat(Clock(monkeypatch).runs(lambda _: 30.0), limit=20))
    times = benchmark_worker.latency(runs, 4)
    assert times == {"p50": 3e4, "p90": 3e4, "p99": 3e4, "runs": 1, "threads": 4, "spread": 0.0}


def test_spread_compares_both_halves_with_all() -> None:
    assert benchmark_worker.spread([1.0] * 10) == 0
    assert benchmark_worker.spread([1.0, 1.0, 1.5, 1.5]) == pytest.approx(0.2)


def test_sustained_runs_never_stop_early(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    runs = list(benchmark_worker.sustain(clock.runs(lambda _: 0.25), limit=20))
    assert len(runs) == clock.count == 80
    assert len(list(benchmark_worker.sustain(clock.runs(lambda _: 30.0), limit=20))) == 1


# The table ----------------------------------------------------------------------------------


def a_row(name: str, kind: str, value: float, p50: float, **other: Any) -> results.Row:
    times = {"p50": p50, "p90": p50, "p99": p50, "runs": 20, "threads": 2}
    return results.row(name, kind, {METRIC: [value]}, latency_ms=times, picture_ms=p50, **other)


ROWS = [
    a_row("bilinear", "baseline", 40.0, 1.0),
    a_row("net", "model", 43.75, 120.5, recipe="int8", bytes=2048, peak_rss_bytes=64 << 20),
    a_row("net", "model", 44.0, 300.0, recipe="float32", bytes=8192, peak_rss_bytes=65 << 20),
    results.row("gone.tflite", "model", status="failed: no such model file"),
]


def a_table(rows: list[results.Row]) -> dict[str, Any]:
    return {
        "rows": rows, "images": 1, "threads": 2, "limit_seconds": 20.0,
        "before": {"load_average": 1.0}, "during": {}, "after": {"load_average": 2.0},
        "timed": {"name": "a.png", "width": 8, "height": 8},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("runs", "spread", "text"),
    [
        (1, 0.0, "net.int8: only 1 run in 20 s, too few to tell whether the p50 has settled "
         "(20 are needed: pass more --seconds)"),
        (19, 0.3, "net.int8: only 19 runs in 20 s, too few"),
        (400, 0.034, "net.int8: the p50 had not settled after 400 runs in 20 s: that of one half "
         "of them is 3.4% from that of all, where 2% is allowed"),
    ],
)  # fmt: skip
def test_why_a_p50_is_not_to_be_relied_on(runs: int, spread: float, text: str) -> None:
    line = a_row("net", "model", 43.0, 5.0, recipe="int8")
    line["latency_ms"] |= {"runs": runs, "spread": spread}
    last = benchmark_report.text(a_table([line]), chroma.TASK).splitlines()[-1]
    assert last.startswith(text)


def test_cells_state_gain_and_drop() -> None:
    header, cells = benchmark_report.columns(ROWS, chroma.TASK)
    by_name = {row[0]: dict(zip(header, row, strict=True)) for row in cells}
    assert by_name["net.int8"]["vs bilinear"] == "+3.75"
    assert by_name["net.int8"]["vs float32"] == "-0.25"
    assert by_name["net.int8"]["KiB"] == "2"
    assert by_name["net.int8"]["peak MiB"] == "64"
    assert by_name["net.float32"]["vs float32"] == ""
    assert by_name["bilinear"]["vs bilinear"] == ""
    assert by_name["gone.tflite"]["status"] == "failed: no such model file"
    assert header[-1] == "status"


def test_text_is_aligned() -> None:
    lines = benchmark_report.text(a_table(ROWS), chroma.TASK).splitlines()
    header, body = lines[1], lines[2:]
    for column in ("chroma_psnr (dB)", "p50 ms", "picture ms"):
        end = header.index(column) + len(column)
        for line in body[:3]:
            assert line[end - 1].isdigit()
            assert line[end : end + 1] == " "
    assert len({line.index("ok") for line in body[:3]}) == 1


def test_the_next_model_is_the_fastest_of_the_good_ones() -> None:
    poor = a_row("poor", "model", 41.0, 2.0, recipe="int8")
    best = benchmark_report.best([*ROWS, poor], chroma.TASK)
    assert best is not None
    assert results.label(best) == "net.int8"
    assert benchmark_report.best(ROWS[-1:], chroma.TASK) is None


# The command --------------------------------------------------------------------------------


def run(*arguments: object) -> int:
    return command.main(["benchmark", *map(str, arguments)])


def test_the_command_writes_both_reports(
    tiny_models: dict[str, Path],
    photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table, page = tmp_path / "out" / "table.json", tmp_path / "out" / "page.html"
    code = run(
        *tiny_models.values(), "--images", photographs, "--threads", 1, "--seconds", 0.05,
        "--json", table, "--html", page, "--attach", photographs / "a.png",
    )  # fmt: skip
    out, errors = capsys.readouterr()
    assert code == 0
    assert len(json.loads(table.read_text())["rows"]) == 6
    text = page.read_text()
    for heading in (
        "Quality against time",
        "Where the time goes",
        "What it looks like",
        "Attached",
    ):
        assert f"<h2>{heading}</h2>" in text
    assert f"wrote {table}" in out
    assert f"wrote {page}" in out
    assert out.splitlines()[-1].startswith("next: python -m edge_demo run ")
    for name in ("grey.png", "tiny.png", "broken.png"):
        assert sum(name in line and "skipped" in line for line in errors.splitlines()) == 1
    assert "INFO:" not in errors


def test_no_model_measured_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "missing.tflite", "--size", "64x64", "--seconds", 0.05) == 1
    assert "failed: no such model file" in capsys.readouterr().out


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("measured before the options were checked")

    monkeypatch.setattr(benchmark, "_ask_worker", refuse)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["m.tflite", "--size", "big"], "--size wants"),
        (["m.tflite", "--size", "1920"], "--size wants"),
        (["m.tflite", "--size", "8x8"], "out of range"),
        (["m.tflite", "--size", "99999x99999"], "out of range"),
        (["m.tflite", "--threads", "0"], "--threads"),
        (["m.tflite", "--seconds", "0"], "--seconds"),
        (["m.tflite", "--seconds", "nan"], "--seconds"),
        (["m.tflite", "--images", "nowhere"], "there is no folder 'nowhere'"),
        (["m.tflite", "--images", "empty"], "no pictures in 'empty'"),
        (["m.tflite", "--json", "old.json"], "old.json exists already"),
        (["m.tflite", "--html", "old.json"], "old.json exists already"),
        (["m.tflite", "--html", "a", "--json", "a"], "same file"),
        (["m.tflite", "--each"], "--each needs"),
        (["m.tflite", "--each", "--images", "empty"], "--each needs"),
        (["m.tflite", "--attach", "old.json"], "old.json"),
        (["m.tflite", "--html", "a", "--attach", "gone.png"], "gone.png"),
        (["no-such-preset"], "no model named"),
    ],
)
def test_mistakes_are_one_line_before_any_work(
    arguments: list[str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.json").write_text("{}")
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert why in lines[0]
    assert (tmp_path / "old.json").read_text() == "{}"


def test_a_page_can_be_attached_to_only_where_there_is_one(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("m.tflite", "--attach", photographs / "a.png") == 2
    assert "--html" in capsys.readouterr().err


def test_a_folder_without_usable_pictures(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes((photographs / "grey.png").read_bytes())
    with pytest.raises(UserError, match="none of 1"):
        benchmark.benchmark([Path("m.tflite")], tmp_path)


def test_the_synthetic_picture_is_always_the_same() -> None:
    picture: NDArray[np.uint8] = benchmark.synthetic(50, 34)
    assert picture.shape == (34, 50, 3)
    assert np.array_equal(picture, benchmark.synthetic(50, 34))
