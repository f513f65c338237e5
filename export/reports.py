"""Pages of ``export compare`` and ``export sensitivity``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import samples
from datasets.source import Source
from edge_demo import tasks
from edge_demo.device import restorers
from edge_demo.measure import restoration, results
from edge_demo.measure.restoration import Method, Restoration
from edge_demo.report import charts, crops, pages

from . import compare
from .sensitivity import Analysis, Sensitivity

_SHOWN = 2  # files in the pictures, beside float32: more would not stand in one row
_BAR, _WIDTH, _NAME = 26, 620, 150  # height of a bar's line, width of a chart, of its names


def comparison(table: Mapping[str, Any], files: Sequence[Path], source: Source) -> str:
    """The page of a comparison.

    Args:
        table: what ``compare.compare`` gave.
        files: of it, for the pictures.
        source: of it.
    """
    header, lines = compare.columns(table)
    restored = restoration.of(table["task"])
    metric = restored.task.headline_metric
    sections = [
        pages.Section(
            "Table",
            pages.table(f"{compare.title(table)}.", header, lines, range(1, len(header))),
        )
    ]
    networks = {row["name"] for row in table["rows"] if row["kind"] == "model"}
    points = [
        charts.Point(
            results.label(row) if len(networks) > 1 else row["recipe"],
            row["latency_ms"]["p50"],
            row["metrics"][metric]["mean"],
            row["kind"],
        )
        for row in table["rows"]
        if row["status"] == "ok" and row["kind"] == "model"
    ]
    if points:
        unit = results.METRICS[metric].unit
        drawing = charts.scatter(
            points,
            "time of an inference (ms, p50, logarithmic)",
            results.heading(metric),
            "; ".join(f"{p.label}: {p.x:.1f} ms, {p.y:.2f} {unit}" for p in points),
        )
        sections.append(
            pages.Section(
                "Quality against time", pages.figure(drawing, "Better is up and to the left.")
            )
        )
    names = compare.worst(table)
    if names:
        found = samples.named(restored, source, names, table.get("siting"))
        found.sort(key=lambda sample: names.index(sample.path.name))
        methods = _methods(files, _losers(table))
        whole, *losers = methods
        shown = crops.crops(restored, found, methods, suspect=(losers[0], whole))
        sections.append(pages.Section("The photographs that lose most", shown))
    title = f"Quantised against float: {', '.join(sorted(networks))}"
    return pages.page(title, sections, _finding(table))


def _losers(table: Mapping[str, Any]) -> list[str]:
    """The float32 file that has losers, and those of its files that lose most, worst first."""
    rows = sorted(
        (row for row in table["rows"] if "drop" in row), key=lambda row: -row["drop"]["mean"]
    )
    of_one = [row for row in rows if row["name"] == rows[0]["name"]][:_SHOWN]
    return [f"{rows[0]['name']}.{compare.REFERENCE}", *map(results.label, of_one)]


def _methods(files: Sequence[Path], labels: Sequence[str]) -> dict[str, Method]:
    """Reconstructions by label, in the labels' order."""
    found = {restorer.name: restorer for restorer in (restorers.load(path, 1) for path in files)}
    return {label: found[label].reconstruct for label in labels}


def _finding(table: Mapping[str, Any]) -> str:
    """The cheapest file that loses little, in a sentence."""
    unit = results.METRICS[tasks.first(table["task"]).headline_metric].unit
    good = [
        row for row in table["rows"] if "drop" in row and row["drop"]["mean"] <= table["limit_db"]
    ]
    if not good:
        return f"No file loses {table['limit_db']:g} {unit} or less against float32"
    fastest = min(good, key=lambda row: row["latency_ms"]["p50"])
    return (
        f"Fastest of those that lose {table['limit_db']:g} {unit} or less: "
        f"{results.label(fastest)}, which loses {fastest['drop']['mean']:.2f} {unit} and takes "
        f"{fastest['latency_ms']['p50']:.1f} ms"
    )


