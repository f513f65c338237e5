"""Draws photographs in low light before and after.

A row a photograph, a column a method: none, the classical pipeline, the shipped int8 models.
``docs/pictures/night.jpg`` is of the photographs of LIME (Guo et al., 2017): no references exist.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from datasets import sources
from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.measure import restoration
from edge_demo.pictures.images import read_rgb, write_image

from .command import PICTURES, command_line
from .sheets import Pixels, sheet

ENHANCE = restoration.of("enhance")

PICTURE = PICTURES / "night.jpg"
MODELS = ("enhance_zerodce-lite.r2.int8", "enhance_mirnet-lite.r6.int8")
WIDTH, HEIGHT = 300, 225


def methods(names: Sequence[str]) -> Mapping[str, restoration.Method]:
    """A column's title to what fills it."""
    models = {name: restorers.load(name, threads=2) for name in names}
    return {
        "as it is": lambda rgb: rgb,
        "classical": ENHANCE.baselines()["classical"],
        **{name.partition(".")[0]: model.reconstruct for name, model in models.items()},
    }


def draw(photographs: Sequence[Pixels], columns: Mapping[str, restoration.Method]) -> Pixels:
    """The sheet, RGB. Methods see each photograph at its own size."""
    rows = [[method(rgb) for method in columns.values()] for rgb in photographs]
    return sheet(list(columns), rows, (HEIGHT, WIDTH))


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--models", default=",".join(MODELS), metavar="NAME,NAME")
    parser.add_argument("--out", type=Path, default=PICTURE, metavar="FILE")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    paths = sources.open_source(f"folder:{options.folder}").paths
    columns = methods(options.models.split(","))
    drawn = draw([np.asarray(read_rgb(path).rgb, np.uint8) for path in paths], columns)
    write_image(options.out, drawn, quality=80, overwrite=True)
    print(f"wrote {options.out}")
