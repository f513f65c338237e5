"""Colours of a reference photograph, put as hints where a grey picture is most like them.

Welsh, Ashikhmin and Mueller ("Transferring color to greyscale images", SIGGRAPH 2002) give each
pixel the colour of a reference's pixel of like lightness. Here the reference gives some colours,
and each becomes a hint at the places whose lightness, and whose colour as the network guesses it,
are nearest to it: the hints' own reach does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .colorizing import Look, answer, faded, on_grid
from .palette import dominant
from .tasks import colorize
from .tasks.colorize import Grey, Hint
from .tiling import Runner

Array = NDArray[np.float32]

COLOURS = 6
# Hints of each colour, and how far apart they are at least, of the picture's side.
_PLACES, _APART = 3, 0.12
# The colour that a network guesses tells less than the lightness, which is known.
_GUESS_WEIGHT = 0.5
# A cell this far from a colour (units of Lab) is not like it.
_LIKE = 30.0


def borrowed(
    reference: NDArray[np.uint8],
    lightness: Array,
    runner: Runner,
    given: Sequence[Hint] = (),
    look: Look | None = None,
) -> tuple[Hint, ...]:
    """Hints from a reference.

    Args:
        reference: RGB (H, W, 3).
        lightness: of the grey picture, (h, w) in 0..100.
        runner: a graph of the form that takes hints.
        given: a user's own hints; none is put close to one of them.
        look: as the user wants the picture.

    Returns:
        At most ``COLOURS`` times three; of a reference that is like nothing in the picture, none.
    """
    look = look or Look()
    small, colours = answer(Grey(lightness), runner, colorize.HINTED, look)
    guess = faded(colours, look)
    light = on_grid(small, guess)
    height, width = light.shape
    rows, columns = np.mgrid[0:height, 0:width]
    places = np.stack([(rows + 0.5) / height, (columns + 0.5) / width], -1)
    free = np.ones((height, width), bool)
    for hint in given:
        free &= np.hypot(*np.moveaxis(places - [hint.row, hint.column], -1, 0)) > _APART
    found: list[Hint] = []
    for colour in dominant(reference, COLOURS):
        apart = np.square(light - colour.lightness) + _GUESS_WEIGHT * np.square(
            guess - np.asarray(colour.ab, np.float32)
        ).sum(-1)
        for _ in range(_PLACES):
            open_ = np.where(free, apart, np.inf)
            row, column = np.unravel_index(int(open_.argmin()), open_.shape)
            if open_[row, column] > _LIKE**2:
                break
            at = places[row, column]
            found.append(Hint(float(at[0]), float(at[1]), colour.ab))
            free &= np.hypot(*np.moveaxis(places - at, -1, 0)) > _APART
    return tuple(found)
