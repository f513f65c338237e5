"""Fit a model to a source of photographs: plain Keras ``compile`` and ``fit``, resumable."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import importlib.metadata
import json
import math
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

import keras_models
from datasets import sources
from datasets.source import Source, fingerprint
from edge_demo.cli import duration
from edge_demo.errors import UserError
from edge_demo.files import write_whole
from edge_demo.tasks.record import Task
from keras_models import ab_classes, backbones, fakequant, net2net, runs

from . import feeds, plots, precision
from .callbacks import Checkpoint, Pictures, Progress
from .config import FitConfig, as_read, epochs, plan, read
from .feed import Feed
from .kept import kept_network
from .rated_adam import RatedAdam
from .strategies import Strategy

Ranges = Mapping[str, fakequant.Range]

# Crops that the ranges of quantisation-aware training are chosen from.
_CALIBRATION_CROPS = 256
ALONE = Strategy()
PACKAGES = ("tensorflow", "keras", "numpy", "albumentations", "opencv-python-headless")


def fit(
    config: FitConfig,
    data: str,
    val: str | None,
    out: Path,
    command: str,
    strategy: Strategy = ALONE,
) -> Path:
    """Train, or go on with, the run in a folder.

    Args:
        config: what to train and how.
        data: the source of photographs, as the user wrote it.
        val: the source to validate on; None holds out about a tenth of ``data``.
        out: the run's folder. The same command again resumes it.
        command: the command line, kept beside the checkpoints.
        strategy: how the work is distributed. A run may be resumed with another one.

    Returns:
        The trained model's file, ``out/model.keras`` (float32, averaged weights).

    Raises:
        UserError: bad source, a folder that holds something else or cannot be written, pictures
            that vanish, or that are others than when the run began; a folder that another process
            trains into.
    """
    config = _settled(config, out)
    task = keras_models.task(config.model, config.size)
    train, held_out = split(data, val)
    keras_models.check_size(config.model, config.size)
    start = _starting_weights(config)
    _check_pretrained(config)
    strategy.check(config)
    record = _record(config, data, val, command)
    _check_folder(out, record)
    final = out / "model.keras"
    if final.exists():
        print(f"{out} is finished already; choose another --out to train anew")
        return final

    if note := note_of_one(train, held_out):
        print(f"note: {note}", file=sys.stderr)
    keras.utils.set_random_seed(config.seed)
    print(f"reading {sum(s.count for s in train)} pictures of {data}", flush=True)
    record["pictures"] = fingerprint([*train, held_out])
    _check_pictures(out, record)
    feed = feeds.prepare(config, train, held_out)
    # A disk that went away on the way leaves some pictures read and others skipped.
    fingerprint([*train, held_out])
    print(f"{feed.summary}; {config.precision}", flush=True)
    if strategy.is_chief:
        _claim(out, record)  # only now: a mistake must not claim the folder
    with _writing(out), _alone_in(out) if strategy.is_chief else contextlib.nullcontext():
        _train(config, feed, out, task, start, strategy)
    return final


def _train(
    config: FitConfig,
    feed: Feed,
    out: Path,
    task: Task,
    start: Mapping[str, NDArray[np.floating]],
    strategy: Strategy,
) -> None:
    """Train, or go on, and write the model."""
    ranges = calibrated(config, feed, task) if config.qat else None
    prior = feed.prior() if feed.prior else None
    with strategy.scope():
        model = compiled(config, task, ranges, prior)
    strategy.make_ready(model, feed.batches(0, 1))
    total, epoch_steps = epochs(config)
    checkpoint = Checkpoint(out / "checkpoint.npz", epoch_steps, strategy.is_chief)
    checkpoint.set_model(model)
    with strategy.scope():
        done = checkpoint.restore()
    strategy.check_agreed(done)
    if start and not done:
        _begin(model, start)
    if config.backbone_weights and not done:
        backbones.load(kept_network(model), config.backbone_weights)
    if done:
        print(f"resuming after epoch {done} of {total}", flush=True)
    callbacks = [keras.callbacks.SwapEMAWeights(), checkpoint]
    if strategy.is_chief:
        callbacks += [Progress(total, done), Pictures(out, config.picture_every, feed.draw)]
    # A fit a stage, and a step compiled for each: for crops of no fixed size Keras cannot resize.
    for stage in plan(config):
        first = max(done, stage.start)
        if first >= stage.stop:
            continue
        if first == stage.start > 0:
            # What the fit of the stage before ended with, whether or not it was in this process.
            model.optimizer.finalize_variable_values(model.trainable_variables)
        model.train_function = None  # made anew by fit, as after compile
        model.fit(
            strategy.shared(feed.batches(first * epoch_steps, stage.stop * epoch_steps)),
            validation_data=strategy.repeated(feed.validation),
            epochs=stage.stop,
            initial_epoch=first,
            steps_per_epoch=epoch_steps,
            verbose=0,
            shuffle=False,
            callbacks=callbacks,
        )
    # As each fit ends; the last one may have been in a process that was killed right after it.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    if not strategy.is_chief:
        return
    write_whole(out / "curve.png", plots.curve(checkpoint.rows, out.name))
    partial = out / "model.partial.keras"
    finished = float32_copy(model, config, ranges)
    config.objective.finish(finished, prior)
    finished.save(partial)
    partial.replace(out / "model.keras")
    print(f"trained {total * epoch_steps} steps in {duration(checkpoint.seconds)}")


def _settled(config: FitConfig, out: Path) -> FitConfig:
    """The config with a precision that is stated: a run that began on another machine keeps its."""
    if config.precision != precision.AUTO:
        return config
    begun = (out / "run.json").exists()
    stated = runs.read_record(out)["config"].get("precision") if begun else None
    return dataclasses.replace(config, precision=precision.chosen(stated or config.precision))


@contextlib.contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Let no second process train into a folder; the lock ends with the process, however it ends.

    Raises:
        UserError: another process does.
    """
    with (out / "run.json").open("r+") as record:
        try:
            fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is training into {out}: wait for it") from None
        except OSError as error:
            print(f"note: {out} cannot be locked ({error.strerror}): see that no other process "
                  "trains into it", file=sys.stderr)  # fmt: skip
        yield


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    """A disk that is full, or gone, is one line; what was written before it is whole."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to {out}: {error.strerror or error}; what it saved last is whole, and "
            "the same command goes on from it"
        ) from None


def network(config: FitConfig, dtype_policy: str, ranges: Ranges | None) -> keras.Model:
    """The run's network with fresh weights: plain, or on the 8-bit steps of ``ranges``."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(dtype_policy)
    try:
        model = keras_models.build(config.model, config.size)
        return model if ranges is None else fakequant.fake_quantised(model, ranges)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)


