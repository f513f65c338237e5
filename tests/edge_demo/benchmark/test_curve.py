"""A model run for a time: its curve, its ratio, and how the reports tell of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_demo import __main__ as command
from edge_demo.benchmark import (
    command as benchmark,
)
from edge_demo.benchmark import (
    curve as benchmark_curve,
)
from edge_demo.benchmark import (
    host,
)
from edge_demo.benchmark import page as benchmark_page
from edge_demo.benchmark import (
    report as benchmark_report,
)
from edge_demo.benchmark import (
    worker as benchmark_worker,
)
from edge_demo.measure import restoration, results
from edge_demo.tasks import chroma


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only moves when told."""
    now = [100.0]
    monkeypatch.setattr(benchmark_curve.time, "perf_counter", lambda: now[0])
    return now


def runs(clock: list[float], seconds: list[float]) -> Iterator[benchmark_curve.Run]:
    for spent in seconds:
        clock[0] += spent
        yield {"inference": spent}


def heating() -> Any:
    """A board that becomes warmer each time it is looked at, then slower."""
    temperatures = iter(range(50, 1000, 5))

    def state() -> dict[str, Any]:
        celsius = next(temperatures)
        hot = celsius > 60
        return {
            "load_average": 3.0, "temperature_celsius": celsius,
            "clock_mhz": 1000 if hot else 1800, "throttled": "0x20002" if hot else "0x0",
        }  # fmt: skip

    return state


def test_bins_are_about_a_second_each(clock: list[float]) -> None:
    found = list(benchmark_curve.bins(runs(clock, [0.25] * 10), heating()))
    assert [len(bin_.runs) for bin_ in found] == [4, 4, 2]
    assert [bin_.seconds for bin_ in found] == [1.0, 2.0, 2.5]
    # The load is this program's own.
    assert found[0].state == {"temperature_celsius": 50, "clock_mhz": 1800, "throttled": "0x0"}


def test_slow_runs_are_bins_of_their_own(clock: list[float]) -> None:
    found = list(benchmark_curve.bins(runs(clock, [3.0, 4.0]), dict))
    assert [bin_.seconds for bin_ in found] == [3.0, 7.0]
    assert benchmark_curve.points(found) == [
        {"seconds": 3.0, "p50_ms": 3000.0}, {"seconds": 7.0, "p50_ms": 4000.0}
    ]  # fmt: skip


def test_reading_the_state_is_no_part_of_a_run(clock: list[float]) -> None:
    def slow_state() -> dict[str, Any]:
        clock[0] += 5.0
        return {}

    found = list(benchmark_curve.bins(runs(clock, [0.5] * 4), slow_state))
    assert {run["inference"] for bin_ in found for run in bin_.runs} == {0.5}


def test_nothing_run_gives_no_bins(clock: list[float]) -> None:
    assert list(benchmark_curve.bins(runs(clock, []), dict)) == []


@pytest.mark.parametrize(
    ("seconds", "ratio"),
    [
        ([1.0] * 9, None),
        ([1.0] * 10, 1.0),
        ([1.0] * 5 + [1.5] * 5, 1.5),
        ([2.0] * 10 + [9.0] * 80 + [3.0] * 10, 1.5),
        ([1.0, 1.0, 9.0] + [1.0] * 24 + [1.1, 1.1, 0.1], 1.1),
    ],
)
def test_the_last_tenth_over_the_first(seconds: list[float], ratio: float | None) -> None:
    assert benchmark_curve.sustained_ratio([{"inference": s} for s in seconds]) == ratio


def a_row(clock: list[float], seconds: list[float], state: Any = dict) -> results.Row:
    found = list(benchmark_curve.bins(runs(clock, seconds), state))
    flat = [run for bin_ in found for run in bin_.runs]
    times = {"p50": 250.0, "p90": 250.0, "p99": 250.0, "runs": len(flat), "threads": 2}
    return results.row(
        "net", "model", recipe="int8", latency_ms=times, picture_ms=260.0,
        curve=benchmark_curve.points(found),
        sustained_ratio=benchmark_curve.sustained_ratio(flat),
        during=host.worst(bin_.state for bin_ in found),
    )  # fmt: skip


def a_table(line: results.Row) -> dict[str, Any]:
    flags: dict[str, Any] = {}
    if line["during"]:
        flags = {"temperature_celsius": 48.0, "clock_mhz": 600, "throttled": "0x0"}
    return results.document(
        chroma.TASK, 0, "synthetic", [line], measured="2026-01-01", host={"cores": 4},
        before=flags, during=line["during"], after=flags, warnings=["the governor is odd"],
        timed={"name": "a synthetic picture", "width": 64, "height": 64}, threads=2,
        limit_seconds=60.0, siting="center", sustained=True,
    )  # fmt: skip


