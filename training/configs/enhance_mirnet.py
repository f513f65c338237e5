"""MIRNet, size lite: the config of preset ``enhance_mirnet-lite.r5``.

Pairs of two cameras and of exposure brackets, and photographs of a third source that are darkened
afresh at every step: 400 pairs of LOL v1's training set whose scenes are in no test, 56 of ELIEI's
70, 140 outdoor brackets of SICE, 214 bright pictures of ELIEI and 232 photographs of CID22 and CLIC
2025. Every source has its share of each batch, in the order of ``--data``::

    python -m training fit enhance_mirnet \\
        --data "pairs:lol/train + pairs:lowlight_pairs:train + pairs:sice \\
            + folder:eliei_reference + folder:photos_444/train" --set shares="(4,5,1,1,1)" \\
        --val pairs:lol/val --out runs/enhance_mirnet-lite.r5

The preset had 26,250 steps: the 20,250 of ``enhance_mirnet-lite.r2`` (5,750 without uneven light,
1,500 with it, 13,000 more), where ELIEI had two tenths of each batch, and 6,000 from there with
twice as much of it, from a peak rate of 7e-4, the last third on crops of 256 pixels. Validated on
57 pairs of 24 other scenes of LOL. Trained for 8 bits on top of that (``QAT``, 1,000 steps on the
pairs as they were taken), it had 0.1 dB more on the test pairs, and violet casts on photographs of
other cameras; it does not ship.

Its weights were first shipped as ``enhance_mirnet-lite.r3``, whose 8-bit ranges cut off what the
network says of a picture with lamps as a whole: its colours turned green. ``r4`` are the same
weights, with ranges chosen on brackets and darkened photographs, too, and with room beyond them.
``r5`` are the same once more: its 8-bit files leave in floats what is judged of the light.

Hardware: 2 x86 cores (AVX-512 with bfloat16), also busy with other work: 3.8 h.
What it reached: ``docs/models/enhance_mirnet-lite.r5.md``.
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
