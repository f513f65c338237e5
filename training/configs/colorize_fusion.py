"""Fusion, size lite, on features of MobileNetV2.

Good for some thousand photographs, as a first attempt::

    python -m training fit colorize_fusion \\
        --data "folder:photos_varied/train + folder:scenes:train + folder:photos_444/train" \\
        --val folder:photos_varied/val --out runs/colorize_fusion \\
        --set backbone_weights=keras_models/weights/mobilenet_v2.npz

The backbone came from ``python -m keras_models import-backbone``. On 2 x86 cores it takes 0.2 h;
``colorize_unet`` is better for hours.
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
