"""Low light's curves as the device applies them, and what is trained behind them."""

from __future__ import annotations

import dataclasses

import cv2
import keras
import numpy as np
import pytest

import keras_models
from edge_demo.errors import UserError
from edge_demo.tasks import enhance
from training import curves, fit
from training.config import FitConfig
from training.objectives import ReferenceCurves

RNG = np.random.default_rng(0)
GREY = np.full((1, 32, 48, 3), 0.2, np.float32)


@pytest.mark.parametrize("size", [(64, 96), (60, 100), (61, 93)])
@pytest.mark.parametrize("channels", [1, 3, 24])
def test_maps_are_resized_as_opencv_does(size: tuple[int, int], channels: int) -> None:
    maps = RNG.uniform(-1, 1, (2, 8, 12, channels)).astype(np.float32)
    found = np.asarray(curves.upsampled(maps, np.zeros((2, *size, 3))))
    for one, expected in zip(found, maps, strict=True):
        planes = [cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR)
                  for plane in np.moveaxis(expected, -1, 0)]  # fmt: skip
        assert np.abs(one - np.stack(planes, -1)).max() < 1e-5


@pytest.mark.parametrize("shape", [(32, 48, 24), (32, 48, 3), (4, 6, 3), (4, 6, 24)])
def test_curves_are_applied_as_on_the_device(shape: tuple[int, int, int]) -> None:
    picture = RNG.uniform(0, 1, (1, 32, 48, 3)).astype(np.float32)
    maps = RNG.uniform(-1, 1, (1, *shape)).astype(np.float32)
    found = np.asarray(curves.apply_curves(picture, maps))
    assert np.abs(found[0] - enhance.apply_curves(picture[0], maps[0])).max() < 1e-5
    assert found.min() >= 0 and found.max() <= 1
    assert np.abs(found - picture).mean() > 0.05


def test_each_iteration_has_its_own_three_maps() -> None:
    maps = np.zeros((1, 32, 48, 24), np.float32)
    maps[..., 3 * 7 + 1] = 0.5
    found = np.asarray(curves.apply_curves(GREY, maps))
    assert np.allclose(found[0, 0, 0], [0.2, 0.2 + 0.5 * 0.2 * 0.8, 0.2], atol=1e-6)


def test_maps_of_another_depth_are_refused() -> None:
    with pytest.raises(ValueError, match="3 or 24 channels, not 8"):
        curves.apply_curves(GREY, np.zeros((1, 32, 48, 8), np.float32))


# ------------------------------------------------------------------------------- learnt from pairs


def config(model: str, size: str) -> FitConfig:
    return FitConfig(model=model, size=size, precision="float32", objective=ReferenceCurves())


@pytest.mark.parametrize("size", ["test", "lite"])
def test_what_is_trained_is_the_picture_that_the_curves_make(size: str) -> None:
    model = fit.compiled(
        config("enhance_zerodce", size), keras_models.task("enhance_zerodce", size)
    )
    for weight in model.generator.weights:
        weight.assign(RNG.normal(0, 0.3, weight.shape))
    given = RNG.uniform(0, 1, (2, 32, 48, 6)).astype(np.float32)
    maps = np.asarray(model.generator(given, training=False))
    expected = [enhance.apply_curves(one[..., :3], a) for one, a in zip(given, maps, strict=True)]
    found = np.asarray(model(given, training=False))
    assert np.abs(found - np.stack(expected)).max() < 1e-5
    assert np.abs(found - given[..., :3]).mean() > 0.02


@pytest.mark.slow
def test_it_learns_what_pairs_show() -> None:
    keras.utils.set_random_seed(0)
    quick = dataclasses.replace(
        config("enhance_zerodce", "lite"), learning_rate=1e-2, warmup_steps=5, ema=0.9, steps=60
    )
    model = fit.compiled(quick, keras_models.task("enhance_zerodce", "lite"))
    bright = RNG.uniform(0.2, 1, (4, 32, 48, 3)).astype(np.float32)
    dark = bright**2
    given = np.concatenate([dark, dark**enhance.LIFT], -1)
    before = model.evaluate(given, bright, verbose=0, return_dict=True)
    model.fit(given, bright, epochs=60, verbose=0)
    after = model.evaluate(given, bright, verbose=0, return_dict=True)
    assert after["psnr"] > before["psnr"] + 5


def test_a_network_without_curves_is_refused() -> None:
    with pytest.raises(UserError, match="enhance_mirnet answers with no curves"):
        fit.compiled(config("enhance_mirnet", "test"), enhance.TASK)
