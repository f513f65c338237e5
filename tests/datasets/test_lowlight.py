"""Low-light batches: the twins of the numpy functions, and what a step draws."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from datasets import lowlight as twin
from edge_demo.tasks import enhance, lowlight

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


def dark(natural: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    return enhance.degrade(natural, seed)


def parts(
    natural: NDArray[np.uint8], pairs: int = 2, photographs: int = 2, share: float = 0.5
) -> list[twin.Part]:
    """Of pairs and of photographs, where there are any; the second's share of a batch."""
    made = [
        twin.cut_pairs(
            [(dark(natural, seed), natural) for seed in range(pairs)], size=48, share=1 - share
        ),
        cut([np.roll(natural, 9 * i, 1) for i in range(photographs)], share),
    ]
    return [part for part in made if len(part.cells)]


def cut(photographs: list[NDArray[np.uint8]], share: float, limit: int = 2**20) -> twin.Part:
    count = len(photographs)
    return twin.cut_photographs(
        photographs, size=48, share=share, limit_bytes=limit, count=count, seed=0
    )


def draw(cells: list[twin.Part], **changes: Any) -> list[Pair]:
    options = {"patch": 32, "batch": 4, "start": 0, "stop": 3, "seed": 5}
    return [(a.numpy(), b.numpy()) for a, b in twin.batches(cells, **(options | changes))]


def same(a: list[Pair], b: list[Pair]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x, y)
        for one, two in zip(a, b, strict=True)
        for x, y in zip(one, two, strict=True)
    )


def test_encode_is_the_devices(natural: NDArray[np.uint8]) -> None:
    low = dark(natural)
    ours = twin.encode(low[None])[0].numpy()
    theirs = enhance.encode(low)["picture"]
    # pow may round the other way where a code lies between two.
    assert np.abs(ours - theirs).max() <= 1.01 / 255
    assert (np.abs(ours - theirs) > 1e-6).mean() < 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_darken_is_the_runtimes(natural: NDArray[np.uint8], seed: int) -> None:
    rng = np.random.default_rng(seed)
    camera = lowlight.draw(rng)
    noise = rng.standard_normal(natural.shape, np.float32)
    values = list(dataclasses.astuple(camera))
    ours = twin.darken(natural[None], np.float32([values]), noise[None])[0].numpy()
    theirs = lowlight.darken(natural, camera, noise).astype(np.float32)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 1e-3


def test_cameras_are_drawn_from_the_stated_ranges() -> None:
    found = np.concatenate([twin.draw_cameras(64, 1, step).numpy() for step in range(20)])
    limits = (lowlight.EXPOSURE, lowlight.WHITE_BALANCE, lowlight.WHITE_BALANCE,
              lowlight.SHOT, lowlight.READ, lowlight.PEDESTAL, lowlight.PURPLE)  # fmt: skip
    for index, (low, high) in enumerate(limits):
        values = found[:, index]
        assert low * 0.999 <= values.min() and values.max() <= high * 1.001
        assert values.min() < low + 0.05 * (high - low) and values.max() > high - 0.1 * (high - low)
    # Half of the exposures below the geometric mean: the scale is logarithmic.
    middle = np.sqrt(np.prod(lowlight.EXPOSURE))
    assert 0.45 < (found[:, 0] < middle).mean() < 0.55


def test_shapes_shares_and_values(natural: NDArray[np.uint8]) -> None:
    for picture, truth in draw(parts(natural)):
        assert picture.shape == (4, 32, 32, 6) and truth.shape == (4, 32, 32, 3)
        assert picture.min() >= 0 and picture.max() <= 1 and truth.max() <= 1
        # Each is darker than its truth, and its lift lies above it.
        assert (picture[..., :3].mean((1, 2, 3)) < truth.mean((1, 2, 3))).all()
        assert (picture[..., 3:] >= picture[..., :3] - 1e-6).all()


def test_kinds_that_are_missing_leave_the_batch_to_the_other(natural: NDArray[np.uint8]) -> None:
    for pairs, photographs in ((2, 0), (0, 2)):
        drawn = draw(parts(natural, pairs, photographs))
        assert {p.shape[0] for p, _ in drawn} == {4}
    real = draw(parts(natural, 2, 2, share=0.0))
    assert same(real, draw(parts(natural, 2, 0)))


def test_a_resumed_run_sees_what_it_would_have_seen(natural: NDArray[np.uint8]) -> None:
    whole = draw(parts(natural), stop=4)
    assert same(whole[2:], draw(parts(natural), start=2, stop=4))
    assert not same(whole, draw(parts(natural), stop=4, seed=6))
    assert not same(whole[:1], whole[1:2])


def test_photographs_are_darkened_anew_at_each_step(natural: NDArray[np.uint8]) -> None:
    drawn = draw(parts(natural, 0, 1), stop=8, batch=2)
    means = {round(float(p[..., :3].mean()), 4) for p, _ in drawn}
    assert len(means) == 8


