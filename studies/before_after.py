"""Draws README's picture from the shipped int8 model.

The part of a test photograph where bilinear upsampling errs most, and below it its colour alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import sources
from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.device.restorer import Restorer
from edge_demo.measure import metrics, quality, restoration
from edge_demo.pictures import photographs
from edge_demo.pictures.images import write_image
from edge_demo.report import crops
from edge_demo.tasks import chroma

from .command import PICTURES, command_line

Pixels = NDArray[np.uint8]
CHROMA = restoration.of("chroma")

PICTURE = PICTURES / "before_after.png"
SIDE, ZOOM = 48, 8  # of the crop; README shows the picture at half its size
GAP, LABEL = 16, 84  # pixels between columns, and between rows for text
FONT = cv2.FONT_HERSHEY_SIMPLEX
INK, QUIET = (27, 27, 27), (90, 90, 90)
GREY = 128  # luma where only colour is shown


def methods(model: Restorer) -> dict[str, restoration.Method]:
    """What stands before the truth."""
    return {
        "4:2:0 input": CHROMA.unrestored,
        "bilinear": CHROMA.baselines()["bilinear"],
        f"{model.name.rpartition('.')[2]} model": model.reconstruct,
    }


def draw(rgb: Pixels, model: Restorer) -> Pixels:
    """The whole picture, RGB: a column a method and one for the truth."""
    planes, truth = chroma.degrade(rgb), chroma.target(rgb)
    sample = quality.Sample(PICTURE, rgb, planes)
    (top, left, height, width), _ = crops.telling_window(CHROMA, sample, SIDE)
    inside = np.s_[top : top + height, left : left + width]
    columns = []
    for label, method in methods(model).items():
        cbcr = np.ascontiguousarray(method(planes)[inside])
        value = metrics.psnr(cbcr, np.ascontiguousarray(truth[inside]))
        columns.append(column(planes.y[inside], cbcr, label, f"chroma PSNR {value:.1f} dB"))
    columns.append(column(planes.y[inside], truth[inside], "truth", "4:4:4"))
    return joined(columns)


def column(y: Pixels, cbcr: Pixels, label: str, note: str) -> Pixels:
    """A crop as it looks, two lines of text, and the crop's colour alone."""
    colour = restoration.to_rgb(np.full_like(y, GREY), cbcr)
    looks, colour = (enlarged(rgb) for rgb in (restoration.to_rgb(y, cbcr), colour))
    return np.concatenate([looks, text(label, note), colour])


def text(label: str, note: str) -> Pixels:
    """Two lines, as wide as an enlarged crop."""
    out = np.full((LABEL, SIDE * ZOOM, 3), 255, np.uint8)
    cv2.putText(out, label, (0, 36), FONT, 1.0, INK, 2, cv2.LINE_AA)
    cv2.putText(out, note, (0, 68), FONT, 0.8, QUIET, 1, cv2.LINE_AA)
    return out


def enlarged(rgb: Pixels) -> Pixels:
    """Each pixel as a square."""
    return np.asarray(rgb.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1), np.uint8)


def joined(columns: Sequence[Pixels]) -> Pixels:
    """Columns side by side with white gaps between them."""
    gap = np.full((len(columns[0]), GAP, 3), 255, np.uint8)
    return np.concatenate([piece for column in columns for piece in (gap, column)][1:], axis=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--out", type=Path, default=PICTURE, metavar="FILE.png")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    rgb = photographs.read(sources.sample_folder() / sources.SAMPLE_TEST[0])
    write_image(options.out, draw(rgb, restorers.load(None, threads=1)), overwrite=True)
    print(f"wrote {options.out}")
