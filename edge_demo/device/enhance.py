"""Pictures and frames in low light, brightened: all that a device does for the enhance task.

A network judges a place by all of the picture, so there are no tiles. A picture that is larger than
a device should take at once, or than a graph of fixed size holds, is reduced for the network; what
it answers is brought to full size along the edges of the picture itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..clock import Clock
from ..colour import guided
from ..colour.ycbcr import round_to_uint8
from ..model.tiling import Runner, window
from ..pictures.picture import Picture, made
from ..tasks import enhance
from . import frames, visible
from .frames import Frame, RestoredFrame
from .restorer import Progress, Restorer

Array = NDArray[np.float32]
Size = tuple[int, int]  # height, width

# Of the picture that a network sees; a larger one is reduced. Memory and time grow with it.
MAX_PIXELS = 1024 * 1024
# How a reduced result is brought to full size. Of 12 training pairs reduced to half, with the truth
# in place of a network's answer, this gave 32.9 dB, bicubic resizing 31.8, no corrections 30.0.
_RADIUS, _EPS, _CORRECTIONS = 1, 1e-4, 2
# Pixels around a picture that is reduced for a graph of fixed size, which repeat its edge: zeros,
# which convolutions see beyond a graph's own edge, laid a dark band on night skies. On 28 exposure
# brackets that no network was trained on, 8 gave 0.2 dB more than none, and 16 0.3 dB less.
_BORDER = 8
# Rows that are blended and rounded at a time, so that memory stays small on large pictures.
_STRIP = 256


@dataclass(frozen=True, eq=False)
class Enhance(Restorer):
    """A network of low light.

    Attributes:
        task: its variant.
        strength: see ``options``.
        brightness, render_size: likewise.
    """

    task: enhance.Variant
    strength: float = 1.0
    brightness: float = 1.0
    render_size: int | None = None

    # What brightens is smooth over whole things: held to its neighbourhood it would be held to
    # this frame's own brightness, and pump. So ``neighbourhood`` is 0.

    @staticmethod
    def lacking(task: enhance.Variant) -> dict[str, str]:
        """All variants take all options."""
        return {}

    def reconstruct(
        self,
        degraded: NDArray[Any],
        progress: Progress | None = None,
        seen: NDArray[np.bool_] | None = None,
    ) -> NDArray[Any]:
        """Brighten a picture as far as it is dark.

        Bars and frames of one colour at its borders, and hidden pixels, are neither judged nor
        changed.

        Args:
            degraded: RGB (H, W, 3) in code values 0..255, uint8, or float32 of a source of more
                bits.
            progress: told 1 of 1 when all is done.
            seen: (H, W), False where a pixel is transparent; None: all are seen.

        Returns:
            (H, W, 3) of the picture's own type, float32 unrounded. The graph is not run where the
            picture is bright or ``strength`` is 0: it then has its own values, in the first case
            as bright as ``brightness`` wants it.
        """
        self._tell("picture", degraded)
        out = degraded.copy()
        inside = visible.content(degraded)
        judged = _judged(degraded, inside, seen)
        amount = 0.0 if judged is None else self.strength * enhance.darkness(judged)
        if judged is not None and (amount > 0.0 or self._exposes):
            enhanced = judged
            if amount > 0.0:
                most = min(MAX_PIXELS, self.render_size**2) if self.render_size else MAX_PIXELS
                enhanced = _enhanced(judged, self.task, self.runner, most)
            self._tell("decoded", enhanced)
            knee = enhance.knee(judged, enhanced)
            changed, source = out[inside], degraded[inside]
            for top in range(0, len(judged), _STRIP):
                rows = slice(top, top + _STRIP)
                blended = enhance.blend(judged[rows], enhanced[rows], amount, knee)
                if self._exposes:
                    blended = enhance.exposed(blended, self.brightness)
                values = round_to_uint8(blended) if out.dtype == np.uint8 else blended
                if seen is not None:
                    values = np.where(seen[inside][rows][..., None], values, source[rows])
                changed[rows] = values
            self._tell("blended", out)
        if progress:
            progress(1, 1)
        return out

    @property
    def _exposes(self) -> bool:
        """Whether the result is to be of another brightness than the model makes it."""
        return self.strength > 0.0 and self.brightness != 1.0

    def find(self, frame: Frame) -> Array:
        """What a frame gains in RGB."""
        rgb = frame.rgb()
        return np.asarray(self.reconstruct(rgb) - rgb, np.float32)

    def apply(self, frame: Frame, effect: Array) -> RestoredFrame:
        """The frame with a gain."""
        return frames.changed(frame, effect)

    def _picture(self, picture: Picture, progress: Progress | None, clock: Clock) -> Picture:
        found = picture.decoded
        clock.lap("read")
        seen = None if found.alpha is None else found.alpha > 0
        asked = self.strength > 0.0
        bright = asked and not self._exposes and darkness(_codes(found.rgb), seen) == 0.0
        rgb: NDArray[Any] = found.rgb
        if asked and not bright:
            rgb = self._brightened(rgb, progress, seen)
        clock.lap("restore")
        notes = found.notes
        if seen is not None and not seen.any():
            notes = (
                *notes,
                "The picture is wholly transparent, so it was left as it is.",
            )
        elif bright:
            notes = (
                *notes,
                "The picture is bright enough, so it was left as it is.",
            )
        return made(picture, rgb, found.alpha, found.carried, notes)

    def _array(self, rgb: NDArray[Any], progress: Progress | None) -> NDArray[Any]:
        return self._brightened(rgb, progress, None)

    def _brightened(
        self, rgb: NDArray[Any], progress: Progress | None, seen: NDArray[np.bool_] | None
    ) -> NDArray[Any]:
        bright = self.reconstruct(_codes(rgb), progress, seen)
        if rgb.dtype == np.uint8:
            return bright
        return np.clip(np.rint(bright * np.float32(257.0)), 0, 65535).astype(np.uint16)


def _codes(rgb: NDArray[Any]) -> NDArray[Any]:
    """Values 0..255, with fractions where there are more bits."""
    return rgb / np.float32(257.0) if rgb.dtype == np.uint16 else rgb


def darkness(rgb: NDArray[Any], seen: NDArray[np.bool_] | None = None) -> float:
    """How far a picture is to be enhanced by what of it is seen: 1 in the dark, 0 by day.

    Args:
        rgb, seen: as of ``Enhance.reconstruct``.
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


