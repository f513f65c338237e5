"""The losses of one fit by two, epoch by epoch, for the studies of backends and of workers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from edge_demo.report.tables import aligned, markdown

from .wording import Json

# Of each of the two: name to the losses of its epochs.
Histories = Mapping[str, Sequence[Mapping[str, float]]]
# What ``make demo`` trains with.
DEMO = ("steps=2500", "epoch_steps=250", "picture_every=4", "ema=0.99")


def document(
    options: argparse.Namespace, settings: Sequence[str], found: Histories
) -> dict[str, Any]:
    """What ``--json`` writes."""
    return {"schema": 1, "model": options.model, "data": options.data, "settings": list(settings),
            "histories": dict(found)}  # fmt: skip


def columns(found: Histories) -> tuple[list[str], list[list[str]]]:
    """Header and cells of a table: each epoch's losses under both, and their ratio."""
    names, (first, second) = list(found), found.values()
    header = ["epoch"]
    for kind in _kinds(first):
        header += [*(f"{kind}, {name}" for name in names), "ratio"]
    cells = []
    for one, other in zip(first, second, strict=True):
        line = [f"{one['epoch']:.0f}"]
        for kind in _kinds(first):
            line += [f"{one[kind]:.4f}", f"{other[kind]:.4f}", f"{other[kind] / one[kind]:.4f}"]
        cells.append(line)
    return header, cells


def apart(found: Histories) -> float:
    """How far the farthest ratio of two losses is from 1."""
    first, second = found.values()
    pairs = zip(first, second, strict=True)
    return max(abs(b[kind] / a[kind] - 1.0) for a, b in pairs for kind in _kinds(first))


def _kinds(history: Sequence[Mapping[str, float]]) -> list[str]:
    return [kind for kind in ("loss", "val_loss") if kind in history[0]]


def text(found: Histories) -> str:
    """The table for a terminal."""
    return aligned(*columns(found), words=())


def table(found: Json) -> str:
    """The table for a page; ``found`` is a ``document``."""
    histories = found["histories"]
    return (
        f"{markdown(*columns(histories), 0)}\n`{found['model']}` on `{found['data']}`, "
        f"`{' '.join(found['settings'])}`: at most {apart(histories):.2%} apart.\n"
    )
