"""The tasks, one module each: a record ``TASK`` and degrade, encode, target, decode."""

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


def record(name: str, form: str = "") -> Task:
    """The record of a task, or of one of the forms that its networks answer in.

    Raises:
        UserError: unknown task or form.
    """
    module = load(name)
    forms: dict[str, Task] = getattr(module, "FORMS", {"": module.TASK})
    if form not in forms:
        raise UserError(f"unknown form {form!r} of task {name}; known: {', '.join(forms)}")
    return forms[form]
