"""A grey picture through one graph, whole: what a device does for the colorize task.

The network sees the picture reduced to about the size that it was trained at; its ab are brought
to full size along the edges of the lightness, which is kept as it is. Colours that no display shows
at their lightness lose saturation, not lightness.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour import guided
from ..colour.lab import encode_linear, lab_to_linear
from ..model.tiling import Runner
from ..tasks import colorize
from ..tasks.colorize import Colours, Grey
from ..tasks.record import Task
from . import steering
from .hinting import obey

Array = NDArray[np.float32]

# How ab are brought to full size, guided by L in 0..100. Of 20 training photographs, true ab
# reduced to the network's grid of 48x48 and brought back so: 39.1 dB; bicubic 37.8, bilinear 37.4.
_RADIUS, _EPS, _MARGIN = 1, 10.0, 0.0
_THREADS = 2
# Halvings of the saturation of a colour that cannot be shown, until it can.
_STEPS = 7
# Linear RGB that rounds to what 8 bits hold: within half a code of black and of white.
_SHOWN = (-0.5 / 255 / 12.92,) * 3, (1 + 0.5 / 255 * 2.27,) * 3


@dataclass(frozen=True)
class Look:
    """What a user may choose.

    Attributes:
        strength: 0 leaves the picture grey, 1 takes the colours of network and hints.
        fade: the spread of the colours held possible (a standard deviation, units of a and b) at
            which a place keeps half of its saturation; 0 fades nothing. Networks that state no
            spread are not faded.
        render_size: side of the square that the network sees, rounded up to what it takes; None:
            what it was made for. Larger shows it less of what things are, and finer colours.
        wanted: colours of the whole picture; None leaves them to the network. Only for networks
            that tell a distribution.
    """

    strength: float = 1.0
    fade: float = 0.0
    render_size: int | None = None
    wanted: steering.Wanted | None = None


def colorize_picture(
    grey: Grey,
    runner: Runner,
    task: Task,
    look: Look | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.uint8]:
    """A picture's ab as ``colorize.codes`` has them: (H, W, 2) uint8.

    Args:
        grey: the picture, with hints for a network that takes them.
        runner: the graph.
        task: the form that it answers in.
        look: as the user wants it.
        progress: told 1 of 1 when all is done.

    Raises:
        ValueError: a look out of range, or hints for a network that takes none.
    """
    out = np.empty((*grey.size, 2), np.uint8)
    for rows, ab in strips(grey, runner, task, look or Look()):
        out[rows] = colorize.codes(ab)
    if progress:
        progress(1, 1)
    return out


def colorize_rgb(
    grey: Grey,
    runner: Runner,
    task: Task,
    look: Look | None = None,
    progress: Callable[[int, int], None] | None = None,
    depth: Any = np.uint8,
) -> NDArray[Any]:
    """A picture in colour: RGB (H, W, 3) of its own lightness.

    Args:
        grey, runner, task, look, progress: as for ``colorize_picture``.
        depth: of the result, ``np.uint8`` or ``np.uint16``.
    """
    out = np.empty((*grey.size, 3), depth)

    def colour(part: tuple[slice, Array]) -> None:
        rows, ab = part
        out[rows] = to_rgb(grey.lightness[rows], ab, depth)

    # Strips are independent, and most of their work runs outside Python's lock.
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[None]] = deque()
        for part in strips(grey, runner, task, look or Look()):
            waiting.append(pool.submit(colour, part))
            if len(waiting) > 2 * _THREADS:
                waiting.popleft().result()
        for one in waiting:
            one.result()
    if progress:
        progress(1, 1)
    return out


def strips(grey: Grey, runner: Runner, task: Task, look: Look) -> Iterator[tuple[slice, Array]]:
    """A picture's ab at full size, (rows, W, 2) float32, strip by strip."""
    _check_hints(grey, task)
    carried = task.form == colorize.CARRIED.form
    # The small networks are shown no hints: they answer them with stains of a few pixels.
    small, colours = answer(grey if carried else Grey(grey.lightness), runner, task, look)
    ab = faded(colours, look)
    coarse = on_grid(small, ab)
    if grey.hints:
        ab = obey(ab, coarse, small.lightness, grey.hints, _RADIUS, _EPS, wide=not carried)
    yield from enlarged(grey.lightness, coarse, ab * np.float32(look.strength))


def answer(grey: Grey, runner: Runner, task: Task, look: Look) -> tuple[Grey, Colours]:
    """What the network saw, and what it says.

    Raises:
        ValueError: as ``colorize_picture``.
    """
    _check(look)
    small = reduced(grey, runner, task, look)
    colours = colorize.decode(runner.run(colorize.encode(small, task)))
    return small, steering.steered(colours, look.wanted) if look.wanted else colours


def reduced(grey: Grey, runner: Runner, task: Task, look: Look | None = None) -> Grey:
    """The picture squeezed into the square that the network sees.

    Raises:
        ValueError: hints for a network that takes none.
    """
    _check_hints(grey, task)
    if task.frame is None:
        raise ValueError("a network that colours sees whole pictures of a stated size")
    frame = task.frame
    if look is not None and look.render_size is not None:
        side = -(-look.render_size // task.size_multiple) * task.size_multiple
        frame = side, side
    height, width = runner.fit(*frame)
    shrinks = height * width <= grey.lightness.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    lightness = cv2.resize(grey.lightness, (width, height), interpolation=how)
    return Grey(np.clip(np.asarray(lightness, np.float32), 0.0, 100.0), grey.hints)


def faded(colours: Colours, look: Look) -> Array:
    """The network's ab (h, w, 2), weaker where it is unsure, if the user wants that."""
    ab = colours.ab
    if look.fade > 0.0 and colours.spread is not None:
        ab = ab / (1.0 + np.square(colours.spread / np.float32(look.fade)))[..., None]
    return np.asarray(ab, np.float32)


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


def _check_hints(grey: Grey, task: Task) -> None:
    if grey.hints and task.form not in colorize.TAKES_HINTS:
        raise ValueError("this network takes no hints")


def _check(look: Look) -> None:
    if not 0.0 <= look.strength <= 1.0:
        raise ValueError(f"a strength is 0..1, not {look.strength}")
    if look.fade < 0.0:
        raise ValueError(f"a fade is 0 or more, not {look.fade}")
