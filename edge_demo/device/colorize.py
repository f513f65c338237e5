"""Grey pictures and frames, coloured: all that a device does for the colorize task.

The network sees the picture reduced to about the size that it was trained at; its ab are brought
to full size along the edges of the lightness, which is kept as it is. Colours that no display shows
at their lightness lose saturation, not lightness.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..clock import Clock
from ..colour import guided
from ..colour.lab import encode_linear, lab_to_linear
from ..colour.ycbcr import round_to_uint8
from ..errors import UserError
from ..pictures.images import Carried, in_srgb, to_uint8
from ..pictures.picture import Picture, made
from ..tasks import colorize
from ..tasks.colorize import Colours, Grey
from . import frames, global_hints, hinting, visible
from .frames import Frame, RestoredFrame
from .hints import Hints, ab_of
from .restorer import Progress, Restorer

Array = NDArray[np.float32]

# How ab are brought to full size, guided by L in 0..100. Of 20 training photographs, true ab
# reduced to the network's grid of 48x48 and brought back so: 39.1 dB; bicubic 37.8, bilinear 37.4.
_RADIUS, _EPS, _MARGIN = 1, 10.0, 0.0
_THREADS = 2
# At this longer side, or the picture's own, hints are seen to have their colours.
_HINTS_AT = 512
# Halvings of the saturation of a colour that cannot be shown, until it can.
_STEPS = 7
# Linear RGB that rounds to what 8 bits hold: within half a code of black and of white.
_SHOWN = (-0.5 / 255 / 12.92,) * 3, (1 + 0.5 / 255 * 2.27,) * 3


class _Last:
    """A network's last answer: who sets hint after hint asks for the same picture's again."""

    def __init__(self) -> None:
        self._known: tuple[bytes, Colours] | None = None

    def of(
        self, values: dict[str, Array], answer: Callable[[dict[str, Array]], Colours]
    ) -> Colours:
        """The answer to what a network is given, which alone decides it."""
        (given,) = values.values()
        mark = repr(given.shape).encode() + hashlib.sha256(given.tobytes()).digest()
        known = self._known
        if known is None or known[0] != mark:
            known = self._known = mark, answer(values)
        return known[1]


@dataclass(frozen=True, eq=False)
class Colorize(Restorer):
    """A network of colour.

    Attributes:
        task: its variant.
        strength: 0 leaves the picture grey, 1 takes the colours of network and hints.
        fade: the spread of the colours held possible (a standard deviation, units of a and b) at
            which a place keeps half of its saturation; 0 fades nothing.
        render_size: side of the square that the network sees, rounded up to what it takes; None:
            what it was made for. Larger shows it less of what things are, and finer colours.
        wanted: colours of the whole picture; None leaves them to the network.
        hints: colours at places, of pictures alone: in a video places move.
        spreading: how they are carried over a picture, where the network does not do it.
    """

    task: colorize.Variant
    strength: float = 1.0
    fade: float = 0.0
    render_size: int | None = None
    wanted: global_hints.Wanted | None = None
    hints: Hints | None = None
    spreading: hinting.Spreading = hinting.WIDE
    _last: _Last = field(default_factory=_Last, repr=False)

    # What a thing's colour is held to be changes for all of the thing at once: a video's
    # ``neighbourhood`` is 0.

    @staticmethod
    def lacking(task: colorize.Variant) -> dict[str, str]:
        """What a network does not say cannot be used."""
        found = {}
        if not task.tells_spread:
            found["fade"] = "does not say how sure it is; colorize_unet does"
        if not task.takes_hints:
            found["hints"] = "takes none; colorize_unet does"
        if not task.tells_distribution:
            for name in ("reference", "average"):
                found[name] = "tells no chances of colours; colorize_unet does"
        return found

    def _settled(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(wanted)
        reference, average = found.pop("reference", None), found.pop("average", None)
        if reference is not None and average:
            raise UserError("--reference has an average of its own; leave out --average")
        if reference is not None:
            found["wanted"] = _of_photograph(reference)
        elif average:
            found["wanted"] = global_hints.Wanted(ab_of(average, "--average"))
        if isinstance(hints := found.get("hints"), Mapping):
            found["hints"] = Hints(hints, "hints")
        return found

    def reconstruct(self, degraded: Grey, progress: Progress | None = None) -> NDArray[np.uint8]:
        """A picture's ab as ``colorize.codes`` has them: (H, W, 2) uint8.

        Raises:
            ValueError: hints for a network that takes none.
        """
        out = np.empty((*degraded.size, 2), np.uint8)
        for rows, ab in self._strips(degraded):
            out[rows] = colorize.codes(ab)
        if progress:
            progress(1, 1)
        return out

    def coloured(
        self, grey: Grey, depth: Any = np.uint8, progress: Progress | None = None
    ) -> NDArray[Any]:
        """A picture in colour: RGB (H, W, 3) of its own lightness.

        Args:
            grey: the picture, with hints for a network that takes them.
            depth: of the result, ``np.uint8`` or ``np.uint16``.
            progress: told 1 of 1 when all is done.
        """
        out = np.empty((*grey.size, 3), depth)

        def colour(part: tuple[slice, Array]) -> None:
            rows, ab = part
            out[rows] = to_rgb(grey.lightness[rows], ab, depth)

        # Strips are independent, and most of their work runs outside Python's lock.
        with ThreadPoolExecutor(_THREADS) as pool:
            waiting: deque[Future[None]] = deque()
            for part in self._strips(grey):
                waiting.append(pool.submit(colour, part))
                if len(waiting) > 2 * _THREADS:
                    waiting.popleft().result()
            for one in waiting:
                one.result()
        self._tell("rgb", out)
        if progress:
            progress(1, 1)
        return out

    def answer(self, grey: Grey) -> tuple[Grey, Colours]:
        """What the network saw, the picture squeezed into a square, and what it says of that.

        Raises:
            ValueError: hints for a network that takes none.
        """
        self._tell("lightness", grey.lightness)
        small = self._reduced(grey)
        self._tell("reduced", small.lightness)
        colours = self._last.of(self.task.encode(small), self._run)
        self._tell("decoded", colours.ab)
        return small, global_hints.apply(colours, self.wanted) if self.wanted else colours

    def _run(self, values: dict[str, Array]) -> Colours:
        return self.task.decode(self.runner.run(values))

    def _strips(self, grey: Grey) -> Iterator[tuple[slice, Array]]:
        """A picture's ab at full size, (rows, W, 2) float32, strip by strip."""
        self._check_hints(grey)
        carried = self.task.carries_hints
        # The small networks are shown no hints: they answer them with stains of a few pixels.
        small, colours = self.answer(grey if carried else Grey(grey.lightness))
        ab = self.faded(colours)
        coarse = on_grid(small, ab)
        if grey.hints:
            chances = colours.distribution
            plain = hinting.finer(ab, coarse, small.lightness, _RADIUS, _EPS, chances)
            spread = None if carried else self.spreading
            seen = _reduced_to(grey.lightness, _HINTS_AT)
            ab = hinting.obey(plain, seen, grey.hints, _RADIUS, _EPS, spread)
            coarse = plain.lightness
        yield from enlarged(grey.lightness, coarse, ab * np.float32(self.strength))

    def _reduced(self, grey: Grey) -> Grey:
        self._check_hints(grey)
        if self.task.frame is None:
            raise ValueError("a network that colours sees whole pictures of a stated size")
        frame = self.task.frame
        if self.render_size is not None:
            side = -(-self.render_size // self.task.size_multiple) * self.task.size_multiple
            frame = side, side
        height, width = self.runner.fit(*frame)
        shrinks = height * width <= grey.lightness.size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        lightness = cv2.resize(grey.lightness, (width, height), interpolation=how)
        return Grey(np.clip(np.asarray(lightness, np.float32), 0.0, 100.0), grey.hints)

    def faded(self, colours: Colours) -> Array:
        """The network's ab (h, w, 2), weaker where it is unsure, if the user wants that."""
        ab = colours.ab
        if self.fade > 0.0 and colours.std is not None:
            ab = ab / (1.0 + np.square(colours.std / np.float32(self.fade)))[..., None]
        return np.asarray(ab, np.float32)

    def _check_hints(self, grey: Grey) -> None:
        if grey.hints and not self.task.takes_hints:
            raise ValueError("this network takes no hints")

    def find(self, frame: Frame) -> Array:
        """a and b of a frame, by its lightness."""
        grey = Grey(colorize.lightness(frame.rgb()))
        ab = np.empty((*grey.size, 2), np.float32)
        for rows, values in self._strips(grey):
            ab[rows] = values
        return ab

    def apply(self, frame: Frame, effect: Array) -> RestoredFrame:
        """a and b under the frame's own lightness."""
        rgb = to_rgb(colorize.lightness(frame.rgb()), effect, np.uint16) / np.float32(257.0)
        return frames.of_rgb(rgb, frame.matrix)

    def _picture(self, picture: Picture, progress: Progress | None, clock: Clock) -> Picture:
        found = picture.decoded
        values, converted = in_srgb(found)
        seen = None if found.alpha is None else found.alpha > 0
        notes = (*found.notes, *converted)
        if seen is not None and not seen.any():
            notes = (*found.notes, "The picture is wholly transparent, so it was left as it is.")
            return made(picture, found.rgb, found.alpha, found.carried, notes)
        hides = seen is not None and not seen.all()
        grey = self._grey(visible.filled(values, seen) if seen is not None and hides else values)
        clock.lap("read")
        rgb = self.coloured(grey, found.rgb.dtype, progress)
        if seen is not None and hides:
            rgb = np.where(seen[..., None], rgb, found.rgb)
        clock.lap("restore")
        if not (found.grey or colorize.is_grey(found.rgb)):
            notes = (*notes, "The picture had colours; the model saw its lightness alone.")
        # No profile: it described the old colours, and what is made here is sRGB.
        carried = Carried(found.exif, None, found.extra.of_srgb())
        return made(picture, rgb, found.alpha, carried, notes)

    def _array(self, rgb: NDArray[Any], progress: Progress | None) -> NDArray[Any]:
        return self.coloured(self._grey(rgb), rgb.dtype, progress)

    def _grey(self, rgb: NDArray[Any]) -> Grey:
        """A picture as the network is to see it: its lightness, and what hints it is given.

        Raises:
            UserError: hints of another form, or outside of the picture.
        """
        grey = grey_of(rgb)
        return Grey(grey.lightness, self.hints.on(grey.size)) if self.hints else grey


def grey_of(rgb: NDArray[Any]) -> Grey:
    """The lightness of a picture RGB (H, W, 3): uint8, uint16, or float32 code values 0..255."""
    codes = rgb / np.float32(257.0) if rgb.dtype == np.uint16 else rgb
    return Grey(colorize.lightness(codes))


def _of_photograph(reference: Picture) -> global_hints.Wanted:
    """The colours of a photograph.

    Raises:
        UserError: it cannot be decoded, or has none.
    """
    values, _ = in_srgb(reference.decoded)
    rgb = round_to_uint8(values) if values.dtype == np.float32 else to_uint8(values)
    if colorize.is_grey(rgb):
        raise UserError(f"{reference.name}: has no colours to take")
    return global_hints.of_photograph(rgb)


def _reduced_to(lightness: Array, longer: int) -> Array:
    """A lightness (H, W) whose longer side is at most that."""
    height, width = lightness.shape
    if max(height, width) <= longer:
        return lightness
    scale = longer / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(lightness, size, interpolation=cv2.INTER_AREA), np.float32)


