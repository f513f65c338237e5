"""The interpreters of one worker, the ones used last loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..device import restorers
from ..device.restorer import Restorer
from ..errors import UserError

# Interpreters that stay loaded while nobody uses them, each with its weights and tensors: of all
# workers together, and of each at least.
KEPT, LEAST_KEPT = 6, 2


class Stopped(Exception):
    """Work that nobody waits for any more."""


class Models:
    """Loaded models by name, for one thread. A second user of one at a time gets a second."""

    def __init__(self, paths: Mapping[str, Path], threads: int, kept: int = KEPT) -> None:
        """Load nothing yet.

        Args:
            paths: name to file.
            threads: of each interpreter.
            kept: how many stay loaded while nobody uses them.
        """
        self._paths, self._threads, self._limit = dict(paths), threads, kept
        self._idle: OrderedDict[Restorer, str] = OrderedDict()

    @contextmanager
    def use(self, name: str) -> Iterator[Restorer]:
        """A model for the caller alone.

        Raises:
            UserError: a file that cannot be loaded.
        """
        model = self._taken(name)
        try:
            yield model
        except (UserError, Stopped):
            self._put_back(name, model)
            raise
        # After any other error nobody knows what state it is in.
        self._put_back(name, model)

    def _taken(self, name: str) -> Restorer:
        for model, kept in self._idle.items():
            if kept == name:
                del self._idle[model]
                return model
        return restorers.load(self._paths[name], self._threads)

    def _put_back(self, name: str, model: Restorer) -> None:
        self._idle[model] = name
        while len(self._idle) > self._limit:
            self._idle.popitem(last=False)
