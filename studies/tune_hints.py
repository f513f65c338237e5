"""Tunes how far hints reach: what ``edge_demo/device/hinting.py`` has as ``WIDE``.

``python -m studies tune_hints FOLDER --model MODEL``, where FOLDER holds photographs in colour,
none of those that pages report; best such as the model was not trained on, of which it guesses as
much amiss as of a user's. Each is coloured by the model, given 1, 5, 10 and 50 true hints at random
places, and compared with the truth on the grid that hints are spread on. The goal is the highest
mean of the PSNR of a and b, less what drawn things say: hints that leak out of a thing or do not
fill it, see ``studies/hint_borders.py``.

From rough lengths the search goes from number to number, one step up or down, while that helps,
with smaller steps in the end. It takes an hour or more of one core, prints, and changes no file.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo import cli
from edge_demo.device import hinting, restorers
from edge_demo.device.colorize import Colorize, on_grid
from edge_demo.device.hint_paths import Edges
from edge_demo.device.hinting import Field, Prior, Reach, Spreading
from edge_demo.errors import UserError
from edge_demo.measure import hint_response, metrics
from edge_demo.pictures import photographs
from edge_demo.pictures.images import EXTENSIONS
from edge_demo.tasks import colorize
from edge_demo.tasks.colorize import Hint

from . import hint_borders
from .command import command_line

NUMBERS = 1, 5, 10, 50
SCENES = range(1000, 1008)  # drawn, none of those that hint_borders reports
# What drawn things are to reach, with some room to what a page states, and what a unit short of it
# costs in dB.
LEAKAGE, COVERAGE = 2.2, 0.90
DEAR = 2.0, 30.0
STEPS = 1.5, 1.22, 1.1
DIGITS = 3
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Point:
    """A point of the search: what ``WIDE`` is made of.

    Attributes:
        share: of the second part of what things have for themselves.
        doubt: of the prior.
        down, across, lightness, path: reach of the first part.
        near, near_lightness, near_path: of the second, which is as wide as high.
        common: share of all that things of a kind have in common.
        common_down, common_across, common_lightness, kind: its reach.
        most: of what a hint misses, laid to its kind.
        edge_lightness, edge_colour, grain: of ``Edges``.
    """

    share: float = 0.3
    doubt: float = 0.033
    down: float = 1.5
    across: float = 2.5
    lightness: float = 25.0
    path: float = 1.3
    near: float = 0.15
    near_lightness: float = 12.0
    near_path: float = 6.0
    common: float = 0.4
    common_down: float = 1.0
    common_across: float = 2.5
    common_lightness: float = 25.0
    kind: float = 0.25
    most: float = 20.0
    edge_lightness: float = 8.0
    edge_colour: float = 22.0
    grain: float = 1.5

    def spreading(self) -> Spreading:
        """How hints are carried."""
        edges = Edges(self.edge_lightness, self.edge_colour, self.grain)
        wide = Reach(self.down, self.across, self.lightness, self.path)
        near = Reach(self.near, self.near, self.near_lightness, self.near_path)
        alike = Reach(self.common_down, self.common_across, self.common_lightness, kind=self.kind)
        alone = 1 - self.common
        own = (alone * (1 - self.share), wide), (alone * self.share, near)
        return Spreading(edges, Prior(own, self.doubt, ((self.common, alike),), self.most))


@dataclass(frozen=True)
class Case:
    """A photograph with hints.

    Attributes:
        plain: the network's colours, on the grid that hints are spread on.
        seen: lightness as the network saw it.
        truth: the true ab on that grid.
        hints: as many as ``NUMBERS`` has at most.
    """

    plain: Field
    seen: Array
    truth: Array
    hints: tuple[Hint, ...]


def case(path: Path, model: Colorize) -> Case:
    """What one photograph gives."""
    rgb = photographs.read(path, halved=False)
    truth = colorize.target(rgb).astype(np.float32) - np.float32(128)
    grey = hint_response.given(rgb, max(NUMBERS), seed=len(path.name))
    small, colours = model.answer(colorize.Grey(grey.lightness))
    coarse = on_grid(small, colours.ab)
    chances = colours.distribution
    plain = hinting.finer(colours.ab, coarse, small.lightness, 1, 10.0, chances)
    size = plain.ab.shape[1], plain.ab.shape[0]
    reduced = np.asarray(cv2.resize(truth, size, interpolation=cv2.INTER_AREA), np.float32)
    return Case(plain, small.lightness, reduced, grey.hints)


def score(point: Point, over: Sequence[Case], model: Colorize) -> float:
    """Mean PSNR in dB, less what leaks and what is not filled."""
    if not (0 < point.share < 1 and 0 < point.common < 1):
        return -np.inf
    tried = dataclasses.replace(model, spreading=point.spreading())
    found = float(np.mean([_psnr(one, n, tried.spreading) for one in over for n in NUMBERS]))
    spreads = [
        one for seed in SCENES
        for one in hint_borders.measured(tried, hint_borders.drawn(seed), seed)
    ]  # fmt: skip
    leakage = float(np.mean([one.leakage for one in spreads]))
    coverage = float(np.mean([one.coverage for one in spreads]))
    return found - DEAR[0] * max(0.0, leakage - LEAKAGE) - DEAR[1] * max(0.0, COVERAGE - coverage)


def _psnr(one: Case, number: int, spreading: Spreading) -> float:
    found = hinting.obey(one.plain, one.seen, one.hints[:number], 1, 10.0, spreading)
    return metrics.psnr(colorize.codes(found), colorize.codes(one.truth))


def search(over: Sequence[Case], model: Colorize) -> Point:
    """The search from number to number."""
    point = Point()
    best = score(point, over, model)
    names = [field.name for field in dataclasses.fields(Point)]
    for step in STEPS:
        improved = True
        while improved:
            improved = False
            for name in names:
                for factor in (step, 1 / step):
                    value = float(f"{getattr(point, name) * factor:.{DIGITS}g}")
                    other = dataclasses.replace(point, **{name: value})
                    found = score(other, over, model)
                    if found > best + 2e-3:
                        point, best, improved = other, found, True
                        print(f"  {best:.3f}  {name} {value:g}", flush=True)
                        break
    return point


def main(arguments: Sequence[str] | None = None) -> int:
    """Search and print."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("folder", type=Path, help="holds photographs in colour")
    parser.add_argument("--model", required=True, help="a file or a preset that takes hints")
    parser.add_argument("--photographs", type=int, default=40, help="so many, evenly spread")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    model = restorers.load(options.model, threads=2)
    assert isinstance(model, Colorize)
    files = sorted(p for p in options.folder.glob("*") if p.suffix.lower() in EXTENSIONS)
    if not files:
        raise UserError(f"{options.folder}: no pictures in this folder")
    chosen = files[:: max(1, len(files) // options.photographs)][: options.photographs]
    over = [case(path, model) for path in chosen]
    plain = np.mean([metrics.psnr(*map(colorize.codes, (c.plain.ab, c.truth))) for c in over])
    print(f"{len(chosen)} photographs, {plain:.3f} dB without hints")
    found = search(over, model)
    print(found.spreading())
