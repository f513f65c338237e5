"""Builds this repository's TFDS builders from archives that the user downloaded, and writes LOL.

LOL's pairs are written out in its own folders, which every command reads with ``pairs:``.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

from edge_demo.errors import UserError
from edge_demo.files import write_whole
from edge_demo.quiet import quiet_stderr

from .prepared import data_dir, parts

# Beside what TFDS built: the archive that it was built from.
ARCHIVE = "archive.json"


def write(text: str, out: Path, manual_dir: Path | None = None) -> int:
    """Write the pairs of ``tfds:lol``, ``tfds:lol:train`` or ``tfds:lol:test`` as they are stored.

    The builder is built if it was not before. TFDS keeps what it builds in
    ``~/tensorflow_datasets``, or in ``TFDS_DATA_DIR``.

    Args:
        text: the source.
        out: an existing folder. One split goes to ``low/`` and ``high/`` in it; both go to the
            dataset's own folders, such as ``our485/low``.
        manual_dir: where the archive lies that the user downloaded; None is TFDS's own folder for
            it. Not needed when the builder has been built before.

    Returns:
        How many pairs were written.

    Raises:
        UserError: an unknown name or split, an archive that is missing or damaged, a file that
            cannot be written.
    """
    _, split = parts(text)
    # Here, because it takes seconds that no other command should need.
    with quiet_stderr():
        import tensorflow  # noqa: F401
        import tensorflow_datasets as tfds

    from .lol import lol_dataset_builder as lol

    if split and split not in lol.FOLDERS:
        raise UserError(f"{text!r}: a split is {' or '.join(lol.FOLDERS)}, not {split!r}")
    builder = build(text, manual_dir)
    raw = {side: tfds.decode.SkipDecoding() for side in ("low", "high")}
    count = 0
    for one in [split] if split else lol.FOLDERS:
        top = out if split else out / lol.FOLDERS[one]
        for example in tfds.as_numpy(builder.as_dataset(split=one, decoders=raw)):
            for side in raw:
                path = top / side / f"{example['name'].decode()}.png"
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(path, example[side])
                except OSError as error:
                    raise UserError(f"{path}: cannot be written: {error.strerror}") from None
            count += 1
    return count


def build(text: str, manual_dir: Path | None = None) -> Any:
    """The builder that ``tfds:NAME`` or ``tfds:NAME/CONFIG`` names, built if it was not before.

    Args:
        text: the source; NAME is one of ``BUILDERS``.
        manual_dir: as for ``write``.

    Raises:
        UserError: an unknown configuration, an archive that is missing or damaged.
    """
    with quiet_stderr():
        import tensorflow_datasets as tfds

    name, _, config = parts(text)[0].partition("/")
    module = importlib.import_module(f".{name}.{name}_dataset_builder", __package__)
    known = [one.name for one in module.Builder.BUILDER_CONFIGS]
    if config and config not in known:
        kinds = ", ".join(known) or "none"
        raise UserError(f"{text!r}: {name} has no configuration {config!r} (known: {kinds})")
    builder = module.Builder(data_dir=data_dir(), config=config or None)
    if builder.data_path.exists():
        print(f"built before: {builder.data_dir}", file=sys.stderr)
        return builder
    own = data_dir() / "downloads" / "manual"
    archive = (own if manual_dir is None else manual_dir.expanduser()) / builder.archive
    if not archive.is_file():
        how = " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        raise UserError(f"there is no {archive}; --manual-dir says where it is. {how}")
    download = tfds.download.DownloadConfig(manual_dir=archive.parent)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # progress, no result
            builder.download_and_prepare(download_config=download)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{archive} could not be built: {error}") from None
    _record(archive, Path(builder.data_dir) / ARCHIVE)
    return builder


def _record(archive: Path, file: Path) -> None:
    """Write the name, size and SHA-256 of an archive, and tell them.

    Nobody publishes the digests of these archives, so there is none to check against; this one
    tells whether two people have built from the same. Members of a zip file are checked as they are
    read.
    """
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    found = {"file": archive.name, "bytes": archive.stat().st_size, "sha256": digest}
    try:
        write_whole(file, (json.dumps(found, indent=2) + "\n").encode())
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}") from None
    print(f"built from {archive.name}, SHA-256 {digest}", file=sys.stderr)
