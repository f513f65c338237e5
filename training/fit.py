"""Fit a model to a source of photographs: plain Keras ``compile`` and ``fit``, resumable."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

import keras_models
from datasets import sources
from edge_demo.runtime.cli import duration
from edge_demo.runtime.errors import UserError
from edge_demo.runtime.files import write_whole
from edge_demo.runtime.tasks.record import Task
from keras_models import fakequant, runs

from . import feeds, plots
from .callbacks import Checkpoint, Pictures, Progress
from .config import FitConfig, as_read, epochs, plan
from .losses import Charbonnier, LogError, residual_psnr
from .ms_ssim import CharbonnierMsSsim
from .zero_reference import ZeroReference

Ranges = Mapping[str, fakequant.Range]

# Crops that the ranges of quantisation-aware training are chosen from.
_CALIBRATION_CROPS = 256
PACKAGES = ("tensorflow", "keras", "numpy", "albumentations", "opencv-python-headless")


def fit(config: FitConfig, data: str, val: str | None, out: Path, command: str) -> Path:
    """Train, or go on with, the run in a folder.

    Args:
        config: what to train and how.
        data: the source of photographs, as the user wrote it.
        val: the source to validate on; None holds out about a tenth of ``data``.
        out: the run's folder. The same command again resumes it.
        command: the command line, kept beside the checkpoints.

    Returns:
        The trained model's file, ``out/model.keras`` (float32, averaged weights).

    Raises:
        UserError: bad source, a folder that holds something else or cannot be written.
    """
    task = keras_models.task(config.model, config.size)
    train, held_out = _split(data, val)
    start = _starting_weights(config)
    keras_models.check_size(config.model, config.size)
    record = _record(config, data, val, command)
    _check_folder(out, record)
    final = out / "model.keras"
    if final.exists():
        print(f"{out} is finished already; choose another --out to train anew")
        return final

    keras.utils.set_random_seed(config.seed)
    print(f"reading {sum(len(s.paths) for s in train)} pictures of {data}", flush=True)
    feed = feeds.prepare(config, train, held_out)
    print(feed.summary, flush=True)
    _claim(out, record)  # only now: a mistake must not claim the folder

    ranges = calibrated(config, feed, task) if config.qat else None
    model = compiled(config, task, ranges)
    total, epoch_steps = epochs(config)
    checkpoint = Checkpoint(out / "checkpoint.npz", epoch_steps)
    checkpoint.set_model(model)
    done = checkpoint.restore()
    if start and not done:
        model.set_weights(start)
    if done:
        print(f"resuming after epoch {done} of {total}", flush=True)
    callbacks = [
        keras.callbacks.SwapEMAWeights(),
        checkpoint,
        Progress(total, done),
        Pictures(out, config.picture_every, feed.draw),
    ]
    # A fit a stage, and a step compiled for each: for crops of no fixed size Keras cannot resize.
    for stage in plan(config):
        first = max(done, stage.start)
        if first >= stage.stop:
            continue
        if first == stage.start > 0:
            # What the fit of the stage before ended with, whether or not it was in this process.
            model.optimizer.finalize_variable_values(model.trainable_variables)
        model.make_train_function(force=True)
        model.fit(
            feed.batches(first * epoch_steps, stage.stop * epoch_steps),
            validation_data=feed.validation,
            epochs=stage.stop,
            initial_epoch=first,
            steps_per_epoch=epoch_steps,
            verbose=0,
            shuffle=False,
            callbacks=callbacks,
        )
    # As each fit ends; the last one may have been in a process that was killed right after it.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    write_whole(out / "curve.png", plots.curve(checkpoint.rows, out.name))
    partial = out / "model.partial.keras"
    float32_copy(model, config, ranges).save(partial)
    partial.replace(final)
    print(f"trained {total * epoch_steps} steps in {duration(checkpoint.seconds)}")
    return final


def network(config: FitConfig, precision: str, ranges: Ranges | None) -> keras.Model:
    """The run's network with fresh weights: plain, or on the 8-bit steps of ``ranges``."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        model = keras_models.build(config.model, config.size)
        return model if ranges is None else fakequant.fake_quantised(model, ranges)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)


