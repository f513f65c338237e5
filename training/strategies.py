"""Where a fit computes: on one device, on all of one machine, or on several machines.

Every device holds the whole network and takes its part of each batch; their gradients are averaged
before each step, so that the steps are those of one device at the same ``batch``. TensorFlow's
``tf.distribute`` does it, or ``keras.distribution`` under JAX.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from edge_demo.errors import UserError

from .config import FitConfig, plan

NAMES = ("none", "mirrored", "multiworker")


# Exit code of a worker that another one failed: "try again later" of sysexits.h.
TRY_AGAIN = 75


class WorkerLostError(Exception):
    """Another worker is gone; the run goes on once all are started again."""


@dataclass(frozen=True)
class Strategy:
    """How a fit is distributed.

    Attributes:
        name: of ``NAMES``.
        replicas: devices that share a batch, those of every worker counted.
        workers: processes that take part.
        is_chief: whether this one writes what the run leaves; of several workers one does.
        distribution: TensorFlow's own strategy; None where it has no part in it.
    """

    name: str = "none"
    replicas: int = 1
    workers: int = 1
    is_chief: bool = True
    distribution: Any = None

    def scope(self) -> AbstractContextManager[Any]:
        """What a model is made and compiled in."""
        return self.distribution.scope() if self.distribution else contextlib.nullcontext()

    def check(self, config: FitConfig) -> None:
        """Refuse what the devices cannot do.

        Raises:
            UserError: a batch of the run is no multiple of the devices; XLA is asked for where it
                cannot be had, or not where there is nothing else.
        """
        if config.jit_compile == "on" and self.distribution:
            raise UserError(f"--set jit_compile=on cannot be combined with --strategy {self.name}")
        if config.jit_compile == "off" and keras.backend.backend() == "jax":
            raise UserError("--set jit_compile=off: JAX has no other way; leave it out")
        for stage in plan(config):
            if stage.batch % self.replicas:
                raise UserError(
                    f"--strategy {self.name}: a batch of {stage.batch} cannot be shared by "
                    f"{self.replicas} devices; --set batch to a multiple"
                )

    def shared(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Batches of which each worker takes its own part, the same in every run."""
        options = tf.data.Options()
        # By elements; by files, the default where there are some, workers would see other batches.
        policy = tf.data.experimental.AutoShardPolicy.DATA
        options.experimental_distribute.auto_shard_policy = policy
        return batches.with_options(options)

    def repeated(self, validation: tf.data.Dataset) -> tf.data.Dataset:
        """Validation batches in which each device has as many crops as any other.

        Each crop comes once for every device, which leaves means as they are: a device without
        a crop would make them NaN.
        """
        if self.replicas == 1:
            return validation
        return self.shared(
            validation.map(
                lambda *tensors: tuple(tf.repeat(t, self.replicas, axis=0) for t in tensors)
            )
        )

    def make_ready(self, model: keras.Model, batches: tf.data.Dataset) -> None:
        """Mend what keeps Keras 3.15's ``fit`` from running on several workers.

        See https://github.com/keras-team/keras/issues/20585. It builds metrics from a first batch
        by averaging what the workers have of it, which fails for batches of several tensors: they
        are built here, from a batch of one's own. And it averages a step's figures along their
        first axis, which single numbers lack: they get one.

        Args:
            model: compiled.
            batches: of its training.
        """
        if self.workers == 1:
            return
        with self.scope():
            model._symbolic_build(data_batch=next(iter(batches)))
        model._maybe_symbolic_build = lambda *_, **__: None

        def lifted(step: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
            return lambda data: {name: figure[None] for name, figure in step(data).items()}

        model.train_step, model.test_step = lifted(model.train_step), lifted(model.test_step)

    def check_agreed(self, done: int) -> None:
        """Refuse to start where workers do not resume after the same epoch.

        Args:
            done: epochs that this worker found finished.

        Raises:
            UserError: others found another number, because they see another folder.
        """
        if self.workers == 1:
            return

        @tf.function
        def mean_of_workers() -> Any:
            own = self.distribution.run(lambda: tf.constant(float(done)))
            return self.distribution.reduce("MEAN", own, axis=None)

        mean = float(mean_of_workers())
        if mean != done:
            raise UserError(
                f"this worker would go on after epoch {done} and others would not: --out must be "
                "one folder that every worker sees, as on a shared disk"
            )


@contextlib.contextmanager
def opened(name: str) -> Iterator[Strategy]:
    """The strategy of a name, for as long as it is needed.

    Args:
        name: ``none``; ``mirrored``, every GPU of this machine (without one, the processor); or
            ``multiworker``, the machines that the environment variable TF_CONFIG names. The last
            must be the first thing that a process asks TensorFlow for.

    Raises:
        UserError: an unknown name, a TF_CONFIG that is missing or makes no sense, a strategy that
            the Keras backend lacks.
        WorkerLostError: another worker went away.
    """
    backend = keras.backend.backend()
    if name not in NAMES:
        raise UserError(f"--strategy {name}: known are {', '.join(NAMES)}")
    if name == "none":
        yield Strategy()
    elif backend == "jax" and name == "mirrored":
        distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(distribution)
        try:
            yield Strategy(name, replicas=len(keras.distribution.list_devices()))
        finally:
            keras.distribution.set_distribution(before)
    elif backend != "tensorflow":
        raise UserError(f"--strategy {name} needs KERAS_BACKEND=tensorflow, not {backend}")
    elif name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        distribution = tf.distribute.MirroredStrategy([device.name for device in devices])
        yield Strategy(name, replicas=distribution.num_replicas_in_sync, distribution=distribution)
    else:
        workers, index = cluster(os.environ.get("TF_CONFIG", ""))
        distribution = tf.distribute.MultiWorkerMirroredStrategy()
        try:
            yield Strategy(
                name, distribution.num_replicas_in_sync, workers, index == 0, distribution
            )
        except tf.errors.OpError as error:
            raise WorkerLostError(
                f"another worker is gone ({type(error).__name__}); start the same command on every "
                "worker again, and they go on from the last checkpoint"
            ) from None


def cluster(text: str) -> tuple[int, int]:
    """How many workers TF_CONFIG names, and which of them this process is.

    Args:
        text: such as ``{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker",
            "index": 0}}``.

    Raises:
        UserError: it is missing or incomplete, or names other tasks than workers.
    """
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        index = int(task["index"])
        fits = set(config["cluster"]) == {"worker"} and task["type"] == "worker"
        fits = fits and 0 <= index < len(workers)
    except (ValueError, TypeError, KeyError):
        fits = False
    if not fits:
        raise UserError(
            "--strategy multiworker needs TF_CONFIG, such as "
            '{"cluster": {"worker": ["HOST:2222", "OTHER:2222"]}, '
            '"task": {"type": "worker", "index": 0}}' + (f"; it is {text[:200]!r}" if text else "")
        )
    return len(workers), index
