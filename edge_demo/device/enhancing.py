"""A picture in low light through one graph, whole: what a device does for the enhance task.

A network judges a place by all of the picture, so there are no tiles. A picture that is larger than
a device should take at once, or than a graph of fixed size holds, is reduced for the network; what
it answers is brought to full size along the edges of the picture itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour import guided
from ..colour.ycbcr import round_to_uint8
from ..model.tiling import Runner, window
from ..tasks import enhance
from . import visible

Array = NDArray[np.float32]
Size = tuple[int, int]  # height, width

# Of the picture that a network sees; a larger one is reduced. Memory and time grow with it.
MAX_PIXELS = 1024 * 1024
# How a reduced result is brought to full size. Of 12 training pairs reduced to half, with the truth
# in place of a network's answer, this gave 32.9 dB, bicubic resizing 31.8, no corrections 30.0.
_RADIUS, _EPS, _CORRECTIONS = 1, 1e-4, 2
# Rows that are blended and rounded at a time, so that memory stays small on large pictures.
_STRIP = 256


def enhance_picture(
    rgb: NDArray[Any],
    runner: Runner,
    strength: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
    render_size: int | None = None,
    seen: NDArray[np.bool_] | None = None,
) -> NDArray[Any]:
    """Brighten a picture as far as it is dark.

    Bars and frames of one colour at its borders, and hidden pixels, are neither judged nor changed.

    Args:
        rgb: (H, W, 3) in code values 0..255, uint8, or float32 of a source of more bits.
        runner: the graph.
        strength: 0 leaves the picture as it is, 1 enhances it wholly.
        progress: told 1 of 1 when all is done.
        render_size: the graph sees the picture reduced to the area of a square of this side, and
            to ``MAX_PIXELS`` in any case; None: no further.
        seen: (H, W), False where a pixel is transparent; None: all are seen.

    Returns:
        (H, W, 3) of the picture's own type, float32 unrounded; the picture's own values, without a
        run of the graph, where it is bright or ``strength`` is 0.

    Raises:
        ValueError: a strength outside 0..1.
    """
    if not 0.0 <= strength <= 1.0:
        raise ValueError(f"a strength is 0..1, not {strength}")
    out = rgb.copy()
    inside = visible.content(rgb)
    judged = _judged(rgb, inside, seen)
    amount = 0.0 if judged is None else strength * enhance.darkness(judged)
    if judged is not None and amount > 0.0:
        most = min(MAX_PIXELS, render_size**2) if render_size else MAX_PIXELS
        enhanced = _enhanced(judged, runner, most)
        changed, source = out[inside], rgb[inside]
        for top in range(0, len(judged), _STRIP):
            rows = slice(top, top + _STRIP)
            blended = enhance.blend(judged[rows], enhanced[rows], amount)
            values = round_to_uint8(blended) if rgb.dtype == np.uint8 else blended
            if seen is not None:
                values = np.where(seen[inside][rows][..., None], values, source[rows])
            changed[rows] = values
    if progress:
        progress(1, 1)
    return out


def darkness(rgb: NDArray[Any], seen: NDArray[np.bool_] | None = None) -> float:
    """How far a picture is to be enhanced by what of it is seen: 1 in the dark, 0 by day.

    Args:
        rgb, seen: as of ``enhance_picture``.
    """
    judged = _judged(rgb, visible.content(rgb), seen)
    return 0.0 if judged is None else enhance.darkness(judged)


def _judged(
    rgb: NDArray[Any], inside: visible.Window, seen: NDArray[np.bool_] | None
) -> NDArray[Any] | None:
    """The picture inside its frame, hidden pixels filled; None where nothing is seen."""
    inner = np.ascontiguousarray(rgb[inside])
    if seen is None:
        return inner
    shown = seen[inside]
    if shown.all():
        return inner
    return visible.filled(inner, shown) if shown.any() else None


def _with_levels(enhanced: Array, rgb: Array) -> Array:
    """What was enhanced of a source of more than 8 bits, with the levels between its codes.

    Networks see whole codes. What lies between goes through a power law, the one that describes
    best how this picture was brightened.
    """
    # Measured from just below black, so that black has a logarithm, too.
    known = enhance.as_seen(rgb) + np.float32(0.5)
    some = np.s_[::7, ::7]
    before = np.log(known[some]).ravel()
    after = np.log(np.maximum(enhanced[some], 0.0).ravel() + np.float32(0.5 / 255))
    covariance = np.cov(before, after)
    varied = covariance[0, 0] > 1e-4
    power = np.clip(covariance[0, 1] / covariance[0, 0], 0.0, 1.0) if varied else enhance.LIFT
    return enhanced * np.power((rgb + np.float32(0.5)) / known, np.float32(power))


def _enhanced(rgb: NDArray[Any], runner: Runner, most: int) -> Array:
    """What the graph makes of a picture, at the picture's size, code values."""
    size = rgb.shape[0], rgb.shape[1]
    working, taken, turned = _sizes(size, runner, most)
    if turned:
        return _enhanced(rgb.swapaxes(0, 1).copy(), runner, most).swapaxes(0, 1)
    small = rgb
    if working != size:
        # In floats, because the mean of dark pixels tells more than a whole code.
        small = cv2.resize(
            rgb.astype(np.float32), (working[1], working[0]), interpolation=cv2.INTER_AREA
        )
    outputs = runner.run(enhance.encode(window(small, 0, 0, *taken)))
    ((name, values),) = outputs.items()
    values = _cut(values, taken, working)
    # Curves are applied at full size anyway.
    if name == enhance.TASK.outputs[0].name:
        if working != size:
            values = _brought_to_full_size(values, small, rgb)
        elif rgb.dtype != np.uint8:
            values = _with_levels(values, rgb)
    return enhance.decode({name: values}, rgb)


