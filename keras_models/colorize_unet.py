"""U-Net on EfficientNet-Lite: classified colours, as saturated as the network is sure of them.

Ronneberger, Fischer and Brox (2015), "U-Net: Convolutional Networks for Biomedical Image
Segmentation": a decoder that gets each finer map of the encoder by a skip connection. The encoder
is a pretrained EfficientNet-Lite, and the mean of its embedding, what the whole picture shows, is
told to every place (the global context of Iizuka et al., 2016, "Let there be Color!").

Colours are those of Zhang, Isola and Efros (2016): a distribution over 313 bins at a quarter of the
size and its annealed mean, computed in the graph. In front of the output stands a gain in 0..1 of
1.5 times that mean, learnt beside it: where the network knows, colours may be stronger than a mean,
which is dull by nature, and where it does not, they are quiet instead of wrong. Training looks at
the scores of the bins, the gain, and the ab that both make, see ``training.colour_losses``.

Input ``lightness`` (B, H, W, 1) in -1..1, output ``palette`` (B, H / 4, W / 4, 315): ab, and the
distribution, of which colours to suggest are made and by which hints are spread; see
``edge_demo.tasks.colorize``. H and W are multiples of 32. All of it suits integers: ReLU6, batch
normalisation that folds into convolutions, bilinear enlargement of few channels, softmaxes over the
bins of one place, never over a map.

Sizes are called after the encoder; ``test`` has a tiny one. kMAC per luma pixel: test 0.5,
lite0 17.1, lite2 19.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from edge_demo.tasks.colorize import PALETTE as TASK

from . import ab_classes, efficientnet_lite
from .pyramid import conv, larger

__all__ = ["SIZES", "TASK", "build"]

# From this downscale on the encoder is fitted, too; finer maps know edges, as they do anywhere.
_FITTED_FROM = 16


@dataclass(frozen=True)
class Size:
    """How large the network is.

    Attributes:
        encoder: of EfficientNet-Lite.
        widths: downscale (32, 16, 8, 4) to the decoder's channels.
        dropout: share of the encoder's coarse channels, and half of it of the decoder's, that each
            step of training leaves out.
    """

    encoder: efficientnet_lite.Layout
    widths: dict[int, int]
    dropout: float


SIZES: dict[str, Size] = {
    "test": Size(efficientnet_lite.TINY, {32: 12, 16: 12, 8: 12, 4: 12}, 0.0),
    "lite0": Size(efficientnet_lite.LITE["lite0"], {32: 192, 16: 144, 8: 112, 4: 48}, 0.2),
    "lite2": Size(efficientnet_lite.LITE["lite2"], {32: 128, 16: 112, 8: 96, 4: 48}, 0.2),
}


def build(size: str) -> keras.Model:
    """The network of a size; training looks at its layers ``gain`` and ``scores``.

    A fresh encoder has random weights: ``backbones.load`` gives it trained ones.
    """
    made = SIZES[size]
    (source,), (result,) = TASK.inputs, TASK.outputs
    picture = keras.Input((None, None, source.channels), name=source.name)
    fitted_from = 1 if size == "test" else _FITTED_FROM
    known = efficientnet_lite.features(picture, made.encoder, fitted_from)
    x = _decoder(known, made)
    scores = ab_classes.scores(x)
    means = _means()(ab_classes.sharpened(scores))
    ab = layers.Multiply(dtype="float32", name="ab_gained")([_gain(x), means])
    clipped = ops.clip(ab, result.low, result.high)
    probabilities = ops.softmax(scores, axis=-1) * 2.0 - 1.0
    out = layers.Concatenate(axis=-1, dtype="float32", name=result.name)([clipped, probabilities])
    model = keras.Model(picture, out, name=f"colorize_unet-{size}")
    saturate(model, 1.0)
    return model


def saturate(model: keras.Model, factor: float) -> None:
    """Make all colours of a network stronger by a factor; 1 is as trained."""
    colours = ab_classes.MEANS[..., :2] * np.float32(ab_classes.VIVID * factor)
    model.get_layer(ab_classes.COLOURS).set_weights([colours])


def _decoder(known: dict[int, keras.KerasTensor], made: Size) -> keras.KerasTensor:
    """(B, H / 4, W / 4, C) of the encoder's features by downscale."""
    widths, dropout = made.widths, made.dropout
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="whole_mean")(known[32])
    whole = layers.Dropout(dropout, name="whole_drop")(whole)
    x = layers.SpatialDropout2D(dropout, name="drop32")(known[32])
    x = conv(x, widths[32], "lateral32", side=1)
    x = _told(x, whole, 32)
    for downscale in (16, 8, 4):
        # Fewer channels first: enlarging costs by their number.
        x = larger(conv(x, widths[downscale], f"narrow{downscale}", side=1), f"up{downscale}")
        skip = known[downscale]
        if downscale == 16:
            skip = layers.SpatialDropout2D(dropout, name="drop16")(skip)
        x = layers.Concatenate(name=f"join{downscale}")([x, skip])
        x = conv(x, widths[downscale], f"fuse{downscale}")
        if downscale == 8:
            x = _told(x, whole, downscale)
            x = layers.SpatialDropout2D(dropout / 2, name="drop8")(x)
        if downscale != 4:  # at the finest the edges of the picture itself do the rest
            x = conv(x, widths[downscale], f"mix{downscale}")
    return x


def _told(x: keras.KerasTensor, whole: keras.KerasTensor, downscale: int) -> keras.KerasTensor:
    """What the whole picture shows, added to every place."""
    said = layers.Conv2D(x.shape[-1], 1, name=f"whole{downscale}")(whole)
    return layers.Add(name=f"add_whole{downscale}")([x, said])


def _gain(x: keras.KerasTensor) -> keras.KerasTensor:
    """How sure the network is of its colours, (B, h, w, 1) in 0..1."""
    start = keras.initializers.RandomNormal(stddev=1e-2)
    quiet = keras.initializers.Constant(-1.0)  # all colours alike make no grey
    x = layers.Conv2D(
        1, 1, kernel_initializer=start, bias_initializer=quiet, dtype="float32", name="gain_score"
    )(x)
    return layers.Activation("sigmoid", dtype="float32", name=ab_classes.GAIN)(x)


def _means() -> keras.Layer:
    """The layer of each bin's colour; see ``saturate``."""
    return layers.Conv2D(
        2, 1, use_bias=False, trainable=False, dtype="float32", name=ab_classes.COLOURS
    )
