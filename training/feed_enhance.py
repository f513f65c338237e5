"""Low light's data: real pairs, and photographs darkened afresh at every step."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import keras_models
from datasets import lowlight, partners, sources
from datasets.source import Source
from datasets.squares import centre
from edge_demo.errors import UserError
from edge_demo.tasks import enhance
from edge_demo.tasks.record import Task

from .config import FitConfig, epochs, plan
from .feed import Feed
from .kept import kept_network

_SHOWN = 3
_WHOLES = 96  # pictures that the ranges of 8-bit training are chosen from


def prepare(config: FitConfig, train: Sequence[Source], held_out: Source) -> Feed:
    """See ``feeds.prepare``."""
    kept = list(itertools.islice(_validation_pairs(held_out), config.val_photographs))
    task = keras_models.task(config.model, config.size)
    size = task.size_multiple
    side = min(config.val_crop, *(min(low.shape[:2]) // size * size for low, _ in kept))
    free = not config.objective.needs_truth
    thumbnail = keras_models.sees_thumbnail(config.model, config.size)
    parts = _parts(config, train, free)
    used = [part for part in parts if len(part.cells)]
    if not used:
        raise UserError("not one pair to train on: their two pictures have nothing in common")
    of_pairs = sum(len(part.cells) for part in used if part.paired)
    of_photographs = sum(len(part.cells) for part in used) - of_pairs
    pictures = sum(len(part.wholes) for part in used)
    return Feed(
        summary=f"{of_pairs} cells of pairs and {of_photographs} of photographs "
        f"from {pictures} pictures",
        batches=lambda start, stop: _batches(config, used, start, stop, thumbnail),
        validation=lowlight.fixed(kept, side, free, thumbnail),
        draw=lambda model: comparison(model, kept[:_SHOWN], side, thumbnail, task),
        wholes=(lambda: _wholes(used)) if thumbnail else None,
    )


def _wholes(parts: Sequence[lowlight.Part]) -> NDArray[np.float32]:
    """Dark pictures, encoded, of every source; of photographs, as cameras drawn for each see them.

    Every so many of a source, as many of each as there is room for.
    """
    found: list[NDArray[np.float32]] = []
    for part in parts:
        most = _WHOLES // len(parts)
        chosen = part.wholes[:: max(1, len(part.wholes) // most)][:most].numpy()
        for index, whole in enumerate(chosen):
            low = whole[..., :3] if part.paired else enhance.degrade(whole, index)
            found.append(enhance.encode(low)["picture"])
    return np.stack(found)


def _parts(config: FitConfig, train: Sequence[Source], free: bool) -> tuple[lowlight.Part, ...]:
    """Pairs and photographs; each source by itself where the config states its share."""

    def photographs(chosen: Sequence[Source], share: float) -> lowlight.Part:
        return lowlight.cut_photographs(
            (rgb for source in chosen for rgb in _photographs(source, config)),
            size=config.cell,
            share=share,
            limit_bytes=int(config.cells_gib * 2**30),
            count=sum(source.count for source in chosen),
            seed=config.seed,
        )

    def pairs(chosen: Sequence[Source], share: float) -> lowlight.Part:
        found = itertools.chain.from_iterable(_pairs(source, free) for source in chosen)
        return lowlight.cut_pairs(found, size=config.cell, share=share)

    if config.shares:
        if len(config.shares) != len(train):
            raise UserError(
                f"--set shares={config.shares}: --data names {len(train)} sources, each needs one"
            )
        given = zip(config.shares, config.reframed or [0.0] * len(train), train, strict=True)
        return tuple(
            replace((pairs if one.low else photographs)([one], share), reframed=reframed)
            for share, reframed, one in given
        )
    # What they count is a matter of each stage, see _batches.
    return (
        pairs([source for source in train if source.low], 1.0),
        photographs([source for source in train if not source.low], 1.0),
    )


def _batches(
    config: FitConfig, parts: Sequence[lowlight.Part], start: int, stop: int, thumbnail: bool
) -> tf.data.Dataset:
    """Steps of one stage of the plan."""
    _, epoch_steps = epochs(config)
    stage = next(s for s in plan(config) if start < s.stop * epoch_steps)
    if not config.shares and len(parts) > 1:
        shares = (1.0 - stage.synthetic, stage.synthetic)
        parts = [replace(part, share=s) for part, s in zip(parts, shares, strict=True)]
    return lowlight.batches(
        parts,
        patch=stage.patch,
        batch=stage.batch,
        start=start,
        stop=stop,
        seed=config.seed,
        varied=config.varied,
        compressed=config.compressed,
        uneven=config.uneven,
        without_truth=not config.objective.needs_truth,
        with_thumbnail=thumbnail,
    )


def _pairs(source: Source, without_truth: bool) -> Iterator[lowlight.Pair]:
    """A source's pairs; where the truth is looked at, those that show one scene.

    Of records that was seen to when they were made, on whole pictures.
    """
    if without_truth or source.counts:
        yield from ((low, high) for _, low, high in sources.pairs(source))
    else:
        yield from partners.of_one_scene(sources.pairs(source))


def _photographs(source: Source, config: FitConfig) -> Iterator[NDArray[np.uint8]]:
    """A source's photographs; of records, which are shuffled, as many as there is memory for."""
    most = int(config.cells_gib * 2**30) // (config.cell**2 * 3) if source.counts else None
    return (rgb for _, rgb in itertools.islice(sources.photographs(source), most))


def _validation_pairs(source: Source) -> Iterator[lowlight.Pair]:
    """A source's pairs; of a source of photographs, pairs with a camera drawn for each."""
    if source.low:
        for _, low, high in sources.pairs(source):
            yield low, high
    else:
        for path, rgb in sources.photographs(source):
            yield enhance.degrade(rgb, zlib.crc32(path.name.encode())), rgb


def comparison(
    model: keras.Model, pairs: Sequence[lowlight.Pair], side: int, thumbnail: bool, task: Task
) -> NDArray[np.uint8]:
    """Truth, input and prediction side by side, centre crops: RGB (rows * side, 3 * side, 3)."""
    lines = []
    network = kept_network(model)
    for low, high in pairs:
        dark = centre(low, side)
        given = [value[None] for value in lowlight.inputs(low, side, thumbnail)]
        output = np.asarray(network(given if thumbnail else given[0], training=False), np.float32)[
            0
        ]
        found = task.result({task.outputs[0].name: output}, dark)
        lines.append(np.concatenate([centre(high, side), dark, found], axis=1))
    return np.concatenate(lines)
