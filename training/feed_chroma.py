"""Chroma reconstruction's data: 4:4:4 photographs, cut into cells, made 4:2:0 at each step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from datasets import cells, pipeline, sources
from edge_demo.runtime.colour import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from edge_demo.runtime.siting import upsample
from edge_demo.runtime.tasks import chroma

from .config import FitConfig


def prepare(
    config: FitConfig, train: Sequence[sources.Source], held_out: sources.Source
) -> tuple[Any, ...]:
    """The parts of a ``feeds.Feed``."""
    crops = validation_crops(held_out, config)
    bank = cells.cut(
        sources.joined(train),
        size=config.cell,
        least_side=min(config.patch, 64),
        copies=config.copies,
        seed=config.seed,
        limit_bytes=int(config.cells_gib * 2**30),
    )
    summary = f"{len(bank.ycbcr)} cells of {bank.photographs} photographs"
    draw: Callable[[keras.Model], NDArray[np.uint8]] = lambda model: comparison(model, crops)  # noqa: E731
    return summary, lambda a, b: _batches(config, bank, a, b), pipeline.fixed(crops, "center"), draw


def _batches(config: FitConfig, bank: cells.Cells, start: int, stop: int) -> tf.data.Dataset:
    return pipeline.batches(
        bank,
        patch=config.patch,
        batch=config.batch,
        steps=stop,
        seed=config.seed,
        sitings=config.sitings,
        start=start,
    )


def validation_crops(source: sources.Source, config: FitConfig) -> NDArray[np.uint8]:
    """Centre crops of the first photographs held out, (N, side, side, 3) YCbCr."""
    chosen = sources.some(source, range(len(source.paths))[: config.val_photographs])
    found = itertools.islice(sources.photographs(chosen), config.val_photographs)
    photographs = [rgb for _, rgb in found]
    side = min(config.val_crop, *(min(rgb.shape[:2]) // 2 * 2 for rgb in photographs))
    return np.stack([round_to_uint8(rgb_to_ycbcr(cells.centre(rgb, side))) for rgb in photographs])


def comparison(model: keras.Model, crops: NDArray[np.uint8], rows: int = 3) -> NDArray[np.uint8]:
    """Truth, input and prediction side by side for a few crops: RGB (rows * side, 3 * side, 3)."""
    lines = []
    for crop in crops[:rows]:
        planes = chroma.degrade_ycbcr(crop)
        encoded = chroma.encode(planes)["planes"][None]
        output = np.asarray(model(encoded, training=False), np.float32)[0]
        bilinear = upsample(planes.cbcr, planes.size, planes.siting, chroma.TASK.reference)
        pictures = [crop[..., 1:], bilinear, chroma.decode({"correction": output}, planes)]
        lines.append(
            np.concatenate(
                [
                    round_to_uint8(ycbcr_to_rgb(np.concatenate([crop[..., :1], cbcr], -1)))
                    for cbcr in pictures
                ],
                axis=1,
            )
        )
    return np.concatenate(lines)
