"""Draws the picture of ``docs/video.md``: where a network trembles, and how it is held steady.

A crop of one frame of the clip that ``video.py`` makes, where the network trembles most,
and below it the tremble itself: how the error changed against the frame before, along the motion.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo import cli
from edge_demo.colour.siting import baseline
from edge_demo.colour.ycbcr import round_to_uint8
from edge_demo.device import temporal
from edge_demo.device.chroma import Chroma
from edge_demo.measure import metrics, restoration
from edge_demo.pictures.images import write_image
from edge_demo.tasks import chroma

from . import before_after, video
from .command import PICTURES, command_line

Pixels = NDArray[np.uint8]

PICTURE = PICTURES / "flicker.png"
FRAME = 30  # so that the filter has come to rest
SIDE = 48
GAIN = 12  # of the change of the error


def columns(frames: Sequence[Pixels], restorer: Chroma) -> dict[str, tuple[Pixels, Pixels]]:
    """Label to (chroma of the last frame but one, of the last), each (H, W, 2) uint8."""
    smoother = temporal.Smoother()
    found: dict[str, tuple[Pixels, ...]] = {}
    for frame in frames:
        planes = chroma.degrade_ycbcr(frame)
        correction = restorer.correction(planes)
        made = {
            "bilinear": baseline("bilinear", planes.cbcr, planes.size, planes.siting),
            "each frame by itself": restorer.corrected(planes, correction),
            "held steady": restorer.corrected(planes, smoother(planes.y, correction)),
            "truth": frame[..., 1:].astype(np.float32),
        }
        for label, cbcr in made.items():
            found[label] = (*found.get(label, ()), round_to_uint8(cbcr))[-2:]
    return {label: (pair[0], pair[1]) for label, pair in found.items()}


def draw(frames: Sequence[Pixels], restorer: Chroma) -> Pixels:
    """The whole picture, RGB."""
    before, now = frames[-2:]
    made = columns(frames, restorer)
    places = temporal.follow(*(np.ascontiguousarray(one[..., 0]) for one in (before, now)))
    changes = {}
    for label, (first, second) in made.items():
        errors = [
            cbcr.astype(np.float32) - frame[..., 1:]
            for cbcr, frame in ((first, before), (second, now))
        ]
        changes[label] = errors[1] - temporal.brought(errors[0], places)
    # Where the network alone trembles most.
    tremble = cv2.boxFilter(
        np.square(changes["each frame by itself"]).sum(-1), -1, (SIDE, SIDE), normalize=True
    )
    half = SIDE // 2
    inner = tremble[half:-half, half:-half]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    inside = np.s_[top : top + SIDE, left : left + SIDE]
    y = now[..., 0][inside]
    drawn = []
    for label, (_, cbcr) in made.items():
        crop = np.ascontiguousarray(cbcr[inside])
        psnr = metrics.psnr(crop, np.ascontiguousarray(now[..., 1:][inside]))
        note = "4:4:4" if label == "truth" else f"chroma PSNR {psnr:.1f} dB"
        change = 128 + GAIN * changes[label][inside]
        colour = restoration.to_rgb(np.full((SIDE, SIDE), 128, np.uint8), round_to_uint8(change))
        looks, below = (before_after.enlarged(one) for one in (restoration.to_rgb(y, crop), colour))
        drawn.append(np.concatenate([looks, before_after.text(label, note), below]))
    return before_after.joined(drawn)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--out", type=Path, default=PICTURE, metavar="FILE.png")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    frames = list(itertools.islice(video.panned(), FRAME))
    model = video.loaded(video.MODEL, 1)
    write_image(options.out, draw(frames, model), overwrite=True)
    print(f"wrote {options.out}")
