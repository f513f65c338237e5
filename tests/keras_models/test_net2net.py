"""A wider network begins as the narrower one was, and differs once it has learned."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_models import chroma_bitrate, chroma_residual, net2net
from keras_models.chroma_residual import Size


def networks(monkeypatch: pytest.MonkeyPatch) -> tuple[keras.Model, keras.Model]:
    sizes = {"narrow": Size(6, 2), "wide": Size(10, 2)}
    monkeypatch.setattr(chroma_residual, "SIZES", sizes)
    narrow, wide = (chroma_residual.build(size) for size in sizes)
    trained = {weight.path: weight for weight in narrow.weights}
    rng = np.random.default_rng(0)
    for weight in narrow.weights:
        weight.assign(rng.normal(0, 0.2, weight.shape))
    for weight in wide.weights:
        weight.assign(net2net.widened(np.asarray(weight), np.asarray(trained[weight.path])))
    return narrow, wide


def test_it_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, wide = networks(monkeypatch)
    planes = np.random.default_rng(1).uniform(-0.5, 0.5, (1, 12, 10, 12)).astype(np.float32)
    expected = np.asarray(narrow(planes))
    assert np.abs(expected).max() > 0.1
    assert np.abs(np.asarray(wide(planes)) - expected).max() < 1e-5


def test_its_new_channels_are_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they could never learn: zeros behind zeros."""
    _, wide = networks(monkeypatch)
    fresh = np.asarray(wide.get_layer("block1_a").kernel)
    assert np.all(fresh[..., 6:].std((0, 1, 2)) > 0.01)
    assert np.all(fresh[:, :, 6:, :6] == 0)


def test_what_does_not_fit() -> None:
    for fresh, trained in (((3, 3, 4, 4), (3, 3, 4, 5)), ((4,), (3, 4)), ((3,), (4,))):
        with pytest.raises(ValueError, match="does not fit"):
            net2net.widened(np.zeros(fresh), np.zeros(trained))


def test_strengths_count_once_they_are_learned() -> None:
    plain, told = (module.build("test") for module in (chroma_residual, chroma_bitrate))
    rng = np.random.default_rng(0)
    for weight in plain.weights:
        weight.assign(rng.normal(0, 0.2, weight.shape))
    trained = {weight.path: np.asarray(weight) for weight in plain.weights}
    for weight in told.weights:
        if weight.path in trained:
            weight.assign(net2net.widened(np.asarray(weight), trained[weight.path]))
    told.get_layer("head").kernel.assign(
        np.concatenate([trained["head/kernel"], np.zeros((3, 3, 2, 8))], axis=2)
    )
    planes = rng.uniform(-0.5, 0.5, (1, 12, 10, 14)).astype(np.float32)
    before = np.asarray(told(planes))
    assert np.abs(before - np.asarray(plain(planes[..., :12]))).max() < 1e-5
    gain = told.get_layer("block1_gain")
    gain.kernel.assign(np.ones(gain.kernel.shape))
    assert np.abs(np.asarray(told(planes)) - before).max() > 0.01
