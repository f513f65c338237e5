"""The loop that measures: every method on every photograph, at the siting asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.siting import BASELINES, upsample
from edge_demo.colour.ycbcr import rgb_to_ycbcr
from edge_demo.errors import UserError
from edge_demo.measure import lpips_metric, metrics, quality, restoration
from edge_demo.tasks import chroma, enhance

CHROMA, ENHANCE = restoration.of("chroma"), restoration.of("enhance")


def test_perfect_chroma_leaves_only_rounding(natural: NDArray[np.uint8]) -> None:
    planes = chroma.degrade(natural)
    found = CHROMA.measure(natural, planes, chroma.target(natural))
    assert tuple(found) == CHROMA.metrics
    assert found["chroma_psnr"] == metrics.PSNR_LIMIT and found["chroma_ssim"] == 1
    assert 48 < found["rgb_psnr"] < 60 and found["rgb_ssim"] > 0.99


def test_metrics_are_of_what_they_are_called(natural: NDArray[np.uint8]) -> None:
    planes = chroma.degrade(natural)
    cbcr = chroma.target(natural).copy()
    cbcr[..., 0] ^= 1
    found = CHROMA.measure(natural, planes, cbcr)
    assert found["chroma_psnr"] == pytest.approx(10 * np.log10(255**2 / 0.5))
    restored = restoration.to_rgb(planes.y, cbcr)
    assert found["rgb_psnr"] == metrics.psnr(restored, natural)
    assert found["rgb_ssim"] == metrics.ssim(restored, natural)
    assert found["chroma_ssim"] == metrics.ssim(cbcr, chroma.target(natural))


def test_rgb_is_that_of_jpeg(natural: NDArray[np.uint8]) -> None:
    ycbcr = np.rint(rgb_to_ycbcr(natural)).clip(0, 255).astype(np.uint8)
    back = restoration.to_rgb(ycbcr[..., 0], ycbcr[..., 1:])
    assert np.abs(back.astype(int) - natural).max() <= 2


@pytest.mark.parametrize("siting", ["center", "left", "topleft"])
def test_baselines_upsample_at_the_pictures_siting(natural: NDArray[np.uint8], siting: str) -> None:
    """At another's they would lose what networks gain."""
    assert tuple(CHROMA.baselines()) == BASELINES
    planes = chroma.degrade(natural, siting)
    expected = upsample(planes.cbcr, planes.size, siting, "bicubic")
    found = CHROMA.baselines()["bicubic"](planes)
    assert found.dtype == np.uint8 and np.abs(found - expected.clip(0, 255)).max() <= 0.5
    right = CHROMA.measure(natural, planes, found)["chroma_psnr"]
    for other in {"center", "left", "topleft"} - {siting}:
        wrong = chroma.Planes(planes.y, planes.cbcr, other)
        shifted = CHROMA.baselines()["bicubic"](wrong)
        assert CHROMA.measure(natural, planes, shifted)["chroma_psnr"] < right - 0.5


def test_every_method_on_every_photograph(natural: NDArray[np.uint8]) -> None:
    photographs = [(Path("x/a.png"), natural), (Path("b.png"), natural[:40, 3:60])]
    samples = quality.degraded(CHROMA, photographs, "left")
    seen: list[int] = []
    names, values = quality.evaluate(CHROMA, samples, CHROMA.baselines(), seen.append)
    assert names == ["a.png", "b.png"] and seen == [1, 2]
    assert set(values) == set(BASELINES)
    for name, method in CHROMA.baselines().items():
        for index, (_, rgb) in enumerate(photographs):
            planes = chroma.degrade(rgb, "left")
            expected = CHROMA.measure(rgb, planes, method(planes))
            assert {m: values[name][m][index] for m in CHROMA.metrics} == expected


# Low light ----------------------------------------------------------------------------------


