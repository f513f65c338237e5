"""``prepare --patch`` and ``records:DIR``: pictures cut once into patches, in shuffled shards.

Decoding and cutting large photographs takes most of the time until a training starts, and copies to
every machine. Here it is done once: patches of one size, as PNG, in TFRecord files. Pictures are
dealt to shards at random, and the patches within a shard are shuffled, so that the first patches of
the first shards are a fair choice of all. A picture's patches are in one shard: shards can be held
out. Pairs are dealt in blocks instead, because neighbours often show one scene.

``manifest.json`` beside the shards says what they are made of. It is written after each shard, so
that the same call goes on with the next one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.cli import cores, remaining
from edge_demo.errors import UserError
from edge_demo.files import write_whole
from edge_demo.pictures import pairs as device_pairs
from edge_demo.pictures import photographs as device

from .partners import LEAST_LIKENESS, likeness
from .source import Source, fingerprint
from .squares import grid

MANIFEST = "manifest.json"
EXTENSION = ".tfrecord"

Picture = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What records are made of; the same again goes on where it was stopped.

    Attributes:
        source: as the user wrote it.
        pictures: ``fingerprint`` of its files.
        pairs: whether a record is a pair: in low and in good light, side by side.
        patch: side of a patch in pixels.
        shard_count: number of files.
        seed: of the dealing and shuffling.
    """

    source: str
    pictures: str
    pairs: bool
    patch: int
    shard_count: int
    seed: int


