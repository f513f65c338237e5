"""Hints, size lite: the config of preset ``colorize_siggraph17-lite.r1``.

Data, command and hardware as in ``colorize_fusion``, 0.4 h.
What it reached: ``docs/models/colorize_siggraph17-lite.r1.md``.
"""

import dataclasses

from training.objectives import Classification

from .colorize_fusion import CONFIG as FUSION

CONFIG = dataclasses.replace(
    FUSION,
    model="colorize_siggraph17",
    objective=Classification(rebalance=0.8, unbalance=1.0, regression=0.3),
    steps=1_250,
)
