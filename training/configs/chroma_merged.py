"""Consistent chroma and gated detail, size s: a second head behind ``chroma_residual-s``.

On 232 photographs of true 4:4:4 chroma (CID22 and CLIC 2025)::

    python -m training fit chroma_merged --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_merged-s.r2 \\
        --set start_from=chroma_residual-s.r1

Size ``m`` is trained behind a run of ``chroma_residual`` of that size (see its config), and its
detail taught by a generator of that size: one that errs more than the student has little to teach
it::

    python -m training fit chroma_gan --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_gan-m.r1 \\
        --set size=m --set start_from=runs/chroma_residual-m.r1-last
    python -m training fit chroma_merged --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_merged-m.r1 --set size=m \\
        --set start_from=runs/chroma_residual-m.r1-last --set teacher=runs/chroma_gan-m.r1 \\
        --set detail_gain=1.5
"""

from training.config import FitConfig
from training.objectives import Distillation

CONFIG = FitConfig(
    model="chroma_merged",
    size="s",
    steps=1_600,
    epoch_steps=400,
    learning_rate=2e-3,
    ema=0.99,
    # Full detail costs 0.05 dB on training photographs with a gain of 1, 0.41 dB with 2.5.
    objective=Distillation(teacher="chroma_gan-s.r1", detail_gain=1.75),
)
