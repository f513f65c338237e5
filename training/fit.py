"""Fit a model to a source of photographs: plain Keras ``compile`` and ``fit``, resumable."""

from __future__ import annotations

import dataclasses
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
from datasets import cells as cells_module
from datasets import pipeline, sources
from edge_demo.runtime import tasks
from edge_demo.runtime.colour import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from edge_demo.runtime.errors import UserError
from edge_demo.runtime.files import write_whole
from edge_demo.runtime.siting import upsample
from edge_demo.runtime.tasks.record import Task
from keras_models import fakequant, runs

from . import plots
from .callbacks import Checkpoint, Pictures, Progress, duration
from .config import FitConfig
from .losses import Charbonnier, LogError, residual_psnr

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
    task = keras_models.get(config.model).TASK
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
    crops = validation_crops(held_out, config)
    print(f"reading {len(train.paths)} photographs of {train.text}", flush=True)
    bank = cut(train, config)
    print(f"{len(bank.ycbcr)} cells of {bank.photographs} photographs", flush=True)
    _claim(out, record)  # only now: a mistake must not claim the folder

    ranges = calibrated(config, bank, task) if config.qat else None
    model = compiled(config, task, ranges)
    epochs, epoch_steps = _epochs(config)
    checkpoint = Checkpoint(out / "checkpoint.npz", epoch_steps)
    checkpoint.set_model(model)
    done = checkpoint.restore()
    if start and not done:
        model.set_weights(start)
    if done:
        print(f"resuming after epoch {done} of {epochs}", flush=True)
    model.fit(
        batches(config, bank, start=done * epoch_steps, steps=epochs * epoch_steps),
        validation_data=pipeline.fixed(crops, "center"),
        epochs=epochs,
        initial_epoch=done,
        steps_per_epoch=epoch_steps,
        verbose=0,
        shuffle=False,
        callbacks=[
            keras.callbacks.SwapEMAWeights(),
            checkpoint,
            Progress(epochs, done),
            Pictures(out, config.picture_every, lambda m: comparison(m, crops)),
        ],
    )
    write_whole(out / "curve.png", plots.curve(checkpoint.rows, out.name))
    partial = out / "model.partial.keras"
    float32_copy(model, config, ranges).save(partial)
    partial.replace(final)
    print(f"trained {epochs * epoch_steps} steps in {duration(checkpoint.seconds)}")
    return final


def cut(source: sources.Source, config: FitConfig) -> cells_module.Cells:
    """A source's photographs as the cells that a run crops from."""
    return cells_module.cut(
        source,
        size=config.cell,
        least_side=min(config.patch, 64),
        copies=config.copies,
        seed=config.seed,
        limit_bytes=int(config.cells_gib * 2**30),
    )


def network(config: FitConfig, precision: str, ranges: Ranges | None) -> keras.Model:
    """The run's network with fresh weights: plain, or on the 8-bit steps of ``ranges``."""
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(precision)
    try:
        model = keras_models.build(config.model, config.size)
        return model if ranges is None else fakequant.fake_quantised(model, ranges)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)


def calibrated(config: FitConfig, bank: cells_module.Cells, task: Task) -> Ranges:
    """A range for every activation of the run that ``config.qat`` names, on training crops.

    The same on every call, so that a resumed run goes on with its own.
    """
    before = batches(config, bank, start=0, steps=_CALIBRATION_CROPS // config.batch + 1)
    inputs = np.concatenate([np.asarray(values) for values, _ in before])
    model = runs.load_model(Path(config.qat))
    return fakequant.choose_ranges(model, inputs, fakequant.stated_ranges(task))


def compiled(config: FitConfig, task: Task, ranges: Ranges | None = None) -> keras.Model:
    """The model, its loss and its optimizer, ready to fit."""
    model = network(config, config.precision, ranges)
    scale = task.outputs[0].scale
    epochs, epoch_steps = _epochs(config)
    warmup = min(config.warmup_steps, epochs * epoch_steps // 5)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 100,
        decay_steps=max(1, epochs * epoch_steps - warmup),
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        alpha=0.01,
    )
    optimizer = keras.optimizers.Adam(schedule, use_ema=True, ema_momentum=config.ema)
    model.compile(
        optimizer=optimizer,
        loss=_loss(config, scale),
        metrics=[residual_psnr(scale)],
    )
    return model


def _loss(config: FitConfig, scale: float) -> keras.losses.Loss:
    if config.loss == "log_error":
        return LogError(scale)
    return Charbonnier(scale, config.charbonnier)


def batches(config: FitConfig, bank: cells_module.Cells, start: int, steps: int):  # type: ignore[no-untyped-def]
    """The run's training batches from a step on."""
    return pipeline.batches(
        bank,
        patch=config.patch,
        batch=config.batch,
        steps=steps,
        seed=config.seed,
        sitings=config.sitings,
        start=start,
    )


def validation_crops(source: sources.Source, config: FitConfig) -> NDArray[np.uint8]:
    """Centre crops of the first photographs held out, (N, side, side, 3) YCbCr."""
    crops: list[NDArray[np.uint8]] = []
    chosen = dataclasses.replace(source, paths=source.paths[: config.val_photographs])
    photographs = [rgb for _, rgb in sources.photographs(chosen)]
    side = min(config.val_crop, *(min(rgb.shape[:2]) // 2 * 2 for rgb in photographs))
    for rgb in photographs:
        top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
        crops.append(round_to_uint8(rgb_to_ycbcr(rgb[top : top + side, left : left + side])))
    return np.stack(crops)


def float32_copy(
    model: keras.Model, config: FitConfig, ranges: Ranges | None = None
) -> keras.Model:
    """The same weights in a model that computes in float32, for export and evaluation."""
    plain = network(config, "float32", ranges)
    plain.set_weights(model.get_weights())
    return plain


def comparison(model: keras.Model, crops: NDArray[np.uint8], rows: int = 3) -> NDArray[np.uint8]:
    """Truth, input and prediction side by side for a few crops: RGB (rows * side, 3 * side, 3)."""
    chroma = tasks.load("chroma")
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


def _epochs(config: FitConfig) -> tuple[int, int]:
    """Number of epochs and steps in each; a run shorter than one epoch is one epoch."""
    epoch_steps = min(config.epoch_steps, config.steps)
    return math.ceil(config.steps / epoch_steps), epoch_steps


def _split(data: str, val: str | None) -> tuple[sources.Source, sources.Source]:
    train = sources.open_source(data, "train")
    if val is None:
        return sources.hold_out(train)
    held_out = sources.open_source(val, "test")
    if shared := set(train.paths) & set(held_out.paths):
        raise UserError(f"--val {val}: {len(shared)} of its photographs are in --data too")
    return train, held_out


def _record(config: FitConfig, data: str, val: str | None, command: str) -> dict[str, Any]:
    """What ``run.json`` holds."""
    return {
        "config": dataclasses.asdict(config),
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
            defaults = dataclasses.asdict(FitConfig(model=record["config"]["model"]))
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
