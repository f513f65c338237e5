"""Hints, size lite, on features of MobileNetV2; data and command as in ``colorize_fusion``."""

import dataclasses

from training.objectives import Classification

from .colorize_fusion import CONFIG as FUSION

CONFIG = dataclasses.replace(
    FUSION,
    model="colorize_siggraph17",
    objective=Classification(rebalance=0.8, unbalance=1.0, regression=0.3),
    steps=1_250,
)
