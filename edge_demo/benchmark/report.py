"""A benchmark's table as text, and the model that it recommends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..measure import results
from ..measure.results import Row
from ..report import tables
from ..tasks.record import Task
from . import (
    compare,
    host,
    worker,
)

# Columns of words; all others are of numbers.
WORDS = ("name", "status")
_ABOUT_AS_GOOD = 0.5  # dB


def mean(line: Row, metric: str) -> float | None:
    """A row's mean of a metric, None where it has none."""
    found: float | None = line.get("metrics", {}).get(metric, {}).get("mean")
    return found


def order(rows: Sequence[Row], task: Task) -> list[Row]:
    """Baselines first, then models; each from the worst by the headline metric, then failures."""
    metric = results.METRICS[task.headline_metric]

    def key(line: Row) -> tuple[bool, bool, float, float]:
        quality = mean(line, task.headline_metric)
        p50 = line.get("latency_ms", {}).get("p50", 0.0)
        return line["kind"] == "model", line["status"] != "ok", metric.gain(quality or 0.0, 0), p50

    return sorted(rows, key=key)


def columns(rows: Sequence[Row], task: Task) -> tuple[list[str], list[list[str]]]:
    """The table's header and cells; a column that no row fills is left out.

    Gains are over the task's reference; drops, of a quantised model, are below the float32 row of
    the same name.
    """
    metric = task.headline_metric
    kind = results.METRICS[metric]
    floor = next((mean(r, metric) for r in rows if r["name"] == task.reference), None)
    floats = {r["name"]: mean(r, metric) for r in rows if r.get("recipe") == "float32"}

    times = [r["latency_ms"]["p50"] for r in rows if "latency_ms" in r]
    digits = 2 if min(times, default=0.0) < 10 else 1

    def signed(value: float | None, origin: float | None) -> str:
        if value is None or origin is None:
            return ""
        # Adding zero makes a rounded -0.0 a 0.0.
        return f"{round(kind.gain(value, origin), 2) + 0.0:+.2f}"

    def milliseconds(value: float | None) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    def percentile(line: Row, key: str) -> str:
        return milliseconds(line.get("latency_ms", {}).get(key))

    def quality(line: Row) -> str:
        value = mean(line, metric)
        return "" if value is None else f"{value:.2f}"

    makers: dict[str, Callable[[Row], str]] = {
        "name": results.label,
        "KiB": lambda r: f"{r['bytes'] / 1024:.0f}" if "bytes" in r else "",
        results.heading(metric): quality,
        f"vs {task.reference}": lambda r: (
            signed(mean(r, metric), floor) if r["kind"] == "model" else ""
        ),
        "vs float32": lambda r: (
            signed(mean(r, metric), floats.get(r["name"]))
            if r["kind"] == "model" and r.get("recipe") != "float32"
            else ""
        ),
        "p50 ms": lambda r: percentile(r, "p50"),
        "p90 ms": lambda r: percentile(r, "p90"),
        "p99 ms": lambda r: percentile(r, "p99"),
        "picture ms": lambda r: milliseconds(r.get("picture_ms")),
        "peak MiB": lambda r: f"{r['peak_rss_bytes'] / 2**20:.0f}" if "peak_rss_bytes" in r else "",
        "status": lambda r: str(r["status"]),
    }
    cells = {name: [make(line) for line in rows] for name, make in makers.items()}
    kept = [name for name, values in cells.items() if any(values)]
    return kept, [[cells[name][i] for name in kept] for i in range(len(rows))]


def text(table: Mapping[str, Any], task: Task) -> str:
    """The table for a terminal."""
    lines = [title(table), tables.aligned(*columns(table["rows"], task), WORDS)]
    lines += [*_steadiness(table["rows"]), *unsettled(table)]
    # The load is worth a line only where it is high, and then there is a warning.
    lines += [f"{k}: {v}" for k, v in states(table).items() if k != "load average"]
    if compared := table.get("compared"):
        lines += ["", compare.title(compared)]
        if compared["rows"]:
            lines.append(tables.aligned(*compare.columns(compared, task), WORDS))
        lines += compare.alone(compared)
    return "\n".join(lines)


