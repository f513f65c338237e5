"""A model file that describes itself: a card and a golden pair behind the FlatBuffer.

The appended zip holds ``card.json`` (task, its variant as ``form``, contract, preset, recipe,
training data and terms, metrics, sha256) and ``golden.npz`` (one input of the graph and its
output). A FlatBuffer is read from its front and a zip from its back, so interpreters and zip tools
both open the file as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import tasks
from ..errors import UserError
from ..tasks.record import Task

CARD, GOLDEN = "card.json", "golden.npz"
# What zipfile and numpy raise on a damaged archive.
_DAMAGE = (
    KeyError, ValueError, EOFError, OSError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
REQUIRED = ("task", "contract", "model", "recipe", "tile", "halo", "weights_sha256")


@dataclass(frozen=True)
class Card:
    """What a device must know of a model file.

    Attributes:
        values: everything in ``card.json``.
    """

    values: Mapping[str, Any]

    @property
    def task(self) -> Task:
        """The record of the model's variant of its task."""
        return tasks.record(self.values["task"], self.values.get("form", ""))

    @property
    def name(self) -> str:
        """``PRESET.RECIPE``, or ``MODEL.RECIPE`` for a run's own export."""
        return f"{self.values.get('preset') or self.values['model']}.{self.values['recipe']}"

    @property
    def static(self) -> bool:
        """Whether its graph is of one size, which cannot change."""
        return self.values.get("static") is True

    @property
    def tile(self) -> int:
        """Side of the square of image pixels that one inference takes."""
        return int(self.values["tile"])

    @property
    def halo(self) -> int:
        """Outer pixels of a tile whose result would depend on what lies beyond it."""
        return int(self.values["halo"])


def join(network: bytes, card: Mapping[str, Any], golden: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a self-describing model file.

    Args:
        network: the FlatBuffer that the converter gave.
        card: with every key of ``REQUIRED`` but ``weights_sha256``, which is added here.
        golden: ``input_NAME`` and ``output_NAME`` to real values.
    """
    full = {**card, "weights_sha256": hashlib.sha256(network).hexdigest()}
    if missing := [key for key in REQUIRED if key not in full]:
        raise ValueError(f"a card needs {', '.join(missing)}")
    arrays = io.BytesIO()
    np.savez_compressed(arrays, **golden)  # type: ignore[arg-type]
    # Appended to the FlatBuffer so that the zip's offsets count from the file's start.
    file = io.BytesIO(network)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (
            (CARD, json.dumps(full, indent=2).encode()),
            (GOLDEN, arrays.getvalue()),
        ):
            # A fixed date: the same model is the same file.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return file.getvalue()


def _open(path: Path) -> zipfile.ZipFile:
    if not path.is_file():
        raise UserError(f"{path}: no such model file")
    try:
        return zipfile.ZipFile(path)
    except _DAMAGE:
        raise UserError(
            f"{path}: carries no card, so it is not a model exported by this project"
        ) from None


def read_card(path: Path) -> Card:
    """The card of a model file.

    Raises:
        UserError: no file, no card, an incomplete card, an unknown task or variant, or another
            contract.
    """
    with _open(path) as archive:
        try:
            values = json.loads(archive.read(CARD))
        except _DAMAGE:
            raise UserError(f"{path}: its card is missing or damaged") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: its card is damaged")
    if missing := [key for key in REQUIRED if key not in values]:
        raise UserError(f"{path}: its card lacks {', '.join(missing)}")
    if not _sensible(values):
        raise UserError(f"{path}: its card is damaged: values of the wrong kind")
    card = Card(values)
    if card.task.contract != values["contract"]:
        raise UserError(
            f"{path}: made for contract {values['contract']} of the {card.task.name} task, "
            f"this runtime speaks {card.task.contract}; export the model again"
        )
    return card


def _sensible(values: Mapping[str, Any]) -> bool:
    """Whether the values that the runtime relies on are of the right kind and range."""
    texts = all(isinstance(values.get(key, ""), str) for key in ("task", "form", "model", "recipe"))
    numbers = all(type(values[key]) is int for key in ("contract", "tile", "halo"))
    if not (texts and numbers):
        return False
    tile, halo = values["tile"], values["halo"]
    return halo >= 0 and tile > 2 * halo and tile % 2 == 0 and halo % 2 == 0


def read_golden(path: Path) -> dict[str, NDArray[Any]]:
    """The golden pair of a model file: ``input_NAME`` and ``output_NAME`` to arrays."""
    with _open(path) as archive:
        try:
            with np.load(io.BytesIO(archive.read(GOLDEN)), allow_pickle=False) as arrays:
                return dict(arrays)
        except _DAMAGE:
            raise UserError(f"{path}: its golden pair is missing or damaged") from None


def flatbuffer(path: Path) -> bytes:
    """The converter's part of a model file, without what is appended."""
    with _open(path) as archive:
        start = min(info.header_offset for info in archive.infolist())
    return path.read_bytes()[:start]


def intact(path: Path, card: Card) -> bool:
    """Whether the FlatBuffer is the one that the card was written for."""
    return hashlib.sha256(flatbuffer(path)).hexdigest() == card.values["weights_sha256"]
