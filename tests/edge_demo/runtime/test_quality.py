"""The loop that measures: every method on every photograph, at the siting asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.runtime import metrics, quality
from edge_demo.runtime.colour import rgb_to_ycbcr
from edge_demo.runtime.siting import BASELINES, upsample
from edge_demo.runtime.tasks import chroma


def test_perfect_chroma_leaves_only_rounding(natural: NDArray[np.uint8]) -> None:
    planes = chroma.degrade(natural)
    found = quality.measure(natural, planes, chroma.target(natural))
    assert tuple(found) == quality.METRICS
    assert found["chroma_psnr"] == metrics.PSNR_LIMIT and found["chroma_ssim"] == 1
    assert 48 < found["rgb_psnr"] < 60 and found["rgb_ssim"] > 0.99


def test_metrics_are_of_what_they_are_called(natural: NDArray[np.uint8]) -> None:
    planes = chroma.degrade(natural)
    cbcr = chroma.target(natural).copy()
    cbcr[..., 0] ^= 1
    found = quality.measure(natural, planes, cbcr)
    assert found["chroma_psnr"] == pytest.approx(10 * np.log10(255**2 / 0.5))
    restored = quality.to_rgb(planes.y, cbcr)
    assert found["rgb_psnr"] == metrics.psnr(restored, natural)
    assert found["rgb_ssim"] == metrics.ssim(restored, natural)
    assert found["chroma_ssim"] == metrics.ssim(cbcr, chroma.target(natural))


def test_rgb_is_that_of_jpeg(natural: NDArray[np.uint8]) -> None:
    ycbcr = np.rint(rgb_to_ycbcr(natural)).clip(0, 255).astype(np.uint8)
    back = quality.to_rgb(ycbcr[..., 0], ycbcr[..., 1:])
    assert np.abs(back.astype(int) - natural).max() <= 2


@pytest.mark.parametrize("siting", ["center", "left", "topleft"])
def test_baselines_upsample_at_the_pictures_siting(natural: NDArray[np.uint8], siting: str) -> None:
    """At another's they would lose what networks gain."""
    assert tuple(quality.baselines()) == BASELINES
    planes = chroma.degrade(natural, siting)
    expected = upsample(planes.cbcr, planes.size, siting, "bicubic")
    found = quality.baselines()["bicubic"](planes)
    assert found.dtype == np.uint8 and np.abs(found - expected.clip(0, 255)).max() <= 0.5
    right = quality.measure(natural, planes, found)["chroma_psnr"]
    for other in {"center", "left", "topleft"} - {siting}:
        wrong = chroma.Planes(planes.y, planes.cbcr, other)
        shifted = quality.baselines()["bicubic"](wrong)
        assert quality.measure(natural, planes, shifted)["chroma_psnr"] < right - 0.5


def test_every_method_on_every_photograph(natural: NDArray[np.uint8]) -> None:
    photographs = [(Path("x/a.png"), natural), (Path("b.png"), natural[:40, 3:60])]
    seen: list[int] = []
    names, values = quality.evaluate(photographs, quality.baselines(), "left", seen.append)
    assert names == ["a.png", "b.png"] and seen == [1, 2]
    assert set(values) == set(BASELINES)
    for name, method in quality.baselines().items():
        for index, (_, rgb) in enumerate(photographs):
            planes = chroma.degrade(rgb, "left")
            expected = quality.measure(rgb, planes, method(planes))
            assert {m: values[name][m][index] for m in quality.METRICS} == expected
