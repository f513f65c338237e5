"""Classification, size lite: the config of preset ``colorize_eccv16-lite.r1``.

Data, command and hardware as in ``colorize_fusion``, 0.3 h. ``unbalance`` was chosen on photographs
of neither training nor validation, for colours about as strong as theirs.
What it reached: ``docs/models/colorize_eccv16-lite.r1.md``.
"""

import dataclasses

from training.objectives import Classification

from .colorize_fusion import CONFIG as FUSION

CONFIG = dataclasses.replace(
    FUSION,
    model="colorize_eccv16",
    objective=Classification(rebalance=0.5, unbalance=0.25),
)
