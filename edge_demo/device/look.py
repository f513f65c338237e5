"""What a picture needs, told by a look at it: the one place that decides where nobody chooses.

The first rule that holds decides:

1. without colours, or all of one tint (sepia): colorize;
2. dark: enhance;
3. chroma stored more coarsely than luma (4:2:0, 4:2:2, 4:4:0, 4:1:1): chroma;
4. else it needs nothing.

Colours are judged relative to lightness, as the picture would show them if it were exposed well:
a photograph in the dark has small numbers, not no colours. Pixels that are transparent, too dark to
have a hue, or of a frame around the picture do not count.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour import srgb
from ..colour.lab import rgb_to_lab
from ..pictures.picture import Picture
from ..pictures.planes import has_planes
from ..tasks import enhance
from . import visible

Array = NDArray[np.float32]

# Tuned on training photographs and on greys and toned prints that were made of them
# (``python -m studies look`` measures it on others).
# Longer side of what is looked at: small, so that noise and a JPEG's coarse chroma average out.
_SIDE = 64
# Of the larger JPEG is decoded so far reduced, for speed.
_DECODED_SIDE = 256
# How dark is dark, as ``enhance.darkness`` has it.
_DARK = 0.5
# The brightest channel that the picture is exposed to, linear, of all but the brightest 2 %.
_EXPOSED = 0.6
# Code values below which a channel's rounding is a colour by itself: such pixels count less.
_SURE, _LEAST = 32.0, 6.0
# L between which a hue can be told.
_LIGHTNESS = 20.0, 98.0
# Chroma (CIELAB) that all but 2 % of a grey picture's pixels stay below.
_GREY, _SHARE = 2.0, 98
# In a toned picture, how far all but 5 % and all but 1 % of the pixels are from the tint at their
# lightness, at most, the former also as a share of the mean chroma; how strong the tint is on
# average, at least; and how much of that is of one hue. 0.8 % of 603 photographs in colour are
# taken for toned ones so, and 4 % of 450 toned ones for photographs in colour.
_TINT, _TINT_SHARES, _TINT_RELATIVE = (6.5, 9.0), (95, 99), 0.6
_TONED, _ONE_HUE = 3.0, 0.9
# A tint is a function of lightness, of so many pieces.
_PIECES = 12


@dataclass(frozen=True)
class Look:
    """What a picture needs.

    Attributes:
        task: the task that fits, ``None`` where it needs nothing.
        why: that, in words that follow a colon.
        colourless: whether it is grey or of one tint.
        dark: whether it is.
        subsampled: whether its file stores chroma more coarsely than luma.
    """

    task: str | None
    why: str
    colourless: bool
    dark: bool
    subsampled: bool


def look(picture: Picture) -> Look:
    """Which task fits a picture.

    Args:
        picture: as ``edge_demo.read`` gives it, or a result.

    Raises:
        UserError: it cannot be decoded.
    """
    rgb, seen = _small(picture)
    subsampled = picture.file is not None and has_planes(picture.info)
    stored = picture.info.subsampling
    if seen is not None and not seen.any():
        return Look(None, "it is wholly transparent", False, False, subsampled)
    inside = visible.content(rgb)
    rgb, seen = rgb[inside], None if seen is None else seen[inside]
    if seen is not None:
        rgb = visible.filled(rgb, seen) if seen.any() else rgb
    dark = bool(enhance.darkness(np.ascontiguousarray(rgb)) >= _DARK)
    tint = "grey" if picture.info.grey else _tint(rgb, seen, dark)
    facts = (tint != "", dark, subsampled)
    if tint:
        also = ", and dark: enhance,colorize would brighten it, too" if dark else ""
        return Look("colorize", f"the picture is {tint}{also}", *facts)
    if dark:
        also = f", and its chroma is {stored}: enhance,chroma would restore both"
        also = also if subsampled else ""
        return Look("enhance", f"the picture is dark{also}", *facts)
    if subsampled:
        share = "a quarter" if stored == "4:1:1" else "half"
        why = f"its file stores chroma at {share} of the resolution ({stored})"
        return Look("chroma", why, *facts)
    return Look(None, "it has colours at full resolution, and is bright enough", *facts)


def _small(picture: Picture) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The picture reduced, in code values 0..255, and what of it is seen."""
    file = picture.file
    if file is not None and file.info.format == "jpeg" and file.info.subsampling != "cmyk":
        reduced = _reduced_jpeg(file.data, max(file.info.width, file.info.height))
        if reduced is not None:
            return reduced, None
    found = picture.decoded
    rgb: NDArray[Any] = found.rgb
    seen = None if found.alpha is None else found.alpha > 0
    step = max(rgb.shape[:2]) // _DECODED_SIDE
    if step > 1 and seen is None:
        size = max(1, rgb.shape[1] // step), max(1, rgb.shape[0] // step)
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    elif step > 1:
        rgb, seen = rgb[::step, ::step], seen[::step, ::step] if seen is not None else None
    codes = rgb / np.float32(257.0) if rgb.dtype == np.uint16 else rgb
    return np.ascontiguousarray(codes), seen


def _reduced_jpeg(data: bytes, side: int) -> NDArray[np.uint8] | None:
    """A large JPEG as its decoder reduces it, which is many times faster; None of a small one."""
    for factor, flag in (
        (8, cv2.IMREAD_REDUCED_COLOR_8),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (2, cv2.IMREAD_REDUCED_COLOR_2),
    ):
        if side >= factor * _DECODED_SIDE:
            flags = flag | cv2.IMREAD_IGNORE_ORIENTATION
            bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
            return None if bgr is None else np.ascontiguousarray(bgr[..., ::-1])
    return None


def _tint(rgb: NDArray[Any], seen: NDArray[np.bool_] | None, dark: bool) -> str:
    """``grey``, ``of one tint``, or empty where there are colours.

    Args:
        rgb: (H, W, 3) in code values 0..255.
        seen: (H, W), or None where all is.
        dark: whether it is: the rounding of dark pixels and their noise look like a tint, so that a
            dark picture is colourless only where it is grey.
    """
    codes = _shrunk(rgb.astype(np.float32))
    linear = srgb.to_linear(codes / np.float32(255.0), np.power)
    bright = float(np.percentile(linear.max(-1), _SHARE))
    gain = max(1.0, _EXPOSED / max(bright, 1e-4))
    exposed = srgb.from_linear(np.clip(linear * gain, 0.0, 1.0), np.power) * 255.0
    lab = rgb_to_lab(np.ascontiguousarray(exposed, np.float32))
    brightest, lightness = codes.max(-1), lab[..., 0]
    sure = (brightest >= _LEAST) & (lightness > _LIGHTNESS[0]) & (lightness < _LIGHTNESS[1])
    if seen is not None:
        sure &= _shrunk(seen.astype(np.float32)) > 0.99
    if sure.sum() < 4 * _PIECES:  # too little to say more than whether all is grey
        sure = np.ones_like(sure)
    weight = np.minimum(1.0, brightest[sure] / _SURE)
    light, ab = lightness[sure], lab[sure][:, 1:]
    if np.percentile(np.hypot(ab[:, 0], ab[:, 1]) * weight, _SHARE) <= _GREY:
        return "grey"
    if dark:
        return ""
    off = ab - _curve(light, ab)
    spread = np.percentile(np.hypot(off[:, 0], off[:, 1]) * weight, _TINT_SHARES)
    chroma = float(np.hypot(ab[:, 0], ab[:, 1]).mean())
    strength = float(np.hypot(*ab.mean(axis=0)))
    toned = strength >= max(_TONED, _ONE_HUE * chroma)
    near = (spread <= _TINT).all() and spread[0] <= _TINT_RELATIVE * chroma
    return "of one tint" if toned and near else ""


def _curve(light: Array, ab: Array) -> NDArray[Any]:
    """The usual ab (N, 2) at each pixel's lightness (N,)."""
    edges = np.quantile(light, np.linspace(0.0, 1.0, _PIECES + 1))
    places, values = [], []
    for low, high in itertools.pairwise(edges):
        here = (light >= low) & (light <= high)
        if here.any():
            places.append(light[here].mean())
            values.append(np.median(ab[here], axis=0))
    table = np.array(values)
    return np.stack([np.interp(light, places, table[:, axis]) for axis in range(2)], axis=-1)


def _shrunk(values: Array) -> Array:
    """Reduced by area to ``_SIDE`` at the longer side; never grown."""
    height, width = values.shape[:2]
    scale = _SIDE / max(height, width)
    if scale >= 1.0:
        return values
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
