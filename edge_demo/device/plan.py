"""Which tasks are done to a picture, in which order, and which options are for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import tasks
from ..errors import UserError
from . import options
from .look import Look

# Chroma first, from the planes that the file stores; colour last, because a picture keeps its
# lightness under it.
ORDER = ("chroma", "enhance", "colorize")
AUTO = "auto"


def tasks_of(text: str | None) -> tuple[str, ...] | None:
    """What ``--task`` names, in the order in which it is done; None: what a look says.

    Raises:
        UserError: an unknown task, or auto among others.
    """
    names = [name.strip() for name in (AUTO if text is None else text).split(",")]
    if names == [AUTO]:
        return None
    if AUTO in names:
        raise UserError(f"--task {text}: {AUTO} is for itself alone")
    for name in names:
        if name not in tasks.NAMES:
            raise UserError(
                f"unknown task {name!r}; known: {', '.join(ORDER)}, several of them separated by "
                f"commas, or {AUTO}"
            )
    return tuple(name for name in ORDER if name in names)


def fitting(found: Look) -> tuple[str, ...]:
    """All tasks that have something to do for a picture, in order; ``Look.task`` is one of them."""
    fits = {
        "chroma": found.subsampled and not found.colourless,
        "enhance": found.dark,
        "colorize": found.colourless,
    }
    return tuple(name for name in ORDER if fits[name] and found.task is not None)


def left_out(found: Look, names: Sequence[str], resample: bool) -> dict[str, str]:
    """Of several tasks those that have nothing to do, and a sentence on each.

    Args:
        found: of the picture.
        names: of the tasks.
        resample: whether chroma is rebuilt whatever a file stores.
    """
    why = {}
    if not found.colourless:
        why["colorize"] = "colorize was left out: the picture has colours."
    if found.colourless:
        why["chroma"] = "chroma was left out: the picture has no colours of its own."
    elif not (found.subsampled or resample):
        why["chroma"] = "chroma was left out: its file stores chroma in full."
    return {name: why[name] for name in names if name in why}


def options_of(task: str, given: Mapping[str, Any], alone: bool) -> dict[str, Any]:
    """What of the options given is for a task: all where it is the only one, and may refuse."""
    return {k: value for k, value in given.items() if alone or task in options.TABLE[k].tasks}


def of_options(given: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The task whose options were given, where only one has them all; else a look decides.

    Raises:
        UserError: options that no single task has.
    """
    wanted = asked(given)
    fits = [name for name in ORDER if all(name in option.tasks for option in wanted)]
    if not fits:
        flags = ", ".join(option.flag for option in wanted)
        raise UserError(f"{flags} are of different tasks; name them with --task NAME,NAME")
    return (fits[0],) if len(fits) == 1 else None


def check_taken(given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise UserError for an option that is of none of these tasks."""
    for option in asked(given):
        if not set(option.tasks) & set(names):
            raise UserError(
                f"{option.flag} is of {' and '.join(option.tasks)}; --task names {', '.join(names)}"
            )


def unused(given: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """Notes of options that these tasks, which were chosen for the user, do not take."""
    return tuple(
        f"{option.flag} was not used: it is of {' and '.join(option.tasks)}."
        for option in asked(given)
        if not set(option.tasks) & set(names)
    )


def asked(given: Mapping[str, Any]) -> list[options.Option]:
    """The options that ask for something."""
    return [
        options.TABLE[k] for k, value in given.items() if not options.TABLE[k].is_nothing(value)
    ]
