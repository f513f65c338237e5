"""The tasks, one module each: ``degrade``, ``target``, and the records of its ``VARIANTS``.

A record says what the tensors of a variant's networks are, and encodes and decodes them.
"""

from __future__ import annotations

from types import ModuleType

from ..errors import UserError
from . import chroma, colorize, enhance
from .record import Task

_MODULES: dict[str, ModuleType] = {"chroma": chroma, "colorize": colorize, "enhance": enhance}
NAMES = tuple(_MODULES)


def load(name: str) -> ModuleType:
    """The module of a task, or UserError with the known names."""
    if name not in _MODULES:
        raise UserError(f"unknown task {name!r}; known: {', '.join(NAMES)}")
    return _MODULES[name]


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
