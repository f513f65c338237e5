"""Which restorers a picture goes through: as the user says, or as a look at it does."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from . import tasks
from .device import options, restorers
from .device.look import look
from .device.picture_file import Work
from .device.restorer import Restorer
from .errors import UserError
from .model import models_folder
from .model.interpreter import check_threads
from .pictures.picture import Picture

# Chroma first, from the planes that the file stores; colour last, because a picture keeps its
# lightness under it.
ORDER = ("chroma", "enhance", "colorize")
AUTO = "auto"


def tasks_of(text: str | None) -> tuple[str, ...] | None:
    """What ``--task`` names, in the order in which it is done; None: what a look says.

    Raises:
        UserError: an unknown task.
    """
    names = [name.strip() for name in (text or AUTO).split(",")]
    if names == [AUTO]:
        return None
    for name in names:
        if name not in tasks.NAMES:
            raise UserError(
                f"unknown task {name!r}; known: {', '.join(ORDER)}, several of them separated by "
                f"commas, or {AUTO}"
            )
    return tuple(name for name in ORDER if name in names)


def told(work: Work) -> str:
    """What was chosen, why, and how to choose otherwise."""
    chose = " + ".join(one.task.name for one in work.restorers) or "a copy"
    return f"chose {chose}: {work.why}; --task NAME chooses otherwise"


class Chosen:
    """What is done to a picture; each model is loaded when it is first needed.

    Attributes:
        names: of the tasks that a user chose, in order; None: a look at each picture decides.
    """

    def __init__(
        self,
        model: str | None,
        names: Sequence[str] | None,
        given: Mapping[str, Any],
        threads: int,
    ) -> None:
        """Load what is known to be needed.

        Args:
            model: that the user named, or None.
            names: likewise of tasks, in order.
            given: options, by name.
            threads: of each model.

        Raises:
            UserError: no such model, one of another task than those named, or an option that none
                of them takes.
        """
        check_threads(threads)
        self._threads = threads
        self._given = {key: value for key, value in given.items() if value is not None}
        for option in self._asked():
            option.check(self._given[option.name])
        self._loaded: dict[str, Restorer] = {}
        self.names = tuple(names) if names is not None else None
        if model is not None:
            loaded = restorers.load(models_folder.find(model), threads)
            if self.names is None:
                self.names = (loaded.task.name,)
            elif loaded.task.name not in self.names:
                raise UserError(
                    f"{loaded.name} is a model of {loaded.task.name}; --task names "
                    f"{', '.join(self.names)}"
                )
            self._loaded[loaded.task.name] = self._bound(loaded)
        elif self.names is None:
            self.names = self._of_options()
        if self.names is not None:
            for name in self.names:
                self._restorer(name)
            self._check_taken(self.names)

    def __call__(self, picture: Picture) -> Work:
        """What is done to a picture.

        Raises:
            UserError: it cannot be decoded.
        """
        if self.names is None:
            found = look(picture)
            if found.task is None:
                again = "--resample rebuilds chroma that was 4:2:0 before"
                why = f"nothing needs to be restored, {found.why}; {again}"
                return Work((), why, self._unused(()))
            return Work((self._restorer(found.task),), found.why, self._unused((found.task,)))
        if len(self.names) == 1:
            return Work((self._restorer(self.names[0]),))
        return self._several(picture, self.names)

    def _several(self, picture: Picture, names: Sequence[str]) -> Work:
        """Of several tasks those that have something to do; notes say what has not."""
        found = look(picture)
        wanted, notes = [], []
        for name in names:
            if name == "colorize" and not found.colourless:
                notes.append("colorize was left out: the picture has colours.")
            elif name == "chroma" and found.colourless:
                notes.append("chroma was left out: the picture has no colours of its own.")
            elif name == "chroma" and not (found.subsampled or self._given.get("resample")):
                notes.append("chroma was left out: its file stores chroma in full.")
            else:
                wanted.append(self._restorer(name))
        return Work(tuple(wanted), "", tuple(notes))

    def _restorer(self, task: str) -> Restorer:
        if task not in self._loaded:
            self._loaded[task] = self._bound(
                restorers.load(models_folder.find(task), self._threads)
            )
        return self._loaded[task]

    def _bound(self, restorer: Restorer) -> Restorer:
        """With its task's options; with all of them where it is the only one and may refuse."""
        task = restorer.task.name
        alone = self.names is not None and len(self.names) == 1
        return restorer.with_options(
            **{
                key: value
                for key, value in self._given.items()
                if alone or task in options.TABLE[key].tasks
            }
        )

    def _asked(self) -> list[options.Option]:
        """The options that ask for something."""
        return [
            options.TABLE[key]
            for key, value in self._given.items()
            if not options.TABLE[key].is_nothing(value)
        ]

    def _of_options(self) -> tuple[str, ...] | None:
        """The task whose options were given, where only one has them all."""
        asked = self._asked()
        fits = [name for name in ORDER if all(name in option.tasks for option in asked)]
        if not fits:
            flags = ", ".join(option.flag for option in asked)
            raise UserError(f"{flags} are of different tasks; name them with --task NAME,NAME")
        return (fits[0],) if len(fits) == 1 else None

    def _check_taken(self, names: Sequence[str]) -> None:
        for option in self._asked():
            if not set(option.tasks) & set(names):
                raise UserError(
                    f"{option.flag} is of {' and '.join(option.tasks)}; --task names "
                    f"{', '.join(names)}"
                )

    def _unused(self, names: Sequence[str]) -> tuple[str, ...]:
        """Notes of options that what was chosen does not take."""
        return tuple(
            f"{option.flag} was not used: it is of {' and '.join(option.tasks)}."
            for option in self._asked()
            if not set(option.tasks) & set(names)
        )


def of_video(
    given: argparse.Namespace, names: Sequence[str] | None, wanted: Mapping[str, Any]
) -> Restorer:
    """The restorer of a video.

    Args:
        given: the command line's ``model`` and ``threads``.
        names: of the tasks that a user chose; None: chroma.
        wanted: options, by name.

    Raises:
        UserError: several tasks, no such model or one of another task, or an option that it does
            not take.
    """
    if names is not None and len(names) > 1:
        raise UserError("a video is restored by one task at a time; name one with --task")
    # Of chroma, videos have a faster model than pictures.
    usual = None if names in (None, ("chroma",)) else names[0] if names else None
    loaded = restorers.load(models_folder.find(given.model or usual), given.threads)
    if names and loaded.task.name != names[0]:
        raise UserError(f"{loaded.name} is a model of {loaded.task.name}, not of {names[0]}")
    return loaded.with_options(**wanted)
