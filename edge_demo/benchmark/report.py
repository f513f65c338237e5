"""A benchmark's table as text and as a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..measure import results
from ..measure.results import Row
from ..report import html, tables
from ..report.html import Html
from ..tasks.record import Task
from . import (
    compare,
    curve,
    host,
    worker,
)

# Columns of words; all others are of numbers.
_WORDS = ("name", "status")
# What is said of a task on its page: what the stages do, what a baseline's time is of, how the
# pictures are measured on.
_STAGES = {
    "chroma": "encode cuts and packs the tiles, decode adds the correction",
    "colorize": "encode squeezes the lightness into the network's square, decode brings the "
    "colours to full size along its edges",
    "enhance": "encode looks how dark the picture is and makes the input, decode brings the answer "
    "to full size and lays it over the picture",
}
_TIMES = {
    "chroma": "summed over the picture's tiles, each encoded before and decoded after as in use, "
    "so that caches are no warmer than there; a baseline's is that of the whole resampling.",
    "colorize": "of the whole picture, encoded before and decoded after as in use, so that caches "
    "are no warmer than there; a baseline's is that of all that it does.",
    "enhance": "of the whole picture, encoded before and decoded after as in use, so that caches "
    "are no warmer than there; a baseline's is that of all that it does.",
}
_HOST_NAMES = {
    "board": "board",
    "cpu": "processor",
    "architecture": "architecture",
    "cores": "cores",
    "memory_bytes": "memory",
    "os": "system",
    "python": "Python",
    "numpy": "NumPy",
    "opencv": "OpenCV",
    "interpreter": "interpreter",
    "governor": "CPU governor",
    "edge_tpu": "Edge TPU",
}


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
    lines = [_title(table), tables.aligned(*columns(table["rows"], task), _WORDS)]
    lines += [*_steadiness(table["rows"]), *_unsettled(table)]
    # The load is worth a line only where it is high, and then there is a warning.
    lines += [f"{k}: {v}" for k, v in _states(table).items() if k != "load average"]
    if compared := table.get("compared"):
        lines += ["", compare.title(compared)]
        if compared["rows"]:
            lines.append(tables.aligned(*compare.columns(compared, task), _WORDS))
        lines += compare.alone(compared)
    return "\n".join(lines)


def _title(table: Mapping[str, Any]) -> str:
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


def _unsettled(table: Mapping[str, Any]) -> list[str]:
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
    return [f"{results.label(line)}: {_course(line)}" for line in rows if "curve" in line]


def _course(line: Row) -> str:
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


def _over_time(rows: Sequence[Row]) -> Html | None:
    """The curve of each model that ran for a time."""
    parts = []
    for line in rows:
        if "curve" not in line:
            continue
        label, course, curve = results.label(line), _course(line), line["curve"]
        p50 = line["latency_ms"]["p50"]
        drawings = []
        for key, title, reach in (
            # A tenth up and down: what is less is of no consequence and should look so.
            ("p50_ms", "p50 (ms)", (0.9 * p50, 1.1 * p50)),
            ("temperature_celsius", "temperature (°C)", None),
            ("clock_mhz", "clock (MHz)", None),
        ):
            points = [(point["seconds"], point[key]) for point in curve if key in point]
            if points:
                alt = f"{label}: {title} over time. {course}"
                drawings.append(html.curve(points, "seconds", title, alt, reach))
        parts.append(html.charts(label, _sentence(course), *drawings))
    return html.join(*parts) if parts else None


def page(
    table: Mapping[str, Any],
    task: Task,
    crops: Html | None = None,
    attachments: Sequence[tuple[Path, Html]] = (),
) -> str:
    """The benchmark as one HTML page.

    Args:
        table: what ``benchmark`` returned.
        task: of its models.
        crops: what models make of photographs.
        attachments: file and ``img`` of pictures to show as they are.
    """
    rows = table["rows"]
    header, cells = columns(rows, task)
    numeric = range(1, len(header) - 1)
    failed = [i for i, line in enumerate(rows) if line["status"] != "ok"]
    body = [html.warning(_sentence(line)) for line in table["warnings"]]
    body.append(html.table(_caption(table, task), header, cells, numeric, failed))
    body += [html.paragraph(line + ".") for line in _unsettled(table)]
    sections = [html.Section("Results", html.join(*body))]
    if compared := table.get("compared"):
        sections.append(html.Section("What changed", _compared(compared, task)))
    if drawing := _scatter(rows, task, table):
        sections.append(html.Section("Quality against time", drawing))
    if curves := _over_time(rows):
        sections.append(html.Section("Over time", curves))
    if stages := _stages(rows, task):
        sections.append(html.Section("Where the time goes", stages))
    if crops:
        sections.append(html.Section("What it looks like", crops))
    if attachments:
        figures = [html.figure(picture, path.name) for path, picture in attachments]
        sections.append(html.Section("Attached", html.join(*figures)))
    sections.append(html.Section("How it was measured", _method(table, task)))
    sections.append(html.Section("Machine", html.definitions(_machine(table))))
    title = f"Benchmark: {task.name}"
    return html.page(title, sections, _lead(rows, task) or _title(table))


def _compared(compared: Mapping[str, Any], task: Task) -> Html:
    """What changed since a former benchmark."""
    body = [html.warning(_sentence(line)) for line in compared["warnings"]]
    caption = _sentence(compare.title(compared))
    if compared["rows"]:
        header, cells = compare.columns(compared, task)
        numeric = [i for i, name in enumerate(header) if name not in _WORDS]
        body.append(html.table(caption, header, cells, numeric))
    else:
        body.append(html.paragraph(caption))
    body += [html.paragraph(_sentence(line)) for line in compare.alone(compared)]
    return html.join(*body)


def _sentence(line: str) -> str:
    """A line of the text report, as a page has it."""
    return f"{line[0].upper()}{line[1:]}."


def _caption(table: Mapping[str, Any], task: Task) -> str:
    caption = _sentence(_title(table))
    if table["images"]:
        unit = results.METRICS[task.headline_metric].unit or "the metric's unit"
        caption += f" Differences to {task.reference} and to float32 are in {unit}."
    return caption


def _lead(rows: Sequence[Row], task: Task) -> str:
    """The finding in one sentence."""
    metric = task.headline_metric
    floor = next((mean(r, metric) for r in rows if r["name"] == task.reference), None)
    measured = [r for r in rows if r["kind"] == "model" and mean(r, metric) is not None]
    if floor is None or not measured:
        return ""
    kind = results.METRICS[metric]
    best = max(measured, key=lambda r: kind.gain(mean(r, metric) or 0.0, 0.0))
    fastest = min(measured, key=lambda r: r["picture_ms"])

    def say(line: Row) -> str:
        gain = kind.gain(mean(line, metric) or 0.0, floor)
        return (
            f"{results.label(line)}: {gain:+.2f} {kind.unit} {metric} over "
            f"{task.reference} in {line['picture_ms']:.1f} ms a picture"
        )

    return say(best) if best is fastest else f"{say(best)}; {say(fastest)}"


def _scatter(rows: Sequence[Row], task: Task, table: Mapping[str, Any]) -> Html | None:
    metric = task.headline_metric
    points = []
    for line in rows:
        quality, spent = mean(line, metric), line.get("picture_ms", 0.0)
        if quality is not None and spent > 0:
            points.append(html.Point(results.label(line), spent, quality, line["kind"]))
    if not points:
        return None
    timed = table["timed"]
    alt = "; ".join(f"{p.label}: {p.x:.1f} ms, {p.y:.2f}" for p in points)
    drawing = html.scatter(
        points,
        f"time for a picture of {timed['width']}x{timed['height']} (ms, p50, logarithmic)",
        results.heading(metric),
        f"{metric} against time. {alt}",
    )
    return html.figure(
        drawing,
        "Better is up and left. Discs: models, encoding and decoding included; squares: baselines.",
    )


def _stages(rows: Sequence[Row], task: Task) -> Html | None:
    models = [r for r in rows if "stages_ms" in r]
    if not models:
        return None
    header = ["name", *worker.STAGES, "whole picture", "load", "first picture"]
    cells = []
    for line in models:
        stages = [line["stages_ms"][stage] for stage in worker.STAGES]
        values = [*stages, line["picture_ms"], line["load_ms"], line["first_picture_ms"]]
        cells.append([results.label(line), *(f"{value:.1f}" for value in values)])
    caption = (
        f"Milliseconds, p50 of each stage: {_STAGES[task.name]}; load opens the file; the first "
        "picture includes what is prepared once."
    )
    return html.table(caption, header, cells, range(1, len(header)))


def _method(table: Mapping[str, Any], task: Task) -> Html:
    lines = [
        f"Times are wall-clock. A model's time is that of its graph alone, {_TIMES[task.name]} "
        + (f"Models: {curve.RULE} Baselines: " if table["sustained"] else "")
        + worker.RULE,
        f"The time limit was {table['limit_seconds']:g} s for each method. Each ran in a process "
        "of its own, one after the other; peak memory is the most that process held while it ran "
        "the picture, Python and its libraries included.",
    ]
    if table["images"]:
        lines.append(
            f"Quality is measured on each photograph's 8-bit values, then averaged. {_input(table)}"
        )
    return html.join(*map(html.paragraph, lines))


def _input(table: Mapping[str, Any]) -> str:
    """Where the pictures that methods are given come from."""
    reduced = "photographs whose own chroma is subsampled are first reduced until it is not."
    if "siting" in table:
        return (
            f"The 4:2:0 input is made from each photograph with {table['siting']} siting; {reduced}"
        )
    if table["data"].startswith("pairs:"):
        return "The input is the picture in low light of each pair, the truth its partner."
    return f"The input is low light made from each photograph; {reduced}"


def _machine(table: Mapping[str, Any]) -> dict[str, str]:
    machine = table["host"]
    out = {name: str(machine[key]) for key, name in _HOST_NAMES.items() if key in machine}
    if "memory_bytes" in machine:
        out["memory"] = f"{machine['memory_bytes'] / 2**30:.1f} GiB"
    return out | _states(table) | {"measured": table["measured"], "photographs": table["data"]}


def _states(table: Mapping[str, Any]) -> dict[str, str]:
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