def calibrated(config: FitConfig, feed: Feed, task: Task) -> Ranges:
    """A range for every activation of the run that ``config.qat`` names.

    On training crops, or on whole pictures where a network judges crops by them. The same on every
    call, so that a resumed run goes on with its own.
    """
    if feed.wholes:
        inputs = feed.wholes()
    else:
        before = feed.batches(0, math.ceil(_CALIBRATION_CROPS / plan(config)[0].batch))
        inputs = np.concatenate([np.asarray(values) for values, _ in before])
    model = runs.load_model(Path(config.qat))
    return fakequant.choose_ranges(model, inputs, fakequant.stated_ranges(task))


def compiled(
    config: FitConfig,
    task: Task,
    ranges: Ranges | None = None,
    prior: NDArray[np.floating] | None = None,
) -> keras.Model:
    """The model, its loss and its optimizer, ready to fit.

    Args:
        config: of the run.
        task: of the model.
        ranges: of quantisation-aware training.
        prior: how common each colour is, for losses that count the rare ones more.

    Raises:
        UserError: the objective, or what is said of a backbone, is not for this model.
    """
    objective = config.objective
    objective.check_fits(config.model, task, prior)
    model = ab_classes.trained_part(network(config, precision.chosen(config.precision), ranges))
    model = keras_models.fitted(config.model, model)
    model = objective.wrapped(model, task)
    total, epoch_steps = epochs(config)
    warmup = min(config.warmup_steps, total * epoch_steps // 5)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 100,
        decay_steps=max(1, total * epoch_steps - warmup),
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        alpha=0.01,
    )
    options: dict[str, Any] = {
        "learning_rate": schedule,
        "use_ema": True,
        "ema_momentum": config.ema,
        "weight_decay": config.weight_decay or None,
    }
    fitted = kept_network(model)
    _hold(fitted, config.held)
    backbone = [v for layer in backbones.layers(fitted).values() for v in layer.trainable_variables]
    if config.backbone_rate != 1.0 or config.backbone_delay:
        if not backbone:
            raise UserError(
                f"--set backbone_rate={config.backbone_rate} backbone_delay="
                f"{config.backbone_delay}: {config.model}-{config.size} fits no backbone"
            )
        names = (backbones.PREFIX,)
        optimizer = RatedAdam(names=names, rate=config.backbone_rate,
                              delay=config.backbone_delay, **options)  # fmt: skip
    else:
        optimizer = objective.optimizer(**options)
    if config.weight_decay:
        # A backbone is to remember what it was trained on.
        optimizer.exclude_from_weight_decay(backbone, ["bias", "gamma", "beta"])
    model.compile(
        optimizer=optimizer,
        loss=objective.loss(task, prior),
        metrics=objective.metrics(task),
        jit_compile={"on": True, "off": False}.get(config.jit_compile, "auto"),
    )
    return model


