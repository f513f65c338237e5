"""Draw README's picture from the shipped int8 model: ``python docs/make_pictures.py``.

Each row is the part of a test photograph where bilinear upsampling errs most. None of these
photographs was trained on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a script

from datasets import sources
from edge_demo import models_folder
from edge_demo.runtime import html, metrics, photographs, quality
from edge_demo.runtime.images import write_image
from edge_demo.runtime.model import TFLiteModel
from edge_demo.runtime.tasks import chroma
from edge_demo.runtime.tiling import reconstruct

Pixels = NDArray[np.uint8]

PICTURE = ROOT / "docs" / "pictures" / "before_after.png"
SHOWN = ("astronaut.png", "hubble_deep_field.jpg")
SIDE, ZOOM = 64, 6  # of a crop; the page shows the picture at half its size
GAP, LABEL = 16, 84
FONT = cv2.FONT_HERSHEY_SIMPLEX
INK, QUIET = (27, 27, 27), (90, 90, 90)


def nearest(planes: chroma.Planes) -> Pixels:
    """The input as it is: each chroma sample on its 2x2 pixels."""
    height, width = planes.size
    return np.asarray(planes.cbcr.repeat(2, axis=0).repeat(2, axis=1)[:height, :width], np.uint8)


def methods(model: TFLiteModel) -> dict[str, quality.Method]:
    """What stands between the edges of a row."""
    return {
        "4:2:0 input": nearest,
        "bilinear": quality.baselines()["bilinear"],
        f"{model.card.values['recipe']} model": lambda planes: reconstruct(planes, model),
    }


def panel(rgb: Pixels, label: str, note: str) -> Pixels:
    """A crop, enlarged without smoothing, with two lines of text below."""
    large = cv2.resize(rgb, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_NEAREST)
    below = np.full((LABEL, large.shape[1], 3), 255, np.uint8)
    cv2.putText(below, label, (0, 36), FONT, 1.0, INK, 2, cv2.LINE_AA)
    cv2.putText(below, note, (0, 70), FONT, 0.8, QUIET, 1, cv2.LINE_AA)
    return np.asarray(np.concatenate([large, below]), np.uint8)


def row(rgb: Pixels, shown: dict[str, quality.Method]) -> Pixels:
    """One photograph: each method on the whole of it, then the truth, cropped alike."""
    (top, left, height, width), _ = html.telling_window(rgb, side=SIDE)
    inside = np.s_[top : top + height, left : left + width]
    planes, truth = chroma.degrade(rgb), chroma.target(rgb)
    panels = []
    for label, method in shown.items():
        cbcr = method(planes)
        value = metrics.psnr(np.ascontiguousarray(cbcr[inside]), truth[inside])
        panels.append(panel(quality.to_rgb(planes.y, cbcr)[inside], label, f"{value:.1f} dB"))
    panels.append(panel(rgb[inside], "truth", "4:4:4"))
    return joined(panels, axis=1)


def joined(parts: Sequence[Pixels], axis: int) -> Pixels:
    """Parts of equal length with white gaps between them."""
    shape: list[Any] = list(parts[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    spaced = [piece for part in parts for piece in (gap, part)][1:]
    return np.asarray(np.concatenate(spaced, axis=axis), np.uint8)


def draw(model: TFLiteModel) -> Pixels:
    """The whole picture, RGB."""
    shown = methods(model)
    rows = [row(photographs.read(sources.sample_folder() / name), shown) for name in SHOWN]
    return joined(rows, axis=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=PICTURE, metavar="FILE.png")
    options = parser.parse_args(arguments)
    write_image(options.out, draw(TFLiteModel(models_folder.find(None))), overwrite=True)
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