def _sizes(size: Size, runner: Runner, most: int) -> tuple[Size, Size, bool]:
    """The size that a picture is reduced to, the size that the graph takes, not below it.

    And whether the picture had better lie on its side, in a graph of fixed size.
    """
    multiple = enhance.TASK.size_multiple
    working = _within(size, (most / (size[0] * size[1])) ** 0.5)
    padded = tuple(-(-length // multiple) * multiple for length in working)
    taken = runner.fit(*padded)
    if taken != padded:  # a graph of fixed size
        upright, lying = (
            min(taken[0] / height, taken[1] / width, 1.0) for height, width in (size, size[::-1])
        )
        return _within(size, upright), taken, lying > upright
    return working, taken, False


def _within(size: Size, scale: float) -> Size:
    """A size reduced by a scale below 1, never grown."""
    if scale >= 1.0:
        return size
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _cut(values: Array, taken: Size, working: Size) -> Array:
    """The part of an output that belongs to the working picture, not to its padding.

    Maps of lower resolution are brought to the working picture's first: their cells need not end
    where the picture does.
    """
    if values.shape[:2] != taken:
        size = taken[1], taken[0]
        values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return values[: working[0], : working[1]]


def _brought_to_full_size(values: Array, small: NDArray[Any], rgb: NDArray[Any]) -> Array:
    """The enhanced working picture (h, w, 3) at the picture's size, in its own unit.

    Guided by the picture; then what its reduction misses of the working picture is added, so that
    nothing that the network saw is smoothed away.
    """
    low, full = (
        np.sqrt(picture.astype(np.float32) / np.float32(255.0)) for picture in (small, rgb)
    )
    values = np.ascontiguousarray(values)
    out = guided.upsample(low, values, full, radius=_RADIUS, eps=_EPS)
    working, size = values.shape[1::-1], rgb.shape[1::-1]
    for _ in range(_CORRECTIONS):
        missed = values - cv2.resize(out, working, interpolation=cv2.INTER_AREA)
        out += cv2.resize(missed, size, interpolation=cv2.INTER_LINEAR)
    return out
