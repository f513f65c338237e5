"""What every task states about its tensors; one frozen record a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Tensor:
    """One tensor of the device graph, (1, H / downscale, W / downscale, channels).

    Attributes:
        name: its name in the graph and in a signature.
        channels: size of the last axis.
        downscale: how many image pixels one of its cells spans, along each axis.
        low, high: the range of its values as the graph sees them.
        scale: image code values (0..255) per unit of the tensor.
        zero: the code value that the tensor's 0 stands for.
    """

    name: str
    channels: int
    downscale: int
    low: float
    high: float
    scale: float
    zero: float = 0.0


@dataclass(frozen=True)
class Task:
    """The contract between training, export and the device, for one variant of a task's networks.

    Each task's module has a class of its own, which says what else its variants differ in.

    Attributes:
        name: also the name of the module that holds its four functions.
        contract: raised whenever the meaning of a tensor changes; a device refuses another's model.
        inputs, outputs: the graph's tensors, in order.
        colour_space: what the image's channels are when they meet the graph.
        size_multiple: an image tile's height and width are multiples of this.
        headline_metric: the one number that tables sort by.
        baselines: the classical methods that every table shows beside a model.
        reference: the baseline that gains are stated against.
        frame: height and width in pixels that graphs are made for, where networks see whole
            pictures and some cannot be resized; None: square tiles, of a size that recipes state.
        variant: where a task's networks see or answer in several ways, which of them; "" for the
            first. Cards of model files call it ``form``.
        makes_picture: whether networks answer with the whole picture itself, not with something
            to be laid over it.
    """

    name: str
    contract: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    colour_space: str
    size_multiple: int
    headline_metric: str
    baselines: tuple[str, ...]
    reference: str
    frame: tuple[int, int] | None = None
    variant: str = ""
    makes_picture: bool = False

    def encode(self, degraded: Any) -> Arrays:
        """The graph's input, (H / downscale, W / downscale, C) by tensor name.

        Args:
            degraded: a picture of the task's own kind, at the size that the graph takes.
        """
        raise NotImplementedError

    def result(
        self, outputs: Mapping[str, NDArray[np.float32]], degraded: Any
    ) -> NDArray[np.uint8]:
        """The graph's outputs as what the task's ``target`` is to be compared with.

        Args:
            outputs: tensor name to (h, w, C).
            degraded: what ``encode`` was given.
        """
        raise NotImplementedError
