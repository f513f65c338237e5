"""Whether a file is fit to ship: each point named, with what was found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_demo.runtime import package
from edge_demo.runtime.errors import UserError
from edge_demo.runtime.selftest import selftest

from . import graph


@dataclass(frozen=True)
class Finding:
    """One point checked."""

    point: str
    ok: bool
    detail: str


def check(path: Path) -> list[Finding]:
    """Check a file.

    Raises:
        UserError: there is no such file, or it is not TFLite at all.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such model file")
    try:
        contents = graph.read(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    found = [
        Finding("builtin ops only", not contents.custom,
                ", ".join(contents.custom) or f"{len(contents.ops)} ops"),
        Finding("one graph", contents.subgraphs == 1, f"{contents.subgraphs}"),
        Finding("static shapes", not contents.dynamic,
                ", ".join(contents.dynamic[:3]) or f"{contents.inputs[0][2]}"),
    ]  # fmt: skip
    try:
        card = package.read_card(path)
    except UserError as error:
        return [*found, Finding("card and contract", False, str(error))]
    task = card.task
    found.append(Finding("card and contract", True, f"{task.name}, contract {task.contract}"))
    found.append(
        Finding("weights as the card says", package.intact(path, card), "sha256 of the FlatBuffer")
    )
    channels = [shape[-1] for _, _, shape in contents.inputs]
    expected = [tensor.channels for tensor in task.inputs]
    found.append(Finding("input channels", channels == expected, f"{channels}"))
    if card.values["recipe"].startswith("int8"):
        types = {kind for _, kind, _ in (*contents.inputs, *contents.outputs)}
        found.append(
            Finding("integers in and out", types <= {"int8", "uint8"}, ", ".join(sorted(types)))
        )
    try:
        result = selftest(path)
        found.append(Finding("golden pair", result.ok, result.text))
    except UserError as error:
        found.append(Finding("golden pair", False, str(error)))
    return found


def kilo_macs_per_pixel(path: Path) -> float:
    """Thousands of multiply-accumulates of a file's graph per image pixel of its tile."""
    card = package.read_card(path)
    return graph.read(path.read_bytes()).macs / float(np.square(card.tile)) / 1e3
