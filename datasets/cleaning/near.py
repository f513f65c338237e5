"""Copies that are not the same file: a hash of what is seen, and how near ones are found.

Two pictures are near when few of their hashes' 64 bits differ. The hash is cut into four bands of
16 bits. If at most r bits of 64 differ, then at most r // 4 differ in one of the bands, so it is
enough to compare pictures that nearly share a band (Norouzi, Punjani and Fleet, 2012, "Fast search
in Hamming space with multi-index hashing"). Each picture is filed under its own bands and those one
bit away: two that differ by two bits meet half way. Files stay short, so that time grows with the
number of pictures and not with its square, up to some hundred thousand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

BITS = 64
_BANDS, _WIDTH = 4, 16
# Bits that may differ when bands are looked up within two bits of each other.
MOST_BITS = 3 * _BANDS - 1

Pair = tuple[int, int]


def perceptual_hash(rgb: NDArray[np.uint8]) -> int:
    """The 64-bit DCT hash of RGB (H, W, 3): which of the lowest 8x8 frequencies are above median.

    Of a grey copy of 32x32 pixels, as in Zauner, 2010, "Implementation and benchmarking of
    perceptual image hash functions". Scale, format and small changes of tone leave it as it is;
    turning and mirroring do not.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    reduced = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(reduced)[:8, :8].ravel()
    # The first is the mean brightness, which would hold the median up.
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def files(value: int, most: int) -> Iterator[int]:
    """Names of the files that a hash belongs to, so that any two within ``most`` bits share one."""
    near = most // _BANDS > 0
    for band in range(_BANDS):
        own = value >> (band * _WIDTH) & (1 << _WIDTH) - 1
        yield band << _WIDTH | own
        if near:
            for bit in range(_WIDTH):
                yield band << _WIDTH | own ^ 1 << bit


def pairs_in(values: Iterable[int], most: int) -> Iterator[Pair]:
    """The hashes of one file that lie within ``most`` bits of each other, smaller one first."""
    ordered = sorted(set(values))
    for index, one in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if (one ^ other).bit_count() <= most:
                yield one, other


def near_pairs(values: Iterable[int], most: int) -> set[Pair]:
    """All pairs of different hashes within ``most`` bits, 0 to ``MOST_BITS``."""
    filed: dict[int, list[int]] = defaultdict(list)
    for value in set(values):
        for file in files(value, most):
            filed[file].append(value)
    return {pair for group in filed.values() for pair in pairs_in(group, most)}


def copies(
    hashes: Sequence[int | None], digests: Sequence[str], pairs: Iterable[Pair]
) -> dict[int, int]:
    """Which pictures are copies, and of which one.

    Args:
        hashes: perceptual hashes, the picture to keep first; None where there is none.
        digests: of the files, in the same order.
        pairs: of different hashes that count as near.

    Returns:
        Index of each copy to the index of the picture that is kept in its place. That one is no
        copy itself: what is near a copy only is kept, so that a row of frames does not vanish
        because each is near the next.
    """
    neighbours: Mapping[int, set[int]] = defaultdict(set)
    for one, other in pairs:
        neighbours[one].add(other)
        neighbours[other].add(one)
    out: dict[int, int] = {}
    kept_file: dict[str, int] = {}
    kept_hash: dict[int, int] = {}
    for index, (value, digest) in enumerate(zip(hashes, digests, strict=True)):
        found = [kept_file[digest]] if digest in kept_file else []
        if value is not None and not found:
            near = (value, *neighbours.get(value, ()))
            found = sorted(kept_hash[other] for other in near if other in kept_hash)
        if found:
            out[index] = found[0]
            continue
        kept_file[digest] = index
        if value is not None:
            kept_hash[value] = index
    return out
