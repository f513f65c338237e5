"""Where pictures come from: ``sample``, ``folder:PATH``, ``list:FILE``, ``pairs:PATH`` and others.

A source is a list of files, read by the same code as on the device. As a photograph, a file that
stores 4:2:0 chroma (most JPEGs, lossy WebP) is reduced 2:1 by area, because at full size it holds
no chroma detail to learn from or to measure against. Pairs in low and good light are read as they
are.
"""

from __future__ import annotations

import codecs
import difflib
import itertools
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.pictures import pairs as device_pairs
from edge_demo.pictures import photographs as device
from edge_demo.pictures.images import read_rgb

from . import records
from .source import Source, some
from .tfds_builders import prepared

KINDS = {
    "sample": "scikit-image's colour photographs, which come with a dependency",
    "folder:PATH": "every photograph below PATH; folder:PATH:test is about a tenth of them, by "
    "name, folder:PATH:train the rest",
    "list:FILE": "the photographs that FILE names, one a line, such as kept.txt of clean",
    "pairs:PATH": "low/ and high/ with pictures of the same names, or LOL's folders; also "
    "pairs:PATH:train, pairs:PATH:test",
    "video:PATH": "the frames of a video: only to evaluate a model of chroma",
    "records:DIR": "patches that prepare --patch has cut",
    "tfds:NAME": "what TensorFlow Datasets has prepared; also tfds:NAME/CONFIG, tfds:NAME:SPLIT",
}

# Where one source ends and another begins: a path may hold " + ", but hardly a kind behind it.
_NAMES = "|".join(name.partition(":")[0] for name in KINDS if ":" in name)
_JOINT = re.compile(rf" \+ (?=(?:{_NAMES}):|\s*sample\s*(?:$| \+ ))")

# scikit-image's photographs. The test ones are never trained on; the motorcycle is a stereo pair
# of one scene, so both its halves are on the same side.
SAMPLE_TRAIN = ("coffee.png", "ihc.png", "motorcycle_left.png", "motorcycle_right.png",
                "retina.jpg", "rocket.jpg")  # fmt: skip
SAMPLE_TEST = ("astronaut.png", "chelsea.png", "hubble_deep_field.jpg")


def sample_folder() -> Path:
    """The folder of scikit-image's photographs."""
    import skimage.data

    return Path(skimage.data.__file__).parent


