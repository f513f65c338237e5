"""How far apart the networks of two runs are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_models import runs

# Threads that add up a gradient in another order move a weight by its last digits, and a few whose
# gradient is next to nothing by more, as Adam divides by it. A batch or a state of the optimiser
# that is another one moves all of them by some of the learning rate, 2e-3 in these runs.
ROUNDING = 1e-5


def apart(one: Path, other: Path) -> float:
    """The root mean square difference of all weights of two finished runs of one model."""
    pairs = zip(*(runs.load_model(run).get_weights() for run in (one, other)), strict=True)
    return float(np.sqrt(np.mean(np.concatenate([np.square(a - b).ravel() for a, b in pairs]))))
