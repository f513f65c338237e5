"""The tasks, one module each: ``degrade``, ``target``, and the records of its ``VARIANTS``.

A record says what the tensors of a variant's networks are, and encodes and decodes them.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from ..errors import UserError
from .record import Task

NAMES = ("chroma", "colorize", "enhance")


def load(name: str) -> ModuleType:
    """The module of a task, or UserError with the known names."""
    if name not in NAMES:
        raise UserError(f"unknown task {name!r}; known: {', '.join(NAMES)}")
    # Only now: a device that restores chroma need not wait for the others.
    return importlib.import_module(f"{__name__}.{name}")


def first(name: str) -> Task:
    """The record of a task's first variant, whose metrics and baselines are those of all.

    Raises:
        UserError: unknown task.
    """
    task: Task = load(name).TASK
    return task


def record(name: str, variant: str) -> Task:
    """The record of a variant of a task.

    Raises:
        UserError: unknown task or variant.
    """
    variants: dict[str, Task] = load(name).VARIANTS
    if variant not in variants:
        raise UserError(f"unknown variant {variant!r} of task {name}; known: {', '.join(variants)}")
    return variants[variant]
