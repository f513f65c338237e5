"""The filter over time: effects are steadier, follow the motion and end with their scene."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.device.temporal import Smoother, brought, follow, grid, trust

SIZE = (96, 128)


def panned(
    count: int, step: tuple[int, int], seed: int = 1, contrast: float = 60
) -> list[NDArray[np.uint8]]:
    """Luma frames of a textured scene that moves by (x, y) pixels a frame."""
    rng = np.random.default_rng(seed)
    scene = rng.normal(0, 1, (400, 400)).astype(np.float32)
    scene = sum(cv2.GaussianBlur(scene, (0, 0), s) * s for s in (1.5, 3, 6))
    scene = np.clip(128 + contrast * scene / scene.std(), 0, 255).astype(np.uint8)
    height, width = SIZE
    return [
        np.ascontiguousarray(scene[20 + step[1] * t :, 20 + step[0] * t :][:height, :width])
        for t in range(count)
    ]


def effect_of(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Something that sticks to the scene."""
    values = (luma.astype(np.float32) - 128) / 8
    return np.dstack([values, -values])


@pytest.mark.parametrize("step", [(0, 0), (3, 0), (2, -1), (5, 4)])
def test_noise_of_an_effect_is_reduced_where_it_moves(step: tuple[int, int]) -> None:
    rng, smoother = np.random.default_rng(0), Smoother(neighbourhood=0)
    for luma in panned(10, step):
        clean = effect_of(luma)
        noisy = clean + rng.normal(0, 2, clean.shape).astype(np.float32)
        found = smoother(luma, noisy)
    inner = np.s_[12:-12, 12:-12]
    before, after = (np.abs(one - clean)[inner].mean() for one in (noisy, found))
    assert after < 0.6 * before
    assert smoother.cuts == 0


def test_without_motion_a_moving_effect_lags() -> None:
    errors = {}
    for motion in (True, False):
        smoother = Smoother(neighbourhood=0, motion=motion)
        for luma in panned(8, (4, 2), contrast=6):
            found = smoother(luma, effect_of(luma))
        errors[motion] = np.abs(found - effect_of(luma))[12:-12, 12:-12].mean()
    assert errors[True] < 0.5 * errors[False]


def test_the_neighbourhood_holds_an_earlier_effect() -> None:
    """What is gone in this frame does not linger, where the clamp is on."""
    (luma,) = panned(1, (0, 0))
    strong = np.full((*SIZE, 2), 20, np.float32)
    for neighbourhood, lingers in ((3, 0.0), (0, 16.0)):
        smoother = Smoother(0.8, neighbourhood)
        smoother(luma, strong)
        found = smoother(luma, np.zeros_like(strong))
        assert found.mean() == pytest.approx(lingers, abs=0.01)


def test_a_scene_change_begins_anew() -> None:
    smoother = Smoother(neighbourhood=0)
    first, second = panned(1, (0, 0), seed=1)[0], panned(1, (0, 0), seed=2)[0]
    smoother(first, np.full((*SIZE, 2), 9, np.float32))
    fresh = np.zeros((*SIZE, 2), np.float32)
    assert np.array_equal(smoother(second, fresh), fresh) and smoother.cuts == 1
    # and the next frame follows the new scene
    assert smoother(second, fresh + 1).mean() == pytest.approx(0.2, abs=0.01)


def test_where_luma_differs_nothing_is_mixed() -> None:
    (luma,) = panned(1, (0, 0))
    changed = luma.copy()
    changed[30:60, 40:80] = 255 - changed[30:60, 40:80] // 4
    smoother = Smoother(neighbourhood=0, motion=False)
    smoother(luma, np.full((*SIZE, 1), 10, np.float32))
    found = smoother(changed, np.zeros((*SIZE, 1), np.float32))[..., 0]
    assert found[35:55, 45:75].mean() < 1 < 7.9 < found[:20].mean()


def test_none_and_first() -> None:
    lumas = panned(2, (1, 0))
    smoother = Smoother(0.0)
    for luma in lumas:
        assert np.array_equal(smoother(luma, effect_of(luma)), effect_of(luma))
    smoother = Smoother(0.8)
    assert np.array_equal(smoother(lumas[0], effect_of(lumas[0])), effect_of(lumas[0]))
    smoother = Smoother(0.8)
    assert np.array_equal(smoother(lumas[1], effect_of(lumas[0])), effect_of(lumas[0]))
    # Another size: nothing to mix with.
    assert smoother(lumas[1][:32, :32], effect_of(lumas[1][:32, :32])).shape == (32, 32, 2)
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"a strength is 0\.\.1"):
            Smoother(strength)


@pytest.mark.parametrize("scale", [1, 4])
def test_motion_is_found_at_any_size(scale: int) -> None:
    before, now = (
        cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        for one in panned(2, (3, 2))
    )
    places = follow(before, now)
    rows, columns = np.mgrid[0 : now.shape[0], 0 : now.shape[1]]
    shift = places - np.dstack([columns, rows])
    inner = shift[20 * scale : -20 * scale, 20 * scale : -20 * scale]
    assert np.median(inner[..., 0]) == pytest.approx(3 * scale, abs=0.3 * scale)
    assert np.median(inner[..., 1]) == pytest.approx(2 * scale, abs=0.3 * scale)
    assert np.abs(brought(before, places).astype(int) - now)[30:-30, 30:-30].mean() < 6


def test_a_tiny_frame_stands_still() -> None:
    luma = np.zeros((9, 12), np.uint8)
    places = follow(luma, luma)
    assert np.array_equal(brought(luma + np.uint8(3), places), luma + 3)
    effect = np.ones((9, 12, 2), np.float32)
    smoother = Smoother()
    assert np.allclose(smoother(luma, smoother(luma, effect)), 1)


def test_bringing_keeps_kind_and_shape() -> None:
    places = grid(8, 10) + np.array([1, 0], np.float32)
    for shape in ((8, 10), (8, 10, 1), (8, 10, 2)):
        values = np.random.default_rng(0).uniform(0, 9, shape).astype(np.float32)
        moved = brought(values, places)
        assert moved.shape == shape and moved.dtype == np.float32
        assert np.allclose(moved[:, :-1], values[:, 1:], atol=1e-5)
        assert np.allclose(moved[:, -1], values[:, -1], atol=1e-5)


def test_trust() -> None:
    (luma,) = panned(1, (0, 0))
    assert trust(luma, luma).min() == 1
    assert 0.45 < trust(np.maximum(luma, 8), np.maximum(luma, 8) - 8).mean() < 0.55
    assert trust(luma, 255 - luma).min() == 0
