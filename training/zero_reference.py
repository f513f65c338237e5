"""Losses that ask no truth: how a picture in low light should look once curves brighten it.

Guo et al., "Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement", CVPR 2020, and
Li et al., "Learning to Enhance Low-Light Image via Zero-Reference Deep Curve Estimation", TPAMI
2021 (Zero-DCE++). Pictures are RGB (B, H, W, 3) in 0..1; each loss is one number a picture, (B,).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from edge_demo.tasks.enhance import ITERATIONS

from .curves import brightened, is_shared, upsampled

# Sides of the squares whose mean brightness counts, pixels.
REGION = 4
EXPOSED = 16
# Mean of a picture that is to have the stated brightness itself, and the limits for others: a night
# is not to become a day.
USUAL_MEAN = 0.04
LEVELS = 0.1, 0.6


def spatial_consistency(picture: Any, enhanced: Any) -> Any:
    """How much the contrast between neighbouring regions of 4x4 pixels has changed.

    The mean over regions of (difference afterwards - difference before)^2, summed over a region's
    neighbours above, below, left and right.
    """
    change = _means(enhanced, REGION) - _means(picture, REGION)
    squares = [ops.square(change[:, 1:] - change[:, :-1]),
               ops.square(change[:, :, 1:] - change[:, :, :-1])]  # fmt: skip
    regions = ops.sum(ops.ones_like(change), axis=(1, 2, 3))
    # Each pair of neighbours counts for both.
    return 2.0 * sum(ops.sum(square, axis=(1, 2, 3)) for square in squares) / regions


def wanted_level(picture: Any, exposure: float, power: float) -> Any:
    """The brightness that a picture should have, (B, 1, 1, 1).

    ``exposure``, as published, where ``power`` is 0. Above it, what is darker stays darker:
    exposure * (mean / 0.04) ** power, between 0.1 and 0.6.

    Args:
        picture: in low light, (B, H, W, 3) in 0..1.
        exposure: 0..1.
        power: 0 or more.
    """
    mean = ops.mean(ops.cast(picture, "float32"), axis=(1, 2, 3), keepdims=True)
    if not power:
        return ops.zeros_like(mean) + exposure
    followed = exposure * ops.power(ops.maximum(mean, 1e-4) / USUAL_MEAN, power)
    return ops.clip(followed, *LEVELS)


def exposure_control(enhanced: Any, level: Any) -> Any:
    """How far regions of 16x16 pixels are from a brightness: the mean of (region - level)^2.

    Args:
        enhanced: (B, H, W, 3) in 0..1.
        level: one for all, or of each picture (B, 1, 1, 1).
    """
    return ops.mean(ops.square(_means(enhanced, EXPOSED) - level), axis=(1, 2, 3))


def colour_constancy(enhanced: Any) -> Any:
    """How far the picture is from grey on average ("grey world").

    The sum over pairs of colours of (difference of their means over the picture)^2.
    """
    means = ops.mean(enhanced, axis=(1, 2))
    return ops.sum(ops.square(means - ops.roll(means, 1, axis=-1)), axis=-1)


def illumination_smoothness(curves: Any) -> Any:
    """How unsteady curve maps are: their total variation, at the picture's size.

    Twice the mean square of the step to the next pixel, horizontally and vertically, summed over
    the maps. Of maps that all iterations share, each counts once for every iteration.

    Args:
        curves: (B, H, W, 3) or (B, H, W, 24).
    """
    rows = ops.mean(ops.square(curves[:, 1:] - curves[:, :-1]), axis=(1, 2))
    columns = ops.mean(ops.square(curves[:, :, 1:] - curves[:, :, :-1]), axis=(1, 2))
    times = ITERATIONS if is_shared(curves) else 1
    return 2.0 * times * ops.sum(rows + columns, axis=-1)


def _means(picture: Any, side: int) -> Any:
    """Mean brightness of squares (B, H / side, W / side, 1); what is left at the edge is not."""
    grey = ops.mean(picture, axis=-1, keepdims=True)
    return ops.average_pool(grey, side, side, "valid", data_format="channels_last")


@keras.saving.register_keras_serializable("chromaedge")
class ZeroReference(keras.losses.Loss):
    """Zero-DCE's four losses on the picture that predicted curves make.

    ``y_true`` is what curves are applied to: the low picture (B, H, W, 3) in 0..1, H and W at
    least 16. ``y_pred`` are the curves, (B, h, w, 24) or (B, h, w, 3) in -1..1, of its size or
    smaller. All is computed in float32.

    The weights are those of the authors' code (github.com/Li-Chongyi/Zero-DCE and
    Zero-DCE_extension): spatial 1, exposure 10, colour 5, smoothness 200. For shared maps it has
    1600, which is the same, because here they count eight times. Two things differ from it. Its
    colour loss is the square root of a sum of fourth powers, which has no gradient on a grey
    picture; this is the paper's sum of squares. And neighbours outside the picture, which are black
    there, do not count here.

    Args:
        exposure: the brightness that regions should have, 0..1; 0.6 as published.
        power: how far it follows the picture's own, see ``wanted_level``; 0 as published.
        spatial, exposed, colour, tv_weight: the weights of the four.
    """

    def __init__(
        self,
        exposure: float = 0.6,
        power: float = 0.0,
        spatial: float = 1.0,
        exposed: float = 10.0,
        colour: float = 5.0,
        tv_weight: float = 200.0,
        name: str = "zero_reference",
    ) -> None:
        super().__init__(name=name)
        self.exposure = exposure
        self.power = power
        self.weights = {
            "spatial": spatial, "exposed": exposed, "colour": colour, "tv_weight": tv_weight,
        }  # fmt: skip

    def call(self, y_true, y_pred):  # type: ignore[no-untyped-def]
        """The loss of each picture."""
        picture = ops.cast(y_true, "float32")
        curves = upsampled(y_pred, picture)
        enhanced = brightened(picture, curves)
        losses = {
            "spatial": spatial_consistency(picture, enhanced),
            "exposed": exposure_control(enhanced, wanted_level(picture, self.exposure, self.power)),
            "colour": colour_constancy(enhanced),
            "tv_weight": illumination_smoothness(curves),
        }
        return sum(self.weights[name] * loss for name, loss in losses.items())

    def get_config(self) -> dict:
        """What ``from_config`` needs."""
        return {
            "exposure": self.exposure, "power": self.power, **self.weights, "name": self.name,
        }  # fmt: skip
