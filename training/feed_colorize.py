"""Colorization's data: whole photographs in Lab, and hints for networks that take them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import keras_models
from datasets import colorize, sources
from datasets.source import Source
from edge_demo.colour.ab_bins import BINS
from edge_demo.colour.ycbcr import round_to_uint8
from edge_demo.errors import UserError
from edge_demo.tasks.colorize import AB, Variant, to_rgb

from .colour_losses import told
from .config import FitConfig
from .feed import Feed

_SHOWN = 4


def prepare(config: FitConfig, train: Sequence[Source], held_out: Source) -> Feed:
    """See ``feeds.prepare``."""
    task = keras_models.task(config.model, config.size)
    assert isinstance(task, Variant)
    if config.shares and len(config.shares) != len(train):
        raise UserError(
            f"--set shares={config.shares}: --data names {len(train)} sources, each needs one"
        )
    if config.batch < len(train):
        raise UserError(
            f"--set batch={config.batch}: --data names {len(train)} sources, "
            "each needs a place in it"
        )
    photographs = (_photographs(source) for source in train)
    bank = colorize.gather(photographs, config.cell, config.shares)
    first = itertools.islice(_photographs(held_out), config.val_photographs)
    kept = np.stack([colorize.squeezed(rgb, config.patch) for rgb in first])
    each = ", ".join(map(str, colorize.shares(bank, config.batch)))
    return Feed(
        summary=f"{bank.photographs} photographs, of each source in a batch: {each}",
        batches=lambda start, stop: _batches(config, task, bank, start, stop),
        validation=colorize.fixed(kept, task, config.seed),
        draw=lambda model: comparison(model, kept[:_SHOWN], task, config.seed),
        prior=lambda: colorize.prior(bank, BINS),
    )


def _photographs(source: Source) -> Any:
    return (rgb for _, rgb in sources.photographs(source, halved=False))


def _batches(
    config: FitConfig, task: Variant, bank: colorize.Bank, start: int, stop: int
) -> tf.data.Dataset:
    return colorize.batches(
        bank,
        task,
        patch=config.patch,
        batch=config.batch,
        start=start,
        stop=stop,
        seed=config.seed,
        scanned=config.scanned,
    )


def comparison(
    model: keras.Model, lab: NDArray[np.uint8], task: Variant, seed: int
) -> NDArray[np.uint8]:
    """Truth, input and prediction side by side: RGB (rows * side, 3 * side, 3)."""
    (inputs, _), *_ = colorize.fixed(lab, task, seed)
    ab = np.asarray(told(model(inputs, training=False))) * AB
    lines = []
    for codes, given, found in zip(lab, np.asarray(inputs), ab, strict=True):
        lightness = codes[..., 0] / np.float32(2.55)
        side = len(lab[0])
        large = np.asarray(tf.image.resize(found, (side, side)))
        hints = given[..., 1:3] * AB if given.shape[-1] > 1 else np.zeros_like(large)
        line = [codes[..., 1:] - 128.0, hints, large]
        lines.append(np.concatenate([to_rgb(lightness, values) for values in line], axis=1))
    return round_to_uint8(np.concatenate(lines))