def prepare(source: Source, out: Path, patch: int, shards: int, seed: int = 0) -> dict[str, Any]:
    """Write a source's patches, or go on writing them.

    Pictures smaller than a patch are named on standard error and skipped, as are pairs that have
    nothing in common.

    Args:
        source: photographs or pairs.
        out: an existing folder; empty, or of the same call before.
        patch: side of a patch; those of one picture overlap by a fifth or more.
        shards: how many files, at most as many as there are pictures.
        seed: of the order.

    Returns:
        The manifest: ``schema``, the settings, and for each shard ``file``, ``pictures``,
        ``patches``, ``bytes`` and ``sha256``.

    Raises:
        UserError: more shards than pictures, a folder of other records, nothing that can be used, a
            file that cannot be written.
    """
    count = len(source.paths)
    if shards > count:
        raise UserError(f"--shards {shards}: {source.text} has only {count} pictures")
    settings = Settings(source.text, fingerprint([source]), bool(source.low), patch, shards, seed)
    manifest = _begun(out, settings)
    done = {shard["file"] for shard in manifest["shards"]}
    rng = np.random.default_rng(seed)
    order = np.arange(count) if source.low else rng.permutation(count)
    started, begun = time.monotonic(), len(done)
    with ThreadPoolExecutor(cores()) as pool:
        for index, members in enumerate(np.array_split(order, shards)):
            name = f"{index:05d}-of-{shards:05d}{EXTENSION}"
            if name in done:
                continue
            of_pictures = pool.map(lambda i: _patches(source, int(i), patch), members)
            found = [patches for patches in of_pictures if patches]
            records = [record for patches in found for record in patches]
            np.random.default_rng([seed, index]).shuffle(records)
            try:
                shard = {"file": name, "pictures": len(found), "patches": len(records)}
                manifest["shards"].append(shard | _written(out / name, records))
                write_whole(out / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
            except OSError as error:
                raise UserError(
                    f"cannot write {out / name}: {error.strerror}; the same command goes on once "
                    "it can"
                ) from None
            left = remaining(time.monotonic() - started, index + 1 - begun, shards - begun)
            print(
                f"shard {index + 1}/{shards}  {len(records)} patches of {len(found)} pictures  "
                f"ETA {left}",
                file=sys.stderr,
            )
    if not sum(shard["patches"] for shard in manifest["shards"]):
        raise UserError(f"none of {count} pictures of {source.text} holds a patch of {patch}")
    return manifest


def _begun(out: Path, settings: Settings) -> dict[str, Any]:
    """The manifest of an earlier call, or a new one."""
    fresh = {"schema": 1, **dataclasses.asdict(settings), "shards": []}
    if not (out / MANIFEST).exists():
        # A process that was killed leaves its unfinished shard.
        if any(path.suffix not in (EXTENSION, ".tmp") for path in out.iterdir()):
            raise UserError(f"{out} exists already and is not empty; choose another --out")
        return fresh
    before = _manifest(out)
    if changed := [key for key in fresh if key != "shards" and before.get(key) != fresh[key]]:
        raise UserError(
            f"{out} holds records of another call ({', '.join(changed)} differs); choose another "
            "--out"
        )
    return before


def _patches(source: Source, index: int, patch: int) -> list[bytes]:
    """A picture's patches as PNG files; none of one that cannot be used."""
    try:
        if not source.low:
            whole = device.read(source.paths[index], patch)
        else:
            low, high = device_pairs.read(source.low[index], source.paths[index])
            if min(low.shape[:2]) < patch:
                raise UserError(f"{source.paths[index]}: smaller than {patch}x{patch} pixels")
            if (found := likeness(low, high)) < LEAST_LIKENESS:
                raise UserError(
                    f"{source.paths[index]} and its partner have nothing in common (likeness "
                    f"{found:.2f})"
                )
            whole = np.concatenate([low, high], -1)
    except UserError as error:
        print(f"skipped: {error}", file=sys.stderr)
        return []
    cells = grid(whole, patch)
    if source.low:
        cells = [np.concatenate([cell[..., :3], cell[..., 3:]], 1) for cell in cells]
    return [cv2.imencode(".png", cell[..., ::-1])[1].tobytes() for cell in cells]


def _written(path: Path, records: Sequence[bytes]) -> dict[str, Any]:
    """Write a shard in one step; its size and digest."""
    import tensorflow as tf

    scratch = path.with_name(f".{path.name}.tmp")
    try:
        with tf.io.TFRecordWriter(str(scratch)) as writer:
            for record in records:
                writer.write(record)
    except tf.errors.OpError as error:
        scratch.unlink(missing_ok=True)
        raise OSError(0, error.message) from None
    with scratch.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = scratch.stat().st_size
    scratch.replace(path)
    return {"bytes": size, "sha256": digest}


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        names = {"file", "patches", "bytes"}
        whole = found["schema"] == 1 and all(names <= set(shard) for shard in found["shards"])
        whole = whole and {"pairs", "patch", "shard_count"} <= set(found)
    except OSError as error:
        raise UserError(
            f"{folder} holds no records ({MANIFEST}: {error.strerror}); python -m datasets prepare "
            f"SOURCE --patch 192 --out {folder} makes them"
        ) from None
    except (ValueError, TypeError, KeyError):
        whole = False
    if not whole:
        raise UserError(f"{folder / MANIFEST} is damaged")
    return found


def open_folder(text: str, folder: Path) -> Source:
    """Records as a source: each patch is a picture, or a pair.

    Raises:
        UserError: no records, unfinished ones, a shard that is missing or has another size.
    """
    manifest = _manifest(folder)
    shards = manifest["shards"]
    if len(shards) < manifest["shard_count"]:
        raise UserError(
            f"{folder} is not finished ({len(shards)} of {manifest['shard_count']} shards); give "
            "its prepare command again"
        )
    for shard in shards:
        path = folder / shard["file"]
        if not path.is_file() or path.stat().st_size != shard["bytes"]:
            raise UserError(f"{path} is missing or incomplete; copy it again")
    used = [shard for shard in shards if shard["patches"]]
    paths = tuple(folder / shard["file"] for shard in used)
    counts = tuple(shard["patches"] for shard in used)
    return Source(text, paths, paths if manifest["pairs"] else (), counts)


def _decoded(paths: Sequence[Path]) -> Iterator[tuple[Path, Picture]]:
    import tensorflow as tf

    for path in paths:
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                decoded = cv2.imdecode(np.frombuffer(record, np.uint8), cv2.IMREAD_COLOR)
                if decoded is None:
                    raise UserError(f"{path} is damaged: a record in it is no picture")
                yield path, np.ascontiguousarray(decoded[..., ::-1], np.uint8)
        except tf.errors.OpError as error:
            raise UserError(f"{path} is damaged: {error.message}") from None


def photographs(paths: Sequence[Path], least_side: int) -> Iterator[tuple[Path, Picture]]:
    """Each patch of some shards, with its shard: RGB (patch, patch, 3) uint8.

    Of pairs the one in good light.

    Raises:
        UserError: a damaged shard, patches below ``least_side``.
    """
    for path, rgb in _decoded(paths):
        side = rgb.shape[0]
        if side < least_side:
            raise UserError(f"{path} holds patches of {side} pixels, and {least_side} are needed")
        yield path, rgb[:, -side:]


def pairs(paths: Sequence[Path]) -> Iterator[tuple[Path, Picture, Picture]]:
    """Each pair of some shards, with its shard: low and high, RGB (patch, patch, 3) uint8."""
    for path, both in _decoded(paths):
        side = both.shape[0]
        yield path, both[:, :side], both[:, side:]
