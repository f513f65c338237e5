"""What a setting's value may be: each refusal is one line that names the setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_demo.errors import UserError


def refuse(settings: Any, key: str, why: str) -> None:
    """Say of one setting why it cannot be."""
    raise UserError(f"--set {key}={getattr(settings, key)}: {why}")


def above_zero(settings: Any, *keys: str) -> None:
    """Refuse values of 0 and below."""
    for key in keys:
        if getattr(settings, key) <= 0:
            refuse(settings, key, "must be above 0")


def not_below_zero(settings: Any, *keys: str) -> None:
    """Refuse values below 0."""
    for key in keys:
        if getattr(settings, key) < 0:
            refuse(settings, key, "must be 0 or more")


def shares(settings: Any, *keys: str) -> None:
    """Refuse values outside 0..1."""
    for key in keys:
        if not 0 <= getattr(settings, key) <= 1:
            refuse(settings, key, "must be in 0..1")


def one_of(settings: Any, key: str, known: Sequence[str]) -> None:
    """Refuse values that are not among the known."""
    if getattr(settings, key) not in known:
        refuse(settings, key, f"known are {', '.join(known)}")
