"""Zero-DCE: curves that brighten a picture, estimated for each pixel; trained without references.

DCE-Net (Guo et al., 2020, "Zero-Reference Deep Curve Estimation for Low-Light Image
Enhancement"): seven 3x3 convolutions, the first three concatenated to the last three in mirrored
order. Sizes ``test`` and ``paper`` are that network, on the picture itself. Size ``lite`` is
Zero-DCE++ (Li et al., 2021, "Learning to Enhance Low-Light Image via Zero-Reference Deep Curve
Estimation"): the same with depthwise-separable convolutions and one curve map a colour, which all
iterations share, on the picture reduced to an eighth; it sees the lifted channels, too, because at
that size they cost next to nothing. In its middle the features' means over the whole picture join
in: convolutions alone see 120 pixels around a place, and not how dark the rest is.

Input ``picture`` (B, H, W, 6) in 0..1, output ``curves`` in -1..1: (B, H, W, 24), or of ``lite``
(B, H/8, W/8, 3), H and W multiples of 8; see ``edge_demo.tasks.enhance``. The runtime
applies the curves, at the picture's full size. kMAC per luma pixel: test 7.7, paper 79.2, lite 0.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from edge_demo.tasks import enhance
from edge_demo.tasks.record import Task

__all__ = ["SIZES", "TASK", "Size", "build", "task"]

# Of most sizes; see ``task``.
TASK = enhance.CURVES

_CONVOLUTIONS = 7


@dataclass(frozen=True)
class Size:
    """Channels of the body, and whether it is Zero-DCE++ on a reduced picture."""

    channels: int
    shared: bool = False


SIZES: dict[str, Size] = {"test": Size(8), "paper": Size(32), "lite": Size(32, shared=True)}


def task(size: str) -> Task:
    """The record of a size: the variant of its curves.

    Args:
        size: a key of ``SIZES``.
    """
    return enhance.SHARED_CURVES if SIZES[size].shared else enhance.CURVES


def build(size: str) -> keras.Model:
    """The model for any height and width that are multiples of 8.

    Args:
        size: a key of ``SIZES``.
    """
    channels, shared = SIZES[size].channels, SIZES[size].shared
    (source,), (result,) = task(size).inputs, task(size).outputs
    conv = _separable if shared else _plain
    picture = keras.Input((None, None, source.channels), name=source.name)
    if shared:
        x = layers.AveragePooling2D(result.downscale, name="reduce")(picture)
    else:
        x = picture[..., :3]
    first = []
    for index in range(1, 4):
        x = conv(channels, f"conv{index}", activation="relu")(x)
        first.append(x)
    x = conv(channels, "conv4", activation="relu")(x)
    if shared:
        x = layers.Add(name="with_whole")([x, _whole(x, channels)])
    for index, early in zip(range(5, 8), reversed(first), strict=True):
        joined = layers.Concatenate(name=f"join{index}")([early, x])
        if index < _CONVOLUTIONS:
            x = conv(channels, f"conv{index}", activation="relu")(joined)
    # Small at first, so that training starts at the picture as it is; float32, so that mixed
    # precision does not round the curves.
    start = keras.initializers.VarianceScaling(1e-3)
    last = conv(result.channels, "conv7", kernel_initializer=start, dtype="float32")(joined)
    # A layer of its own, because integer graphs have it so.
    curves = layers.Activation("tanh", name=result.name, dtype="float32")(last)
    return keras.Model(picture, curves, name=f"enhance_zerodce-{size}")


def _whole(x: Any, channels: int) -> Any:
    """What the means of all features say of the whole picture, (B, 1, 1, channels)."""
    means = layers.GlobalAveragePooling2D(keepdims=True, name="whole_means")(x)
    hidden = layers.Conv2D(channels, 1, activation="relu", name="whole_hidden")(means)
    return layers.Conv2D(channels, 1, name="whole")(hidden)


def _plain(channels: int, name: str, **options: Any) -> Callable[[Any], Any]:
    return layers.Conv2D(channels, 3, padding="same", name=name, **options)


def _separable(channels: int, name: str, **options: Any) -> Callable[[Any], Any]:
    """A depthwise 3x3 convolution and a 1x1 one."""
    # Keras counts all channels as inputs of each of its kernels: features would fade to nothing.
    own = keras.initializers.RandomNormal(stddev=1 / 3)
    depthwise = layers.DepthwiseConv2D(
        3, padding="same", depthwise_initializer=own, name=f"{name}_depth"
    )
    mix = layers.Conv2D(channels, 1, name=name, **{"kernel_initializer": "he_normal", **options})
    return lambda x: mix(depthwise(x))
