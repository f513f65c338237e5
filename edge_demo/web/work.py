"""What the workers do: encoded pictures in, encoded pictures or plain values out.

Nothing here knows of HTTP, and nothing here touches a file but those of the models. Each is given
what can be sent to another process first, and there the worker's models and its tick.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import Clock
from ..colour.lab import lab_to_rgb
from ..colour.ycbcr import round_to_uint8
from ..device import palette, plan
from ..device.colorize import Colorize, grey_of
from ..device.look import look
from ..errors import UserError
from ..measure import metrics
from ..pictures import containers, picture
from ..pictures.images import decode_rgb, encode_image, in_srgb, to_uint8
from ..pictures.picture import Picture
from ..tasks import colorize
from .limits import Limits, Refused
from .models import Models
from .worker import Tick

TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
# What the difference of two pictures may be multiplied by.
_MOST_GAIN = 64


@dataclass(frozen=True)
class Upload:
    """A picture of a request.

    Attributes:
        data: the file.
        name: that messages call it; never the name of a file here.
    """

    data: bytes = field(repr=False)
    name: str

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Asked:
    """How a picture is to be processed.

    Attributes:
        models: task to a name of the catalogue, of all tasks that may be done.
        tasks: in order; None: what a look at the picture says.
        options: of the restorers.
        kind: ``png``, ``jpeg`` or ``webp``.
        quality: of a JPEG.
        exif: whether the picture's EXIF is kept.
    """

    models: Mapping[str, str]
    tasks: tuple[str, ...] | None
    options: Mapping[str, Any]
    kind: str = "png"
    quality: int = 95
    exif: bool = False

    @property
    def others(self) -> tuple[Upload, ...]:
        """Pictures that are decoded beside the one that is processed."""
        reference = self.options.get("reference")
        return (Upload(reference.file.data, reference.name),) if reference else ()

    def key(self, upload: Upload) -> str:
        """Of the result in a cache: what is the same for the same content and wishes."""
        hints, reference = (self.options.get(name) for name in ("hints", "reference"))
        wishes = {
            **self.options,
            "hints": hints.document if hints else None,
            "reference": hashlib.sha256(reference.file.data).hexdigest() if reference else None,
        }
        models = sorted(self.models.items())
        return json.dumps(
            [upload.sha256, models, self.tasks, wishes, self.kind, self.quality, self.exif]
        )


@dataclass(frozen=True)
class Made:
    """A processed picture.

    Attributes:
        data: encoded.
        type: of its content.
        width, height: upright.
        notes: what a user should know.
        seconds: stage to time.
        done: tasks in order to the model that did each; empty where there was nothing to do.
        restored: model to the seconds that it took.
    """

    data: bytes = field(repr=False)
    type: str
    width: int
    height: int
    notes: tuple[str, ...]
    seconds: dict[str, float]
    done: dict[str, str]
    restored: dict[str, float]


def opened(upload: Upload, limits: Limits) -> containers.ImageFile:
    """A picture's file after every check that needs no decoder.

    Raises:
        Refused: no picture of a known kind (415), or too many pixels (413).
        UserError: damaged.
    """
    _stated(upload, limits)
    file = containers.inspect(upload.data, upload.name)
    _check(file.info, upload.name, limits)  # of the JPEG in a JPEG XL, say
    return file


def need(uploads: Sequence[Upload], limits: Limits) -> int:
    """Bytes of memory that work on pictures may take, by what their headers say.

    Raises:
        Refused, UserError: as ``opened``.
    """
    pixels = 0
    for upload in uploads:
        info = _stated(upload, limits)
        # Of more than 8 bits, each counts as several.
        pixels += max(info.width * info.height, info.decoded_bytes // limits.pixel_bytes)
    return limits.worker_bytes(pixels)


def _stated(upload: Upload, limits: Limits) -> containers.ImageInfo:
    """What a picture's header says, where it may be as large as that."""
    try:
        containers.kind(upload.data, upload.name)
    except UserError as error:
        raise Refused(415, str(error)) from None
    info = containers.described(upload.data, upload.name)
    _check(info, upload.name, limits)
    return info


def _check(info: containers.ImageInfo, name: str, limits: Limits) -> None:
    """Refuse a picture that is too large, by what its header says."""
    width, height = info.width, info.height
    size = f"{name}: is {width}x{height}"
    if width * height > limits.pixels:
        raise Refused(
            413, f"{size} = {width * height:,} pixels, over the limit of {limits.pixels:,}"
        )
    if max(width, height) > limits.side:
        raise Refused(413, f"{size}, over the limit of {limits.side:,} pixels a side")
    if info.decoded_bytes > limits.decoded_bytes:
        raise Refused(
            413,
            f"{size} in {info.bit_depth or 'many'} bits a channel, {info.decoded_bytes:,} bytes "
            f"decoded, over the limit of {limits.decoded_bytes:,}",
        )


