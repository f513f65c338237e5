"""Low light's curves in training: applied as the device applies them, and a network with them.

Guo et al., "Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement", CVPR 2020.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from edge_demo.tasks.enhance import ITERATIONS

CODES = 255.0  # 8-bit code values of a picture that is 1


def upsampled(curves: Any, picture: Any) -> Any:
    """Curve maps (B, h, w, C) at the size of a picture (B, H, W, 3): (B, H, W, C), float32.

    Bilinear with half-pixel centres, as ``cv2.resize`` does with INTER_LINEAR.
    """
    curves = ops.cast(curves, "float32")
    size = tuple(picture.shape[1:3])
    if None not in size and tuple(curves.shape[1:3]) == size:
        return curves
    (cells_down, cells_across), (down, across) = (ops.shape(x)[1:3] for x in (curves, picture))
    rows, columns = _interpolation(cells_down, down), _interpolation(cells_across, across)
    return ops.einsum("yi,bijc,xj->byxc", rows, curves, columns)


def _interpolation(cells: Any, pixels: Any) -> Any:
    """What each of some cells in a row counts in each of the pixels that they span.

    A matrix (pixels, cells), because ``ops.image.resize`` takes no open size, and ``fit`` traces a
    loss with one as soon as it has met a second size of crops.
    """
    span = ops.cast(cells, "float32") / ops.cast(pixels, "float32")
    centres = (ops.arange(pixels, dtype="float32") + 0.5) * span - 0.5
    places = ops.clip(centres, 0.0, ops.cast(cells, "float32") - 1.0)
    return ops.relu(1.0 - ops.abs(places[:, None] - ops.arange(cells, dtype="float32")))


def apply_curves(picture: Any, curves: Any) -> Any:
    """Eight iterations of LE(x) = x + a x (1 - x), in float32.

    Args:
        picture: (B, H, W, 3) in 0..1.
        curves: a in -1..1, (B, h, w, 3), the same in each iteration, or (B, h, w, 24), three for
            each; smaller maps are brought to the picture's size.

    Returns:
        (B, H, W, 3) in 0..1, as ``edge_demo.tasks.enhance.apply_curves`` computes it.

    Raises:
        ValueError: maps of another number of channels.
    """
    return brightened(picture, upsampled(curves, picture))


def brightened(picture: Any, maps: Any) -> Any:
    """``apply_curves`` for maps of the picture's size."""
    bright = ops.cast(picture, "float32")
    shared = is_shared(maps)
    for index in range(ITERATIONS):
        a = maps if shared else maps[..., 3 * index : 3 * index + 3]
        bright = bright + a * bright * (1.0 - bright)
    return bright


def is_shared(curves: Any) -> bool:
    """Whether all iterations share the maps (B, h, w, 3); not of (B, h, w, 24).

    Raises:
        ValueError: another number of channels.
    """
    channels = curves.shape[-1]
    if channels not in (3, 3 * ITERATIONS):
        raise ValueError(f"curves have 3 or {3 * ITERATIONS} channels, not {channels}")
    return bool(channels == 3)


class CurvesModel(keras.Model):
    """A network of curves, trained on the picture that they make; called, it gives that picture.

    The device's smoothing of what was brightened is not in it: it has no part in the curves.

    Attributes:
        generator: the network, which is kept.
    """

    def __init__(self, generator: keras.Model) -> None:
        """Put the curves behind the network.

        Args:
            generator: takes ``picture`` (B, H, W, 6), of which the first three channels are RGB.
        """
        super().__init__(name=generator.name)
        self.generator = generator
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """RGB (B, H, W, 3) in 0..1."""
        return apply_curves(inputs[..., :3], self.generator(inputs, training=training))
