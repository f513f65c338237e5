"""``tfds:NAME[:SPLIT]``: a set of pictures that TensorFlow Datasets has prepared, as files.

All else here reads pictures from files, by the code that the device has, because how a file stores
its colour decides what can be learnt from it. So the pictures of a split are written out once, in
the very bytes that TFDS holds, into ``chromaedge/`` in TFDS's own folder, and are files from then
on. That takes their size on disk once more, and no picture is encoded anew.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_demo.errors import UserError
from edge_demo.files import write_whole
from edge_demo.quiet import quiet_stderr

from . import BUILDERS

# How the bytes of a picture begin, and the extension that readers of folders look for.
_KINDS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png"}
# Seconds between lines of progress.
_EVERY = 5.0


def data_dir() -> Path:
    """The folder where TFDS keeps what it prepares: ``TFDS_DATA_DIR``, or its default."""
    # TFDS itself looks at the variable only when it is imported.
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def folders() -> dict[str, Path]:
    """NAME, or NAME/CONFIG, to the folder of its newest version, of all that is prepared."""
    found: dict[str, Path] = {}
    for pattern in ("*/*/features.json", "*/*/*/features.json"):
        versions = [path.parent for path in data_dir().glob(pattern)]
        for folder in sorted(versions, key=lambda path: _numbers(path.name)):
            found[folder.parent.relative_to(data_dir()).as_posix()] = folder
    return found


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def parts(text: str) -> tuple[str, str]:
    """Name and split, "" for none, of ``tfds:NAME[:SPLIT]``."""
    name, _, split = text.removeprefix("tfds:").partition(":")
    return name, split


def unknown(text: str, name: str) -> UserError:
    """The error for a name that is neither prepared nor a builder of this repository."""
    names = sorted({*folders(), *BUILDERS})
    near = difflib.get_close_matches(name, names, 2, 0.5)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return UserError(
        f"{text!r}: no data set {name!r} is prepared in {data_dir()}{hint} "
        f"(known: {', '.join(names)})"
    )


def open_files(text: str, split: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The pictures of a prepared data set as files, written where they were not before.

    Args:
        text: ``tfds:NAME`` or ``tfds:NAME:SPLIT``; NAME may be ``NAME/CONFIG``, SPLIT anything
            that TFDS takes, such as ``train[:10%]``.
        split: ``train`` or ``test``, which is taken when ``text`` names none and the data set has
            it. One that has a single split needs none.

    Returns:
        The files; and of pairs (a data set whose input and target are both pictures, such as
        ``lol``) the inputs, parallel to them, else ().

    Raises:
        UserError: no such data set (near names are listed) or split, one without pictures, files
            that cannot be written.
    """
    name, wanted = parts(text)
    known = folders()
    if name not in known:
        configs = sorted(one for one in known if one.startswith(f"{name}/"))
        if len(configs) > 1:
            raise UserError(f"{text!r}: name one of its configurations: {', '.join(configs)}")
        name = configs[0] if configs else name
    if name not in known:
        if name.partition("/")[0] in BUILDERS:
            raise UserError(
                f"{text!r} is not prepared in {data_dir()} yet: python -m datasets prepare "
                f"tfds:{name} --manual-dir DOWNLOADS --out DIR does it"
            )
        raise unknown(text, name)
    # Here, because it takes seconds that no other source should need.
    with quiet_stderr():
        import tensorflow_datasets as tfds
    builder = tfds.builder_from_directory(known[name])
    splits = sorted(builder.info.splits)
    chosen = wanted or (split if split in splits else splits[0] if len(splits) == 1 else "")
    if not chosen:
        raise UserError(f"{text!r}: name a split, {text}:SPLIT (it has {', '.join(splits)})")
    sides = _sides(text, builder.info, tfds.features.Image)
    # A data set that was built anew is another one.
    version = hashlib.sha256((known[name] / "dataset_info.json").read_bytes()).hexdigest()[:8]
    of_split = re.sub(r"[^\w.+-]", "_", chosen)
    folder = data_dir() / "chromaedge" / name / f"{known[name].name}-{of_split}-{version}"
    try:
        if not folder.is_dir():
            _write(text, _examples(tfds, builder, text, chosen, splits, sides), sides, folder)
        listed = [tuple(sorted((folder / side).iterdir())) for side in sides]
    except OSError as error:
        raise UserError(
            f"cannot write the pictures of {text} to {folder}: {error.strerror}"
        ) from None
    return listed[0], listed[1] if len(listed) > 1 else ()


def _sides(text: str, info: Any, image: type) -> dict[str, str]:
    """Folder to feature: of pairs ``high`` and ``low``, else ``pictures``."""
    pictures = [name for name, kind in info.features.items() if isinstance(kind, image)]
    pair = list(info.supervised_keys or [])
    if len(pair) == 2 and set(pair) <= set(pictures):
        return {"high": pair[1], "low": pair[0]}
    if len(pictures) != 1 and "image" not in pictures:
        held = ", ".join(pictures) or "none"
        raise UserError(f"{text!r}: a data set of one picture an example is needed; it has {held}")
    return {"pictures": "image" if "image" in pictures else pictures[0]}


def _examples(
    tfds: Any, builder: Any, text: str, split: str, splits: list[str], sides: Mapping[str, str]
) -> Any:
    """The examples of a split in their order, as dictionaries of encoded pictures."""
    encoded = {feature: tfds.decode.SkipDecoding() for feature in sides.values()}
    only = tfds.decode.PartialDecoding(dict.fromkeys(encoded, True), decoders=encoded)
    try:
        return tfds.as_numpy(builder.as_dataset(split=split, decoders=only, shuffle_files=False))
    except (ValueError, AssertionError, KeyError):
        raise UserError(f"{text!r}: no split {split!r} (it has {', '.join(splits)})") from None


def _write(text: str, examples: Any, sides: Mapping[str, str], folder: Path) -> None:
    """Write examples as files; what an earlier process wrote before it was killed is kept."""
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        for side in sides:
            (partial / side).mkdir(parents=True, exist_ok=True)
        for index, example in _told(text, examples):
            for side, feature in sides.items():
                data = example[feature]
                ends = [end for start, end in _KINDS.items() if data.startswith(start)]
                if not ends:
                    raise UserError(f"{text}: example {index} holds neither a JPEG nor a PNG file")
                path = partial / side / f"{index:08d}{ends[0]}"
                if not path.exists():
                    write_whole(path, data)
        partial.rename(folder)
    except OSError:
        # Another process, such as a second worker, may have done it meanwhile.
        if not folder.is_dir():
            raise
        with contextlib.suppress(OSError):
            shutil.rmtree(partial)


def _told(text: str, examples: Any) -> Iterator[tuple[int, Any]]:
    """Number examples; every few seconds, say how many there were."""
    count, said = len(examples), time.monotonic()
    for index, example in enumerate(examples):
        if time.monotonic() - said > _EVERY:
            said = time.monotonic()
            print(f"{text}: {index} of {count} pictures written out", file=sys.stderr)
        yield index, example
