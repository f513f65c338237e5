"""Fill the marked tables of the pages from measured results.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``. NAME is a preset, with a
siting where its task has such; or a key of ``TABLES`` below, alone or followed by the part, the
task or the video that was measured; or ``recipes``. What it shows is read from ``docs/models``,
``docs/results`` and ``export/recipes.py``; nobody types a figure.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_demo import cli
from edge_demo.errors import UserError
from edge_demo.model import models_index

from . import (
    bitrate,
    cleaning,
    colour,
    colour_meaning,
    curves,
    detail,
    drawn,
    hint_borders,
    in_floats,
    low_light,
    one_axis,
    peers,
    pipeline,
    players,
    precision,
    quantisation,
    reports,
    tiles,
    video,
    web,
)
from .command import ROOT, command_line
from .wording import Json

BLOCK = re.compile(r"(<!-- table: ([^>]+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
TABLES: Mapping[str, Callable[[Json], str]] = {
    "benchmark": reports.benchmark,
    "bitrate": bitrate.table,
    "cleaning": cleaning.table,
    "colour": colour.table,
    "colour_meaning": colour_meaning.table,
    "compare": reports.compare,
    "curves": curves.table,
    "detail": detail.table,
    "drawn": drawn.table,
    "hint_borders": hint_borders.table,
    "in_floats": in_floats.table,
    "low_light": low_light.table,
    "pi": reports.pi,
    "one_axis": one_axis.table,
    "peers": peers.table,
    "pipeline": pipeline.table,
    "players": players.table,
    "precision": precision.table,
    "quantisation": quantisation.table,
    "sensitivity": reports.sensitivity,
    "tiles": tiles.table,
    "video": video.table,
    "web": web.table,
}


def pages(root: Path) -> list[Path]:
    """The pages that people write; ``docs/models`` is generated whole."""
    written = sorted((root / "docs").glob("*.md"))
    return [root / "README.md", *written, root / "edge_demo" / "README.md"]


def content(name: str, root: Path) -> str:
    """What belongs into the block of a name.

    Raises:
        UserError: no results of that name.
    """
    if name == "recipes":
        return reports.recipes()
    first, _, second = name.partition(" ")
    file = f"{first}.{second}.json" if second else f"{first}.json"
    if first in TABLES:
        made = TABLES[first](_read(root / "docs" / "results" / file))
    else:
        made = reports.quality(_read(root / "docs" / "models" / file))
    return _with_equals(made, root)


def _with_equals(table: str, root: Path) -> str:
    """A table whose rows say which files are others under another name."""
    entries = models_index.read(root / "edge_demo" / "models").entries

    def named(row: re.Match[str]) -> str:
        entry = entries.get(row[1])
        return f"{row[0]} (equals {entry.equals})" if entry and entry.equals else row[0]

    return re.sub(r"^\| `([^`]+)`", named, table, flags=re.MULTILINE)


def _read(path: Path) -> Json:
    if not path.is_file():
        raise UserError(f"{'/'.join(path.parts[-3:])} is not there; measure it first")
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


def filled(text: str, root: Path) -> str:
    """A page with each of its blocks rewritten; UserError as ``content`` raises it."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{content(found[2], root)}\n{found[4]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the pages; one whose results are missing is left as it is."""
    return cli.run(command_line(__name__, __doc__), _run, arguments)


def _run(_: argparse.Namespace) -> int:
    code = 0
    for page in pages(ROOT):
        name, text = page.relative_to(ROOT), page.read_text(encoding="utf-8")
        try:
            new = filled(text, ROOT)
        except UserError as error:
            print(f"left {name} as it is: {error}", file=sys.stderr)
            code = 2
            continue
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {name}")
    return code
