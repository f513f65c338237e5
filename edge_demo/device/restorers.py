"""Which restorer a network gets: the one place that asks for the name of its task."""

from __future__ import annotations

from os import PathLike, fspath

from ..model import models_folder
from ..model.package import Card
from ..model.tflite import TFLiteModel
from ..model.tiling import Runner
from ..tasks.record import Task
from . import options
from .options import Option
from .restorer import Restorer, lacking


def _kind(task: str) -> type[Restorer]:
    """The restorer of a task, imported when there is a network of it."""
    if task == "chroma":
        from .chroma import Chroma

        return Chroma
    if task == "colorize":
        from .colorize import Colorize

        return Colorize
    if task == "enhance":
        from .enhance import Enhance

        return Enhance
    raise ValueError(f"no restorer of the task {task!r}")


def load(model: str | PathLike[str] | None, threads: int = 2) -> Restorer:
    """The restorer of a model file.

    Args:
        model: a path to a ``.tflite``, a preset's name with or without its recipe, or a task's, for
            the model that is usual for it; None: for the default, see ``models_folder``.
        threads: of the interpreter.

    Raises:
        UserError: no such file or name, no model of this project, of another contract, or one that
            does not run here.
    """
    path = models_folder.find(None if model is None else fspath(model))
    return of_model(TFLiteModel(path, threads))


def of_model(model: TFLiteModel) -> Restorer:
    """The restorer of a loaded file."""
    return of_runner(model, model.card.task, model.card.name, model.card)


def of_runner(runner: Runner, task: Task, name: str, card: Card | None = None) -> Restorer:
    """The restorer of any network.

    Args:
        runner: runs it.
        task: what it takes and gives, its variant.
        name: for messages.
        card: of its file, if it is of one.
    """
    return _kind(task.name)(task, runner, name, card)


def options_of(card: Card) -> dict[str, Option]:
    """``Restorer.options`` of a file that is not loaded."""
    return options.of_task(card.task.name, lacking(_kind(card.task.name), card.task, card))
