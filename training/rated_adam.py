"""Two learning rates in one optimizer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("chromaedge")
class RatedAdam(keras.optimizers.Adam):
    """Two Adams in one, of a learning rate each: its moments are each weight's own anyway.

    Args:
        names: beginnings of the names of the second one's weights.
        rate: the second one's learning rate over the first one's.
        delay: steps before the second one's weights move at all.
        options: of ``keras.optimizers.Adam``.
    """

    def __init__(
        self, *, names: tuple[str, ...] = (), rate: float = 1.0, delay: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.names, self.rate, self.delay = tuple(names), rate, delay

    def update_step(self, gradient, variable, learning_rate):  # type: ignore[no-untyped-def]
        """One weight's step."""
        # Under TensorFlow this is the backend's variable, which knows no path.
        own = self._trainable_variables[self._get_variable_index(variable)]
        if own.path.startswith(self.names):
            begun = ops.cast(self.iterations >= self.delay, learning_rate.dtype)
            learning_rate = learning_rate * self.rate * begun
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict:
        """What ``from_config`` needs."""
        return {**super().get_config(), "names": self.names, "rate": self.rate,
                "delay": self.delay}  # fmt: skip
