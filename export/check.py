"""Whether a file is fit to ship: each point named, with what was found."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_demo.device.selftest import selftest
from edge_demo.errors import NoEdgeTpuError, UserError
from edge_demo.files import write_whole
from edge_demo.model import package
from edge_demo.model.interpreter import Graph

from . import edgetpu, edgetpu_compiler, graph
from .other_interpreter import selftest_elsewhere
from .recipes import RECIPES


@dataclass(frozen=True)
class Finding:
    """One point checked."""

    point: str
    ok: bool
    detail: str


def check(path: Path, foreign: bool = False) -> list[Finding]:
    """Check a file.

    Args:
        path: of the file.
        foreign: whether it may be somebody else's, without a card: nothing is found of such a file.

    Raises:
        UserError: there is no such file, or it is not TFLite at all.
    """
    contents = _read(path)
    if foreign and not _has_card(path):
        return []
    compiled = edgetpu.CUSTOM_OP in contents.custom
    custom = [name for name in contents.custom if name != edgetpu.CUSTOM_OP]
    made = f" and {edgetpu.CUSTOM_OP}" if compiled else ""
    found = [
        Finding("builtin ops only", not custom,
                ", ".join(custom) or f"{len(contents.ops)} ops{made}"),
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
    recipe = next((r for r in RECIPES if r.name == card.values["recipe"]), None)
    if recipe and recipe.integer:
        types = {kind for _, kind, _ in (*contents.inputs, *contents.outputs)}
        found.append(
            Finding("integers in and out", types <= {"int8", "uint8"}, ", ".join(sorted(types)))
        )
    if recipe and recipe.edgetpu:
        verdict = edgetpu.judge(path.read_bytes())
        found.append(Finding("maps onto an Edge TPU", verdict.ready, verdict.text))
    try:
        result = selftest(path)
        found.append(Finding("golden pair", result.ok, result.text))
    except NoEdgeTpuError:
        # A host without an Edge TPU says nothing against a file that is compiled for one.
        found.append(Finding("golden pair", True, "not run: there is no Edge TPU here"))
    except UserError as error:
        found.append(Finding("golden pair", False, str(error)))
    if not compiled:
        elsewhere = selftest_elsewhere(path)
        ok, detail = elsewhere or (True, "not run: make setup-tflite makes its environment")
        found.append(Finding("golden pair in tflite-runtime", ok, detail))
    return found


def _read(path: Path) -> graph.Contents:
    if not path.is_file():
        raise UserError(f"{path}: no such model file")
    try:
        return graph.read(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def _has_card(path: Path) -> bool:
    """Whether a file is one of ours; others append zips of labels, too."""
    try:
        with zipfile.ZipFile(path) as archive:
            return package.CARD in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


@dataclass(frozen=True)
class Examined:
    """What becomes of a file on an Edge TPU.

    Attributes:
        verdict: the compiler's where there is one, else this check's own.
        lines: for a reader, before the verdict's text.
        written: the compiled file.
    """

    verdict: edgetpu.Verdict
    lines: tuple[str, ...]
    written: Path | None = None


def targets(paths: Sequence[Path], out: Path, overwrite: bool) -> list[Path]:
    """Where the compiled files will be.

    Raises:
        UserError: there is no compiler, or a file is there already.
    """
    if edgetpu_compiler.compiler() is None:
        raise UserError(
            f"{edgetpu_compiler.COMPILER} is not on PATH, so there is nothing to put into {out}"
        )
    found = [out / f"{path.stem}_edgetpu.tflite" for path in paths]
    for place, path in enumerate(found):
        if path in found[:place]:
            raise UserError(f"two files would become {path}")
        if path.exists() and not overwrite:
            raise UserError(f"{path} exists already; choose another --out or pass --overwrite")
    return found


def examine(path: Path, target: Path | None = None) -> Examined:
    """Judge a file by the published limits, and by the compiler where it is on ``PATH``.

    Args:
        path: of the file, with or without a card.
        target: where the compiled file is to be kept, if it is.

    Raises:
        UserError: there is no such file, it is not TFLite, or ``target`` cannot be written.
    """
    _read(path)
    ours = _has_card(path)
    network = package.flatbuffer(path) if ours else path.read_bytes()
    verdict = edgetpu.judge(network)
    if verdict.compiled:
        return Examined(verdict, _lines(verdict, ()))
    if edgetpu_compiler.compiler() is None:
        note = f"{edgetpu_compiler.COMPILER} is not on PATH: the verdict is this check's own"
        return Examined(verdict, _lines(replace(verdict, notes=(*verdict.notes, note)), ()))
    own = verdict
    made = edgetpu_compiler.compile_file(network, path.stem)
    verdict = edgetpu_compiler.follow(own, made)
    if verdict.ready != own.ready:
        note = f"this check alone would have said: {own.text}"
        verdict = replace(verdict, notes=(*verdict.notes, note))
    written = None
    if target and made.flatbuffer and verdict.mapped:
        data = _wrapped(path, made.flatbuffer) if ours else made.flatbuffer
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, data)
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror}") from None
        written = target
    return Examined(verdict, _lines(verdict, made.log), written)


def _wrapped(path: Path, compiled: bytes) -> bytes:
    """A compiled graph with its file's card, and with a golden pair that needs no resizing."""
    card = {**package.read_card(path).values, "static": True, "compiled": "edgetpu"}
    before = Graph(path)
    golden = edgetpu_compiler.golden_at(before.inputs, package.read_golden(path), before.run)
    return package.join(compiled, card, golden)


def _lines(verdict: edgetpu.Verdict, log: Sequence[str]) -> tuple[str, ...]:
    width = max((len(kind) for kind, _, _ in verdict.table), default=0)
    return (
        f"Edge TPU: {verdict.mapped} of {verdict.total} ops mapped",
        *(f"  {kind:<{width}} {count:>4}  {fate}" for kind, count, fate in verdict.table),
        *(f"FAIL {problem}" for problem in verdict.problems),
        *(f"note: {note}" for note in verdict.notes),
        *(f"{edgetpu_compiler.COMPILER}: {line}" for line in log),
    )


def kilo_macs_per_pixel(path: Path) -> float:
    """Thousands of multiply-accumulates of a file's graph per image pixel that it takes."""
    card, contents = package.read_card(path), graph.read(path.read_bytes())
    (_, height, width, _), downscale = contents.inputs[0][2], card.task.inputs[0].downscale
    return contents.macs / float(height * width * downscale**2) / 1e3
