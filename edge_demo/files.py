"""Write a whole file or nothing, whenever the process is stopped, and nothing over another."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .errors import UserError


def check_free(overwrite: bool, *paths: Path | None) -> None:
    """Refuse to replace files unasked; called before the work that would be lost.

    Args:
        overwrite: whether the user asked for it.
        paths: that are going to be written; None is none.

    Raises:
        UserError: one exists.
    """
    for path in paths:
        if path and path.exists() and not overwrite:
            raise UserError(f"{path} exists already; choose another name or pass --overwrite")


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` in one step; on failure (OSError) nothing has changed."""
    scratch = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with scratch.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
