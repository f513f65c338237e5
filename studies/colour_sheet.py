"""Draws photographs in grey and coloured, as many as wanted, chosen by a seed and not by hand.

``python -m studies colour_sheet SOURCE`` takes the photographs evenly from SOURCE's parts (several
are joined by `` + ``), in an order that ``--seed`` alone decides. Beside each in grey stands what
the shipped model makes of it; its number is what the page calls it by.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from datasets import sources
from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.device.colorize import Colorize
from edge_demo.pictures import photographs
from edge_demo.pictures.images import write_image
from edge_demo.tasks import colorize

from .command import PICTURES, command_line
from .sheets import FONT, Pixels, sheet

PICTURE = PICTURES / "colours.jpg"
MODEL = "colorize_unet-lite0.r3.int8"
SIZE = 150, 150  # of a cell: height, width
PAIRS = 4  # in a row
PHOTOGRAPHS = 40


def drawn(paths: Sequence[Path], model: Colorize) -> Pixels:
    """The sheet, RGB: each photograph in grey and coloured, cut to a square."""
    cells: list[Pixels] = []
    for number, path in enumerate(paths, 1):
        grey = colorize.degrade(photographs.read(path, halved=False))
        cells += [
            numbered(squared(colorize.to_uint8(grey.lightness)), number),
            squared(model.coloured(grey)),
        ]
    row = 2 * PAIRS
    blank = np.full((*SIZE, 3), 255, np.uint8)
    cells += [blank] * (-len(cells) % row)
    rows = [cells[start : start + row] for start in range(0, len(cells), row)]
    return sheet(["grey", "coloured"] * PAIRS, rows, SIZE)


def squared(rgb: Pixels) -> Pixels:
    """The middle of a picture, as large as a cell."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    return np.asarray(cv2.resize(middle, SIZE[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def numbered(rgb: Pixels, number: int) -> Pixels:
    """A picture with its number in a corner."""
    out = rgb.copy()
    cv2.rectangle(out, (0, 0), (22, 16), (255, 255, 255), -1)
    cv2.putText(out, str(number), (2, 13), FONT, 0.42, (27, 27, 27), 1, cv2.LINE_AA)
    return out


def chosen(source: str, number: int, seed: int) -> list[Path]:
    """So many files of a source, evenly of its parts, in an order that the seed decides."""
    rng = np.random.default_rng(seed)
    parts = [one.paths for one in sources.open_all(source, "test")]
    orders = [[part[i] for i in rng.permutation(len(part))] for part in parts]
    taken = [path for turn in range(number) for order in orders for path in order[turn : turn + 1]]
    return taken[:number]


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("source", metavar="SOURCE", help="photographs that no network saw")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--photographs", type=int, default=PHOTOGRAPHS)
    parser.add_argument("--model", default=MODEL, help=f"default: {MODEL}")
    parser.add_argument("--out", type=Path, default=PICTURE, metavar="FILE")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    model = restorers.load(options.model, threads=2)
    assert isinstance(model, Colorize)
    paths = chosen(options.source, options.photographs, options.seed)
    write_image(options.out, drawn(paths, model), quality=85, overwrite=True)
    print(f"wrote {options.out}")
