"""Tiles give, bit for bit, what one graph over the whole picture gives."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.siting import SITINGS
from edge_demo.device.chroma import Chroma
from edge_demo.model.tiling import even_parts, tiles, window
from edge_demo.tasks import chroma

RADIUS = 2
# Two cells of the network's and one of bilinear upsampling, of two pixels each.
HALO = 2 * RADIUS + 2
SIZES = [(1, 1), (1, 2), (2, 1), (1, 60), (60, 1), (3, 5), (11, 12), (20, 20), (21, 19), (40, 40),
         (41, 39), (33, 90), (64, 47)]  # fmt: skip


class Network:
    """A stand-in for a graph: a wide, steep and exact filter, zeros beyond its tile's edge.

    Whole numbers throughout, so that equal inputs give equal bits wherever they lie in a tile.
    """

    takes_codes = False

    def __init__(self, tile: int, halo: int = HALO, fixed: bool = False) -> None:
        self.tile, self.halo, self.fixed = tile, halo, fixed
        self.sizes: set[tuple[int, int]] = set()

    def fit(self, height: int, width: int) -> tuple[int, int]:
        return (self.tile, self.tile) if self.fixed else (height, width)

    def run(self, values: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        codes = np.rint(values["planes"] * 255).astype(np.int64)
        h, w = codes.shape[:2]
        self.sizes.add((2 * h, 2 * w))
        padded = np.pad(codes, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
        total = np.zeros((h, w, 12), np.int64)
        reach = range(2 * RADIUS + 1)
        for dy in reach:
            for dx in reach:
                total += (3 * dy + 5 * dx + 1) * padded[dy : dy + h, dx : dx + w]
        mixed = total[..., :8] + 7 * total[..., 4:]
        return {"correction": ((mixed % 256) / 256 - 0.5).astype(np.float32)}


def restorer(network: Network) -> Chroma:
    return Chroma(chroma.TASK, network, "network")


def reconstruct(planes: chroma.Planes, network: Network) -> NDArray[np.uint8]:
    return restorer(network).reconstruct(planes)


def picture(height: int, width: int, siting: str = "center") -> chroma.Planes:
    rng = np.random.default_rng(height * 1000 + width)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return chroma.degrade(rgb, siting)


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_tiles_equal_the_whole(size: tuple[int, int], fixed: bool) -> None:
    planes = picture(*size)
    whole = reconstruct(planes, Network(512))
    assert whole.shape == (*size, 2) and whole.dtype == np.uint8
    network = Network(32, fixed=fixed)
    assert np.array_equal(reconstruct(planes, network), whole)
    assert all(max(tile) <= 32 for tile in network.sizes)
    assert not fixed or network.sizes == {(32, 32)}


@pytest.mark.parametrize("siting", SITINGS)
def test_tiles_equal_the_whole_at_every_siting(siting: str) -> None:
    planes = picture(45, 50, siting)
    # A cell more than at the centre: agreement with samples that lie on pixels looks at neighbours.
    halo = HALO + 2
    whole = reconstruct(planes, Network(512, halo))
    assert np.array_equal(reconstruct(planes, Network(28, halo)), whole)
    others = [picture(45, 50, other) for other in SITINGS if other != siting]
    assert not any(np.array_equal(reconstruct(p, Network(512, halo)), whole) for p in others)


def test_a_cell_less_would_show_where_samples_lie_on_pixels() -> None:
    planes = picture(45, 50, "left")
    whole = reconstruct(planes, Network(512, HALO + 2))
    assert not np.array_equal(reconstruct(planes, Network(24, HALO)), whole)


def test_a_smaller_halo_would_show() -> None:
    """The comparison above has teeth: two pixels less, and seams appear."""
    planes = picture(60, 60)
    whole = reconstruct(planes, Network(512))
    seams = reconstruct(planes, Network(32, halo=HALO - 2)) != whole
    assert seams.any()
    # Only near the seams, though: the first tile keeps rows 0 to 19 and its inside is right.
    assert not seams[:16, :16].any()


def test_the_result_is_the_corrected_bilinear() -> None:
    planes = picture(14, 18)
    network = Network(512)
    bordered = window(planes.y, -HALO, -HALO, 14 + 2 * HALO, 18 + 2 * HALO)
    half = HALO // 2
    low = window(planes.cbcr, -half, -half, 7 + HALO, 9 + HALO)
    piece = chroma.Planes(bordered, low)
    decoded = chroma.TASK.decode(network.run(chroma.TASK.encode(piece)), piece)[
        HALO:-HALO, HALO:-HALO
    ]
    assert np.array_equal(reconstruct(planes, network), chroma.rounded(decoded))


def test_progress_counts_every_tile() -> None:
    seen: list[tuple[int, int]] = []
    restorer(Network(32)).reconstruct(
        picture(45, 30), lambda done, total: seen.append((done, total))
    )
    assert seen == [(i, 6) for i in range(1, 7)]  # 20 pixels of 32 are kept: 3 rows of 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tile", [(16, 16), (16, 40), (64, 14)])
def test_tiles_cover_every_pixel_once(size: tuple[int, int], tile: tuple[int, int]) -> None:
    covered = np.zeros(size, int)
    for part in tiles(size, tile, HALO):
        top, bottom, left, right = part.keep
        covered[top:bottom, left:right] += 1
        assert part.top == top - HALO and bottom <= part.top + tile[0] - HALO
        assert part.left == left - HALO and right <= part.left + tile[1] - HALO
        assert part.top % 2 == part.left % 2 == 0
    assert (covered == 1).all()


@pytest.mark.parametrize(
    ("tile", "halo"), [((12, 12), 6), ((31, 32), 6), ((32, 31), 6), ((32, 32), 5)]
)
def test_impossible_tilings(tile: tuple[int, int], halo: int) -> None:
    with pytest.raises(ValueError, match="no tiling"):
        list(tiles((50, 50), tile, halo))


@pytest.mark.parametrize(
    ("length", "tile", "halo", "expected"),
    [(1, 32, 6, 14), (2, 32, 6, 14), (20, 32, 6, 32), (21, 32, 6, 24), (40, 32, 6, 32),
     (41, 32, 6, 26), (488, 512, 12, 512), (489, 512, 12, 270)],
)  # fmt: skip
def test_even_parts_by_hand(length: int, tile: int, halo: int, expected: int) -> None:
    assert even_parts(length, tile, halo) == expected


def test_even_parts_waste_little_and_never_exceed_the_tile() -> None:
    for length in range(1, 400):
        side = even_parts(length, 64, 10)
        parts = -(-length // (side - 20))
        assert side % 2 == 0 and side <= 64
        assert parts == -(-length // 44)
        assert parts * (side - 20) - length < 2 * parts


def test_a_window_repeats_the_edge() -> None:
    plane = np.arange(12).reshape(3, 4).astype(np.uint8)
    for top, left, height, width in [(0, 0, 3, 4), (1, 2, 2, 2), (-2, -1, 8, 7), (2, 3, 4, 4)]:
        rows = np.clip(range(top, top + height), 0, 2)
        columns = np.clip(range(left, left + width), 0, 3)
        expected = plane[np.ix_(rows, columns)]
        assert np.array_equal(window(plane, top, left, height, width), expected)
        both = window(np.dstack([plane, plane + 50]), top, left, height, width)
        assert np.array_equal(both, np.dstack([expected, expected + 50]))


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("size", SIZES)
def test_corrections_apart_from_their_picture_give_the_same(
    size: tuple[int, int], siting: str
) -> None:
    planes, network = picture(*size, siting), Network(32)
    found = restorer(network).blocks(planes)
    assert np.array_equal(found, restorer(Network(512)).blocks(planes))
    # At the borders a tile also has a correction of what lies beyond: the edge once more, which
    # the last step of decoding looks at.
    inner = np.s_[4 : size[0] - 4, 4 : size[1] - 4]
    wanted = reconstruct(planes, Network(512))[inner]
    even = chroma.TASK.corrected(found, planes)
    assert np.array_equal(chroma.rounded(even)[inner], wanted)
    alone = restorer(network)
    cut = alone.corrected(planes, alone.correction(planes))
    assert cut.shape == (*size, 2) and np.array_equal(chroma.rounded(cut)[inner], wanted)
