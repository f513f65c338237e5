"""Batches as a pure function of (cells, seed, step): a resumed run sees what it would have seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from .cells import Cells
from .chroma import example


def _siting_counts(shares: Mapping[str, float], batch: int) -> dict[str, int]:
    """How many of a batch's patches get each siting: largest remainders, sum ``batch``."""
    total = sum(shares.values())
    exact = {name: share * batch / total for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: batch - sum(counts.values())]:
        counts[name] += 1
    return {name: count for name, count in counts.items() if count}


def batches(
    cells: Cells,
    *,
    patch: int,
    batch: int,
    steps: int,
    seed: int,
    sitings: Mapping[str, float],
    start: int = 0,
) -> tf.data.Dataset:
    """Random crops of cells, flipped and turned, degraded and encoded.

    Every cell is drawn once an epoch, in an order that depends on the seed alone.

    Args:
        cells: where to crop from.
        patch: side of a crop, even, at most the cells' size.
        batch: crops in a batch.
        steps: batches that the whole run takes.
        seed: of everything random here.
        sitings: share of each chroma siting within a batch.
        start: the first batch to give; a resumed run starts where it stopped.

    Returns:
        ``steps - start`` pairs of (planes, correction), see ``chroma.example``.
    """
    count, size = cells.ycbcr.shape[:2]
    if patch % 2 or patch > size:
        raise ValueError(f"a patch of {patch} must be even and at most the cells' {size}")
    counts = _siting_counts(sitings, batch)
    with tf.device("cpu"):
        bank = tf.constant(cells.ycbcr)

    def crop(index: tf.Tensor) -> tf.Tensor:
        epoch = index // count
        position = tf.random.experimental.index_shuffle(
            index % count, tf.stack([seed, tf.cast(epoch, tf.int32)]), count - 1
        )
        corner = tf.random.stateless_uniform(
            [2], tf.stack([tf.cast(seed, tf.int64), index]), 0, size - patch + 1, dtype=tf.int64
        )
        return bank[position, corner[0] : corner[0] + patch, corner[1] : corner[1] + patch]

    def encode(patches: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        key = tf.stack([tf.cast(seed + 1, tf.int64), step])
        coin = tf.random.stateless_uniform([3, batch, 1, 1, 1], key) < 0.5
        patches = tf.where(coin[0], tf.reverse(patches, [1]), patches)
        patches = tf.where(coin[1], tf.reverse(patches, [2]), patches)
        patches = tf.where(coin[2], tf.transpose(patches, [0, 2, 1, 3]), patches)
        parts = tf.split(patches, list(counts.values()))
        pairs = [example(part, siting) for part, siting in zip(parts, counts, strict=True)]
        planes, correction = zip(*pairs, strict=True)
        return tf.concat(planes, 0), tf.concat(correction, 0)

    crops = tf.data.Dataset.range(start * batch, steps * batch)
    crops = crops.map(crop, num_parallel_calls=tf.data.AUTOTUNE)
    crops = crops.batch(batch, drop_remainder=True)
    numbered = tf.data.Dataset.zip(crops, tf.data.Dataset.range(start, steps))
    shaped = numbered.map(encode, num_parallel_calls=tf.data.AUTOTUNE)
    half = patch // 2

    def with_shape(planes: tf.Tensor, correction: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            tf.ensure_shape(planes, [batch, half, half, 12]),
            tf.ensure_shape(correction, [batch, half, half, 8]),
        )

    return shaped.map(with_shape).prefetch(4)


def fixed(patches: np.ndarray, siting: str, batch: int = 8) -> tf.data.Dataset:
    """Encoded pairs of fixed 4:4:4 YCbCr patches (N, H, W, 3) uint8, in order, for validation."""
    data = tf.data.Dataset.from_tensor_slices(patches).batch(batch)
    return data.map(lambda values: example(values, siting)).cache().prefetch(1)
