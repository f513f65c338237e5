"""Zero-DCE, size lite: the config of preset ``enhance_zerodce-lite.r1``.

Without references: of ELIEI's first 56 pairs only the dark halves are looked at, beside darkened
photographs::

    python -m training fit enhance_zerodce \\
        --data "pairs:lowlight_pairs:train + folder:photos_444/train" \\
        --val pairs:lowlight_pairs:test --out runs/enhance_zerodce-lite.r1

Hardware: 2 x86 cores, also busy with other work: 0.1 h.
What it reached: ``docs/models/enhance_zerodce-lite.r1.md``.
"""

from training.config import FitConfig
from training.objectives import ZeroReference

CONFIG = FitConfig(
    model="enhance_zerodce",
    size="lite",
    steps=1_500,
    patch=384,
    batch=2,
    cell=384,
    synthetic=0.5,
    objective=ZeroReference(exposure=0.46, exposure_power=0.5, tv_weight=4000.0),
    learning_rate=2e-3,
    ema=0.99,
    epoch_steps=300,
    val_crop=384,
)
