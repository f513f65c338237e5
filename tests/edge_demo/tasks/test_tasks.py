"""The chroma task's record and its four functions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo import tasks
from edge_demo.colour.siting import (
    BASELINES,
    SITINGS,
    downsample,
    downsample_blocks,
    spread_blocks,
    upsample,
)
from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8
from edge_demo.errors import UserError
from edge_demo.model.interpreter import quantise
from edge_demo.tasks import chroma

# What is not held to what low chroma allows.
FREE = chroma.Bound(reach=1e3, idle=-1.0, noise=0.0)


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> NDArray[np.uint8]:
    """A picture whose correction stays far from its clip."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [128 + 60 * np.sin(rows / a + columns / b) for a, b in ((5, 9), (7, 4), (6, 8))]
    return np.stack(waves, axis=-1).astype(np.uint8)


def test_tasks_are_found_by_name() -> None:
    for name in tasks.NAMES:
        assert tasks.load(name).TASK.name == name
        assert tasks.load(name).TASK.reference in tasks.load(name).TASK.baselines
    with pytest.raises(UserError, match=r"'chrom'.*known: chroma"):
        tasks.load("chrom")


def test_the_record_is_the_contract() -> None:
    """Whoever changes one of these changes what every shipped file means: raise the contract."""
    task = chroma.TASK
    (source,), (result,) = task.inputs, task.outputs
    assert (task.contract, task.size_multiple, task.baselines) == (1, 2, BASELINES)
    assert (source.name, source.channels, source.downscale) == ("planes", 12, 2)
    assert (source.scale, source.zero) == (255, 128)
    assert (source.low, source.high) == (-128 / 255, 127 / 255)
    assert (result.name, result.channels, result.downscale) == ("correction", 8, 2)
    assert (result.scale, result.zero, result.low, result.high) == (48, 0, -1, 1)


def test_blocks_run_left_to_right_then_down_positions_before_channels() -> None:
    plane = np.arange(2 * 4 * 2).reshape(2, 4, 2)
    blocks = chroma.pack(plane)
    assert blocks.shape == (1, 2, 8)
    top, bottom = plane[0], plane[1]
    assert blocks[0, 0].tolist() == [*top[0], *top[1], *bottom[0], *bottom[1]]
    assert blocks[0, 1].tolist() == [*top[2], *top[3], *bottom[2], *bottom[3]]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_unpack_undoes_pack(channels: int) -> None:
    plane = np.random.default_rng(0).normal(size=(6, 10, channels))
    blocks = chroma.pack(plane)
    assert blocks.shape == (3, 5, 4 * channels)
    assert np.array_equal(chroma.unpack(blocks), plane)


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (8, 5), (6, 6)])
def test_degrade_keeps_luma_and_halves_chroma(size: tuple[int, int], siting: str) -> None:
    rgb = picture(*size)
    ycbcr = round_to_uint8(rgb_to_ycbcr(rgb))
    planes = chroma.degrade(rgb, siting)
    assert planes.y.dtype == planes.cbcr.dtype == np.uint8
    assert np.array_equal(planes.y, ycbcr[..., 0])
    assert np.array_equal(planes.cbcr, round_to_uint8(downsample(ycbcr[..., 1:], siting)))
    assert planes.siting == siting and planes.size == size
    assert np.array_equal(chroma.target(rgb), ycbcr[..., 1:])


@pytest.mark.parametrize("siting", SITINGS)
def test_encode_gives_whole_codes_in_order(siting: str) -> None:
    planes = chroma.degrade(picture(6, 8), siting)
    values = chroma.TASK.encode(planes)["planes"]
    assert values.shape == (3, 4, 12) and values.dtype == np.float32
    codes = quantise(values, 1 / 255, 0, np.int8)
    # Nothing is lost in an 8-bit input, and the codes are those of the planes less 128.
    assert np.abs(codes / 255 - values).max() < 1e-7
    whole = codes.astype(int) + 128
    assert np.array_equal(chroma.unpack(whole[..., :4])[..., 0], planes.y)
    base = np.rint(upsample(planes.cbcr, planes.size, siting, "bilinear"))
    assert np.array_equal(chroma.unpack(whole[..., 4:]), base)


