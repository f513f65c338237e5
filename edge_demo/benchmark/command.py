"""``python -m edge_demo benchmark``: how fast, how large and how good, beside the baselines.

What makes pages is imported where one is asked for: all of ``edge_demo``'s commands read this
module, and the others need no Jinja2.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import cli, tasks
from ..colour.siting import SITINGS
from ..errors import UserError
from ..files import check_free
from ..measure import restoration, results
from ..measure.restoration import Restoration
from ..measure.results import Row
from ..model import models_folder
from ..model.package import read_card
from ..pictures.containers import MAX_PIXELS
from ..tasks.record import Task
from . import (
    compare,
    host,
    report,
    worker,
)
from .images import LEAST_SIDE, Files, Progress, read_usable

# Whose models are measured where nobody chooses.
DEFAULT_TASK = "chroma"
SIZE = (1920, 1080)
SECONDS, SUSTAINED_SECONDS = 20.0, 60.0


def benchmark(
    files: Sequence[Path],
    images: Path | None = None,
    threads: int | None = None,
    size: tuple[int, int] | None = None,
    limit_seconds: float = SECONDS,
    siting: str | None = None,
    progress: Progress | None = None,
    *,
    each: bool = False,
    sustained: bool = False,
) -> dict[str, Any]:
    """Measure models, and with photographs the baselines too, each in a process of its own.

    Args:
        files: model files of one task; one that fails is a row that says why.
        images: a folder of photographs to measure quality on, or of pairs (``low/`` and ``high/``)
            for a task that restores such; None: times and memory only.
        threads: of the interpreter and of OpenCV; None: all cores, at most 4.
        size: (width, height) of a synthetic picture to time; None: the first photograph, or
            without photographs 1920x1080.
        limit_seconds: for the timing of one method.
        siting: of the 4:2:0 chroma made from each photograph; None: the task's own.
        progress: told what is going on.
        sustained: time each model for all of ``limit_seconds``, and tell how it went over time.
        each: whether the document holds each photograph's values, not only their mean.

    Returns:
        The document of schema 1, with ``host``, ``before``, ``during``, ``after``, ``timed``,
        ``threads``, ``siting``, ``limit_seconds``, ``sustained``, ``measured`` (date) and
        ``warnings`` beside its rows. With
        ``each`` also ``photographs`` (files, from ``images``), and in each row ``values``: metric
        to one value a photograph, in that order; None where it has none.

    Raises:
        UserError: no files, files of several tasks, no usable photographs, values out of range, or
            no interpreter.
    """
    threads = min(4, cli.cores()) if threads is None else threads
    _check(files, threads, size, limit_seconds)
    restored = restoration.of(task_of(files))
    siting = restored.siting(siting)
    machine, before = host.describe(), host.state()
    usable, first = read_usable(restored, images, siting, progress) if images else (Files(), None)
    name, picture = _timed(restored, usable, first, size, siting)
    height, width = restored.size(picture)
    job = {
        "task": restored.task.name,
        "threads": threads,
        "limit": limit_seconds,
        "sustained": sustained,
        "siting": siting,
        "photographs": [str(path) for path in usable.paths],
        "low": [str(path) for path in usable.low],
    }
    rows = _measured(restored, files, job, picture, progress, each)
    after = host.state()
    during = host.worst(line["during"] for line in rows if "during" in line)
    names = [path.relative_to(images).as_posix() for path in usable.paths] if images else []
    return results.document(
        restored.task,
        len(usable.paths),
        f"{'pairs' if usable.low else 'folder'}:{_shown(images)}" if images else "synthetic",
        report.order(rows, restored.task),
        measured=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        host=machine,
        before=before,
        during=during,
        after=after,
        warnings=host.warnings(machine, before, during, after),
        timed={"name": name, "width": width, "height": height},
        threads=threads,
        limit_seconds=limit_seconds,
        sustained=sustained,
        siting=siting,
        **({"photographs": names} if each and names else {}),
    )


def task_of(files: Sequence[Path]) -> Task:
    """The task of model files; of files that cannot be read nothing is known.

    Raises:
        UserError: they are of several tasks.
    """
    found: dict[str, Path] = {}
    for path in files:
        with contextlib.suppress(UserError):  # becomes a row that says why
            found.setdefault(read_card(path).task.name, path)
    if len(found) > 1:
        told = ", ".join(f"{name} ({path.name})" for name, path in sorted(found.items()))
        raise UserError(f"files of several tasks cannot be compared: {told}; name those of one")
    return tasks.first(next(iter(found), DEFAULT_TASK))


def _check(
    files: Sequence[Path], threads: int, size: tuple[int, int] | None, limit_seconds: float
) -> None:
    if not files:
        raise UserError("no model files to measure")
    if threads < 1:
        raise UserError(f"--threads must be 1 or more, not {threads}")
    if not 0 < limit_seconds < float("inf"):
        raise UserError(f"--seconds must be above 0, not {limit_seconds:g}")
    if size and (min(size) < LEAST_SIDE or size[0] * size[1] > MAX_PIXELS):
        raise UserError(
            f"--size {size[0]}x{size[1]} is out of range: sides from {LEAST_SIDE}, "
            f"at most {MAX_PIXELS:,} pixels"
        )


def synthetic(width: int, height: int) -> NDArray[np.uint8]:
    """A smooth random colour picture (height, width, 3), the same every time."""
    coarse = np.random.default_rng(0).integers(
        0, 256, (height // 16 + 2, width // 16 + 2, 3), np.uint8
    )
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _timed(
    restored: Restoration,
    usable: Files,
    first: Any,
    size: tuple[int, int] | None,
    siting: str | None,
) -> tuple[str, Any]:
    """Name of the picture to time, and that picture degraded: the first, or a synthetic one."""
    if first is not None and size is None:
        return usable.paths[0].name, restored.timed(first)
    name, rgb = "a synthetic picture", synthetic(*(size or SIZE))
    return name, restored.timed(restored.degrade(rgb, name, siting))


def _measured(
    restored: Restoration,
    files: Sequence[Path],
    job: dict[str, Any],
    picture: Any,
    progress: Progress | None,
    each: bool,
) -> list[Row]:
    """A row of each method, which all restore a picture that they read from one file."""
    height, width = restored.size(picture)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.npz"
        worker.write_picture(restored, file, picture)
        job = {**job, "picture": str(file)}
        return list(_rows(restored.task, files, job, width * height, progress, each))


def _rows(
    task: Task,
    files: Sequence[Path],
    job: dict[str, Any],
    pixels: int,
    progress: Progress | None,
    each: bool,
) -> Iterator[Row]:
    """Measure one method after the other."""
    # A file named twice is measured once.
    chosen = list({path.resolve(): path for path in reversed(files)}.values())[::-1]
    todo = [("baseline", name) for name in task.baselines] if job["photographs"] else []
    todo += [("model", str(path)) for path in chosen]
    clashes = _clashes(chosen)
    began = time.monotonic()
    for index, (kind, target) in enumerate(todo):
        path = Path(target)
        title = f"[{index + 1}/{len(todo)}] {path.name}"
        left = (len(todo) - index) * (time.monotonic() - began) / max(1, index)
        if job["sustained"]:
            models = sum(kind == "model" for kind, _ in todo[index:])
            left = max(left, models * job["limit"])
        eta = f", about {left:.0f} s left" if index else ""

        def tell(done: int, total: int, unit: str, title: str = title, eta: str = eta) -> None:
            if progress:
                doing = f"{done} of {total} {unit}" if total else "timing"
                progress(f"{title}: {doing}{eta}", total > 0)

        tell(0, 0, "")
        other: dict[str, Any] = {"megapixels": round(pixels / 1e6, 4)}
        if kind == "model":
            other["file"] = _shown(path)
            other["bytes"] = path.stat().st_size if path.is_file() else None
        try:
            found = _ask_worker({**job, "kind": kind, "target": target}, tell)
        except UserError as error:
            reason = str(error).removeprefix(f"{target}: ")
            yield results.row(path.name, kind, status=f"failed: {reason}", **other)
            continue
        name, recipe = found.pop("name", target), found.pop("recipe", None)
        if path.name in clashes:
            name = f"{_shown(path.parent)}/{name}"
        values = found.pop("values", None)
        line = results.row(name, kind, values, recipe=recipe, **other, **found)
        if each and values:
            line["values"] = {
                metric: [None if v is None else round(v, 6) for v in all_]
                for metric, all_ in values.items()
            }
        yield line


def _clashes(files: Sequence[Path]) -> set[str]:
    """Names that files of several folders share."""
    names = [path.name for path in files]
    return {name for name in names if names.count(name) > 1}


def _shown(path: Path) -> str:
    """A path for a report: from the working directory where it is below, else as given."""
    with contextlib.suppress(ValueError):
        return path.absolute().relative_to(Path.cwd()).as_posix()
    return path.as_posix()


def _ask_worker(job: dict[str, Any], tell: worker.Progress) -> dict[str, Any]:
    """Run a job in a process of its own.

    Raises:
        UserError: what went wrong there, be it a crash.
    """
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_demo.benchmark.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        assert process.stdin and process.stdout
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                json.dump(job, process.stdin)
            for line in process.stdout:
                answer = json.loads(line)
                if "error" in answer:
                    raise UserError(answer["error"])
                if "result" in answer:
                    found: dict[str, Any] = answer["result"]
                    return found
                tell(answer["done"], answer["total"], answer["unit"])
            process.wait()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        raise UserError(_death(process.returncode, log))


def _death(code: int, log: Any) -> str:
    """Why a process ended without an answer."""
    if code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            hint = ", as happens when memory runs out" if name == "SIGKILL" else ""
            return f"its process died of {name}{hint}"
    log.seek(0)
    lines = [line for line in log.read().splitlines() if line.strip()]
    return " ".join(lines[-1].split())[:200] if lines else f"its process ended with code {code}"


# Command line ---------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``run`` reads."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="model files or names; default: all of a task that ship",
    )
    parser.add_argument(
        "--task",
        choices=tasks.NAMES,
        help=f"which of the shipped files, where none is named (default: {DEFAULT_TASK})",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="photographs to measure quality on; for enhance also pairs in low/ and high/",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores, at most 4")
    parser.add_argument(
        "--size",
        metavar="WxH",
        help="time a synthetic picture of this size (default: the first photograph, "
        f"or {SIZE[0]}x{SIZE[1]})",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help=f"time limit of each method's timing (default: {SECONDS:g}; {SUSTAINED_SECONDS:g} "
        "with --sustained)",
    )
    parser.add_argument(
        "--sustained",
        action="store_true",
        help="time each model for all of --seconds: does it become slower as the board warms up?",
    )
    parser.add_argument(
        "--siting",
        choices=SITINGS,
        help=f"of the 4:2:0 chroma made from each photograph (default: {SITINGS[0]})",
    )
    parser.add_argument(
        "--compare", type=Path, metavar="OLD", help="a former --json FILE: tell what changed"
    )
    parser.add_argument(
        "--each", action="store_true", help="put the values of each photograph into --json FILE"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--html", type=Path, metavar="FILE")
    parser.add_argument(
        "--attach",
        type=Path,
        nargs="+",
        default=[],
        metavar="PICTURE",
        help="PNG, JPEG or WebP to show in the page",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing FILEs")


def run(options: argparse.Namespace) -> int:
    """Carry out the command; 1 when not one model could be measured, else 0.

    Raises:
        UserError: a mistake in the options, found before any work.
    """
    files = resolve(options.files, options.task)
    task = task_of(files)
    restoration.of(task).siting(options.siting)
    size = cli.parse_size(options.size, "1920x1080") if options.size else None
    attachments = _attachments(options.attach)
    if attachments and not options.html:
        raise UserError("--attach needs --html FILE to attach to")
    if options.each and not (options.images and options.json):
        raise UserError("--each needs --images DIR to measure and --json FILE to write to")
    check_free(options.overwrite, options.json, options.html)
    if options.json and options.json == options.html:
        raise UserError("--json and --html name the same file")

    old = compare.read(options.compare, task) if options.compare else None

    seconds = options.seconds
    if seconds is None:
        seconds = SUSTAINED_SECONDS if options.sustained else SECONDS
    printer = _Printer()
    table = benchmark(
        files,
        options.images,
        options.threads,
        size,
        seconds,
        options.siting,
        printer,
        each=options.each,
        sustained=options.sustained,
    )
    printer.end()
    if old:
        table["compared"] = compare.compare(old, table, task, _shown(options.compare))
    for warning in [*table["warnings"], *table.get("compared", {}).get("warnings", [])]:
        print(f"warning: {warning}", file=sys.stderr)
    print(report.text(table, task))
    if options.json:
        results.write_json(options.json, table, options.overwrite)
        print(f"wrote {options.json}")
    if options.html:
        from . import page

        crops = page.crops_of(table, task, options.images)
        text = page.page(table, task, crops, attachments)
        results.write_text(options.html, text, options.overwrite)
        print(f"wrote {options.html}")
    best = report.best(table["rows"], task)
    if best is None:
        print(f"next: {cli.program()} selftest FILE")
        return 1
    print(f"next: {cli.program()} run INPUT OUTPUT --model {cli.quoted(best['file'])}")
    return 0


def _attachments(paths: Sequence[Path]) -> list[tuple[Path, Any]]:
    """File and ``img`` of pictures to show in the page.

    Raises:
        UserError: one that a page cannot show.
    """
    if not paths:
        return []
    from ..report import embedded

    return [(path, embedded.image_file(path, path.stem)) for path in paths]


def resolve(names: Sequence[str], task: str | None = None) -> list[Path]:
    """Files of what a user named: paths, or shipped models by name; without a name all of a task.

    A path that is not there stays in the list, to become a row of its own.

    Raises:
        UserError: an unknown name, a task beside names, or nothing named and nothing shipped.
    """
    if names:
        if task:
            raise UserError("--task chooses among the shipped files; a named FILE says its own")
        return [
            Path(name) if models_folder.is_path(name) else models_folder.find(name)
            for name in names
        ]
    wanted = task or DEFAULT_TASK
    files = list(models_folder.shipped(wanted).values())
    if not files:
        raise UserError(
            f"no models of the {wanted} task in {_shown(models_folder.FOLDER)}; name a FILE"
        )
    return files


class _Printer:
    """Progress on stderr: a line that is rewritten on a terminal; elsewhere without the steps."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def __call__(self, line: str, step: bool) -> None:
        if self._live:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif not step:
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the rewritten line."""
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
