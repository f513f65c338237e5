"""Architectures, one file a model, found by their file's name; pure Keras 3."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Protocol, cast

import keras

from edge_demo import tasks
from edge_demo.errors import UserError
from edge_demo.tasks.record import Task


class Model(Protocol):
    """What a model's file offers."""

    TASK: Task
    SIZES: dict[str, object]

    def build(self, size: str) -> keras.Model:
        """The Keras model of a size: inputs and outputs as in ``TASK``, any height and width."""

    def halo(self, size: str) -> int:
        """How many image pixels around its own a pixel of the output depends on, at most."""


def names() -> tuple[str, ...]:
    """Every model here."""
    stems = (path.stem for path in Path(__file__).parent.glob("*_*.py"))
    return tuple(sorted(stem for stem in stems if stem.partition("_")[0] in tasks.NAMES))


def get(name: str) -> Model:
    """The module of a model, or UserError that lists the near names."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), 2, 0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UserError(f"unknown model {name!r}{hint} (known: {', '.join(names())})")
    return cast(Model, importlib.import_module(f"keras_models.{name}"))


def task(name: str, size: str) -> Task:
    """The record of a model: its ``TASK``, or the one that it names for a size."""
    module = get(name)
    of_size = getattr(module, "task", None)
    record: Task = of_size(size) if of_size else module.TASK
    return record


def halo(name: str, size: str) -> int:
    """A model's reach, see ``Model.halo``; 0 where it sees whole pictures and states none."""
    reach = getattr(get(name), "halo", None)
    return int(reach(size)) if reach else 0


def in_floats(name: str) -> tuple[str, ...]:
    """How the names of a model's layers begin that 8-bit files keep in floats: its ``IN_FLOATS``.

    For what an 8-bit step is too coarse for and costs little: numbers that decide over the whole
    picture, sums of what is large and what is small. Quantisation-aware training rounds them, too,
    and so do files for an Edge TPU.
    """
    return tuple(getattr(get(name), "IN_FLOATS", ()))


def fitted(name: str, model: keras.Model) -> keras.Model:
    """What of a network is fitted: what its file's ``fitted`` makes of it, or all of it."""
    make = getattr(get(name), "fitted", None)
    part: keras.Model = make(model) if make else model
    return part


def sees_thumbnail(name: str, size: str) -> bool:
    """Whether a network in training is given its whole picture's thumbnail beside a crop."""
    return len(fitted(name, build(name, size)).inputs) > 1


def build(name: str, size: str) -> keras.Model:
    """The Keras model of a name and a size, with fresh weights.

    Raises:
        UserError: unknown model or size.
    """
    check_size(name, size)
    return get(name).build(size)


def check_size(name: str, size: str) -> None:
    """Raise UserError with the known sizes where a model lacks this one."""
    sizes = get(name).SIZES
    if size not in sizes:
        raise UserError(f"{name} has no size {size!r} (known: {', '.join(sizes)})")