def open_source(text: str, split: str = "test") -> Source:
    """Resolve what a user wrote after ``--data``.

    Args:
        text: ``sample``, ``folder:PATH``, ``list:FILE``, ``pairs:PATH``, ``records:DIR`` or
            ``tfds:NAME``; folders and pairs with ``:train`` or ``:test`` behind them, too, and
            ``tfds:NAME:SPLIT``.
        split: ``train`` or ``test``; only ``sample`` has two, and ``tfds:NAME`` may; every other
            source is the same in both.

    Raises:
        UserError: unknown kind (the near ones are named), a missing or empty folder or list, a
            list that names a missing file, folders of pairs without a name in common, a data set
            that is not prepared.
    """
    kind, _, rest = text.partition(":")
    if kind == "sample" and not rest:
        names = SAMPLE_TRAIN if split == "train" else SAMPLE_TEST
        return Source(text, tuple(sample_folder() / name for name in names))
    if kind == "folder" and rest:
        return _open_folder(text, rest)
    if kind == "list" and rest:
        return Source(text, _read_list(Path(rest).expanduser()))
    if kind == "pairs" and rest:
        return _open_pairs(text, rest)
    if kind == "video" and rest:
        raise UserError(
            f"{text} is no source of photographs: frames of a video are only measured on, by "
            "python -m training evaluate"
        )
    if kind == "records" and rest:
        return records.open_folder(text, Path(rest).expanduser())
    if kind == "tfds" and rest:
        return Source(text, *prepared.open_files(text, split))
    near = difflib.get_close_matches(kind, [name.partition(":")[0] for name in KINDS], 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(f"unknown data source {text!r}{hint} (known: {', '.join(KINDS)})")


def parts(text: str) -> list[str]:
    """The sources that ``--data`` joins by `` + ``, which may be in a path, too."""
    return [part.strip() for part in _JOINT.split(text)]


def open_all(text: str, split: str) -> list[Source]:
    """Each of the sources that ``--data`` joins, see ``parts`` and ``open_source``."""
    return [open_source(part, split) for part in parts(text)]


def video_path(text: str) -> Path | None:
    """The file of ``video:PATH``; None for any other source."""
    kind, _, rest = text.partition(":")
    return Path(rest).expanduser() if kind == "video" and rest else None


def _read_list(file: Path) -> tuple[Path, ...]:
    """The files that a list names, sorted; relative names begin at the list's own folder."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the list {str(file)!r}: {error.strerror}") from None
    # Editors of Windows begin a file with a mark; names need not be text in UTF-8.
    code = "utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    lines = content.decode(code, errors="surrogateescape").splitlines()
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


def _open_folder(text: str, rest: str) -> Source:
    """A source of photographs, or the part of it that ``hold_out`` keeps or holds out."""
    folder, split = _folder_and_split(text, rest)
    source = Source(text, device.read_folder(folder))
    if split is None:
        return source
    train, test = hold_out(source)
    return train if split == "train" else test


def _open_pairs(text: str, rest: str) -> Source:
    return _of_pairs(text, device_pairs.read_pairs_folder(*_folder_and_split(text, rest)))


def _folder_and_split(text: str, rest: str) -> tuple[Path, str | None]:
    """What follows the last colon is a split unless the path exists with it.

    Raises:
        UserError: it is neither.
    """
    folder = Path(rest).expanduser()
    before, _, last = rest.rpartition(":")
    if before and not folder.exists():
        if last in device_pairs.SPLITS:
            return Path(before).expanduser(), last
        if Path(before).expanduser().is_dir():
            raise UserError(f"{text!r}: a split is train or test, not {last!r}")
    return folder, None


def _of_pairs(text: str, found: Sequence[device_pairs.Pair]) -> Source:
    return Source(text, tuple(high for _, high in found), tuple(low for low, _ in found))


def hold_out(source: Source, every: int = 10) -> tuple[Source, Source]:
    """Split a source in two: (train, held out). A source of one file is on both sides.

    Photographs are split by file name, so that adding files moves no other: about one in ``every``
    is held out, at least one that can be read. Of records it is whole shards. Of pairs the last
    fifth is held out, whatever ``every`` is: a block, because neighbours often show one scene.
    """
    everything = range(len(source.paths))
    if source.low:
        train, last = device_pairs.last_fifth_apart(everything)
        return some(source, train or last), some(source, last)

    def held(index: int) -> bool:
        return zlib.crc32(os.fsencode(source.paths[index].name)) % every == 0

    out = [index for index in everything if held(index)]
    if len(out) in (0, len(everything)):
        out = [everything[-1]]
    if not source.counts and not any(_can_be_read(source.paths[index]) for index in out):
        # One damaged file must not leave nothing to validate on; it is named where it is read.
        good = (index for index in reversed(everything) if _can_be_read(source.paths[index]))
        out = [found] if (found := next(good, None)) is not None else out
    gone = set(out)
    kept = [index for index in everything if index not in gone] or everything
    return some(source, kept), some(source, out)


def _can_be_read(path: Path) -> bool:
    try:
        read_rgb(path)
    except UserError:
        return False
    return True


def photographs(
    source: Source, least_side: int = 32, halved: bool = True
) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Each photograph of a source as RGB (H, W, 3) uint8, with real chroma unless not ``halved``.

    Of pairs these are the pictures in good light. Bad and tiny files are named on stderr and
    skipped.

    Raises:
        UserError: when not one photograph could be used.
    """
    for is_shard, group in itertools.groupby(
        source.paths, lambda path: path.suffix == records.EXTENSION
    ):
        paths = tuple(group)
        if is_shard:
            yield from records.photographs(paths, least_side)  # reduced when they were made
        else:
            yield from device.photographs(paths, least_side, halved)


def pairs(source: Source) -> Iterator[tuple[Path, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Each pair of a source: (file in ``paths``, low, high), RGB (H, W, 3) uint8 of one size.

    Pictures are read as stored, upright. Bad files and pairs of two sizes are named on stderr and
    skipped.

    Raises:
        UserError: the source holds no pairs, or not one could be used.
    """
    if not source.low:
        raise UserError(f"{source.text} holds no pairs; name a folder of them: pairs:PATH")
    if source.counts:
        return records.pairs(source.paths)
    return device_pairs.pairs(list(zip(source.low, source.paths, strict=True)))
