"""Hints: their places have their colours, and what is like them takes its share."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour import guided
from edge_demo.device import hint_paths
from edge_demo.device.hint_paths import Edges
from edge_demo.device.hinting import (
    WIDE,
    Apart,
    Field,
    Prior,
    Reach,
    close_to,
    described,
    finer,
    kinds,
    obey,
    spreading,
)
from edge_demo.tasks.colorize import Hint

SIDE = 32


@pytest.fixture(scope="module")
def halves() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A network's ab, none; and lightness, dark on the left."""
    lightness = np.repeat(np.where(np.arange(SIDE) < SIDE // 2, 20.0, 80.0)[None], SIDE, 0)
    return np.zeros((SIDE, SIDE, 2), np.float32), lightness.astype(np.float32)


def obeyed(halves: tuple[NDArray, NDArray], hints: list[Hint], wide: bool = True) -> NDArray:
    """On a grid twice as fine as the network's."""
    ab, coarse = halves
    fine = np.repeat(np.repeat(coarse, 4, 0), 4, 1)
    plain = finer(ab, coarse, fine, 1, 10.0, None)
    return obey(plain, fine, hints, radius=1, eps=10.0, wide=WIDE if wide else None)


def test_a_place_is_described_as_its_cell_is() -> None:
    lightness = np.random.default_rng(0).uniform(0, 100, (SIDE, SIDE)).astype(np.float32)
    # The middle of a cell, between two cells, and beyond the last cell's middle.
    places = [(10.5, 3.5), (10.5, 4.0), (31.9, 31.9)]
    hints = [Hint(row / SIDE, column / SIDE, (0.0, 0.0)) for row, column in places]
    known, at = described(lightness, hints)
    assert known.shape == (SIDE, SIDE, 3)
    assert np.allclose(at[0], known[10, 3], atol=1e-4)
    # OpenCV interpolates in steps of a 32nd.
    assert np.allclose(at[1], (known[10, 3] + known[10, 4]) / 2, atol=1e-3)
    assert np.allclose(at[2], known[31, 31], atol=1e-4)


@pytest.fixture
def known() -> NDArray[np.float32]:
    """What is known of the cells of a small grid."""
    return np.random.default_rng(1).normal(size=(6, 7, 3)).astype(np.float32)


HINTED = [0, 2, 5], [1, 3, 6]  # cells of it
MISSED = np.array([(3.0, -1.0), (0.5, 2.0), (-2.0, 1.0)], np.float32)
BROAD, NARROW = Reach(1.0, 2.0, 0.5), Reach(0.3, 0.3, 0.3)


def kernel(parts: tuple[tuple[float, Reach], ...], first: NDArray, second: NDArray) -> NDArray:
    """Sums of Gaussians, written out."""
    lengths = [(share, np.array([r.down, r.across, r.lightness])) for share, r in parts]
    return np.array(
        [
            [
                sum(s * np.exp(-np.square((a - b) / at).sum() / 2) for s, at in lengths)
                for b in second
            ]
            for a in first
        ]
    )


def test_spreading_is_regression_by_a_gaussian_process(known: NDArray[np.float32]) -> None:
    """Against the formula, written out: k(x, X) (k(X, X) + doubt)^-1 y."""
    at, flat = known[HINTED], known.reshape(-1, 3)
    parts = ((0.6, BROAD), (0.4, NARROW))
    inner = kernel(parts, at, at) + 0.2 * np.eye(3)
    expected = (kernel(parts, flat, at) @ np.linalg.solve(inner, MISSED)).reshape(6, 7, 2)
    # It is one process, however its parts are divided.
    for own, common in ((parts, ()), (parts[:1], parts[1:])):
        prior = Prior(own, 0.2, common)
        assert np.allclose(spreading(known, at, prior)(MISSED), expected, atol=1e-5)


def test_no_more_than_a_bound_is_laid_to_a_kind(known: NDArray[np.float32]) -> None:
    """The rest of what is missed is for a thing's own part to make up."""
    at, flat = known[HINTED], known.reshape(-1, 3)
    own, common = ((0.6, NARROW),), ((0.4, BROAD),)
    prior = Prior(own, 0.2, common, most=2.0)
    bounded = MISSED * np.array([2 / np.hypot(3, 1), 2 / np.hypot(0.5, 2), 2 / np.hypot(2, 1)])[
        :, None
    ].astype(np.float32)
    doubt = 0.2 * np.eye(3)
    of_kind = np.linalg.solve(kernel(own + common, at, at) + doubt, bounded)
    rest = MISSED - kernel(common, at, at) @ of_kind
    of_thing = np.linalg.solve(kernel(own, at, at) + doubt, rest)
    expected = kernel(common, flat, at) @ of_kind + kernel(own, flat, at) @ of_thing
    found = spreading(known, at, prior)
    assert np.allclose(found(MISSED), expected.reshape(6, 7, 2), atol=1e-5)
    # What is missed below the bound is taken as it is.
    little = np.float32(0.5) * MISSED
    free = spreading(known, at, replace(prior, most=np.inf))
    assert np.allclose(found(little), free(little), atol=1e-6)
    assert np.abs(found(MISSED) - free(MISSED)).max() > 0.05


@pytest.mark.parametrize("by", ["path", "kind"])
def test_what_is_far_apart_takes_no_share(known: NDArray[np.float32], by: str) -> None:
    at = known[HINTED]
    prior = Prior(((0.6, BROAD), (0.4, NARROW)), 0.2)
    expected = spreading(known, at, prior)(MISSED)
    near = replace(prior, own=tuple((s, replace(reach, **{by: 1.0})) for s, reach in prior.own))
    # No distance changes nothing, and a long one leaves a place none of any hint.
    apart = Apart(np.zeros((3, 42), np.float32), np.zeros((3, 3), np.float32))
    given = {"way" if by == "path" else "kind": apart}
    assert np.allclose(spreading(known, at, near, **given)(MISSED), expected, atol=1e-5)
    apart.cells[:, 5] = 20.0
    assert np.allclose(spreading(known, at, near, **given)(MISSED)[0, 5], 0.0, atol=1e-6)
    assert np.allclose(spreading(known, at, prior, **given)(MISSED), expected, atol=1e-6)


def chances_of(kind: NDArray) -> NDArray[np.float32]:
    """Of places (h, w) of kinds 0, 1, ..: each kind has two bins of its own and one of the next."""
    found = np.zeros((*kind.shape, 313), np.float32)
    for number in np.unique(kind):
        found[kind == number, 20 * number : 20 * number + 2] += 0.4
        found[kind == number, 20 * number + 20] += 0.2
    return found / found.sum(-1, keepdims=True)


def test_kinds_differ_by_the_chances_of_their_colours() -> None:
    kind = np.repeat([[0] * 8 + [1] * 8 + [2] * 8], 24, 0)
    lightness = np.full((48, 48), 50.0, np.float32)
    plain = Field(lightness, np.zeros((48, 48, 2), np.float32), chances_of(kind))
    hints = [Hint(0.5, 0.1, (0.0, 0.0)), Hint(0.5, 0.5, (0.0, 0.0)), Hint(0.9, 0.2, (0.0, 0.0))]
    found = kinds(plain, hints)
    assert found is not None
    shared = np.sqrt(1 - np.sqrt(0.4 * 0.2))  # what two kinds that follow each other are apart
    expected = np.array([[0, shared, 0], [shared, 0, shared], [0, shared, 0]])
    # A root is steep at 0, and float32 adds up to 1 but for 1e-6.
    assert np.allclose(found.hints, expected, atol=3e-3)
    of_first = found.cells[0].reshape(48, 48)
    assert of_first[:, :14].max() < 3e-3
    assert np.allclose(of_first[:, 18:30], shared, atol=3e-3)
    assert of_first[:, 34:].min() > 0.999
    assert kinds(replace(plain, chances=None), hints) is None


def test_what_is_of_a_kind_takes_its_share_whatever_lies_between() -> None:
    """Two patches of a kind with another between them: their like is corrected, that is not."""
    kind = np.repeat([[0] * 10 + [1] * 12 + [0] * 10], 32, 0)
    lightness = np.where(kind == 0, 50.0, 75.0).astype(np.float32)
    fine = np.repeat(np.repeat(lightness, 4, 0), 4, 1)
    none = np.zeros((SIDE, SIDE, 2), np.float32)
    red = [Hint(0.5, 0.1, (20.0, 0.0))]

    def beyond(chances: NDArray[np.float32]) -> tuple[float, float]:
        plain = finer(none, lightness, fine, 1, 10.0, chances)
        found = obey(plain, fine, red, radius=1, eps=10.0, wide=WIDE)[32, :, 0]
        return float(found[58]), float(found[32])

    there, between = beyond(chances_of(kind))
    assert there > 4.0 and abs(between) < 1.0
    # It is their chances of colours that tell: of a third kind, it is left as it was.
    assert abs(beyond(chances_of(np.where(np.arange(SIDE) > 21, 2, kind)))[0]) < 0.5


@pytest.mark.parametrize("wide", [True, False])
def test_places_have_their_colours(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]], wide: bool
) -> None:
    hints = [Hint(0.3, 0.2, (30.0, -10.0)), Hint(0.8, 0.9, (-40.0, 20.0))]
    found = obeyed(halves, hints, wide)
    fine = np.repeat(np.repeat(halves[1], 4, 0), 4, 1)
    half = np.ascontiguousarray(fine[::2, ::2, None])
    large = guided.upsample(half, found, fine[..., None], 1, 10.0, 0.0)
    for hint in hints:
        pixel = large[int(hint.row * 4 * SIDE), int(hint.column * 4 * SIDE)]
        assert np.abs(pixel - hint.ab).max() < 1.0


