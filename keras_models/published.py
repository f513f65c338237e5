"""The weights that Zhang et al. (2016, 2017) published, read from their PyTorch files into a run.

Layers' names are those of ``zhang`` and of the two networks' size ``full``; this is where each is
in the authors' ``eccv16`` and ``siggraph17``. PyTorch is needed to read a file, for nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edge_demo.colour.ab_bins import BINS, STEP
from edge_demo.errors import UserError
from edge_demo.files import check_empty, write_whole

from . import ab_classes, build, pytorch_files, zhang

SIZE = "full"
# siggraph17's classes: a slower than b, both from -110 to 110.
_GRID, _GRID_FIRST = 23, -110

Array = NDArray[np.float32]


def _trunk() -> dict[str, str]:
    """Our layers to the authors' modules, up to block 7: a ReLU behind each convolution."""
    found = {}
    for number, (convolutions, _, _) in enumerate(zhang.BLOCKS, 1):
        for index in range(convolutions):
            found[f"conv{number}_{index + 1}"] = f"model{number}.{2 * index}"
        found[f"norm{number}"] = f"model{number}.{2 * convolutions}"
    return found


MODULES: Mapping[str, Mapping[str, str]] = {
    "colorize_eccv16": {
        **_trunk(),
        "conv8_1": "model8.0", "conv8_2": "model8.2", "conv8_3": "model8.4", "bins": "model8.6",
        ab_classes.COLOURS: "model_out",
    },
    "colorize_siggraph17": {
        **_trunk(),
        "conv8_1": "model8up.0", "conv3_3_short": "model3short8.0", "conv8_2": "model8.1",
        "conv8_3": "model8.3", "norm8": "model8.5",
        "conv9_1": "model9up.0", "conv2_2_short": "model2short9.0", "conv9_2": "model9.1",
        "norm9": "model9.3",
        "conv10_1": "model10up.0", "conv1_2_short": "model1short10.0", "conv10_2": "model10.1",
        "bins": "model_class.0", "ab": "model_out.0",
    },
}  # fmt: skip


def import_run(name: str, file: Path, out: Path) -> Path:
    """Make a run of a published file, to be evaluated and exported like any other.

    Args:
        name: of the model, a key of ``MODULES``.
        file: the authors' PyTorch file, a dictionary of tensors.
        out: the run's folder, which must not be there or be empty.

    Returns:
        The model's file, ``out/model.keras``.

    Raises:
        UserError: no published weights of that model, a folder in use, PyTorch is not installed,
            no such file or one of another network.
    """
    if name not in MODULES:
        raise UserError(f"no weights of {name!r} were published (known: {', '.join(MODULES)})")
    check_empty(out)
    state = pytorch_files.read(file, "import-weights")
    model = build(name, SIZE)
    load(model, MODULES[name], state, str(file))
    record: dict[str, Any] = {
        "config": {"model": name, "size": SIZE},
        "data": "what its authors trained it on",
        "val": None,
        "imported": {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
        "stages": [],
        "versions": {
            package: importlib.metadata.version(package) for package in ("keras", "numpy")
        },
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        partial = out / "model.partial.keras"
        model.save(partial)
        write_whole(out / "run.json", (json.dumps(record, indent=2) + "\n").encode())
        return partial.replace(out / "model.keras")
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}") from None


def load(
    model: keras.Model, modules: Mapping[str, str], state: Mapping[str, Array], source: str
) -> None:
    """Give a network its authors' weights.

    Args:
        model: of size ``full``.
        modules: its layers to the authors' modules.
        state: the authors' tensors by name.
        source: what to call them.

    Raises:
        UserError: tensors that are missing, too many, or of another shape.
    """
    left = {name for name in state if not name.endswith("num_batches_tracked")}
    for name, module in modules.items():
        layer = model.get_layer(name)
        parts = [f"{module}.{part}" for part in _parts(layer)]
        if absent := [part for part in parts if part not in state]:
            raise UserError(f"{source}: holds no {absent[0]}, so it is not of {model.name}")
        left.difference_update(parts)
        values = _ours(name, layer, [state[part] for part in parts])
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in values] != wanted:
            raise UserError(
                f"{source}: {parts[0]} is {state[parts[0]].shape} there, which is not "
                f"{name} of {model.name}"
            )
        layer.set_weights(values)
    if left:
        raise UserError(f"{source}: {min(left)} is not of {model.name}")


def in_grid() -> NDArray[np.int64]:
    """Where the 313 bins are among siggraph17's classes."""
    places = ((BINS - _GRID_FIRST) // STEP).astype(np.int64)
    return places[:, 0] * _GRID + places[:, 1]


def _parts(layer: keras.Layer) -> tuple[str, ...]:
    if isinstance(layer, layers.BatchNormalization):
        return "weight", "bias", "running_mean", "running_var"
    return ("weight", "bias") if layer.use_bias else ("weight",)


def _ours(name: str, layer: keras.Layer, values: list[Array]) -> list[Array]:
    """A module's tensors as its layer has them."""
    if isinstance(layer, layers.BatchNormalization):
        return values
    # (out, in, h, w), or (in, out, h, w) of a transposed one: Keras turns both around.
    values = [values[0].transpose(2, 3, 1, 0), *values[1:]]
    if name == "conv1_1":
        # Theirs is (L - 50) / 100.
        values[0] = values[0] * np.where(np.arange(values[0].shape[2]) == 0, 0.5, 1)[:, None]
    if name == ab_classes.COLOURS:
        return [ab_classes.means(values[0][0, 0])]
    if name == "bins" and len(values[1]) == _GRID**2:
        return [value[..., in_grid()] for value in values]
    if name == "bins":
        # Their scores are sharpened already.
        return [value * np.float32(ab_classes.TEMPERATURE) for value in values]
    return values
