"""Pictures as graphs see them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_demo.measure import restoration


def encoded(task: Any, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a task's graph sees of a photograph (H, W, 3), once it is degraded."""
    made = restoration.of(task)
    degraded = made.degrade(rgb, "picture", made.siting(None))
    values: NDArray[np.float32] = task.encode(degraded)[task.inputs[0].name]
    return values