def looked(upload: Upload, limits: Limits, models: Models, tick: Tick) -> dict[str, Any]:
    """What a picture is, and what can be done for it: for ``POST /look``.

    Raises:
        Refused: as ``opened``.
        UserError: cannot be decoded.
    """
    file = opened(upload, limits)
    found = look(picture.of_file(file))
    width, height = upright(file.info)
    return {
        "width": width,
        "height": height,
        "format": file.info.format,
        "subsampling": file.info.subsampling,
        "task": found.task,
        "why": found.why,
        "fitting": plan.fitting(found),
        "colourless": found.colourless,
        "dark": found.dark,
        "subsampled": found.subsampled,
        "possible": {
            "chroma": not file.info.grey,
            "enhance": True,
            "colorize": True,
        },
    }


def preview(
    upload: Upload, kind: str, quality: int, limits: Limits, models: Models, tick: Tick
) -> bytes:
    """A picture as it is, upright, as a file that every browser shows: for ``POST /preview``.

    Args:
        upload: of any kind that is read.
        kind: ``png``, ``jpeg`` or ``webp``.
        quality: of a JPEG.
        limits: of the server.
        models, tick: of the worker.

    Raises:
        Refused: as ``opened``.
        UserError: cannot be decoded.
    """
    found = picture.of_file(opened(upload, limits))
    data, _ = found.encoded(kind, quality, exif=False, name=upload.name)
    return data


def process(upload: Upload, asked: Asked, limits: Limits, models: Models, tick: Tick) -> Made:
    """One picture, as ``python -m edge_demo run`` makes it, byte for byte.

    Raises:
        Refused: as ``opened``, or there is no model of what it needs (404).
        UserError: cannot be decoded, or nothing to do.
    """
    file = opened(upload, limits)
    clock = Clock()
    done = picture.of_file(file)
    tasks, notes = _planned(done, asked)
    if len(tasks) != 1 or asked.tasks is None:
        clock.lap("look")
    made_by: dict[str, str] = {}
    restored: dict[str, float] = {}
    for step, task in enumerate(tasks):
        tick(step, len(tasks))
        if task not in asked.models:
            raise Refused(404, f"there is no model of {task} here")
        name = made_by[task] = asked.models[task]
        before = clock.seconds.get("restore", 0.0)
        alone = asked.tasks is not None and len(asked.tasks) == 1
        with models.use(name) as restorer:
            clock.lap("load")
            done = restorer.restore(
                done,
                progress=_of_chain(tick, step, len(tasks)),
                clock=clock,
                **plan.options_of(task, asked.options, alone),
            )
        restored[name] = clock.seconds.get("restore", 0.0) - before
    tick()
    if not tasks and asked.exif and asked.kind == file.info.format:
        data: bytes = file.data  # as it is, which is what run does
        more: tuple[str, ...] = ()
    else:
        data, more = done.encoded(asked.kind, asked.quality, asked.exif, upload.name)
    clock.lap("write")
    width, height = upright(file.info)
    return Made(
        data, TYPES[asked.kind], width, height, (*notes, *more), clock.seconds, made_by, restored
    )