def test_without_truth_the_goal_is_the_low_picture(natural: NDArray[np.uint8]) -> None:
    for picture, goal in draw(parts(natural), without_truth=True):
        np.testing.assert_array_equal(picture[..., :3], goal)


def test_a_patch_must_fit_the_networks() -> None:
    with pytest.raises(ValueError, match="multiple of"):
        twin.batches([], patch=33, batch=1, start=0, stop=1, seed=0)


def test_cells_of_photographs_stay_below_the_limit(natural: NDArray[np.uint8]) -> None:
    made = cut([natural, natural], 1.0, limit=4 * 48 * 48 * 3)
    assert len(made.cells) == 4
    assert len(made.wholes) == 2 and made.owners.numpy().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("shares", "batch", "expected"),
    [
        ((3, 2, 1, 1, 1), 8, [3, 2, 1, 1, 1]),
        ((1, 1), 3, [2, 1]),
        ((0.7, 0.3), 2, [1, 1]),
        ((1.0, 0.0), 2, [2, 0]),
        # By proportions alone, 16 crops have no place for three parts of 0.52 crops each.
        ((2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 4, 5, 2, 4, 2), 16, [1] * 11 + [2] + [1] * 3),
        ((6, 1, 1), 4, [2, 1, 1]),
    ],
)
def test_each_part_gives_crops_in_proportion_and_one_at_least(
    shares: tuple[float, ...], batch: int, expected: list[int]
) -> None:
    assert twin.counts(shares, batch) == expected


def test_a_crop_comes_with_the_thumbnail_of_its_own_picture(natural: NDArray[np.uint8]) -> None:
    """Of pictures that are each of one grey, crop and thumbnail are of the same grey."""
    greys = [np.full((96, 128, 3), value, np.uint8) for value in range(10, 90, 8)]
    made = twin.cut_pairs([(grey, grey * 2) for grey in greys], size=48, share=1.0)
    data = twin.batches(
        [made], patch=32, batch=4, start=0, stop=6, seed=1, varied=0.5, with_thumbnail=True
    )
    seen = set()
    for (picture, thumbnail), _ in data:
        assert thumbnail.shape == (4, 64, 96, 6)
        assert np.abs(picture.numpy().mean((1, 2)) - thumbnail.numpy().mean((1, 2))).max() < 1e-3
        seen |= set(picture.numpy()[:, 0, 0, 1].tolist())
    assert len(seen) > 8
    # And of photographs, the crop and the whole are taken by one camera.
    (((picture, thumbnail), _),) = twin.batches(
        [cut(greys, 1.0)], patch=32, batch=8, start=0, stop=1, seed=1, with_thumbnail=True
    )
    means = picture.numpy().mean((1, 2)), thumbnail.numpy().mean((1, 2))
    assert np.abs(means[0] - means[1]).max() < 0.02 and np.ptp(means[0][:, 4]) > 0.1


def test_a_reframed_picture_is_a_part_of_it_mirrored_by_chance() -> None:
    """The pixels are its own, in their order; at every step others."""
    height, width = 192, 288
    number = np.arange(height * width, dtype=np.int32).reshape(1, height, width, 1)
    wholes = tf.constant(np.repeat(number, 200, 0))
    found = twin.framed(wholes, 3, tf.constant(5, tf.int64), 0.8).numpy()[..., 0]
    rows, columns = np.divmod(found, width)
    assert (rows == rows[:, :, :1]).all() and (columns == columns[:, :1]).all()
    down, across = np.diff(rows[:, :, 0]), np.diff(columns[:, 0])
    assert (down >= 0).all() and ((across >= 0).all(1) | (across <= 0).all(1)).all()
    same = (found == number[0, ..., 0]).all((1, 2))
    assert 0.1 < same.mean() < 0.3
    mirrored = (across <= 0).all(1)
    assert 0.3 < mirrored.mean() < 0.5 and not (mirrored & same).any()
    for places, length in ((rows[:, :, 0], height), (columns[:, 0], width)):
        kept = (np.ptp(places[~same], axis=1) + 1) / length
        assert kept.min() >= 0.49 and kept.max() > 0.95 and kept.std() > 0.1
        assert places[~same].min() == 0 and places[~same].max() == length - 1
    again = twin.framed(wholes, 3, tf.constant(5, tf.int64), 0.8).numpy()[..., 0]
    later = twin.framed(wholes, 3, tf.constant(6, tf.int64), 0.8).numpy()[..., 0]
    assert np.array_equal(found, again) and not np.array_equal(found, later)
    assert twin.framed(wholes, 3, tf.constant(5, tf.int64), 0.0) is wholes