def _hold(model: keras.Model, names: tuple[str, ...]) -> None:
    """Let layers whose names begin so keep their weights.

    Raises:
        UserError: no layer's name begins so.
    """
    for name in names:
        layers = [layer for layer in model.layers if layer.name.startswith(name)]
        if not any(layer.weights for layer in layers):
            raise UserError(
                f"--set held: no layer of {model.name} with weights begins with {name!r}"
            )
        for layer in layers:
            layer.trainable = False


def float32_copy(
    model: keras.Model, config: FitConfig, ranges: Ranges | None = None
) -> keras.Model:
    """The same weights in a model that computes in float32, for export and evaluation."""
    plain = network(config, "float32", ranges)
    by_name = {weight.path: weight for weight in plain.weights}
    # What lies behind the trained part is as it was built.
    for weight in kept_network(model).weights:
        by_name[weight.path].assign(weight)
    return plain


def _begin(model: keras.Model, start: Mapping[str, NDArray[np.floating]]) -> None:
    """Give a model the weights of a run; what that lacks, a later stage or width, stays fresh."""
    weights = kept_network(model).weights
    shared = [weight for weight in weights if weight.path in start]
    if len(shared) < min(len(start), len(weights)):
        raise ValueError("the run's weights are named as no network is today")
    for weight in shared:
        weight.assign(net2net.widened(np.asarray(weight), start[weight.path]))


def _check_pretrained(config: FitConfig) -> None:
    """Refuse to train on a backbone that knows nothing, which would look like training.

    Raises:
        UserError: a backbone or a generator without weights, of any size but those for tests.
    """
    if config.start_from or config.qat or config.size.partition("-")[0] == "test":
        return
    name = f"{config.model}-{config.size}"
    if before := _stated(config, "STARTS_FROM"):
        raise UserError(
            f"{name} is trained behind {before}: fit that first, then --set start_from=RUN"
        )
    if not config.backbone_weights and backbones.layers(
        keras_models.build(config.model, config.size)
    ):
        raise UserError(
            f"{name} has a pretrained backbone: --set backbone_weights=FILE.npz (made by 'python "
            "-m keras_models import-backbone'), a preset that has the same (such as "
            "colorize_unet-lite0.r3), or imagenet where the backbone is Keras's"
        )


