"""Measures how real pairs differ in linear light: the ground of ``edge_demo/tasks/lowlight.py``.

``python -m studies darkness FOLDER``, where FOLDER holds low/ and high/ with pictures of the same
names. Only the first 80 % of the pairs are looked at, and of those the ones that show one scene.
The low picture's linear light is fitted as factor * the high one's + pedestal, for each colour, on
both reduced to an eighth, where the noise has averaged out. The last line says how far the high
picture's mean brightness follows from the low one's.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import partners, sources
from edge_demo import cli
from edge_demo.report.tables import aligned
from edge_demo.tasks.lowlight import to_linear

from .command import command_line

PERCENTILES = (5, 25, 50, 75, 95)
REDUCTION = 8
CLIPPED = 0.8  # of the high picture: above it, light may be missing


def relation(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> list[float]:
    """Factor of green; factors of red and blue in it; pedestals of green, red and blue; means.

    The means are those of all code values, of the low and of the high picture.
    """
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
    means = float(low.mean()), float(high.mean())
    return [green, red / green, blue / green, pedestals[1], pedestals[0], pedestals[2], *means]


def measure(folder: str) -> NDArray[np.float64]:
    """The relation of each pair of a folder: a row a pair."""
    source = sources.open_source(f"pairs:{folder}:train")
    return np.array([relation(*pair) for pair in partners.of_one_scene(sources.pairs(source))])


def table(found: NDArray[np.float64]) -> str:
    """Percentiles over the pairs, for a terminal."""
    names = ("factor", "red/green", "blue/green", "pedestal", "of red", "of blue", "mean of low",
             "mean of high")  # fmt: skip
    header = [f"{len(found)} pairs", *(f"{share} %" for share in PERCENTILES)]
    lines = [
        [name, *(f"{value:.4f}" for value in np.percentile(values, PERCENTILES))]
        for name, values in zip(names, found.T, strict=True)
    ]
    alike = np.corrcoef(np.log(found[:, -2:] + 1.0).T)[0, 1]
    told = f"correlation of the logarithms of both means: {alike:.2f}"
    return f"{aligned(header, lines, header[:1])}\n{told}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="holds low/ and high/")
    return cli.run(parser, lambda options: print(table(measure(options.folder))), arguments)
