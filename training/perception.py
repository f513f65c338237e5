"""What a classifier sees on a coloured picture, as a loss.

Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution"
(ECCV 2016): pictures are compared by the features of a network that was trained to tell what is on
them. As in LPIPS (Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual
Metric", CVPR 2018), the channels of each place are scaled to a length of one first. Beside them
stands what the classifier says of the whole picture. Errors of ab count all hues alike and places
alone; a classifier minds that a parrot is no longer one, or a hand half grey.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from edge_demo.colour import lab
from edge_demo.tasks.colorize import AB
from keras_models import backbones, efficientnet_lite, inverted_residual

from .colour_losses import told

Distance = Callable[[Any, Any], Any]

# Downscales whose features are compared, and what the classes count beside them.
_COMPARED = (4, 8, 16, 32)
_CLASSES = 0.2
# Two digits of linear light are below what 8 bits show; the gradient of a power at 0 has no end.
_DARKEST = 1e-4


def rgb_of_lab(values: Any) -> Any:
    """Lab (..., 3), L in 0..100, to sRGB (..., 3) in 0..1, clipped; differentiable.

    The formulas are those of ``edge_demo.colour.lab``, for any Keras backend.
    """
    values = ops.cast(values, "float32")
    curve = ops.matmul(values, lab.F_FROM_LAB[:, :3].T.copy()) + lab.F_FROM_LAB[:, 3]
    xyz = ops.where(
        curve > lab.KNEE ** (1.0 / 3.0), curve * curve * curve, (curve - lab.OFFSET) / lab.SLOPE
    )
    linear = ops.matmul(xyz, lab.INVERSE.T.astype(np.float32))
    linear = ops.clip(linear, _DARKEST, 1.0)
    return ops.where(
        linear > 0.0031308, 1.055 * ops.power(linear, 1.0 / 2.4) - 0.055, 12.92 * linear
    )


def distance(file: str, layout: efficientnet_lite.Layout) -> Distance:
    """How far apart a classifier finds two pictures.

    It computes in float32: the gradient to its input takes twice as long in bfloat16 on a CPU.

    Args:
        file: what ``import-backbone`` wrote, with the classifier.
        layout: the size of network that is in it.

    Returns:
        A function of the picture that was made and of the truth, both sRGB (B, H, W, 3) in 0..1,
        to a number for each of B. The truth has no gradient.

    Raises:
        UserError: no such file, or one of another network.
    """
    picture = keras.Input((None, None, 3))
    maps = efficientnet_lite.features(picture, layout, None)
    scores = inverted_residual.classes(maps[32], layout.classes)
    network = keras.Model(picture, [*(maps[downscale] for downscale in _COMPARED), scores])
    backbones.load(network, file, "classifier")
    network.trainable = False

    def apart(made: Any, truth: Any) -> Any:
        *found, said = network(made * 2.0 - 1.0, training=False)
        *wanted, known = (
            ops.stop_gradient(values) for values in network(truth * 2.0 - 1.0, training=False)
        )
        total = _CLASSES * _surprise(known, said)
        for one, other in zip(found, wanted, strict=True):
            square = ops.square(_unit(one) - _unit(other))
            total = total + ops.mean(ops.sum(square, axis=-1), axis=(1, 2))
        return total

    return apart


def _unit(features: Any) -> Any:
    """Channels (B, h, w, C) scaled to a length of one at each place."""
    features = ops.cast(features, "float32")
    square = ops.sum(ops.square(features), axis=-1, keepdims=True)
    return features / ops.sqrt(square + 1e-6)


def _surprise(known: Any, said: Any) -> Any:
    """Kullback-Leibler divergence (B,) of the classes that scores (B, 1, 1, N) mean."""
    known, said = (
        ops.log_softmax(ops.cast(scores, "float32")[:, 0, 0], axis=-1) for scores in (known, said)
    )
    return ops.sum(ops.exp(known) * (known - said), axis=-1)


class PerceivedModel(keras.Model):
    """A colorization network whose results a classifier looks at; called, it is the network.

    Attributes:
        generator: the network, which is kept.
    """

    def __init__(self, network: keras.Model, apart: Distance, weight: float, share: float) -> None:
        """Put them together.

        Args:
            network: answers lightness with what ``colour_losses.told`` understands.
            apart: see ``distance``. A function, because its weights are not to be saved with
                each checkpoint.
            weight: of it beside the compiled loss.
            share: of each batch that is looked at, 0..1: another part in each step.
        """
        super().__init__(name=network.name)
        self.generator = network
        self.apart, self.weight, self.share = apart, weight, share
        self.seeds = keras.random.SeedGenerator()
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the network answers."""
        return self.generator(inputs, training=training)

    def compute_loss(  # type: ignore[no-untyped-def]
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The compiled loss, and ``weight`` times what the classifier finds on a part of it."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        batch = x.shape[0] if x.shape[0] is not None else ops.shape(x)[0]
        chosen = ops.arange(batch)
        if training:
            count = max(1, round(batch * self.share))
            chosen = keras.random.shuffle(chosen, seed=self.seeds)[:count]
        lightness, truth, answer = (
            ops.take(values, chosen, axis=0) for values in (x[..., :1], y, y_pred)
        )
        apart = self.apart(_shown(lightness, told(answer)), _shown(lightness, truth))
        return loss + self.weight * ops.mean(apart)


def _shown(lightness: Any, ab: Any) -> Any:
    """sRGB (B, H, W, 3) in 0..1 of lightness -1..1 and ab over 110 of a coarser grid."""
    lightness, ab = ops.cast(lightness, "float32"), ops.cast(ab, "float32")
    large = ops.image.resize(ab, lightness.shape[1:3], interpolation="bilinear")
    return rgb_of_lab(ops.concatenate([(lightness + 1.0) * 50.0, large * AB], axis=-1))
