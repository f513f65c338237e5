"""MIRNet: low light to daylight, through parallel streams that keep telling each other.

Zamir et al. (2020), "Learning Enriched Features for Real Image Restoration and Enhancement".
Recursive residual groups of multi-scale residual blocks. In a block, streams at full, half and
quarter size run side by side through dual attention units; between two columns of units and at
the block's end, selective kernel fusion weighs the streams against one another for each channel,
by a softmax across the streams.

Input ``picture`` (B, H, W, 6) in 0..1, output ``enhanced`` (B, H, W, 3) in 0..1, H and W multiples
of 16; see ``edge_demo.tasks.enhance``. Global pooling: it is made for whole pictures.

Sizes ``paper`` (31.8 M parameters, checked against the authors' count) and ``s`` have the published
structure, on the picture itself with a long skip. As in the authors' network, units of one scale
share their weights between a block's columns, and so do resamplers of one kind. Sizes ``lite`` and
``test`` are made for 8-bit integers on small devices: the streams start at a quarter of the
picture's size, with features of half its size beside them, from which the result is made, and which
say how much of the finest detail stays; ReLU and biases; strided convolutions and bilinear
upsampling as resamplers. What light a picture was taken in is judged from a thumbnail of the whole;
it chooses the colour curves that are the long skip, and it alone decides attention and fusion, so
that a crop in training with its picture's thumbnail is what a device sees. ``fitted`` gives the
network with the thumbnail as an input of its own.

kMAC per luma pixel:
At 256x256 pixels: test 0.9, lite 16.3, s 144.8, paper 6779.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from edge_demo.tasks.enhance import TASK

__all__ = ["SIZES", "TASK", "Size", "build"]


@dataclass(frozen=True)
class Size:
    """What makes a size.

    Attributes:
        features: channels of each stream, from the largest picture to the smallest.
        groups: recursive residual groups.
        blocks: multi-scale residual blocks in a group.
        half: channels at half the picture's size, on the way to the streams and back; none for the
            published structure, whose first stream has the picture's size.
        light: features of the whole picture's light, behind its thumbnail.
        curve: pieces of the colour curves that the light chooses among.
    """

    features: tuple[int, ...]
    groups: int
    blocks: int
    half: int = 0
    light: int = 0
    curve: int = 0


SIZES: dict[str, Size] = {
    "test": Size((8, 8), 1, 1, half=6, light=8, curve=4),
    "lite": Size((32, 48, 64), 1, 1, half=32, light=64, curve=16),
    "s": Size((16, 32, 64), 2, 1),
    "paper": Size((64, 128, 256), 3, 2),
}
COLUMNS = 2
# Means of squares of this many pixels, and then height and width: of the thumbnail of a picture
# that small sizes see.
THUMBNAIL_POOL, THUMBNAIL_SIZE = 4, (64, 96)
THUMBNAIL = "thumbnail"  # its layer
# What 8-bit files keep in floats: what is judged of the light, from the pool on, as a dark
# picture's means are few steps of 8 bits; and the colour curves, whose steps would add up,
# with all that is done to them at the picture's own size.
IN_FLOATS = ("reduced", THUMBNAIL, "light", "curves", "colours", "recoloured", "fine", "denoised")


def build(size: str) -> keras.Model:
    """The model for any height and width that are multiples of ``TASK.size_multiple``.

    Args:
        size: a key of ``SIZES``.
    """
    chosen = SIZES[size]
    picture = keras.Input((None, None, TASK.inputs[0].channels), name=TASK.inputs[0].name)
    residual, base = (_lite if chosen.half else _published)(picture, chosen)
    # float32, so that mixed precision does not round the picture.
    whole = layers.Add(name="long_skip", dtype="float32")([base, residual])
    enhanced = layers.Identity(name=TASK.outputs[0].name, dtype="float32")(
        ops.clip(whole, TASK.outputs[0].low, TASK.outputs[0].high)
    )
    return keras.Model(picture, enhanced, name=f"enhance_mirnet-{size}")


def fitted(model: keras.Model) -> keras.Model:
    """The same layers with the whole picture's thumbnail as a second input, for crops of it.

    Args:
        model: from ``build``, or a fake-quantised copy.
    """
    if THUMBNAIL not in {layer.name for layer in model.layers}:
        return model
    thumbnail = model.get_layer(THUMBNAIL).output
    return keras.Model([model.inputs[0], thumbnail], model.outputs, name=model.name)


def thumbnail(picture: Any) -> Any:
    """What ``fitted`` is given beside crops of an encoded picture (B, H, W, 6): (B, h, w, 6)."""
    reduced = ops.average_pool(picture, THUMBNAIL_POOL, data_format="channels_last")
    return layers.Resizing(*THUMBNAIL_SIZE)(reduced)


# ---------------------------------------------------------------------------- what both kinds share


def _channel_attention(x: Any, squeeze: Any, excite: Any, name: str) -> Any:
    """A weight in 0..1 for each channel, from the means of all (Hu et al., 2018)."""
    means = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    weights = layers.Activation("sigmoid", name=f"{name}_gate")(excite(squeeze(means)))
    return layers.Multiply(name=f"{name}_scale")([x, weights])


def _weighed(streams: list[Any], logits: Any, name: str) -> Any:
    """The streams' sum, each channel weighed by a softmax across the streams.

    Args:
        streams: of one shape (B, h, w, C).
        logits: (B, 1, 1, C * streams), the streams of a channel side by side.
        name: prefix of the layers' names.
    """
    channels = streams[0].shape[-1]
    by_stream = layers.Reshape((channels, len(streams)), name=f"{name}_by_stream")(logits)
    weights = layers.Softmax(axis=-1, name=f"{name}_softmax")(by_stream)
    weighed = [
        layers.Multiply(name=f"{name}_scale{i}")(
            [stream, layers.Reshape((1, 1, channels), name=f"{name}_weight{i}")(weights[..., i])]
        )
        for i, stream in enumerate(streams)
    ]
    return layers.Add(name=f"{name}_fused")(weighed)


def _block(
    x: Any,
    levels: range,
    unit: Callable[[Any, int, int], Any],
    fuse: Callable[[list[Any], int, int], Any],
    move: Callable[[Any, int, int, int], Any],
) -> Any:
    """A multi-scale residual block, but for its last convolution.

    Args:
        x: features of the first stream.
        levels: of the streams.
        unit: (features, level, column): a dual attention unit.
        fuse: (streams at one level, level, column): selective kernel fusion.
        move: (features, from level, to level, column): resampling.
    """
    streams: list[Any] = []
    for level in levels:
        x = x if level == 0 else move(x, level - 1, level, 0)
        x = unit(x, level, 0)
        streams.append(x)
    for column in range(1, COLUMNS):
        mixed = [
            fuse([move(s, k, level, column) for k, s in enumerate(streams)], level, column)
            for level in levels
        ]
        streams = [unit(m, level, column) for level, m in enumerate(mixed)]
    return fuse([move(s, k, 0, COLUMNS) for k, s in enumerate(streams)], 0, COLUMNS)


# ------------------------------------------------------------------------------- for small devices


def _conv(filters: int, kernel: int, name: str, **options: Any) -> layers.Conv2D:
    return layers.Conv2D(filters, kernel, padding="same", name=name, **options)


def _branch_end(filters: int, name: str, **options: Any) -> layers.Conv2D:
    """The last convolution of a residual branch, small at first.

    Training then starts at the lifted picture, and sums do not grow from branch to branch: without
    it they reached thousands, and ReLUs died.
    """
    return _conv(filters, 3, name, kernel_initializer=_small(), **options)


def _small() -> keras.initializers.Initializer:
    """Of what is to add little at first."""
    return keras.initializers.VarianceScaling(0.05)


def _lite(picture: Any, size: Size) -> tuple[Any, Any]:
    """The residual and what it is added to, (B, H, W, 3) each."""
    features, half = size.features, size.half
    light = _light(picture, size.light)
    base = _recoloured(picture, light, size.curve)
    # What the body sees is as bright as the result, whatever the camera.
    seen = layers.Concatenate(name="seen")([picture, base])
    # To half size, whose features are kept for the way back, and to the streams' quarter.
    x = _conv(half, 4, "down1", strides=2, activation="relu")(seen)
    rung = _conv(half, 3, "rung")(x)
    x = _conv(features[0], 4, "down2", strides=2, activation="relu")(x)
    x = layers.Add(name="lit")([x, _branch_end(features[0], "light_shift")(light)])
    for group in range(1, size.groups + 1):
        y = x
        for block in range(1, size.blocks + 1):
            y = _lite_block(y, light, features, f"group{group}_block{block}")
        y = _branch_end(features[0], f"group{group}_last")(y)
        x = layers.Add(name=f"group{group}_add")([x, y])
    # And back: what the body found decides what of the kept features goes into the result. At half
    # size, as convolutions of few channels at full size take integers as long as floats.
    x = _conv(half, 1, "narrow")(x)
    x = layers.UpSampling2D(interpolation="bilinear", name="up")(x)
    x = layers.Add(name="join")([x, rung])
    y = _conv(half, 3, "smooth_a", activation="relu")(x)
    x = layers.Add(name="smooth_add")([x, _branch_end(half, "smooth_b")(y)])
    end: dict[str, Any] = {"kernel_initializer": _small(), "dtype": "float32"}
    residual = layers.Conv2DTranspose(3, 4, 2, padding="same", name="tail", **end)(x)
    kept = layers.Conv2DTranspose(3, 2, 2, name="kept", bias_initializer="ones", **end)(x)
    return residual, _denoised(base, kept)


def _denoised(base: Any, kept: Any) -> Any:
    """A picture with less of its finest detail, which of a dark one is mostly noise: (B, H, W, 3).

    Args:
        base: (B, H, W, 3).
        kept: how much of what a picture of half the size does not show remains, (B, H, W, 3).
    """
    exact = {"dtype": "float32"}
    smooth = layers.AveragePooling2D(2, name="fine_pool", **exact)(base)
    smooth = layers.UpSampling2D(interpolation="bilinear", name="fine_up", **exact)(smooth)
    fine = layers.Subtract(name="fine", **exact)([base, smooth])
    fine = layers.Multiply(name="fine_scale", **exact)([fine, kept])
    return layers.Add(name="denoised", **exact)([smooth, fine])


def _light(picture: Any, features: int) -> Any:
    """What light the whole picture was taken in: features (B, 1, 1, C).

    From a thumbnail, whose means are those of the picture: how its values are distributed, and
    what larger shapes it shows.
    """
    x = layers.AveragePooling2D(THUMBNAIL_POOL, name="reduced")(picture)
    x = layers.Resizing(*THUMBNAIL_SIZE, name=THUMBNAIL)(x)
    values = _conv(features // 2, 1, "light_values", activation="relu")(x)
    means = [layers.GlobalAveragePooling2D(keepdims=True, name="light_values_pool")(values)]
    for level, share in enumerate((4, 2, 1)):
        x = _conv(features // share, 3, f"light{level}", strides=2, activation="relu")(x)
    means.append(layers.GlobalAveragePooling2D(keepdims=True, name="light_pool")(x))
    x = layers.Concatenate(name="light_means")(means)
    return _conv(features, 1, "light", activation="relu")(x)


def _recoloured(picture: Any, light: Any, pieces: int) -> Any:
    """The picture in other colours, each pixel by itself: (B, H, W, 3).

    A mixture of piecewise linear curves of both forms of the input. What each counts, and what is
    added to all pixels, the light of the whole picture decides.
    """
    x = _conv(pieces, 1, "curves", activation="relu", kernel_initializer=Lifted(), dtype="float32")(
        picture
    )
    start = {"kernel_initializer": _small(), "dtype": "float32"}
    share = _conv(pieces, 1, "curves_share", bias_initializer="ones", **start)(light)
    x = layers.Multiply(name="curves_scale", dtype="float32")([x, share])
    x = _conv(3, 1, "colours", kernel_initializer=First(), dtype="float32")(x)
    shift = _conv(3, 1, "colours_shift", **start)(light)
    return layers.Add(name="recoloured", dtype="float32")([x, shift])


@keras.saving.register_keras_serializable("chromaedge")
class Lifted(keras.initializers.Initializer):
    """A 1x1 kernel (1, 1, 6, N): the lifted channels, then random mixtures of all six."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """The kernel."""
        kernel = np.asarray(keras.random.normal(shape, stddev=0.5))
        kernel = kernel.copy()
        kernel[..., :3] = 0.0
        kernel[0, 0, 3:, :3] = np.eye(3)
        return ops.convert_to_tensor(kernel, dtype)


@keras.saving.register_keras_serializable("chromaedge")
class First(keras.initializers.Initializer):
    """A 1x1 kernel (1, 1, N, 3) that takes the first three of N channels."""

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """The kernel."""
        kernel = np.zeros(shape, np.float32)
        kernel[0, 0, :3] = np.eye(3)
        return ops.convert_to_tensor(kernel, dtype)


def _lite_block(x: Any, light: Any, features: tuple[int, ...], name: str) -> Any:
    """A multi-scale residual block whose attention looks at the light of the whole picture.

    As published, it looks at means of the features themselves; those of a crop in training are not
    those of a picture on a device.
    """

    def unit(x: Any, level: int, column: int) -> Any:
        channels, own = features[level], f"{name}_unit{column}{level}"
        y = _conv(channels, 3, f"{own}_a", activation="relu")(x)
        y = _branch_end(channels, f"{own}_b")(y)
        weights = _conv(channels, 1, f"{own}_excite")(light)
        weights = layers.Activation("sigmoid", name=f"{own}_gate")(weights)
        y = layers.Multiply(name=f"{own}_scale")([y, weights])
        return layers.Add(name=f"{own}_add")([x, y])

    def fuse(streams: list[Any], level: int, column: int) -> Any:
        channels, own = features[level], f"{name}_fuse{column}{level}"
        logits = _conv(channels * len(streams), 1, f"{own}_excite")(light)
        return _weighed(streams, logits, own)

    def move(x: Any, source: int, goal: int, column: int) -> Any:
        own = f"{name}_move{column}{source}{goal}"
        for level in range(source, goal):
            x = _conv(features[level + 1], 3, f"{own}_down{level}", strides=2)(x)
        for level in range(source, goal, -1):
            x = _conv(features[level - 1], 1, f"{own}_narrow{level}")(x)
            x = layers.UpSampling2D(interpolation="bilinear", name=f"{own}_up{level}")(x)
        return x

    y = _block(x, range(len(features)), unit, fuse, move)
    y = _branch_end(features[0], f"{name}_last")(y)
    return layers.Add(name=f"{name}_add")([x, y])


# ------------------------------------------------------------------------------------ as published


class _Layers(dict[str, layers.Layer]):
    """Layers by name, made once: what the authors' network shares is one layer here."""

    def conv(self, filters: int, kernel: int, name: str, **options: Any) -> layers.Layer:
        made = layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=name, **options)
        return self.setdefault(name, made)

    def prelu(self, name: str) -> layers.Layer:
        quarter = keras.initializers.Constant(0.25)
        made = layers.PReLU(quarter, shared_axes=[1, 2, 3], name=name)
        return self.setdefault(name, made)


