"""Backbones and stages that a fit begins with, and that none begins with nothing unawares."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import keras_models
from edge_demo.errors import UserError
from keras_models import backbone_files, backbones, runs
from training.config import FitConfig, load
from training.fit import fit

Weights = dict[str, NDArray[Any]]


def config(model: str, size: str = "test", **changes: Any) -> FitConfig:
    """One step that changes hardly anything."""
    return dataclasses.replace(
        load(model), size=size, patch=32, cell=32, batch=1, steps=1, epoch_steps=1, ema=0.0,
        learning_rate=1e-12, weight_decay=0.0, precision="float32", val_photographs=1, **changes,
    )  # fmt: skip


def weights(run: Path) -> Weights:
    return {weight.path: np.asarray(weight) for weight in runs.load_model(run).weights}


@pytest.fixture
def data(one_photograph: Path) -> str:
    return f"folder:{one_photograph}"


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory, one_photograph: Path) -> Path:
    run = tmp_path_factory.mktemp("stages") / "generator"
    first = config("colorize_twostage", "test-generator", seed=5, backbone_weights=_backbone(run))
    fit(first, f"folder:{one_photograph}", None, run, "x")
    return run


def _backbone(beside: Path) -> str:
    """A file of weights that no fresh network has."""
    keras.utils.set_random_seed(99)
    model = keras_models.build("colorize_fusion", "test")
    path = beside.with_suffix(".npz")
    backbone_files.save(
        {name: layer.get_weights() for name, layer in backbones.layers(model).items()}, path
    )
    return str(path)


def test_a_fit_begins_with_the_backbone_that_is_named(generator: Path) -> None:
    with np.load(generator.with_suffix(".npz")) as given:
        found = weights(generator)
        for key in given.files:
            layer, _, place = key.rpartition("/")
            path = f"{layer}/{('kernel', 'bias')[int(place)]}"
            assert np.allclose(found[path], given[key], atol=1e-6), path


@pytest.mark.slow
def test_a_stage_begins_with_the_one_before(generator: Path, tmp_path: Path, data: str) -> None:
    run = tmp_path / "run"
    fit(config("colorize_twostage", start_from=str(generator)), data, None, run, "x")
    before, after = weights(generator), weights(run)
    assert set(before) < set(after)
    for path, value in before.items():
        if "moving_" not in path:
            assert np.allclose(after[path], value, atol=1e-6), path


def test_stages_are_not_begun_backwards(generator: Path, tmp_path: Path, data: str) -> None:
    for wrong in (
        config("colorize_fusion", start_from=str(generator)),
        config("colorize_twostage", "lite", start_from=str(generator)),
    ):
        with pytest.raises(UserError, match="is of colorize_twostage-test-generator, not of"):
            fit(wrong, data, None, tmp_path / "run", "x")
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "size", "says"),
    [
        ("colorize_fusion", "lite", "--set backbone_weights=FILE.npz .*import-backbone"),
        ("colorize_twostage", "lite", "behind colorize_twostage-lite-generator: .*start_from=RUN"),
    ],
)
def test_a_backbone_that_knows_nothing_is_refused(
    model: str, size: str, says: str, tmp_path: Path, data: str
) -> None:
    with pytest.raises(UserError, match=f"{model}-{size} .*{says}"):
        fit(config(model, size), data, None, tmp_path / "run", "x")
    assert not (tmp_path / "run").exists()


def test_only_the_second_stage_is_trained() -> None:
    lite = keras_models.build("colorize_twostage", "lite")
    assert lite.trainable_weights
    assert all(weight.path.startswith("refine_") for weight in lite.trainable_weights)
    first = keras_models.build("colorize_twostage", "lite-generator")
    shared = {weight.path for weight in first.weights}
    rest = {weight.path for weight in lite.weights} - shared
    assert shared < {weight.path for weight in lite.weights}
    assert rest == {weight.path for weight in lite.trainable_weights}
    assert not [w for w in first.trainable_weights if w.path.startswith(backbones.PREFIX)]


def test_a_fresh_second_stage_changes_hardly_anything(natural: NDArray[np.uint8]) -> None:
    """It starts at the first one's colours, enlarged."""
    model = keras_models.build("colorize_twostage", "test")
    values = natural[None, :64, :64, :1].astype(np.float32) / 127.5 - 1
    rough = keras.Model(model.inputs, model.get_layer("coarse_whole").output)(values)
    assert np.abs(np.asarray(model(values)) - np.asarray(rough)).max() < 0.02
