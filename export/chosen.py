"""What calibration chose for a network: with it, integer recipes need no photographs again.

It is stored beside a preset's weights. Worked out again, on another processor, ranges can differ in
their last digits, and then so does the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_models.fakequant import Range


@dataclass(frozen=True)
class Chosen:
    """Ranges of a network's float graph, and the operations that ``mixed`` keeps in floats.

    Attributes:
        choice: how ranges were chosen, a key of ``quantise.CHOICES``.
        calibration: where the photographs were from, for cards.
        ranges: tensor name to range, for every tensor.
        floats: tensors of the operations in floats; None where that recipe was left out.
    """

    choice: str
    calibration: Mapping[str, Any]
    ranges: Mapping[str, Range]
    floats: tuple[str, ...] | None

    def values(self) -> dict[str, Any]:
        """For a JSON file."""
        return {
            "choice": self.choice,
            "calibration": dict(self.calibration),
            "ranges": {name: [span.low, span.high] for name, span in self.ranges.items()},
            "floats": None if self.floats is None else list(self.floats),
        }


def of_values(values: Mapping[str, Any]) -> Chosen:
    """The reverse of ``Chosen.values``."""
    floats = values["floats"]
    return Chosen(
        values["choice"],
        values["calibration"],
        {name: Range(low, high) for name, (low, high) in values["ranges"].items()},
        None if floats is None else tuple(floats),
    )
