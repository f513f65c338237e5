"""What every restorer can do; each task's own is in the module of its name."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..clock import Clock
from ..model.package import Card
from ..model.tiling import Runner
from ..pictures.picture import Picture
from ..tasks.record import Task
from . import options
from .dump import Dump, Dumped
from .frames import Frame, RestoredFrame
from .options import Option

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Restorer(ABC):
    """A network, and what its task does with it: everything that restores goes through one.

    ``edge_demo.load`` makes one of a model file. It is used by one thread at a time.

    Attributes:
        task: what its network takes and gives, its variant.
        runner: runs the network.
        name: for messages.
        card: of the model's file; None of a network that is in none.
        dump: told what each stage of a picture makes; None: nobody is.
        neighbourhood: of a video's effects, see ``temporal.Smoother``.
        subsampled: whether only 4:2:0 frames have something to restore.
    """

    task: Task
    runner: Runner
    name: str
    card: Card | None = None
    dump: Dump | None = None

    neighbourhood: ClassVar[int] = 0
    subsampled: ClassVar[bool] = False

    @staticmethod
    @abstractmethod
    def lacking(task: Any) -> dict[str, str]:
        """Options of the task that a variant does not take: name to what a message says of it."""

    @property
    def options(self) -> dict[str, Option]:
        """What may be asked of this model, by the name of the keyword."""
        return options.of_task(self.task.name, self._lacking)

    @property
    def _lacking(self) -> dict[str, str]:
        return lacking(type(self), self.task, self.card)

    def with_options(self, **given: Any) -> Self:
        """The same restorer, with these values where a call gives none.

        Args:
            given: of ``options``; None and False count as not given, and so does the number that
                asks for nothing (0 of ``strength``, ``fade`` and ``detail``) of an option that
                this model does not have.

        Raises:
            UserError: an option that this model does not take, or a value out of range. Messages
                call options as the command line does, ``--render-size``.
            TypeError: no option of any model.
        """
        if unknown := [name for name in given if name not in options.TABLE]:
            raise TypeError(
                f"no option {unknown[0]!r}; {self.name} takes {', '.join(self.options)}"
            )
        wanted = {
            name: given[name]
            for name in options.TABLE
            if name in given and given[name] is not None and given[name] is not False
        }
        known = self.options
        for name, value in [*wanted.items()]:
            if name in known:
                continue
            if not options.TABLE[name].is_nothing(value):
                options.refuse(options.TABLE[name], self.task.name, self.name, self._lacking)
            del wanted[name]
        for name, value in wanted.items():
            known[name].check(value)
        return dataclasses.replace(self, **self._settled(wanted)) if wanted else self

    def _settled(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Options that were checked, as the restorer's fields."""
        return dict(wanted)

    def dumping(self, dump: Dump) -> Self:
        """The same restorer, which writes what each stage of a picture makes."""
        return dataclasses.replace(self, runner=Dumped(self.runner, dump), dump=dump)

    def _tell(self, name: str, values: NDArray[Any]) -> None:
        if self.dump is not None:
            self.dump(name, values)

    def restore(
        self,
        picture: Picture,
        *,
        progress: Progress | None = None,
        clock: Clock | None = None,
        **options: Any,
    ) -> Picture:
        """The picture restored, of the same depth, upright, with what its file carried.

        Args:
            picture: as ``edge_demo.read`` gives it, or a result.
            progress: told pieces done and pieces in all.
            clock: where the stages ``read`` and ``restore`` are counted.
            options: as for ``with_options``.

        Raises:
            UserError: as ``with_options``; a file that cannot be decoded, or has nothing to
                restore.
        """
        return self.with_options(**options)._picture(picture, progress, clock or Clock())

    def restore_array(
        self, rgb: NDArray[Any], *, progress: Progress | None = None, **options: Any
    ) -> NDArray[Any]:
        """``restore`` for pixels that are in memory.

        Args:
            rgb: (H, W, 3), upright, sRGB; uint8 0..255 or uint16 0..65535. Of chroma a picture
                that was 4:2:0 before (a decoded JPEG), whose chroma is rebuilt; a file's own planes
                would be better, which ``restore`` takes.
            progress, options: as for ``restore``.

        Returns:
            (H, W, 3) of the same type, a new array.

        Raises:
            UserError: as ``with_options``.
            ValueError: an array of another shape or type.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
            raise ValueError(f"a picture is (height, width, 3), not {rgb.shape}")
        if rgb.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"a picture is of uint8 or uint16, not {rgb.dtype}")
        return self.with_options(**options)._array(rgb, progress)

    @abstractmethod
    def reconstruct(self, degraded: Any, progress: Progress | None = None) -> NDArray[np.uint8]:
        """What the network makes of a picture of the task's own kind, whatever its size.

        Args:
            degraded: as the task's ``degrade`` gives it.
            progress: as for ``restore``.

        Returns:
            What the task's ``target`` is: CbCr (H, W, 2) of chroma, a and b plus 128 (H, W, 2) of
            colorize, RGB (H, W, 3) of enhance.
        """

    @abstractmethod
    def find(self, frame: Frame) -> NDArray[np.float32]:
        """What the network adds to a frame of a video: (H, W, C), in a unit of the task's own.

        It may be filtered over time before it is applied, see ``temporal``.
        """

    @abstractmethod
    def apply(self, frame: Frame, effect: NDArray[np.float32]) -> RestoredFrame:
        """A frame with an effect; with one of zeros, what it would be without a network."""

    @abstractmethod
    def _picture(self, picture: Picture, progress: Progress | None, clock: Clock) -> Picture:
        """``restore``, with the restorer's own options."""

    @abstractmethod
    def _array(self, rgb: NDArray[Any], progress: Progress | None) -> NDArray[Any]:
        """``restore_array``, with the restorer's own options."""


def lacking(kind: type[Restorer], task: Task, card: Card | None) -> dict[str, str]:
    """Options of a task that a model does not take, and why; nothing needs to be loaded."""
    found = kind.lacking(task)
    if card is not None and card.static:
        found["render_size"] = "is of one size, which cannot change"
    return found
