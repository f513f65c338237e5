"""Does a training step wait for data? ``fit`` on real batches against ``fit`` on one of them."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

import keras_models

from . import feeds
from .config import FitConfig, epochs, plan
from .fit import compiled, split

# Steps that a round makes before it is timed: starting a pipeline is paid once a run.
_WARM_UP = 20


@dataclass(frozen=True)
class Waiting:
    """What was measured.

    Attributes:
        patch, batch: of the stage of training, side and number of its crops.
        real_ms, cached_ms: median over rounds of the mean time of a step.
        rounds: of each kind, alternating.
        steps: in a round.
    """

    patch: int
    batch: int
    real_ms: float
    cached_ms: float
    rounds: int
    steps: int

    @property
    def share(self) -> float:
        """Part of a real step that a cached one does not have; below 0 is noise."""
        return 1.0 - self.cached_ms / self.real_ms


def bench(config: FitConfig, data: str, rounds: int = 5, steps: int = 60) -> list[Waiting]:
    """Alternate rounds of both kinds in one process, so that a noisy machine disturbs both alike.

    Args:
        config: the model and the pipeline as they are trained.
        data: sources of pictures, as for ``fit``.
        rounds: of each kind.
        steps: measured in a round; the first few of each, unmeasured, start the pipeline.

    Returns:
        One for each stage of the config's training.
    """
    train, held_out = split(data, None)
    feed = feeds.prepare(config, train, held_out)
    _, epoch_steps = epochs(config)
    found = []
    for stage in plan(config):
        # As fit does: a step is compiled for each stage.
        task = keras_models.task(config.model, config.size)
        prior = feed.prior() if feed.prior else None
        model = compiled(replace(config, steps=10_000), task, None, prior)
        first = stage.start * epoch_steps
        cached = tf.data.Dataset.from_tensors(next(iter(feed.batches(first, first + 1)))).repeat()
        times: dict[str, list[float]] = {"real": [], "cached": []}
        for index in range(rounds):
            begin = first + index * steps
            fresh = feed.batches(begin, begin + _WARM_UP + steps)
            times["real"].append(step_ms(model, fresh, steps, _WARM_UP))
            times["cached"].append(step_ms(model, cached, steps, _WARM_UP))
        real, same = (statistics.median(times[kind]) for kind in ("real", "cached"))
        found.append(Waiting(stage.patch, stage.batch, real, same, rounds, steps))
    return found


class _Stopwatch(keras.callbacks.Callback):
    """When each step ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def step_ms(model: keras.Model, data: tf.data.Dataset, steps: int, warm_up: int) -> float:
    """Mean milliseconds of a step, after some that are not measured."""
    watch = _Stopwatch()
    model.fit(
        data, epochs=1, steps_per_epoch=warm_up + steps, verbose=0, shuffle=False,
        callbacks=[watch],
    )  # fmt: skip
    return (watch.ends[-1] - watch.ends[warm_up - 1]) / steps * 1e3
