"""A model file as a runner of tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .interpreter import Graph
from .package import Card, read_card


class TFLiteModel:
    """A self-describing ``.tflite`` behind the ``tiling.Runner`` protocol.

    Attributes:
        path: the file.
        card: what it says of itself.
        graph: the interpreter's side.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load; raises UserError as ``read_card`` and ``Graph`` do."""
        self.path = path
        self.card: Card = read_card(path)
        self.graph = Graph(path, threads)
        self.tile = self.card.tile
        self.halo = self.card.halo
        first = self.card.task.inputs[0]
        self.takes_codes = self.graph.holds_codes(first.name, first.scale)
        self._static = self.graph.compiled or self.card.static

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """Resize the graph to tiles of (height, width) image pixels; the size that it takes.

        A graph whose card says ``static`` keeps its own size, which the caller fills.
        """
        if self._static:
            first = self.card.task.inputs[0]
            _, rows, columns, _ = self.graph.inputs[first.name]
            return rows * first.downscale, columns * first.downscale
        shapes = {
            t.name: (1, height // t.downscale, width // t.downscale, t.channels)
            for t in self.card.task.inputs
        }
        self.graph.resize(shapes)
        return height, width

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """One tile through the graph."""
        return self.graph.run(values)
