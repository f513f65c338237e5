"""The perceptual hash, the index over its bands, and which of several copies is kept."""

from __future__ import annotations

import itertools
import random

import cv2
import numpy as np
import pytest

from datasets.cleaning import near
from tests import faults


def flipped(value: int, bits: int, rng: random.Random) -> int:
    for bit in rng.sample(range(near.BITS), bits):
        value ^= 1 << bit
    return value


@pytest.mark.parametrize("most", range(near.MOST_BITS + 1))
def test_the_index_finds_what_comparing_all_finds(most: int) -> None:
    rng = random.Random(most)
    values = {rng.getrandbits(64) for _ in range(60)}
    values |= {flipped(v, rng.randrange(14), rng) for v in list(values) for _ in range(4)}
    expected = {
        (one, other)
        for one, other in itertools.combinations(sorted(values), 2)
        if (one ^ other).bit_count() <= most
    }
    assert near.near_pairs(values, most) == expected
    assert len(expected) > 10 or most < 2


def test_the_worst_spread_over_the_bands_is_found() -> None:
    """Each band differs by as much as it can while the sum is still small enough."""
    value = 0x0123_4567_89AB_CDEF
    for split in itertools.product(range(4), repeat=4):
        other = value
        for band, bits in enumerate(split):
            other ^= ((1 << bits) - 1) << (16 * band + 3)
        found = near.near_pairs([value, other], sum(split)) if sum(split) <= near.MOST_BITS else ()
        assert bool(found) == (0 < sum(split) <= near.MOST_BITS)


def test_files_stay_short() -> None:
    """Twice as many pictures make twice as many comparisons' worth of files, not longer ones."""
    rng = random.Random(0)
    longest = []
    for count in (500, 2000):
        lengths: dict[int, int] = {}
        for _ in range(count):
            for file in near.files(rng.getrandbits(64), 8):
                lengths[file] = lengths.get(file, 0) + 1
        longest.append(max(lengths.values()))
    assert longest[1] < 16


@pytest.mark.parametrize("manner", faults.DUPLICATE)
def test_copies_have_near_hashes(natural: np.ndarray, manner: str) -> None:
    value = near.perceptual_hash(natural)
    copy = np.ascontiguousarray(faults.DUPLICATE[manner](natural, random.Random(2)))
    assert (value ^ near.perceptual_hash(copy)).bit_count() <= 8


def test_other_pictures_have_far_hashes(natural: np.ndarray) -> None:
    value = near.perceptual_hash(natural)
    others = [natural[::-1], natural[:, ::-1], cv2.rotate(natural, cv2.ROTATE_180),
              np.ascontiguousarray(natural[:48, :64])]  # fmt: skip
    assert min((value ^ near.perceptual_hash(other)).bit_count() for other in others) > 16


def test_the_first_of_several_copies_is_kept() -> None:
    a, b, c = 0b0000, 0b0001, 0b0011
    pairs = [(a, b), (b, c)]
    # c is near b only, which is not kept: a row of frames does not vanish as a whole.
    assert near.copies([a, b, c], ["1", "2", "3"], pairs) == {1: 0}
    assert near.copies([b, a, c], ["1", "2", "3"], pairs) == {1: 0, 2: 0}
    # Of one hash, without being a pair; of one file, without a hash; of neither.
    assert near.copies([a, a], ["1", "2"], []) == {1: 0}
    assert near.copies([None, None, None], ["1", "1", "2"], []) == {1: 0}
    assert near.copies([a, c], ["1", "2"], pairs) == {}
