"""A picture file in, a restored picture file out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .planes import read_planes
from .runtime.colour import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from .runtime.containers import ImageInfo, probe
from .runtime.enhancing import enhance_picture
from .runtime.errors import UserError
from .runtime.files import check_free
from .runtime.images import apply_orientation, read_rgb, write_image
from .runtime.model import TFLiteModel
from .runtime.siting import downsample
from .runtime.tasks import chroma, enhance
from .runtime.tiling import reconstruct

# Rows converted to RGB at a time, so that memory stays small on large pictures.
_STRIP = 256

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Restored:
    """What was done to a file.

    Attributes:
        info: of the input.
        seconds: stage name to time: ``read``, ``restore``, ``write``.
        notes: what the output could not keep.
    """

    info: ImageInfo
    seconds: dict[str, float]
    notes: tuple[str, ...]


def restore_file(
    source: Path,
    target: Path,
    model: TFLiteModel,
    *,
    resample: bool = False,
    strength: float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """What a model's task does to a picture: reconstruct its chroma, or brighten it.

    A 4:2:0 JPEG or lossy WebP has its chroma restored from its own planes. Other pictures hold
    their chroma at full resolution: they are refused, unless ``resample`` says that it was
    upsampled from 4:2:0 before and is to be rebuilt.

    Any picture can be enhanced, as far as it is dark.

    Args:
        source, target: files.
        model: its task decides.
        resample: of chroma alone.
        strength: of enhance alone, 0..1; None: 1.
        overwrite: replace an existing target.
        progress: told pieces done and pieces in all.

    Raises:
        UserError: as ``check_options``; unreadable, without chroma, nothing to restore, or an
            output that cannot be written; nothing is written then.
    """
    check_options(model, resample, strength)
    info = probe(source)
    check_free(overwrite, target)
    if model.card.task.name == enhance.TASK.name:
        amount = 1.0 if strength is None else strength
        return _brightened(source, target, model, amount, overwrite, progress)
    restore = _from_planes if info.subsampling == "4:2:0" else _from_rgb
    if restore is _from_rgb:
        _check_resample(info, resample)
    return restore(source, target, model, overwrite, progress)


def check_options(model: TFLiteModel, resample: bool, strength: float | None) -> None:
    """Raise UserError for an option that is not of the model's task, or out of range."""
    task, name = model.card.task.name, model.card.name
    if strength is not None and task != enhance.TASK.name:
        raise UserError(f"--strength is of the enhance task; {name} is a model of {task}")
    if strength is not None and not 0.0 <= strength <= 1.0:
        raise UserError(f"--strength is from 0 (as it is) to 1 (all), not {strength:g}")
    if resample and task != chroma.TASK.name:
        raise UserError(f"--resample is of the chroma task; {name} is a model of {task}")


def _brightened(
    source: Path,
    target: Path,
    model: TFLiteModel,
    strength: float,
    overwrite: bool,
    progress: Progress | None,
) -> Restored:
    clock = _Clock()
    picture = read_rgb(source)
    clock.lap("read")
    rgb: NDArray[Any] = picture.rgb
    deep = rgb.dtype == np.uint16
    codes = rgb / np.float32(257.0) if deep else rgb
    bright = strength > 0.0 and enhance.darkness(codes) == 0.0
    if strength > 0.0 and not bright:
        rgb = enhance_picture(codes, model, strength, progress)
        if deep:
            rgb = np.clip(np.rint(rgb * np.float32(257.0)), 0, 65535).astype(np.uint16)
    clock.lap("restore")
    notes = write_image(
        target, rgb, alpha=picture.alpha, exif=picture.exif, icc=picture.icc, overwrite=overwrite
    )
    clock.lap("write")
    if bright:
        notes = ("The picture is bright enough, so it was left as it is.", *notes)
    return Restored(picture.info, clock.seconds, notes)


def _check_resample(info: ImageInfo, resample: bool) -> None:
    if info.subsampling == "grey":
        raise UserError(f"{info.path}: a grey picture has no chroma to reconstruct")
    if resample or info.subsampling == "cmyk":  # the reader explains CMYK
        return
    stored = f"{info.subsampling} chroma" if info.subsampling else "chroma at full resolution"
    raise UserError(
        f"{info.path}: stores {stored}, so there is nothing to reconstruct from 4:2:0; "
        "--resample rebuilds it all the same, for pictures that were 4:2:0 before"
    )


def _from_planes(
    source: Path, target: Path, model: TFLiteModel, overwrite: bool, progress: Progress | None
) -> Restored:
    clock = _Clock()
    file = read_planes(source)
    clock.lap("read")
    planes = chroma.Planes(file.y, file.cbcr, file.siting)
    cbcr = reconstruct(planes, model, progress)
    rgb = _to_rgb(file.y, cbcr, np.uint8, file.matrix, file.full_range)
    clock.lap("restore")
    alpha = file.alpha
    notes = write_image(
        target,
        apply_orientation(rgb, file.orientation),
        alpha=None if alpha is None else apply_orientation(alpha, file.orientation),
        exif=file.exif,
        icc=file.icc,
        overwrite=overwrite,
    )
    clock.lap("write")
    return Restored(file.info, clock.seconds, notes)


def _from_rgb(
    source: Path, target: Path, model: TFLiteModel, overwrite: bool, progress: Progress | None
) -> Restored:
    clock = _Clock()
    picture = read_rgb(source)
    if picture.grey:
        raise UserError(f"{source}: a grey picture has no chroma to reconstruct")
    clock.lap("read")
    depth = picture.rgb.dtype
    per_code = 257.0 if depth == np.uint16 else 1.0
    ycbcr = rgb_to_ycbcr(picture.rgb / np.float32(per_code))
    y = np.ascontiguousarray(ycbcr[..., 0])
    low = round_to_uint8(downsample(ycbcr[..., 1:], "center"))
    cbcr = reconstruct(chroma.Planes(y, low), model, progress)
    rgb = _to_rgb(y, cbcr, depth, "bt601", True)
    clock.lap("restore")
    notes = write_image(
        target, rgb, alpha=picture.alpha, exif=picture.exif, icc=picture.icc, overwrite=overwrite
    )
    clock.lap("write")
    return Restored(picture.info, clock.seconds, notes)


def _to_rgb(
    y: NDArray[Any], cbcr: NDArray[np.uint8], depth: Any, matrix: str, full_range: bool
) -> NDArray[Any]:
    """Planes to RGB (H, W, 3) of a depth, a strip of rows at a time."""
    rgb = np.empty((*y.shape, 3), depth)
    for top in range(0, len(y), _STRIP):
        rows = slice(top, top + _STRIP)
        ycbcr = np.dstack([y[rows].astype(np.float32), cbcr[rows].astype(np.float32)])
        values = ycbcr_to_rgb(ycbcr, matrix, full_range)
        if rgb.dtype == np.uint8:
            rgb[rows] = round_to_uint8(values)
        else:
            rgb[rows] = np.clip(np.rint(values * 257.0), 0, 65535)
    return rgb


class _Clock:
    """Wall time by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now
