"""Which restorers a picture goes through: as the user says, or as a look at it does."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from .device import plan, restorers
from .device.look import look
from .device.picture_file import Work
from .device.restorer import Restorer
from .errors import UserError
from .model import models_folder
from .model.interpreter import check_threads
from .pictures.picture import Picture


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
        for option in plan.asked(self._given):
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
            self.names = plan.of_options(self._given)
        if self.names is not None:
            for name in self.names:
                self._restorer(name)
            plan.check_taken(self._given, self.names)

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
                return Work((), why, plan.unused(self._given, ()))
            notes = plan.unused(self._given, (found.task,))
            return Work((self._restorer(found.task),), found.why, notes)
        if len(self.names) == 1:
            return Work((self._restorer(self.names[0]),))
        return self._several(picture, self.names)

    def _several(self, picture: Picture, names: Sequence[str]) -> Work:
        """Of several tasks those that have something to do; notes say what has not."""
        notes = plan.left_out(look(picture), names, bool(self._given.get("resample")))
        wanted = [self._restorer(name) for name in names if name not in notes]
        return Work(tuple(wanted), "", tuple(notes.values()))

    def _restorer(self, task: str) -> Restorer:
        if task not in self._loaded:
            self._loaded[task] = self._bound(
                restorers.load(models_folder.find(task), self._threads)
            )
        return self._loaded[task]

    def _bound(self, restorer: Restorer) -> Restorer:
        """With its task's options; with all of them where it is the only one and may refuse."""
        alone = self.names is not None and len(self.names) == 1
        return restorer.with_options(**plan.options_of(restorer.task.name, self._given, alone))


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
    if given.model is not None:
        path = models_folder.find(given.model)
    elif names and names[0] != "chroma":
        path = models_folder.find(names[0])
    else:
        path = models_folder.for_videos()
    loaded = restorers.load(path, given.threads)
    if names and loaded.task.name != names[0]:
        raise UserError(f"{loaded.name} is a model of {loaded.task.name}, not of {names[0]}")
    return loaded.with_options(**wanted)