def _planned(before: Picture, asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tasks to be done, as ``run`` chooses them, and notes on those that are not."""
    if asked.tasks is None:
        found = look(before)
        tasks = () if found.task is None else (found.task,)
        notes = plan.unused(asked.options, tasks)
        if not tasks:
            notes = (f"Nothing needs to be restored, {found.why}.", *notes)
        return tasks, notes
    if len(asked.tasks) == 1:
        return asked.tasks, ()
    out = plan.left_out(look(before), asked.tasks, bool(asked.options.get("resample")))
    return tuple(task for task in asked.tasks if task not in out), tuple(out.values())


def _of_chain(tick: Tick, step: int, steps: int) -> Tick:
    """Pieces of one step as pieces of all."""
    return lambda done, total: tick(step * total + done, steps * total)


def upright(info: containers.ImageInfo) -> tuple[int, int]:
    """Width and height once the orientation is applied."""
    turned = info.orientation >= 5
    return (info.height, info.width) if turned else (info.width, info.height)


def compare(
    upload: Upload, first: Asked, second: Asked, limits: Limits, models: Models, tick: Tick
) -> dict[str, Any]:
    """How two models differ on a picture: for ``POST /compare``.

    Raises:
        Refused, UserError: as ``process``.
    """
    file = opened(upload, limits)
    pixels, seconds = [], []
    for asked in (first, second):
        clock = Clock()
        (name,) = asked.models.values()
        with models.use(name) as restorer:
            clock.lap("load")
            before = picture.of_file(file)
            after = restorer.restore(before, progress=tick, clock=clock, **asked.options)
            pixels.append(to_uint8(after.rgb))
        seconds.append(clock.seconds["restore"])
        tick()
    one, other = pixels
    difference = one.astype(np.int16) - other.astype(np.int16)
    largest = int(np.abs(difference).max())
    gain = min(_MOST_GAIN, 127 // largest) if largest else _MOST_GAIN
    gain = max(1, gain)
    shown = np.clip(difference * gain + 128, 0, 255).astype(np.uint8)
    data, _ = encode_image(upload.name, "png", shown)
    return {
        "psnr": metrics.psnr(one, other),
        "max_difference": largest,
        "gain": gain,
        "difference_png": base64.b64encode(data).decode(),
        "seconds": seconds,
    }


@dataclass(frozen=True, eq=False)
class Answer:
    """What a network says of a picture, kept for the next click.

    Attributes:
        lightness: of the picture (H, W), 0..100, in half precision.
        distribution: of colours (h, w, 313), likewise.
    """

    lightness: NDArray[np.float16] = field(repr=False)
    distribution: NDArray[np.float16] = field(repr=False)

    @property
    def bytes(self) -> int:
        """That it takes."""
        return self.lightness.nbytes + self.distribution.nbytes


def answer(upload: Upload, name: str, limits: Limits, models: Models, tick: Tick) -> Answer:
    """What a network that suggests colours says of a picture.

    Raises:
        Refused: as ``opened``.
        UserError: cannot be decoded.
    """
    grey = grey_of(in_srgb(decode_rgb(opened(upload, limits)))[0])
    with models.use(name) as restorer:
        assert isinstance(restorer, Colorize)
        _, colours = restorer.answer(grey)
    assert colours.distribution is not None
    return Answer(grey.lightness.astype(np.float16), colours.distribution.astype(np.float16))


def suggest(found: Answer, x: float, y: float, count: int) -> dict[str, Any]:
    """Colours for a point: for ``POST /palette``.

    Args:
        found: of the picture.
        x, y: pixels of the upright picture, from its top left.
        count: at most so many.

    Raises:
        Refused: a point outside of the picture (422).
    """
    height, width = found.lightness.shape
    if not (0 <= x < width and 0 <= y < height):
        raise Refused(422, f"the point {x:g}, {y:g} is outside of the picture, {width}x{height}")
    lightness = float(found.lightness[int(y), int(x)])
    colours = colorize.Colours(
        np.zeros((*found.distribution.shape[:2], 2), np.float32),
        distribution=found.distribution.astype(np.float32),
    )
    probabilities = palette.at(colours, (y + 0.5) / height, (x + 0.5) / width)
    return {
        "lightness": round(lightness, 2),
        "colors": [
            {**_colour(lightness, *one.ab), "chance": round(one.chance, 4)}
            for one in palette.suggest(probabilities, lightness, count)
        ],
        "gamut": _gamut(lightness),
    }


def _gamut(lightness: float) -> dict[str, Any]:
    mask = palette.gamut(lightness)
    return {
        "lightness": round(lightness, 2),
        "low": palette.GAMUT_LOW,
        "step": palette.GAMUT_STEP,
        "mask": ["".join("1" if one else "0" for one in row) for row in mask],
    }


def _colour(lightness: float, a: float, b: float) -> dict[str, Any]:
    rgb = round_to_uint8(lab_to_rgb(np.array([[[lightness, a, b]]], np.float32)))[0, 0]
    return {"color": f"#{bytes(rgb.tolist()).hex()}", "a": round(a, 2), "b": round(b, 2)}


def colours_of(
    upload: Upload, count: int, limits: Limits, models: Models, tick: Tick
) -> dict[str, Any]:
    """The colours that a photograph is made of: for ``POST /colors``.

    Raises:
        Refused: as ``opened``.
        UserError: cannot be decoded.
    """
    values, _ = in_srgb(decode_rgb(opened(upload, limits)))
    rgb = round_to_uint8(values) if values.dtype == np.float32 else to_uint8(values)
    return {
        "colors": [
            {
                **_colour(one.lightness, *one.ab),
                "lightness": round(one.lightness, 2),
                "share": round(one.chance, 4),
            }
            for one in palette.dominant(rgb, count)
        ]
    }
