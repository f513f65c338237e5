"""Draws photographs in colour, in grey and coloured.

A row a photograph, a column a method: the truth, its lightness, the shipped int8 models without a
hint, and the one that takes hints with ten true ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.device.colorize import Colorize
from edge_demo.device.restorer import Restorer
from edge_demo.measure import hint_response
from edge_demo.pictures import photographs
from edge_demo.pictures.images import write_image
from edge_demo.tasks import colorize

from .command import PICTURES, command_line
from .sheets import Pixels, sheet

PICTURE = PICTURES / "colours.jpg"
# Title to the model, and how many true hints it is given.
COLUMNS = {
    "fusion": ("colorize_fusion-lite.r1.int8", 0),
    "eccv16": ("colorize_eccv16-lite.r1.int8", 0),
    "siggraph17": ("colorize_siggraph17-lite.r1.int8", 0),
    "siggraph17, 10 hints": ("colorize_siggraph17-lite.r1.int8", 10),
}
SIZE = 180, 240  # of a cell: height, width


def row(rgb: Pixels, models: Mapping[str, Restorer]) -> list[Pixels]:
    """A photograph, its lightness, and what each column makes of that."""
    grey = colorize.degrade(rgb)
    found = [rgb, colorize.to_uint8(grey.lightness)]
    for name, hints in COLUMNS.values():
        model = models[name]
        assert isinstance(model, Colorize)
        given = hint_response.given(rgb, hints, seed=0)
        found.append(model.coloured(given))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, default=PICTURE, metavar="FILE")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    names = {name for name, _ in COLUMNS.values()}
    models = {name: restorers.load(name, threads=2) for name in names}
    rows = [row(photographs.read(path, halved=False), models) for path in options.files]
    drawn = sheet(["the photograph", "its lightness", *COLUMNS], rows, SIZE)
    write_image(options.out, drawn, quality=85, overwrite=True)
    print(f"wrote {options.out}")
