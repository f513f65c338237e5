"""MIRNet, size lite: darkened photographs first, real pairs alone at the end; crops that grow."""

import dataclasses

from training.config import FitConfig

CONFIG = FitConfig(
    model="enhance_mirnet",
    size="lite",
    steps=9_000,
    progressive=((0.4, 192, 6, 0.5), (0.3, 256, 4, 0.25), (0.3, 384, 2, 0.0)),
    cell=384,
    learning_rate=1e-3,
    loss="charbonnier_ms_ssim",
    charbonnier=5.0,
    epoch_steps=300,
    val_crop=384,
)

# Quantisation-aware fine-tuning, on the pairs alone.
QAT = dataclasses.replace(
    CONFIG,
    steps=500,
    progressive=((1.0, 256, 4, 0.0),),
    learning_rate=1e-4,
    warmup_steps=50,
    ema=0.99,
    precision="float32",
    epoch_steps=100,
    seed=2,
)
