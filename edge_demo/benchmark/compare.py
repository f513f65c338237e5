"""A benchmark beside a former one: what changed, row by row, and whether the machine did."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..measure import results
from ..measure.results import Row
from ..tasks.record import Task

_WHERE = {
    "p50_ms": ("latency_ms", "p50"),
    "bytes": ("bytes",),
    "peak_rss_bytes": ("peak_rss_bytes",),
}
# Further differences, beside those of the host, that make another measurement of it.
_SET_UP = {"threads": "threads", "sustained": "sustained"}
_QUALITY = {"images": "number of photographs", "data": "photographs", "siting": "siting"}


def read(path: Path, task: Task) -> dict[str, Any]:
    """A former document of schema 1.

    Raises:
        UserError: unreadable, of another schema or task, or without rows to compare with.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise UserError(f"{path}: is not JSON") from None
    if not isinstance(found, dict) or found.get("schema") != 1:
        raise UserError(f"{path}: is not a table of schema 1, as benchmark --json writes it")
    if found.get("task") != task.name:
        raise UserError(f"{path}: is of the {found.get('task')!r} task, not of {task.name!r}")
    rows = found.get("rows")
    if not (isinstance(rows, list) and rows and all(map(_is_row, rows))):
        raise UserError(f"{path}: has no rows to compare with")
    return found


def _is_row(line: object) -> bool:
    return isinstance(line, dict) and all(
        isinstance(line.get(key, ""), str) and (key in line or key == "recipe")
        for key in ("name", "recipe", "kind", "status")
    )


def compare(
    old: Mapping[str, Any], new: Mapping[str, Any], task: Task, name: str
) -> dict[str, Any]:
    """What changed between two documents.

    Rows are of the same method when name and recipe are; of several, the first belongs to the
    first.

    Args:
        old: as ``read`` gave it.
        new: as ``benchmark`` gave it.
        task: of both.
        name: of the former document, for the reader.

    Returns:
        ``name`` and ``measured`` of the former document; ``rows``, each with ``name``, ``recipe``,
        ``kind`` and, where both sides have them, ``p50_ms`` and others as ``old``, ``new`` and
        ``ratio``, the headline metric as ``old``, ``new`` and ``difference``, and ``status`` where
        it is not ok on both sides; ``only_old`` and ``only_new``, labels; and ``warnings``.
    """
    former: dict[tuple[Any, ...], list[Row]] = {}
    for line in old["rows"]:
        former.setdefault(_key(line), []).append(line)
    rows, only_new = [], []
    for line in new["rows"]:
        if same := former.get(_key(line)):
            rows.append(_change(same.pop(0), line, task.headline_metric))
        else:
            only_new.append(results.label(line))
    only_old = [results.label(line) for lines in former.values() for line in lines]
    return {
        "name": name,
        "measured": str(old.get("measured", "at an unknown time")),
        "rows": rows,
        "only_old": only_old,
        "only_new": only_new,
        "warnings": _warnings(old, new, name),
    }


def _key(line: Row) -> tuple[Any, ...]:
    return line["kind"], line["name"], line.get("recipe")


def _change(old: Row, new: Row, metric: str) -> Row:
    out: Row = {key: new[key] for key in ("name", "recipe", "kind") if key in new}
    for key, where in _WHERE.items():
        before, after = _number(old, *where), _number(new, *where)
        if before and after is not None:
            out[key] = {"old": before, "new": after, "ratio": round(after / before, 4)}
    before, after = (_number(line, "metrics", metric, "mean") for line in (old, new))
    if before is not None and after is not None:
        out[metric] = {"old": before, "new": after, "difference": round(after - before, 6)}
    if not old["status"] == new["status"] == "ok":
        out["status"] = {"old": old["status"], "new": new["status"]}
    return out


def _number(line: Mapping[str, Any], *keys: str) -> float | None:
    """A number inside a document that others may have written; None where there is none."""
    found: Any = line
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    usable = isinstance(found, int | float) and not isinstance(found, bool)
    return found if usable and math.isfinite(found) else None


def _warnings(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> list[str]:
    """Reasons why a ratio or a difference is not the models' own."""

    def dictionary(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        found = document.get(key)
        return found if isinstance(found, Mapping) else {}

    def size(document: Mapping[str, Any]) -> dict[str, str]:
        timed = dictionary(document, "timed")
        return {"size": f"{timed.get('width')}x{timed.get('height')}"}

    before, after = dictionary(old, "host"), dictionary(new, "host")
    # What memory a kernel keeps to itself changes with its version.
    keys = [key for key in {**before, **after} if key != "memory_bytes"]
    machines = _differences(before, after, dict(zip(keys, keys, strict=True)))
    machines += _differences(old, new, _SET_UP)
    machines += _differences(size(old), size(new), {"size": "size of the picture"})
    out = []
    if machines:
        out.append(
            f"ratios to {name} compare machines or set-ups, not only models: {', '.join(machines)}"
        )
    if new["images"] and (others := _differences(old, new, _QUALITY)):
        out.append(f"quality in {name} is of other photographs: {', '.join(others)}")
    return out


def _differences(
    old: Mapping[str, Any], new: Mapping[str, Any], names: Mapping[str, str]
) -> list[str]:
    def shown(value: object) -> str:
        return "unknown" if value is None else str(value)

    return [
        f"{name} {shown(old.get(key))} -> {shown(new.get(key))}"
        for key, name in names.items()
        # A mode that an older document does not know was off.
        if (old.get(key) or None) != (new.get(key) or None)
    ]


# For a reader ---------------------------------------------------------------------------------


def columns(compared: Mapping[str, Any], task: Task) -> tuple[list[str], list[list[str]]]:
    """A table's header and cells; a column that no row fills is left out."""
    metric = task.headline_metric

    def pair(line: Row, key: str, form: str, divisor: float = 1.0) -> str:
        if key not in line:
            return ""
        return " -> ".join(format(line[key][side] / divisor, form) for side in ("old", "new"))

    header = ["name", "p50 ms", "ratio", results.heading(metric), "difference",
              "KiB", "peak MiB", "status"]  # fmt: skip
    cells = [
        [
            results.label(line),
            pair(line, "p50_ms", ".2f"),
            f"{line['p50_ms']['ratio']:.2f}x" if "p50_ms" in line else "",
            pair(line, metric, ".2f"),
            # Adding zero makes a rounded -0.0 a 0.0.
            f"{round(line[metric]['difference'], 2) + 0.0:+.2f}" if metric in line else "",
            pair(line, "bytes", ".0f", 1024),
            pair(line, "peak_rss_bytes", ".0f", 2**20),
            _status(line),
        ]
        for line in compared["rows"]
    ]
    kept = [i for i in range(len(header)) if i == 0 or any(row[i] for row in cells)]
    return [header[i] for i in kept], [[row[i] for i in kept] for row in cells]


def _status(line: Row) -> str:
    status = line.get("status")
    if status is None:
        return ""
    if status["old"] == status["new"]:
        return f"still {status['new']}"
    return f"{status['old']} -> {status['new']}"


def title(compared: Mapping[str, Any]) -> str:
    """What is compared with what, in a line."""
    return f"compared with {compared['name']}, measured {compared['measured']}: old -> new"


def alone(compared: Mapping[str, Any]) -> list[str]:
    """A line on the rows that only one of both documents has, for each that has such."""

    def line(where: str, labels: Sequence[str]) -> list[str]:
        return [f"only in {where}: {', '.join(labels)}"] if labels else []

    return [
        *line(compared["name"], compared["only_old"]),
        *line("this benchmark", compared["only_new"]),
    ]