def calibrated(config: FitConfig, feed: feeds.Feed, task: Task) -> Ranges:
    """A range for every activation of the run that ``config.qat`` names, on training crops.

    The same on every call, so that a resumed run goes on with its own.
    """
    before = feed.batches(0, math.ceil(_CALIBRATION_CROPS / plan(config)[0].batch))
    inputs = np.concatenate([np.asarray(values) for values, _ in before])
    model = runs.load_model(Path(config.qat))
    return fakequant.choose_ranges(model, inputs, fakequant.stated_ranges(task))


def compiled(config: FitConfig, task: Task, ranges: Ranges | None = None) -> keras.Model:
    """The model, its loss and its optimizer, ready to fit."""
    model = network(config, config.precision, ranges)
    scale = task.outputs[0].scale
    total, epoch_steps = epochs(config)
    warmup = min(config.warmup_steps, total * epoch_steps // 5)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 100,
        decay_steps=max(1, total * epoch_steps - warmup),
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        alpha=0.01,
    )
    optimizer = keras.optimizers.Adam(schedule, use_ema=True, ema_momentum=config.ema)
    model.compile(
        optimizer=optimizer,
        loss=_loss(config, scale),
        # Curves that are learnt without pairs have no truth to be measured against.
        metrics=[] if config.loss == "zero_reference" else [residual_psnr(scale)],
    )
    return model


def _loss(config: FitConfig, scale: float) -> keras.losses.Loss:
    if config.loss == "log_error":
        return LogError(scale)
    if config.loss == "charbonnier_ms_ssim":
        return CharbonnierMsSsim(scale, config.charbonnier, config.ms_ssim)
    if config.loss == "zero_reference":
        return ZeroReference(config.exposure, config.exposure_power, smooth=config.smooth)
    return Charbonnier(scale, config.charbonnier)


def float32_copy(
    model: keras.Model, config: FitConfig, ranges: Ranges | None = None
) -> keras.Model:
    """The same weights in a model that computes in float32, for export and evaluation."""
    plain = network(config, "float32", ranges)
    plain.set_weights(model.get_weights())
    return plain


def _starting_weights(config: FitConfig) -> list[NDArray[np.floating]]:
    """The weights of the finished run that a run starts from; none for a fresh start.

    Raises:
        UserError: no such run, an unfinished one, or one of another network.
    """
    if not (config.start_from or config.qat):
        return []
    run = Path(config.qat or config.start_from)
    option = "--qat " if config.qat else "--set start_from="
    before = runs.read_record(run)["config"]
    if (before["model"], before["size"]) != (config.model, config.size):
        raise UserError(
            f"{option}{run}: that run is of {before['model']}-{before['size']}, "
            f"not of {config.model}-{config.size}"
        )
    if before.get("qat"):
        raise UserError(f"{option}{run}: that run is quantisation-aware already")
    weights: list[NDArray[np.floating]] = runs.load_model(run).get_weights()
    return weights


def _split(data: str, val: str | None) -> tuple[list[sources.Source], sources.Source]:
    """The sources to train on, and the one to validate on."""
    train = [sources.open_source(text.strip(), "train") for text in data.split(" + ")]
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
            # A setting added since then had its default.
            defaults = as_read(FitConfig(model=record["config"]["model"]))
            old = {**defaults, **before["config"], "data": before["data"], "val": before["val"]}
            new = {**record["config"], "data": record["data"], "val": record["val"]}
            if changed := [f"{key}={old.get(key)!r}" for key in new if old.get(key) != new[key]]:
                other = ", ".join(changed)
                raise UserError(f"{out} holds a run with {other}; choose another --out")
        # A process killed while it wrote leaves a .tmp.
        elif out.exists() and any(path.suffix != ".tmp" for path in out.iterdir()):
            raise UserError(f"{out} is not empty and holds no run; choose another --out")
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from None


def _claim(out: Path, record: Mapping[str, Any]) -> None:
    """Make the run's folder and write what is run, where that has not been done."""
    path = out / "run.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_whole(path, (json.dumps(record, indent=2) + "\n").encode())
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from None
