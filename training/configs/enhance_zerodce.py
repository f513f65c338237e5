"""Zero-DCE, size lite: the config of preset ``enhance_zerodce-lite.r2``.

Its curves learn from pairs what the published losses do not ask for: how bright a picture of this
light should be, and of which colour. Those losses are still there, ``--set loss=zero_reference``.
Trained on what MIRNet was, see ``enhance_mirnet.py``, with ``--set shares="(4,4,1,1,2)"``.

Hardware: 2 x86 cores, also busy with other work: 0.2 h.
What it reached: ``docs/models/enhance_zerodce-lite.r2.md``.
"""

from training.config import FitConfig
from training.objectives import ReferenceCurves

CONFIG = FitConfig(
    model="enhance_zerodce",
    size="lite",
    steps=4_000,
    patch=256,
    batch=6,
    cell=384,
    varied=0.4,
    compressed=0.25,
    uneven=0.6,
    objective=ReferenceCurves(charbonnier=5.0, coarse=0.5),
    learning_rate=2e-3,
    ema=0.99,
    epoch_steps=250,
    val_photographs=57,
    val_crop=384,
)
