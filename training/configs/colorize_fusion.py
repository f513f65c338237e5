"""Fusion, size lite: the config of preset ``colorize_fusion-lite.r1``.

Trained on 1,633 photographs of ImageNet's classes, 3,801 of Intel's scenes and 232 of CID22 and
CLIC 2025, in equal parts as the square roots of those numbers; 82 of ImageNet's classes and a tenth
of the scenes were held out::

    python -m training fit colorize_fusion \\
        --data "folder:photos_varied/train + folder:scenes:train + folder:photos_444/train" \\
        --val folder:photos_varied/val --out runs/colorize_fusion-lite.r1 \\
        --set backbone_weights=mobilenet_v2.npz

The backbone came from ``python -m keras_models import-backbone``; the preset's own is the same:
``--set backbone_weights=colorize_fusion-lite.r1``. Hardware: 2 x86 cores (AVX-512 with bfloat16),
also busy with other work: 0.2 h.
What it reached: ``docs/models/colorize_fusion-lite.r1.md``.
"""

from training.config import FitConfig
from training.objectives import LogError

CONFIG = FitConfig(
    model="colorize_fusion",
    size="lite",
    patch=224,
    cell=224,
    batch=16,
    steps=1_500,
    learning_rate=1e-3,
    warmup_steps=100,
    weight_decay=0.05,
    ema=0.998,
    objective=LogError(log_floor=20.0),
    epoch_steps=250,
    picture_every=2,
    val_photographs=100,
)
