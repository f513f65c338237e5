"""Low light's data: real pairs, and photographs darkened afresh at every step."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from datasets import lowlight, partners, sources
from datasets.cells import centre
from edge_demo.colour.ycbcr import round_to_uint8
from edge_demo.errors import UserError
from edge_demo.tasks import enhance

from .config import FitConfig, epochs, plan

_SHOWN = 3


def prepare(
    config: FitConfig, train: Sequence[sources.Source], held_out: sources.Source
) -> tuple[Any, ...]:
    """The parts of a ``feeds.Feed``."""
    kept = list(itertools.islice(_validation_pairs(held_out), config.val_photographs))
    size = enhance.TASK.size_multiple
    side = min(config.val_crop, *(min(low.shape[:2]) // size * size for low, _ in kept))
    free = config.loss == "zero_reference"
    photographs = [source for source in train if not source.low]
    bank = lowlight.cut(
        itertools.chain.from_iterable(_pairs(source, free) for source in train if source.low),
        (rgb for source in photographs for rgb in _photographs(source, config)),
        size=config.cell,
        limit_bytes=int(config.cells_gib * 2**30),
        photograph_count=sum(source.count for source in photographs),
        seed=config.seed,
    )
    if not len(bank.pairs) + len(bank.photographs):
        raise UserError("not one pair to train on: their two pictures have nothing in common")
    summary = (
        f"{len(bank.pairs)} cells of pairs and {len(bank.photographs)} of photographs "
        f"from {bank.count} pictures"
    )
    return (
        summary,
        lambda start, stop: _batches(config, bank, start, stop),
        lowlight.fixed(kept, side, free),
        lambda model: comparison(model, kept[:_SHOWN], side),
    )


def _batches(config: FitConfig, bank: lowlight.Bank, start: int, stop: int) -> tf.data.Dataset:
    """Steps of one stage of the plan."""
    _, epoch_steps = epochs(config)
    stage = next(s for s in plan(config) if start < s.stop * epoch_steps)
    return lowlight.batches(
        bank,
        patch=stage.patch,
        batch=stage.batch,
        start=start,
        stop=stop,
        seed=config.seed,
        synthetic=stage.synthetic,
        without_truth=config.loss == "zero_reference",
    )


def _pairs(source: sources.Source, without_truth: bool) -> Iterator[lowlight.Pair]:
    """A source's pairs; where the truth is looked at, those that show one scene.

    Of records that was seen to when they were made, on whole pictures.
    """
    if without_truth or source.counts:
        yield from ((low, high) for _, low, high in sources.pairs(source))
    else:
        yield from partners.of_one_scene(sources.pairs(source))


def _photographs(source: sources.Source, config: FitConfig) -> Iterator[NDArray[np.uint8]]:
    """A source's photographs; of records, which are shuffled, as many as there is memory for."""
    most = int(config.cells_gib * 2**30) // (config.cell**2 * 3) if source.counts else None
    return (rgb for _, rgb in itertools.islice(sources.photographs(source), most))


def _validation_pairs(source: sources.Source) -> Iterator[lowlight.Pair]:
    """A source's pairs; of a source of photographs, pairs with a camera drawn for each."""
    if source.low:
        for _, low, high in sources.pairs(source):
            yield low, high
    else:
        for path, rgb in sources.photographs(source):
            yield enhance.degrade(rgb, zlib.crc32(path.name.encode())), rgb


def comparison(model: keras.Model, pairs: Sequence[lowlight.Pair], side: int) -> NDArray[np.uint8]:
    """Truth, input and prediction side by side, centre crops: RGB (rows * side, 3 * side, 3)."""
    lines = []
    for low, high in pairs:
        dark = centre(low, side)
        output = np.asarray(
            model(enhance.encode(dark)["picture"][None], training=False), np.float32
        )[0]
        found = enhance.decode({model.output_names[0]: output}, dark)
        lines.append(np.concatenate([centre(high, side), dark, round_to_uint8(found)], axis=1))
    return np.concatenate(lines)
