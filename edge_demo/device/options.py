"""What a user may ask of a restorer beside the picture: names, ranges, meanings, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UserError


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        name: of the keyword; the command line's has hyphens.
        tasks: whose models may take it; a variant may not, all the same.
        meaning: in words, with its unit and what holds where nothing is given.
        low, high: of a number; None: it is no number, or knows no such bound.
        bound: how a message calls its range.
        whole: whether it is a whole number.
        nothing: the number that asks for nothing, so that a model without the option may be given
            it; None: there is none.
    """

    name: str
    tasks: tuple[str, ...]
    meaning: str
    low: float | None = None
    high: float | None = None
    bound: str = ""
    whole: bool = False
    nothing: float | None = None

    @property
    def flag(self) -> str:
        """What the command line, and so messages, call it."""
        return f"--{self.name.replace('_', '-')}"

    def is_nothing(self, value: Any) -> bool:
        """Whether a value is not given, or asks for nothing that a model could lack."""
        if value is None or value is False:
            return True
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.nothing is not None and value == self.nothing

    def check(self, value: Any) -> None:
        """Raise UserError for a number that is out of range, or no number where one is needed."""
        if self.low is None:
            return
        shown = f"{value:g}" if isinstance(value, int | float) else repr(value)
        high = float("inf") if self.high is None else self.high
        number = isinstance(value, int if self.whole else int | float)
        if not number or not self.low <= value <= high:
            raise UserError(f"{self.flag} is {self.bound}, not {shown}")


_CHROMA, _ENHANCE, _COLORIZE = ("chroma",), ("enhance",), ("colorize",)
_WHOLE = ("enhance", "colorize")
RENDER_SIZES = 64, 1024

# In the order in which they are checked.
TABLE: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(
            "resample", _CHROMA, "True rebuilds full-resolution chroma that was 4:2:0 before"
        ),
        Option(
            "strength", _WHOLE,
            "how much of the model's work is taken: how far a dark picture is brightened, how much "
            "colour a grey one is given; default: 1, all of it",
            0.0, 1.0, "from 0 (as it is) to 1 (all)", nothing=0.0,
        ),
        Option(
            "brightness", _ENHANCE,
            "how bright the result is beside what the model makes: its dark values are multiplied "
            "by so much, black and white stay; default: 1, as the model makes it",
            0.25, 4.0, "from 0.25 (darker) to 4 (brighter)", nothing=1.0,
        ),
        Option(
            "fade", _COLORIZE,
            "the spread of possible colours (a standard deviation, units of a and b) at which half "
            "of the saturation is left; default: 0, no fading",
            0.0, None, "0 (none) or more", nothing=0.0,
        ),
        Option("hints", _COLORIZE, "colours wanted at places, see ``hints``; default: none"),
        Option(
            "reference", _COLORIZE,
            "a photograph, as ``edge_demo.read`` gives it, whose colours the whole picture is to "
            "have; default: none",
        ),
        Option(
            "average", _COLORIZE,
            "the average colour that the whole picture is to have, ``#rrggbb``; default: none",
        ),
        Option(
            "render_size", _WHOLE,
            "the network sees the picture reduced to the area of a square of so many pixels a "
            "side; default: what it was made for",
            RENDER_SIZES[0], RENDER_SIZES[1], f"from {RENDER_SIZES[0]} to {RENDER_SIZES[1]}",
            whole=True,
        ),
        Option(
            "detail", _CHROMA,
            "how much is added of the detail that the model proposes; default: 1, all of it",
            0.0, 1.0, "from 0 (none) to 1 (all)", nothing=0.0,
        ),
    )
}  # fmt: skip


def of_task(name: str, but: Mapping[str, str]) -> dict[str, Option]:
    """The options of a task's models, by name.

    Args:
        name: of the task.
        but: those that a variant, or a file, does not take.
    """
    return {key: one for key, one in TABLE.items() if name in one.tasks and key not in but}


def refuse(option: Option, task: str, model: str, but: Mapping[str, str]) -> None:
    """Raise UserError: a model does not take an option, and why.

    Args:
        option: that was given.
        task: of the model.
        model: its name.
        but: option to reason, of those that its variant does not take.
    """
    if task not in option.tasks:
        of = f"the {' and '.join(option.tasks)} task{'s' if len(option.tasks) > 1 else ''}"
        raise UserError(f"{option.flag} is of {of}; {model} is a model of {task}")
    raise UserError(f"{option.flag}: {model} {but[option.name]}")
