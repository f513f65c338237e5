"""Where photographs come from: ``sample`` and ``folder:PATH``.

A source is a list of files, read by the same code as on the device: a file that stores 4:2:0 chroma
(most JPEGs, lossy WebP) is reduced 2:1 by area, because at full size it holds no chroma detail to
learn from or to measure against.
"""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_demo.runtime import photographs as device
from edge_demo.runtime.errors import UserError

KINDS = {
    "sample": "scikit-image's colour photographs, which come with a dependency",
    "folder:PATH": "every photograph below PATH",
}

# scikit-image's photographs. The test ones are never trained on; the motorcycle is a stereo pair
# of one scene, so both its halves are on the same side.
SAMPLE_TRAIN = ("coffee.png", "ihc.png", "motorcycle_left.png", "motorcycle_right.png",
                "retina.jpg", "rocket.jpg")  # fmt: skip
SAMPLE_TEST = ("astronaut.png", "chelsea.png", "hubble_deep_field.jpg")


@dataclass(frozen=True)
class Source:
    """Photographs to read.

    Attributes:
        text: what the user wrote, for reports.
        paths: the files, sorted.
    """

    text: str
    paths: tuple[Path, ...]


def sample_folder() -> Path:
    """The folder of scikit-image's photographs."""
    import skimage.data

    return Path(skimage.data.__file__).parent


def open_source(text: str, split: str = "test") -> Source:
    """Resolve what a user wrote after ``--data``.

    Args:
        text: ``sample`` or ``folder:PATH``.
        split: ``train`` or ``test``; only ``sample`` has two, a folder is the same in both.

    Raises:
        UserError: unknown kind (the near ones are named), a missing or empty folder.
    """
    kind, _, rest = text.partition(":")
    if kind == "sample" and not rest:
        names = SAMPLE_TRAIN if split == "train" else SAMPLE_TEST
        return Source(text, tuple(sample_folder() / name for name in names))
    if kind == "folder" and rest:
        return Source(text, device.read_folder(Path(rest).expanduser()))
    near = difflib.get_close_matches(kind, [name.partition(":")[0] for name in KINDS], 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(f"unknown data source {text!r}{hint} (known: {', '.join(KINDS)})")


def hold_out(source: Source, every: int = 10) -> tuple[Source, Source]:
    """Split a source in two by file name, so that adding files moves no other: (train, held out).

    About one in ``every`` is held out, at least one; a source of one file is on both sides.
    """

    def held(path: Path) -> bool:
        return zlib.crc32(path.name.encode()) % every == 0

    out = tuple(p for p in source.paths if held(p))
    if len(out) in (0, len(source.paths)):
        out = source.paths[-1:]
    kept = tuple(p for p in source.paths if p not in set(out)) or source.paths
    return Source(source.text, kept), Source(source.text, out)


def photographs(source: Source, least_side: int = 32) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Each photograph of a source as RGB (H, W, 3) uint8 with real chroma.

    Bad and tiny files are named on stderr and skipped.

    Raises:
        UserError: when not one photograph could be used.
    """
    return device.photographs(source.paths, least_side)
