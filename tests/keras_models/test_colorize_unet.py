"""U-Net on EfficientNet-Lite: what fits a device, what is fitted, how strong colours are."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import keras_models
from edge_demo.colour.ab_bins import COUNT
from keras_models import ab_classes, backbones, colorize_unet
from keras_models.colorize_unet import SIZES


@pytest.mark.parametrize("size", [size for size in SIZES if size != "test"])
def test_a_device_has_room_for_it(size: str) -> None:
    """Six megabytes in 8 bits; what it costs is in the docstring, which another test reads."""
    model = keras_models.build("colorize_unet", size)
    normalised = [layer for layer in model.layers if layer.name.endswith("_norm")]
    folded = 3 * sum(layer.gamma.shape[0] for layer in normalised)
    biases = sum(layer.bias.shape[0] for layer in model.layers if getattr(layer, "use_bias", False))
    # A byte a weight, three more a bias or normalised channel, and 7 % of names and scales.
    assert 1.07 * (model.count_params() - folded + 3 * (biases + folded / 3)) < 6.6e6
    frozen = {weight.path for weight in model.non_trainable_weights}
    assert "backbone_stem/kernel" in frozen and "means/kernel" in frozen
    assert "backbone_embedding/kernel" not in frozen


def test_gain_scales_the_annealed_mean() -> None:
    model = keras_models.build("colorize_unet", "test")
    part = ab_classes.trained_part(model)
    assert part.output.shape[-1] == 1 + COUNT
    values = np.random.default_rng(0).uniform(-1, 1, (2, 64, 32, 1)).astype(np.float32)
    both = np.asarray(part(values))
    gain, scores = both[..., :1], both[..., 1:]
    assert (gain > 0).all() and (gain < 1).all()
    told = ab_classes.VIVID * gain * np.asarray(ab_classes.annealed(scores))[..., :2]
    answer = np.asarray(model(values))
    assert np.allclose(answer[..., :2], told, atol=1e-5)
    chances = np.asarray(keras.ops.softmax(scores, axis=-1))
    assert np.allclose(answer[..., 2:], 2 * chances - 1, atol=1e-5)
    assert np.allclose(np.asarray(ab_classes.gained(scores, gain)), told, atol=1e-5)


def test_saturation_is_a_factor_of_all_colours() -> None:
    model = keras_models.build("colorize_unet", "test")
    values = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 1)).astype(np.float32)
    before = np.asarray(model(values))
    colorize_unet.saturate(model, 1.2)
    after = np.asarray(model(values))
    assert np.allclose(after[..., :2], 1.2 * before[..., :2], rtol=1e-4)
    assert np.array_equal(after[..., 2:], before[..., 2:])
    colorize_unet.saturate(model, 1.0)
    assert np.array_equal(np.asarray(model(values)), before)


def test_the_whole_picture_is_told_to_every_place() -> None:
    """A change in one corner moves what is known of the opposite one."""
    keras.utils.set_random_seed(0)
    whole = keras_models.build("colorize_unet", "test")
    model = keras.Model(whole.inputs, whole.get_layer("fuse4_relu").output)
    rng = np.random.default_rng(0)
    dark = rng.uniform(-1, 0.5, (1, 512, 512, 1)).astype(np.float32)
    light = dark.copy()
    light[:, :64, :64] = 1.0
    corner = [np.asarray(model(values))[0, -1, -1] for values in (dark, light)]
    assert not np.array_equal(*corner)


def test_a_backbone_of_every_size_is_named_alike() -> None:
    for size, made in SIZES.items():
        names = set(backbones.layers(keras_models.build("colorize_unet", size)))
        assert len(names) == 1 + 1 + sum(
            repeats * (3 if expansion > 1 else 2) for expansion, _, repeats, *_ in
            made.encoder.stages
        )  # fmt: skip
