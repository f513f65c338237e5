"""MIRNet, size lite: the config of preset ``enhance_mirnet-lite.r1``.

Darkened photographs first, real pairs alone at the end; crops that grow. Trained in two runs on the
first 56 of ELIEI's 70 pairs and on 232 photographs of CID22 and CLIC 2025; the last 14 pairs were
held out::

    python -m training fit enhance_mirnet \\
        --data "pairs:lowlight_pairs:train + folder:photos_444/train" \\
        --val pairs:lowlight_pairs:test --out runs/enhance_mirnet-lite.r1
    python -m training fit enhance_mirnet --qat runs/enhance_mirnet-lite.r1 \\
        --data "pairs:lowlight_pairs:train + folder:photos_444/train" \\
        --val pairs:lowlight_pairs:test --out runs/enhance_mirnet-lite.r1-qat

Hardware: 2 x86 cores (AVX-512 with bfloat16), also busy with other work: 0.8 h and 0.1 h.
What it reached: ``docs/models/enhance_mirnet-lite.r1.md``.
"""

import dataclasses

from training.config import FitConfig
from training.objectives import CharbonnierMsSsim

CONFIG = FitConfig(
    model="enhance_mirnet",
    size="lite",
    steps=30_000,
    patch=192,
    batch=8,
    varied=0.4,
    compressed=0.25,
    uneven=0.6,
    cell=256,
    learning_rate=1e-3,
    objective=CharbonnierMsSsim(charbonnier=5.0, coarse=0.5),
    epoch_steps=500,
    val_photographs=57,
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
