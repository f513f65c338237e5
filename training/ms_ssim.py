"""Structural similarity, at one scale and at many, and a loss that adds both to Charbonnier's.

Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
Similarity", 2004; at many scales Wang, Simoncelli and Bovik, "Multiscale Structural Similarity for
Image Quality Assessment", 2003; as a loss beside an absolute error: Zhao et al., "Loss Functions
for Image Restoration with Neural Networks", 2017.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from .losses import Charbonnier

# What each scale counts, from the finest (Wang et al.); fewer scales share their sum.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# The Gaussian window: its side and its standard deviation, pixels.
WINDOW, SIGMA = 11, 1.5
COARSE = 16  # side of the squares whose means the loss may look at, pixels
_C1, _C2 = 0.01**2, 0.03**2
# A similarity below this is taken as this: a power of 0 has no gradient.
_LEAST = 1e-4


def ssim(one: Any, other: Any) -> Any:
    """Similarity at the picture's own scale, (B,); the mean over pixels and channels.

    As ``edge_demo.measure.metrics.ssim`` measures it. MS-SSIM hardly counts this scale, which is
    where noise is.

    Args:
        one, other: (B, H, W, C) in 0..1, H and W 11 or more.
    """
    luminance, contrast = _similarity(ops.cast(one, "float32"), ops.cast(other, "float32"))
    return ops.mean(luminance * contrast, axis=(1, 2, 3))


def ms_ssim(one: Any, other: Any) -> Any:
    """Similarity of pictures, (B,) in 0..1; the mean over their channels.

    As many scales as the picture has room for: at the last, the window still fits.

    Args:
        one, other: (B, H, W, C) in 0..1. H and W may be open in a traced function: ``fit`` traces
            so once it has met a second size of crops.

    Raises:
        ValueError: a side below the window's 11 pixels.
    """
    one, other = ops.cast(one, "float32"), ops.cast(other, "float32")
    height, width = ops.shape(one)[1:3]
    known = isinstance(height, int) and isinstance(width, int)
    if known and min(height, width) < WINDOW:
        raise ValueError(f"MS-SSIM needs {WINDOW}x{WINDOW} pixels or more, not {width}x{height}")
    room = (min if known else ops.minimum)(height, width) // WINDOW
    logarithm, total = 0.0, 0.0
    for index, weight in enumerate(WEIGHTS):
        if index:
            one, other = _halved(one), _halved(other)
        fits = index == 0 or room >= 2**index
        if fits is False:
            break
        last = index == len(WEIGHTS) - 1 or room < 2 ** (index + 1)
        if fits is True:
            similarity = _scale(one, other, last)
        else:  # known only when it runs
            similarity = ops.cond(
                fits,
                lambda a=one, b=other, c=last: _scale(a, b, c),
                lambda a=one: ops.zeros_like(a[:, 0, 0]),
            )
        logarithm, total = (
            logarithm + weight * similarity,
            total + weight * ops.cast(fits, "float32"),
        )
    return ops.mean(ops.exp(logarithm / total), axis=-1)


def _scale(one: Any, other: Any, last: Any) -> Any:
    """The logarithm of one scale's similarity, (B, C)."""
    luminance, contrast = _similarity(one, other)
    with_luminance = ops.mean(luminance * contrast, axis=(1, 2))
    without = ops.mean(contrast, axis=(1, 2))
    return ops.log(ops.maximum(ops.where(last, with_luminance, without), _LEAST))


def _halved(picture: Any) -> Any:
    return ops.average_pool(picture, 2, 2, "same", data_format="channels_last")


def _similarity(one: Any, other: Any) -> tuple[Any, Any]:
    """SSIM's luminance and its contrast-structure, (B, H - 10, W - 10, C)."""
    mean, mean2 = _blurred(one), _blurred(other)
    both, squares = mean * mean2, ops.square(mean) + ops.square(mean2)
    luminance = (2.0 * both + _C1) / (squares + _C1)
    covariance = _blurred(one * other) - both
    variances = _blurred(ops.square(one) + ops.square(other)) - squares
    return luminance, (2.0 * covariance + _C2) / (variances + _C2)


def _blurred(picture: Any) -> Any:
    """Means under the window wherever it fits, along rows and then columns."""
    offsets = np.arange(WINDOW, dtype=np.float32) - WINDOW // 2
    line = np.exp(-np.square(offsets) / (2 * SIGMA**2))
    line /= line.sum()
    channels = picture.shape[-1]
    for shape in ((WINDOW, 1), (1, WINDOW)):
        kernel = np.tile(line.reshape(*shape, 1, 1), (1, 1, channels, 1))
        picture = ops.depthwise_conv(picture, kernel, padding="valid", data_format="channels_last")
    return picture


@keras.saving.register_keras_serializable("chromaedge")
class CharbonnierMsSsim(keras.losses.Loss):
    """Charbonnier's loss and MS-SSIM: (1 - share) * Charbonnier + share * 255 * (1 - MS-SSIM).

    The first asks for the right value of each pixel, the second for the right structure, which the
    eye sees first. For tensors (B, H, W, C) that are pictures, from 0 to 255 / ``scale``. Besides,
    ``coarse`` times Charbonnier's loss of means over 16x16 pixels: brightness and colour of places;
    and ``ssim`` * 255 * (1 - SSIM): noise and fine structure.

    Args:
        scale: 8-bit code values per unit of the tensors.
        epsilon: as ``Charbonnier``'s, in code values.
        share: of the second, 0..1.
        coarse: weight of the third.
        ssim: weight of the fourth.
    """

    def __init__(
        self,
        scale: float,
        epsilon: float,
        share: float,
        coarse: float,
        ssim: float = 0.0,
        name: str = "charbonnier_ms_ssim",
    ) -> None:
        super().__init__(name=name)
        self.scale = scale
        self.epsilon = epsilon
        self.share = share
        self.coarse = coarse
        self.ssim = ssim
        self._charbonnier = Charbonnier(scale, epsilon)

    def call(self, y_true, y_pred):  # type: ignore[no-untyped-def]
        """The loss of each picture, in code values."""
        error = ops.mean(self._charbonnier.call(y_true, y_pred), axis=(1, 2, 3))
        unit = self.scale / 255.0
        pictures = [ops.cast(values, "float32") * unit for values in (y_true, y_pred)]
        similarity = ms_ssim(*pictures)
        loss = (1.0 - self.share) * error + self.share * 255.0 * (1.0 - similarity)
        if self.coarse:
            means = [
                ops.average_pool(ops.cast(values, "float32"), COARSE, data_format="channels_last")
                for values in (y_true, y_pred)
            ]
            places = ops.mean(self._charbonnier.call(*means), axis=(1, 2, 3))
            loss = loss + self.coarse * places
        if self.ssim:
            loss = loss + self.ssim * 255.0 * (1.0 - ssim(*pictures))
        return loss

    def get_config(self) -> dict:
        """What ``from_config`` needs."""
        return {
            "scale": self.scale, "epsilon": self.epsilon, "share": self.share,
            "coarse": self.coarse, "ssim": self.ssim, "name": self.name,
        }  # fmt: skip
