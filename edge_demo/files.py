"""Write a whole file or nothing, whenever the process is stopped, and nothing over another."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
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
        try:
            there = path is not None and path.exists()
        except OSError as error:  # a name that is too long, a folder that may not be entered
            raise UserError(f"{path}: cannot be written ({error.strerror})") from None
        if there and not overwrite:
            raise UserError(f"{path} exists already; choose another name or pass --overwrite")


def check_other(source: Path, target: Path) -> None:
    """Raise UserError for a result that would take the place of what it is made from."""
    if target.exists() and target.samefile(source):
        raise UserError(f"{target}: is the input itself; choose another name")


def check_empty(folder: Path) -> None:
    """Raise UserError for a folder of results that holds something, or is none."""
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise UserError(f"{folder}: cannot be used ({error.strerror})") from None
    if taken:
        raise UserError(f"{folder} exists already and is not empty; choose another --out")


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` in one step; on failure (OSError) nothing has changed."""
    scratch = beside(path)
    try:
        with scratch.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        put(scratch, path)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """A name for a file that is to become ``path``, in the folder that it will be in."""
    return _followed(path).parent / f".{secrets.token_hex(8)}.tmp"


def put(scratch: Path, path: Path) -> None:
    """Let a file that is whole take the place of another, or of none; raises OSError.

    What it replaces was given its permissions by somebody, and may have other names: it keeps both.
    """
    target = _followed(path)
    try:
        before = target.stat()
    except FileNotFoundError:
        os.replace(scratch, target)
        return
    if before.st_nlink > 1:
        # Several names of one file: only its content can change for all of them.
        with scratch.open("rb") as source, target.open("r+b") as stream:
            shutil.copyfileobj(source, stream)
            stream.truncate()
            stream.flush()
            os.fsync(stream.fileno())
        scratch.unlink()
        return
    with contextlib.suppress(OSError):  # only root may give files away
        os.chown(scratch, before.st_uid, before.st_gid)
    os.chmod(scratch, stat.S_IMODE(before.st_mode))
    os.replace(scratch, target)


def _followed(path: Path) -> Path:
    """Where a link leads, or the path itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path
