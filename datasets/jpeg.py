"""The TensorFlow twin of ``edge_demo.tasks.jpeg``, for training speed; a test holds it equal."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from edge_demo.tasks import jpeg


class Tables:
    """Steps and strengths of every quality, to be gathered in the graph.

    Attributes:
        steps: (101, 2, 8, 8) float32, luma and chroma; row 0 is not a quality.
        strengths: (101, 2) float32.
    """

    def __init__(self) -> None:
        every = [jpeg.tables(max(1, quality)) for quality in range(101)]
        self.steps = np.array(every, np.float32)
        self.strengths = np.array(
            [[jpeg.strength(table.ravel().tolist()) for table in pair] for pair in every],
            np.float32,
        )


@functools.cache
def tables() -> Tables:
    """Those of every quality, worked out when they are first asked for."""
    return Tables()


def qualities(
    uniform: tf.Tensor, least: int, most: int, max_quality_share: float = 0.0
) -> tf.Tensor:
    """Qualities whose strengths are spread evenly, because the best ones lie far apart in strength.

    Args:
        uniform: (B,) in 0..1.
        least, most: the range of qualities.
        max_quality_share: how much of 0..1 is the greatest quality, before the rest is spread.

    Returns:
        (B,) int32.
    """
    known = np.arange(most, least - 1, -1)
    strengths = tables().strengths[known, 1]  # rising
    spread = tf.maximum(0.0, (uniform - max_quality_share) / (1.0 - max_quality_share))
    wanted = strengths[0] + spread * (strengths[-1] - strengths[0])
    between = (strengths[1:] + strengths[:-1]) / 2
    return tf.gather(known.astype(np.int32), tf.searchsorted(between, wanted))


def quantised(planes: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """What is left of planes when their blocks are quantised.

    Args:
        planes: (B, H, W, C) float of whole 8-bit values, H and W multiples of 8.
        steps: (B, 8, 8).

    Returns:
        Of the same shape, whole 8-bit values.
    """
    side = jpeg.SIDE
    shape = tf.shape(planes)
    rows, columns = shape[1] // side, shape[2] // side
    cut = tf.reshape(planes, [shape[0], rows, side, columns, side, shape[3]])
    blocks = tf.transpose(cut, [0, 1, 3, 5, 2, 4]) - 128.0
    dct = tf.constant(jpeg.cosines())
    steps = steps[:, None, None, None]
    waves = tf.einsum("ui,brcpij,vj->brcpuv", dct, blocks, dct)
    values = tf.einsum("ui,brcpuv,vj->brcpij", dct, tf.round(waves / steps) * steps, dct) + 128.0
    whole = tf.clip_by_value(tf.round(values), 0.0, 255.0)
    return tf.reshape(tf.transpose(whole, [0, 1, 4, 2, 5, 3]), shape)
