"""Measure a model of chroma on a video: how close each frame is, and how steady they all are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets import video
from edge_demo import cli
from edge_demo.colour.siting import baseline
from edge_demo.colour.ycbcr import round_to_uint8, ycbcr_to_rgb
from edge_demo.device import temporal
from edge_demo.device.chroma import Chroma
from edge_demo.errors import UserError
from edge_demo.measure import metrics, restoration, results
from edge_demo.tasks import chroma

from . import flicker
from .evaluate import Evaluated

Plane = NDArray[np.uint8]

BASELINES = ("bilinear", "lanczos4")
# What the row of the filtered model is called beside the model's.
FILTERED = "+temporal"
# Motion cannot be found in less, and SSIM not measured.
_LEAST_SIDE = 16


@dataclass(frozen=True)
class EvaluatedVideo:
    """What was measured.

    Attributes:
        table: schema 1; ``images`` counts frames. ``flicker`` and ``change_ratio`` have in ``mean``
            the figure of the whole video, in ``min`` and ``max`` those of single frames, each
            against the video's mean change.
        frames: method to metric to one value a frame; NaN for a change at a scene's first frame.
    """

    table: dict[str, Any]
    frames: dict[str, dict[str, list[float]]]


@dataclass
class _Kept:
    """A method's figures so far."""

    values: dict[str, list[float]] = field(default_factory=dict)
    steps: list[flicker.Step | None] = field(default_factory=list)
    last: Plane | None = None


def evaluate(
    target: Evaluated, path: Path, data: str, siting: str | None, strength: float
) -> EvaluatedVideo:
    """Degrade each frame of ``datasets.video.truths`` to 4:2:0, restore it, and compare.

    Degrading is that of photographs: the mean of each 2x2 block (or as the siting wants it),
    rounded to 8 bits. Methods are bilinear and Lanczos4 at that siting, the model frame by frame,
    and the model behind ``temporal.Smoother``.

    Args:
        target: a model of chroma.
        path: the video.
        data: what the user wrote, for the table.
        siting: of the 4:2:0 made; None: ``center``.
        strength: of the filter.

    Raises:
        UserError: a model of another task, a strength out of range, or a video that cannot be
            read, is too small or has only one frame.
    """
    if not isinstance(target.restorer, Chroma):
        raise UserError(f"video: is for models of chroma; {target.name} is of {target.task.name}")
    if not 0.0 <= strength <= 1.0:
        raise UserError(f"--temporal is from 0 to 1, not {strength:g}")
    wanted = restoration.of(target.task).siting(siting) or "center"
    frames, total, matrix = video.truths(path)
    label = f"{target.name}.{target.recipe}"
    methods = _methods(target.restorer, label, strength)
    kept: dict[str, _Kept] = {}
    before: Plane | None = None
    done, began = 0, time.perf_counter()
    for now in frames:
        if min(now.shape[:2]) < _LEAST_SIDE:
            raise UserError(f"{path}: frames of {now.shape[1]}x{now.shape[0]} are too small")
        planes = chroma.degrade_ycbcr(now, wanted)
        motion = flicker.Motion(before[..., 0], now[..., 0]) if before is not None else None
        _measure(now, before, motion, methods(planes), matrix, kept)
        before, done = now, done + 1
        _show(done, total, time.perf_counter() - began)
    print()
    if done < 2:
        raise UserError(f"{path}: has only one frame")
    rows = [results.row(name, "baseline", kept[name].values) for name in BASELINES]
    for name, kind in ((target.name, label), (f"{target.name}{FILTERED}", label + FILTERED)):
        rows.append(
            results.row(
                name, "model", kept[kind].values, recipe=target.recipe, bytes=target.size_bytes
            )
        )
    series = {}
    for row, (name, one) in zip(rows, kept.items(), strict=True):
        changes = _changes(one)
        row["metrics"] |= {metric: summary for metric, (summary, _) in changes.items()}
        series[name] = one.values | {metric: values for metric, (_, values) in changes.items()}
    table = results.document(target.task, done, data, rows, siting=wanted, temporal=strength)
    return EvaluatedVideo(table, series)


def _methods(
    restorer: Chroma, label: str, strength: float
) -> Callable[[chroma.Planes], dict[str, Plane]]:
    """One frame to what every method makes of it; frames must come in order."""
    smoother = temporal.Smoother(strength)

    def restore(planes: chroma.Planes) -> dict[str, Plane]:
        found = restorer.correction(planes)
        made = {name: baseline(name, planes.cbcr, planes.size, planes.siting) for name in BASELINES}
        made[label] = restorer.corrected(planes, found)
        made[label + FILTERED] = restorer.corrected(planes, smoother(planes.y, found))
        return {name: round_to_uint8(cbcr) for name, cbcr in made.items()}

    return restore


def _measure(
    now: Plane,
    before: Plane | None,
    motion: flicker.Motion | None,
    made: Mapping[str, Plane],
    matrix: str,
    kept: dict[str, _Kept],
) -> None:
    rgb = _rgb(now[..., 0], now[..., 1:], matrix)
    for name, cbcr in made.items():
        one = kept.setdefault(name, _Kept())
        restored = _rgb(now[..., 0], cbcr, matrix)
        wanted = np.ascontiguousarray(now[..., 1:])
        for metric, value in (
            ("chroma_psnr", metrics.psnr(cbcr, wanted)),
            ("rgb_psnr", metrics.psnr(restored, rgb)),
            ("chroma_ssim", metrics.ssim(cbcr, wanted)),
            ("rgb_ssim", metrics.ssim(restored, rgb)),
        ):
            one.values.setdefault(metric, []).append(value)
        step = None
        if (
            motion
            and motion.followed >= flicker.SCENE
            and before is not None
            and one.last is not None
        ):
            step = motion.step((before[..., 1:], wanted), (one.last, cbcr))
        one.steps.append(step)
        one.last = cbcr


def _rgb(y: Plane, cbcr: Plane, matrix: str) -> Plane:
    return round_to_uint8(ycbcr_to_rgb(np.dstack([y, cbcr]), matrix))


def _changes(one: _Kept) -> dict[str, tuple[dict[str, float], list[float]]]:
    """``flicker`` and ``change_ratio``: summary, and one value a frame."""
    steps = [step for step in one.steps if step is not None]
    whole = sum(step.truth for step in steps)
    if not whole:  # a still picture: no ratio
        return {}
    mean = whole / len(steps)
    out = {}
    for metric, pooled, of in (
        ("flicker", flicker.flicker(steps), lambda step: step.error),
        ("change_ratio", flicker.change_ratio(steps), lambda step: step.output),
    ):
        values = [
            float("nan") if step is None else float(np.sqrt(of(step) / mean)) for step in one.steps
        ]
        ends = {"mean": pooled, "min": float(np.nanmin(values)), "max": float(np.nanmax(values))}
        out[metric] = {key: round(value, 6) for key, value in ends.items()}, values
    return out


def _show(done: int, total: int | None, seconds: float) -> None:
    if total is None:
        cli.moving(f"{done} frames")
        return
    left = cli.remaining(seconds, done, total)
    cli.moving(f"{f'{done}/{total} frames, {left} left':<60}")
