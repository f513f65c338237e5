"""Guided enlargement: exact where the model holds, sharp at edges, bounded, strip by strip."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour import guided
from edge_demo.colour.guided import upsample

Floats = NDArray[np.float32]


def reduced(picture: Floats, factor: int) -> Floats:
    size = (picture.shape[1] // factor, picture.shape[0] // factor)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(size[1], size[0], -1)


def bilinear(values: Floats, like: Floats) -> Floats:
    size = (like.shape[1], like.shape[0])
    large = cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32).reshape(*like.shape[:2], -1)


def photograph(channels: int = 3) -> Floats:
    """With a little grain: where a guide is flat to the last bit, it says nothing of the values."""
    data = pytest.importorskip("skimage.data")
    picture = data.astronaut()[:192, 100:340, :channels].astype(np.float32) / 255
    grain = np.random.default_rng(9).normal(0, 0.01, picture.shape).astype(np.float32)
    return np.clip(picture * 0.9 + 0.05 + grain, 0, 1)


def edge() -> Floats:
    """A slanted step, 64x96x1, whose pixels on the edge are mixed."""
    large = np.full((512, 768), 0.2, np.float32)
    cv2.fillPoly(large, [np.array([[300, 0], [768, 0], [768, 512], [430, 512]])], 0.8)
    return reduced(large[..., None], 8)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("radius", [1, 3])
def test_affine_values_come_back_exactly(factor: int, radius: int) -> None:
    guide = photograph()
    scale, shift = np.array([2.0, -0.5, 0.7], np.float32), np.array([-0.3, 0.9, 0], np.float32)
    truth = guide * scale + shift
    low = reduced(guide, factor)
    result = upsample(low, low * scale + shift, guide, radius, eps=1e-8, margin=1.0)
    assert result.dtype == np.float32 and result.shape == guide.shape
    np.testing.assert_allclose(result, truth, atol=1e-3)
    # No other enlargement could: most of the detail is above what the reduced picture holds.
    assert np.abs(bilinear(reduced(truth, factor), guide) - truth).max() > 0.1


def test_one_channel_guides_every_channel() -> None:
    guide = photograph(1)
    scale, shift = np.array([0.4, 3, -1, 0, 1], np.float32), np.arange(5, dtype=np.float32)
    low = reduced(guide, 4)
    result = upsample(low, low * scale + shift, guide, eps=1e-8, margin=1.0)
    np.testing.assert_allclose(result, guide * scale + shift, atol=2e-3)


def test_each_channel_follows_its_own() -> None:
    guide = photograph()
    low = reduced(guide, 4)
    values = low * 0.5
    alone = [upsample(low[..., c : c + 1], values[..., c : c + 1], guide[..., c : c + 1])
             for c in range(3)]  # fmt: skip
    np.testing.assert_allclose(upsample(low, values, guide), np.concatenate(alone, -1), atol=1e-6)
    # With the wrong channel as guide it is worse.
    truth = guide * 0.5
    right = np.abs(upsample(low, values, guide) - truth).mean()
    wrong = np.abs(upsample(low[..., ::-1], values, guide[..., ::-1]) - truth).mean()
    assert wrong > 2 * right


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_edges_stay_sharp_where_bilinear_blurs(factor: int) -> None:
    guide = edge()
    # A curve, not a line; of two levels and what is mixed of them.
    truth = 0.9 - guide**2
    values = reduced(truth, factor)
    result = upsample(reduced(guide, factor), values, guide)
    sharp, blurred = np.abs(result - truth), np.abs(bilinear(values, guide) - truth)
    assert sharp.mean() < 0.25 * blurred.mean()
    # What is left is the curve: the line through both levels errs in the pixels mixed of them.
    assert sharp.max() < 0.5 * blurred.max()


def test_values_without_a_trace_in_the_guide_are_enlarged_bilinearly() -> None:
    values = np.random.default_rng(0).random((12, 16, 3), np.float32)
    for guide in (np.full((50, 61, 3), 0.5, np.float32), np.zeros((12, 16, 3), np.float32)):
        result = upsample(np.full((12, 16, 3), guide[0, 0, 0], np.float32), values, guide)
        np.testing.assert_allclose(result, bilinear(values, guide), atol=1e-5)


def test_eps_keeps_the_guides_noise_out() -> None:
    clean = edge()
    noisy = clean + np.random.default_rng(3).normal(0, 0.01, clean.shape).astype(np.float32)
    low = reduced(noisy, 4)
    through, out = (upsample(low, 2 * low, noisy, eps=eps) for eps in (1e-7, 1e-3))
    left = np.s_[:, :28]  # far from the edge
    assert np.std(through[left]) == pytest.approx(0.02, rel=0.1)
    assert np.std(out[left]) < 0.3 * np.std(through[left])
    # The edge itself, far above the noise, is still there.
    blurred = bilinear(reduced(2 * clean, 4), clean)
    assert np.abs(out - 2 * clean).max() < 0.3 * np.abs(blurred - 2 * clean).max()


@pytest.mark.parametrize("margin", [0.0, 0.25])
def test_the_result_leaves_the_values_range_by_no_more_than_the_margin(margin: float) -> None:
    rng = np.random.default_rng(1)
    low, values = rng.uniform(0.4, 0.6, (9, 12, 2)), rng.random((9, 12, 2))
    values[..., 1] = values[..., 1] * 40 - 100  # each channel has its own range
    low, values = low.astype(np.float32), values.astype(np.float32)
    guide = rng.random((70, 90, 2), np.float32)  # far from all that the reduced one holds
    lowest, highest = values.min((0, 1)), values.max((0, 1))
    room = np.float32(margin) * (highest - lowest)
    free = upsample(low, values, guide, margin=100.0)
    assert (free > highest + room).any((0, 1)).all() and (free < lowest - room).any((0, 1)).all()
    np.testing.assert_allclose(
        upsample(low, values, guide, margin=margin),
        np.clip(free, lowest - room, highest + room),
        rtol=1e-6,
    )


def test_a_step_is_not_overshot_where_guide_and_values_agree() -> None:
    guide = edge()
    truth = guide * 0.5
    low = reduced(guide, 4)
    result = upsample(low, low * 0.5, guide, margin=1.0)
    assert truth.min() - 0.003 < result.min() and result.max() < truth.max() + 0.003


def test_the_same_size_returns_the_values() -> None:
    guide = photograph()
    values = np.random.default_rng(2).random(guide.shape, np.float32)
    np.testing.assert_allclose(upsample(guide, values, guide), values, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (97, 131)])
def test_any_size(size: tuple[int, int]) -> None:
    low = np.random.default_rng(0).random((13, 17, 3), np.float32)
    guide = np.asarray(cv2.resize(low, size[::-1]), np.float32).reshape(*size, 3)
    result = upsample(low, low, guide, margin=0.0)
    assert result.shape == (*size, 3) and np.isfinite(result).all()
    tiny = upsample(low[:1, :1], low[:1, :1], guide)
    np.testing.assert_allclose(tiny, np.broadcast_to(low[:1, :1], tiny.shape), atol=1e-6)


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    guide = photograph()
    low = reduced(guide, 4)
    at_once = upsample(low, 1 - low**2, guide)
    monkeypatch.setattr(guided, "_STRIP_PIXELS", 7 * guide.shape[1])
    np.testing.assert_allclose(upsample(low, 1 - low**2, guide), at_once, atol=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    three, full = np.zeros((4, 6, 3), np.float32), np.zeros((8, 12, 3), np.float32)
    for low_guide, values, guide, message in (
        (three[..., 0], three, full, r"low_guide must be \(height"),
        (three, three[:0], full, r"low_values must be \(height"),
        (three, three, full[..., 0], r"guide must be \(height"),
        (three[1:], three, full, "differ in size"),
        (three[..., :1], three, full, "differ in channels"),
        (three[..., :2], three, full[..., :2], "2 channels cannot guide 3"),
    ):
        with pytest.raises(ValueError, match=message):
            upsample(low_guide, values, guide)
    for wrong in ({"radius": 0}, {"eps": 0.0}, {"margin": -0.1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            upsample(three, three, full, **wrong)
