"""Writes the pairs of a TFDS builder out as files, which every command reads with ``pairs:``."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

from edge_demo.runtime.errors import UserError
from edge_demo.runtime.files import write_whole
from edge_demo.runtime.quiet import quiet_stderr

BUILDERS = ("lol",)


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
    name, _, split = text.removeprefix("tfds:").partition(":")
    if name not in BUILDERS:
        near = difflib.get_close_matches(name, BUILDERS, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UserError(f"{text!r}: no builder {name!r}{hint} (known: {', '.join(BUILDERS)})")
    # Here, because it takes seconds that no other command should need.
    with quiet_stderr():
        import tensorflow  # noqa: F401
        import tensorflow_datasets as tfds

    from .lol import lol_dataset_builder as lol

    if split and split not in lol.FOLDERS:
        raise UserError(f"{text!r}: a split is {' or '.join(lol.FOLDERS)}, not {split!r}")
    builder = _built(lol, manual_dir)
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


def _built(module: Any, manual_dir: Path | None) -> Any:
    """The builder of a module, built."""
    import tensorflow_datasets as tfds

    # TFDS itself looks at the variable only when it is imported.
    builder = module.Builder(data_dir=os.environ.get("TFDS_DATA_DIR"))
    if builder.data_path.exists():
        print(f"built before: {builder.data_dir}", file=sys.stderr)
        return builder
    own = Path(builder.data_dir).parents[1] / "downloads" / "manual"
    archive = (own if manual_dir is None else manual_dir.expanduser()) / module.ARCHIVE
    if not archive.is_file():
        how = " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        raise UserError(f"there is no {archive}; --manual-dir says where it is. {how}")
    config = tfds.download.DownloadConfig(manual_dir=archive.parent)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # progress, no result
            builder.download_and_prepare(download_config=config)
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{archive} could not be built: {error}") from None
    return builder
