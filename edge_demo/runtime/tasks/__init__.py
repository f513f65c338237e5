"""The tasks, one module each: a record ``TASK`` and degrade, encode, target, decode."""

from __future__ import annotations

from types import ModuleType

from ..errors import UserError
from . import chroma

_MODULES: dict[str, ModuleType] = {"chroma": chroma}
NAMES = tuple(_MODULES)


def load(name: str) -> ModuleType:
    """The module of a task, or UserError with the known names."""
    if name not in _MODULES:
        raise UserError(f"unknown task {name!r}; known: {', '.join(NAMES)}")
    return _MODULES[name]
