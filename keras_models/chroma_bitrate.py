"""Chroma residual CNN that is told how strongly a JPEG was quantised.

The network of ``chroma_residual`` with two more input planes: the strength of quantisation of luma
and of chroma, each one value for the whole picture, as a denoiser is told its noise level (FFDNet,
Zhang et al., 2018). The strengths also say by how much each inner feature of each block counts
(feature-wise modulation: FiLM, Perez et al., 2018), so that what was learned for one end of the
scale can rest at the other. One network then serves every quality: what looks like detail in a
strongly quantised picture is ringing, in a fine one it is detail.

Input ``planes`` (B, H/2, W/2, 14) in -128/255..127/255, output ``correction``
(B, H/2, W/2, 8) in -1..1; see ``edge_demo.tasks.chroma``, variant "bitrate". kMAC per luma
pixel: test 0.7, s 20.0.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from edge_demo.tasks.chroma import BITRATE as TASK

from . import chroma_residual
from .chroma_residual import SIZES as _SIZES
from .chroma_residual import Size

__all__ = ["GROWS_FROM", "SIZES", "TASK", "build", "halo"]

SIZES: dict[str, Size] = {name: _SIZES[name] for name in ("test", "s")}

# The two planes are all that the other lacks.
GROWS_FROM = {"s": "chroma_residual-s"}

halo = chroma_residual.halo


def build(size: str) -> keras.Model:
    """The model for any even height and width.

    Args:
        size: a key of ``SIZES``.
    """
    planes = keras.Input((None, None, TASK.inputs[0].channels), name=TASK.inputs[0].name)
    strengths = planes[..., -2:]

    def scaled(inner: keras.KerasTensor, name: str) -> keras.KerasTensor:
        # One for all at first, so that a start from the other network is that network.
        gain = layers.Conv2D(
            inner.shape[-1], 1, kernel_initializer="zeros", bias_initializer="ones",
            name=f"{name}_gain",
        )  # fmt: skip
        return layers.Multiply(name=f"{name}_scaled")([inner, gain(strengths)])

    found = chroma_residual.correction(chroma_residual.body(planes, SIZES[size], scaled))
    result = TASK.outputs[0]
    clipped = layers.Identity(name=result.name, dtype="float32")(
        ops.clip(found, result.low, result.high)
    )
    return keras.Model(planes, clipped, name=f"chroma_bitrate-{size}")
