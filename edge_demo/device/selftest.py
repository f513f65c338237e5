"""Does this device compute what the exporting machine computed? Ask the file's golden pair.

Floats may be summed in another order. Where a file computes in 8-bit integers, interpreters round
after each operation in ways of their own (XNNPACK once, the older kernels of ``tflite-runtime``
twice; the ``dynamic`` recipe's activations are quantised as they come, by each in another way), and
what differs by a step after one operation adds up over the following ones. Measured over the two
interpreters on x86-64 and 64-bit Arm, on the golden pair and nine photographs: at most 3 steps of
the output's range, and at most 0.8 % of all values more than one step apart. A wrong graph is
beyond one step in a good part of its values, so that both are bounded.

A network that weighs its channels by means over the whole picture is another matter: one step in a
gate brightens or darkens all of the picture. Of MIRNet's 8-bit files the older kernels give values
up to 18 steps away, most of them more than one, at 0.05 dB less against the truth; a wrong kernel,
more than 90. There the steps alone are bounded, and more of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..model.interpreter import Graph, package_name
from ..model.package import Card, read_card, read_golden
from .golden import PictureTest, picture_test

FLOAT_TOLERANCE = 2e-3
# Recipes without 8-bit operations. Any other counts as having them, be its output a float.
FLOAT_RECIPES = ("float32", "float16")
# Through a hundred operations in a row interpreters were seen to differ by 6 steps, in a thousandth
# of the values.
MOST_STEPS = 8.0
MOST_BEYOND = 0.02
# Of networks that make the whole picture at once.
MOST_STEPS_WHOLE = 24.0


# What a card says of a golden pair for a graph of one size: the input is to be repeated until it
# fills the graph, and the output is the beginning of what the graph gives then.
REPEATED = "repeated"


@dataclass(frozen=True)
class SelfTest:
    """The outcome.

    Attributes:
        ok: whether every output, and the picture, is within tolerance.
        worst: largest difference, in the output's own unit.
        tolerance: what is allowed.
        beyond: share of values that differ by more than one step; None for a float graph.
        most_beyond: what is allowed of it.
        picture: of all that is around the network, see ``golden``; None where only values of
            graphs were compared.
    """

    ok: bool
    worst: float
    tolerance: float
    interpreter: str
    beyond: float | None = None
    most_beyond: float = MOST_BEYOND
    picture: PictureTest | None = None

    @property
    def text(self) -> str:
        """One line for a reader."""
        share = "" if self.beyond is None else (
            f", more than one step in {self.beyond:.2%} of values (allowed {self.most_beyond:.0%})"
        )  # fmt: skip
        picture = f"; {self.picture.text}" if self.picture else ""
        return (
            f"largest difference {self.worst:.2g} (allowed {self.tolerance:.2g}){share} "
            f"in {self.interpreter}{picture}"
        )


def selftest(path: Path, threads: int = 1) -> SelfTest:
    """Run a file's golden input and compare with its golden output; and a picture of its variant.

    Raises:
        UserError: no such file, no golden pair, or a graph that does not run here.
    """
    card = read_card(path)
    golden = read_golden(path)
    graph = Graph(path, threads)
    inputs = {k.removeprefix("input_"): v for k, v in golden.items() if k.startswith("input_")}
    expected = {k.removeprefix("output_"): v for k, v in golden.items() if k.startswith("output_")}
    if set(inputs) != set(graph.inputs) or set(expected) != set(graph.outputs):
        raise UserError(f"{path}: its golden pair is not of this graph's tensors")
    if card.values.get("golden") == REPEATED:
        inputs = {name: repeated(values, graph.inputs[name][1:]) for name, values in inputs.items()}
    graph.resize({name: (1, *values.shape) for name, values in inputs.items()})
    results = graph.run({name: values.astype(np.float32) for name, values in inputs.items()})
    results = {name: cut(results[name], values.shape) for name, values in expected.items()}
    values = compare(expected, results, steps(card, graph), package_name(), card.task.makes_picture)
    picture = picture_test(card.task)
    return replace(values, ok=values.ok and picture.ok, picture=picture)


def repeated(values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Values side by side and below each other until they fill a shape of as many axes."""
    times = [-(-side // have) for side, have in zip(shape, values.shape, strict=True)]
    return cut(np.tile(values, times), shape)


def cut(values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """The beginning of values, along each axis."""
    return values[tuple(slice(side) for side in shape)]


def steps(card: Card, graph: Graph) -> dict[str, float]:
    """Of each output, what one step of 8 bits is worth; 0 in a file that computes in floats.

    It is the file's own step where the output is an integer; else its range, as the task states
    it, in 255 parts: a float output can have 8-bit operations before it.
    """
    if card.values["recipe"] in FLOAT_RECIPES:
        return dict.fromkeys(graph.outputs, 0.0)
    stated = {tensor.name: (tensor.high - tensor.low) / 255 for tensor in card.task.outputs}
    return {name: graph.output_step(name) or stated[name] for name in graph.outputs}


def compare(
    expected: Mapping[str, NDArray[Any]],
    results: Mapping[str, NDArray[Any]],
    step: Mapping[str, float],
    interpreter: str,
    whole: bool = False,
) -> SelfTest:
    """Results beside what they should be.

    Args:
        expected, results: output name to values.
        step: as ``steps`` gives it.
        interpreter: whose results they are.
        whole: of a network that makes the whole picture at once.
    """
    most_steps, most_beyond = (MOST_STEPS_WHOLE, 1.0) if whole else (MOST_STEPS, MOST_BEYOND)
    differences = {
        name: np.nan_to_num(np.abs(results[name] - expected[name]), nan=np.inf) for name in expected
    }
    # A hair more than whole steps, which are no whole floats.
    allowed = {name: max(FLOAT_TOLERANCE, 1.01 * most_steps * step[name]) for name in expected}
    name = max(expected, key=lambda name: float(differences[name].max()) / allowed[name])
    worst, tolerance = float(differences[name].max()), allowed[name]
    shares = [float((differences[n] > 1.01 * step[n]).mean()) for n in expected if step[n]]
    beyond = max(shares, default=None)
    ok = worst <= tolerance and (beyond or 0.0) <= most_beyond
    return SelfTest(ok, worst, tolerance, interpreter, beyond, most_beyond)
