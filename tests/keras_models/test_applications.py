"""Backbones of Keras: names that do not change, weights from where the user says, never none."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from edge_demo.errors import UserError
from keras_models import applications, backbone_files, backbones

NAME = "backbone_small"


def made(weights: str | None) -> keras.Model:
    """As Keras makes its networks: layers numbered by how many there have been."""
    picture = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, 2)(picture)
    x = layers.BatchNormalization()(x)
    model = keras.Model(picture, layers.Conv2D(5, 1, name="its_name")(x))
    if weights:
        model.load_weights(weights)
    return model


def failing(weights: str | None) -> keras.Model:
    if weights:
        raise Exception(f"URL fetch failure on https://a.place/{weights}: None -- no route")
    return made(weights)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "_MAKERS", {NAME: made, "backbone_far": failing})


def network(name: str = NAME) -> keras.Model:
    picture = keras.Input((None, None, 3))
    x = applications._frozen(name)(picture)
    return keras.Model(picture, layers.Conv2D(2, 1, name="head")(x), name="network")


def test_its_layers_have_the_same_names_every_time() -> None:
    """Weights find their place by name, in another process or on the second build in one."""
    first, second = network(), network()
    assert [w.path for w in first.weights] == [w.path for w in second.weights]
    assert all(f"{NAME}_" in w.path for w in first.layers[1].weights)
    assert [w.path for w in first.trainable_weights] == ["head/kernel", "head/bias"]
    assert list(backbones.layers(first)) == [NAME]


def test_weights_of_a_file(tmp_path: Path) -> None:
    trained = made(None)
    trained.save_weights(tmp_path / "its.weights.h5")
    model = network()
    backbones.load(model, str(tmp_path / "its.weights.h5"))
    loaded = backbones.layers(model)[NAME].get_weights()
    for value, wanted in zip(loaded, trained.get_weights(), strict=True):
        assert np.array_equal(value, wanted)
    # And of a run's, as an .npz has them.
    backbone_files.save({NAME: loaded}, tmp_path / "kept.npz")
    again = network()
    backbones.load(again, str(tmp_path / "kept.npz"))
    values = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    assert np.array_equal(again.layers[1](values), model.layers[1](values))


def test_a_failed_download_is_one_line() -> None:
    with pytest.raises(UserError, match=r"imagenet: cannot be downloaded \(URL fetch failure on"):
        backbones.load(network("backbone_far"), "imagenet")


def test_what_is_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "bad.h5").write_bytes(b"no weights")
    for file in ("bad.h5", "none.h5"):
        with pytest.raises(UserError, match=rf"{file}: not the weights of {NAME}"):
            backbones.load(network(), str(tmp_path / file))


def test_keras_has_no_folded_mobilenet() -> None:
    picture = keras.Input((None, None, 1))
    x = layers.Conv2D(2, 1, name="backbone_stem")(picture)
    with pytest.raises(UserError, match=r"no weights of this backbone; name a file of .*import-b"):
        backbones.load(keras.Model(picture, x), "imagenet")


def test_resnet_sees_codes_as_it_was_trained() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 1)).astype(np.float32)
    expected = keras.applications.resnet50.preprocess_input(grey.repeat(3, -1))
    found = applications.resnet_codes(keras.ops.convert_to_tensor(grey / 127.5 - 1))
    assert np.allclose(found, expected, atol=1e-3)
