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
from keras_models.ab_classes import annealed, gained

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
        loss = self._entropy(y_true, scores[..., -COUNT:])
        if self.regression:
            loss = loss + self.regression * ops.sum(
                _huber((y_true - scores[..., :2]) * AB), axis=-1
            )
        return loss

    def _entropy(self, y_true: Any, logits: Any) -> Any:
        whole = ops.cast(ops.round(y_true * AB), "int32") + _REACH
        whole = ops.clip(whole, 0, 2 * _REACH - 1)
        cell = whole[..., 0] * (2 * _REACH) + whole[..., 1]
        nearest = ops.take(ops.convert_to_tensor(self._indices), cell, axis=0)
        shares = ops.take(ops.convert_to_tensor(self._shares), cell, axis=0)
        wanted = ops.take_along_axis(logits, nearest, axis=-1)
        entropy = ops.logsumexp(logits, axis=-1) - ops.sum(shares * wanted, axis=-1)
        weights = ops.convert_to_tensor(np.array(self.weights, np.float32))
        return entropy * ops.take(weights, nearest[..., 0], axis=0)

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` needs."""
        return {"weights": self.weights, "regression": self.regression, "name": self.name}


def _quarter(values: Any) -> Any:
    """A place of every 2x2 of (B, h, w, C), h and w even: another one in each picture of four.

    Neighbours are alike, and of 313 scores each the loss takes as long as the network. They are
    gathered by number, because a slice with steps takes a pass over all scores for its gradient.
    """
    batch, height, width, channels = ops.shape(values)
    picture = ops.arange(batch)[:, None, None]
    row, column = 2 * ops.arange(height // 2)[None, :, None], 2 * ops.arange(width // 2)
    corner = picture % 4
    number = (picture * height + row + corner // 2) * width + column + corner % 2
    return ops.take(ops.reshape(values, (batch * height * width, channels)), number, axis=0)


def _huber(error: Any) -> Any:
    """Quadratic below 10, where eyes begin to mind; in units of a and b."""
    error = ops.abs(error)
    return ops.where(error < 10.0, ops.square(error) / 20.0, error - 5.0)


def chroma(ab: Any) -> Any:
    """How strong colours (..., 2) over 110 are, in units of a and b."""
    return ops.sqrt(ops.sum(ops.square(ab), axis=-1) * AB**2 + 1.0)  # + 1: grey has a gradient


@keras.saving.register_keras_serializable("chromaedge")
class JointColour(ColourEntropy):
    """What a distribution says and the ab that is made of it, together.

    Three terms. The rebalanced entropy teaches which colours are possible. A Huber loss of ab alone
    would pull every doubt to grey; a Huber loss of chroma, how strong a colour is whatever its hue,
    pulls it back. So ab become strong where the hue is known, because both agree there, and quiet,
    though not grey, where it is not.

    Args:
        weights: what each bin counts, 313 numbers, see ``rebalancing``.
        unbalance: share of their logarithm that stands beside the scores in the entropy, so that
            the scores themselves, which ab are made of, do not learn it (Menon et al., "Long-tail
            Learning via Logit Adjustment", ICLR 2021): 1 leaves them as photographs are.
        regression: weight of ab's loss.
        chroma: weight of chroma's.
    """

    def __init__(
        self,
        weights: Sequence[float],
        unbalance: float,
        regression: float,
        chroma: float,
        name: str = "joint_colour",
    ) -> None:
        super().__init__(weights, regression, name)
        self.unbalance, self.chroma = unbalance, chroma

    def call(self, y_true, y_pred):  # type: ignore[no-untyped-def]
        """The loss of a quarter of all places, (B, h / 2, w / 2).

        Args:
            y_true: ab over 110, (B, h, w, 2).
            y_pred: gain and, behind it, scores, (B, h, w, 314).
        """
        y_true, y_pred = _quarter(ops.cast(y_true, "float32")), _quarter(y_pred)
        gain, scores = ops.split(ops.cast(y_pred, "float32"), [1], axis=-1)
        ab = gained(scores, gain)
        taught = (self.unbalance * np.log(self.weights)).astype(np.float32)
        loss = self._entropy(y_true, scores + ops.convert_to_tensor(taught))
        loss = loss + self.regression * ops.sum(_huber((y_true - ab) * AB), axis=-1)
        return loss + self.chroma * _huber(chroma(y_true) - chroma(ab))

    def get_config(self) -> dict[str, Any]:
        """What ``from_config`` needs."""
        return {**super().get_config(), "unbalance": self.unbalance, "chroma": self.chroma}


def chroma_ratio(y_true, y_pred):  # type: ignore[no-untyped-def]
    """A Keras metric: how strong the colours are, over how strong they should be."""
    found, truth = (
        ops.sqrt(ops.sum(ops.square(ab), axis=-1))
        for ab in (told(y_pred), ops.cast(y_true, "float32"))
    )
    return ops.mean(found) / ops.maximum(ops.mean(truth), 1e-3)


def told(y_pred: Any) -> Any:
    """What a device would be told, ab over 110 (..., 2), of what a network in training answers.

    That is scores of the bins alone, or gain and scores, or ab and whatever is behind them.
    """
    values = ops.cast(y_pred, "float32")
    if values.shape[-1] == COUNT:
        return annealed(values)[..., :2]
    if values.shape[-1] == 1 + COUNT:
        return gained(values[..., 1:], values[..., :1])
    return values[..., :2]


def scored_psnr(y_true, y_pred):  # type: ignore[no-untyped-def]
    """A Keras metric: PSNR of a and b, peak 255, of what a device would be told."""
    error = (ops.cast(y_true, "float32") - told(y_pred)) * AB
    mse = ops.mean(ops.square(error), axis=(1, 2, 3))
    return 10.0 * ops.log10(255.0**2 / ops.maximum(mse, 1e-6))


scored_psnr.__name__ = "psnr"
