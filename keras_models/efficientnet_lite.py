"""EfficientNet-Lite: a pretrained backbone made for integers.

Tan and Le (2019), "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", in
the Lite form of TensorFlow's authors: without squeeze-and-excitation, ReLU6 for swish, and with a
stem and an embedding that do not grow. Batch normalisation is folded into the convolutions. Its
weights are read from PyTorch files by ``python -m keras_models import-backbone``.

It takes grey pictures or, to classify results, RGB, in -1..1 (the authors' 127 and 128 are within
half a code of that). The stem of one channel has the sum of the three channels' kernels, which is
what three equal channels would meet; both are in a file of weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import keras

from . import inverted_residual
from .inverted_residual import Layer

STEM, STEM_RGB = "backbone_stem", "backbone_stem_rgb"


@dataclass(frozen=True)
class Layout:
    """How large the network is.

    Attributes:
        stem: channels of the first convolution.
        stages: expansion, channels, blocks, the first block's stride and the kernels' side of each;
            their strides make 32 with the stem's.
        embedding: channels of the last convolution, whose mean over the picture is classified.
        classes: of the classifier behind it.
    """

    stem: int
    stages: tuple[tuple[int, int, int, int, int], ...]
    embedding: int
    classes: int


# Of the smallest network: expansion, channels, blocks, stride and side.
_STAGES = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
)  # fmt: skip
_DIVISOR = 8


def _scaled(width: float, depth: float) -> Layout:
    """A larger network; the first and the last stage do not get deeper."""
    ends = 0, len(_STAGES) - 1
    stages = tuple(
        (expansion, _rounded(channels * width),
         blocks if index in ends else math.ceil(blocks * depth), stride, side)
        for index, (expansion, channels, blocks, stride, side) in enumerate(_STAGES)
    )  # fmt: skip
    return Layout(32, stages, 1280, 1000)


def _rounded(channels: float) -> int:
    """The nearest multiple of eight that does not take away more than a tenth."""
    near = max(_DIVISOR, int(channels + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
    return near if near >= 0.9 * channels else near + _DIVISOR


LITE = {"lite0": _scaled(1.0, 1.0), "lite1": _scaled(1.0, 1.1), "lite2": _scaled(1.1, 1.2)}
TINY = Layout(6, ((1, 4, 1, 1, 3), (2, 4, 2, 2, 3), (2, 6, 1, 2, 5), (2, 8, 2, 2, 3),
                  (2, 8, 1, 2, 5)), 16, 10)  # fmt: skip


def structure(layout: Layout, rgb: bool = False) -> Iterator[Layer]:
    """Every convolution, up to the embedding and the classifier behind its mean."""
    stem = Layer(STEM_RGB if rgb else STEM, "conv", layout.stem, 3, 2)
    return inverted_residual.structure(stem, layout.stages, layout.embedding, layout.classes)


def features(
    picture: keras.KerasTensor, layout: Layout, fitted_from: int | None
) -> dict[int, keras.KerasTensor]:
    """The last feature map of each size.

    Args:
        picture: (B, H, W, 1) lightness or (B, H, W, 3) RGB, in -1..1; H and W multiples of 32.
        layout: its size; those of ``LITE`` have pretrained weights.
        fitted_from: the downscale from which on its weights are fitted, too; None for nowhere. Not
            those of depthwise convolutions: they are few, and on a CPU their gradient takes four
            times as long as all the others' together.

    Returns:
        Downscale to features: of ``lite0`` 2 (16 channels), 4 (24), 8 (40), 16 (112), and 32 (the
        embedding's 1280, before the mean over the picture).
    """

    def fitted(layer: Layer, downscale: int) -> bool:
        return layer.kind == "conv" and fitted_from is not None and downscale >= fitted_from

    chain = structure(layout, rgb=picture.shape[-1] == 3)
    return inverted_residual.features(picture, chain, fitted)


def classes(picture: keras.KerasTensor, layout: Layout) -> keras.KerasTensor:
    """What the whole network says, (B, 1, 1, layout.classes): each class's score (logit)."""
    return inverted_residual.classes(features(picture, layout, None)[32], layout.classes)
