"""An evaluation as a page: the table, crops of the photographs that gain least, each photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets import sources
from edge_demo.runtime import html, quality, results
from edge_demo.runtime.tiling import reconstruct

from .evaluate import Evaluated

_SHOWN = 4


def evaluation_html(
    table: Mapping[str, Any],
    names: Sequence[str],
    values: Mapping[str, Mapping[str, Sequence[float]]],
    target: Evaluated,
    source: sources.Source,
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
    gains = np.array(values[label][metric]) - np.array(values[reference][metric])
    least = {names[i] for i in np.argsort(gains)[:_SHOWN]}
    chosen = sources.Source(source.text, tuple(p for p in source.paths if p.name in least))
    methods = {
        reference: quality.baselines()[reference],
        label: lambda planes: reconstruct(planes, target.runner),
    }
    photographs = [(path.name, rgb) for path, rgb in sources.photographs(chosen)]
    summary = [_section(m, rows) for m in results.UNITS]
    return html.page(
        f"{label} on {table['images']} photographs",
        [
            *summary,
            html.Section(
                "Where it gains least",
                html.crops(photographs, methods, table["siting"]),
            ),
            html.Section("Every photograph", _each(names, values, label, reference, metric)),
        ],
        lead="; ".join(results.verdicts(rows, target.task)),
    )


def _section(metric: str, rows: Sequence[results.Row]) -> html.Section:
    unit = results.UNITS[metric]
    digits = 2 if unit else 4
    body = [
        [
            results.label(r),
            *(f"{r['metrics'][metric][k]:.{digits}f}" for k in ("mean", "min", "max")),
        ]
        for r in rows
    ]
    title = f"{metric}, {unit}" if unit else metric
    return html.Section(
        title,
        html.table(
            f"{title}, over photographs",
            ["method", "average", "minimum", "maximum"],
            body,
            (1, 2, 3),
        ),
    )


def _each(
    names: Sequence[str],
    values: Mapping[str, Mapping[str, Sequence[float]]],
    label: str,
    reference: str,
    metric: str,
) -> html.Html:
    ours, theirs = values[label][metric], values[reference][metric]
    body = [
        [name, f"{b:.2f}", f"{a:.2f}", f"{a - b:+.2f}"]
        for name, a, b in sorted(
            zip(names, ours, theirs, strict=True), key=lambda entry: entry[1] - entry[2]
        )
    ]
    return html.table(f"{metric}, dB", ["photograph", reference, label, "gain"], body, (1, 2, 3))
