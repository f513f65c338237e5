"""Chroma predicted directly, by a generator that is trained against a discriminator.

The generator of a conditional GAN (pix2pix, Isola et al., 2017): luma and low-resolution chroma in,
chroma at luma resolution out, its own values in place of a correction to be added. Its body is that
of ``chroma_residual``; a 1x1 convolution, which begins as the identity, carries the chroma that it
was given past the body. What it makes is as sharp as true chroma, and partly invented.

Input ``planes`` (B, H/2, W/2, 12), output ``chroma`` (B, H/2, W/2, 8), both in -128/255..127/255;
see ``edge_demo.tasks.chroma``, variant "direct". kMAC per luma pixel: test 0.7, s 19.9,
m 76.6.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from edge_demo.tasks.chroma import CORRECTION_SCALE
from edge_demo.tasks.chroma import DIRECT as TASK

from . import chroma_residual
from .chroma_residual import SIZES as _SIZES
from .chroma_residual import Size

__all__ = ["GROWS_FROM", "SIZES", "TASK", "build", "halo"]

SIZES: dict[str, Size] = {name: _SIZES[name] for name in ("test", "s", "m")}

# Its body may start as the one that corrects.
GROWS_FROM = {"s": "chroma_residual-s", "m": "chroma_residual-m"}

halo = chroma_residual.halo


@keras.saving.register_keras_serializable("chromaedge")
class Passed(keras.initializers.Initializer):
    """The kernel of a 1x1 convolution that passes its last inputs on."""

    def __call__(self, shape, dtype=None):  # type: ignore[no-untyped-def]
        """The kernel (1, 1, in, out)."""
        _, _, inputs, outputs = shape
        kernel = np.zeros((1, 1, inputs, outputs), np.float32)
        kernel[0, 0, inputs - outputs :] = np.eye(outputs)
        return ops.convert_to_tensor(kernel, dtype=dtype)


def build(size: str) -> keras.Model:
    """The model for any even height and width.

    Args:
        size: a key of ``SIZES``.
    """
    result = TASK.outputs[0]
    planes = keras.Input((None, None, TASK.inputs[0].channels), name=TASK.inputs[0].name)
    found = chroma_residual.correction(chroma_residual.body(planes, SIZES[size]))
    given = layers.Conv2D(
        result.channels, 1, use_bias=False, kernel_initializer=Passed(), name="given",
        dtype="float32",
    )(planes)  # fmt: skip
    # In the correction's unit, in which gradients are of a useful size.
    scaled = layers.Rescaling(CORRECTION_SCALE / result.scale, name="scaled", dtype="float32")(
        found
    )
    whole = layers.Add(name="whole", dtype="float32")([given, scaled])
    clipped = layers.Identity(name=result.name, dtype="float32")(
        ops.clip(whole, result.low, result.high)
    )
    return keras.Model(planes, clipped, name=f"chroma_gan-{size}")
