"""Where a backbone's weights come from, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_models
from edge_demo.errors import UserError
from keras_models import backbone_files, backbones


@pytest.fixture(scope="module")
def trained() -> keras.Model:
    return keras_models.build("colorize_fusion", "test")


@pytest.fixture
def other() -> keras.Model:
    """Another architecture with the same backbone."""
    return keras_models.build("colorize_eccv16", "test")


def same(a: keras.Model, b: keras.Model) -> bool:
    ours, theirs = backbones.layers(a), backbones.layers(b)
    assert list(ours) == list(theirs) and len(ours) > 10
    return all(
        np.array_equal(x, y)
        for name in ours
        for x, y in zip(ours[name].get_weights(), theirs[name].get_weights(), strict=True)
    )


def test_it_is_what_is_named_so() -> None:
    assert backbones.layers(keras_models.build("chroma_residual", "test")) == {}


def test_a_file_and_a_run(trained: keras.Model, other: keras.Model, tmp_path: Path) -> None:
    assert not same(trained, other)
    weights = {name: layer.get_weights() for name, layer in backbones.layers(trained).items()}
    backbone_files.save(weights, tmp_path / "backbone.npz")
    backbones.load(other, str(tmp_path / "backbone.npz"))
    assert same(trained, other)

    run = tmp_path / "run"
    run.mkdir()
    record = {"config": {"model": "colorize_fusion", "size": "test"}, "data": "x", "val": None}
    (run / "run.json").write_text(json.dumps(record))
    trained.save(run / "model.keras")
    fresh = keras_models.build("colorize_siggraph17", "test")
    assert not same(trained, fresh)
    backbones.load(fresh, str(run))
    assert same(trained, fresh)


def test_what_is_refused(trained: keras.Model, other: keras.Model, tmp_path: Path) -> None:
    weights = {name: layer.get_weights() for name, layer in backbones.layers(trained).items()}
    first = next(iter(weights))
    backbone_files.save({first: weights[first]}, tmp_path / "part.npz")
    backbone_files.save({**weights, first: [np.zeros((3, 3, 1, 7))]}, tmp_path / "wide.npz")
    (tmp_path / "bad.npz").write_bytes(b"no arrays")
    for name, says in [
        ("part.npz", r"holds no weights of backbone_\w+ and \d+ more layers that colorize_eccv16"),
        ("wide.npz", rf"{first} is \(3, 3, 1, 7\) there, \(3, 3, 1, 6\) in colorize_eccv16-test"),
        ("bad.npz", "not a backbone"),
        ("none.npz", "No such file"),
        ("none", "no such run"),
    ]:
        with pytest.raises(UserError, match=says):
            backbones.load(other, str(tmp_path / name))
    with pytest.raises(UserError, match=r"cannot write .*No such file"):
        backbone_files.save(weights, tmp_path / "none" / "backbone.npz")
