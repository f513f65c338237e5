"""Take model files from a folder or a web server: checked, resumable, whole or not at all.

What has come is kept in ``NAME.tflite.part`` until all is there, so that the next try goes on where
the last one stopped. The index says which bytes a file has to have, wherever they come from.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import UserError
from .models_index import SUFFIX, Entry

Progress = Callable[[int, int], None]  # bytes here, of how many

_CHUNK = 1 << 16
# Seconds without a byte.
_PATIENCE = 30.0


def fetch(
    entry: Entry, source: str, folder: Path, progress: Progress = lambda done, total: None
) -> bool:
    """Put a model's file into a folder; one of other bytes is replaced.

    Args:
        entry: what is wanted.
        source: a folder, or the URL of one.
        folder: to put it in.
        progress: told after each piece.

    Returns:
        Whether that was needed: False where it is there already.

    Raises:
        UserError: it is not at the source, not whole, of other bytes, or cannot be written.
    """
    name = f"{entry.stored_as}{SUFFIX}"
    target, part = folder / name, folder / f"{name}.part"
    try:
        if _is(target, entry):
            return False
        here = part.stat().st_size if part.is_file() else 0
        if here >= entry.bytes:  # nothing is missing, or it is no beginning of this file
            if _is(part, entry):
                os.replace(part, target)
                return True
            part.unlink()
            here = 0
        _receive(entry, source, name, part, here, progress)
        if not _is(part, entry):
            part.unlink()
            raise UserError(
                f"{name} from {source} has other bytes than the index says; nothing was kept"
            )
        os.replace(part, target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return True


def _is(path: Path, entry: Entry) -> bool:
    """Whether a file has the bytes that the index says."""
    if not path.is_file() or path.stat().st_size != entry.bytes:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == entry.sha256


def _receive(
    entry: Entry, source: str, name: str, part: Path, here: int, progress: Progress
) -> None:
    """Append what is missing to ``part``; OSError is of writing it."""
    with _opened(source, name, here) as (stream, start), part.open("r+b" if start else "wb") as out:
        out.seek(start)
        done = start
        while done < entry.bytes:
            with _told(source, name):
                piece = stream.read(min(_CHUNK, entry.bytes - done))
            if not piece:
                raise UserError(
                    f"{name} from {source} ended after {done} of {entry.bytes} bytes; "
                    "the same command goes on from there"
                )
            out.write(piece)
            done += len(piece)
            progress(done, entry.bytes)
        out.flush()
        os.fsync(out.fileno())


@contextlib.contextmanager
def _opened(source: str, name: str, here: int) -> Iterator[tuple[BinaryIO, int]]:
    """A stream of a file, and how many of its bytes were left out: as many as are here, or none."""
    if not is_url(source):
        with _told(source, name):
            stream = (Path(source) / name).open("rb")
        with stream:
            stream.seek(here)
            yield stream, here
        return
    url = f"{source.rstrip('/')}/{urllib.parse.quote(name)}"
    # A server that knows no parts sends the whole.
    wanted = {"Range": f"bytes={here}-"} if here else {}
    with _told(source, name):
        answer = urllib.request.urlopen(
            urllib.request.Request(url, headers=wanted), timeout=_PATIENCE
        )
    with answer:
        part = answer.status == 206
        if part and not (answer.headers.get("Content-Range") or "").startswith(f"bytes {here}-"):
            raise UserError(f"cannot fetch {name} from {source}: it sent another part than asked")
        yield answer, here if part else 0


def is_url(source: str) -> bool:
    """Whether a source is on a web server."""
    return source.startswith(("http://", "https://"))


@contextlib.contextmanager
def _told(source: str, name: str) -> Iterator[None]:
    """One line of what goes wrong while reading."""
    try:
        yield
    except urllib.error.HTTPError as error:
        reason = "there is no such file" if error.code == 404 else f"{error.code} {error.reason}"
    except FileNotFoundError:
        reason = "there is no such file"
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", "") or str(error.reason)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", "") or str(error) or type(error).__name__
    else:
        return
    raise UserError(f"cannot fetch {name} from {source}: {reason}")
