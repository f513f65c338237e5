"""Colorization with a user's hints, and colours to suggest.

Zhang et al. (2017), "Real-Time User-Guided Image Colorization with Learned Deep Priors". The
network sees the lightness, the ab of sparse hints and where they are. It answers with ab, and with
a distribution over 313 colours for each place, of which a palette is made.

Input ``hinted`` (B, H, W, 4) in -1..1, output ``palette`` (B, H / 4, W / 4, 315); see
``edge_demo.tasks.colorize``. H and W are multiples of 32.

Sizes ``lite`` and ``test`` read MobileNetV2's features of the lightness through a pyramid
(``test``: a tiny one); the hints enter through the encoder, and once more where it ends.

``full`` is the published network: down to an eighth of the size by leaving out pixels, and up again
with what each size knew. It has 34.1 million weights, the published one 34.2: there, classes are
all 23x23 points of a grid of a and b in steps of 10, of which sRGB can show the 313 of ``ab_bins``;
``published`` keeps those. The paper's variant with a branch for global hints is not built: its
weights were never published, and ``edge_demo.device.global_hints`` gives such hints to every size.
Its ab, made at full size, are averaged over 4x4 pixels, because its
classes are on that grid, and a device brings ab to full size along edges.

kMAC per luma pixel: test 0.7, lite 36.1, full 1152.4.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from edge_demo.tasks.colorize import CARRIED
from edge_demo.tasks.colorize import HINTED as TASK
from edge_demo.tasks.record import Task

from . import ab_classes, mobilenet_v2, pyramid, zhang

__all__ = ["SIZES", "TASK", "build", "task"]


SIZES: dict[str, pyramid.Size | None] = {
    "test": pyramid.Size(mobilenet_v2.TINY, (4, 6, 8), pyramid.Widths(8, 12, 12), dropout=0.0),
    "lite": pyramid.Size(mobilenet_v2.PUBLISHED, (24, 48, 96), pyramid.Widths(160, 160, 96)),
    "full": None,
}


def task(size: str) -> Task:
    """The record of a size: the published network sees the whole picture around each hint."""
    return TASK if SIZES[size] else CARRIED


def build(size: str) -> keras.Model:
    """The network of a size; training looks at its layers ``regression`` and ``scores``.

    A fresh backbone has random weights: ``backbones.load`` gives it trained ones.
    """
    made = SIZES[size]
    (source,), (result,) = TASK.inputs, TASK.outputs
    hinted = keras.Input((None, None, source.channels), name=source.name)
    ab, x = _published(hinted) if made is None else _small(hinted, made, trained=size == "test")
    ab = layers.Identity(dtype="float32", name=ab_classes.REGRESSION)(ab)
    probabilities = ops.softmax(ab_classes.scores(x), axis=-1) * 2.0 - 1.0
    out = layers.Concatenate(axis=-1, dtype="float32", name=result.name)([ab, probabilities])
    return keras.Model(hinted, out, name=f"colorize_siggraph17-{size}")


def _small(
    hinted: keras.KerasTensor, made: pyramid.Size, trained: bool
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """ab, and the features that the bins' scores are made of."""
    known = mobilenet_v2.features(hinted[..., :1], made.backbone, trainable=trained)
    encoded = pyramid.encoder(hinted, made.encoder)
    x = pyramid.pyramid(known, encoded, made.widths, made.dropout)
    # Hints once more, on the result's own grid, so that they rule their places: the mean of their
    # colours over a cell, and how much of it they fill.
    local = layers.AveragePooling2D(4, name="hints_pooled")(hinted[..., 1:])
    x = layers.Concatenate(name="join_hints")([x, local])
    x = pyramid.conv(x, made.widths.fine, "mix_hints")
    return _ab(x), x


def _ab(x: keras.KerasTensor) -> keras.KerasTensor:
    """The regression's head."""
    start = keras.initializers.RandomNormal(stddev=1e-2)
    ab = layers.Conv2D(2, 1, kernel_initializer=start, dtype="float32", name="ab")(x)
    return layers.Activation("tanh", dtype="float32", name="ab_tanh")(ab)


def _published(hinted: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """As ``_small``."""
    x, kept = hinted, []
    for number in range(1, len(zhang.BLOCKS) + 1):
        x = zhang.block(x, number)
        if number <= 3:
            kept.append(x)
            x = x[:, ::2, ::2]
    first, second, third = kept
    x = zhang.larger(x, "conv8_1", 256)
    x = layers.Add(name="add8")([x, zhang.conv(third, "conv3_3_short", 256)])
    x = zhang.relu(x, "conv8_1")
    for index in (2, 3):
        x = zhang.relu(zhang.conv(x, f"conv8_{index}", 256), f"conv8_{index}")
    coarse = zhang.norm(x, 8)
    x = zhang.larger(coarse, "conv9_1", 128)
    x = layers.Add(name="add9")([x, zhang.conv(second, "conv2_2_short", 128)])
    x = zhang.conv(zhang.relu(x, "conv9_1"), "conv9_2", 128)
    x = zhang.norm(zhang.relu(x, "conv9_2"), 9)
    x = zhang.larger(x, "conv10_1", 128)
    x = layers.Add(name="add10")([x, zhang.conv(first, "conv1_2_short", 128)])
    x = zhang.conv(zhang.relu(x, "conv10_1"), "conv10_2", 128)
    # ReLU that keeps a fifth of what is below 0, in operations that integers have.
    above = layers.Rescaling(0.8, name="conv10_2_above")(zhang.relu(x, "conv10_2"))
    x = layers.Add(name="conv10_2_leaky")([layers.Rescaling(0.2, name="conv10_2_fifth")(x), above])
    ab = layers.AveragePooling2D(4, dtype="float32", name="ab_pooled")(_ab(x))
    return ab, coarse
