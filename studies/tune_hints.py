"""Tunes how far hints reach: what ``edge_demo/device/hinting.py`` has as ``WIDE``.

``python -m studies tune_hints FOLDER``, where FOLDER holds photographs in colour; the constants
came from 120 of those that the preset was trained on. Each is coloured by the shipped float32
model, given 10 and 50 true hints at random places, and compared with the truth on the network's own
grid. The goal is the highest mean of both PSNR of a and b.

From rough lengths the search goes from number to number, one step up or down, while that helps,
with smaller steps in the end. It takes six minutes of one core, prints and changes no file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.device.colorize import Colorize, on_grid
from edge_demo.device.hinting import Prior, Reach, described, spreading
from edge_demo.errors import UserError
from edge_demo.measure import hint_response, metrics
from edge_demo.pictures import photographs
from edge_demo.pictures.images import EXTENSIONS
from edge_demo.tasks import colorize
from export.made import shipped

from .command import command_line

MODEL = "colorize_siggraph17-lite.r1.float32"
NUMBERS = 10, 50
Array = NDArray[np.float32]
# Rough: the share of the second part, the doubt, and the lengths of each part.
START = (0.3, 0.1, 1.0, 1.0, 30.0, 15.0, 15.0, 0.2, 0.2, 20.0, 8.0, 8.0)
STEPS = 1.4, 1.15
DIGITS = 3


@dataclass(frozen=True)
class Case:
    """A photograph with so many hints.

    Attributes:
        ab, truth: the network's and the true ones on its grid, (h, w, 2).
        known, at, missed: of the cells and of the hints, see ``hinting``.
    """

    ab: Array
    truth: Array
    known: Array
    at: Array
    missed: Array


def cases(path: Path, model: Colorize) -> list[Case]:
    """What one photograph gives."""
    rgb = photographs.read(path, halved=False)
    truth = colorize.target(rgb).astype(np.float32) - np.float32(128)
    grey = hint_response.given(rgb, max(NUMBERS), seed=len(path.name))
    small, colours = model.answer(colorize.Grey(grey.lightness))
    ab, coarse = colours.ab, on_grid(small, colours.ab)
    size = ab.shape[1], ab.shape[0]
    reduced = np.asarray(cv2.resize(truth, size, interpolation=cv2.INTER_AREA), np.float32)
    known, at = described(ab, coarse, grey.hints)
    missed = np.array([hint.ab for hint in grey.hints], np.float32) - at[:, 3:]
    return [Case(ab, reduced, known, at[:n], missed[:n]) for n in NUMBERS]


def prior(values: Sequence[float]) -> Prior:
    """What a point of the search stands for."""
    share, doubt, *lengths = values
    parts = (1 - share, Reach(*lengths[:5])), (share, Reach(*lengths[5:]))
    return Prior(parts, doubt)


def score(values: Sequence[float], over: Sequence[Case]) -> float:
    """Mean PSNR, dB."""
    wide = prior(values)
    return float(np.mean([_psnr(case, wide) for case in over]))


def _psnr(case: Case, wide: Prior) -> float:
    found = case.ab + spreading(case.known, case.at, wide)(case.missed)
    return metrics.psnr(colorize.codes(found), colorize.codes(case.truth))


def search(over: Sequence[Case]) -> list[float]:
    """The search from number to number."""
    values, best = list(START), score(START, over)
    for step in STEPS:
        improved = True
        while improved:
            improved = False
            for index in range(len(values)):
                for factor in (step, 1 / step):
                    while True:
                        other = [*values]
                        other[index] = float(f"{values[index] * factor:.{DIGITS}g}")
                        found = score(other, over) if other[0] < 1 else -np.inf
                        if found <= best + 1e-4:
                            break
                        values, best, improved = other, found, True
            print(f"  {best:.3f} dB  {values}", flush=True)
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Search and print."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("folder", type=Path, help="holds photographs in colour")
    parser.add_argument("--photographs", type=int, default=120, help="so many, evenly spread")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    model = restorers.load(shipped(MODEL), threads=2)
    assert isinstance(model, Colorize)
    files = sorted(p for p in options.folder.glob("*") if p.suffix.lower() in EXTENSIONS)
    if not files:
        raise UserError(f"{options.folder}: no pictures in this folder")
    chosen = files[:: max(1, len(files) // options.photographs)][: options.photographs]
    over = [case for path in chosen for case in cases(path, model)]
    plain = np.mean([metrics.psnr(colorize.codes(c.ab), colorize.codes(c.truth)) for c in over])
    print(f"{len(chosen)} photographs, {plain:.3f} dB without hints")
    found = prior(search(over))
    for share, reach in found.parts:
        print(f"{share:.3f} {', '.join(f'{value:g}' for value in astuple(reach))}")
    print(f"doubt {found.doubt:g}")
