"""A picture file in, a restored picture file out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .clock import Clock
from .hints import read_hints
from .planes import read_planes
from .runtime.colorizing import Look, colorize_rgb
from .runtime.colour import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from .runtime.containers import ImageInfo, probe
from .runtime.enhancing import enhance_picture
from .runtime.errors import UserError
from .runtime.files import check_free
from .runtime.images import apply_orientation, read_rgb, write_image
from .runtime.model import TFLiteModel
from .runtime.restoration import check_detail
from .runtime.siting import downsample
from .runtime.tasks import chroma, colorize, enhance
from .runtime.tiling import reconstruct

# Rows converted to RGB at a time, so that memory stays small on large pictures.
_STRIP = 256

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """What a user asked for beside the files; each belongs to some tasks alone.

    Attributes:
        resample: chroma: rebuild full-resolution chroma that was 4:2:0 before.
        strength: enhance and colorize: 0..1, how much of the model's work is taken; None: 1.
        fade: colorize: at which spread of possible colours half of the saturation is left, units
            of a and b; None: no fading.
        hints: colorize: a file of colours wanted at places, see ``hints``.
        detail: chroma: 0..1, how much of the detail that it proposes a model adds; None: all.
    """

    resample: bool = False
    strength: float | None = None
    fade: float | None = None
    hints: Path | None = None
    detail: float | None = None


# Which tasks an option belongs to.
_TASKS = {
    "resample": (chroma.TASK.name,),
    "strength": (enhance.TASK.name, colorize.TASK.name),
    "fade": (colorize.TASK.name,),
    "hints": (colorize.TASK.name,),
    "detail": (chroma.TASK.name,),
}


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
    options: Options | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """What a model's task does to a picture: reconstruct its chroma, colour it, or brighten it.

    A 4:2:0 JPEG or lossy WebP has its chroma restored from its own planes. Other pictures hold
    their chroma at full resolution: they are refused, unless ``resample`` says that it was
    upsampled from 4:2:0 before and is to be rebuilt.

    Any picture can be enhanced, as far as it is dark, and coloured, whatever colours it had.

    Args:
        source, target: files.
        model: its task decides.
        options: of its task.
        overwrite: replace an existing target.
        progress: told pieces done and pieces in all.

    Raises:
        UserError: as ``check_options``; unreadable, without chroma, nothing to restore, or an
            output that cannot be written; nothing is written then.
    """
    options = options or Options()
    check_options(model, options)
    info = probe(source)
    check_free(overwrite, target)
    if model.card.task.name == enhance.TASK.name:
        amount = 1.0 if options.strength is None else options.strength
        return _brightened(source, target, model, amount, overwrite, progress)
    if model.card.task.name == colorize.TASK.name:
        return _coloured(source, target, model, options, overwrite, progress)
    restore = _from_planes if info.subsampling == "4:2:0" else _from_rgb
    if restore is _from_rgb:
        _check_resample(info, options.resample)
    detail = chroma.DETAIL if options.detail is None else options.detail
    return restore(source, target, model, detail, overwrite, progress)


def check_options(model: TFLiteModel, options: Options) -> None:
    """Raise UserError for an option that is not of the model's task, or out of range."""
    record, name = model.card.task, model.card.name
    for option, tasks in _TASKS.items():
        given = getattr(options, option) not in (None, False)
        flag = f"--{option.replace('_', '-')}"
        if given and record.name not in tasks:
            of = f"the {' and '.join(tasks)} task{'s' if len(tasks) > 1 else ''}"
            raise UserError(f"{flag} is of {of}; {name} is a model of {record.name}")
    if options.strength is not None and not 0.0 <= options.strength <= 1.0:
        raise UserError(f"--strength is from 0 (as it is) to 1 (all), not {options.strength:g}")
    if options.fade is not None and not options.fade >= 0.0:
        raise UserError(f"--fade is 0 (none) or more, not {options.fade:g}")
    if options.fade and record.form == colorize.TASK.form:
        raise UserError(f"--fade: {name} does not say how sure it is; eccv16 and siggraph17 do")
    if options.hints and record.form != colorize.HINTED.form:
        raise UserError(f"--hints: {name} takes none; models of siggraph17 do")
    check_detail(record, options.detail)


def _coloured(
    source: Path,
    target: Path,
    model: TFLiteModel,
    options: Options,
    overwrite: bool,
    progress: Progress | None,
) -> Restored:
    clock = Clock()
    picture = read_rgb(source)
    depth = picture.rgb.dtype
    codes = picture.rgb / np.float32(257.0) if depth == np.uint16 else picture.rgb
    lightness = colorize.lightness(codes)
    size = lightness.shape[0], lightness.shape[1]
    hints = read_hints(options.hints, size) if options.hints else ()
    clock.lap("read")
    strength = 1.0 if options.strength is None else options.strength
    look = Look(strength, options.fade or 0.0)
    grey = colorize.Grey(lightness, hints)
    rgb = colorize_rgb(grey, model, model.card.task, look, progress, depth)
    clock.lap("restore")
    # No profile: it described the old colours, and a grey one cannot hold any.
    notes = write_image(target, rgb, alpha=picture.alpha, exif=picture.exif, overwrite=overwrite)
    clock.lap("write")
    if not (picture.grey or colorize.is_grey(codes)):
        notes = ("The picture had colours; the model saw its lightness alone.", *notes)
    return Restored(picture.info, clock.seconds, notes)


def _brightened(
    source: Path,
    target: Path,
    model: TFLiteModel,
    strength: float,
    overwrite: bool,
    progress: Progress | None,
) -> Restored:
    clock = Clock()
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
    source: Path,
    target: Path,
    model: TFLiteModel,
    detail: float,
    overwrite: bool,
    progress: Progress | None,
) -> Restored:
    clock = Clock()
    file = read_planes(source)
    clock.lap("read")
    planes = chroma.Planes(file.y, file.cbcr, file.siting, file.info.quantised)
    cbcr = reconstruct(planes, model, progress, model.card.task, detail)
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
    source: Path,
    target: Path,
    model: TFLiteModel,
    detail: float,
    overwrite: bool,
    progress: Progress | None,
) -> Restored:
    clock = Clock()
    picture = read_rgb(source)
    if picture.grey:
        raise UserError(f"{source}: a grey picture has no chroma to reconstruct")
    clock.lap("read")
    depth = picture.rgb.dtype
    per_code = 257.0 if depth == np.uint16 else 1.0
    ycbcr = rgb_to_ycbcr(picture.rgb / np.float32(per_code))
    y = np.ascontiguousarray(ycbcr[..., 0])
    low = round_to_uint8(downsample(ycbcr[..., 1:], "center"))
    planes = chroma.Planes(y, low)
    cbcr = reconstruct(planes, model, progress, model.card.task, detail)
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
