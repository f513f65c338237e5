"""MobileNetV2's features: a pretrained backbone for small devices.

Sandler et al. (2018), "MobileNetV2: Inverted Residuals and Linear Bottlenecks". Width 1.0, with the
batch normalisation folded into the convolutions, as trained networks are shipped for devices. Its
weights are read from such a file by ``python -m keras_models import-backbone``.

The picture is grey, so the first convolution has one input channel: the sum of its three, which is
what three equal channels would meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras

from . import inverted_residual
from .inverted_residual import Layer


@dataclass(frozen=True)
class Layout:
    """How large the network is.

    Attributes:
        stem: channels of the first convolution.
        stages: expansion, channels, blocks and the first block's stride of each, as table 2 of the
            paper lists them; their strides make 32 with the stem's.
        embedding: channels of the last convolution, whose mean over the picture is classified.
        classes: of the classifier behind it; the published one's are background and ImageNet's.
    """

    stem: int
    stages: tuple[tuple[int, int, int, int], ...]
    embedding: int
    classes: int


PUBLISHED = Layout(
    32,
    ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
     (6, 320, 1, 1)),
    1280,
    1001,
)  # fmt: skip
TINY = Layout(6, ((1, 4, 1, 1), (2, 4, 2, 2), (2, 6, 1, 2), (2, 8, 1, 2), (2, 8, 1, 2)), 16, 10)


def structure(layout: Layout = PUBLISHED) -> Iterator[Layer]:
    """Every convolution, up to the embedding and the classifier behind its mean."""
    stem = Layer("backbone_stem", "conv", layout.stem, 3, 2)
    return inverted_residual.structure(
        stem, ((*stage, 3) for stage in layout.stages), layout.embedding, layout.classes
    )


def features(
    picture: keras.KerasTensor, layout: Layout = PUBLISHED, trainable: bool = False
) -> dict[int, keras.KerasTensor]:
    """The last feature map of each size.

    Args:
        picture: (B, H, W, 1) lightness in -1..1; H and W multiples of 32.
        layout: its size; only the published one has pretrained weights.
        trainable: whether its weights are fitted, too.

    Returns:
        Downscale to features: of the published layout 2 (16 channels), 4 (24), 8 (32), 16 (96), and
        32 (the embedding's 1280, before the mean over the picture).
    """
    return inverted_residual.features(picture, structure(layout), lambda *_: trainable)


def classes(picture: keras.KerasTensor, layout: Layout = PUBLISHED) -> keras.KerasTensor:
    """What the whole network says, (B, 1, 1, layout.classes): each class's score (logit)."""
    return inverted_residual.classes(features(picture, layout)[32], layout.classes)
