"""Pairs of pictures of one scene, one in low light and one in good light.

Partners share the name of their file, without its extension, in two folders ``low/`` and ``high/``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .images import read_rgb, to_uint8
from .photographs import read_folder

Pair = tuple[Path, Path]  # the low and the high picture
_Item = TypeVar("_Item")

SPLITS = ("train", "test")
_PLAIN = ("low", "high")
# Datasets that keep their own two splits apart: the folders of low and high of each.
_APART: tuple[Mapping[str, tuple[str, str]], ...] = (
    {"train": ("our485/low", "our485/high"), "test": ("eval15/low", "eval15/high")},  # LOL
    {"train": ("Train/Low", "Train/Normal"), "test": ("Test/Low", "Test/Normal")},  # LOL-v2
)


def has_pairs(folder: Path) -> bool:
    """Whether a folder is laid out as pairs, so that ``read_pairs_folder`` is the one to ask."""
    plain = all((folder / side).is_dir() for side in _PLAIN)
    return plain or _kept_apart(folder) is not None


def read_pairs_folder(folder: Path, split: str | None = None) -> tuple[Pair, ...]:
    """The pairs in a folder with ``low/`` and ``high/``, or in LOL's or LOL-v2's own layout.

    Pictures without one partner are counted in a line on standard error and left out.

    Args:
        folder: where ``low/`` and ``high/`` are; or ``our485/`` and ``eval15/``, or ``Train/`` and
            ``Test/`` with ``Low/`` and ``Normal/`` in them, which are the two splits.
        split: ``train``, ``test``, or None for both. Of a folder without splits of its own they are
            the first four fifths and the last fifth.

    Returns:
        (low, high) files in the order of their names, numbers by value; of both splits train first.

    Raises:
        UserError: a missing or empty folder, no name in both, or one pair only to split.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"a split is one of {SPLITS}, not {split!r}")
    if not folder.is_dir():
        raise UserError(f"there is no folder {str(folder)!r}")
    apart = _kept_apart(folder)
    if apart is not None:
        wanted = SPLITS if split is None else (split,)
        return tuple(pair for name in wanted for pair in _match(folder, *apart[name]))
    found = _match(folder, *_PLAIN)
    if split is None:
        return found
    train, test = last_fifth_apart(found)
    if not train:
        raise UserError(f"{str(folder)!r} has one pair only, which cannot be split")
    return train if split == "train" else test


def last_fifth_apart(
    items: Sequence[_Item],
) -> tuple[tuple[_Item, ...], tuple[_Item, ...]]:
    """The first four fifths and the last fifth, which has at least one item if there is one.

    Contiguous, because neighbours often show one scene.
    """
    border = len(items) * 4 // 5
    return tuple(items[:border]), tuple(items[border:])


def read(low: Path, high: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both pictures of a pair as stored: upright RGB (H, W, 3) uint8 of one size.

    Nothing is reduced as for ``photographs``, whatever the chroma's resolution.

    Raises:
        UserError: one cannot be read, or their sizes differ.
    """
    dark, bright = (to_uint8(read_rgb(path).rgb) for path in (low, high))
    if dark.shape != bright.shape:
        sizes = [f"{rgb.shape[1]}x{rgb.shape[0]}" for rgb in (dark, bright)]
        raise UserError(f"{low}: {sizes[0]}, but its partner {high} is {sizes[1]}")
    return dark, bright


def pairs(
    files: Sequence[Pair],
) -> Iterator[tuple[Path, NDArray[np.uint8], NDArray[np.uint8]]]:
    """Read pairs: the high one's file, low and high as ``read`` gives them.

    Those that cannot be used are named on standard error and skipped.

    Raises:
        UserError: when not one could be used.
    """
    used = 0
    for low, high in files:
        try:
            dark, bright = read(low, high)
        except UserError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        used += 1
        yield high, dark, bright
    if not used:
        raise UserError(f"none of {len(files)} pairs could be used")


def _kept_apart(folder: Path) -> Mapping[str, tuple[str, str]] | None:
    """The folders of each split where a dataset has its own, else None."""
    if any((folder / side).is_dir() for side in _PLAIN):
        return None
    for layout in _APART:
        if any((folder / side).is_dir() for sides in layout.values() for side in sides):
            return layout
    return None


def _match(folder: Path, low: str, high: str) -> tuple[Pair, ...]:
    """Partners by name below two folders, sorted."""
    for side in (low, high):
        if not (folder / side).is_dir():
            raise UserError(
                f"there is no folder {side}/ in {str(folder)!r}; pairs are pictures of the same "
                f"names in {low}/ and {high}/"
            )
    dark, bright = (_by_name(folder / side) for side in (low, high))
    both = {name for name in dark if len(dark[name]) == len(bright.get(name, ())) == 1}
    paths = [(name, path) for side in (dark, bright) for name in side for path in side[name]]
    alone = sorted(path for name, path in paths if name not in both)
    if not both:
        raise UserError(
            f"no picture in {str(folder / low)!r} has the name of one in {str(folder / high)!r}; "
            f"{alone[0].name!r} is alone, for one"
        )
    if alone:
        print(
            f"left out: {len(alone)} of {len(paths)} pictures in {folder} without one partner of "
            f"the same name, {alone[0].relative_to(folder)} the first",
            file=sys.stderr,
        )
    return tuple((dark[name][0], bright[name][0]) for name in sorted(both, key=_natural))


def _by_name(side: Path) -> dict[str, list[Path]]:
    """Picture files by their path in a folder without the extension."""
    found: dict[str, list[Path]] = {}
    for path in read_folder(side):
        name = path.relative_to(side).with_suffix("").as_posix()
        if side.name in ("Low", "Normal"):
            # LOL-v2 calls the partners low00001 and normal00001.
            name = re.sub(r"^(low|normal)(?=[0-9])", "", name)
        found.setdefault(name, []).append(path)
    return found


def _natural(name: str) -> tuple[list[str | int], str]:
    """Sorts 9 before 10: neighbours in number show one scene more often than those in spelling."""
    parts: list[str | int] = [*re.split(r"([0-9]+)", name)]
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, name