def test_the_whole_range_of_codes_is_used() -> None:
    y = np.array([[0, 255], [255, 0]], np.uint8)
    values = chroma.TASK.encode(chroma.Planes(y, np.array([[[0, 255]]], np.uint8)))["planes"]
    low, high = chroma.TASK.inputs[0].low, chroma.TASK.inputs[0].high
    assert (values.min(), values.max()) == pytest.approx((low, high), abs=1e-7)


def test_odd_tiles_are_a_programming_error() -> None:
    for size in ((5, 6), (6, 5)):
        with pytest.raises(ValueError, match="even size"):
            chroma.TASK.encode(chroma.degrade(picture(*size)))


@pytest.mark.parametrize("siting", SITINGS)
def test_the_true_correction_decodes_to_the_truth(siting: str) -> None:
    rgb = smooth(24, 30)
    planes = chroma.degrade(rgb, siting)
    truth = chroma.target(rgb).astype(np.float32)
    base = upsample(planes.cbcr, planes.size, siting, "bilinear")
    correction = chroma.pack((truth - base) / chroma.TASK.outputs[0].scale)
    assert 0.05 < np.abs(correction).max() < 1
    whole = chroma.TASK.correction({"correction": correction}, planes)
    decoded = chroma.TASK.corrected(whole, planes, FREE)
    assert decoded.dtype == np.float32
    assert np.array_equal(round_to_uint8(decoded), chroma.target(rgb))


@pytest.mark.parametrize("siting", SITINGS)
def test_no_correction_is_bilinear_moved_towards_its_own_chroma(siting: str) -> None:
    planes = chroma.degrade(picture(16, 16), siting)
    nothing = np.zeros((8, 8, 8), np.float32)
    bilinear = upsample(planes.cbcr, (16, 16), siting, "bilinear")
    found = chroma.TASK.corrected(nothing, planes, FREE)
    before = np.abs(downsample(bilinear, siting) - planes.cbcr)
    after = np.abs(downsample(found, siting) - planes.cbcr)
    assert before.mean() > 1
    assert after.mean() < 0.9 * before.mean()
    if siting == "center":  # there, half the way is exactly that
        assert np.allclose(after, before / 2, atol=1e-3)
    missed = np.float32(0.5) * (planes.cbcr - downsample(bilinear, siting))
    assert np.allclose(found, bilinear + chroma.unpack(spread_blocks(missed, siting)), atol=1e-3)


@pytest.mark.parametrize("shape", [(2, 3, 2), (3, 2, 2), (3, 3, 3), (3, 3, 1)])
def test_planes_that_do_not_belong_together(shape: tuple[int, ...]) -> None:
    y = np.zeros((5, 6), np.uint8)
    chroma.Planes(y, np.zeros((3, 3, 2), np.uint8))
    with pytest.raises(UserError, match=r"luma of 5x6; expected \(3, 3, 2\)"):
        chroma.Planes(y, np.zeros(shape, np.uint8))


def test_planes_of_an_unknown_siting() -> None:
    with pytest.raises(UserError, match="'right'"):
        chroma.Planes(np.zeros((2, 2), np.uint8), np.zeros((1, 1, 2), np.uint8), "right")


@pytest.mark.parametrize("siting", SITINGS)
def test_blocks_are_brought_to_420_as_pictures_are(siting: str) -> None:
    """To the last bit: a frame goes by blocks, a picture by rows."""
    picture = np.random.default_rng(5).normal(128, 40, (14, 22, 2)).astype(np.float32)
    found = downsample_blocks(chroma.pack(picture), siting)
    assert np.array_equal(found, downsample(picture, siting))
