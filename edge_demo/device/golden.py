"""Does this device make the pixels of a picture that it should, whatever its network computes?

A small JPEG goes through the restorer of a file's variant, and what comes out is compared with
pixels that are kept here. A wrong colour of a decoder, a chroma siting, a colour matrix, swapped
channels or a turned picture is seen so.

In the network's place stands one whose answer is a few exact sums of what it is given. So one
reference serves every file of a variant, those that ship and a user's own, and a picture may differ
by a code or two, not by what 8-bit kernels may. The network itself is compared by the golden pair
inside its file (``selftest``), through the same interpreter: both together cover the road of a
picture, and no shipped file had to be written anew.

``python -m studies golden_pictures`` writes the references.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..pictures.images import read_rgb
from ..pictures.picture import read
from ..tasks.record import Task
from . import restorers

FOLDER = Path(__file__).parent / "golden_pictures"
# Decoders may round in their own ways. A code of noise in every decoded value came out as 10 codes
# at most and 1.2 on average, where low light is lifted; decoders differ in few values. Of the
# faults that the tests try, a siting that is off by half a pixel shows least: 14 codes.
MOST, MOST_MEAN = 12, 1.5
# In tiles, so that they are compared, too.
_TILE, _HALO = 48, 8


@dataclass(frozen=True)
class PictureTest:
    """The outcome.

    Attributes:
        worst, mean: of the differences of all values, in code values.
    """

    worst: int
    mean: float

    @property
    def ok(self) -> bool:
        """Whether the picture is what it should be."""
        return self.worst <= MOST and self.mean <= MOST_MEAN

    @property
    def text(self) -> str:
        """For a reader."""
        return (
            f"a picture's values differ by at most {self.worst} (allowed {MOST}), by "
            f"{self.mean:.2g} on average (allowed {MOST_MEAN:g})"
        )


class StandIn:
    """A network of a variant, of any size: each output is the mean of three inputs of its place.

    Sums of halves and quarters are the same on every machine.
    """

    tile, halo, takes_codes = _TILE, _HALO, False

    def __init__(self, task: Task) -> None:
        self._task = task

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """Any size will do."""
        return height, width

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values of the range of the outputs, from those of the inputs."""
        (given,), (taken,) = self._task.outputs, self._task.inputs
        shares = (values[taken.name] - np.float32(taken.low)) / np.float32(taken.high - taken.low)
        step = given.downscale // taken.downscale
        shares = np.clip(shares[::step, ::step], 0.0, 1.0)
        # Neighbours differ, and the first ones are not those of the output's own channel.
        first, second, third = (
            np.arange(given.channels) * factor + start for factor, start in ((1, 0), (5, 1), (7, 2))
        )
        mixed = sum(
            shares[..., index % taken.channels] * np.float32(weight)
            for index, weight in ((first, 0.5), (second, 0.25), (third, 0.25))
        )
        # But for whole pictures around the middle: none is to drown in black or white.
        if not self._task.makes_picture:
            mixed = np.float32(0.4375) + np.float32(0.375) * mixed
        answer = mixed * np.float32(given.high - given.low) + np.float32(given.low)
        return {given.name: np.asarray(answer, np.float32)}


def source(task: Task) -> Path:
    """The JPEG of a task."""
    return FOLDER / f"{task.name}.jpg"


def reference(task: Task) -> Path:
    """The pixels that a variant is to make of it."""
    return FOLDER / f"{task.name}.{task.variant or 'first'}.png"


def pixels(task: Task) -> NDArray[Any]:
    """What is made of the JPEG here: RGB (H, W, 3) uint8."""
    restorer = restorers.of_runner(StandIn(task), task, "stand-in")
    return restorer.restore(read(source(task))).rgb


@functools.cache
def picture_test(task: Task) -> PictureTest:
    """Compare; once for all files of a variant.

    Raises:
        UserError: no picture can be read or made here at all, or the reference is gone.
    """
    expected = read_rgb(reference(task)).rgb
    found = pixels(task)
    if found.shape != expected.shape:
        raise UserError(f"{source(task)}: becomes a picture of {found.shape}, not {expected.shape}")
    apart = np.abs(found.astype(np.int16) - expected.astype(np.int16))
    return PictureTest(int(apart.max()), float(apart.mean()))
