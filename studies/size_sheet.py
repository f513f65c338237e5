"""Draws photographs coloured at several sizes.

A row a photograph, a column a size: the side of the square that the network sees the photograph in.
The graph of a file has one size, so a preset is exported anew for each.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.device.colorize import Colorize
from edge_demo.errors import UserError
from edge_demo.pictures import photographs
from edge_demo.pictures.images import write_image
from edge_demo.tasks import colorize

from .command import PICTURES, command_line
from .sheets import Pixels, sheet

PICTURE = PICTURES / "sizes.jpg"
PRESET = "colorize_unet-lite0.r3"
SIZES = 96, 160, 256, 384, 512
CELL = 180, 240  # height, width


def exported(preset: str, sizes: Sequence[int], folder: Path) -> dict[int, Colorize]:
    """The preset's graph in floats, for each size.

    Raises:
        UserError: no such preset, a size that is no multiple of the network's.
    """
    import keras_models
    from export import convert, files
    from keras_models import runs

    record = runs.read_record(Path(preset))
    config = record["config"]
    task = keras_models.task(config["model"], config["size"])
    network = runs.load_model(Path(preset))
    card = files.base_card(record, preset, None)
    found = {}
    for size in sizes:
        if size <= 0 or size % task.size_multiple:
            raise UserError(f"a size of {size} must be a multiple of {task.size_multiple}")
        framed = dataclasses.replace(task, frame=(size, size))
        path = folder / f"{size}.tflite"
        graph = convert.float_graph(network, framed, size)
        told = {**card, "recipe": "float32", "frame": [size, size], "static": True, "tile": size}
        files.write(path, graph, told)
        restorer = restorers.load(path, threads=2)
        assert isinstance(restorer, Colorize)
        found[size] = restorer
    return found


def row(rgb: Pixels, models: Mapping[int, Colorize]) -> list[Pixels]:
    """A photograph, and what each size makes of its lightness."""
    grey = colorize.degrade(rgb)
    return [rgb, *(model.coloured(grey) for model in models.values())]


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--model", default=PRESET, metavar="PRESET", help=f"default: {PRESET}")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PIXELS")
    parser.add_argument("--out", type=Path, default=PICTURE, metavar="FILE")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = exported(options.model, options.sizes, Path(folder))
        rows = [row(photographs.read(path, halved=False), models) for path in options.files]
    titles = ["the photograph", *(f"{size} pixels" for size in options.sizes)]
    write_image(options.out, sheet(titles, rows, CELL), quality=85, overwrite=True)
    print(f"wrote {options.out}")
