"""A request's form as what it asks for; whatever is wrong in it is one line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import IO, Any, TypeVar

from flask import Request

from ..device import plan, temporal
from ..device.hints import Hints, ab_of, loads
from ..device.options import TABLE
from ..errors import UserError
from ..pictures import picture
from ..pictures.picture import Picture
from ..video.options import CRF
from .catalog import Catalog
from .limits import Limits, Refused
from .videos import Wanted
from .work import TYPES, Asked, Upload, opened

_Any = TypeVar("_Any")

# What a picture is called where its upload has no name that can be shown.
_NAMELESS = "picture"
_NAME_CHARACTERS = 80
# Of an option without a bound of its own.
_MOST = 1000.0
# How good a video is where nothing is said: what looks the same, at a size that can be sent.
_CRF = 18

PROCESS = ("mode", "model", "hints", "average", "strength", "brightness", "fade", "detail",
           "render_size", "resample", "format", "quality", "keep_metadata", "job")  # fmt: skip
COMPARE = ("model_a", "model_b", "hints", "strength", "brightness", "fade", "detail", "render_size",
           "resample")  # fmt: skip
PALETTE = ("model", "x", "y", "k", "hints")
COLORS = ("k",)
CAMERA = ("model",)
VIDEO = ("mode", "model", "strength", "brightness", "fade", "average", "detail", "temporal", "crf",
         "job")  # fmt: skip
LOOK: tuple[str, ...] = ()
PREVIEW = ("format", "quality")
# What a client may call its request, to ask how far it is.
_JOB = re.compile(r"[\w-]{8,64}", re.ASCII)


def fields(request: Request, known: tuple[str, ...], files: tuple[str, ...]) -> dict[str, str]:
    """The texts of a form; a field that was left empty is not given.

    Raises:
        Refused: not a form of files (415), or a field that is unknown or given twice (400).
    """
    if request.mimetype != "multipart/form-data":
        raise Refused(415, "a form of type multipart/form-data is needed")
    for name in (*request.form, *request.files):
        if name not in known and name not in files:  # None, where a part has no name
            raise Refused(
                400,
                f"field {str(name)[:80]!r} is not known here; {', '.join((*files, *known))} are",
            )
    for name, values in request.form.lists():
        if name in files:
            raise Refused(400, f"{name}: a file is needed, with a file name in its part")
        if len(values) > 1:
            raise Refused(400, f"{name}: given {len(values)} times")
    for name in request.files:
        if name not in files:
            raise Refused(400, f"{name}: a text is needed, not a file")
    return {name: value for name, value in request.form.items() if value != ""}


def uploads(request: Request, limits: Limits, most: int = 1) -> list[Upload]:
    """The pictures of a form.

    Raises:
        Refused: none or too many (400, 413), or too large (413).
    """
    found = [one for one in request.files.getlist("image") if one.filename]
    if not found:
        raise Refused(400, "image: a file is needed")
    if len(found) > most:
        raise Refused(413, f"image: {len(found)} files, but at most {most} are taken at once")
    return [_upload(one, limits) for one in found]


def reference(request: Request, limits: Limits) -> Picture | None:
    """The photograph whose colours are to be borrowed, where the form has one.

    Raises:
        Refused: several (400), too large (413), or no picture (415).
        UserError: damaged.
    """
    found = [one for one in request.files.getlist("reference") if one.filename]
    if not found:
        return None
    if len(found) > 1:
        raise Refused(400, f"reference: {len(found)} files, but one is taken")
    return picture.of_file(opened(_upload(found[0], limits), limits))


def _upload(one: Any, limits: Limits) -> Upload:
    name = display_name(one.filename)
    data = one.stream.read(limits.upload_bytes + 1)
    if len(data) > limits.upload_bytes:
        raise Refused(413, f"{name}: is larger than {limits.upload_bytes >> 20} MiB, the limit")
    if not data:
        raise Refused(400, f"{name}: is empty")
    return Upload(data, name)


def display_name(name: str | None) -> str:
    """The last part of an upload's name without what has a meaning in paths or on a terminal."""
    last = re.split(r"[/\\]", name or "")[-1]
    plain = re.sub(r"[^\w .()+-]", "_", last).strip(" .")[:_NAME_CHARACTERS]
    return plain or _NAMELESS


def asked(
    values: Mapping[str, str], borrowed: Picture | None, catalog: Catalog, limits: Limits
) -> Asked:
    """What ``POST /process`` asks for.

    Args:
        values: its texts.
        borrowed: its reference.
        catalog, limits: of the server.

    Raises:
        Refused: an unknown model (404), a value of the wrong kind or range (400), or a model of
            another task (422).
        UserError: an option that is of none of the tasks.
    """
    wanted = options(values, limits, borrowed)
    named = _named(values.get("model"), catalog)
    names = _tasks(values.get("mode"), tuple(name for name in plan.ORDER if name in named))
    if names is None:
        names = plan.of_options(wanted)
    else:
        plan.check_taken(wanted, names)
        for task, name in named.items():
            if task not in names:
                raise Refused(422, f"{name} is a model of {task}; mode names {', '.join(names)}")
    usual = catalog.defaults if names is None else {n: catalog.find(None, n).name for n in names
                                                    if n not in named}  # fmt: skip
    return Asked(
        {**usual, **named}, names, wanted, *encoding(values), flag(values, "keep_metadata")
    )


def encoding(values: Mapping[str, str]) -> tuple[str, int]:
    """The format of an answer, and the quality of a JPEG.

    Raises:
        Refused: an unknown format, or a quality out of range (400).
    """
    kind = values.get("format", "png")
    if kind not in TYPES:
        raise Refused(400, f"format: {kind[:80]!r} is not one of {', '.join(TYPES)}")
    quality = integer(values, "quality", 1, 100)
    return kind, 95 if quality is None else quality


