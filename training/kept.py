"""What is kept of a model in training: the network that devices have."""

from __future__ import annotations

import keras


def kept_network(model: keras.Model) -> keras.Model:
    """The network inside a model that teaches it (``generator``), or the model itself.

    Args:
        model: as ``fit`` trains it; see ``adversarial``, ``curves`` and ``distillation``.
    """
    kept: keras.Model = getattr(model, "generator", model)
    return kept
