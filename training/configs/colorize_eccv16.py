"""Classification, size lite, on features of MobileNetV2.

Data and command as in ``colorize_fusion``. ``unbalance`` was chosen on photographs of neither
training nor validation, for colours about as strong as theirs.
"""

import dataclasses

from training.objectives import Classification

from .colorize_fusion import CONFIG as FUSION

CONFIG = dataclasses.replace(
    FUSION,
    model="colorize_eccv16",
    objective=Classification(rebalance=0.5, unbalance=0.25),
)
