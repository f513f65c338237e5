"""The 313 colours that classifying networks choose from: a grid of a and b in steps of 10.

Those of the grid that are among the five nearest of any colour of sRGB, so that every colour can be
encoded by its five nearest; in the order of Zhang, Isola and Efros, "Colorful Image Colorization",
ECCV 2016, whose set it is. Eight more at the very edge of sRGB, ``RARE``, fulfil the rule, too;
theirs, drawn from photographs, lacks them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEP = 10
# For each a from -90 to 100 the first and the last b.
_ROWS = (
    (50, 90),
    (20, 90),
    (0, 90),
    (-20, 90),
    (-30, 100),
    (-40, 100),
    (-50, 100),
    (-50, 100),
    (-60, 100),
    (-70, 100),
    (-80, 90),
    (-80, 90),
    (-90, 90),
    (-100, 90),
    (-100, 80),
    (-110, 80),
    (-110, 80),
    (-110, 70),
    (-110, 70),
    (-90, 0),
)
RARE = ((-90, 40), (-70, 100), (-60, 100), (20, -90), (80, 80), (110, -70), (110, -60), (110, -50))

BINS: NDArray[np.float32] = np.array(
    [
        (a, b)
        for a, (first, last) in zip(range(-90, 101, STEP), _ROWS, strict=True)
        for b in range(first, last + 1, STEP)
    ],
    np.float32,
)  # (313, 2)
COUNT = len(BINS)
