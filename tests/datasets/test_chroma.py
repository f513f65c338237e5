"""TensorFlow's way to training pairs is numpy's: the same codes, the same correction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets import jpeg as graph_jpeg
from datasets.chroma import example
from edge_demo.colour.siting import SITINGS, upsample
from edge_demo.tasks import chroma, jpeg

# What pairs are made of is the whole of a correction, wherever it is.
FREE = chroma.Bound(reach=1e3, idle=-1.0, noise=0.0)


def pairs_by_numpy(
    ycbcr: NDArray[np.uint8], siting: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    degraded = [chroma.degrade_ycbcr(picture, siting) for picture in ycbcr]
    planes = [chroma.TASK.encode(one)["planes"] for one in degraded]
    scale = np.float32(chroma.TASK.outputs[0].scale)
    corrections = [
        chroma.pack(picture[..., 1:] - upsample(one.cbcr, one.size, siting, "bilinear")) / scale
        for picture, one in zip(ycbcr, degraded, strict=True)
    ]
    return np.stack(planes), np.stack(corrections)


@pytest.mark.parametrize("size", [(2, 2), (2, 8), (6, 4), (32, 48)])
@pytest.mark.parametrize("siting", SITINGS)
def test_twins(siting: str, size: tuple[int, int]) -> None:
    """Edges too: both repeat them."""
    ycbcr = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    for values in (ycbcr, ycbcr // 255 * 255):
        planes, correction = (tensor.numpy() for tensor in example(values, siting, chroma.TASK))
        expected = pairs_by_numpy(values, siting)
        assert planes.dtype == correction.dtype == np.float32
        # One may divide where the other multiplies: the last bit of a float, never a code.
        assert np.array_equal(np.rint(planes * 255), np.rint(expected[0] * 255))
        assert np.abs(planes - expected[0]).max() < 1e-7
        assert np.array_equal(correction, expected[1])


@pytest.mark.parametrize("siting", SITINGS)
def test_the_pair_leads_back_to_the_truth(siting: str, natural: NDArray[np.uint8]) -> None:
    rgb = np.ascontiguousarray(natural[:32, :32])
    degraded = chroma.degrade(rgb, siting)
    ycbcr = np.dstack([degraded.y, chroma.target(rgb)])
    _, correction = example(ycbcr[None], siting, chroma.TASK)
    whole = chroma.TASK.correction({"correction": correction[0].numpy()}, degraded)
    decoded = chroma.TASK.corrected(whole, degraded, FREE)
    assert np.array_equal(np.rint(decoded), chroma.target(rgb))


def test_floats_of_whole_values_are_taken_too() -> None:
    ycbcr = np.random.default_rng(1).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    both = (example(one, "left", chroma.TASK) for one in (ycbcr, ycbcr.astype(np.float32)))
    for a, b in zip(*both, strict=True):
        assert np.array_equal(a, b)


def test_chroma_itself_is_the_target_of_direct_networks(natural: NDArray[np.uint8]) -> None:
    rgb = np.ascontiguousarray(natural[:32, :32])
    degraded = chroma.degrade(rgb)
    ycbcr = np.dstack([degraded.y, chroma.target(rgb)])
    planes, wanted = example(ycbcr[None], "center", chroma.DIRECT)
    assert np.array_equal(planes, example(ycbcr[None], "center", chroma.TASK)[0])
    whole = chroma.DIRECT.correction({"chroma": wanted[0].numpy()}, degraded)
    decoded = chroma.DIRECT.corrected(whole, degraded, FREE)
    assert np.array_equal(np.rint(decoded), chroma.target(rgb))


def test_twins_of_compressed_pictures(natural: NDArray[np.uint8]) -> None:
    """Equal but where a value lies between two steps and sums were taken in another order."""
    rgb = np.ascontiguousarray(natural[:64, :96])
    plain = chroma.degrade(rgb)
    ycbcr = np.dstack([plain.y, chroma.target(rgb)])
    qualities = (30, 60, 95)
    planes, correction = example(np.stack([ycbcr] * 3), "center", chroma.BITRATE, list(qualities))
    assert planes.shape == (3, 32, 48, 14)
    for index, quality in enumerate(qualities):
        degraded = jpeg.compressed(plain, quality)
        expected = chroma.BITRATE.encode(degraded)["planes"]
        difference = np.abs(np.rint((planes[index].numpy() - expected) * 255))
        assert (difference > 0).mean() < 0.02 and np.all(difference[..., 12:] == 0)
        base = chroma.pack(upsample(degraded.cbcr, degraded.size, "center", "bilinear"))
        wanted = (chroma.pack(ycbcr[..., 1:].astype(np.float32)) - base) / 48
        assert (np.abs(correction[index].numpy() - wanted) > 0.03).mean() < 0.02


def test_qualities_are_spread_evenly_in_strength() -> None:
    uniform = np.linspace(0, 1, 2001, dtype=np.float32)
    drawn = graph_jpeg.qualities(uniform, 30, 100).numpy()
    assert drawn[0] == 100 and drawn[-1] == 30 and np.all(np.diff(drawn) <= 0)
    found = graph_jpeg.Tables().strengths[drawn, 1]
    assert np.abs(found - uniform * found[-1]).max() < 0.07  # 100 and 99 are far apart
    assert (drawn >= 95).mean() > 0.3
    assert set(graph_jpeg.qualities(uniform, 80, 80).numpy()) == {80}
    # A share at the greatest, and the others as before.
    assert set(graph_jpeg.qualities(uniform[uniform <= 0.25], 30, 100, 0.25).numpy()) == {100}
    rest = graph_jpeg.qualities(0.25 + 0.75 * uniform, 30, 100, 0.25).numpy()
    assert (rest == drawn).all()
