"""Measures whether a hint stays within the thing that it lies on, and fills it.

``python -m studies hint_borders MODEL`` draws pictures of things on a ground, some as light as
another thing beside them, shaded and grainy, and gives each thing in turn a hint of a strong colour
at its middle. *Leakage* is the mean CIEDE2000 that the hint changes outside of the thing;
*coverage* is the share of the thing that took at least half of the change. It writes
``docs/results``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.device.colorize import Colorize
from edge_demo.measure import metrics
from edge_demo.report.tables import markdown
from edge_demo.tasks import colorize
from edge_demo.tasks.colorize import Grey, Hint

from .command import RESULTS, command_line, write
from .wording import Json

SIZE = 384, 512
THINGS = 4
SCENES = 40
# a and b of the hints, one after the other.
COLOURS = (40.0, -30.0), (-35.0, 25.0), (10.0, 45.0), (5.0, -45.0)
_LEAST_AREA = 2500  # pixels of a thing
_LEAST_CONTRAST = 14.0  # L, of a thing to what is around it
_APART = 7  # pixels between things
Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """A drawn picture.

    Attributes:
        lightness: L (H, W).
        things: the mask of each, (H, W).
    """

    lightness: Array
    things: tuple[Mask, ...]


def drawn(seed: int) -> Scene:
    """A ground with things on it, the same for the same seed."""
    rng = np.random.default_rng(seed)
    lightness = _shaded(rng, rng.uniform(25, 75), 12.0)
    things: list[Mask] = []
    taken = np.zeros(SIZE, bool)
    lights: list[float] = []
    while len(things) < THINGS:
        thing = _shape(rng)
        grown = _grown(thing, _APART)
        if (grown & taken).any() or thing.sum() < _LEAST_AREA:
            continue
        ground = float(lightness[_grown(thing, 4) & ~thing].mean())
        # Half of them are as light as the one before.
        again = bool(lights) and rng.random() < 0.5
        light = lights[-1] if again else float(rng.uniform(15, 88))
        if abs(light - ground) < _LEAST_CONTRAST:
            continue
        covers = cv2.GaussianBlur(thing.astype(np.float32), (0, 0), 0.8)
        lightness = lightness * (1 - covers) + _shaded(rng, light, 8.0) * covers
        things.append(thing)
        lights.append(light)
        taken |= grown
    grey = np.clip(lightness, 2, 98).astype(np.float32)
    return Scene(colorize.lightness(colorize.to_uint8(grey)), tuple(things))


def _shaded(rng: np.random.Generator, light: float, slope: float) -> Array:
    """A surface: a light, a slope over the picture, and grain of some size and strength."""
    height, width = SIZE
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    down, across = rng.uniform(-slope, slope, 2)
    grain = rng.normal(0, 1, SIZE).astype(np.float32)
    grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), rng.uniform(1, 3)), np.float32)
    grain *= np.float32(rng.uniform(0.5, 3) / grain.std())
    return np.asarray(light + down * rows + across * columns + grain, np.float32)


def _shape(rng: np.random.Generator) -> Mask:
    """An ellipse or a polygon anywhere."""
    height, width = SIZE
    mask = np.zeros(SIZE, np.uint8)
    middle = int(rng.integers(60, width - 60)), int(rng.integers(60, height - 60))
    if rng.random() < 0.5:
        axes = int(rng.integers(30, 90)), int(rng.integers(30, 90))
        cv2.ellipse(mask, middle, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    else:
        corners = int(rng.integers(5, 9))
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radii = rng.uniform(40, 100, corners)
        points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], -1) + middle
        cv2.fillPoly(mask, [points.astype(np.int32)], 1)
    return mask > 0


def _grown(mask: Mask, by: int) -> Mask:
    side = 2 * by + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def middle(thing: Mask) -> tuple[int, int]:
    """The pixel of a thing that is farthest from its border."""
    depth = cv2.distanceTransform(thing.astype(np.uint8), cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(row), int(column)


@dataclass(frozen=True)
class Spread:
    """What one hint did.

    Attributes:
        leakage: mean CIEDE2000 outside of its thing.
        coverage: share of the thing that took at least half of the change.
    """

    leakage: float
    coverage: float


def measured(model: Colorize, scene: Scene, number: int) -> list[Spread]:
    """Each thing of a scene hinted in turn.

    Args:
        model: a network that takes hints.
        scene: as ``drawn``.
        number: of the scene; the hints' colours turn with it.
    """
    plain = _coloured(model, scene.lightness, ())
    found = []
    for index, thing in enumerate(scene.things):
        row, column = middle(thing)
        ab = COLOURS[(number + index) % len(COLOURS)]
        hint = Hint((row + 0.5) / SIZE[0], (column + 0.5) / SIZE[1], ab)
        hinted = _coloured(model, scene.lightness, (hint,))
        change = metrics.ciede2000(plain, hinted)
        wanted = np.array(ab, np.float32) - plain[row, column, 1:]
        arrived = (hinted - plain)[..., 1:] @ wanted / (wanted @ wanted)
        found.append(Spread(float(change[~thing].mean()), float((arrived[thing] > 0.5).mean())))
    return found


def _coloured(model: Colorize, lightness: Array, hints: tuple[Hint, ...]) -> Array:
    """Lab (H, W, 3)."""
    ab = model.reconstruct(Grey(lightness, hints)).astype(np.float32) - np.float32(128.0)
    return np.dstack([lightness, ab])


def table(found: Json) -> str:
    """Leakage and coverage."""
    cells = [
        [title, f"{found[key]['mean']:.2f}", f"{found[key]['worst']:.2f}"]
        for title, key in (("leakage, ΔE 2000", "leakage"), ("coverage, share", "coverage"))
    ]
    return (
        f"{markdown(['of a hint at the middle of a thing', 'mean', 'worst'], cells)}\n"
        f"`{found['model']}`, {found['things']} things in {found['scenes']} drawn pictures.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("model", help="a file or a preset that takes hints")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: in docs/results")

    def run(options: argparse.Namespace) -> None:
        write(options.json or RESULTS / "hint_borders.json", _over_scenes(options.model))

    return cli.run(parser, run, arguments)


def _over_scenes(name: str) -> dict[str, Any]:
    model = restorers.load(name, threads=2)
    assert isinstance(model, Colorize)
    spreads = [one for seed in range(SCENES) for one in measured(model, drawn(seed), seed)]
    leakage, coverage = [one.leakage for one in spreads], [one.coverage for one in spreads]
    return {
        "model": model.name, "scenes": SCENES, "things": len(spreads),
        "leakage": {"mean": float(np.mean(leakage)), "worst": max(leakage)},
        "coverage": {"mean": float(np.mean(coverage)), "worst": min(coverage)},
    }  # fmt: skip
