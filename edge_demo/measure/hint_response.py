"""How a network answers hints: the figures of Zhang et al. (2017), on one picture.

Points are drawn evenly over the picture, with a seed of the picture's own; a hint's colour is the
truth's mean around its point. For obedience each hint asks for a colour of another hue.
"""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.lab import lab_to_linear
from ..device import palette
from ..device.colorize import Colorize
from ..tasks import colorize
from ..tasks.colorize import Grey, Hint
from . import metrics

NUMBERS = (1, 5, 10, 50)
_POINTS = 10  # that palettes and obedience are measured at
_NEAR = 15.0  # a palette's colour is a find at this distance in ab
_TURN = 120.0  # degrees of hue that an obedience hint is away from the truth
_CHROMA = 40.0  # of such a hint, where sRGB can show it
_SIDE = 3  # pixels of a hint on the network's grid


def respond(truth: NDArray[np.uint8], name: str, restorer: Colorize) -> dict[str, float | None]:
    """The figures of one picture.

    Args:
        truth: RGB (H, W, 3).
        name: of its file, the seed of the points.
        restorer: of a network that takes hints.

    Returns:
        ``ab_psnr_N``: ab PSNR with N true hints. ``palette_hits``: share of points whose true
        colour is within 15 of one of the five suggested. ``hint_delta_e``: mean CIEDE2000 at a
        hint's place between the colour asked for and the one given; ``hint_delta_e_max``: the most.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    grey = colorize.degrade(truth)
    wanted = colorize.target(truth)
    ab = wanted.astype(np.float32) - np.float32(128.0)
    points = rng.random((max(NUMBERS), 2))
    # The mean over what a hint covers, at the size of the picture.
    side = max(1, round(_SIDE * (ab.shape[0] * ab.shape[1]) ** 0.5 / seen_side(restorer.task)))
    around = np.asarray(cv2.blur(ab, (side, side)), np.float32)
    hints = [_true_hint(around, row, column) for row, column in points]
    found: dict[str, float | None] = {}
    for number in NUMBERS:
        hinted = Grey(grey.lightness, tuple(hints[:number]))
        result = restorer.reconstruct(hinted)
        found[f"ab_psnr_{number}"] = metrics.psnr(result, wanted)
    found["palette_hits"] = _palette_hits(grey, ab, points[:_POINTS], restorer)
    errors = [_disobedience(grey, hint, restorer) for hint in hints[:_POINTS]]
    found["hint_delta_e"] = float(np.mean(errors))
    found["hint_delta_e_max"] = float(np.max(errors))
    return found


def example(picture: NDArray[np.uint8], index: int) -> Grey:
    """A picture with as many true hints as its turn is for, from none to the most."""
    turns = (0, *NUMBERS)
    return given(picture, turns[index % len(turns)], index)


def given(picture: NDArray[np.uint8], number: int, seed: int) -> Grey:
    """A picture RGB with so many true hints, at places that depend on a seed."""
    ab = colorize.target(picture).astype(np.float32) - np.float32(128.0)
    points = np.random.default_rng(seed).random((number, 2))
    return colorize.degrade(picture, [_true_hint(ab, row, column) for row, column in points])


def seen_side(task: colorize.Variant) -> int:
    """The side of the square that networks of a variant see as many pixels as."""
    assert task.frame is not None
    return task.frame[0]


def _pixel(hint: Hint, size: tuple[int, int]) -> tuple[int, int]:
    return int(hint.row * size[0]), int(hint.column * size[1])


def _true_hint(ab: NDArray[np.float32], row: float, column: float) -> Hint:
    a, b = ab[int(row * ab.shape[0]), int(column * ab.shape[1])].tolist()
    return Hint(float(row), float(column), (a, b), _SIDE)


def _palette_hits(
    grey: Grey, ab: NDArray[np.float32], points: NDArray[np.float64], restorer: Colorize
) -> float:
    _, colours = restorer.answer(grey)
    hits = 0
    for row, column in points:
        pixel = int(row * grey.size[0]), int(column * grey.size[1])
        probabilities = palette.at(colours, row, column)
        suggested = palette.suggest(probabilities, float(grey.lightness[pixel]))
        distances = [np.hypot(*(ab[pixel] - np.array(one.ab))) for one in suggested]
        hits += min(distances) <= _NEAR
    return hits / len(points)


def _disobedience(grey: Grey, hint: Hint, restorer: Colorize) -> float:
    """CIEDE2000 between a hint of another hue and what the picture has there."""
    pixel = _pixel(hint, grey.size)
    lightness = float(grey.lightness[pixel])
    turned = np.deg2rad(_TURN) + np.arctan2(hint.ab[1], hint.ab[0])
    direction = np.array([np.cos(turned), np.sin(turned)])
    # As colourful as asked for, or as sRGB allows there.
    shares = np.linspace(1, 0, 41)
    candidates = _CHROMA * shares[:, None] * direction
    linear = lab_to_linear(
        np.concatenate([np.full((41, 1), lightness), candidates], -1)[None].astype(np.float32)
    )[0]
    shown = ((linear >= 0) & (linear <= 1)).all(-1)
    a, b = candidates[int(shown.argmax()) if shown.any() else 40].tolist()
    asked = Grey(grey.lightness, (Hint(hint.row, hint.column, (a, b), hint.side),))
    shown_ab = restorer.reconstruct(asked)[pixel].astype(np.float32) - np.float32(128.0)
    both = [np.array([[[lightness, *values]]], np.float32) for values in ((a, b), shown_ab)]
    return float(metrics.ciede2000(*both)[0, 0])
