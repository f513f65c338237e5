"""Writes the pictures that every device's self-test compares: ``edge_demo/device/golden_pictures``.

A photograph's colours would do, but edges of full colour on odd places tell more of where chroma
lies: patches of strong colours over a smooth ground, 4:2:0, of odd size and lying on its side.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo import cli, tasks
from edge_demo.device import golden
from edge_demo.files import write_whole
from edge_demo.pictures.images import write_image

from .command import ROOT, command_line

SIZE = 53, 75  # height and width as stored
QUALITY = 90
# Orientation 6: the first row is the right side of what is seen.
EXIF = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
# How many times darker the picture of low light is.
DARKER = 6
_PATCHES = 24


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the JPEGs, and what each variant makes of its own."""
    return cli.run(command_line(__name__, __doc__), _run, arguments)


def drawn() -> NDArray[np.uint8]:
    """RGB (H, W, 3), the same every time."""
    rng = np.random.default_rng(0)
    knots = rng.integers(60, 200, (4, 5, 3)).astype(np.uint8)
    picture = cv2.resize(knots, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    for _ in range(_PATCHES):
        (top, left), (height, width) = rng.integers(0, SIZE), rng.integers(3, 14, 2)
        picture[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return np.asarray(picture, np.uint8)


def _run(_: argparse.Namespace) -> None:
    golden.FOLDER.mkdir(exist_ok=True)
    picture = drawn()
    for name in tasks.NAMES:
        rgb = picture // DARKER if name == "enhance" else picture
        options = [
            cv2.IMWRITE_JPEG_QUALITY, QUALITY,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        ]  # fmt: skip
        done, data = cv2.imencodeWithMetadata(
            ".jpg", np.ascontiguousarray(rgb[..., ::-1]),
            [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(EXIF, np.uint8)], options,
        )  # fmt: skip
        assert done
        write_whole(golden.source(tasks.first(name)), data.tobytes())
        for task in tasks.load(name).VARIANTS.values():
            path = golden.reference(task)
            write_image(path, golden.pixels(task), overwrite=True)
            print(f"wrote {path.relative_to(ROOT)} ({path.stat().st_size / 1024:.1f} KiB)")
