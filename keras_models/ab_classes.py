"""Colours as classes: scores of the 313 bins, and what a device is told of them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from edge_demo.colour.ab_bins import BINS, COUNT
from edge_demo.tasks.colorize import AB

# The temperature of the annealed mean (Zhang et al., 2016): between the mean (1), which is dull,
# and the most probable colour (0), which changes from place to place.
TEMPERATURE = 0.38
SCORES = "scores"  # the layer that training looks at
REGRESSION = "regression"  # and the one before it, of networks that predict ab beside the classes
GAIN = "gain"  # and how strong each colour may be, of networks that scale the annealed mean
COLOURS = "means"  # the layer that holds each class's colour, where it is a layer


def scores(x: keras.KerasTensor) -> keras.KerasTensor:
    """The bins' scores (logits)."""
    start = keras.initializers.RandomNormal(stddev=1e-2)
    x = layers.Conv2D(COUNT, 1, kernel_initializer=start, dtype="float32", name="bins")(x)
    return layers.Identity(dtype="float32", name=SCORES)(x)


def means(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """The 1x1 convolution that makes means of probabilities, (1, 1, N, 3).

    Args:
        colours: (N, 2), a and b over 110 of each class.

    Returns:
        Behind a and b their square's sum, at most 1.
    """
    square = np.minimum(np.square(colours).sum(-1, keepdims=True), 1.0)
    return np.concatenate([colours, square], axis=-1)[None, None].astype(np.float32)


MEANS = means(BINS / np.float32(AB))
# What a gain of 1 makes of the annealed mean, which is dull by nature: times as strong.
VIVID = 1.5


def annealed(logits: Any) -> Any:
    """The annealed mean and the mean square, of the same sharpened distribution.

    Args:
        logits: (B, h, w, 313).

    Returns:
        (B, h, w, 3): a and b over 110, and the mean of (a^2 + b^2) over 110^2, at most 1; by that
        the device knows how far the colours spread.
    """
    # A convolution, because integers multiply those best.
    return ops.conv(sharpened(logits), ops.convert_to_tensor(MEANS))


def sharpened(logits: Any) -> Any:
    """The distribution of scores (B, h, w, 313) at the annealed mean's temperature."""
    return ops.softmax(logits / TEMPERATURE, axis=-1)


def gained(logits: Any, gain: Any) -> Any:
    """The annealed mean times ``VIVID`` and a gain.

    Args:
        logits: (B, h, w, 313).
        gain: (B, h, w, 1) in 0..1.

    Returns:
        a and b over 110, (B, h, w, 2).
    """
    return gain * ops.conv(sharpened(logits), ops.convert_to_tensor(MEANS[..., :2] * VIVID))


def adjust(model: keras.Model, weights: NDArray[np.floating], share: float) -> None:
    """Take back some of what rebalancing taught a network.

    Trained with weights w, its scores are those of w times the probabilities that photographs have,
    so log w comes off (Menon et al., "Long-tail Learning via Logit Adjustment", ICLR 2021).

    Args:
        model: with scores.
        weights: what each bin counted in training, (313,).
        share: of their logarithm, 0..1.
    """
    bins = model.get_layer("bins")
    kernel, bias = bins.get_weights()
    bins.set_weights([kernel, bias - share * np.log(weights)])


def trained_part(model: keras.Model) -> keras.Model:
    """The part of a network that is fitted: up to its scores, or all of a network without them.

    Behind ``REGRESSION`` or ``GAIN``, where it has one. They are joined here alone: in the network
    itself, one range of 8 bits would have to hold them both, and scores are twenty times as large
    as ab.
    """
    names = [layer.name for layer in model.layers]
    if SCORES not in names:
        return model
    parts = [model.get_layer(name).output for name in (REGRESSION, GAIN, SCORES) if name in names]
    joined = layers.Concatenate(dtype="float32")(parts) if len(parts) > 1 else parts[0]
    return keras.Model(model.inputs, joined, name=f"{model.name}-scores")