def test_the_text_tells_how_it_went(clock: list[float]) -> None:
    line = a_row(clock, [0.25] * 8 + [0.5] * 16, heating())
    lines = benchmark_report.text(a_table(line), chroma.TASK).splitlines()
    assert lines[-4] == (
        "net.int8: last tenth 2.00x the first (24 runs in 10 s); 50 °C at first, 95 °C at most; "
        "clock 1000 to 1800 MHz; the board reported clock capped, first after 4 s"
    )
    assert lines[-3:] == [
        "temperature: 48.0 °C before, 95 °C highest while times were taken, 48.0 °C after",
        "CPU clock: 600 MHz before, 1000 MHz lowest while times were taken, 600 MHz after",
        "throttling flags: 0x0 before, 0x20002 while times were taken, 0x0 after",
    ]


def test_where_the_machine_tells_nothing_the_text_is_short(clock: list[float]) -> None:
    text = benchmark_report.text(a_table(a_row(clock, [0.25] * 20)), chroma.TASK)
    assert text.splitlines()[-1] == "net.int8: last tenth 1.00x the first (20 runs in 5 s)"
    text = benchmark_report.text(a_table(a_row(clock, [9.0] * 3)), chroma.TASK)
    assert text.splitlines()[-1] == (
        "net.int8: 3 runs in 27 s, too few to compare the last tenth with the first"
    )


def test_the_page_shows_what_there_is_of_each_curve(clock: list[float]) -> None:
    line = a_row(clock, [0.25] * 8 + [0.5] * 16, heating())
    page = benchmark_page.page(a_table(line), chroma.TASK)
    assert page.count('<polyline class="curve"') == 3
    assert 'aria-label="net.int8: temperature (°C) over time. Last' in page.replace("last", "Last")
    assert '<p class="warning">The governor is odd.</p>' in page
    assert "48.0 °C before, 95 °C highest while times were taken, 48.0 °C after" in page
    assert "600 MHz before, 1000 MHz lowest while times were taken" in page
    assert benchmark_curve.RULE in page
    bare = benchmark_page.page(a_table(a_row(clock, [0.25] * 20)), chroma.TASK)
    assert bare.count('<polyline class="curve"') == 1


def test_a_model_runs_all_of_the_time(tiny_models: dict[str, Path], photographs: Path) -> None:
    lines: list[str] = []
    table = benchmark.benchmark(
        [tiny_models["int8"]], photographs, 1, limit_seconds=1.5, sustained=True,
        progress=lambda line, step: lines.append(line) if step else None,
    )  # fmt: skip
    assert table["sustained"] is True
    *baselines, model = table["rows"]
    # Baselines stand beside: what they are good for is told as ever.
    assert len(baselines) == 4
    assert all("curve" not in line and "sustained_ratio" not in line for line in baselines)
    assert model["curve"][-1]["seconds"] >= 1.5
    assert len(model["curve"]) in (1, 2, 3)
    assert all(point["p50_ms"] > 0 for point in model["curve"])
    assert "spread" not in model["latency_ms"]
    assert ("sustained_ratio" in model) == (model["latency_ms"]["runs"] >= 10)
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    assert any("of 2 seconds" in line for line in lines)


@pytest.mark.parametrize("sustained", [False, True])
def test_a_row_tells_of_the_board_while_it_was_measured(
    sustained: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = tmp_path / "planes.npz"
    picture = benchmark.synthetic(32, 32)
    benchmark_worker.write_picture(restoration.of("chroma"), planes, chroma.degrade(picture))
    state = {"load_average": 9.0, "temperature_celsius": 61.5, "clock_mhz": 1500}
    monkeypatch.setattr(host, "state", lambda: state)
    job = {
        "kind": "baseline", "target": "bilinear", "task": "chroma", "threads": 1, "limit": 0.01,
        "sustained": sustained, "picture": str(planes), "photographs": [], "low": [],
        "siting": "center",
    }  # fmt: skip
    found = benchmark_worker.measure(job, lambda *_: None)
    assert found["during"] == {"temperature_celsius": 61.5, "clock_mhz": 1500}
    monkeypatch.setattr(host, "state", dict)
    assert benchmark_worker.measure(job, lambda *_: None)["during"] is None


@pytest.mark.parametrize(
    ("arguments", "seconds", "sustained"),
    [
        ([], 20.0, False),
        (["--sustained"], 60.0, True),
        (["--sustained", "--seconds", "5"], 5, True),
    ],
)
def test_how_long_it_takes_by_itself(
    arguments: list[str], seconds: float, sustained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def ask(job: dict[str, Any], _: Any) -> dict[str, Any]:
        asked.append(job)
        raise benchmark.UserError("enough")

    monkeypatch.setattr(benchmark, "_ask_worker", ask)
    assert command.main(["benchmark", "m.tflite", "--size", "64x64", *arguments]) == 1
    assert [(job["limit"], job["sustained"]) for job in asked] == [(seconds, sustained)]
