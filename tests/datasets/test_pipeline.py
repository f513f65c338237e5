"""Batches: a pure function of cells, seed and step."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.cells import Cells
from datasets.chroma import example
from datasets.pipeline import _siting_counts, batches, fixed
from edge_demo.colour.siting import SITINGS
from edge_demo.tasks import chroma

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]
EVEN_SHARES = {"center": 0.5, "left": 0.25, "topleft": 0.25}


def bank(count: int = 7, size: int = 24, seed: int = 0) -> Cells:
    """Noise whose chroma is a function of its luma, so that a batch's input tells the truth."""
    y = np.random.default_rng(seed).integers(0, 256, (count, size, size), dtype=np.uint8)
    return Cells(np.stack([y, y, 255 - y], axis=-1), count)


def draw(cells: Cells, **changes: Any) -> list[Pair]:
    options = {"patch": 16, "batch": 4, "steps": 6, "seed": 5, "sitings": EVEN_SHARES} | changes
    return [(p.numpy(), c.numpy()) for p, c in batches(cells, chroma.TASK, **options)]


def patches(pair: Pair) -> NDArray[np.uint8]:
    """The 4:4:4 patches (B, H, W, 3) of ``bank`` behind a batch."""
    luma = [chroma.unpack(np.rint(values[..., :4] * 255 + 128))[..., 0] for values in pair[0]]
    y = np.stack(luma).astype(np.uint8)
    return np.stack([y, y, 255 - y], axis=-1)


def same(a: list[Pair], b: list[Pair]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x, y)
        for one, two in zip(a, b, strict=True)
        for x, y in zip(one, two, strict=True)
    )


def test_shapes_and_number() -> None:
    drawn = draw(bank())
    assert len(drawn) == 6
    assert {(p.shape, c.shape) for p, c in drawn} == {((4, 8, 8, 12), (4, 8, 8, 8))}
    assert {a.dtype for pair in drawn for a in pair} == {np.dtype(np.float32)}
    (planes, correction) = batches(bank(), chroma.TASK, patch=16, batch=4, steps=1, seed=0,
                                   sitings={"left": 1.0}).element_spec  # fmt: skip
    assert planes.shape == (4, 8, 8, 12) and correction.shape == (4, 8, 8, 8)


def test_the_seed_decides() -> None:
    assert same(draw(bank()), draw(bank()))
    assert not same(draw(bank()), draw(bank(), seed=6))
    assert not same(draw(bank()), draw(bank(seed=1)))


@pytest.mark.parametrize("start", [0, 1, 5, 6])
def test_a_later_start_gives_the_tail(start: int) -> None:
    whole = draw(bank(count=3))
    assert same(draw(bank(count=3), start=start), whole[start:])


