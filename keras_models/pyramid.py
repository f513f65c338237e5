"""What the small colorizing networks share: a pretrained backbone read through a pyramid.

A pyramid that carries what is known of the whole picture down to finer maps (Lin et al., "Feature
Pyramid Networks for Object Detection", 2017), made for 8-bit integers: ReLU6 behind batch
normalisation that folds into its convolution, bilinear enlargement of few channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
from keras import layers

from . import mobilenet_v2


@dataclass(frozen=True)
class Widths:
    """Channels of the pyramid.

    Attributes:
        top: at a 32nd of the picture's size.
        middle: at a 16th and an eighth.
        fine: at a quarter, which is what it ends in.
    """

    top: int
    middle: int
    fine: int


@dataclass(frozen=True)
class Size:
    """A network of MobileNetV2's features, an encoder beside it and the pyramid over both.

    Attributes:
        backbone: of MobileNetV2.
        encoder: channels of its three convolutions.
        widths: of the pyramid.
        dropout: see ``pyramid``.
    """

    backbone: mobilenet_v2.Layout
    encoder: tuple[int, int, int]
    widths: Widths
    dropout: float = 0.4


def conv(
    x: keras.KerasTensor, channels: int, name: str, side: int = 3, stride: int = 1
) -> keras.KerasTensor:
    """Convolution, batch normalisation and ReLU6."""
    x = layers.Conv2D(channels, side, stride, padding="same", use_bias=False, name=name)(x)
    # Its means follow within a few hundred steps, as short runs need.
    x = layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def encoder(x: keras.KerasTensor, widths: tuple[int, int, int]) -> dict[int, keras.KerasTensor]:
    """Three strided convolutions: downscale (2, 4, 8) to features that know the picture's edges."""
    found = {}
    for index, channels in enumerate(widths):
        x = conv(x, channels, f"encoder{index + 1}", stride=2)
        found[2 ** (index + 1)] = x
    return found


def pyramid(
    backbone: Mapping[int, keras.KerasTensor],
    encoded: Mapping[int, keras.KerasTensor],
    widths: Widths,
    dropout: float,
) -> keras.KerasTensor:
    """Both kinds of features fused, from coarse to fine.

    Args:
        backbone: downscale (4, 8, 16, 32) to features.
        encoded: downscale (4, 8) to features of an encoder that learns with the pyramid.
        widths: its channels.
        dropout: share of the backbone's coarse channels, and half of it of the fused ones, that
            each step of training leaves out: there are few pictures, and they know many things.

    Returns:
        (B, H / 4, W / 4, widths.fine).
    """
    coarse = layers.SpatialDropout2D(dropout, name="drop32")(backbone[32])
    # What the whole picture shows, told to every place.
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="whole_mean")(coarse)
    whole = layers.Conv2D(widths.middle, 1, name="whole")(whole)
    x = larger(conv(coarse, widths.top, "lateral32", side=1), "up16")
    lateral = layers.SpatialDropout2D(dropout, name="drop16")(backbone[16])
    lateral = conv(lateral, widths.top, "lateral16", side=1)
    x = conv(layers.Concatenate(name="join16")([x, lateral]), widths.middle, "fuse16")
    x = larger(x, "up8")
    lateral = conv(backbone[8], max(2, widths.middle // 3), "lateral8", side=1)
    x = layers.Concatenate(name="join8")([x, lateral, encoded[8]])
    x = conv(x, widths.middle, "fuse8", side=1)
    x = layers.Add(name="add_whole")([x, whole])
    x = conv(x, widths.middle, "mix8")
    x = layers.SpatialDropout2D(dropout / 2, name="drop8")(x)
    # Fewer channels first: enlarging costs by their number.
    x = larger(conv(x, widths.fine, "narrow8", side=1), "up4")
    lateral = conv(backbone[4], max(2, widths.fine // 3), "lateral4", side=1)
    x = layers.Concatenate(name="join4")([x, lateral, encoded[4]])
    x = conv(x, widths.fine, "fuse4")
    return conv(x, widths.fine, "mix4")


def larger(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Twice the size, bilinear."""
    # In float32: bfloat16 takes four times as long on a CPU, and the graph is in floats anyway.
    return layers.UpSampling2D(2, interpolation="bilinear", dtype="float32", name=name)(x)
