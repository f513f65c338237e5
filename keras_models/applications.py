"""Backbones of ``keras.applications``: ResNet50's features, InceptionResNetV2's classes.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; Szegedy et al., "Inception-v4,
Inception-ResNet and the Impact of Residual Connections on Learning", AAAI 2017. Each is one frozen
layer of a network, whose weights are Keras's for ImageNet, see ``backbones.load``.

Both take three channels; a grey picture is repeated in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
from keras import layers

from edge_demo.errors import UserError

RESNET, INCEPTION = "backbone_resnet50", "backbone_inception_resnet_v2"
# Downscale to the layer whose output has it.
_RESNET_FEATURES = {
    4: "conv2_block3_out", 8: "conv3_block4_out", 16: "conv4_block6_out", 32: "conv5_block3_out",
}  # fmt: skip
# What ResNet50 was trained on: blue, green and red codes less these.
_RESNET_MEANS = (103.939, 116.779, 123.68)
_INCEPTION_SIDE = 299
CLASSES = 1000


def resnet_features(picture: keras.KerasTensor) -> dict[int, keras.KerasTensor]:
    """Downscale (4, 8, 16, 32) to ResNet50's features (256, 512, 1024, 2048 channels).

    Args:
        picture: (B, H, W, 1) lightness in -1..1, taken for code values.
    """
    return dict(zip(_RESNET_FEATURES, _frozen(RESNET)(resnet_codes(picture)), strict=True))


def resnet_codes(picture: keras.KerasTensor) -> keras.KerasTensor:
    """Lightness in -1..1 as ResNet50 was trained to see it: three channels less their means."""
    offset = [127.5 - mean for mean in _RESNET_MEANS]
    return layers.Rescaling(127.5, offset, name="resnet_codes")(_repeated(picture))


def inception_classes(picture: keras.KerasTensor) -> keras.KerasTensor:
    """InceptionResNetV2's scores (logits) of ImageNet's classes, (B, 1000).

    Args:
        picture: (B, H, W, 1) lightness in -1..1; resized to the 299x299 that it was trained at.
    """
    x = layers.Resizing(_INCEPTION_SIDE, _INCEPTION_SIDE, name="inception_resized")(picture)
    return _frozen(INCEPTION)(_repeated(x))


def imagenet(name: str, source: str | None) -> keras.Model:
    """A backbone as Keras has it.

    Args:
        name: a key of ``_MAKERS``.
        source: ``imagenet``, which Keras downloads once, a file of such weights, or None for
            random ones.

    Raises:
        UserError: no such backbone there, a failed download, or not its file.
    """
    if name not in _MAKERS:
        raise UserError(
            f"backbone_weights={source}: Keras has no weights of this backbone; name a file of "
            "'python -m keras_models import-backbone'"
        )
    try:
        return _MAKERS[name](source)
    # Keras raises a bare Exception where a download fails.
    except Exception as error:
        if source is None:
            raise
        what = "cannot be downloaded" if source == "imagenet" else "not the weights of " + name
        raise UserError(f"backbone_weights={source}: {what} ({error})") from None


def _resnet(weights: str | None) -> keras.Model:
    made = keras.applications.ResNet50(
        include_top=False, weights=weights, input_shape=(None, None, 3)
    )
    outputs = [made.get_layer(name).output for name in _RESNET_FEATURES.values()]
    return keras.Model(made.inputs, outputs)


def _inception(weights: str | None) -> keras.Model:
    return keras.applications.InceptionResNetV2(weights=weights, classifier_activation=None)


_MAKERS: Mapping[str, Callable[[str | None], keras.Model]] = {
    RESNET: _resnet,
    INCEPTION: _inception,
}


def _repeated(picture: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Concatenate(name="three_channels")([picture] * 3)


def _frozen(name: str) -> keras.Model:
    """A backbone with random weights, as a layer."""
    made = imagenet(name, None)
    # Keras numbers some layers by how many there have been; ours are told by their place.
    places = {layer.name: f"{name}_{place}" for place, layer in enumerate(made.layers)}

    def renamed(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "name": places[layer.name]})

    copy = keras.models.clone_model(made, clone_function=renamed)
    copy.name = name
    copy.trainable = False
    return copy
