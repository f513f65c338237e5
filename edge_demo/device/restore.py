"""A picture in, a restored picture out: files, or the bytes of files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import Clock
from ..colour.siting import downsample
from ..colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from ..errors import UserError
from ..files import check_free
from ..model.package import Card
from ..model.tflite import TFLiteModel
from ..model.tiling import reconstruct
from ..pictures.containers import ImageFile, ImageInfo, load, probe
from ..pictures.images import (
    apply_orientation,
    check_target,
    decode_rgb,
    encode_image,
    replace_file,
    to_uint8,
)
from ..pictures.planes import decode_planes
from ..tasks import chroma, colorize, enhance
from . import steering
from .colorizing import Look, colorize_rgb
from .enhancing import darkness, enhance_picture
from .hints import Hints, ab_of

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
        hints: colorize: colours wanted at places.
        reference: colorize: a photograph whose colours the whole picture is to have.
        average: colorize: the average colour that it is to have, ``#rrggbb``.
        render_size: enhance and colorize: the network sees the picture reduced to the area of a
            square of so many pixels a side; None: what it was made for.
        detail: chroma: 0..1, how much of the detail that it proposes a model adds; None: all.
    """

    resample: bool = False
    strength: float | None = None
    fade: float | None = None
    hints: Hints | None = None
    reference: ImageFile | None = None
    average: str | None = None
    render_size: int | None = None
    detail: float | None = None


RENDER_SIZES = 64, 1024


