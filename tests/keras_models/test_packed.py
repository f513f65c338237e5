"""Packed weights are smaller and the same."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import keras_models
from edge_demo.errors import UserError
from edge_demo.tasks import chroma
from keras_models import backbone_files, backbones, fakequant, packed, runs


def drawn(name: str, seed: int) -> keras.Model:
    model = keras_models.build(name, "test")
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 1, w.shape).astype("float32") for w in model.get_weights()])
    return model


def in_8_bits(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A kernel of which each channel has a scale of its own, one of them none at all."""
    scales = rng.uniform(1e-4, 0.1, shape[3] if shape[3] > 1 else shape[2]).astype(np.float32)
    scales[0] = 0
    steps = rng.integers(-127, 128, shape).astype(np.float32)
    return steps * (scales if shape[3] > 1 else scales[:, None]) + 0  # no -0, which is another


def test_weights_come_back(tmp_path: Path) -> None:
    model = drawn("chroma_residual", 1)
    model.save_weights(tmp_path / "whole.weights.h5")
    packed.pack(tmp_path / "whole.weights.h5", tmp_path / "small.weights.h5")
    small, whole = (tmp_path / f"{name}.weights.h5" for name in ("small", "whole"))
    assert small.stat().st_size < 0.8 * whole.stat().st_size
    other = drawn("chroma_residual", 2)
    with packed.unpacked(small) as file:
        assert file == small  # nothing is elsewhere, so Keras reads it as it is
        other.load_weights(file)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_a_shared_backbone_is_stored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_NAMED", 64)  # this network is tiny
    model, rng = drawn("colorize_fusion", 1), np.random.default_rng(3)
    for layer in backbones.layers(model).values():
        kernel, bias = layer.get_weights()
        layer.set_weights([in_8_bits(rng, kernel.shape), bias])
    weights = {name: layer.get_weights() for name, layer in backbones.layers(model).items()}
    model.save_weights(tmp_path / "whole.weights.h5")
    backbone_files.save(weights, tmp_path / "net.npz")
    packed.pack(tmp_path / "whole.weights.h5", tmp_path / "small.weights.h5")
    small = tmp_path / "small.weights.h5"
    with h5py.File(small) as stored:
        empty = [values for values in packed._datasets(stored).values() if values.shape is None]
    large = [w for values in weights.values() for w in values if w.nbytes >= 64]
    assert len(empty) == len(large) > 10
    other = drawn("colorize_fusion", 2)
    with packed.unpacked(small) as file:
        assert file != small
        other.load_weights(file)
    assert not file.exists()
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    (tmp_path / "net.npz").unlink()
    says = pytest.raises(UserError, match=r"small\.weights\.h5 needs net\.npz beside it")
    with says, packed.unpacked(small):
        pass


def test_a_backbone_of_8_bits_is_stored_in_8(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    kernels = {
        "conv": in_8_bits(rng, (3, 3, 6, 8)),
        "depthwise": in_8_bits(rng, (3, 3, 8, 1)),
        "trained": rng.normal(0, 1, (1, 1, 8, 8)).astype(np.float32),
        "nothing": np.zeros((1, 1, 4, 4), np.float32),
    }
    biases = {name: rng.normal(0, 1, 8).astype(np.float32) for name in kernels}
    backbone_files.save({n: [kernels[n], biases[n]] for n in kernels}, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as stored:
        eight = {name for name in kernels if stored[f"{name}/0"].dtype == np.int8}
    assert eight == {"conv", "depthwise", "nothing"}
    found = backbone_files.read(tmp_path / "net.npz")
    assert set(found) == {f"{name}/{index}" for name in kernels for index in (0, 1)}
    for name in kernels:
        assert np.array_equal(found[f"{name}/0"], kernels[name])
        assert found[f"{name}/0"].dtype == np.float32
        assert np.array_equal(found[f"{name}/1"], biases[name])


def test_a_fake_quantised_model(tmp_path: Path, natural: np.ndarray) -> None:
    model = drawn("chroma_residual", 1)
    values = chroma.TASK.encode(chroma.degrade(natural))["planes"][None]
    ranges = fakequant.choose_ranges(model, values, fakequant.stated_ranges(chroma.TASK))
    aware = fakequant.fake_quantised(model, ranges)
    aware.save(tmp_path / "whole.keras")
    packed.pack(tmp_path / "whole.keras", tmp_path / "small.keras")
    small, whole = (tmp_path / f"{name}.keras" for name in ("small", "whole"))
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    loaded = keras.saving.load_model(small, compile=False)
    assert fakequant.ranges_of(loaded) == fakequant.ranges_of(aware)
    for a, b in zip(aware.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_weights_of_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WEIGHTS", tmp_path)
    name = "chroma_residual-test.r1"
    record = {"config": {"model": "chroma_residual", "size": "test"}, "data": "x", "val": None}
    (tmp_path / f"{name}.json").write_text(json.dumps(record))
    drawn("enhance_zerodce", 1).save_weights(tmp_path / f"{name}.weights.h5")
    with pytest.raises(UserError, match="does not fit chroma_residual-test as it is built now"):
        runs.load_model(Path(name))
