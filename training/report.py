"""An evaluation as a page: the table, crops of the photographs that gain least, each photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets import samples
from datasets.source import Source
from edge_demo.measure import quality, restoration, results
from edge_demo.report import crops, pages

from .evaluate import Evaluated

_SHOWN = 4


def evaluation_html(
    table: Mapping[str, Any],
    names: Sequence[str],
    values: Mapping[str, quality.Values],
    target: Evaluated,
    source: Source,
) -> str:
    """The page of ``training evaluate --html``.

    Args:
        table: schema 1.
        names, values: as ``quality.evaluate`` gives them.
        target: what was evaluated.
        source: the photographs, read again for the crops.
    """
    rows = table["rows"]
    label = results.label(rows[-1])
    metric, reference = target.task.headline_metric, target.task.reference
    restored = restoration.of(target.task)
    ours, theirs = values[label][metric], values[reference][metric]
    gains = [_gain(metric, a, b) for a, b in zip(ours, theirs, strict=True)]
    least = {names[i] for i in np.argsort(gains)[:_SHOWN]}
    methods = {
        reference: restored.baselines()[reference],
        label: target.restorer.reconstruct,
    }
    shown = samples.named(restored, source, least, table.get("siting"))
    summary = [section(m, rows) for m in results.METRICS if m in rows[-1]["metrics"]]
    return pages.page(
        f"{label} on {table['images']} photographs",
        [
            *summary,
            pages.Section(
                "Where it gains least",
                crops.crops(restored, shown, methods),
            ),
            pages.Section("Every photograph", _each(names, values, label, reference, metric)),
        ],
        lead="; ".join(results.verdicts(rows, target.task)),
    )


def _gain(metric: str, ours: float | None, theirs: float | None) -> float:
    """How much better ours is; a headline metric has a value of every photograph."""
    assert ours is not None and theirs is not None
    return results.METRICS[metric].gain(ours, theirs)


def section(metric: str, rows: Sequence[results.Row], over: str = "photographs") -> pages.Section:
    """A metric's table: average, minimum and maximum of each method."""
    kind = results.METRICS[metric]
    body = [
        [
            results.label(r),
            *(f"{r['metrics'][metric][k]:.{kind.digits}f}" for k in ("mean", "min", "max")),
        ]
        for r in rows
        if metric in r["metrics"]
    ]
    title = f"{metric}, {kind.unit}" if kind.unit else metric
    return pages.Section(
        title,
        pages.table(
            f"{title}, over {over}",
            ["method", "average", "minimum", "maximum"],
            body,
            (1, 2, 3),
        ),
    )


def _each(
    names: Sequence[str],
    values: Mapping[str, quality.Values],
    label: str,
    reference: str,
    metric: str,
) -> pages.Html:
    kind = results.METRICS[metric]
    lines = [
        (name, theirs, ours, _gain(metric, ours, theirs))
        for name, ours, theirs in zip(
            names, values[label][metric], values[reference][metric], strict=True
        )
    ]
    body = [
        [name, f"{theirs:.{kind.digits}f}", f"{ours:.{kind.digits}f}", f"{gain:+.{kind.digits}f}"]
        for name, theirs, ours, gain in sorted(lines, key=lambda line: line[-1])
    ]
    title = f"{metric}, {kind.unit}" if kind.unit else metric
    return pages.table(title, ["photograph", reference, label, "gain"], body, (1, 2, 3))
