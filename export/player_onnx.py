"""A chroma network as an ONNX graph: luma and half-size chroma in, full-size chroma out, any size.

Planes are (N, channels, rows, columns). The picture is given a border of its repeated edge, as wide
as the network sees, so that a result is that of a device, whose tiles have such a border, too.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.tasks.chroma import CORRECTION_SCALE, TASK

from .player import Around, Convolution, Network, around

_INSTALL = "pip install -r requirements-onnx.txt"
# Of 2021 and older than any program that would run it.
_OPSET, _IR = 15, 8
_CHANNELS, _POSITIONS = 2, 4


def written(network: Network, siting: str) -> bytes:
    """The file.

    Inputs ``luma`` (N, 1, H, W) and ``chroma`` (N, 2, ceil(H/2), ceil(W/2)), Cb then Cr, output
    ``restored`` (N, 2, H, W), all float32 in full-range 8-bit codes around 128; the output is
    neither rounded nor clipped.

    Raises:
        UserError: the package ``onnx`` is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise UserError(
            f"--format onnx needs the package onnx, which is not installed: {_INSTALL}"
        ) from None
    graph = _Graph()
    _restore(graph, network, around(siting))
    shapes: dict[str, tuple[str | int, ...]] = {
        "luma": ("N", 1, "H", "W"), "chroma": ("N", 2, "h", "w"), "restored": ("N", 2, "H", "W")
    }  # fmt: skip
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    named = onnx.helper.make_graph(
        [onnx.helper.make_node(*node, name=node[2][0], **options) for node, options in graph.nodes],
        network.name, values[:2], values[2:],
        [onnx.numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
    )  # fmt: skip
    model = onnx.helper.make_model(
        named, producer_name="chromaedge", ir_version=_IR,
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
    )  # fmt: skip
    card = json.dumps({**network.card, "siting": siting, "format": "onnx"}, sort_keys=True)
    onnx.helper.set_model_props(model, {"card": card, "terms": network.terms})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants, in order; each node's one output is named after it."""

    def __init__(self) -> None:
        self.nodes: list[tuple[tuple[str, list[str], list[str]], dict[str, Any]]] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def __call__(self, operation: str, name: str, *inputs: str | Any, **options: Any) -> str:
        """Add a node, whose inputs are names or values; its name."""
        names = [one if isinstance(one, str) else self._constant(name, one) for one in inputs]
        self.nodes.append(((operation, names, [name]), options))
        return name

    def _constant(self, name: str, value: Any) -> str:
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        key = f"{name}.{len(self.constants)}"
        self.constants[key] = np.ascontiguousarray(array)
        return key

    def convolve(self, name: str, values: str, kernel: NDArray[Any], bias: NDArray[Any]) -> str:
        """A convolution of (3, 3, inputs, outputs)."""
        return self("Conv", name, values, kernel.transpose(3, 2, 0, 1), bias, pads=[1, 1, 1, 1])

    def layer(self, values: str, of: Convolution) -> str:
        """A layer of the network, and the ReLU behind it."""
        out = self.convolve(of.name, values, of.kernel, of.bias)
        return self("Relu", f"{of.name}.relu", out) if of.relu else out

    def linear(self, name: str, values: str, kernel: NDArray[Any]) -> str:
        """A filter of Cb and Cr alike, (3, 3, inputs, outputs) of one of them."""
        rows, columns, inputs, outputs = kernel.shape
        both = np.zeros((rows, columns, inputs, _CHANNELS, outputs, _CHANNELS), np.float32)
        for channel in range(_CHANNELS):
            both[:, :, :, channel, :, channel] = kernel
        joined = both.reshape(rows, columns, inputs * _CHANNELS, outputs * _CHANNELS)
        return self.convolve(name, values, joined, np.zeros(joined.shape[-1], np.float32))


def _restore(graph: _Graph, network: Network, outside: Around) -> None:
    size = graph("Slice", "size", graph("Shape", "shape", "luma"), [2], [4])
    halo = network.halo
    odd = graph("Mod", "odd", size, [2, 2])
    beyond = graph("Add", "beyond", odd, [halo, halo])
    pads = graph("Concat", "pads", [0, 0, halo, halo, 0, 0], beyond, axis=0)
    y = graph("Pad", "y", "luma", pads, mode="edge")
    border = [0, 0, halo // 2, halo // 2] * 2
    low = graph("Pad", "low", "chroma", border, mode="edge")

    base = graph.linear("base", low, outside.upsample[:, :, None])
    found = _correction(graph, network, y, base)
    there = graph.linear(
        "stored", graph("Add", "found", base, found), outside.downsample[..., None]
    )
    missed = graph("Sub", "missed", low, there)
    moved = graph.linear("moved", missed, outside.spread[:, :, None] * np.float32(outside.share))
    bound = _bounded(graph, graph("Add", "change", found, moved), low, outside)
    blocks = graph("Add", "blocks", base, bound)
    full = graph("DepthToSpace", "full", blocks, blocksize=2, mode="DCR")
    end = graph("Add", "end", size, [halo, halo])
    graph("Slice", "restored", full, [halo, halo], end, [2, 3])


def _correction(graph: _Graph, network: Network, y: str, base: str) -> str:
    """What the network adds to bilinear, in codes."""
    packed = graph("SpaceToDepth", "luma_blocks", y, blocksize=2)
    both = graph("Concat", "both", packed, base, axis=1)
    tensor, result = TASK.inputs[0], TASK.outputs[0]
    centred = graph("Sub", "centred", graph("Round", "codes", both), np.float32(tensor.zero))
    x = graph.layer(graph("Mul", "planes", centred, np.float32(1 / tensor.scale)), network.head)
    for index, (first, second) in enumerate(network.blocks, 1):
        branch = graph.layer(graph.layer(x, first), second)
        x = graph("Add", f"block{index}", x, branch)
    limits = np.float32(result.low), np.float32(result.high)
    clipped = graph("Clip", "correction", graph.layer(x, network.tail), *limits)
    return graph("Mul", "correction_codes", clipped, np.float32(CORRECTION_SCALE))


def _bounded(graph: _Graph, change: str, low: str, outside: Around) -> str:
    """See ``edge_demo.tasks.chroma.Bound``."""
    bound = outside.bound
    around_it = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    highest = graph("MaxPool", "highest", low, **around_it)
    lowest = graph("MaxPool", "minus_lowest", graph("Neg", "minus_low", low), **around_it)
    spread = graph("Add", "range", highest, lowest)
    beyond = graph("Relu", "beyond_idle", graph("Sub", "not_idle", spread, np.float32(bound.idle)))
    limit = graph("Mul", "limit", beyond, np.float32(bound.reach))
    limits = graph("Tile", "limits", limit, [1, _POSITIONS, 1, 1])
    noise = np.float32(bound.noise)
    kept = graph("Sub", "kept", change, graph("Clip", "noise", change, -noise, noise))
    return graph("Max", "bound", graph("Min", "below", kept, limits), graph("Neg", "least", limits))