def test_what_is_alike_takes_its_share(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    red = [Hint(0.5, 0.1, (40.0, 0.0))]
    found = obeyed(halves, red)[..., 0]
    # As dark and far away, or lighter and near: the first is the same thing.
    assert found[56, 6] > 20 > 2 > abs(found[32, 34])
    # Only its place, where the network has carried it over the picture itself.
    alone = obeyed(halves, red, wide=False)[..., 0]
    assert abs(alone[56, 6]) < 0.5 < abs(alone[32, 6])


def test_hints_at_one_place_are_met_in_the_middle(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    hints = [Hint(0.5, 0.2, (40.0, 0.0)), Hint(0.5, 0.2, (-20.0, 0.0))]
    assert abs(obeyed(halves, hints)[32, 12, 0] - 10.0) < 2.0


def test_a_thousand_hints_are_taken(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    places = np.random.default_rng(0).random((1000, 2))
    hints = [Hint(float(row), float(column), (20.0, 10.0)) for row, column in places]
    assert np.abs(obeyed(halves, hints) - (20.0, 10.0)).max() < 1.0


def test_shares_of_the_variance_sum_to_one() -> None:
    for prior in (WIDE.prior, close_to(56, 56)):
        assert sum(share for share, _ in prior.own + prior.common) == pytest.approx(1.0)
        assert prior.doubt > 0


def test_ways_are_the_shortest() -> None:
    """Against Dijkstra's algorithm, in mazes of random steps."""
    rng = np.random.default_rng(3)
    right, down = (rng.uniform(0.05, 1.0, shape).astype(np.float32) for shape in ((9, 11), (8, 12)))
    starts = [(0, 0), (4, 7), (8, 11)]
    found = hint_paths.lengths(right, down, starts)
    for costs, start in zip(found, starts, strict=True):
        assert np.allclose(costs, dijkstra(right, down, start), atol=1e-4)


def dijkstra(right: NDArray, down: NDArray, start: tuple[int, int]) -> NDArray:
    height, width = len(right), down.shape[1]
    done: dict[tuple[int, int], float] = {}
    waiting = [(0.0, start)]
    while waiting:
        cost, place = heapq.heappop(waiting)
        if place in done:
            continue
        done[place] = cost
        row, column = place
        if column + 1 < width:
            heapq.heappush(waiting, (cost + right[row, column], (row, column + 1)))
        if column:
            heapq.heappush(waiting, (cost + right[row, column - 1], (row, column - 1)))
        if row + 1 < height:
            heapq.heappush(waiting, (cost + down[row, column], (row + 1, column)))
        if row:
            heapq.heappush(waiting, (cost + down[row - 1, column], (row - 1, column)))
    return np.array([[done[row, column] for column in range(width)] for row in range(height)])


def test_a_way_around_a_wall_is_found() -> None:
    """A wall with a gap at its end is gone around; one without is crossed at its full cost."""
    lightness = np.full((24, 24), 50.0, np.float32)
    lightness[4:, 10:13] = 90.0
    edges = Edges(lightness=8.0, colour=15.0, grain=1.5)
    none = np.zeros((24, 24, 2), np.float32)
    around = hint_paths.lengths(*hint_paths.steps(lightness, none, edges), [(20, 2)])[0]
    assert around[20, 20] < 0.5
    lightness[:4, 10:13] = 90.0
    across = hint_paths.lengths(*hint_paths.steps(lightness, none, edges), [(20, 2)])[0]
    assert across[20, 20] > 5.0 and across[3, 5] < 0.5


def test_shading_and_grain_are_no_border() -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(30, 70, 64, dtype=np.float32)[None].repeat(64, 0)
    lightness = (ramp + rng.normal(0, 1.0, (64, 64))).astype(np.float32)
    edges = Edges(lightness=8.0, colour=15.0, grain=1.5)
    none = np.zeros((64, 64, 2), np.float32)
    found = hint_paths.lengths(*hint_paths.steps(lightness, none, edges), [(32, 2)])[0]
    assert found[32, 61] < 0.5
