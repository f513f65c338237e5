"""LPIPS, the learned perceptual distance, where the optional package ``lpips`` is installed.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
No part of the project needs it: it brings PyTorch, and on its first use it downloads the weights of
an AlexNet, so tables have an LPIPS column only on machines that have it.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError

PACKAGES = ("torch", "lpips")


def available() -> bool:
    """Whether ``lpips`` can be called here: its packages are installed (not whether they work)."""
    return all(find_spec(name) is not None for name in PACKAGES)


def lpips(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """LPIPS 0.1 with AlexNet of two RGB pictures (H, W, 3) uint8: 0 is equal, lower is better.

    The first call loads the network and takes seconds; from 32x32 pixels up.

    Raises:
        UserError: the packages are not installed.
        TypeError, ValueError: not uint8, not (H, W, 3), or of different shapes.
    """
    if prediction.dtype != np.uint8 or truth.dtype != np.uint8:
        raise TypeError("LPIPS is measured on uint8 pictures; round and clip first")
    if prediction.shape != truth.shape or truth.ndim != 3 or truth.shape[-1] != 3:
        raise ValueError(f"expected (H, W, 3) twice, not {prediction.shape} and {truth.shape}")
    torch, network = _load()
    with torch.no_grad():
        pair = [torch.from_numpy(_nchw(picture)) for picture in (prediction, truth)]
        return float(network(*pair).item())


@lru_cache(maxsize=1)
def _load() -> tuple[Any, Any]:
    """PyTorch and the network."""
    try:
        torch, package = (import_module(name) for name in PACKAGES)
    except ImportError as error:
        raise UserError(f"LPIPS needs the package lpips ({error}); pip install lpips") from None
    return torch, package.LPIPS(net="alex", verbose=False).eval()


def _nchw(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(1, 3, H, W) in -1..1."""
    planes = picture.transpose(2, 0, 1)[None].astype(np.float32)
    return np.ascontiguousarray(planes / np.float32(127.5) - np.float32(1.0))