def test_low_light_is_the_same_whatever_comes_before(natural: NDArray[np.uint8]) -> None:
    photographs = [(Path(name), natural) for name in ("a.png", "b.png")]
    first, second = quality.degraded(ENHANCE, photographs)
    (again,) = quality.degraded(ENHANCE, photographs[1:])
    assert np.array_equal(second.degraded, again.degraded)
    assert not np.array_equal(first.degraded, second.degraded)
    assert first.degraded.mean() < natural.mean() and first.degraded.dtype == np.uint8


def test_metrics_of_low_light_are_of_what_they_are_called(natural: NDArray[np.uint8]) -> None:
    half = natural // 2
    found = ENHANCE.measure(natural, half, half)
    assert tuple(found)[: len(ENHANCE.metrics)] == ENHANCE.metrics
    assert found["rgb_psnr"] == metrics.psnr(half, natural)
    assert found["rgb_ssim"] == metrics.ssim(half, natural)
    assert found["delta_e_2000"] == metrics.delta_e_2000(half, natural)
    assert found["flat_noise"] == metrics.flat_noise(half, natural)
    assert found["clipped"] == 0.0
    # What brightness alone explains is told apart, and is not the headline.
    scaled, plain = found["rgb_psnr_gt_mean"], found["rgb_psnr"]
    assert scaled is not None and plain is not None and scaled > plain + 10
    assert enhance.TASK.headline_metric == "rgb_psnr"
    assert ENHANCE.measure(natural, half, natural)["delta_e_2000"] == 0.0


def test_lpips_is_measured_where_it_is_installed(
    natural: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = natural // 2
    monkeypatch.setattr(lpips_metric, "available", lambda: False)
    assert set(ENHANCE.measure(natural, half, half)) == set(ENHANCE.metrics)
    monkeypatch.setattr(lpips_metric, "available", lambda: True)
    monkeypatch.setattr(
        lpips_metric, "lpips", lambda found, truth: float(found.mean() < truth.mean())
    )
    samples = [quality.Sample(Path("a.png"), natural, half)]
    _, values = quality.evaluate(ENHANCE, samples, {"same": lambda picture: picture})
    assert set(values["same"]) == {*ENHANCE.metrics, "lpips"} and values["same"]["lpips"] == [1.0]


def test_pairs_are_samples_and_tiny_ones_are_not(
    natural: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [
        (Path("a.png"), natural // 8, natural),
        (Path("tiny.png"), natural[:20] // 8, natural[:20]),
    ]
    (sample,) = quality.paired(pairs)
    assert sample.path.name == "a.png"
    assert np.array_equal(sample.truth, natural) and np.array_equal(sample.degraded, natural // 8)
    assert "tiny.png" in capsys.readouterr().err
    with pytest.raises(UserError, match="none of 1"):
        list(quality.paired(pairs[1:]))


def test_a_siting_is_of_tasks_that_have_one() -> None:
    assert (CHROMA.siting(None), CHROMA.siting("left")) == ("center", "left")
    assert ENHANCE.siting(None) is None
    with pytest.raises(UserError, match="--siting"):
        ENHANCE.siting("center")
    with pytest.raises(UserError, match="unknown chroma siting"):
        CHROMA.siting("middle")


@pytest.mark.parametrize("restored", [CHROMA, ENHANCE], ids=["chroma", "enhance"])
def test_a_degraded_picture_survives_packing(
    restored: restoration.Restoration, natural: NDArray[np.uint8], tmp_path: Path
) -> None:
    siting = "topleft" if restored.sitings else None
    degraded = restored.degrade(natural[:33, :47], "a.png", siting)
    np.savez(tmp_path / "a.npz", **restored.pack(degraded))
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        back = restored.unpack(arrays)
    assert np.array_equal(restored.unrestored(back), restored.unrestored(degraded))
    assert getattr(back, "siting", None) == siting


def test_what_is_timed_is_dark(natural: NDArray[np.uint8]) -> None:
    assert enhance.darkness(natural) < 1
    assert enhance.darkness(ENHANCE.timed(natural)) == 1
    assert np.array_equal(ENHANCE.timed(natural // 16), natural // 16)