def title(table: Mapping[str, Any]) -> str:
    """What the numbers are of, in a line."""
    timed = table["timed"]
    quality = f"quality over {_count(table['images'])}; " if table["images"] else ""
    return (
        f"{quality}p50, p90, p99 of inference on {timed['name']} "
        f"({timed['width']}x{timed['height']}), {_count(table['threads'], 'thread')}; "
        "picture: with encoding and decoding"
    )


def _count(number: int, thing: str = "photograph") -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def unsettled(table: Mapping[str, Any]) -> list[str]:
    """Of each method whose p50 is not to be relied on, why."""
    limit, out = table["limit_seconds"], []
    for line in table["rows"]:
        times = line.get("latency_ms", {})
        if "spread" not in times:
            continue
        runs = _count(times["runs"], "run")
        if times["runs"] < worker.LEAST_RUNS:
            why = (
                f"only {runs} in {limit:g} s, too few to tell whether the p50 has settled "
                f"({worker.LEAST_RUNS} are needed: pass more --seconds)"
            )
        else:
            why = (
                f"the p50 had not settled after {runs} in {limit:g} s: that of one half of them "
                f"is {times['spread']:.1%} from that of all, where "
                f"{worker.TOLERANCE:.0%} is allowed"
            )
        out.append(f"{results.label(line)}: {why}")
    return out


def _steadiness(rows: Sequence[Row]) -> list[str]:
    """Of each model that ran for a time, how it went."""
    return [f"{results.label(line)}: {course(line)}" for line in rows if "curve" in line]


def course(line: Row) -> str:
    """How a model's curve went, in words."""
    curve = line["curve"]
    spent = f"{_count(line['latency_ms']['runs'], 'run')} in {curve[-1]['seconds']:.0f} s"
    if "sustained_ratio" in line:
        parts = [f"last tenth {line['sustained_ratio']:.2f}x the first ({spent})"]
    else:
        parts = [f"{spent}, too few to compare the last tenth with the first"]
    temperatures = [p["temperature_celsius"] for p in curve if "temperature_celsius" in p]
    if temperatures:
        parts.append(f"{temperatures[0]:.0f} °C at first, {max(temperatures):.0f} °C at most")
    clocks = [point["clock_mhz"] for point in curve if "clock_mhz" in point]
    if clocks:
        parts.append(f"clock {min(clocks)} to {max(clocks)} MHz")
    # Lower flags tell of the moment, higher ones of the time since the board was started.
    flagged = [point for point in curve if int(point.get("throttled", "0x0"), 16) & 0xFFFF]
    if flagged:
        meanings = ", ".join(host.meanings(host.worst(flagged)["throttled"]))
        parts.append(f"the board reported {meanings}, first after {flagged[0]['seconds']:.0f} s")
    return "; ".join(parts)


def states(table: Mapping[str, Any]) -> dict[str, str]:
    """What changed on the machine meanwhile, as far as it tells."""
    out = {}
    for key, name, unit, worst in (
        ("load_average", "load average", "", ""),
        ("temperature_celsius", "temperature", " °C", "highest "),
        ("clock_mhz", "CPU clock", " MHz", "lowest "),
        ("throttled", "throttling flags", "", ""),
    ):
        values = [
            f"{table[when][key]}{unit} {word}"
            for when, word in (
                ("before", "before"),
                ("during", f"{worst}while times were taken"),
                ("after", "after"),
            )
            if key in table[when]
        ]
        if values:
            out[name] = ", ".join(values)
    return out


def best(rows: Sequence[Row], task: Task) -> Row | None:
    """The model to try next: the fastest of those about as good as the best."""
    metric = results.METRICS[task.headline_metric]
    models = [r for r in rows if r["kind"] == "model" and r["status"] == "ok"]
    values = [mean(r, task.headline_metric) or 0.0 for r in models]
    if not models:
        return None
    top = max(values, key=lambda value: metric.gain(value, 0.0))
    near = [r for r, v in zip(models, values, strict=True) if metric.gain(top, v) <= _ABOUT_AS_GOOD]
    return min(near, key=lambda r: r["picture_ms"])
