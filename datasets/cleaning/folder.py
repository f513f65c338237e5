"""The folder that a cleaning writes: scores as they come, and what is decided in the end.

``scores.jsonl`` grows while pictures are scored, so that a stopped run goes on where it was and
other thresholds need no second scoring.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_demo.errors import UserError
from edge_demo.files import write_whole

from .scores import VERSION, Scores
from .verdicts import Judged, Thresholds

SCORES, MANIFEST, KEPT, REPORT = "scores.jsonl", "manifest.json", "kept.txt", "report.html"
SCHEMA = 1


def header(folder: Path, as_stored: bool) -> dict[str, Any]:
    """The first line of ``scores.jsonl``: what makes scores comparable."""
    return {"schema": SCHEMA, "version": VERSION, "folder": str(folder), "as_stored": as_stored}


def open_folder(out: Path, first: dict[str, Any], overwrite: bool) -> list[Scores]:
    """Make the folder, or find what a former run left in it.

    Args:
        out: the folder.
        first: as ``header`` gives it.
        overwrite: whether a finished cleaning may be judged again.

    Returns:
        The scores that are there already.

    Raises:
        UserError: a finished cleaning, one of another folder, or a folder of something else.
    """
    path = out / SCORES
    try:
        there = sorted(entry.name for entry in out.iterdir()) if out.exists() else []
    except OSError as error:
        raise UserError(f"{out} cannot be used as --out: {error.strerror}") from None
    if there and SCORES not in there:
        raise UserError(f"{out} exists already and is not empty; choose another --out")
    if not overwrite and MANIFEST in there:
        raise UserError(
            f"{out} holds a finished cleaning; choose another --out, or pass --overwrite to judge "
            "again (unchanged pictures are not scored again)"
        )
    if there:
        return _read(path, first)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(first) + "\n").encode())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    return []


def _read(path: Path, first: dict[str, Any]) -> list[Scores]:
    lines = path.read_text().splitlines()
    try:
        found = json.loads(lines[0])
    except (IndexError, ValueError):
        found = None
    if found != first:
        raise UserError(
            f"{path} is of another folder, another --as-stored or an older version; choose another "
            "--out"
        )
    out = []
    for number, line in enumerate(lines[1:], 2):
        try:
            out.append(Scores.from_json(line))
        except (ValueError, TypeError):
            if number == len(lines):  # the run was stopped in the middle of it
                break
            raise UserError(f"{path}, line {number} is damaged; choose another --out") from None
    # The next line must begin on a line of its own.
    text = "\n".join([lines[0], *(scores.to_json() for scores in out)])
    write_whole(path, (text + "\n").encode())
    return out


def unchanged(scores: Scores) -> bool:
    """Whether a file still has the size and time stamp that it was scored with."""
    try:
        stat = Path(scores.path).stat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (scores.bytes, scores.modified)


def kept(judged: Sequence[Judged], allowed: Sequence[str]) -> list[Judged]:
    """The pictures without a verdict other than the allowed kinds."""
    return [one for one in judged if set(one.kinds) <= set(allowed)]


def manifest(
    first: dict[str, Any], judged: Sequence[Judged], limits: Thresholds, allowed: Sequence[str]
) -> dict[str, Any]:
    """The content of ``manifest.json``."""
    keep = {one.scores.path for one in kept(judged, allowed)}
    counts: dict[str, int] = {}
    for one in judged:
        for kind in one.kinds:
            counts[kind] = counts.get(kind, 0) + 1
    return {
        "schema": SCHEMA,
        "settings": {
            "folder": first["folder"],
            "as_stored": first["as_stored"],
            "allowed": list(allowed),
            **dataclasses.asdict(limits),
        },
        "counts": {"pictures": len(judged), "kept": len(keep), **counts},
        "pictures": [
            {
                "kept": one.scores.path in keep,
                "verdicts": [dataclasses.asdict(verdict) for verdict in one.verdicts],
                **dataclasses.asdict(one.scores),
            }
            for one in judged
        ],
    }