def on_grid(small: Grey, ab: Array) -> Array:
    """The lightness that the network saw, on the grid (h, w) of its ab."""
    size = ab.shape[1], ab.shape[0]
    return np.asarray(cv2.resize(small.lightness, size, interpolation=cv2.INTER_AREA), np.float32)


def enlarged(lightness: Array, coarse: Array, ab: Array) -> Iterator[tuple[slice, Array]]:
    """The network's ab (h, w, 2) along the edges of the full lightness (H, W), strip by strip."""
    guide = lightness[..., None]
    yield from guided.strips(coarse[..., None], ab, guide, _RADIUS, _EPS, _MARGIN)


def to_rgb(lightness: Array, ab: Array, depth: Any = np.uint8) -> NDArray[Any]:
    """Lightness (H, W) and ab (H, W, 2) as RGB (H, W, 3) of a depth, and of that lightness.

    Colours that sRGB cannot show at their lightness lose saturation until it can.
    """
    linear = lab_to_linear(cv2.merge([lightness, *cv2.split(ab)]))
    outside = cv2.inRange(linear, *_SHOWN) == 0
    if outside.any():
        light, wanted = lightness[outside][:, None], ab[outside]
        least, most = np.zeros_like(light), np.ones_like(light)
        for _ in range(_STEPS):
            middle = (least + most) / 2
            tried = _linear(light, wanted * middle)
            fits = cv2.inRange(tried[None], *_SHOWN)[0, :, None] > 0
            least, most = np.where(fits, middle, least), np.where(fits, most, middle)
        linear[outside] = _linear(light, wanted * least)
    return encode_linear(linear, depth)


def _linear(light: Array, ab: Array) -> Array:
    """Linear RGB (N, 3) of N pixels."""
    return lab_to_linear(np.concatenate([light, ab], -1)[None])[0]
