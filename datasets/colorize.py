"""Colorization's data: photographs in Lab, cut out, scaled and given hints afresh at every step.

The TensorFlow twin of ``Variant.encode`` in ``edge_demo.tasks.colorize``; a test holds them equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_demo.colour.lab import rgb_to_lab
from edge_demo.tasks.colorize import AB, TASK, Variant

from .crops import Draws, counts, draws

# A cut-out holds this share of its photograph, and its sides are in this ratio at most.
_AREA = 0.4, 1.0
_RATIO = 4 / 3
# Lightness is stretched, and then shifted, by up to this share of its range: other exposures.
_JITTER = 0.1
MOST_HINTS = 64
_LARGEST_HINT = 9


@dataclass(frozen=True)
class Bank:
    """Photographs to learn colours from.

    Attributes:
        lab: for each source (N, size, size, 3) uint8: 2.55 L, a + 128, b + 128, each photograph
            squeezed into a square.
        weights: how much each source counts in a batch and in the prior.
    """

    lab: tuple[NDArray[np.uint8], ...]
    weights: tuple[float, ...]

    @property
    def photographs(self) -> int:
        """How many there are."""
        return sum(map(len, self.lab))


def squeezed(rgb: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A photograph RGB (H, W, 3) as one of a bank: Lab codes (size, size, 3) uint8."""
    shrinks = min(rgb.shape[:2]) >= size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    lab = rgb_to_lab(np.asarray(cv2.resize(rgb, (size, size), interpolation=how), np.uint8))
    lab = lab * np.array([2.55, 1, 1], np.float32) + np.array([0, 128, 128], np.float32)
    return np.clip(np.rint(lab), 0, 255).astype(np.uint8)


def gather(
    sources: Iterable[Iterable[NDArray[np.uint8]]], size: int, weights: Sequence[float]
) -> Bank:
    """A bank of some sources' photographs, RGB (H, W, 3) uint8 of any size.

    Args:
        sources: what to read.
        size: side of the squares that photographs are kept as.
        weights: how much each source counts; () for the square roots of their sizes, so that many
            alike do not outnumber a few that are all different.
    """
    square = np.dtype((np.uint8, (size, size, 3)))
    # Grown in place: beside a list of them, all photographs would be in memory twice.
    lab = tuple(
        np.asarray(np.fromiter((squeezed(rgb, size) for rgb in one), square), np.uint8)
        for one in sources
    )
    return Bank(lab, tuple(weights) or tuple(math.sqrt(len(one)) for one in lab))


def shares(bank: Bank, batch: int) -> list[int]:
    """How many of a batch come from each source."""
    return counts(bank.weights, batch)


