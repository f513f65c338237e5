"""How often a look at a picture takes the task that fits, see ``edge_demo/device/look.py``.

``python -m studies look FOLDER [--dark FOLDER]``, where FOLDER holds photographs by day in colour.
Of each it makes greys, sepia and toned prints and dark ones, saves all as 4:2:0 JPEGs, and counts
what the look says of them. The look's numbers were chosen so on training photographs. It takes some
minutes of one core, prints and changes no file.
"""

from __future__ import annotations

import argparse
import collections
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo import cli
from edge_demo.colour.lab import lab_to_rgb
from edge_demo.colour.ycbcr import round_to_uint8
from edge_demo.device.look import look
from edge_demo.pictures.containers import inspect
from edge_demo.pictures.photographs import read, read_folder
from edge_demo.pictures.picture import of_file
from edge_demo.report.tables import aligned
from edge_demo.tasks import enhance

from .command import command_line

Rgb = NDArray[np.uint8]
# RGB to the RGB of a sepia print, as photo editors have it.
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
_SIDE = 600
_QUALITIES = 75, 96
TASKS = ("colorize", "enhance", "chroma", "nothing")


def made_of(rgb: Rgb, rng: np.random.Generator) -> Iterator[tuple[str, Rgb]]:
    """A photograph, and what an archive might hold of it."""
    yield "colour", rgb
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    yield "grey", np.repeat(grey[..., None], 3, axis=2)
    yield "sepia", np.clip(rgb @ _SEPIA.T, 0, 255).astype(np.uint8)
    light, hue = grey / 255.0, rng.uniform(0.0, 2 * np.pi)
    tint = np.sin(np.pi * light) * rng.uniform(6.0, 22.0)
    lab = np.dstack([100 * light, tint * np.cos(hue), tint * np.sin(hue)]).astype(np.float32)
    yield "toned", round_to_uint8(lab_to_rgb(lab))
    yield "darkened", enhance.degrade(rgb, int(rng.integers(1 << 30)))
    dark = (grey * rng.uniform(0.05, 0.3)).astype(np.uint8)
    yield "dark grey", np.repeat(dark[..., None], 3, axis=2)


def said(rgb: Rgb, quality: int) -> str:
    """What the look says of a picture as a JPEG."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), flags)
    return look(of_file(inspect(encoded.tobytes(), "a.jpg"))).task or "nothing"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--dark", type=Path, metavar="FOLDER", help="photographs in low light")
    return cli.run(parser, _study, arguments)


def _study(options: argparse.Namespace) -> None:
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for path in read_folder(options.folder):
        rgb = read(path, halved=False)
        scale = _SIDE / max(rgb.shape)
        if scale < 1.0:
            small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            rgb = np.asarray(small, np.uint8)
        rng = np.random.default_rng(zlib.crc32(path.name.encode(errors="replace")))
        for kind, made in made_of(rgb, rng):
            counts[kind][said(made, int(rng.integers(*_QUALITIES)))] += 1
    for path in read_folder(options.dark) if options.dark else ():
        counts["in low light"][said(read(path, halved=False), 90)] += 1
    rows = [[kind, *(str(found[task]) for task in TASKS)] for kind, found in counts.items()]
    print(aligned(["made of a photograph", *TASKS], rows, ["made of a photograph"]))
