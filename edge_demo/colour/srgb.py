"""The transfer function of sRGB (IEC 61966-2-1): the one implementation of this project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Power = Callable[[NDArray[Any], float], NDArray[Any]]


def to_linear(coded: NDArray[Any], power: Power = np.power) -> NDArray[Any]:
    """Coded values 0..1 to linear light 0..1, of any shape and of their own float type.

    Args:
        coded: below 0 and above 1 the function goes on.
        power: takes a power; what it makes of values below 0 is not used.
    """
    return np.where(coded > 0.04045, power((coded + 0.055) / 1.055, 2.4), coded / 12.92)


def from_linear(linear: NDArray[Any], power: Power = np.power) -> NDArray[Any]:
    """The inverse of ``to_linear``."""
    return np.where(linear > 0.0031308, 1.055 * power(linear, 1.0 / 2.4) - 0.055, 12.92 * linear)
