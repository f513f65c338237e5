"""MIRNet, size lite."""

from training.config import FitConfig

CONFIG = FitConfig(
    model="enhance_mirnet",
    size="lite",
    steps=12_000,
    progressive=((0.4, 160, 8), (0.35, 256, 4), (0.25, 384, 2)),
    cell=384,
    synthetic=0.3,
    charbonnier=5.0,
    epoch_steps=300,
    val_crop=384,
)