def test_thumbnails_are_reframed_and_crops_are_not(natural: NDArray[np.uint8]) -> None:
    made = twin.cut_pairs([(natural // 4, natural)], size=64, share=1.0)
    plain, other = (
        [
            (picture.numpy(), small.numpy())
            for (picture, small), _ in twin.batches(
                [dataclasses.replace(made, reframed=share)], patch=32, batch=4, start=0, stop=2,
                seed=1, with_thumbnail=True,
            )
        ]
        for share in (0.0, 1.0)
    )  # fmt: skip
    for (crop, small), (same, reframed) in zip(plain, other, strict=True):
        assert np.array_equal(crop, same)
        assert all(np.abs(one - two).max() > 0.05 for one, two in zip(small, reframed, strict=True))


def test_varied_pairs_are_as_bright_as_another_exposure_makes_them() -> None:
    grey = np.full((96, 128, 3), 60, np.uint8)
    made = twin.cut_pairs([(grey, grey * 2)], size=48, share=1.0)
    drawn = draw([made], varied=0.5, stop=40)
    found = np.rint(np.concatenate([p[:, 0, 0, :3] * 255 for p, _ in drawn]))
    unchanged = (found == 60).all(1)
    assert 0.35 < unchanged.mean() < 0.65
    linear = lowlight.to_linear(found[~unchanged] / 255) / lowlight.to_linear(np.float32(60 / 255))
    assert linear[:, 1].min() > twin.EXPOSURE[0] * 0.97
    assert linear[:, 1].max() < twin.EXPOSURE[1] * 1.03
    red = linear[:, 0] / linear[:, 1]
    assert red.min() > twin.BALANCE[0] * 0.94 and red.max() < twin.BALANCE[1] * 1.06
    assert np.ptp(red) > 0.1


def test_some_low_pictures_are_made_jpegs(natural: NDArray[np.uint8]) -> None:
    plain = draw(parts(natural, 2, 0), stop=20)
    some = draw(parts(natural, 2, 0), stop=20, compressed=0.5)
    changed = [
        bool(np.abs(a - b).max() > 0)
        for one, other in zip(plain, some, strict=True)
        for a, b in zip(one[0], other[0], strict=True)
    ]
    assert 0.3 < np.mean(changed) < 0.7
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(plain, some, strict=True))


def test_the_thumbnail_is_the_networks(natural: NDArray[np.uint8]) -> None:
    """What training is given beside crops, and what the graph makes of the whole picture."""
    from keras_models import enhance_mirnet

    low = dark(cv2.resize(natural, (384, 256)))
    _, ours = twin.inputs(low, 64, with_thumbnail=True)
    theirs = np.asarray(enhance_mirnet.thumbnail(enhance.encode(low)["picture"][None]))[0]
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.mean((0, 1)), theirs.mean((0, 1)), atol=0.002)
    assert np.abs(ours - theirs).mean() < 0.02


def test_fixed_crops_are_centres(natural: NDArray[np.uint8]) -> None:
    low = dark(natural)
    ((picture, truth),) = list(twin.fixed([(low, natural)], 64))
    centre = np.s_[16:80, 32:96]
    np.testing.assert_array_equal(truth[0] * 255, natural[centre])
    np.testing.assert_array_equal(
        picture[0], enhance.encode(np.ascontiguousarray(low[centre]))["picture"]
    )


def test_light_is_smooth_and_dark_in_most_places() -> None:
    step = tf.constant(3, tf.int64)
    crop, whole = (x.numpy() for x in twin.draw_light(64, 0, step, 0.5, [(32, 32), (192, 288)]))
    assert crop.shape == (64, 32, 32, 1) and whole.shape == (64, 192, 288, 1)
    lit = whole.max((1, 2, 3)) > 0
    assert 0.3 < lit.mean() < 0.7
    # A crop is lit where its picture is, and by no more than it, but for how grids are resized.
    np.testing.assert_array_equal(crop.max((1, 2, 3)) > 0, lit)
    assert (crop.max((1, 2, 3)) <= whole.max((1, 2, 3)) + 0.1).all()
    assert whole.min() >= 0 and whole.max() <= 1 and whole[lit].mean() < 0.4
    assert np.abs(np.diff(whole, axis=1)).max() < 0.05


def test_a_place_in_full_light_stays_as_it_is(natural: NDArray[np.uint8]) -> None:
    camera = lowlight.Camera(0.02, 1.0, 1.0, 1e-9, 1e-9, 0.0, 0.0)
    cameras, noise = np.float32([dataclasses.astuple(camera)]), np.zeros((1, *natural.shape))
    light = np.zeros((1, *natural.shape[:2], 1), np.float32)
    light[:, 40:] = 1
    found = twin.darken(natural[None], cameras, np.float32(noise), light)[0].numpy()
    assert np.abs(found[40:] - natural[40:]).max() <= 1
    expected = lowlight.darken(natural, camera, np.float32(noise[0])).astype(np.float32)
    np.testing.assert_allclose(found[:40], expected[:40], atol=1)
