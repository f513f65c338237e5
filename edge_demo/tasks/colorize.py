"""Colorization: the records, and what stands before and behind the network.

A network sees the whole picture, reduced to a size that it knows things at, as CIELAB lightness; it
answers with a and b on a coarser grid. ``device.colorize`` brings them to the picture's size along
its own edges, under a lightness that is kept as it is.

Networks come in six variants, each of one tensor a side, so that whatever compares, quantises and
tests graphs need not know how many they are:

- ``ab`` alone (a regression), on the coarser grid or, ``fine``, on the network's own pixels;
- ``ab_spread``: of networks that predict a distribution over 313 colours (Zhang, Isola and Efros,
  "Colorful Image Colorization", ECCV 2016), its annealed mean, computed in the graph, and the mean
  of its a^2 + b^2, which tells how far its colours spread: 0 where it knows one alone;
- ``palette``: ab and the distribution itself, of networks that take hints (Zhang et al.,
  "Real-Time User-Guided Image Colorization with Learned Deep Priors", SIGGRAPH 2017): colours to
  suggest. It is given as 2 p - 1, so that 8 bits hold it in steps of 1/256. Three variants of this
  differ in who carries hints over the picture, see ``PALETTE`` and ``CARRIED``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour import lab
from ..colour.ab_bins import BINS, COUNT
from ..colour.lab import lab_to_rgb, rgb_to_lab
from ..colour.ycbcr import round_to_uint8
from .record import Task, Tensor

Array = NDArray[np.float32]

_STRIP = 256  # rows
AB = 110.0  # a and b of what sRGB can show lie within +-108


@dataclass(frozen=True)
class Hint:
    """A colour that a user wants at a place.

    Attributes:
        row, column: of the place's middle, as shares of the picture's height and width (0..1), so
            that a hint is the same on every size of the picture.
        ab: wanted there.
        side: of the square that it fills on the network's grid, pixels.
    """

    row: float
    column: float
    ab: tuple[float, float]
    side: int = 3


@dataclass(frozen=True)
class Grey:
    """A picture to colorize.

    Attributes:
        lightness: CIELAB L (H, W) float32 in 0..100.
        hints: of a user, none for automatic colour.
    """

    lightness: Array
    hints: tuple[Hint, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.lightness.shape[0], self.lightness.shape[1]


@dataclass(frozen=True)
class Colours:
    """What a network answers, on its grid of (h, w).

    Attributes:
        ab: (h, w, 2).
        std: (h, w), standard deviation of the colours that the network holds possible, units of
            a and b; None of a network that states none.
        distribution: (h, w, 313) of a palette network, summing to about 1; else None.
    """

    ab: Array
    std: Array | None = field(default=None)
    distribution: Array | None = field(default=None)


def _lightness_of_greys() -> Array:
    """L of the 256 greys that a file can hold."""
    codes = np.arange(256, dtype=np.uint8)
    return np.ascontiguousarray(rgb_to_lab(np.repeat(codes[None, :, None], 3, -1))[0, :, 0])


_GREYS = _lightness_of_greys()
# Chance of an impossible bin, so that chances sum to more than 0 where all are alike.
_UNHEARD = np.float32(1e-9)


def degrade(image: NDArray[np.uint8], hints: Sequence[Hint] = ()) -> Grey:
    """A photograph RGB (H, W, 3) uint8 as a grey file of 8 bits holds it."""
    lightness = rgb_to_lab(image)[..., 0]
    # The nearest grey in lightness, because that is what a converter keeps.
    middles = (_GREYS[1:] + _GREYS[:-1]) / 2
    codes = np.searchsorted(middles, lightness.ravel()).astype(np.uint8)
    return Grey(_GREYS[codes].reshape(lightness.shape), tuple(hints))


def target(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The truth: a and b plus 128, (H, W, 2) uint8."""
    return codes(rgb_to_lab(image)[..., 1:])


def codes(ab: NDArray[Any]) -> NDArray[np.uint8]:
    """a and b (..., 2) as 8-bit codes: plus 128, rounded and clipped."""
    return np.clip(np.rint(ab + np.float32(128.0)), 0, 255).astype(np.uint8)


