"""Zero-DCE, size lite: without pairs, on what is dark in them. No preset of it ships yet."""

from training.config import FitConfig

CONFIG = FitConfig(
    model="enhance_zerodce",
    size="lite",
    steps=3_000,
    patch=256,
    batch=4,
    cell=384,
    synthetic=0.5,
    loss="zero_reference",
    exposure=0.4,
    smooth=4000.0,
    learning_rate=1e-3,
    epoch_steps=300,
    val_crop=384,
)
