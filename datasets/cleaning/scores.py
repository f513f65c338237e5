"""Everything that is measured on one picture: ``score`` is a function of the file alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.pictures.images import read_rgb, to_uint8
from edge_demo.pictures.photographs import true_chroma

from . import colours, near, sharpness, subsampling

# Files change and measures improve: scores of another version are measured again.
VERSION = 2


@dataclass(frozen=True)
class Scores:
    """What was measured on one file.

    Attributes:
        path: the file, as it was named.
        bytes: its size.
        modified: its time stamp in nanoseconds.
        sha256: of its bytes; empty when they could not be read.
        problem: why it cannot be decoded, else empty.
        stored: its chroma subsampling as the file states it, such as ``4:2:0``; None where it
            states none.
        width, height: pixels, as training sees them; 0 when it cannot be decoded.
        hash: the perceptual hash as 16 hexadecimal digits, else empty.
        measures: names to values, rounded; ``colours``, ``sharpness`` and ``subsampling`` say what
            they are. What cannot be measured is left out.
    """

    path: str
    bytes: int
    modified: int
    sha256: str = ""
    problem: str = ""
    stored: str | None = None
    width: int = 0
    height: int = 0
    hash: str = ""
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def hash_value(self) -> int | None:
        """The perceptual hash as a number."""
        return int(self.hash, 16) if self.hash else None

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), allow_nan=False)

    @staticmethod
    def from_json(line: str) -> Scores:
        """The inverse; raises ValueError, TypeError or KeyError for anything else."""
        return Scores(**json.loads(line))


def score(path: str, as_stored: bool = False) -> Scores:
    """Measure one picture.

    Args:
        path: the file.
        as_stored: at the size that it has. Else as training reads it: a file that says that its
            chroma is subsampled is first reduced until it is not.
    """
    cv2.setNumThreads(1)  # each picture has a process of its own
    file = Path(path)
    size = modified = 0
    try:
        stat = file.stat()
        size, modified = stat.st_size, stat.st_mtime_ns
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        return Scores(path, size, modified, problem=f"cannot be read: {error.strerror}")
    try:
        picture = read_rgb(file)
    except UserError as error:
        problem = str(error).removeprefix(f"{file}: ")
        return Scores(path, size, modified, digest, problem)
    rgb = to_uint8(picture.rgb)
    if not as_stored:
        # A grey picture is refused: it has no chroma to reduce, and is measured as it is.
        with contextlib.suppress(UserError):
            rgb = true_chroma(picture)
    return Scores(
        path, size, modified, digest, "", picture.info.subsampling, rgb.shape[1], rgb.shape[0],
        f"{near.perceptual_hash(rgb):016x}",
        {name: round(value, 4) for name, value in measures(rgb).items()},
    )  # fmt: skip


def measures(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """Every measure of RGB (H, W, 3)."""
    return (
        colours.measure(rgb)
        | {"blur": sharpness.blur(_middle(rgb, sharpness.SIDE))}
        | subsampling.measure(_middle(rgb, subsampling.SIDE))
    )


def _middle(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The middle square of a side; it begins where a block of a JPEG does."""
    top, left = (max(0, length - side) // 2 // 16 * 16 for length in rgb.shape[:2])
    return np.ascontiguousarray(rgb[top : top + side, left : left + side])
