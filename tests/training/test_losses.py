"""Loss and metric by hand, in 8-bit code values."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from training.losses import Charbonnier, LogError, residual_psnr

TRUTH = np.zeros((2, 1, 1, 2), np.float32)
# Errors of 3 and 0 codes, then 0.4 and 4.8 codes, at 48 codes a unit.
PREDICTION = np.array([3 / 48, 0, -0.4 / 48, 0.1], np.float32).reshape(2, 1, 1, 2)


def test_charbonnier_by_hand() -> None:
    loss = Charbonnier(scale=48.0, epsilon=0.3)
    each = [np.hypot(error, 0.3) for error in (3, 0, 0.4, 4.8)]
    assert float(loss(TRUTH, PREDICTION)) == pytest.approx(np.mean(each), rel=1e-5)
    assert float(loss(PREDICTION, TRUTH)) == pytest.approx(np.mean(each), rel=1e-5)
    assert float(loss(TRUTH, TRUTH)) == pytest.approx(0.3, rel=1e-5)


def test_charbonnier_is_quadratic_then_linear() -> None:
    loss = Charbonnier(scale=1.0, epsilon=0.5)

    def above(error: float) -> float:
        truth = np.zeros((1, 1), np.float32)
        return float(loss(truth, truth + np.float32(error))) - 0.5

    assert above(0.02) == pytest.approx(4 * above(0.01), rel=0.02)
    assert above(200) == pytest.approx(2 * above(100), rel=0.01)


def test_half_precision_is_not_compared_in_halves() -> None:
    truth = np.full((1, 4), 0.5, np.float32)
    prediction = keras.ops.cast(keras.ops.array(truth + 1 / 256), "bfloat16")
    loss = Charbonnier(scale=48.0, epsilon=1e-6)(truth, prediction)
    assert loss.dtype == "float32"
    assert float(loss) == pytest.approx(48 / 256, rel=1e-3)


def test_charbonnier_survives_saving() -> None:
    loss = Charbonnier(scale=48.0, epsilon=0.5, name="mine")
    config = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, Charbonnier)
    assert (again.scale, again.epsilon, again.name) == (48.0, 0.5, "mine")


def test_log_error_by_hand() -> None:
    """The mean of each crop's PSNR, turned around and without its peak."""
    errors = np.array([[3, 0], [-0.4, 4.8]])
    expected = np.mean(10 * np.log10((errors**2).mean(axis=1) + 0.25))
    assert float(LogError(48.0, floor=0.25)(TRUTH, PREDICTION)) == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(float(LogError(48.0)(TRUTH, TRUTH)))
    # Half the error is 6 dB, wherever it starts: no crop counts by its contrast.
    loss = LogError(1.0, floor=1e-9)
    for error in (2.0, 20.0):
        gain = float(loss(TRUTH, TRUTH + np.float32(error)))
        gain -= float(loss(TRUTH, TRUTH + np.float32(error / 2)))
        assert gain == pytest.approx(20 * np.log10(2), rel=1e-4)


def test_log_error_survives_saving() -> None:
    config = keras.saving.serialize_keras_object(LogError(48.0, 0.125, name="mine"))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, LogError)
    assert (again.scale, again.floor, again.name) == (48.0, 0.125, "mine")


def test_psnr_is_of_each_image_and_in_codes() -> None:
    errors = np.array([[3, 0], [-0.4, 4.8]])
    expected = 10 * np.log10(255**2 / (errors**2).mean(axis=1))
    found = residual_psnr(48.0)(TRUTH, PREDICTION)
    assert np.asarray(found) == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(residual_psnr(48.0)(TRUTH, TRUTH)).all()
    assert residual_psnr(48.0).__name__ == "psnr"  # a column of history.csv
