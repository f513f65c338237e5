"""Two answers in one network: the consistent correction, and detail that it dares to invent.

The body and the correction are those of ``chroma_residual``, trained first and then kept as they
are. A second head proposes detail, and a gate, learned with it, says at each pixel how much of that
to believe (as the gates of highway networks, Srivastava et al., 2015, choose between a layer and
its input). The detail is learned from ``chroma_gan``, beside the truth: sharper, at the price of
some fidelity. A device adds as much of it as the user wants: none leaves the correction as it was.

Input ``planes`` (B, H/2, W/2, 12) in -128/255..127/255, output ``merged`` (B, H/2, W/2, 16) in
-1..1, the correction and then the gated detail; see ``edge_demo.tasks.chroma``, variant
"merged". kMAC per luma pixel: test 1.1, s 23.3, m 88.1.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from edge_demo.tasks.chroma import MERGED as TASK

from . import chroma_residual
from .chroma_residual import SIZES as _SIZES
from .chroma_residual import Size, conv

__all__ = ["SIZES", "STARTS_FROM", "TASK", "build", "halo"]

SIZES: dict[str, Size] = {name: _SIZES[name] for name in ("test", "s", "m")}

# The network whose run a size starts from, and keeps as it is.
STARTS_FROM = {"s": "chroma_residual-s", "m": "chroma_residual-m"}


def halo(size: str) -> int:
    """See ``chroma_residual.reach``: the detail is one convolution further than the correction."""
    return chroma_residual.reach(3 + 2 * SIZES[size].blocks)


def build(size: str) -> keras.Model:
    """The model for any even height and width. All but ``test`` train the second head alone.

    Args:
        size: a key of ``SIZES``.
    """
    planes = keras.Input((None, None, TASK.inputs[0].channels), name=TASK.inputs[0].name)
    features = chroma_residual.body(planes, SIZES[size])
    correction = chroma_residual.correction(features)
    kept = keras.Model(planes, correction)
    kept.trainable = size not in STARTS_FROM

    result = TASK.outputs[0]
    channels = result.channels // 2
    x = conv(SIZES[size].channels, "detail_a", activation="relu")(features)
    # Small at first, so that training starts at the correction.
    start = keras.initializers.VarianceScaling(0.01)
    detail = conv(channels, "detail_b", kernel_initializer=start, dtype="float32")(x)
    gate = conv(channels, "gate", activation="sigmoid", dtype="float32")(x)
    # Clipped where a convolution ends, so that the graph has no clamp of its own.
    certain, dared = (ops.clip(part, result.low, result.high) for part in (correction, detail))
    believed = layers.Multiply(name="believed", dtype="float32")([dared, gate])
    both = layers.Concatenate(name=result.name, dtype="float32")([certain, believed])
    return keras.Model(planes, both, name=f"chroma_merged-{size}")
