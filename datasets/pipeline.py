"""Batches as a pure function of (cells, seed, step): a resumed run sees what it would have seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from edge_demo.tasks.chroma import Variant

from . import jpeg
from .cells import Cells
from .chroma import example
from .crops import Draws, counts, crops, draws


def _siting_counts(shares: Mapping[str, float], batch: int) -> dict[str, int]:
    """How many of a batch's patches get each siting, those left out that get none."""
    found = zip(shares, counts(list(shares.values()), batch), strict=True)
    return {name: count for name, count in found if count}


def batches(
    cells: Cells,
    task: Variant,
    *,
    patch: int,
    batch: int,
    steps: int,
    seed: int,
    sitings: Mapping[str, float],
    start: int = 0,
    qualities: tuple[int, int] = (100, 100),
    max_quality_share: float = 0.0,
) -> tf.data.Dataset:
    """Random crops of cells, flipped and turned, degraded and encoded.

    Every cell is drawn once an epoch, in an order that depends on the seed alone.

    Args:
        cells: where to crop from.
        task: the variant.
        patch: side of a crop, even, at most the cells' size.
        batch: crops in a batch.
        steps: batches that the whole run takes.
        seed: of everything random here.
        sitings: share of each chroma siting within a batch.
        start: the first batch to give; a resumed run starts where it stopped.
        qualities, max_quality_share: for variant "bitrate": the least and the greatest of JPEG, and
            the share of the greatest, see ``jpeg.qualities``.

    Returns:
        ``steps - start`` pairs, see ``chroma.example``.
    """
    count, size = cells.ycbcr.shape[:2]
    if patch % 2 or patch > size:
        raise ValueError(f"a patch of {patch} must be even and at most the cells' {size}")
    each = _siting_counts(sitings, batch)
    with tf.device("cpu"):
        bank = tf.constant(cells.ycbcr)

    wanted = Draws(count, batch, seed)

    least, most = qualities

    def draw(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        key = tf.stack([tf.constant(seed + 2, tf.int64), step])
        drawn = jpeg.qualities(
            tf.random.stateless_uniform([batch], key), least, most, max_quality_share
        )
        return tf.stack(crops(bank, draws(wanted, step, size, patch), patch)), drawn

    # Compiled, because a training step must not wait for it: fused, it takes a quarter of the time.
    @tf.function(jit_compile=True)
    def encode(patches: tf.Tensor, drawn: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sizes = list(each.values())
        parts = zip(tf.split(patches, sizes), tf.split(drawn, sizes), each, strict=True)
        pairs = [example(part, siting, task, quality) for part, quality, siting in parts]
        planes, correction = zip(*pairs, strict=True)
        return tf.concat(planes, 0), tf.concat(correction, 0)

    # One thread is enough for a step of 10 ms and more, and more would take the step's own cores.
    encoded = tf.data.Dataset.range(start, steps).map(draw).map(encode)
    half = patch // 2

    def with_shape(planes: tf.Tensor, correction: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            tf.ensure_shape(planes, [batch, half, half, task.inputs[0].channels]),
            tf.ensure_shape(correction, [batch, half, half, 8]),
        )

    return encoded.map(with_shape).prefetch(4)


def fixed(
    patches: np.ndarray,
    siting: str,
    task: Variant,
    batch: int = 8,
    qualities: tuple[int, int] = (100, 100),
) -> tf.data.Dataset:
    """Encoded pairs of fixed 4:4:4 YCbCr patches (N, H, W, 3) uint8, in order, for validation.

    Of variant "bitrate", their qualities go from the least to the greatest in equal steps.
    """
    least, most = qualities
    steps = np.linspace(least, most, len(patches)).round().astype(np.int32)
    data = tf.data.Dataset.from_tensor_slices((patches, steps)).batch(batch)
    encoded = data.map(lambda values, quality: example(values, siting, task, quality))
    return encoded.cache().prefetch(1)
