"""What the two published networks of Zhang et al. (2016, 2017) share: blocks of convolutions.

Each block ends in batch normalisation *behind* its last ReLU. Layers are named as the papers'
figures have them, ``conv5_2`` and ``norm5``; by these names ``published`` finds the authors'
weights.
"""

from __future__ import annotations

import keras
from keras import layers

# Convolutions of the seven blocks up to an eighth of the size, their channels and their dilation.
BLOCKS = ((2, 64, 1), (2, 128, 1), (3, 256, 1), (3, 512, 1), (3, 512, 2), (3, 512, 2), (3, 512, 1))
_EPSILON = 1e-5  # the authors' framework's


def conv(
    x: keras.KerasTensor,
    name: str,
    channels: int,
    side: int = 3,
    stride: int = 1,
    dilation: int = 1,
    bias: bool = True,
) -> keras.KerasTensor:
    """A convolution, padded alike on all sides whatever its stride."""
    if stride > 1:  # "same" would pad the right and the bottom alone
        x = layers.ZeroPadding2D(side // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        channels,
        side,
        stride,
        padding="same" if stride == 1 else "valid",
        dilation_rate=dilation,
        use_bias=bias,
        name=name,
    )(x)


def relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """ReLU behind the convolution of a name."""
    return layers.ReLU(name=f"{name}_relu")(x)


def norm(x: keras.KerasTensor, number: int) -> keras.KerasTensor:
    """Batch normalisation that ends a block."""
    return layers.BatchNormalization(epsilon=_EPSILON, name=f"norm{number}")(x)


def block(x: keras.KerasTensor, number: int, last_stride: int = 1) -> keras.KerasTensor:
    """One of ``BLOCKS``, by its number from 1; its last convolution may have a stride."""
    convolutions, channels, dilation = BLOCKS[number - 1]
    for index in range(1, convolutions + 1):
        name = f"conv{number}_{index}"
        stride = last_stride if index == convolutions else 1
        x = relu(conv(x, name, channels, stride=stride, dilation=dilation), name)
    return norm(x, number)


def larger(x: keras.KerasTensor, name: str, channels: int) -> keras.KerasTensor:
    """Twice the size by a transposed convolution."""
    return layers.Conv2DTranspose(channels, 4, 2, padding="same", name=name)(x)
