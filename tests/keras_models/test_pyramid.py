"""Features from coarse to fine: shapes, and that every one of them is heard."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_models import pyramid

WIDTHS = pyramid.Widths(top=5, middle=6, fine=7)
SIDE = 64


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(2)
    known = {downscale: keras.Input((None, None, 3)) for downscale in (4, 8, 16, 32)}
    picture = keras.Input((None, None, 1))
    encoded = pyramid.encoder(picture, (2, 3, 4))
    assert sorted(encoded) == [2, 4, 8]
    out = pyramid.pyramid(known, encoded, WIDTHS, dropout=0.5)
    return keras.Model([*known.values(), picture], out)


def inputs(height: int = SIDE, width: int = SIDE) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = [(height // d, width // d, 3) for d in (4, 8, 16, 32)] + [(height, width, 1)]
    return [rng.normal(0, 2, (1, *shape)).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 96)])
def test_it_ends_at_a_quarter_of_any_size(model: keras.Model, height: int, width: int) -> None:
    assert model(inputs(height, width)).shape == (1, height // 4, width // 4, WIDTHS.fine)


@pytest.mark.parametrize("place", range(5))
def test_each_input_is_heard(model: keras.Model, place: int) -> None:
    before = np.asarray(model(inputs()))
    changed = inputs()
    changed[place] = changed[place][:, ::-1]
    assert np.abs(np.asarray(model(changed)) - before).max() > 1e-3


def test_the_whole_is_told_to_every_place(model: keras.Model) -> None:
    """A change in one corner of the coarsest features is heard in the opposite one."""
    before = np.asarray(model(inputs(160, 160)))
    changed = inputs(160, 160)
    changed[3][:, 0, 0] += 50
    difference = np.abs(np.asarray(model(changed)) - before)[0, -4:, -4:]
    assert difference.max() > 1e-4


def test_channels_are_left_out_only_in_training(model: keras.Model) -> None:
    values = inputs()
    assert np.array_equal(model(values, training=False), model(values, training=False))
    # Normalisation sees the batch in training, in both calls alike.
    assert not np.array_equal(model(values, training=True), model(values, training=True))
