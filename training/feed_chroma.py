"""Chroma reconstruction's data: 4:4:4 photographs, cut into cells, made 4:2:0 at each step."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import keras_models
from datasets import cells, pipeline, sources
from datasets.source import Source, joined, some
from datasets.squares import centre
from edge_demo.colour.siting import upsample
from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from edge_demo.tasks import chroma, jpeg

from .config import FitConfig
from .feed import Feed


def prepare(config: FitConfig, train: Sequence[Source], held_out: Source) -> Feed:
    """See ``feeds.prepare``."""
    crops = validation_crops(held_out, config)
    bank = cells.cut(
        joined(train),
        size=config.cell,
        least_side=min(config.patch, 64),
        copies=config.copies,
        seed=config.seed,
        limit_bytes=int(config.cells_gib * 2**30),
    )
    task = keras_models.task(config.model, config.size)
    assert isinstance(task, chroma.Variant)
    return Feed(
        summary=f"{len(bank.ycbcr)} cells of {bank.photographs} photographs",
        batches=lambda start, stop: _batches(config, task, bank, start, stop),
        validation=pipeline.fixed(crops, "center", task, qualities=config.qualities),
        draw=lambda model: comparison(model, crops, task),
    )


def _batches(
    config: FitConfig, task: chroma.Variant, bank: cells.Cells, start: int, stop: int
) -> tf.data.Dataset:
    return pipeline.batches(
        bank,
        task,
        patch=config.patch,
        batch=config.batch,
        steps=stop,
        seed=config.seed,
        sitings=config.sitings,
        start=start,
        qualities=config.qualities,
        max_quality_share=config.max_quality_share,
    )


def validation_crops(source: Source, config: FitConfig) -> NDArray[np.uint8]:
    """Centre crops of the first photographs held out, (N, side, side, 3) YCbCr."""
    chosen = some(source, range(len(source.paths))[: config.val_photographs])
    found = itertools.islice(sources.photographs(chosen), config.val_photographs)
    photographs = [rgb for _, rgb in found]
    side = min(config.val_crop, *(min(rgb.shape[:2]) // 16 * 16 for rgb in photographs))
    return np.stack([round_to_uint8(rgb_to_ycbcr(centre(rgb, side))) for rgb in photographs])


# What networks that are told a JPEG's quality are shown with.
_SHOWN_QUALITY = 50


def comparison(
    model: keras.Model, crops: NDArray[np.uint8], task: chroma.Variant, rows: int = 3
) -> NDArray[np.uint8]:
    """Truth, input and prediction side by side for a few crops: RGB (rows * side, 3 * side, 3)."""
    lines = []
    for crop in crops[:rows]:
        planes = chroma.degrade_ycbcr(crop)
        if task.told_quality:
            planes = jpeg.compressed(planes, _SHOWN_QUALITY)
        encoded = task.encode(planes)[task.inputs[0].name][None]
        output = np.asarray(model(encoded, training=False), np.float32)[0]
        bilinear = upsample(planes.cbcr, planes.size, planes.siting, chroma.REFERENCE)
        restored = task.decode({task.outputs[0].name: output}, planes)
        pictures = [
            (crop[..., 0], crop[..., 1:]),
            (planes.y, bilinear),
            (planes.y, restored),
        ]
        lines.append(
            np.concatenate(
                [round_to_uint8(ycbcr_to_rgb(np.dstack([y, cbcr]))) for y, cbcr in pictures],
                axis=1,
            )
        )
    return np.concatenate(lines)
