"""Low light made from photographs by day, as a camera would have recorded it.

In linear light: less exposure, a white balance that is off, a pedestal (veiling glare, or a black
level that was not taken off), and sensor noise whose variance grows with the signal (Foi et al.,
"Practical Poissonian-Gaussian Noise Modeling", 2008). Then the sRGB curve and 8 bits again, which
leave few codes of a dark picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..colour import srgb
from ..colour.ycbcr import round_to_uint8

# Each drawn evenly, the first, third and fourth on a logarithmic scale. Full scale of the linear
# values is 1.
# Of 54 real pairs of ELIEI (``studies/darkness.py``), the middle half have factors of 0.010 to
# 0.019 in green, of 0.73 to 0.95 of that in red and 0.64 to 0.90 in blue, and pedestals below
# 0.0004 in green and of 0.0002 to 0.0012 in red and blue, which makes shadows purple. Exposures
# reach further up, because other nights are brighter.
EXPOSURE = (0.004, 0.12)  # factor
WHITE_BALANCE = (0.6, 1.15)  # factor of red, and of blue
SHOT = (3e-5, 5e-4)  # variance per unit of signal
READ = (1e-4, 2e-3)  # standard deviation in the dark
PEDESTAL = (0.0, 0.0005)
PURPLE = (0.0, 0.0012)  # pedestal of red and blue on top of it


@dataclass(frozen=True)
class Camera:
    """One draw: see the ranges of the same names."""

    exposure: float
    red: float
    blue: float
    shot: float
    read: float
    pedestal: float
    purple: float


def draw(rng: np.random.Generator) -> Camera:
    """A camera at random."""

    def even(limits: tuple[float, float]) -> float:
        return float(rng.uniform(*limits))

    def logarithmic(limits: tuple[float, float]) -> float:
        return float(np.exp(rng.uniform(*np.log(limits))))

    return Camera(
        logarithmic(EXPOSURE), even(WHITE_BALANCE), even(WHITE_BALANCE), logarithmic(SHOT),
        logarithmic(READ), even(PEDESTAL), even(PURPLE),
    )  # fmt: skip


def to_linear(values: NDArray[Any]) -> NDArray[np.float32]:
    """sRGB 0..1 to linear light 0..1, float32."""
    return srgb.to_linear(values.astype(np.float32))


def from_linear(values: NDArray[Any]) -> NDArray[np.float32]:
    """Linear light to sRGB, both 0..1."""
    return srgb.from_linear(np.clip(values, 0.0, 1.0).astype(np.float32))


def darken(
    image: NDArray[np.uint8], camera: Camera, noise: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 as a camera records it in low light.

    Args:
        image: by day.
        camera: how dark, how noisy.
        noise: of the image's shape, standard normal.
    """
    table = to_linear(np.arange(256) / 255.0)
    gains = np.array([camera.red, 1.0, camera.blue], np.float32) * np.float32(camera.exposure)
    purple = np.array([camera.purple, 0.0, camera.purple], np.float32)
    signal = table[image] * gains + (np.float32(camera.pedestal) + purple)
    spread = np.sqrt(np.float32(camera.shot) * signal + np.float32(camera.read) ** 2)
    return round_to_uint8(from_linear(signal + noise * spread) * 255.0)