def batches(
    bank: Bank,
    task: Variant,
    *,
    patch: int,
    batch: int,
    start: int,
    stop: int,
    seed: int,
    scanned: float,
) -> tf.data.Dataset:
    """Random cut-outs of photographs, some mirrored, in another light.

    Args:
        bank: what to cut from.
        task: the variant: the network's input, and the grid of its output.
        patch: side that cut-outs are scaled to, a multiple of the task's size.
        batch: cut-outs a step.
        start, stop: the steps to give batches for; each is a function of (seed, step) alone.
        seed: of everything random here.
        scanned: share of cut-outs whose lightness looks like an old photograph's, see
            ``old_scan``.

    Returns:
        Pairs of the network's input (batch, patch, patch, 1 or 4) and true ab over 110
        (batch, patch / 4, patch / 4, 2), both float32.
    """
    if patch % TASK.size_multiple:
        raise ValueError(f"a patch of {patch} must be a multiple of {TASK.size_multiple}")
    parts = []
    for index, (lab, count) in enumerate(zip(bank.lab, shares(bank, batch), strict=True)):
        if count:
            parts.append((Draws(len(lab), count, seed + 10 * index), lab))

    def one(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        key = tf.stack([tf.cast(seed, tf.int64), step])
        squares = []
        for wanted, lab in parts:
            size = lab.shape[1]
            squares.append(_taken(lab, draws(wanted, step, size, size).positions))
        lab = tf.cast(tf.concat(squares, 0), tf.float32)
        lab = tf.image.crop_and_resize(lab, _boxes(key, batch), tf.range(batch), [patch, patch])
        light = tf.random.stateless_uniform([2, batch, 1, 1, 1], _other(key, 1), -_JITTER, _JITTER)
        lightness = tf.clip_by_value((lab[..., :1] - 128) * (1 + light[0]) + 128 * (1 + light[1]),
                                     0, 255)  # fmt: skip
        if scanned:
            worn = tf.random.stateless_uniform([batch, 1, 1, 1], _other(key, 4)) < scanned
            lightness = tf.where(worn, old_scan(lightness, _other(key, 5)), lightness)
        ab = (lab[..., 1:] - 128) / AB
        return _input(lightness, ab, task, _other(key, 2)), _coarse(ab, task)

    return tf.data.Dataset.range(start, stop).map(one, 2).prefetch(4)


def _taken(lab: NDArray[np.uint8], positions: tf.Tensor) -> tf.Tensor:
    """Some photographs of a source; a constant of TensorFlow's would be a copy of all of them."""
    found = tf.numpy_function(lambda chosen: lab[chosen], [positions], tf.uint8, stateful=False)
    return tf.ensure_shape(found, [positions.shape[0], *lab.shape[1:]])


# What age and scanners do to a grey photograph, at most: powers of lightness (logarithm), codes
# that black is lifted and white lowered by, and standard deviation of grain, codes.
_GAMMA, _LEVELS, _GRAIN = 0.5, 50.0, 10.0


def old_scan(lightness: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Lightness as scans of old photographs have it: another gamma, faded, blurred, with grain.

    Colours are not looked at: what they are to be stays what it was.

    Args:
        lightness: 2.55 L (B, H, W, 1) in 0..255, H and W even.
        key: int64 (2,), of everything random here.
    """
    batch, height, width = (int(side) for side in lightness.shape[:3])
    chance = tf.random.stateless_uniform([6, batch, 1, 1, 1], key)
    x = tf.pow(lightness / 255, tf.exp((2 * chance[0] - 1) * _GAMMA))
    black, white = chance[1] * _LEVELS, 255 - chance[2] * _LEVELS
    x = black + x * (white - black)
    blurred = x
    for _ in range(2):
        blurred = tf.nn.avg_pool2d(blurred, 3, 1, "SAME")
    x += chance[3] * (blurred - x)
    fine = tf.random.stateless_normal([batch, height, width, 1], _other(key, 1))
    coarse = tf.random.stateless_normal([batch, height // 2, width // 2, 1], _other(key, 2))
    coarse = tf.repeat(tf.repeat(coarse, 2, 1), 2, 2)
    x += tf.where(chance[4] < 0.5, fine, coarse) * chance[5] * _GRAIN
    return tf.clip_by_value(x, 0, 255)


def fixed(lab: NDArray[np.uint8], task: Variant, seed: int, batch: int = 16) -> tf.data.Dataset:
    """Whole photographs of a bank in order, for validation, with hints where the task has them."""
    keys = np.stack([np.full(len(lab), seed), np.arange(len(lab))], -1).astype(np.int64)

    def one(codes: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = tf.cast(codes, tf.float32)[None]
        ab = (values[..., 1:] - 128) / AB
        return _input(values[..., :1], ab, task, key)[0], _coarse(ab, task)[0]

    data = tf.data.Dataset.from_tensor_slices((lab, keys)).map(one)
    return data.batch(batch).cache().prefetch(1)


def _other(key: tf.Tensor, number: int) -> tf.Tensor:
    """A key of its own for another use in the same step."""
    return key + tf.constant([number << 32, 0], tf.int64)


def _boxes(key: tf.Tensor, batch: int) -> tf.Tensor:
    """Corners (top, left, bottom, right) as shares of the picture; mirrored ones are swapped."""
    chance = tf.random.stateless_uniform([5, batch], key)
    area = _AREA[0] + chance[0] * (_AREA[1] - _AREA[0])
    ratio = tf.exp((2 * chance[1] - 1) * math.log(_RATIO))
    height = tf.minimum(tf.sqrt(area / ratio), 1)
    width = tf.minimum(tf.sqrt(area * ratio), 1)
    top, left = chance[2] * (1 - height), chance[3] * (1 - width)
    mirrored = chance[4] < 0.5
    right = left + width
    return tf.stack(
        [top, tf.where(mirrored, right, left), top + height, tf.where(mirrored, left, right)], 1
    )


def _coarse(ab: tf.Tensor, task: Variant) -> tf.Tensor:
    side = task.outputs[0].downscale
    return ab if side == 1 else tf.nn.avg_pool2d(ab, side, side, "VALID")


def _input(lightness: tf.Tensor, ab: tf.Tensor, task: Variant, key: tf.Tensor) -> tf.Tensor:
    """``encode`` of a batch: 2.55 L (B, H, W, 1) in 0..255."""
    unit = tf.round(lightness) * (2 / 255) - 1
    if not task.has_planes:
        return unit
    hints, mask = simulate_hints(ab, key)
    return tf.concat([unit, hints, mask], -1)


def simulate_hints(ab: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Colours that a user might have given: squares of 1 to 9 pixels with their true mean.

    Their number is log-uniform, so that none, few and up to ``MOST_HINTS`` are all common; they
    lie anywhere. After Zhang et al. (2017), who draw fewer, and more of them in the middle.

    Args:
        ab: true ab (B, H, W, 2).
        key: int64 (2,), of everything random here.

    Returns:
        The hints' ab (B, H, W, 2), 0 elsewhere, and where they are (B, H, W, 1).
    """
    batch, height, width = (int(side) for side in ab.shape[:3])
    chance = tf.random.stateless_uniform([3, batch, MOST_HINTS], key)
    number = tf.exp(tf.random.stateless_uniform([batch, 1], _other(key, 3)) *
                    math.log(MOST_HINTS + 1))  # fmt: skip
    # The n-th hint is given where n is below the number.
    given = tf.cast(tf.range(1, MOST_HINTS + 1, dtype=tf.float32) <= number - 1, tf.float32)
    side = tf.floor(chance[0] * _LARGEST_HINT) + 1
    rows = _covered(tf.floor(chance[1] * height), side, height)
    columns = _covered(tf.floor(chance[2] * width), side, width)
    cells = tf.reduce_sum(rows, -1) * tf.reduce_sum(columns, -1)
    strips = tf.einsum("bnh,bhwc->bnwc", rows, ab)
    mean = tf.einsum("bnwc,bnw->bnc", strips, columns) / cells[..., None]
    rows *= given[..., None]
    painted = tf.einsum("bnh,bnwc->bhwc", rows, columns[..., None] * mean[:, :, None])
    times = tf.einsum("bnh,bnw->bhw", rows, columns)[..., None]
    return tf.math.divide_no_nan(painted, times), tf.cast(times > 0, tf.float32)


def _covered(middle: tf.Tensor, side: tf.Tensor, length: int) -> tf.Tensor:
    """(B, N, length): 1 in the span of each hint, as ``colorize.place`` has it."""
    first = middle - tf.floor((side - 1) / 2)
    at = tf.range(length, dtype=tf.float32)
    inside = (at >= first[..., None]) & (at < (first + side)[..., None])
    return tf.cast(inside, tf.float32)


def prior(bank: Bank, bins: NDArray[np.float32], batch: int = 64) -> NDArray[np.float64]:
    """How common each colour is: shares (len(bins),) of pixels nearest to it.

    Each source counts as in a batch.
    """
    total = np.zeros(len(bins))
    for lab, share in zip(bank.lab, bank.weights, strict=True):
        counts = np.zeros((256, 256))
        # Every fourth pixel along each axis: neighbours are alike.
        for codes in np.array_split(lab[:, ::4, ::4, 1:].reshape(-1, 2), max(1, len(lab) // batch)):
            np.add.at(counts, (codes[:, 0], codes[:, 1]), 1)
        used = np.argwhere(counts)
        distances = np.square(used[:, None] - 128.0 - bins).sum(-1)
        found = np.bincount(distances.argmin(1), counts[tuple(used.T)], len(bins))
        total += share * found / found.sum()
    return total / total.sum()
