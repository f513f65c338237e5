"""Chains of convolutions with inverted residual blocks, as MobileNetV2 and EfficientNet-Lite are.

Sandler et al. (2018), "MobileNetV2: Inverted Residuals and Linear Bottlenecks". Batch normalisation
is folded into the convolutions, as trained networks are shipped for devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import keras
from keras import layers

EMBEDDING, CLASSIFIER = "backbone_embedding", "backbone_classifier"


@dataclass(frozen=True)
class Layer:
    """One convolution, in the order in which the network runs them.

    Attributes:
        name: of the Keras layer.
        kind: ``conv`` or ``depthwise``.
        channels: of its output.
        side: of its kernel.
        stride: along both axes.
        active: whether ReLU6 follows.
        adds: whether its block's input is added to its output.
    """

    name: str
    kind: str
    channels: int
    side: int = 1
    stride: int = 1
    active: bool = True
    adds: bool = False


def structure(
    stem: Layer, stages: Iterable[tuple[int, int, int, int, int]], embedding: int, classes: int
) -> Iterator[Layer]:
    """Every convolution, up to the embedding and the classifier behind its mean.

    Args:
        stem: the first one.
        stages: expansion, channels, blocks, the first block's stride and the kernels' side of each.
        embedding, classes: channels of the last two.
    """
    yield stem
    before, block = stem.channels, 0
    for expansion, channels, repeats, first_stride, side in stages:
        for index in range(repeats):
            stride = first_stride if index == 0 else 1
            name, wide = f"backbone_block{block}", before * expansion
            if expansion > 1:
                yield Layer(f"{name}_expand", "conv", wide)
            yield Layer(f"{name}_depthwise", "depthwise", wide, side, stride)
            adds = stride == 1 and before == channels
            yield Layer(f"{name}_project", "conv", channels, active=False, adds=adds)
            before, block = channels, block + 1
    yield Layer(EMBEDDING, "conv", embedding)
    yield Layer(CLASSIFIER, "conv", classes, active=False)


def features(
    picture: keras.KerasTensor, chain: Iterable[Layer], trainable: Callable[[Layer, int], bool]
) -> dict[int, keras.KerasTensor]:
    """The last feature map of each size.

    Args:
        picture: (B, H, W, C) in -1..1; H and W multiples of the product of all strides.
        chain: the network; its classifier, if there, is left out.
        trainable: of a layer and its output's downscale, whether its weights are fitted.

    Returns:
        Downscale to features: what the last block, or the embedding, of that size answers.
    """
    found: dict[int, keras.KerasTensor] = {}
    x = skip = picture
    downscale = 1
    for layer in chain:
        if layer.name == CLASSIFIER:
            break
        if layer.kind == "conv" and layer.stride == 1 and layer.active:
            skip = x  # what a block expands is what it adds to its result
        downscale *= layer.stride
        kernel: dict[str, object] = {
            "padding": "same",
            "strides": layer.stride,
            "name": layer.name,
            "trainable": trainable(layer, downscale),
        }
        if layer.kind == "conv":
            x = layers.Conv2D(layer.channels, layer.side, **kernel)(x)
        else:
            x = layers.DepthwiseConv2D(layer.side, **kernel)(x)
        if layer.active:
            x = layers.ReLU(6.0, name=f"{layer.name}_relu")(x)
        elif layer.adds:
            x = layers.Add(name=f"{layer.name}_add")([skip, x])
        if not layer.active or layer.name == EMBEDDING:
            found[downscale] = x
    return found


def classes(embedding: keras.KerasTensor, count: int) -> keras.KerasTensor:
    """Each class's score (logit), (B, 1, 1, count), of an embedding's mean over the picture."""
    x = layers.GlobalAveragePooling2D(keepdims=True, name="backbone_mean")(embedding)
    return layers.Conv2D(count, 1, trainable=False, name=CLASSIFIER)(x)
