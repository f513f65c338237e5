"""Two stages: a generator of coarse colour, and a network that refines it along the picture.

The refinement's body is that of Lim et al. (2017), "Enhanced Deep Residual Networks for Single
Image Super-Resolution": residual blocks without batch normalisation, each adding a part of what it
finds. The generator reads pretrained features (``lite``: MobileNetV2's, ``full``: ResNet50's) and
ends at a quarter of the size; the refinement sees its a and b beside features of the lightness and
brings them to the picture's pixels.

Input ``lightness`` (B, H, W, 1) in -1..1, output ``ab`` (B, H, W, 2) in -1..1; of the generators
(B, H / 4, W / 4, 2). See ``edge_demo.tasks.colorize``. H and W are multiples of 32.

The stages are trained one after the other: first ``lite-generator``, then ``lite``, which starts
from a run of it (``--set start_from=RUN``), keeps it as it is, and is exported as one graph.
``test`` trains both at once.

kMAC per luma pixel: test-generator 0.4, test 0.8, lite-generator 19.6, lite 33.1,
full-generator 142.8, full 233.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers, ops

from edge_demo.tasks.colorize import FINE, TASK
from edge_demo.tasks.record import Task

from . import applications, mobilenet_v2, pyramid

__all__ = ["SIZES", "STARTS_FROM", "TASK", "Size", "build", "task"]


@dataclass(frozen=True)
class Refinement:
    """How large the second stage is.

    Attributes:
        channels: of its body, at a quarter of the size; half of them at half, a quarter at all.
        blocks: residual ones.
    """

    channels: int
    blocks: int


@dataclass(frozen=True)
class Size:
    """What makes a size.

    Attributes:
        backbone: of MobileNetV2; None for ResNet50.
        encoder: channels of the three convolutions beside it.
        widths: of the pyramid.
        refinement: the second stage; None for a generator.
    """

    backbone: mobilenet_v2.Layout | None
    encoder: tuple[int, int, int]
    widths: pyramid.Widths
    refinement: Refinement | None = None


_TEST = mobilenet_v2.TINY, (4, 6, 8), pyramid.Widths(8, 12, 12)
_LITE = mobilenet_v2.PUBLISHED, (16, 32, 64), pyramid.Widths(160, 160, 64)
_FULL = None, (64, 128, 256), pyramid.Widths(512, 256, 128)
SIZES: dict[str, Size] = {
    "test-generator": Size(*_TEST),
    "test": Size(*_TEST, Refinement(8, 2)),
    "lite-generator": Size(*_LITE),
    "lite": Size(*_LITE, Refinement(32, 8)),
    "full-generator": Size(*_FULL),
    "full": Size(*_FULL, Refinement(64, 16)),
}
# The size whose run each begins with.
STARTS_FROM = {size: f"colorize_twostage-{size}-generator" for size in ("test", "lite", "full")}
# Of the backbone's coarse channels, while the generator is trained.
_DROPOUT = 0.3
# What a residual block adds of what it finds (section 3.3 of the paper).
_RESIDUAL = 0.1


def task(size: str) -> Task:
    """The record of a size: generators end at a quarter of it."""
    return FINE if SIZES[size].refinement else TASK


def build(size: str) -> keras.Model:
    """The network of a size; its backbone is frozen, and behind a generator's stage the generator.

    Fresh ones have random weights: ``backbones.load`` gives a generator a trained backbone, and a
    run of the generator is what the second stage starts from.
    """
    made = SIZES[size]
    (source,), (result,) = TASK.inputs, task(size).outputs
    picture = keras.Input((None, None, source.channels), name=source.name)
    small = size.partition("-")[0] == "test"
    dropout = 0.0 if small or made.refinement else _DROPOUT
    coarse = _generator(picture, made, dropout, trained=small)
    if made.refinement is None:
        ab = layers.Identity(dtype="float32", name=result.name)(coarse)
    else:
        if not small:
            keras.Model(picture, coarse).trainable = False
        ab = _refined(picture, coarse, made.refinement)
        ab = layers.Identity(dtype="float32", name=result.name)(ab)
    return keras.Model(picture, ab, name=f"colorize_twostage-{size}")


def _generator(
    picture: keras.KerasTensor, made: Size, dropout: float, trained: bool
) -> keras.KerasTensor:
    """ab at a quarter of the size."""
    if made.backbone is None:
        known = applications.resnet_features(picture)
    else:
        known = mobilenet_v2.features(picture, made.backbone, trainable=trained)
    encoded = pyramid.encoder(picture, made.encoder)
    x = pyramid.pyramid(known, encoded, made.widths, dropout)
    # Nearly grey at the start.
    start = keras.initializers.RandomNormal(stddev=1e-2)
    x = layers.Conv2D(2, 1, kernel_initializer=start, dtype="float32", name="head")(x)
    return layers.Activation("tanh", dtype="float32", name="coarse_ab")(x)


def _refined(
    picture: keras.KerasTensor, coarse: keras.KerasTensor, made: Refinement
) -> keras.KerasTensor:
    """ab at full size: the coarse ones, enlarged, and a correction."""
    whole = _conv(picture, made.channels // 4, "refine_whole")
    half = _conv(whole, made.channels // 2, "refine_half", stride=2)
    x = _conv(half, made.channels, "refine_quarter", stride=2)
    x = layers.Concatenate(name="refine_join")([x, coarse])
    x = first = layers.Conv2D(made.channels, 3, padding="same", name="refine_first")(x)
    for index in range(made.blocks):
        x = _block(x, made.channels, f"refine_block{index}")
    x = layers.Conv2D(made.channels, 3, padding="same", name="refine_last")(x)
    x = layers.Add(name="refine_body")([first, x])
    # Fewer channels first: enlarging costs by their number.
    for kept, channels, name in ((half, 2, "refine_up2"), (whole, 4, "refine_up1")):
        x = _conv(x, made.channels // channels, f"{name}_narrow", side=1)
        x = layers.Concatenate(name=f"{name}_join")([pyramid.larger(x, name), kept])
        x = _conv(x, made.channels // channels, f"{name}_fuse")
    # Nothing to correct at the start.
    start = keras.initializers.RandomNormal(stddev=1e-3)
    correction = layers.Conv2D(
        2, 3, padding="same", kernel_initializer=start, dtype="float32", name="refine_tail"
    )(x)
    enlarged = pyramid.larger(pyramid.larger(coarse, "coarse_half"), "coarse_whole")
    ab = layers.Add(dtype="float32", name="refine_add")([enlarged, correction])
    return ops.clip(ab, -1.0, 1.0)


def _conv(
    x: keras.KerasTensor, channels: int, name: str, side: int = 3, stride: int = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(channels, side, stride, padding="same", name=name)(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _block(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    found = _conv(x, channels, f"{name}_first")
    found = layers.Conv2D(channels, 3, padding="same", name=f"{name}_second")(found)
    found = layers.Rescaling(_RESIDUAL, name=f"{name}_scale")(found)
    return layers.Add(name=f"{name}_add")([x, found])
