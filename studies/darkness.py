"""Measures how real pairs differ in linear light: the ground of ``runtime/lowlight.py``.

From the repository's root: ``python -m studies darkness FOLDER``, where FOLDER holds low/ and
high/ with pictures of the same names. Only the first 80 % of the pairs are looked at, and of those
the ones that show one scene. The low picture's linear light is fitted as factor * the high one's +
pedestal, for each colour, on both reduced to an eighth, where the noise has averaged out.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import partners, sources
from edge_demo.tasks.lowlight import to_linear

from .command import command_line

PERCENTILES = (5, 25, 50, 75, 95)
REDUCTION = 8
CLIPPED = 0.8  # of the high picture: above it, light may be missing


def relation(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> list[float]:
    """Factor of green; factors of red and blue in it; pedestals of green, red and blue."""
    size = low.shape[1] // REDUCTION, low.shape[0] // REDUCTION
    dark, light = (
        cv2.resize(to_linear(picture / 255.0), size, interpolation=cv2.INTER_AREA)
        for picture in (low, high)
    )
    factors, pedestals = [], []
    for colour in range(3):
        x, y = light[..., colour].ravel(), dark[..., colour].ravel()
        factor, pedestal = np.polyfit(x[x < CLIPPED], y[x < CLIPPED], 1)
        factors.append(float(factor))
        pedestals.append(float(pedestal))
    red, green, blue = factors
    return [green, red / green, blue / green, pedestals[1], pedestals[0], pedestals[2]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print percentiles over the pairs."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="holds low/ and high/")
    options = parser.parse_args(arguments)
    source = sources.open_source(f"pairs:{options.folder}:train")
    found = np.array([relation(*pair) for pair in partners.of_one_scene(sources.pairs(source))])
    names = ("factor", "red/green", "blue/green", "pedestal", "of red", "of blue")
    print(f"{len(found)} pairs".ljust(12) + "".join(f"{p:>9} %" for p in PERCENTILES))
    for name, values in zip(names, found.T, strict=True):
        print(name.ljust(12) + "".join(f"{v:11.4f}" for v in np.percentile(values, PERCENTILES)))
