"""Losses of networks that predict a distribution over colours."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from edge_demo.colour.ab_bins import BINS, COUNT, STEP
from edge_demo.tasks.colorize import AB
from keras_models.ab_classes import annealed

NEAREST = 5  # bins that a colour is shared among
SIGMA = 5.0  # of the Gaussian that shares it, units of a and b
_REACH = 128  # a and b of the table, at most


@functools.cache
def soft_encoding() -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """For every whole a and b in -128..127: its five nearest bins and their shares.

    As in Zhang et al. (2016), section 2.2.

    Returns:
        Indices and shares, (256 * 256, 5) each; a changes slower.
    """
    whole = np.arange(-_REACH, _REACH, dtype=np.float32)
    indices, shares = [], []
    for a in whole:  # a row at a time: all distances at once are 160 MB
        ab = np.stack([np.full_like(whole, a), whole], -1)
        distances = np.square(ab[:, None] - BINS).sum(-1)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEAREST]
        near = np.take_along_axis(distances, nearest, 1)
        weight = np.exp((near[:, :1] - near) / (2 * SIGMA**2))
        indices.append(nearest)
        shares.append(weight / weight.sum(1, keepdims=True))
    return np.concatenate(indices).astype(np.int32), np.concatenate(shares).astype(np.float32)


def rebalancing(prior: NDArray[np.floating], uniform: float) -> NDArray[np.float32]:
    """What each bin counts, so that rare colours are learnt too (Zhang et al., 2016, section 2.2).

    Args:
        prior: how common each bin is, (313,), sum 1.
        uniform: share of an even distribution mixed in: 1 counts all alike, 0 makes the rarest
            count most.

    Returns:
        (313,), whose mean over the prior is 1.
    """
    # Smoothed over its neighbours on the grid, as a colour is shared among them.
    kernel = np.exp(-np.square(BINS[:, None] - BINS).sum(-1) / (2 * (STEP / 2) ** 2))
    smooth = kernel @ prior / kernel.sum(1)
    smooth = smooth / smooth.sum()
    weights = 1.0 / ((1 - uniform) * smooth + uniform / COUNT)
    return (weights / (prior * weights).sum()).astype(np.float32)


@keras.saving.register_keras_serializable("chromaedge")
class ColourEntropy(keras.losses.Loss):
    """Cross-entropy with softly encoded colours, rebalanced.

    Args:
        weights: what each bin counts, 313 numbers, see ``rebalancing``.
        regression: weight of a Huber loss of ab, where a network's scores have ab before the bins
            (Zhang et al., 2017); 0 where they have bins alone.
    """

    def __init__(
        self, weights: Sequence[float], regression: float = 0.0, name: str = "colour_entropy"
    ) -> None:
        super().__init__(name=name)
        self.weights = [float(weight) for weight in weights]
        self.regression = regression
        self._indices, self._shares = soft_encoding()

    def call(self, y_true, y_pred):  # type: ignore[no-untyped-def]
        """The loss of each place, of true ab over 110 (B, h, w, 2) and scores."""
        y_true, scores = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        logits = scores[..., -COUNT:]
        whole = ops.cast(ops.round(y_true * AB), "int32") + _REACH
        whole = ops.clip(whole, 0, 2 * _REACH - 1)
        cell = whole[..., 0] * (2 * _REACH) + whole[..., 1]
        nearest = ops.take(ops.convert_to_tensor(self._indices), cell, axis=0)
        shares = ops.take(ops.convert_to_tensor(self._shares), cell, axis=0)
        wanted = ops.take_along_axis(logits, nearest, axis=-1)
        entropy = ops.logsumexp(logits, axis=-1) - ops.sum(shares * wanted, axis=-1)
        weights = ops.convert_to_tensor(np.array(self.weights, np.float32))
        loss = entropy * ops.take(weights, nearest[..., 0], axis=0)
        if self.regression:
            error = ops.abs(y_true - scores[..., :2]) * AB
            # Quadratic below 10, where eyes begin to mind.
            huber = ops.where(error < 10.0, ops.square(error) / 20.0, error - 5.0)
            loss = loss + self.regression * ops.sum(huber, axis=-1)
        return loss

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` needs."""
        return {"weights": self.weights, "regression": self.regression, "name": self.name}


def scored_psnr(y_true, y_pred):  # type: ignore[no-untyped-def]
    """A Keras metric: PSNR of a and b, peak 255, of what a device would be told."""
    scores = ops.cast(y_pred, "float32")
    bins_alone = scores.shape[-1] == COUNT
    ab = annealed(scores)[..., :2] if bins_alone else scores[..., :2]
    error = (ops.cast(y_true, "float32") - ab) * AB
    mse = ops.mean(ops.square(error), axis=(1, 2, 3))
    return 10.0 * ops.log10(255.0**2 / ops.maximum(mse, 1e-6))


scored_psnr.__name__ = "psnr"