def _published(picture: Any, size: Size) -> tuple[Any, Any]:
    """The residual and what it is added to, (B, H, W, 3) each."""
    known = _Layers()
    base = picture[..., :3]
    x = known.conv(size.features[0], 3, "head")(base)
    for group in range(1, size.groups + 1):
        y = x
        for block in range(1, size.blocks + 1):
            y = _published_block(y, size.features, known, f"group{group}_block{block}")
        y = known.conv(size.features[0], 3, f"group{group}_last")(y)
        x = layers.Add(name=f"group{group}_add")([x, y])
    return known.conv(3, 3, "tail", dtype="float32")(x), base


def _published_block(x: Any, features: tuple[int, ...], known: _Layers, name: str) -> Any:
    def unit(x: Any, level: int, column: int) -> Any:
        channels, own = features[level], f"{name}_unit{level}"
        tag = f"{own}_{column}"
        y = known.prelu("units_prelu")(known.conv(channels, 3, f"{own}_a")(x))
        y = known.conv(channels, 3, f"{own}_b")(y)
        pooled = [ops.max(y, -1, keepdims=True), ops.mean(y, -1, keepdims=True)]
        spatial = known.conv(1, 5, f"{own}_spatial")(
            layers.Concatenate(name=f"{tag}_pools")(pooled)
        )
        where = layers.Activation("sigmoid", name=f"{tag}_spatial_gate")(spatial)
        squeeze = known.conv(channels // 8, 1, f"{own}_squeeze", activation="relu")
        excite = known.conv(channels, 1, f"{own}_excite")
        both = [
            layers.Multiply(name=f"{tag}_spatial_scale")([y, where]),
            _channel_attention(y, squeeze, excite, tag),
        ]
        y = known.conv(channels, 1, f"{own}_merge")(layers.Concatenate(name=f"{tag}_both")(both))
        return layers.Add(name=f"{tag}_add")([x, y])

    def fuse(streams: list[Any], level: int, column: int) -> Any:
        # One fusion a level; the block's end uses the first level's again.
        channels, own = features[level], f"{name}_fuse{level}"
        tag = f"{own}_{column}"
        total = layers.Add(name=f"{tag}_sum")(streams)
        means = layers.GlobalAveragePooling2D(keepdims=True, name=f"{tag}_pool")(total)
        squeezed = known.conv(max(4, channels // 8), 1, f"{own}_squeeze")(means)
        squeezed = known.prelu(f"{own}_prelu")(squeezed)
        logits = known.conv(channels * len(streams), 1, f"{own}_excite")(squeezed)
        return _weighed(streams, logits, tag)

    def move(x: Any, source: int, goal: int, column: int) -> Any:
        # The block's end has resamplers of its own.
        own = f"{name}_{'end' if column == COLUMNS else 'move'}{source}{goal}"
        for level in range(source, goal):
            x = _reduced(x, features[level + 1], known, f"{own}_down{level}", f"_{column}")
        for level in range(source, goal, -1):
            x = _enlarged(x, features[level - 1], known, f"{own}_up{level}", f"_{column}")
        return x

    y = _block(x, range(len(features)), unit, fuse, move)
    y = known.conv(features[0], 3, f"{name}_last")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _reduced(x: Any, filters: int, known: _Layers, own: str, tag: str) -> Any:
    """Residual downsampling: blurred (Zhang, 2019), every second pixel, twice the channels."""
    channels = x.shape[-1]
    y = known.prelu(f"{own}_prelu_a")(known.conv(channels, 1, f"{own}_a")(x))
    y = known.prelu(f"{own}_prelu_b")(known.conv(channels, 3, f"{own}_b")(y))
    y = known.conv(filters, 1, f"{own}_c")(Blur(name=f"{own}_blur_b{tag}")(y))
    z = known.conv(filters, 1, f"{own}_d")(Blur(name=f"{own}_blur_a{tag}")(x))
    return layers.Add(name=f"{own}_add{tag}")([y, z])


def _enlarged(x: Any, filters: int, known: _Layers, own: str, tag: str) -> Any:
    """Residual upsampling: a transposed convolution beside a bilinear one, half the channels."""
    channels = x.shape[-1]
    y = known.prelu(f"{own}_prelu_a")(known.conv(channels, 1, f"{own}_a")(x))
    transposed = layers.Conv2DTranspose(
        channels, 3, 2, padding="same", use_bias=False, name=f"{own}_b"
    )
    y = known.prelu(f"{own}_prelu_b")(known.setdefault(f"{own}_b", transposed)(y))
    y = known.conv(filters, 1, f"{own}_c")(y)
    z = layers.UpSampling2D(interpolation="bilinear", name=f"{own}_bilinear{tag}")(x)
    return layers.Add(name=f"{own}_add{tag}")([y, known.conv(filters, 1, f"{own}_d")(z)])


@keras.saving.register_keras_serializable("chromaedge")
class Blur(layers.DepthwiseConv2D):
    """The fixed 3x3 binomial filter at every second pixel: downsampling without aliases."""

    def __init__(self, **options: Any) -> None:
        fixed = {"kernel_size": 3, "strides": 2, "padding": "same", "use_bias": False}
        super().__init__(**(options | fixed | {"trainable": False}))

    def build(self, input_shape: Any) -> None:
        """Set the filter."""
        super().build(input_shape)
        taps = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
        self.kernel.assign(np.broadcast_to(taps[..., None, None], self.kernel.shape))
