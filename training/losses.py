"""Losses and training metrics on a task's own tensors."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("chromaedge")
class Charbonnier(keras.losses.Loss):
    """Charbonnier's differentiable L1 (Charbonnier et al. 1994; LapSRN, Lai et al. 2017).

    Args:
        scale: 8-bit code values per unit of the tensors, so that the loss is in code values:
            unscaled, its gradients are too small to train the net.
        epsilon: errors below this many code values are treated quadratically.
    """

    def __init__(self, scale: float, epsilon: float, name: str = "charbonnier") -> None:
        super().__init__(name=name)
        self.scale = scale
        self.epsilon = epsilon

    def call(self, y_true, y_pred):  # type: ignore[no-untyped-def]
        """The loss of each element, in code values."""
        error = (ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")) * self.scale
        return ops.sqrt(ops.square(error) + self.epsilon**2)

    def get_config(self) -> dict:
        """What ``from_config`` needs."""
        return {"scale": self.scale, "epsilon": self.epsilon, "name": self.name}


@keras.saving.register_keras_serializable("chromaedge")
class LogError(keras.losses.Loss):
    """Ten times the decimal logarithm of each crop's mean square error: its PSNR, turned around.

    What tables average is PSNR, so a crop counts by its relative error, not by its contrast. It
    asks too much of a fresh network; use it on one that is trained.

    Args:
        scale: 8-bit code values per unit of the tensors.
        floor: added to the mean square error, in code values squared, so that flat crops (whose
            error is below what 8 bits hold) do not rule the rest.
    """

    def __init__(self, scale: float, floor: float = 0.5, name: str = "log_error") -> None:
        super().__init__(name=name)
        self.scale = scale
        self.floor = floor

    def call(self, y_true, y_pred):  # type: ignore[no-untyped-def]
        """The loss of each crop, in dB."""
        error = (ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")) * self.scale
        return 10.0 * ops.log10(ops.mean(ops.square(error), axis=(1, 2, 3)) + self.floor)

    def get_config(self) -> dict:
        """What ``from_config`` needs."""
        return {"scale": self.scale, "floor": self.floor, "name": self.name}


def residual_psnr(scale: float):  # type: ignore[no-untyped-def]
    """A Keras metric function: PSNR per image of a predicted residual, peak 255, unrounded."""

    def psnr(y_true, y_pred):  # type: ignore[no-untyped-def]
        error = (ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")) * scale
        mse = ops.mean(ops.square(error), axis=(1, 2, 3))
        return 10.0 * ops.log10(255.0**2 / ops.maximum(mse, 1e-6))

    return psnr
