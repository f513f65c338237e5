"""Restores pictures and video on a device; complete by itself, never TensorFlow.

    import edge_demo

    restorer = edge_demo.load("chroma")
    restorer.restore(edge_demo.read("photo.jpg")).save("restored.png")

``docs/python.md`` has more. Importing this is cheap: what a call needs is loaded by the call.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from .errors import UserError

if TYPE_CHECKING:
    from .device.look import Look
    from .device.restorer import Restorer
    from .pictures.picture import Picture

__all__ = ["UserError", "load", "look", "read"]


def load(model: str | PathLike[str], threads: int = 2) -> Restorer:
    """A model file with all that its task does around it, ready to restore.

    Args:
        model: a task (``"chroma"``, ``"colorize"``, ``"enhance"``) for the model that is usual for
            it, an architecture (``"unet"``), a preset's name with or without its recipe
            (``"chroma_merged-s.r2"``), or a path to a ``.tflite`` file.
        threads: that the network may use.

    Returns:
        An object with ``task``, ``card``, ``options``, ``restore(picture)`` and
        ``restore_array(rgb)``. It is for one thread at a time.

    Raises:
        UserError: no such file or name, or a file that does not run here.
    """
    from .device import restorers

    return restorers.load(model, threads)


def read(path: str | PathLike[str]) -> Picture:
    """A picture of a file: JPEG, PNG, WebP, TIFF, HEIC, AVIF, JPEG XL, GIF or BMP.

    Args:
        path: of the file.

    Returns:
        An object with ``rgb`` ((H, W, 3), upright, uint8 or uint16, as deep as the file) and
        ``save(path)``. It keeps transparency, metadata and ICC profile, as ``docs/files.md`` says.

    Raises:
        UserError: missing, unreadable, truncated, of another kind, or too large.
    """
    from .pictures import picture

    return picture.read(path)


def look(picture: Picture) -> Look:
    """Which task fits a picture: what ``run`` does where nobody chooses.

    Args:
        picture: as ``read`` gives it.

    Returns:
        An object with ``task`` (a name that ``load`` takes, None where nothing needs to be
        restored), ``why`` (in words), ``colourless``, ``dark`` and ``subsampled``.

    Raises:
        UserError: it cannot be decoded.
    """
    from .device import look as looking

    return looking.look(picture)
