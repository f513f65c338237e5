"""Coral's ``edgetpu_compiler``, where it is on ``PATH``: what it makes of a file."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .edgetpu import DECODERS, Verdict, counted

COMPILER = "edgetpu_compiler"
_TIMEOUT = 900


@dataclass(frozen=True)
class Compiled:
    """What the compiler made of a file.

    Attributes:
        table: its operator table: kind, count, status.
        log: the other lines worth reading.
        flatbuffer: the compiled file; None where it made none.
    """

    table: tuple[tuple[str, int, str], ...]
    log: tuple[str, ...]
    flatbuffer: bytes | None


_ROW = re.compile(r"^([A-Z][A-Z0-9_]*)\s+(\d+)\s+(\S.*)$")
_TELLING = re.compile(r"version \d|memory|ERROR|[Ff]ailed|[Aa]bort|Invalid|subgraphs:|will run on")


def compiler() -> str | None:
    """Path of the compiler, if there is one here."""
    return shutil.which(COMPILER)


def compile_file(flatbuffer: bytes, name: str) -> Compiled:
    """Run the compiler, which must be on ``PATH``, on a file in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{name}.tflite"
        source.write_bytes(flatbuffer)
        try:
            done = subprocess.run(
                [compiler() or COMPILER, "-s", "-o", folder, str(source)],
                cwd=folder, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT,
            )  # fmt: skip
            said, failed = done.stdout + "\n" + done.stderr, done.returncode != 0
        except subprocess.TimeoutExpired:
            said, failed = f"ERROR: stopped after {_TIMEOUT} seconds", True
        except OSError as error:
            said, failed = f"ERROR: {COMPILER} does not run: {error.strerror}", True
        made = Path(folder) / f"{name}_edgetpu.tflite"
        log = Path(folder) / f"{name}_edgetpu.log"
        listing = log.read_text(errors="replace") if log.is_file() else said
        data = made.read_bytes() if made.is_file() and not failed else None
    rows = [match.groups() for line in listing.splitlines() if (match := _ROW.match(line.strip()))]
    telling = [line.strip() for line in said.splitlines() if _TELLING.search(line)]
    return Compiled(
        tuple((kind, int(count), status) for kind, count, status in rows),
        tuple(line.replace(f"{folder}/", "") for line in telling), data,
    )  # fmt: skip


def follow(own: Verdict, made: Compiled) -> Verdict:
    """The verdict that the compiler's outcome gives, in place of the check's own."""
    mapped = sum(n for _, n, status in made.table if status == "Mapped to Edge TPU")
    total = sum(n for _, n, _ in made.table)
    verdict = replace(own, mapped=mapped, total=total, table=made.table)
    if made.flatbuffer and not total:
        return replace(own, notes=(*own.notes, f"{COMPILER} compiled it, and listed no operators"))
    if made.flatbuffer is None:
        why = next((line for line in made.log if "ERROR" in line or "ailed" in line), "no reason")
        return replace(verdict, ready=False, text=f"not ready: {COMPILER} refused it: {why}")
    others = [row for row in made.table if row[2] != "Mapped to Edge TPU"]
    left = own.left or {}
    customs = sum(n for name, n in left.items() if name in DECODERS)
    bad = [
        (kind, n, status)
        for kind, n, status in others
        if n > (customs if kind == "CUSTOM" else left.get(kind, 0))
        and kind not in ("QUANTIZE", "DEQUANTIZE")
    ]
    if bad or not mapped:
        lines = tuple(f"{n} x {kind}: {status}" for kind, n, status in others)
        text = f"not ready: {COMPILER} maps {mapped} of {total} ops; {'; '.join(lines)}"
        return replace(verdict, ready=False, text=text, problems=lines)
    if others:
        names = ", ".join(f"{n} x {kind}" if n > 1 else kind for kind, n, _ in others)
        count = sum(n for _, n, _ in others)
        verb = "stays" if count == 1 else "stay"
        text = f"ready, {counted(count)} {verb} on the CPU: {names}"
        return replace(verdict, ready=True, text=text, problems=())
    return replace(verdict, ready=True, text="ready: maps whole onto an Edge TPU", problems=())


def golden_at(
    shapes: Mapping[str, tuple[int, ...]],
    small: Mapping[str, NDArray[Any]],
    run: Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]],
) -> dict[str, NDArray[Any]]:
    """A golden pair of the size that a graph has, from one of any size.

    A compiled graph cannot be resized, so the input is repeated until it fills a tile.

    Args:
        shapes: input name to shape, batch included.
        small: a golden pair; only its inputs are used.
        run: the graph before compilation.
    """
    inputs = {}
    for name, (_, *sides) in shapes.items():
        values = small[f"input_{name}"]
        times = [math.ceil(side / have) for side, have in zip(sides, values.shape, strict=True)]
        inputs[name] = np.tile(values, times)[tuple(slice(side) for side in sides)]
    outputs = run(inputs)
    return {f"input_{k}": v for k, v in inputs.items()} | {
        f"output_{k}": v for k, v in outputs.items()
    }
