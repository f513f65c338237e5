"""The data of a run, read by the module of its task: each has ``prepare`` and gives a ``Feed``."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.source import Source

from . import feed_chroma, feed_colorize, feed_enhance
from .config import FitConfig
from .feed import Feed

_TASKS = {"chroma": feed_chroma, "colorize": feed_colorize, "enhance": feed_enhance}


def prepare(config: FitConfig, train: Sequence[Source], held_out: Source) -> Feed:
    """Read the photographs of a run.

    Args:
        config: of the run.
        train: sources to train on.
        held_out: a source to validate on.

    Raises:
        UserError: nothing usable in a source.
    """
    return _TASKS[config.model.partition("_")[0]].prepare(config, train, held_out)
