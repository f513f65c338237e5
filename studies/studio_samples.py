"""Makes the samples of the web studio.

All are NASA's portrait of Eileen Collins (public domain), as scikit-image ships it: with chroma of
4:2:0, in grey, and darkened as a camera in low light would have taken it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import cv2
import numpy as np
import skimage.data

from edge_demo import cli
from edge_demo.tasks import enhance

from .command import ROOT, command_line

FOLDER = ROOT / "edge_demo" / "web" / "samples"
_SEED = 0
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]
_HALF = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
_FULL = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the three files."""
    return cli.run(command_line(__name__, __doc__), _run, arguments)


def _run(_: argparse.Namespace) -> None:
    photograph = skimage.data.astronaut()
    bgr = np.ascontiguousarray(photograph[..., ::-1])
    dark = np.ascontiguousarray(enhance.degrade(photograph, _SEED)[..., ::-1])
    for name, picture, sampling in (
        ("chroma", bgr, _HALF),
        ("colorize", cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), []),
        ("enhance", dark, _FULL),
    ):
        path = FOLDER / f"{name}.jpg"
        done, data = cv2.imencode(".jpg", picture, [*_QUALITY, *sampling])
        assert done
        path.write_bytes(data.tobytes())
        print(f"wrote {path.relative_to(ROOT)} ({len(data) / 1024:.0f} KiB)")
