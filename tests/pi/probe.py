"""Runs in a copy of ``edge_demo``, on the emulated board and on x86: what do the graphs compute?

``probe.py inputs PICTURE OUT.npz`` encodes a picture for every task that a model is of;
``probe.py outputs IN.npz OUT.npz [KERNELS]`` runs every model on it, by the kernels named (an
``OpResolverType`` of the interpreter's package; by default those that the runtime uses);
``probe.py graph FILE.tflite IN.npz OUT.npz [KERNELS]`` runs a bare graph on stored values: both
archives name arrays by their places.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import platform
import sys
import types
from pathlib import Path
from typing import Any

sys.path[0] = str(Path.cwd())  # the copy, in place of this file's folder

import cv2  # noqa: E402
import numpy as np  # noqa: E402

import edge_demo  # noqa: E402
from edge_demo.device.selftest import REPEATED, repeated, steps  # noqa: E402
from edge_demo.measure import restoration  # noqa: E402
from edge_demo.model import interpreter, models_folder, package  # noqa: E402
from edge_demo.model.interpreter import Graph  # noqa: E402
from edge_demo.tasks.record import Task  # noqa: E402


def inputs(picture: str, out: str) -> None:
    """The same input for every machine: encoding is not what is compared."""
    rgb = np.ascontiguousarray(cv2.imread(picture)[..., ::-1])
    arrays = {}
    for path in models_folder.shipped().values():
        task = package.read_card(path).task
        restored = restoration.of(task)
        for tensor, values in task.encode(restored.degrade(rgb, "picture", None)).items():
            arrays[f"{prefix(task)}{tensor}"] = values
    np.savez(out, **arrays)


def prefix(task: Task) -> str:
    """What names of a task's inputs begin with: each variant sees the picture in its own way."""
    return f"{task.name}/{task.variant}/"


def outputs(source: str, out: str, kernels: str = "") -> None:
    """Every model's outputs, and a record of who computed them."""
    if kernels:
        choose(kernels)
    given = np.load(source)
    arrays: dict[str, Any] = {}
    models = {}
    for name, path in models_folder.shipped().items():
        card = package.read_card(path)
        own = prefix(card.task)
        values = {k.removeprefix(own): given[k] for k in given.files if k.startswith(own)}
        graph = Graph(path)
        if card.values.get("golden") == REPEATED:  # a graph that cannot be resized
            values = {t: repeated(array, graph.inputs[t][1:]) for t, array in values.items()}
        graph.resize({tensor: (1, *array.shape) for tensor, array in values.items()})
        for tensor, array in graph.run(values).items():
            arrays[f"{name}/{tensor}"] = array
        scale = max(tensor.scale for tensor in card.task.outputs)
        models[name] = {
            "recipe": card.values["recipe"], "step": steps(card, graph), "scale": scale,
            "task": card.task.name,
        }  # fmt: skip
    used = interpreter.package_name()
    names = (used, "numpy", "opencv-python-headless", "av")
    record = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name.replace("_", "-"): importlib.metadata.version(name) for name in names},
        "code": str(Path(edge_demo.__file__).parent),
        "models": models,
    }
    np.savez(out, **arrays, record=np.array(json.dumps(record)))


def graph(file: str, source: str, out: str, kernels: str = "") -> None:
    """What a graph writes, as it is stored: no value is scaled."""
    if kernels:
        choose(kernels)
    loaded = interpreter._module().Interpreter(model_path=file, num_threads=1)
    loaded.allocate_tensors()
    given = np.load(source)
    for place, details in enumerate(loaded.get_input_details()):
        loaded.set_tensor(details["index"], given[str(place)])
    loaded.invoke()
    found = [loaded.get_tensor(details["index"]) for details in loaded.get_output_details()]
    np.savez(out, **{str(place): values for place, values in enumerate(found)})


def choose(kernels: str) -> None:
    """Make the runtime's interpreters use other kernels; it has no such option of its own."""
    module = interpreter._module()
    options = {"experimental_op_resolver_type": module.OpResolverType[kernels]}
    other = types.ModuleType(module.__name__)
    other.Interpreter = functools.partial(module.Interpreter, **options)  # type: ignore[attr-defined]
    interpreter._module = lambda: other


if __name__ == "__main__":
    {"inputs": inputs, "outputs": outputs, "graph": graph}[sys.argv[1]](*sys.argv[2:])