# Which tasks an option belongs to.
_TASKS = {
    "resample": (chroma.TASK.name,),
    "strength": (enhance.TASK.name, colorize.TASK.name),
    "fade": (colorize.TASK.name,),
    "hints": (colorize.TASK.name,),
    "reference": (colorize.TASK.name,),
    "average": (colorize.TASK.name,),
    "render_size": (enhance.TASK.name, colorize.TASK.name),
    "detail": (chroma.TASK.name,),
}
# Of these options, the forms of the task that take them, and what is said of the others.
_FORMS = {
    "fade": (
        (colorize.SPREAD.form, *colorize.TAKES_HINTS),
        "does not say how sure it is; eccv16 and siggraph17 do",
    ),
    "hints": (colorize.TAKES_HINTS, "takes none; models of siggraph17 do"),
    "reference": (colorize.TAKES_HINTS, "tells no chances of colours; models of siggraph17 do"),
    "average": (colorize.TAKES_HINTS, "tells no chances of colours; models of siggraph17 do"),
    "detail": ((chroma.MERGED.form,), "proposes no detail; models of chroma_merged do"),
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


@dataclass(frozen=True)
class Wanted:
    """How a restored picture is to be encoded.

    Attributes:
        kind: ``png``, ``jpeg``, ``webp`` or ``tiff``.
        name: of the picture, for messages.
        quality: of a JPEG, 1..100.
        exif: whether the input's EXIF, which may tell where and when, is kept.
    """

    kind: str
    name: str
    quality: int = 95
    exif: bool = True


@dataclass(frozen=True, eq=False)
class Result:
    """A restored picture before it is encoded.

    Attributes:
        rgb: upright (H, W, 3), of the input's depth, uint8 or uint16.
        alpha: (H, W), or None.
        exif, icc: of the input; a profile that describes the pixels no longer is left out.
        notes: what a user should know.
    """

    rgb: NDArray[Any] = field(repr=False)
    alpha: NDArray[Any] | None = field(repr=False)
    exif: bytes | None = field(repr=False)
    icc: bytes | None = field(repr=False)
    notes: tuple[str, ...] = ()


def restore_file(
    source: Path,
    target: Path,
    model: TFLiteModel,
    options: Options | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """``restored`` of a file, written to another.

    Args:
        source, target: files.
        model: its task decides.
        options: of its task.
        overwrite: replace an existing target.
        progress: told pieces done and pieces in all.

    Raises:
        UserError: as ``restored``; unreadable, or an output that cannot be written; nothing is
            written then.
    """
    options = options or Options()
    check_options(model, options)
    probe(source)
    check_free(overwrite, target)
    wanted = Wanted(check_target(target, overwrite), str(target))
    clock = Clock()
    file = load(source)
    data, notes = restore_image(file, wanted, model, options, progress, clock)
    replace_file(target, data)
    clock.lap("write")
    return Restored(file.info, clock.seconds, notes)


def restore_image(
    file: ImageFile,
    wanted: Wanted,
    model: TFLiteModel,
    options: Options | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> tuple[bytes, tuple[str, ...]]:
    """``restored`` from memory to memory: the encoded picture, and what a user should know.

    Raises:
        UserError: as ``restored``, and a picture that the format cannot hold.
    """
    clock = clock or Clock()
    result = restored(file, model, options, progress, clock)
    exif = result.exif if wanted.exif else None
    data, notes = encode_image(
        wanted.name, wanted.kind, result.rgb,
        alpha=result.alpha, exif=exif, icc=result.icc, quality=wanted.quality,
    )  # fmt: skip
    clock.lap("write")
    return data, (*result.notes, *notes)


def restored(
    file: ImageFile,
    model: TFLiteModel,
    options: Options | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Result:
    """What a model's task does to a picture: reconstruct its chroma, colour it, or brighten it.

    A 4:2:0 JPEG or lossy WebP has its chroma restored from its own planes. Other pictures hold
    their chroma at full resolution: they are refused, unless ``resample`` says that it was
    upsampled from 4:2:0 before and is to be rebuilt.

    Any picture can be enhanced, as far as it is dark, and coloured, whatever colours it had.

    Args:
        file: the encoded picture.
        model: its task decides.
        options: of its task.
        progress: told pieces done and pieces in all.
        clock: where its stages ``read`` and ``restore`` are counted.

    Raises:
        UserError: as ``check_options``; cannot be decoded, without chroma, or nothing to restore.
    """
    options, clock = options or Options(), clock or Clock()
    check_options(model, options)
    if model.card.task.name == enhance.TASK.name:
        amount = 1.0 if options.strength is None else options.strength
        return _brightened(file, model, amount, options.render_size, progress, clock)
    if model.card.task.name == colorize.TASK.name:
        return _coloured(file, model, options, progress, clock)
    detail = chroma.DETAIL if options.detail is None else options.detail
    if file.info.subsampling == "4:2:0":
        return _from_planes(file, model, detail, progress, clock)
    _check_resample(file.info, options.resample)
    return _from_rgb(file, model, detail, progress, clock)


def takes(card: Card) -> tuple[str, ...]:
    """The options, fields of ``Options``, that a model takes."""
    task = card.task
    found = [
        option
        for option, tasks in _TASKS.items()
        if task.name in tasks and (option not in _FORMS or task.form in _FORMS[option][0])
    ]
    if card.values.get("static") is True and "render_size" in found:
        found.remove("render_size")
    return tuple(found)


def check_options(model: TFLiteModel, options: Options) -> None:
    """Raise UserError for an option that is not of the model's task, or out of range."""
    record, name = model.card.task, model.card.name
    for option, tasks in _TASKS.items():
        flag = f"--{option.replace('_', '-')}"
        given = getattr(options, option) not in (None, False)
        if not given or option in takes(model.card):
            continue
        if record.name not in tasks:
            of = f"the {' and '.join(tasks)} task{'s' if len(tasks) > 1 else ''}"
            raise UserError(f"{flag} is of {of}; {name} is a model of {record.name}")
        why = _FORMS[option][1] if option in _FORMS else "is of one size, which cannot change"
        raise UserError(f"{flag}: {name} {why}")
    if options.strength is not None and not 0.0 <= options.strength <= 1.0:
        raise UserError(f"--strength is from 0 (as it is) to 1 (all), not {options.strength:g}")
    if options.fade is not None and not options.fade >= 0.0:
        raise UserError(f"--fade is 0 (none) or more, not {options.fade:g}")
    low, high = RENDER_SIZES
    if options.render_size is not None and not low <= options.render_size <= high:
        raise UserError(f"--render-size is from {low} to {high}, not {options.render_size}")
    if options.reference and options.average:
        raise UserError("--reference has an average of its own; leave out --average")
    chroma.check_detail(record, options.detail)


def look_of(options: Options) -> Look:
    """What a user asked for, for tasks that add something.

    Raises:
        UserError: a reference that cannot be read or has no colours, an average that is no colour.
    """
    strength = 1.0 if options.strength is None else options.strength
    wanted = None
    if options.average:
        wanted = steering.Wanted(ab_of(options.average, "--average"))
    elif options.reference:
        rgb = to_uint8(decode_rgb(options.reference).rgb)
        if colorize.is_grey(rgb):
            raise UserError(f"{options.reference.info.path}: has no colours to take")
        wanted = steering.of_photograph(rgb)
    return Look(strength, options.fade or 0.0, options.render_size, wanted)


def _coloured(
    file: ImageFile, model: TFLiteModel, options: Options, progress: Progress | None, clock: Clock
) -> Result:
    picture = decode_rgb(file)
    depth = picture.rgb.dtype
    codes = picture.rgb / np.float32(257.0) if depth == np.uint16 else picture.rgb
    lightness = colorize.lightness(codes)
    look = look_of(options)
    size = lightness.shape[0], lightness.shape[1]
    hints = options.hints.on(size) if options.hints else ()
    clock.lap("read")
    grey = colorize.Grey(lightness, hints)
    rgb = colorize_rgb(grey, model, model.card.task, look, progress, depth)
    clock.lap("restore")
    notes: tuple[str, ...] = ()
    if not (picture.grey or colorize.is_grey(codes)):
        notes = ("The picture had colours; the model saw its lightness alone.",)
    # No profile: it described the old colours, and a grey one cannot hold any.
    return Result(rgb, picture.alpha, picture.exif, None, notes)


def _brightened(
    file: ImageFile,
    model: TFLiteModel,
    strength: float,
    render_size: int | None,
    progress: Progress | None,
    clock: Clock,
) -> Result:
    picture = decode_rgb(file)
    clock.lap("read")
    rgb: NDArray[Any] = picture.rgb
    deep = rgb.dtype == np.uint16
    codes = rgb / np.float32(257.0) if deep else rgb
    seen = None if picture.alpha is None else picture.alpha > 0
    bright = strength > 0.0 and darkness(codes, seen) == 0.0
    if strength > 0.0 and not bright:
        rgb = enhance_picture(codes, model, strength, progress, render_size, seen)
        if deep:
            rgb = np.clip(np.rint(rgb * np.float32(257.0)), 0, 65535).astype(np.uint16)
    clock.lap("restore")
    notes = ("The picture is bright enough, so it was left as it is.",) if bright else ()
    return Result(rgb, picture.alpha, picture.exif, picture.icc, notes)


def _check_resample(info: ImageInfo, resample: bool) -> None:
    if info.grey:
        raise UserError(f"{info.path}: a grey picture has no chroma to reconstruct")
    if resample or info.subsampling == "cmyk":  # the reader explains CMYK
        return
    stored = f"{info.subsampling} chroma" if info.subsampling else "chroma at full resolution"
    raise UserError(
        f"{info.path}: stores {stored}, so there is nothing to reconstruct from 4:2:0; "
        "--resample rebuilds it all the same, for pictures that were 4:2:0 before"
    )


def _from_planes(
    source: ImageFile, model: TFLiteModel, detail: float, progress: Progress | None, clock: Clock
) -> Result:
    file = decode_planes(source)
    clock.lap("read")
    planes = chroma.Planes(file.y, file.cbcr, file.siting, file.info.quantised)
    cbcr = reconstruct(planes, model, progress, model.card.task, detail)
    rgb = _to_rgb(file.y, cbcr, np.uint8, file.matrix, file.full_range)
    clock.lap("restore")
    alpha = None if file.alpha is None else apply_orientation(file.alpha, file.orientation)
    return Result(apply_orientation(rgb, file.orientation), alpha, file.exif, file.icc)


def _from_rgb(
    source: ImageFile, model: TFLiteModel, detail: float, progress: Progress | None, clock: Clock
) -> Result:
    picture = decode_rgb(source)
    if picture.grey:
        raise UserError(f"{source.info.path}: a grey picture has no chroma to reconstruct")
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
    return Result(rgb, picture.alpha, picture.exif, picture.icc)


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
