"""A folder with one picture of each fault among good ones."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import faults

# File to the verdicts that it must get.
EXPECTED: dict[str, list[str]] = {
    "blurry.png": ["blurry"],
    "corrupt.jpg": ["corrupt"],
    "good/a.png": [],
    "good/b.png": [],
    "good/c.jpg": [],
    "good/halved.jpg": [],
    "monochrome.png": ["monochrome"],
    "near.png": ["duplicate"],
    "same.png": ["duplicate"],
    "skewed.png": ["skewed"],
    "small.png": ["small"],
    "subsampled.png": ["subsampled"],
}


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder; not to be changed by tests."""
    import skimage.data

    folder = tmp_path_factory.mktemp("mixed") / "pictures"
    (folder / "good").mkdir(parents=True)
    astronaut, rocket, coffee = (getattr(skimage.data, name)() for name in
                                 ("astronaut", "rocket", "coffee"))  # fmt: skip
    pieces = {
        "good/a": astronaut[100:260, 150:330], "good/b": astronaut[330:490, 100:300],
        "good/c": rocket[200:330, 250:420], "blurry": coffee[100:260, 100:260],
        "monochrome": coffee[200:340, 200:400], "skewed": coffee[60:200, 330:480],
        "small": astronaut[300:350, 300:380], "subsampled": astronaut[340:500, 320:480],
    }  # fmt: skip
    manners = {"blurry": "gaussian", "monochrome": "sepia", "skewed": "without a channel",
               "subsampled": "JPEG 4:2:0"}  # fmt: skip
    for name, piece in pieces.items():
        if name in manners:
            piece = faults.FAULTS[name][manners[name]](piece, random.Random(1))
        extension = ".jpg" if name == "good/c" else ".png"
        full = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        full = full if extension == ".jpg" else []
        data = faults.encoded(np.ascontiguousarray(piece), extension, *full)
        (folder / f"{name}{extension}").write_bytes(data)
    # A JPEG of the usual kind says what it is, and training reduces it.
    (folder / "good" / "halved.jpg").write_bytes(faults.encoded(astronaut[:256, :256], ".jpg"))
    whole = (folder / "good" / "a.png").read_bytes()
    (folder / "same.png").write_bytes(whole)
    scaled = cv2.resize(pieces["good/b"], None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    (folder / "near.png").write_bytes(faults.encoded(scaled, ".png"))
    jpeg = (folder / "good" / "c.jpg").read_bytes()
    (folder / "corrupt.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    return folder