def _enhanced(rgb: NDArray[Any], task: enhance.Variant, runner: Runner, most: int) -> Array:
    """What the graph makes of a picture, at the picture's size, code values."""
    size = rgb.shape[0], rgb.shape[1]
    working, taken, border, turned = _sizes(size, runner, most)
    if turned:
        return _enhanced(rgb.swapaxes(0, 1).copy(), task, runner, most).swapaxes(0, 1)
    small = rgb
    if working != size:
        # In floats, because the mean of dark pixels tells more than a whole code.
        small = cv2.resize(
            rgb.astype(np.float32), (working[1], working[0]), interpolation=cv2.INTER_AREA
        )
    outputs = runner.run(task.encode(window(small, -border, -border, *taken)))
    name = task.outputs[0].name
    values = _cut(outputs[name], taken, working, border)
    # Curves are applied at full size anyway.
    if task.makes_picture:
        if working != size:
            values = _brought_to_full_size(values, small, rgb)
        elif rgb.dtype != np.uint8:
            values = _with_levels(values, rgb)
    return task.decode({name: values}, rgb)


def _sizes(size: Size, runner: Runner, most: int) -> tuple[Size, Size, int, bool]:
    """The size that a picture is reduced to, the size that the graph takes, not below it.

    And the pixels before it, and whether it had better lie on its side, in a graph of fixed size.
    """
    multiple = enhance.TASK.size_multiple
    working = _within(size, (most / (size[0] * size[1])) ** 0.5)
    padded = tuple(-(-length // multiple) * multiple for length in working)
    taken = runner.fit(*padded)
    if taken != padded:  # a graph of fixed size
        border = 0
        if max(_scales(size, taken, border)) < 1.0:
            border = min(_BORDER, min(taken) // 8)
        upright, lying = _scales(size, taken, border)
        return _within(size, upright), taken, border, lying > upright
    return working, taken, 0, False


def _scales(size: Size, taken: Size, border: int) -> tuple[float, float]:
    """By how much a picture is reduced to leave a border in a graph: upright, and on its side."""
    rows, columns = (length - 2 * border for length in taken)
    height, width = size
    return min(rows / height, columns / width, 1.0), min(rows / width, columns / height, 1.0)


def _within(size: Size, scale: float) -> Size:
    """A size reduced by a scale below 1, never grown."""
    if scale >= 1.0:
        return size
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _cut(values: Array, taken: Size, working: Size, border: int) -> Array:
    """The part of an output that belongs to the working picture, not to what is around it.

    Maps of lower resolution are brought to the working picture's first: their cells need not end
    where the picture does.
    """
    if values.shape[:2] != taken:
        size = taken[1], taken[0]
        values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)
    return values[border : border + working[0], border : border + working[1]]


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
