"""A backbone's weights as a file of their own: an ``.npz`` of each layer's kernel and bias."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.files import write_whole

# Behind the name of an array of 8-bit steps: the size of its channels' steps.
_SCALE = "scale"
# By so many of a float's last digits may a scale differ from the quotient that it is guessed by.
_ROUNDINGS = 2


def save(weights: Mapping[str, Sequence[NDArray[np.float32]]], path: Path) -> None:
    """Write a backbone: layer name to its kernel and bias.

    A kernel that was in 8 bits once is stored so again, in a quarter of the size.

    Raises:
        UserError: it cannot be written there.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, values in weights.items():
        for index, value in enumerate(values):
            key = f"{name}/{index}"
            if steps := _steps(value):
                arrays[key], arrays[f"{key}/{_SCALE}"] = steps
            else:
                arrays[key] = value
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    try:
        write_whole(path, file.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def read(path: Path) -> dict[str, NDArray[np.float32]]:
    """What ``save`` wrote, in real numbers: ``LAYER/INDEX`` to kernel or bias.

    Raises:
        OSError, ValueError: not such a file.
    """
    with np.load(path, allow_pickle=False) as stored:
        scales = {key for key in stored.files if key.endswith(f"/{_SCALE}")}
        return {
            key: stored[key].astype(np.float32) * stored[f"{key}/{_SCALE}"]
            if f"{key}/{_SCALE}" in scales
            else stored[key]
            for key in stored.files
            if key not in scales
        }


def _steps(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
    """A kernel as 8-bit steps of a scale for each channel; None where that would lose anything."""
    if values.ndim != 4 or values.dtype != np.float32:
        return None
    # (h, w, in, out), of a depthwise one (h, w, channels, 1).
    axis = 3 if values.shape[3] > 1 else 2
    channels = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    if _steps_of(channels[:1]) is None:  # kernels that were never in 8 bits are told at once
        return None
    if (found := _steps_of(channels)) is None:
        return None
    shape = [1] * 4
    shape[axis] = -1
    moved = (values.shape[axis], *(n for i, n in enumerate(values.shape) if i != axis))
    return np.moveaxis(found[0].reshape(moved), 0, axis), found[1].reshape(shape)


def _steps_of(
    channels: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
    """``_steps`` of rows."""
    largest = np.abs(channels).max(1, keepdims=True)
    found = np.zeros(channels.shape, np.int8)
    scales = np.zeros(largest.shape, np.float32)
    left = largest > 0
    for most in range(127, 0, -1):  # which number of steps the largest value is
        if not left.any():
            break
        scale = np.where(left, largest / np.float32(most), np.float32(1))
        for _ in range(_ROUNDINGS):
            scale = np.nextafter(scale, np.float32(0))
        for _ in range(2 * _ROUNDINGS + 1):
            steps = np.rint(channels / scale)
            fits = left & (steps * scale == channels).all(1, keepdims=True)
            found = np.where(fits, steps, found).astype(np.int8)
            scales = np.where(fits, scale, scales)
            left &= ~fits
            scale = np.nextafter(scale, np.float32(np.inf))
    return None if left.any() else (found, scales)
