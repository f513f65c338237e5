"""Chroma residual CNN: what bilinear upsampling misses, from luma and low-resolution chroma.

Residual blocks (He et al., 2016) without normalisation, as EDSR (Lim et al., 2017) uses them for
super-resolution, at half resolution on 2x2 blocks (the "pixel unshuffle" of ESPCN, Shi et al.,
2016, at the input), so that every op is a plain 3x3 convolution, an addition or a clamp.

Input ``planes`` (B, H/2, W/2, 12) in -128/255..127/255, output ``correction``
(B, H/2, W/2, 8) in -1..1; see ``edge_demo.tasks.chroma``. kMAC per luma pixel: test
0.6, xs 4.2, s 19.9, m 76.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from edge_demo.tasks.chroma import TASK

__all__ = ["GROWS_FROM", "SIZES", "TASK", "Size", "body", "build", "correction", "halo", "reach"]


@dataclass(frozen=True)
class Size:
    """Channels of the body and number of residual blocks in it."""

    channels: int
    blocks: int


SIZES: dict[str, Size] = {
    "test": Size(8, 1),
    "xs": Size(16, 3),  # for video
    "s": Size(32, 4),
    "m": Size(64, 4),
}

# Sizes whose training may start from a run of a narrower network, see ``net2net``.
GROWS_FROM = {"m": "chroma_residual-s"}


def reach(convolutions: int) -> int:
    """Image pixels around its own that an output pixel depends on, and two blocks to spare.

    One because a block's pixels share a cell, one for what the task's ``decode`` looks at.

    Args:
        convolutions: of 3x3 on blocks, one behind the other.
    """
    return 2 * convolutions + 4


def halo(size: str) -> int:
    """See ``reach``."""
    return reach(2 + 2 * SIZES[size].blocks)


def build(size: str) -> keras.Model:
    """The model for any even height and width.

    Args:
        size: a key of ``SIZES``.
    """
    planes = keras.Input((None, None, TASK.inputs[0].channels), name=TASK.inputs[0].name)
    found = correction(body(planes, SIZES[size]))
    low, high = TASK.outputs[0].low, TASK.outputs[0].high
    clipped = layers.Identity(name=TASK.outputs[0].name, dtype="float32")(
        ops.clip(found, low, high)
    )
    return keras.Model(planes, clipped, name=f"chroma_residual-{size}")


def conv(filters: int, name: str, **options: object) -> layers.Conv2D:
    """A 3x3 convolution that keeps the size."""
    return layers.Conv2D(filters, 3, padding="same", name=name, **options)


def body(
    planes: keras.KerasTensor,
    size: Size,
    scaled: Callable[[keras.KerasTensor, str], keras.KerasTensor] | None = None,
) -> keras.KerasTensor:
    """Features (B, H/2, W/2, channels) of blocks of planes.

    Args:
        planes: the input.
        size: how many.
        scaled: makes of a block's inner features, and the block's name, what its second
            convolution sees; None: itself.
    """
    channels, blocks = size.channels, size.blocks
    x = conv(channels, "head", activation="relu")(planes)
    for index in range(1, blocks + 1):
        inner = conv(channels, f"block{index}_a", activation="relu")(x)
        if scaled:
            inner = scaled(inner, f"block{index}")
        # The last branch ends in a ReLU of its own: one behind the addition would let the branch
        # grow far below zero, which costs an 8-bit graph most of its steps.
        last = "relu" if index == blocks else None
        branch = conv(channels, f"block{index}_b", activation=last)(inner)
        x = layers.Add(name=f"block{index}_add")([x, branch])
    return x


def correction(features: keras.KerasTensor) -> keras.KerasTensor:
    """What bilinear misses, (B, H/2, W/2, 8) float32, unclipped."""
    # Small at first, so that training starts at bilinear; float32, so that mixed precision does
    # not round the correction.
    start = keras.initializers.VarianceScaling(0.01)
    tail = conv(TASK.outputs[0].channels, "tail", kernel_initializer=start, dtype="float32")
    return tail(features)
