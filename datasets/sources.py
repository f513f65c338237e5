"""Where photographs come from: ``sample`` and ``folder:PATH``.

A source is a list of files; ``read`` gives the photograph of one as RGB whose chroma is real. A
file that stores 4:2:0 chroma (most JPEGs, lossy WebP) is reduced 2:1 by area, because at full size
it holds no chroma detail to learn from or to measure against.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.runtime.errors import UserError
from edge_demo.runtime.images import read_rgb

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
KINDS = {
    "sample": "scikit-image's colour photographs, which come with a dependency",
    "folder:PATH": "every photograph below PATH",
}

# scikit-image's photographs. The test ones are never trained on; the motorcycle is a stereo pair
# of one scene, so both its halves are on the same side.
SAMPLE_TRAIN = ("coffee.png", "ihc.png", "motorcycle_left.png", "motorcycle_right.png",
                "retina.jpg", "rocket.jpg")  # fmt: skip
SAMPLE_TEST = ("astronaut.png", "chelsea.png", "hubble_deep_field.jpg")

# Formats whose stored chroma has half the luma's resolution along an axis.
_SUBSAMPLED = ("4:2:0", "4:2:2", "4:4:0", "4:1:1")


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
    if kind == "folder":
        return Source(text, _images_below(Path(rest).expanduser(), text))
    near = difflib.get_close_matches(kind, [name.partition(":")[0] for name in KINDS], 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(f"unknown data source {text!r}{hint} (known: {', '.join(KINDS)})")


def _images_below(folder: Path, text: str) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise UserError(f"{text}: there is no folder {str(folder)!r}")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file())
    if not paths:
        raise UserError(f"{text}: no images in {str(folder)!r} ({', '.join(EXTENSIONS)})")
    return tuple(paths)


def hold_out(source: Source, every: int = 10) -> tuple[Source, Source]:
    """Split a source in two by file name, so that adding files moves no other: (train, held out).

    About one in ``every`` is held out, at least one; a source of one file is on both sides.
    """
    import zlib

    def held(path: Path) -> bool:
        return zlib.crc32(path.name.encode()) % every == 0

    out = tuple(p for p in source.paths if held(p)) or source.paths[-1:]
    kept = tuple(p for p in source.paths if p not in set(out)) or source.paths
    return Source(source.text, kept), Source(source.text, out)


def read(path: Path) -> NDArray[np.uint8]:
    """One photograph as RGB (H, W, 3) uint8 with real chroma (see the module's text).

    Raises:
        UserError: unreadable, or without colour.
    """
    picture = read_rgb(path)
    if picture.grey:
        raise UserError(f"{path}: a grey picture has no chroma")
    rgb = picture.rgb
    if rgb.dtype == np.uint16:
        rgb = np.rint(rgb / 257.0).astype(np.uint8)
    if picture.info.subsampling in _SUBSAMPLED:
        height, width = rgb.shape[:2]
        rgb = cv2.resize(rgb, (max(1, width // 2), max(1, height // 2)),
                         interpolation=cv2.INTER_AREA)  # fmt: skip
    return rgb


def photographs(source: Source, least_side: int = 32) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Read each photograph of a source; bad and tiny files are named on stderr and skipped.

    Raises:
        UserError: when not one photograph could be used.
    """
    used = 0
    for path in source.paths:
        try:
            rgb = read(path)
            if min(rgb.shape[:2]) < least_side:
                raise UserError(
                    f"{path}: {rgb.shape[1]}x{rgb.shape[0]} usable pixels, "
                    f"below {least_side}x{least_side}"
                )
        except UserError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        used += 1
        yield path, rgb
    if not used:
        raise UserError(f"{source.text}: none of {len(source.paths)} files could be used")
