"""The TensorFlow twin of ``edge_demo.tasks.chroma``, for training speed.

A test holds it equal to the numpy functions, away from the edges of a patch.
"""

from __future__ import annotations

import tensorflow as tf

from edge_demo.colour.siting import axis_phases, cosited, phase_taps
from edge_demo.tasks.chroma import REFERENCE, TASK, Variant

from . import jpeg


def _halve(values: tf.Tensor, axis: int, is_cosited: bool) -> tf.Tensor:
    """Halve an axis of even length as ``siting.downsample`` does."""
    shape = tf.shape(values)
    pairs = tf.reshape(
        values, tf.concat([shape[:axis], [shape[axis] // 2, 2], shape[axis + 1 :]], 0)
    )
    even, odd = tf.unstack(pairs, axis=axis + 1)
    if not is_cosited:
        return (even + odd) * 0.5
    first = tf.gather(even, [0], axis=axis)
    before = tf.concat([first, tf.gather(odd, tf.range(shape[axis] // 2 - 1), axis=axis)], axis)
    return (before + 2 * even + odd) * 0.25


def _phases(low: tf.Tensor, axis: int, is_cosited: bool) -> list[tf.Tensor]:
    """The two upsampled phases along an axis, edges repeated."""
    length = tf.shape(low)[axis]
    padding = [[0, 0] for _ in range(4)]
    padding[axis] = [1, 1]
    padded = tf.pad(low, padding, "SYMMETRIC")
    out = []
    for phase in axis_phases(is_cosited):
        taps, first = phase_taps(REFERENCE, phase)
        terms = []
        for offset, tap in enumerate(taps, first + 1):
            begin, size = [0] * 4, [-1] * 4
            begin[axis] = offset
            size[axis] = length
            terms.append(tf.slice(padded, begin, size) * tap)
        out.append(tf.add_n(terms))
    return out


def example(
    ycbcr: tf.Tensor, siting: str, task: Variant, qualities: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Degrade and encode a batch of true 4:4:4 patches.

    Args:
        ycbcr: (B, H, W, 3) uint8 or float of whole 8-bit values, H and W even.
        siting: of the 4:2:0 chroma to make.
        task: the variant.
        qualities: for variant "bitrate": JPEG's, (B,) int, each 1..100; H and W are multiples of
            16 then.

    Returns:
        The graph's input ``planes`` (B, H/2, W/2, 12 or 14), and in the output's unit, unclipped,
        the correction (B, H/2, W/2, 8) that would make the chroma perfect, or that chroma.
    """
    vertical, horizontal = cosited(siting)
    values = tf.cast(ycbcr, tf.float32)
    low = _halve(_halve(values[..., 1:], 1, vertical), 2, horizontal)
    low = tf.clip_by_value(tf.round(low), 0.0, 255.0)
    y = values[..., :1]
    if task.told_quality:
        steps = tf.gather(jpeg.tables().steps, qualities)
        y, low = jpeg.quantised(y, steps[:, 0]), jpeg.quantised(low, steps[:, 1])
    base = tf.concat(
        [column for row in _phases(low, 1, vertical) for column in _phases(row, 2, horizontal)],
        axis=-1,
    )
    luma = tf.nn.space_to_depth(y, 2)
    chroma = tf.nn.space_to_depth(values[..., 1:], 2)
    parts = [luma, base]
    if task.told_quality:
        strengths = tf.gather(jpeg.tables().strengths, qualities) * 255.0
        shape = tf.concat([tf.shape(luma)[:3], [2]], 0)
        parts.append(tf.broadcast_to(strengths[:, None, None], shape))
    planes = (tf.round(tf.concat(parts, -1)) - TASK.inputs[0].zero) / TASK.inputs[0].scale
    result = task.outputs[0]
    if task.direct:
        return planes, (chroma - result.zero) / result.scale
    return planes, (chroma - base) / result.scale