def sensitivity(analysis: Analysis, restored: Restoration, name: str, data: str) -> str:
    """The page of a sensitivity analysis.

    Args:
        analysis: what was found.
        restored: of the network's task.
        name: of the network.
        data: the calibration's source.
    """
    header, lines = operations_table(analysis)
    title = results.METRICS[restored.task.headline_metric].title
    figures = f"{title[0].upper()}{title[1:]}"
    gains = bars([(line.name, line.gain_db) for line in analysis.operations], "dB gained", 4)
    by_noise = sorted(analysis.operations, key=lambda line: line.snr_db)
    noise = bars([(line.name, line.snr_db) for line in by_noise], "dB signal to error", 1)
    return pages.page(
        f"Sensitivity of {name} to 8 bits",
        [
            pages.Section("What each would gain in floats", pages.figure(
                gains, f"{figures} gained by keeping this operation alone in floats.")),
            pages.Section("How exact each one's output is", pages.figure(
                noise, "Signal to error of what each operation writes, all before it included: "
                "the shortest bar is the noisiest.")),
            pages.Section("Table", pages.table(
                f"On {analysis.tiles} tiles of {data}.", header, lines, range(2, len(header)))),
        ],
        lead_of(analysis),
    )  # fmt: skip


def lead_of(analysis: Analysis) -> str:
    """The finding in a sentence."""
    return (
        f"8 bits lose {analysis.float_db - analysis.integer_db:.3f} dB of {analysis.float_db:.2f} "
        f"on {analysis.tiles} tiles; most of it in {analysis.operations[0].name}"
    )


def operations_table(analysis: Analysis) -> tuple[list[str], list[list[str]]]:
    """Header and lines, most sensitive operation first."""
    total = sum(line.macs for line in analysis.operations) or 1

    def cells(line: Sensitivity) -> list[str]:
        # Adding zero makes a rounded -0.0 a 0.0.
        gain = round(line.gain_db, 4) + 0.0
        return [line.name, line.kind, f"{gain:+.4f}", f"{line.snr_db:.1f}",
                f"{line.mse:.2e}", f"{line.macs / total:.1%}"]  # fmt: skip

    header = ["operation", "kind", "gain in floats, dB", "SNR, dB", "MSE", "share of MACs"]
    return header, [cells(line) for line in analysis.operations]


def bars(values: Sequence[tuple[str, float]], unit: str, digits: int) -> pages.Html:
    """A bar chart as inline SVG, one bar a line.

    Args:
        values: name and value; negative values count as short bars to the left.
        unit: of the values, for who cannot see the drawing.
        digits: behind the decimal point.
    """
    low, high = min(0.0, *(v for _, v in values)), max(1e-9, *(v for _, v in values))
    room = _WIDTH - _NAME - 80

    def at(value: float) -> float:
        return _NAME + room * (value - low) / (high - low)

    height = _BAR * len(values) + 8
    alt = "; ".join(f"{name}: {value:.{digits}f} {unit}" for name, value in values)
    out = [
        pages.Html(
            '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">\n<title>{}</title>'
        ).format(_WIDTH, height, alt, alt)
    ]
    for index, (name, exact) in enumerate(values):
        value = round(exact, digits) + 0.0
        top = 4 + index * _BAR
        left, right = sorted((at(0.0), at(value)))
        label = pages.Html(f'<text x="{_NAME - 8}" y="{top + 17}" text-anchor="end">{{}}</text>')
        bar = pages.Html(
            f'<rect class="model" x="{left:.1f}" y="{top + 3}" '
            f'width="{max(1.0, right - left):.1f}" height="{_BAR - 8}"/>'
            f'<text class="quiet" x="{right + 6:.1f}" y="{top + 17}">{value:.{digits}f}</text>'
        )
        out.append(label.format(name) + bar)
    return pages.join(*out, pages.Html("</svg>"))
