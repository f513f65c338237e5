"""Colorization as classification: vivid colours, because a distribution need not be averaged.

Zhang, Isola and Efros (2016), "Colorful Image Colorization". For each place of a coarse grid the
network predicts a distribution over 313 colours, trained with classes rebalanced by their rarity;
the device is told its annealed mean, computed in the graph, and how far it spreads.

Input ``lightness`` (B, H, W, 1) in -1..1, output ``ab_spread`` (B, H / 4, W / 4, 3); see
``edge_demo.tasks.colorize``. H and W are multiples of 32.

Sizes ``lite`` and ``test`` read MobileNetV2's features through a pyramid (``test``: a tiny one).
``full`` is the published network of 32.2 million weights: eight blocks of convolutions at up to an
eighth of the size, two of them dilated. Its last 1x1 convolution, ``means``, holds the colour of
each class, which training leaves alone: the 313 bins, or what an imported file has in their place,
see ``published``. The authors' network sees (L - 50) / 100, half of what this one does, and its
scores are sharpened already; imported kernels make up for both.

kMAC per luma pixel: test 0.7, lite 28.9, full 637.5.
"""

from __future__ import annotations

import keras
from keras import layers

from edge_demo.tasks.colorize import SPREAD as TASK

from . import ab_classes, mobilenet_v2, pyramid, zhang

__all__ = ["SIZES", "TASK", "build"]


SIZES: dict[str, pyramid.Size | None] = {
    "test": pyramid.Size(mobilenet_v2.TINY, (4, 6, 8), pyramid.Widths(8, 12, 12), dropout=0.0),
    "lite": pyramid.Size(mobilenet_v2.PUBLISHED, (16, 32, 64), pyramid.Widths(160, 160, 96)),
    "full": None,
}


def build(size: str) -> keras.Model:
    """The network of a size; its layer ``scores`` is what training looks at.

    A fresh backbone has random weights: ``backbones.load`` gives it trained ones.
    """
    made = SIZES[size]
    (source,), (result,) = TASK.inputs, TASK.outputs
    picture = keras.Input((None, None, source.channels), name=source.name)
    if made is None:
        return _published(picture, f"colorize_eccv16-{size}")
    known = mobilenet_v2.features(picture, made.backbone, trainable=size == "test")
    encoded = pyramid.encoder(picture, made.encoder)
    x = pyramid.pyramid(known, encoded, made.widths, made.dropout)
    colours = ab_classes.annealed(ab_classes.scores(x))
    out = layers.Identity(dtype="float32", name=result.name)(colours)
    return keras.Model(picture, out, name=f"colorize_eccv16-{size}")


def _published(picture: keras.KerasTensor, name: str) -> keras.Model:
    x = picture
    for number in range(1, len(zhang.BLOCKS) + 1):
        x = zhang.block(x, number, last_stride=2 if number <= 3 else 1)
    x = zhang.relu(zhang.larger(x, "conv8_1", 256), "conv8_1")
    for index in (2, 3):
        x = zhang.relu(zhang.conv(x, f"conv8_{index}", 256), f"conv8_{index}")
    means = layers.Conv2D(
        3, 1, use_bias=False, trainable=False, dtype="float32", name=ab_classes.COLOURS
    )
    colours = means(ab_classes.sharpened(ab_classes.scores(x)))
    means.set_weights([ab_classes.MEANS])
    out = layers.Identity(dtype="float32", name=TASK.outputs[0].name)(colours)
    return keras.Model(picture, out, name=name)