def test_every_cell_is_drawn_once_an_epoch() -> None:
    count, epochs = 10, 3
    codes = np.arange(count, dtype=np.uint8)[:, None, None, None] * 20
    flat = Cells(np.broadcast_to(codes, (count, 24, 24, 3)), count)
    drawn = draw(flat, batch=5, steps=epochs * count // 5)
    order = [int(patch[0, 0, 0]) // 20 for pair in drawn for patch in patches(pair)]
    orders = [order[i * count : (i + 1) * count] for i in range(epochs)]
    assert all(sorted(one) == list(range(count)) for one in orders)
    assert len({tuple(one) for one in [*orders, range(count)]}) == epochs + 1


def test_sitings_have_their_shares() -> None:
    """Each patch tells its siting: only one of them degrades the truth to what the batch holds."""
    found: Counter[str] = Counter()
    for pair in draw(bank(), batch=8, steps=3, sitings={"center": 2, "topleft": 1, "left": 1}):
        for patch, planes, correction in zip(patches(pair), *pair, strict=True):
            encoded = {siting: example(patch[None], siting, chroma.TASK) for siting in SITINGS}
            matching = [s for s, (p, _) in encoded.items() if np.allclose(p[0], planes, atol=1e-6)]
            assert len(matching) == 1
            # Compiled code may fuse a product and a sum, which rounds once less.
            assert np.allclose(encoded[matching[0]][1][0], correction, atol=1e-6)
            found[matching[0]] += 1
    assert found == {"center": 12, "topleft": 6, "left": 6}


@pytest.mark.parametrize(
    ("shares", "batch", "expected"),
    [
        ({"center": 0.5, "left": 0.375, "topleft": 0.125}, 16, [8, 6, 2]),
        ({"center": 0.5, "left": 0.375, "topleft": 0.125}, 3, [1, 1, 1]),
        ({"center": 0.5, "left": 0.375, "topleft": 0.125}, 2, [1, 1, 0]),
        ({"center": 1, "left": 1, "topleft": 1}, 4, [2, 1, 1]),
        ({"center": 0.2, "left": 0.8}, 1, [0, 1]),
    ],
)
def test_shares_of_any_batch_are_whole(
    shares: dict[str, float], batch: int, expected: list[int]
) -> None:
    counts = _siting_counts(shares, batch)
    assert [counts.get(name, 0) for name in shares] == expected
    assert 0 not in counts.values()
    planes, _ = draw(bank(), batch=batch, steps=1, sitings=shares)[0]
    assert len(planes) == batch


def turns(picture: NDArray[Any]) -> dict[bytes, str]:
    """The eight ways to lay a square picture, by their bytes."""
    out = {}
    for name, laid in (("", picture), ("transposed ", picture.swapaxes(0, 1))):
        out[laid.tobytes()] = f"{name}as it is"
        out[laid[::-1].tobytes()] = f"{name}upside down"
        out[laid[:, ::-1].tobytes()] = f"{name}mirrored"
        out[laid[::-1, ::-1].tobytes()] = f"{name}turned round"
    return out


def test_patches_are_flipped_and_turned_every_way() -> None:
    """One cell, taken whole: only how it is laid can differ."""
    cells = bank(count=1, size=8)
    known = turns(cells.ycbcr[0])
    assert len(known) == 8
    drawn = draw(cells, patch=8, batch=8, steps=20)
    found = Counter(known[patch.tobytes()] for pair in drawn for patch in patches(pair))
    assert set(found) == set(known.values())
    # 160 draws: 20 of each on average.
    assert min(found.values()) >= 6
    # Within one batch they differ, too: the choice is a patch's, not a batch's.
    assert len({patch.tobytes() for patch in patches(drawn[0])}) > 2


def test_crops_come_from_all_over_a_cell() -> None:
    rows, columns = np.mgrid[0:24, 0:24].astype(np.uint8)
    cells = Cells(np.stack([rows * 10, columns * 10, rows * 0], axis=-1)[None], 1)
    corners = set()
    for planes, correction in draw(cells, batch=8, steps=30):
        for values, residual in zip(planes, correction, strict=True):
            y = np.rint(values[..., :4] * 255 + 128)
            cb = np.rint(chroma.unpack(values[..., 4:] * 255 + 128 + residual * 48)[..., 0])
            assert y.max() - y.min() == cb.max() - cb.min() == 150
            corners.add((int(y.min()) // 10, int(cb.min()) // 10))
    assert {row for row, _ in corners} == {column for _, column in corners} == set(range(9))


def test_impossible_patches() -> None:
    for patch in (15, 26):
        with pytest.raises(ValueError, match=f"a patch of {patch} must be even and at most"):
            draw(bank(), patch=patch)


def test_fixed_pairs_are_in_order() -> None:
    crops = bank(count=5, size=12).ycbcr
    drawn = [(p.numpy(), c.numpy()) for p, c in fixed(crops, "left", chroma.TASK, batch=2)]
    assert [len(p) for p, _ in drawn] == [2, 2, 1]
    expected = [part.numpy() for part in example(crops, "left", chroma.TASK)]
    for index in range(2):
        assert np.array_equal(np.concatenate([pair[index] for pair in drawn]), expected[index])
