"""Does this device compute what the exporting machine computed? Ask the file's golden pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import UserError
from .interpreter import Graph, package_name
from .package import read_card, read_golden

# A float graph may sum in another order; an integer graph may round one step apart.
FLOAT_TOLERANCE = 2e-3


@dataclass(frozen=True)
class SelfTest:
    """The outcome.

    Attributes:
        ok: whether every output is within tolerance.
        worst: largest difference, in the output's own unit.
        tolerance: what is allowed.
    """

    ok: bool
    worst: float
    tolerance: float
    interpreter: str

    @property
    def text(self) -> str:
        """One line for a reader."""
        return (
            f"largest difference {self.worst:.2g} (allowed {self.tolerance:.2g}) "
            f"in {self.interpreter}"
        )


def selftest(path: Path, threads: int = 1) -> SelfTest:
    """Run a file's golden input and compare with its golden output.

    Raises:
        UserError: no such file, no golden pair, or a graph that does not run here.
    """
    read_card(path)
    golden = read_golden(path)
    graph = Graph(path, threads)
    inputs = {k.removeprefix("input_"): v for k, v in golden.items() if k.startswith("input_")}
    expected = {k.removeprefix("output_"): v for k, v in golden.items() if k.startswith("output_")}
    if set(inputs) != set(graph.inputs) or set(expected) != set(graph.outputs):
        raise UserError(f"{path}: its golden pair is not of this graph's tensors")
    graph.resize({name: (1, *values.shape) for name, values in inputs.items()})
    results = graph.run({name: values.astype(np.float32) for name, values in inputs.items()})
    worst = max(float(np.abs(results[name] - expected[name]).max()) for name in expected)
    step = max(graph.output_step(name) for name in expected)
    tolerance = max(FLOAT_TOLERANCE, 1.01 * step)
    return SelfTest(worst <= tolerance, worst, tolerance, package_name())