def _stated(config: FitConfig, where: str) -> str | None:
    """``MODEL-SIZE`` whose run a size starts from, as the model's file states.

    Args:
        config: of the run.
        where: ``STARTS_FROM``, of a stage before, or ``GROWS_FROM``, of a narrower network.
    """
    stated: Mapping[str, str] = getattr(keras_models.get(config.model), where, {})
    return stated.get(config.size)


def _starting_weights(config: FitConfig) -> dict[str, NDArray[np.floating]]:
    """The weights of the finished run that a run starts from, by path; none for a fresh start.

    Raises:
        UserError: no such run, an unfinished one, or one of another network.
    """
    if not (config.start_from or config.qat):
        return {}
    run = Path(config.qat or config.start_from)
    option = "--qat " if config.qat else "--set start_from="
    before = runs.read_record(run)["config"]
    own, other = f"{config.model}-{config.size}", f"{before['model']}-{before['size']}"
    fits = [own]
    if not config.qat:
        fits += [_stated(config, where) or own for where in ("STARTS_FROM", "GROWS_FROM")]
    if other not in fits:
        raise UserError(f"{option}{run}: that run is of {other}, not of {own}")
    if before.get("qat"):
        raise UserError(f"{option}{run}: that run is quantisation-aware already")
    return {weight.path: np.asarray(weight) for weight in runs.load_model(run).weights}


def note_of_one(train: Sequence[Source], held_out: Source) -> str:
    """What is to be said where one photograph alone is trained on and validated on; else ""."""
    if not held_out.paths or train[0].paths != held_out.paths:
        return ""
    return (
        f"{train[0].text} is one file alone, so it is trained on and validated on: its figures "
        "say nothing of other photographs; name some with --val"
    )


def split(data: str, val: str | None) -> tuple[list[Source], Source]:
    """The sources to train on, and the one to validate on."""
    train = sources.open_all(data, "train")
    if val is None:
        train[0], held_out = sources.hold_out(train[0])
        return train, held_out
    held_out = sources.open_source(val, "test")
    if shared := {path for source in train for path in source.paths} & set(held_out.paths):
        raise UserError(f"--val {val}: {len(shared)} of its photographs are in --data too")
    return train, held_out


def _record(config: FitConfig, data: str, val: str | None, command: str) -> dict[str, Any]:
    """What ``run.json`` holds."""
    return {
        "config": as_read(config),
        "data": data,
        "val": val,
        "command": command,
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "python": sys.version.split()[0],
        "backend": keras.backend.backend(),
        "machine": platform.machine(),
    }


def _check_folder(out: Path, record: Mapping[str, Any]) -> None:
    """Refuse a folder that holds another run, or something else."""
    try:
        if (out / "run.json").exists():
            before = runs.read_record(out)
            old, new = ({**as_read(read(one["config"])), "data": one["data"], "val": one["val"]}
                        for one in (before, record))  # fmt: skip
            # Another loss has other settings, too: those of both are compared.
            if differ := [key for key in old if key in new and old[key] != new[key]]:
                other = ", ".join(f"{key}={old[key]!r}" for key in differ)
                raise UserError(f"{out} holds a run with {other}; choose another --out")
        # A process killed while it wrote leaves a .tmp.
        elif out.exists() and any(path.suffix != ".tmp" for path in out.iterdir()):
            raise UserError(f"{out} is not empty and holds no run; choose another --out")
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from None


def _check_pictures(out: Path, record: Mapping[str, Any]) -> None:
    """Refuse to go on with other pictures: the batches would not be those of the run."""
    if not (out / "run.json").exists():
        return
    # A run from before this was recorded is taken at its word.
    if runs.read_record(out).get("pictures", record["pictures"]) != record["pictures"]:
        raise UserError(
            f"{out} began with other pictures: some of {record['data']} were added, removed or "
            "replaced since; put them back, or choose another --out"
        )


def _claim(out: Path, record: Mapping[str, Any]) -> None:
    """Make the run's folder and write what is run, where that has not been done."""
    path = out / "run.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_whole(path, (json.dumps(record, indent=2) + "\n").encode())
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from None
