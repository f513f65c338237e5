"""What every study does alike: where results and pictures go, and how its command line answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import sources
from datasets.source import Source
from edge_demo import cli
from edge_demo.measure import results

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
PICTURES = ROOT / "docs" / "pictures"


def command_line(module: str, doc: str | None) -> cli.Parser:
    """The parser of a study's command line.

    Args:
        module: its ``__name__``.
        doc: what it says of itself; the first line is shown.
    """
    name = module.rpartition(".")[2]
    first = (doc or "").partition("\n")[0]
    return cli.Parser(prog=f"python -m studies {name}", description=first)


def some_of(text: str, count: int | None, split: str = "test") -> Source:
    """A source, or as many photographs of it, evenly spread.

    Args:
        text: as the user wrote it.
        count: photographs at most; None: all.
        split: of those that have several.
    """
    source = sources.open_source(text, split)
    if not count:
        return source
    return sources.some(source, range(0, source.count, -(-source.count // count)))


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Write results as JSON, over those that are there, and say so."""
    results.write_json(path, found, overwrite=True)
    print(f"wrote {path}")
