"""Zero-DCE, size lite: without pairs, on what is dark in them and on darkened photographs."""

from training.config import FitConfig

CONFIG = FitConfig(
    model="enhance_zerodce",
    size="lite",
    steps=1_500,
    patch=384,
    batch=2,
    cell=384,
    synthetic=0.5,
    loss="zero_reference",
    exposure=0.46,
    exposure_power=0.5,
    smooth=4000.0,
    learning_rate=2e-3,
    ema=0.99,
    epoch_steps=300,
    val_crop=384,
)