def place(hint: Hint, size: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a grid of (H, W) that a hint fills, at least one cell."""
    middles = (
        min(int(share * length), length - 1)
        for share, length in zip((hint.row, hint.column), size, strict=True)
    )
    before = (hint.side - 1) // 2
    rows, columns = (
        slice(max(0, middle - before), middle - before + hint.side) for middle in middles
    )
    return rows, columns


def _spread(square: Array, mean: Array) -> Array:
    """The standard deviation of a distribution of its mean square (h, w) and mean (h, w, 2)."""
    return np.sqrt(np.maximum(square - np.square(mean).sum(-1), 0.0))


def lightness(rgb: NDArray[Any]) -> Array:
    """CIELAB L (H, W) in 0..100 of RGB (H, W, 3), uint8 or float32 code values 0..255."""
    if rgb.dtype == np.uint8 and is_grey(rgb):
        return np.asarray(cv2.LUT(np.ascontiguousarray(rgb[..., 0]), _GREYS), np.float32)
    out = np.empty(rgb.shape[:2], np.float32)
    # In strips: what it comes from is several times the picture.
    for top in range(0, len(rgb), _STRIP):
        rows = slice(top, top + _STRIP)
        out[rows] = lab.lightness(rgb[rows])
    return out


def is_grey(rgb: NDArray[Any]) -> bool:
    """Whether a picture RGB (H, W, 3) has no colours."""
    return np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 1], rgb[..., 2])


def to_uint8(lightness: Array) -> NDArray[np.uint8]:
    """Lightness (H, W) as grey RGB (H, W, 3)."""
    return round_to_uint8(to_rgb(lightness, np.zeros((*lightness.shape, 2), np.float32)))


def to_rgb(lightness: Array, ab: NDArray[Any]) -> Array:
    """Lightness (H, W) and ab (H, W, 2) to RGB (H, W, 3) in code values, unrounded, unclipped."""
    return lab_to_rgb(np.dstack([lightness, ab.astype(np.float32)]))


@dataclass(frozen=True)
class Variant(Task):
    """What a network sees beside lightness, and what it answers beside a and b.

    Attributes:
        takes_hints: a user may give it some.
        carries_hints: it brings them to what is like their places by itself, so it is shown them.
        tells_spread: it says how sure it is.
        tells_distribution: and of which colours.
    """

    takes_hints: bool = False
    carries_hints: bool = False
    tells_spread: bool = False
    tells_distribution: bool = False

    @property
    def has_planes(self) -> bool:
        """Whether hints have planes of their own beside lightness."""
        return self.inputs[0].channels > 1

    def encode(self, degraded: Grey) -> dict[str, Array]:
        """The graph's input, of a picture that has its size already.

        Returns:
            ``lightness`` (H, W, 1), or ``hinted`` (H, W, 4): lightness, a and b of hints over 110,
            and 1 where a hint is; in -1..1.
        """
        tensor = self.inputs[0]
        # In whole steps of 8 bits, as an integer graph sees it.
        lightness = np.rint(degraded.lightness * np.float32(2.55)) * np.float32(2 / 255) - 1
        if not self.has_planes:
            return {tensor.name: lightness[..., None].astype(np.float32)}
        hinted = np.zeros((*degraded.size, 4), np.float32)
        hinted[..., 0] = lightness
        for hint in degraded.hints:
            hinted[(*place(hint, degraded.size), slice(1, 4))] = [*np.divide(hint.ab, AB), 1.0]
        return {tensor.name: hinted}

    def decode(self, outputs: Mapping[str, Array]) -> Colours:
        """What a network's output says, in Lab's units.

        Args:
            outputs: ``ab`` (h, w, 2), ``ab_spread`` (h, w, 3) or ``palette`` (h, w, 315).
        """
        values = outputs[self.outputs[0].name]
        ab = values[..., :2] * np.float32(AB)
        if self.tells_distribution:
            probabilities = np.clip(values[..., 2:] * 0.5 + 0.5, 0.0, 1.0)
            # Integers have no code for 0: what a network of 8 bits holds impossible comes as half
            # a step, over 313 bins much of all. What is left is made whole.
            probabilities -= probabilities.min(-1, keepdims=True)
            probabilities += _UNHEARD
            probabilities /= probabilities.sum(-1, keepdims=True)
            square = probabilities @ np.square(BINS).sum(-1)
            return Colours(ab, _spread(square, probabilities @ BINS), probabilities)
        if self.tells_spread:
            return Colours(ab, _spread(values[..., 2] * np.float32(AB**2), ab))
        return Colours(ab)

    def result(self, outputs: Mapping[str, Array], degraded: Grey) -> NDArray[np.uint8]:
        """a and b plus 128 at the size of what the graph saw."""
        ab, size = self.decode(outputs).ab, degraded.size[::-1]
        return codes(np.asarray(cv2.resize(ab, size, interpolation=cv2.INTER_LINEAR)))


TASK = Variant(
    name="colorize",
    contract=1,
    inputs=(Tensor("lightness", 1, downscale=1, low=-1.0, high=1.0, scale=50.0, zero=50.0),),
    outputs=(Tensor("ab", 2, downscale=4, low=-1.0, high=1.0, scale=AB),),
    colour_space="CIELAB (D65)",
    size_multiple=32,
    headline_metric="ab_psnr",
    baselines=("grey",),
    reference="grey",
    # All pictures are squeezed into this square: what they show keeps its size for the network.
    frame=(256, 256),
)
SPREAD = dataclasses.replace(
    TASK,
    variant="spread",
    tells_spread=True,
    outputs=(Tensor("ab_spread", 3, downscale=4, low=-1.0, high=1.0, scale=AB),),
)
HINTED = dataclasses.replace(
    TASK,
    variant="hinted",
    takes_hints=True,
    tells_spread=True,
    tells_distribution=True,
    # A user waits for each hint.
    frame=(224, 224),
    # Lightness, a, b of hints and where they are.
    inputs=(Tensor("hinted", 4, downscale=1, low=-1.0, high=1.0, scale=50.0, zero=50.0),),
    outputs=(Tensor("palette", 2 + COUNT, downscale=4, low=-1.0, high=1.0, scale=AB),),
)
# Of networks that never see a hint: the runtime alone carries them, see ``device.hinting``.
PALETTE = dataclasses.replace(HINTED, variant="palette", inputs=TASK.inputs, frame=TASK.frame)
# Of networks that carry hints over the picture themselves, and so are shown them. To the others,
# which see no farther than a few pixels around a hint, the runtime gives none: see ``hinting``.
CARRIED = dataclasses.replace(HINTED, variant="carried", carries_hints=True)
FINE = dataclasses.replace(
    TASK,
    variant="fine",
    outputs=(Tensor("ab", 2, downscale=1, low=-1.0, high=1.0, scale=AB),),
)
VARIANTS = {record.variant: record for record in (TASK, SPREAD, PALETTE, HINTED, CARRIED, FINE)}
