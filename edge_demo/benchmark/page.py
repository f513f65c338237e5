"""A benchmark as a page."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..device import restorers
from ..errors import UserError
from ..measure import quality, restoration, results
from ..measure.restoration import Method
from ..measure.results import Row
from ..report import charts, crops, pages
from ..report.pages import Html
from ..tasks.record import Task
from . import (
    compare,
    curve,
    images,
    report,
    worker,
)

# Photographs to choose crops from, and crops in a page.
_LOOKED_AT, _SHOWN = 24, 4
_SHOWN_RECIPES = ("float32", "int8")
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


def page(
    table: Mapping[str, Any],
    task: Task,
    looks: Html | None = None,
    attachments: Sequence[tuple[Path, Html]] = (),
) -> str:
    """The benchmark as one HTML page.

    Args:
        table: what ``benchmark`` returned.
        task: of its models.
        looks: what models make of photographs, from ``crops_of``.
        attachments: file and ``img`` of pictures to show as they are.
    """
    rows = table["rows"]
    header, cells = report.columns(rows, task)
    numeric = range(1, len(header) - 1)
    failed = [i for i, line in enumerate(rows) if line["status"] != "ok"]
    body = [pages.warning(_sentence(line)) for line in table["warnings"]]
    body.append(pages.table(_caption(table, task), header, cells, numeric, failed))
    body += [pages.paragraph(line + ".") for line in report.unsettled(table)]
    sections = [pages.Section("Results", pages.join(*body))]
    if compared := table.get("compared"):
        sections.append(pages.Section("What changed", _compared(compared, task)))
    if drawing := _scatter(rows, task, table):
        sections.append(pages.Section("Quality against time", drawing))
    if curves := _over_time(rows):
        sections.append(pages.Section("Over time", curves))
    if stages := _stages(rows, task):
        sections.append(pages.Section("Where the time goes", stages))
    if looks:
        sections.append(pages.Section("What it looks like", looks))
    if attachments:
        figures = [pages.figure(picture, path.name) for path, picture in attachments]
        sections.append(pages.Section("Attached", pages.join(*figures)))
    sections.append(pages.Section("How it was measured", _method(table, task)))
    sections.append(pages.Section("Machine", pages.definitions(_machine(table))))
    title = f"Benchmark: {task.name}"
    return pages.page(title, sections, _lead(rows, task) or report.title(table))


def _compared(compared: Mapping[str, Any], task: Task) -> Html:
    """What changed since a former benchmark."""
    body = [pages.warning(_sentence(line)) for line in compared["warnings"]]
    caption = _sentence(compare.title(compared))
    if compared["rows"]:
        header, cells = compare.columns(compared, task)
        numeric = [i for i, name in enumerate(header) if name not in report.WORDS]
        body.append(pages.table(caption, header, cells, numeric))
    else:
        body.append(pages.paragraph(caption))
    body += [pages.paragraph(_sentence(line)) for line in compare.alone(compared)]
    return pages.join(*body)


def _sentence(line: str) -> str:
    """A line of the text report, as a page has it."""
    return f"{line[0].upper()}{line[1:]}."


def _caption(table: Mapping[str, Any], task: Task) -> str:
    caption = _sentence(report.title(table))
    if table["images"]:
        unit = results.METRICS[task.headline_metric].unit or "the metric's unit"
        caption += f" Differences to {task.reference} and to float32 are in {unit}."
    return caption


def _lead(rows: Sequence[Row], task: Task) -> str:
    """The finding in one sentence."""
    metric = task.headline_metric
    floor = next((report.mean(r, metric) for r in rows if r["name"] == task.reference), None)
    measured = [r for r in rows if r["kind"] == "model" and report.mean(r, metric) is not None]
    if floor is None or not measured:
        return ""
    kind = results.METRICS[metric]
    best = max(measured, key=lambda r: kind.gain(report.mean(r, metric) or 0.0, 0.0))
    fastest = min(measured, key=lambda r: r["picture_ms"])

    def say(line: Row) -> str:
        gain = kind.gain(report.mean(line, metric) or 0.0, floor)
        return (
            f"{results.label(line)}: {gain:+.2f} {kind.unit} {metric} over "
            f"{task.reference} in {line['picture_ms']:.1f} ms a picture"
        )

    return say(best) if best is fastest else f"{say(best)}; {say(fastest)}"


def _scatter(rows: Sequence[Row], task: Task, table: Mapping[str, Any]) -> Html | None:
    metric = task.headline_metric
    points = []
    for line in rows:
        value, spent = report.mean(line, metric), line.get("picture_ms", 0.0)
        if value is not None and spent > 0:
            points.append(charts.Point(results.label(line), spent, value, line["kind"]))
    if not points:
        return None
    timed = table["timed"]
    alt = "; ".join(f"{p.label}: {p.x:.1f} ms, {p.y:.2f}" for p in points)
    drawing = charts.scatter(
        points,
        f"time for a picture of {timed['width']}x{timed['height']} (ms, p50, logarithmic)",
        results.heading(metric),
        f"{metric} against time. {alt}",
    )
    return pages.figure(
        drawing,
        "Better is up and left. Discs: models, encoding and decoding included; squares: baselines.",
    )


def _over_time(rows: Sequence[Row]) -> Html | None:
    """The curve of each model that ran for a time."""
    parts = []
    for line in rows:
        if "curve" not in line:
            continue
        label, course, curve = results.label(line), report.course(line), line["curve"]
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
                drawings.append(charts.curve(points, "seconds", title, alt, reach))
        parts.append(charts.group(label, _sentence(course), *drawings))
    return pages.join(*parts) if parts else None


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
    return pages.table(caption, header, cells, range(1, len(header)))


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
    return pages.join(*map(pages.paragraph, lines))


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
    return (
        out | report.states(table) | {"measured": table["measured"], "photographs": table["data"]}
    )


def crops_of(table: Mapping[str, Any], task: Task, folder: Path | None) -> Html | None:
    """What the best files make of the photographs whose crops tell most."""
    models = [r for r in table["rows"] if r["kind"] == "model" and r["status"] == "ok"]
    best = report.best(models, task)
    if folder is None or best is None:
        return None
    restored = restoration.of(task)
    usual = [r for r in models if r["name"] == best["name"] and r["recipe"] in _SHOWN_RECIPES]
    usual.sort(key=lambda r: _SHOWN_RECIPES.index(r["recipe"]))
    methods: dict[str, Method] = {task.reference: restored.baselines()[task.reference]}
    for line in usual or models[-2:]:
        restorer = restorers.load(Path(line["file"]), table["threads"])
        methods[results.label(line)] = restorer.reconstruct
    files = images.Files.of(restored, folder)
    files = files.some(range(len(files.paths))[:: max(1, -(-len(files.paths) // _LOOKED_AT))])
    ranked: list[tuple[float, quality.Sample]] = []
    # What cannot be used was named on stderr when quality was measured.
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(UserError):
        for sample in files.samples(restored, table.get("siting")):
            _, error = crops.telling_window(restored, sample)
            ranked = sorted([*ranked, (error, sample)], key=lambda entry: -entry[0])[:_SHOWN]
    return crops.crops(restored, [one for _, one in ranked], methods) if ranked else None
