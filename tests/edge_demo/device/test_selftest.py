"""A device that computes rightly passes, in whatever way it rounds; a wrong graph fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_demo.device.selftest import (
    FLOAT_RECIPES,
    FLOAT_TOLERANCE,
    MOST_BEYOND,
    MOST_STEPS,
    MOST_STEPS_WHOLE,
    compare,
    selftest,
    steps,
)
from edge_demo.model import models_folder, package
from edge_demo.model.interpreter import Graph
from edge_demo.tasks import chroma, colorize, enhance

STEP = 1 / 127


def kernels(path: Path) -> list[np.ndarray]:
    """The constant four-dimensional tensors of a file, as stored in it."""
    interpreter = Graph(path)._interpreter
    network = package.flatbuffer(path)
    ops = interpreter._get_ops_details()
    # Only constants: reading what an op computes, before it has, can crash.
    computed = {int(index) for op in ops for index in op["outputs"]}
    computed |= {details["index"] for details in interpreter.get_input_details()}
    read = {int(index) for op in ops for index in op["inputs"]} - computed
    shapes = {d["index"]: d["shape"] for d in interpreter.get_tensor_details()}
    constants = [interpreter.get_tensor(i) for i in sorted(read) if len(shapes.get(i, ())) == 4]
    return [c for c in constants if c.size > 100 and network.count(c.tobytes()) == 1]


def with_another_kernel(source: Path, target: Path) -> Path:
    """The file with one of its kernels turned about; its golden pair stays.

    The one with the fewest channels of input, or on either side: it reads or writes the picture
    itself, and does not only weigh a few features.
    """
    every = kernels(source)
    if "unet" in source.name:  # its depthwise kernels weigh a few features
        every = [kernel for kernel in every if kernel.shape[0] > 1]
    if "chroma" in source.name:  # what writes may be a gate, of detail that is not there
        kernel = min(every, key=lambda k: k.shape[-1])
    else:
        kernel = min(every, key=lambda k: min(k.shape[0], k.shape[-1]))
    # Of a single channel of input there is nothing to turn about: its outputs change places.
    other = np.ascontiguousarray(np.flip(kernel, -1 if kernel.shape[-1] > 1 else 0))
    network = package.flatbuffer(source).replace(kernel.tobytes(), other.tobytes())
    card = package.read_card(source)
    target.write_bytes(package.join(network, card.values, package.read_golden(source)))
    return target


@pytest.mark.parametrize("name", models_folder.shipped())
def test_what_ships_passes(name: str) -> None:
    """In either interpreter: this test runs with both."""
    result = selftest(models_folder.shipped()[name])
    assert result.ok, result.text


@pytest.mark.parametrize("name", models_folder.shipped())
def test_another_kernel_fails(name: str, tmp_path: Path) -> None:
    result = selftest(with_another_kernel(models_folder.shipped()[name], tmp_path / "wrong.tflite"))
    assert not result.ok, result.text
    if "unet" in name and result.beyond is not None:
        return  # most of what it says are probabilities, which are all but 0 whatever the kernel
    # By far: the bound could be ten times as wide.
    if result.beyond is not None:
        assert result.beyond > 10 * MOST_BEYOND
        if result.most_beyond == 1.0:
            assert result.worst > 3 * result.tolerance
    else:
        assert result.worst > 10 * FLOAT_TOLERANCE


def test_whole_pictures_may_be_a_little_brighter_or_darker() -> None:
    expected = {"out": np.zeros((8, 8), np.float32)}
    for shift, ok in ((MOST_STEPS_WHOLE, True), (MOST_STEPS_WHOLE + 1, False)):
        results = {"out": np.full((8, 8), shift * STEP, np.float32)}
        assert compare(expected, results, {"out": STEP}, "", whole=True).ok is ok
        assert not compare(expected, results, {"out": STEP}, "").ok
    assert enhance.TASK.makes_picture
    assert not enhance.SHARED_CURVES.makes_picture and not chroma.TASK.makes_picture
    assert not colorize.TASK.makes_picture


def test_steps_come_from_what_the_file_holds(model_files: dict[str, Path]) -> None:
    for recipe, path in model_files.items():
        card, graph = package.read_card(path), Graph(path)
        found = steps(card, graph)
        assert set(found) == {"correction"}
        if recipe in FLOAT_RECIPES:
            assert found["correction"] == 0
        else:
            # Integers inside, be the output a float or not.
            assert found["correction"] == pytest.approx(2 / 255, rel=0.02), recipe
            assert selftest(path).beyond is not None


def golden(differences: dict[int, float]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A thousand expected values, and results of which some differ by so many steps."""
    expected = np.zeros((10, 10, 10), np.float32)
    results = expected.copy()
    for index, (count, amount) in enumerate(differences.items()):
        results[index].ravel()[:count] = amount * STEP
    return {"out": expected}, {"out": results}


@pytest.mark.parametrize(
    ("differences", "step", "ok"),
    [
        ({}, STEP, True),
        ({100: 1.0}, STEP, True),
        ({18: 2.0, 2: MOST_STEPS}, STEP, True),
        ({1: MOST_STEPS + 1}, STEP, False),
        ({21: 2.0}, STEP, False),
        ({1: 0.2}, 0.0, True),
        ({1: 0.3}, 0.0, False),
        ({1: np.nan}, STEP, False),
        ({1: np.nan}, 0.0, False),
    ],
)
def test_the_bounds(differences: dict[int, float], step: float, ok: bool) -> None:
    result = compare(*golden(differences), {"out": step}, "some interpreter")
    assert result.ok == ok, result.text
    assert result.tolerance == pytest.approx(MOST_STEPS * step or FLOAT_TOLERANCE, rel=0.02)
    assert "some interpreter" in result.text
    assert ("more than one step in" in result.text) == bool(step)


def test_of_several_outputs_the_worst_counts() -> None:
    expected, results = golden({1: 3.0})
    expected["other"], results["other"] = np.zeros(4), np.array([0, 0, 0.003, 0])
    result = compare(expected, results, {"out": STEP, "other": 0.0}, "")
    assert not result.ok
    assert (result.worst, result.tolerance) == (0.003, FLOAT_TOLERANCE)
    assert result.beyond == 0.001
