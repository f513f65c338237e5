"""Fusion: an encoder and a decoder that a pretrained classifier tells what the picture shows.

Baldassarre, Gonzalez Moran and Rodes-Guirao (2017), "Deep Koalarization: Image Colorization using
CNNs and Inception-ResNet-v2". An encoder sees the lightness, a classifier trained on ImageNet sees
the same picture, both are fused at an eighth of its size, and a decoder makes a and b of them,
through a hyperbolic tangent.

Input ``lightness`` (B, H, W, 1) in -1..1, output ``ab`` in -1..1; see
``edge_demo.tasks.colorize``. H and W are multiples of 32.

Sizes ``lite`` and ``test`` fuse the feature maps of MobileNetV2 (``test``: a tiny one) and end at a
quarter of the size, (B, H / 4, W / 4, 2). ``inception`` is the paper's network, for pictures of
256x256 pixels: InceptionResNetV2 sees the picture at 299x299, and its scores of 1000 classes are
told to every place of the 32x32 grid; the output has the picture's size, (B, H, W, 2). Its decoder
enlarges bilinearly, where the paper repeats pixels.

kMAC per luma pixel: test 0.4, lite 19.6. At 256x256 pixels: inception 347.2.
"""

from __future__ import annotations

import keras
from keras import layers

from edge_demo.tasks.colorize import FINE, TASK
from edge_demo.tasks.record import Task

from . import applications, mobilenet_v2, pyramid

__all__ = ["SIZES", "TASK", "build", "task"]


SIZES: dict[str, pyramid.Size | None] = {
    "test": pyramid.Size(mobilenet_v2.TINY, (4, 6, 8), pyramid.Widths(8, 12, 12), dropout=0.0),
    "lite": pyramid.Size(mobilenet_v2.PUBLISHED, (16, 32, 64), pyramid.Widths(160, 160, 64)),
    "inception": None,
}
# The encoder's convolutions, channels and stride, and the decoder's, channels and whether the
# result is enlarged: table 1 of the paper.
_ENCODER = ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1))
_DECODER = ((128, True), (64, False), (64, True), (32, False))
_FUSED = 256


def task(size: str) -> Task:
    """The record of a size: the paper's network ends at full size."""
    return TASK if SIZES[size] else FINE


def build(size: str) -> keras.Model:
    """The network of a size, see the module's docstring; its backbone is frozen.

    A fresh backbone has random weights: ``backbones.load`` gives it trained ones.
    """
    made = SIZES[size]
    source = TASK.inputs[0]
    picture = keras.Input((None, None, source.channels), name=source.name)
    if made is None:
        return keras.Model(picture, _inception(picture), name=f"colorize_fusion-{size}")
    known = mobilenet_v2.features(picture, made.backbone, trainable=size == "test")
    encoded = pyramid.encoder(picture, made.encoder)
    x = pyramid.pyramid(known, encoded, made.widths, made.dropout)
    ab = _tanh(_head(x, 1), TASK.outputs[0].name)
    return keras.Model(picture, ab, name=f"colorize_fusion-{size}")


def _head(x: keras.KerasTensor, side: int) -> keras.KerasTensor:
    # Nearly grey at the start.
    start = keras.initializers.RandomNormal(stddev=1e-2)
    # Of a 1x1 kernel both paddings are the same picture, but not the same file: this is lite's.
    padding = "same" if side > 1 else "valid"
    return layers.Conv2D(
        2, side, padding=padding, kernel_initializer=start, dtype="float32", name="head"
    )(x)


def _tanh(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.Activation("tanh", dtype="float32", name=name)(x)


def _inception(picture: keras.KerasTensor) -> keras.KerasTensor:
    x = picture
    for index, (channels, stride) in enumerate(_ENCODER, 1):
        x = _conv(x, channels, f"encoder{index}", stride)
    # A 1x1 convolution of both, one behind the other: that of the classes, which are alike at every
    # place, is done once and added.
    known = layers.Reshape((1, 1, applications.CLASSES), name="classes")(
        applications.inception_classes(picture)
    )
    known = layers.Conv2D(_FUSED, 1, use_bias=False, name="fuse_classes")(known)
    x = layers.Add(name="fuse")([layers.Conv2D(_FUSED, 1, name="fuse_encoded")(x), known])
    x = layers.ReLU(name="fuse_relu")(x)
    for index, (channels, enlarged) in enumerate(_DECODER, 1):
        x = _conv(x, channels, f"decoder{index}")
        x = pyramid.larger(x, f"decoder{index}_up") if enlarged else x
    return pyramid.larger(_tanh(_head(x, 3), "ab_half"), FINE.outputs[0].name)


def _conv(x: keras.KerasTensor, channels: int, name: str, stride: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(channels, 3, stride, padding="same", name=name)(x)
    return layers.ReLU(name=f"{name}_relu")(x)
