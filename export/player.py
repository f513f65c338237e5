"""A chroma network for other people's players: its layers, and what surrounds it as convolutions.

A player has no code of ours, so what it is given holds all that the task does around the graph:
bilinear at a siting, agreement with the file's own chroma, and the bound. Each but the bound is
linear and local, so its filters are read off what the task's own functions make of a single sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import keras_models
from edge_demo.colour.siting import downsample, spread_blocks, upsample_blocks
from edge_demo.errors import UserError
from edge_demo.tasks.chroma import CONSISTENCY, REFERENCE, TASK, Bound, Planes, unpack
from keras_models import runs

from . import files

Array = NDArray[np.float32]

MODEL = "chroma_residual"
_POSITIONS = 4  # of pixels in a block


@dataclass(frozen=True, eq=False)
class Convolution:
    """A 3x3 convolution that keeps the size.

    Attributes:
        name: the layer's.
        kernel: (3, 3, inputs, outputs).
        bias: (outputs,).
        relu: whether one follows.
    """

    name: str
    kernel: Array
    bias: Array
    relu: bool = False


@dataclass(frozen=True, eq=False)
class Network:
    """A residual network, and what its file says of it.

    Attributes:
        head: its first convolution.
        blocks: two convolutions each; what comes out is added to what went in.
        tail: its last, unclipped.
        halo: image pixels around its own that an output pixel depends on.
        card: where it comes from, see ``files.base_card``.
    """

    head: Convolution
    blocks: tuple[tuple[Convolution, Convolution], ...]
    tail: Convolution
    halo: int
    card: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The preset, or the model of a run of one's own."""
        return str(self.card["preset"] or self.card["model"])

    @property
    def terms(self) -> str:
        """Of the training photographs."""
        return str(self.card["training"]["terms"])


@dataclass(frozen=True, eq=False)
class Around:
    """What the task does around a network at one siting, for one channel of chroma.

    Filters are (3, 3, ...): rows and columns of blocks around the one that is computed.

    Attributes:
        upsample: (3, 3, 4): low samples to bilinear at each position of a block.
        downsample: (3, 3, 4): positions of blocks to the low sample that they would be stored as.
        spread: (3, 3, 4): what low samples missed, to the positions that it is taken from.
        share: of what was missed that is made good.
        bound: how far from bilinear results may lie.
    """

    upsample: Array
    downsample: Array
    spread: Array
    share: float
    bound: Bound


def network(run: Path) -> Network:
    """The network of a run or a preset.

    Raises:
        UserError: no such run, or not one of ``chroma_residual`` in floats.
    """
    record = runs.read_record(run)
    config = record["config"]
    if config["model"] != MODEL or config.get("qat"):
        known = [name for name in runs.presets() if _fits(runs.read_record(Path(name)))]
        raise UserError(
            f"{run}: players take networks of {MODEL}, in floats (presets: {', '.join(known)})"
        )
    name = str(run) if runs.is_preset(run) else None
    card = files.base_card(record, name, record.get("terms"), runs.stages(run) if name else ())
    model = runs.load_model(run)
    size = keras_models.get(MODEL).SIZES[config["size"]]
    count: int = size.blocks  # type: ignore[attr-defined]
    blocks = tuple(
        (_convolution(model, f"block{index}_a"), _convolution(model, f"block{index}_b"))
        for index in range(1, count + 1)
    )
    halo = keras_models.halo(MODEL, config["size"])
    return Network(_convolution(model, "head"), blocks, _convolution(model, "tail"), halo, card)


def _fits(record: Mapping[str, Any]) -> bool:
    return record["config"]["model"] == MODEL and not record["config"].get("qat")


def _convolution(model: Any, name: str) -> Convolution:
    layer = model.get_layer(name)
    kernel, bias = (np.asarray(one, np.float32) for one in layer.get_weights())
    activation = layer.get_config()["activation"]
    if activation not in ("linear", "relu"):
        raise ValueError(f"{name}: no player is told of the activation {activation}")
    return Convolution(name, kernel, bias, activation == "relu")


def around(siting: str) -> Around:
    """What surrounds a network at a siting, of pictures whose chroma was not quantised.

    Args:
        siting: a name in ``siting.SITINGS``.
    """
    nothing = Planes(np.zeros((2, 2), np.uint8), np.zeros((1, 1, 2), np.uint8), siting)
    return Around(
        _filters(lambda low: upsample_blocks(low, siting, REFERENCE), 1)[..., 0, :],
        _filters(lambda blocks: downsample(unpack(blocks), siting), _POSITIONS)[..., 0],
        _filters(lambda low: spread_blocks(low, siting), 1)[..., 0, :],
        CONSISTENCY,
        TASK.bound(nothing),
    )


def _filters(function: Callable[[Array], Array], channels: int) -> Array:
    """The filters (3, 3, channels, outputs) of a linear, local function of (h, w, channels)."""
    found = []
    for channel in range(channels):
        single = np.zeros((5, 5, channels), np.float32)
        single[2, 2, channel] = 1.0
        # What a sample gives to its neighbour below is what a place takes from the one above.
        found.append(function(single)[1:4, 1:4][::-1, ::-1])
    return np.stack(found, axis=2)
