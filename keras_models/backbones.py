"""Trained weights for the backbone inside a network: from a file, a preset, a run or Keras.

A network's backbone is every layer whose name begins with ``backbone_``.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from edge_demo.errors import UserError

from . import applications, backbone_files, runs

PREFIX = "backbone_"


def layers(model: keras.Model) -> dict[str, keras.Layer]:
    """A network's backbone: name to layer, those with weights; empty for a network without."""
    return {
        layer.name: layer
        for layer in model.layers
        if layer.name.startswith(PREFIX) and layer.weights
    }


def load(model: keras.Model, source: str, option: str = "backbone_weights") -> None:
    """Give a network's backbone trained weights.

    Args:
        model: whose backbone is to be loaded.
        source: an ``.npz`` that ``import-backbone`` wrote, a preset's name or a run's folder; for
            backbones of ``applications`` ``imagenet``, or an ``.h5`` with Keras's weights.
        option: what named the source, for messages.

    Raises:
        UserError: none of these, or one of another backbone.
    """
    wanted = layers(model)
    if source == "imagenet" or Path(source).suffix == ".h5":
        found = {name: applications.imagenet(name, source).get_weights() for name in wanted}
    else:
        found = _read(source, option)
    if missing := sorted(set(wanted) - set(found)):
        raise UserError(
            f"{option}={source}: holds no weights of {missing[0]} and {len(missing) - 1} "
            f"more layers that {model.name} has"
        )
    for name, layer in wanted.items():
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in found[name]] != shapes:
            raise UserError(
                f"{option}={source}: {name} is {found[name][0].shape} there, "
                f"{shapes[0]} in {model.name}"
            )
        layer.set_weights(found[name])


def _read(source: str, option: str) -> dict[str, list[np.ndarray]]:
    path = Path(source)
    if path.suffix == ".npz":
        try:
            found: dict[str, list[np.ndarray]] = {}
            for key, values in backbone_files.read(path).items():
                found.setdefault(key.rpartition("/")[0], []).append(values)
        except OSError as error:
            raise UserError(f"{option}={source}: {error.strerror or error}") from None
        except ValueError:
            raise UserError(f"{option}={source}: not a backbone") from None
        return found
    model = runs.load_model(path)
    return {name: layer.get_weights() for name, layer in layers(model).items()}
