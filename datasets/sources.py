"""Where pictures come from: ``sample``, ``folder:PATH``, ``list:FILE`` and ``pairs:PATH``.

A source is a list of files, read by the same code as on the device. As a photograph, a file that
stores 4:2:0 chroma (most JPEGs, lossy WebP) is reduced 2:1 by area, because at full size it holds
no chroma detail to learn from or to measure against. Pairs in low and good light are read as they
are.
"""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_demo.runtime import pairs as device_pairs
from edge_demo.runtime import photographs as device
from edge_demo.runtime.errors import UserError

KINDS = {
    "sample": "scikit-image's colour photographs, which come with a dependency",
    "folder:PATH": "every photograph below PATH",
    "list:FILE": "the photographs that FILE names, one a line, such as kept.txt of clean",
    "pairs:PATH": "low/ and high/ with pictures of the same names, or LOL's folders; also "
    "pairs:PATH:train, pairs:PATH:test",
    "tfds:lol": "LOL from its archive: only to prepare a folder for pairs:",
}

# scikit-image's photographs. The test ones are never trained on; the motorcycle is a stereo pair
# of one scene, so both its halves are on the same side.
SAMPLE_TRAIN = ("coffee.png", "ihc.png", "motorcycle_left.png", "motorcycle_right.png",
                "retina.jpg", "rocket.jpg")  # fmt: skip
SAMPLE_TEST = ("astronaut.png", "chelsea.png", "hubble_deep_field.jpg")


@dataclass(frozen=True)
class Source:
    """Pictures to read.

    Attributes:
        text: what the user wrote, for reports.
        paths: the files, sorted; of pairs those in good light.
        low: of pairs the files in low light, parallel to ``paths``; else empty.
    """

    text: str
    paths: tuple[Path, ...]
    low: tuple[Path, ...] = ()


def sample_folder() -> Path:
    """The folder of scikit-image's photographs."""
    import skimage.data

    return Path(skimage.data.__file__).parent


def open_source(text: str, split: str = "test") -> Source:
    """Resolve what a user wrote after ``--data``.

    Args:
        text: ``sample``, ``folder:PATH``, ``list:FILE``, ``pairs:PATH``, ``pairs:PATH:train`` or
            ``pairs:PATH:test``.
        split: ``train`` or ``test``; only ``sample`` has two, every other source is the same in
            both.

    Raises:
        UserError: unknown kind (the near ones are named), a missing or empty folder or list, a
            list that names a missing file, folders of pairs without a name in common.
    """
    kind, _, rest = text.partition(":")
    if kind == "sample" and not rest:
        names = SAMPLE_TRAIN if split == "train" else SAMPLE_TEST
        return Source(text, tuple(sample_folder() / name for name in names))
    if kind == "folder" and rest:
        return Source(text, device.read_folder(Path(rest).expanduser()))
    if kind == "list" and rest:
        return Source(text, _read_list(Path(rest).expanduser()))
    if kind == "pairs" and rest:
        return _open_pairs(text, rest)
    if text == "tfds" or text.startswith("tfds:"):
        raise UserError(
            f"{text} cannot be read directly; write it out with python -m datasets prepare "
            "tfds:lol --out DIR, then use pairs:DIR"
        )
    near = difflib.get_close_matches(kind, [name.partition(":")[0] for name in KINDS], 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(f"unknown data source {text!r}{hint} (known: {', '.join(KINDS)})")


def _read_list(file: Path) -> tuple[Path, ...]:
    """The files that a list names, sorted; relative names begin at the list's own folder."""
    try:
        # Names need not be text in UTF-8.
        lines = file.read_text(errors="surrogateescape").splitlines()
    except OSError as error:
        raise UserError(f"cannot read the list {str(file)!r}: {error.strerror}") from None
    paths = sorted({file.parent / line for line in lines if line.strip()})
    if not paths:
        raise UserError(f"the list {str(file)!r} names no picture")
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise UserError(
            f"{str(file)!r} names {len(missing)} files that are not there, such as "
            f"{str(missing[0])!r}; make the list again"
        )
    return tuple(paths)


def _open_pairs(text: str, rest: str) -> Source:
    """A source of pairs; what follows the last colon is a split unless the path exists with it."""
    folder, split = Path(rest).expanduser(), None
    before, _, last = rest.rpartition(":")
    if before and not folder.exists():
        if last in device_pairs.SPLITS:
            folder, split = Path(before).expanduser(), last
        elif Path(before).expanduser().is_dir():
            raise UserError(f"{text!r}: a split is train or test, not {last!r}")
    return _of_pairs(text, device_pairs.read_pairs_folder(folder, split))


def _of_pairs(text: str, found: Sequence[device_pairs.Pair]) -> Source:
    return Source(text, tuple(high for _, high in found), tuple(low for low, _ in found))


def hold_out(source: Source, every: int = 10) -> tuple[Source, Source]:
    """Split a source in two: (train, held out). A source of one file is on both sides.

    Photographs are split by file name, so that adding files moves no other: about one in ``every``
    is held out, at least one. Of pairs the last fifth is held out, whatever ``every`` is: a block,
    because neighbours often show one scene.
    """
    if source.low:
        found = list(zip(source.low, source.paths, strict=True))
        train, last = device_pairs.last_fifth_apart(found)
        return _of_pairs(source.text, train or last), _of_pairs(source.text, last)

    def held(path: Path) -> bool:
        return zlib.crc32(path.name.encode()) % every == 0

    out = tuple(p for p in source.paths if held(p))
    if len(out) in (0, len(source.paths)):
        out = source.paths[-1:]
    kept = tuple(p for p in source.paths if p not in set(out)) or source.paths
    return Source(source.text, kept), Source(source.text, out)


def photographs(source: Source, least_side: int = 32) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Each photograph of a source as RGB (H, W, 3) uint8 with real chroma.

    Of pairs these are the pictures in good light. Bad and tiny files are named on stderr and
    skipped.

    Raises:
        UserError: when not one photograph could be used.
    """
    return device.photographs(source.paths, least_side)


def pairs(source: Source) -> Iterator[tuple[Path, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Each pair of a source: (file in ``paths``, low, high), RGB (H, W, 3) uint8 of one size.

    Pictures are read as stored, upright. Bad files and pairs of two sizes are named on stderr and
    skipped.

    Raises:
        UserError: the source holds no pairs, or not one could be used.
    """
    if not source.low:
        raise UserError(f"{source.text} holds no pairs; name a folder of them: pairs:PATH")
    return device_pairs.pairs(list(zip(source.low, source.paths, strict=True)))