def _named(text: str | None, catalog: Catalog) -> dict[str, str]:
    """Task to the model that a request names for it."""
    found: dict[str, str] = {}
    for name in text.split(",") if text else ():
        entry = catalog.named(name.strip())
        if entry.task in found:
            raise Refused(400, f"model: {found[entry.task]} and {entry.name} are of one task")
        found[entry.task] = entry.name
    return found


def _tasks(text: str | None, of_models: tuple[str, ...]) -> tuple[str, ...] | None:
    """The tasks that a request names, in order; None: what a look says."""
    if not text:
        return of_models or None
    try:
        return plan.tasks_of(text)
    except UserError:
        known = ", ".join((plan.AUTO, *plan.ORDER))
        raise Refused(400, f"mode: {text[:80]!r} is not one of {known}, or several") from None


def video(values: Mapping[str, str], catalog: Catalog, limits: Limits) -> Wanted:
    """What ``POST /video`` asks for.

    Raises:
        Refused, UserError: as ``asked``.
    """
    wanted = {name: value for name, value in options(values, limits).items() if name in VIDEO}
    mode = values.get("mode")
    if mode is not None and mode not in plan.ORDER:
        raise Refused(400, f"mode: {mode[:80]!r} is not one of {', '.join(plan.ORDER)}")
    entry = catalog.for_video(values.get("model"), mode)
    plan.check_taken(wanted, (entry.task,))
    smoothing = number(values, "temporal", 0.0, 1.0)
    crf = integer(values, "crf", CRF[0], CRF[-1])
    return Wanted(
        entry.name,
        wanted,
        temporal.STRENGTH if smoothing is None else smoothing,
        _CRF if crf is None else crf,
    )


def video_file(request: Request) -> IO[bytes]:
    """The video of a form.

    Raises:
        Refused: none (400), or several (413).
    """
    found = [one for one in request.files.getlist("video") if one.filename]
    if not found:
        raise Refused(400, "video: a file is needed")
    if len(found) > 1:
        raise Refused(413, f"video: {len(found)} files, but one is taken")
    return found[0].stream


def job(values: Mapping[str, str]) -> str | None:
    """What a client calls its request, None where it does not.

    Raises:
        Refused: a name of other characters (400).
    """
    text = values.get("job")
    if text is not None and not is_job(text):
        raise Refused(400, "job: 8 to 64 letters, digits, - and _ are needed")
    return text


def is_job(text: str) -> bool:
    """Whether a request may be called so."""
    return _JOB.fullmatch(text) is not None


def options(
    values: Mapping[str, str], limits: Limits, borrowed: Picture | None = None
) -> dict[str, Any]:
    """The options of a restorer; None, or False, where a form does not say.

    Raises:
        Refused: a value of the wrong kind or range (400).
        UserError: no colour, or one that cannot be shown.
    """
    return {
        "resample": flag(values, "resample"),
        "hints": hints(values, limits),
        "reference": borrowed,
        "average": _colour(values, "average"),
        **{
            name: _number_of(values, name)
            for name, option in TABLE.items()
            if option.low is not None
        },
    }


def _colour(values: Mapping[str, str], name: str) -> str | None:
    text = values.get(name)
    if text:
        ab_of(text, name)
    return text


def _number_of(values: Mapping[str, str], name: str) -> float | None:
    """A number in the range of an option of that name."""
    option = TABLE[name]
    assert option.low is not None
    high = _MOST if option.high is None else option.high
    return (integer if option.whole else number)(values, name, option.low, high)


def hints(values: Mapping[str, str], limits: Limits) -> Hints | None:
    """The hints of a form, None where it has none.

    Raises:
        Refused: not JSON, or too many (400).
    """
    text = values.get("hints")
    if text is None:
        return None
    try:
        found = loads(text, "hints")
    except UserError as error:
        raise Refused(400, str(error)) from None
    entries = found.document.get("hints") if isinstance(found.document, dict) else None
    if not isinstance(entries, list):
        raise Refused(400, 'hints: {"hints": [{"x": 10, "y": 20, "color": "#4a7bc8"}]} is needed')
    if len(entries) > limits.hints:
        raise Refused(400, f"{len(entries)} hints, but at most {limits.hints} are taken")
    # A document without hints asks for nothing.
    return found if entries else None


def flag(values: Mapping[str, str], name: str) -> bool:
    """``true`` or ``false``, the default.

    Raises:
        Refused: another text (400).
    """
    text = values.get(name, "false").lower()
    if text not in ("true", "false"):
        raise Refused(400, f"{name}: {text[:80]!r} is neither true nor false")
    return text == "true"


def number(values: Mapping[str, str], name: str, low: float, high: float) -> float | None:
    """A number within bounds, None where none is given.

    Raises:
        Refused: no number, or out of bounds (400).
    """
    text = values.get(name)
    if text is None:
        return None
    try:
        found = float(text)
    except ValueError:
        raise Refused(400, f"{name}: {text[:80]!r} is not a number") from None
    if not (math.isfinite(found) and low <= found <= high):
        raise Refused(400, f"{name}: must be in {low:g}..{high:g}, not {text[:80]}")
    return found


def integer(values: Mapping[str, str], name: str, low: float, high: float) -> int | None:
    """As ``number``, whole."""
    found = number(values, name, low, high)
    if found is not None and found != int(found):
        raise Refused(400, f"{name}: must be a whole number, not {found:g}")
    return None if found is None else int(found)


def needed(found: _Any | None, name: str) -> _Any:
    """A value that must be given.

    Raises:
        Refused: it is not (400).
    """
    if found is None:
        raise Refused(400, f"{name}: is needed")
    return found
