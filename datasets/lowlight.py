"""Low-light pairs for training: real ones, and photographs darkened afresh at every step.

The TensorFlow twins of ``edge_demo.tasks.lowlight.darken`` and of
``edge_demo.tasks.enhance.encode``; tests hold them equal to the numpy functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_demo.tasks import enhance, lowlight

from .cells import at_most, centre, grid
from .crops import Draws, crops, draws

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class Bank:
    """Square cells to crop from.

    Attributes:
        pairs: (N, size, size, 6) uint8: in low light, then by day, RGB each.
        photographs: (M, size, size, 3) uint8 RGB, to be darkened.
        count: how many pictures they come from.
    """

    pairs: NDArray[np.uint8]
    photographs: NDArray[np.uint8]
    count: int


def cut(
    pairs: Iterable[Pair],
    photographs: Iterable[NDArray[np.uint8]],
    *,
    size: int,
    limit_bytes: int,
    photograph_count: int,
    seed: int,
) -> Bank:
    """Cut pictures into overlapping cells.

    Args:
        pairs: low and high, (H, W, 3) uint8 of one size each.
        photographs: by day, (H, W, 3) uint8.
        size: side of a cell.
        limit_bytes: most memory for photographs' cells; beyond it a random choice of each one's.
        photograph_count: how many photographs there are at most.
        seed: of that choice.
    """
    rng = np.random.default_rng(seed)
    of_pairs: list[NDArray[np.uint8]] = []
    of_photographs: list[NDArray[np.uint8]] = []
    count = 0
    per_photo = max(1, limit_bytes // (size * size * 3) // max(1, photograph_count))
    for low, high in pairs:
        count += 1
        of_pairs += grid(np.concatenate([low, high], -1), size)
    for picture in photographs:
        count += 1
        of_photographs += at_most(per_photo, grid(picture, size), rng)
    return Bank(_stacked(of_pairs, size, 6), _stacked(of_photographs, size, 3), count)


def _stacked(cells: list[NDArray[np.uint8]], size: int, channels: int) -> NDArray[np.uint8]:
    return np.stack(cells) if cells else np.zeros((0, size, size, channels), np.uint8)


def batches(
    bank: Bank,
    *,
    patch: int,
    batch: int,
    start: int,
    stop: int,
    seed: int,
    synthetic: float,
    without_truth: bool = False,
) -> tf.data.Dataset:
    """Random crops, flipped and turned.

    A pure function of its arguments: a resumed run sees what it would have seen.

    Args:
        bank: where to crop from.
        patch: side of a crop, a multiple of the task's, at most the cells' size.
        batch: crops in a batch.
        start, stop: the steps to give batches for.
        seed: of everything random here.
        synthetic: share of a batch that is darkened photographs, where the bank holds both kinds.
        without_truth: give the low picture in place of the truth: what curves that are learnt
            without pairs are applied to.

    Returns:
        Pairs of ``picture`` (batch, patch, patch, 6) and the truth (batch, patch, patch, 3), both
        float32 in 0..1.
    """
    if patch % enhance.TASK.size_multiple:
        raise ValueError(f"a patch of {patch} must be a multiple of {enhance.TASK.size_multiple}")
    dark = _counts(bank, batch, synthetic)
    real = batch - dark
    parts: list[tuple[Draws, tf.Tensor]] = []
    with tf.device("cpu"):
        if real:
            parts.append((Draws(len(bank.pairs), real, seed), tf.constant(bank.pairs)))
        if dark:
            cells = tf.constant(bank.photographs)
            parts.append((Draws(len(bank.photographs), dark, seed + 1), cells))

    def draw(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        out: list[tf.Tensor] = [step]
        for wanted, cells in parts:
            chosen = draws(wanted, step, cells.shape[1], patch)
            squares = crops(cells, chosen, patch)
            out.append(tf.stack(squares))
        if dark:
            # Not in the compiled part below, where it takes fifteen times as long.
            key = tf.stack([tf.cast(seed + 3, tf.int64), step])
            out.append(tf.random.stateless_normal([dark, patch, patch, 3], key))
        return tuple(out)

    # Compiled, so that its many small operations are one pass over memory.
    @tf.function(jit_compile=True)
    def encoded(step: tf.Tensor, *given: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rest = list(given)
        lows, goals = [], []
        if real:
            both = rest.pop(0)
            lows.append(tf.cast(both[..., :3], tf.float32))
            goals.append(_unit(both[..., :3]) if without_truth else _unit(both[..., 3:]))
        if dark:
            truth, noise = rest
            low = darken(truth, draw_cameras(dark, seed, step), noise)
            lows.append(low)
            goals.append(_unit(low) if without_truth else _unit(truth))
        return encode(tf.concat(lows, 0)), tf.concat(goals, 0)

    def with_shape(picture: tf.Tensor, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            tf.ensure_shape(picture, [batch, patch, patch, 6]),
            tf.ensure_shape(truth, [batch, patch, patch, 3]),
        )

    data = tf.data.Dataset.range(start, stop).map(draw).map(encoded)
    return data.map(with_shape).prefetch(4)


def _counts(bank: Bank, batch: int, synthetic: float) -> int:
    """How many of a batch's crops are darkened photographs."""
    if not len(bank.photographs):
        return 0
    if not len(bank.pairs):
        return batch
    return min(batch, round(batch * synthetic))


