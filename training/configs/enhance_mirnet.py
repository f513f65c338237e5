"""MIRNet, size lite: pairs and darkened photographs, crops that grow. No preset of it ships yet."""

from training.config import FitConfig

CONFIG = FitConfig(
    model="enhance_mirnet",
    size="lite",
    steps=9_000,
    progressive=((0.5, 160, 8), (0.3, 256, 4), (0.2, 384, 2)),
    cell=384,
    synthetic=0.3,
    learning_rate=1e-3,
    charbonnier=5.0,
    epoch_steps=300,
    val_crop=384,
)
