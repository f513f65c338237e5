"""Does a training step wait for data? ``fit`` on real batches against ``fit`` on one of them."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

import keras_models
from datasets import sources

from .config import FitConfig
from .fit import batches, compiled, cut


@dataclass(frozen=True)
class Waiting:
    """What was measured.

    Attributes:
        real_ms, cached_ms: median over rounds of the mean time of a step.
        rounds: of each kind, alternating.
        steps: in a round.
    """

    real_ms: float
    cached_ms: float
    rounds: int
    steps: int

    @property
    def share(self) -> float:
        """Part of a real step that a cached one does not have; below 0 is noise."""
        return 1.0 - self.cached_ms / self.real_ms


def bench(config: FitConfig, data: str, rounds: int = 5, steps: int = 60) -> Waiting:
    """Alternate rounds of both kinds in one process, so that a noisy machine disturbs both alike.

    Args:
        config: the model and the pipeline as they are trained.
        data: source of photographs.
        rounds: of each kind.
        steps: in a round; a few more are made before the first, unmeasured.
    """
    bank = cut(sources.open_source(data, "train"), config)
    model = compiled(replace(config, steps=10_000), keras_models.get(config.model).TASK)
    first = batches(config, bank, start=0, steps=steps)
    cached = tf.data.Dataset.from_tensors(next(iter(first))).repeat()
    times: dict[str, list[float]] = {"real": [], "cached": []}
    _round(model, first, 10)
    for index in range(rounds):
        begin = index * steps
        fresh = batches(config, bank, start=begin, steps=begin + steps)
        times["real"].append(_round(model, fresh, steps))
        times["cached"].append(_round(model, cached, steps))
    return Waiting(
        statistics.median(times["real"]), statistics.median(times["cached"]), rounds, steps
    )


def _round(model: keras.Model, data: tf.data.Dataset, steps: int) -> float:
    began = time.perf_counter()
    model.fit(data, epochs=1, steps_per_epoch=steps, verbose=0, shuffle=False)
    return (time.perf_counter() - began) / steps * 1e3