def encode(low: tf.Tensor) -> tf.Tensor:
    """``enhance.encode`` of a batch: whole code values (B, H, W, 3) to (B, H, W, 6), float32."""
    codes = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], 3)
    lifted = tf.constant(enhance.encode(codes)["picture"][0, :, -1])
    return tf.concat([_unit(low), tf.gather(lifted, tf.cast(low, tf.int32))], -1)


def _unit(codes: tf.Tensor) -> tf.Tensor:
    return tf.cast(codes, tf.float32) / 255.0


def draw_cameras(count: int, seed: int, step: tf.Tensor) -> tf.Tensor:
    """``count`` cameras, (count, 7): exposure, red, blue, shot, read, pedestal, purple."""
    even = tf.random.stateless_uniform([count, 7], tf.stack([tf.cast(seed + 2, tf.int64), step]))
    limits = np.array([
        np.log(lowlight.EXPOSURE), lowlight.WHITE_BALANCE, lowlight.WHITE_BALANCE,
        np.log(lowlight.SHOT), np.log(lowlight.READ), lowlight.PEDESTAL,
        lowlight.PURPLE,
    ], np.float32)  # fmt: skip
    values = limits[:, 0] + even * (limits[:, 1] - limits[:, 0])
    logarithmic = np.array([True, False, False, True, True, False, False])
    return tf.where(logarithmic, tf.exp(values), values)


def darken(truth: tf.Tensor, cameras: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """``lowlight.darken`` of a batch: whole code values (B, H, W, 3), float32."""
    exposure, red, blue, shot, read, pedestal, purple = (
        cameras[:, i, None, None, None] for i in range(cameras.shape[1])
    )
    gains = exposure * tf.concat([red, tf.ones_like(red), blue], -1)
    pedestals = pedestal + tf.concat([purple, tf.zeros_like(purple), purple], -1)
    signal = _to_linear(_unit(truth)) * gains + pedestals
    recorded = signal + noise * tf.sqrt(shot * signal + tf.square(read))
    return tf.round(_from_linear(recorded) * 255.0)


def _to_linear(values: tf.Tensor) -> tf.Tensor:
    return tf.where(values <= 0.04045, values / 12.92, tf.pow((values + 0.055) / 1.055, 2.4))


def _from_linear(values: tf.Tensor) -> tf.Tensor:
    values = tf.clip_by_value(values, 0.0, 1.0)
    return tf.where(values <= 0.0031308, values * 12.92, 1.055 * tf.pow(values, 1 / 2.4) - 0.055)


def fixed(
    pairs: Iterable[Pair], size: int, without_truth: bool = False, batch: int = 4
) -> tf.data.Dataset:
    """Encoded centre crops of pairs, in order, for validation.

    Args:
        pairs: low and high.
        size: side of a crop.
        without_truth: as for ``batches``.
        batch: crops in a batch.
    """
    pictures, goals = [], []
    for low, high in pairs:
        pictures.append(enhance.encode(centre(low, size))["picture"])
        goals.append(centre(low if without_truth else high, size).astype(np.float32) / 255.0)
    data = tf.data.Dataset.from_tensor_slices((np.stack(pictures), np.stack(goals)))
    return data.batch(batch).cache().prefetch(1)
