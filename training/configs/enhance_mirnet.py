"""MIRNet, size lite: the config of preset ``enhance_mirnet-lite.r6``.

Pairs of two cameras and of exposure brackets, and photographs of a third source that are darkened
afresh at every step: 400 pairs of LOL v1's training set whose scenes are in no test, 56 of ELIEI's
70, 140 outdoor brackets of SICE, 214 bright pictures of ELIEI and 232 photographs of CID22 and CLIC
2025. Every source has its share of each batch, in the order of ``--data``::

    python -m training fit enhance_mirnet \\
        --data "pairs:lol/train + pairs:lowlight_pairs:train + pairs:sice \\
            + folder:eliei_reference + folder:photos_444/train" --set shares="(4,5,1,1,1)" \\
        --val pairs:lol/val --out runs/enhance_mirnet-lite.r6

The preset had 48,450 steps. The first 26,250 were those of ``enhance_mirnet-lite.r5``, whose
convolutions ended at the picture's own size: 5,750 without uneven light, 1,500 with it and 13,000
more, where ELIEI had two tenths of each batch, and 6,000 from there with twice as much of it, from
a peak rate of 7e-4, the last third on crops of 256 pixels; all of them without ``ssim``. Later ones
held what judges the light::

    --set 'held=("light","curves","colours")' --set start_from=RUN

2,000 of the same network; 9,000 from a peak rate of 1e-3 with its end at half size (``tail``, drawn
anew; the channels there, 24 before, are 32, of which nothing read the new ones at first); 8,000 at
1e-3 with the weights of the finest detail (``kept``, which at first kept all of it); and 3,200 at
5e-4 with shares of 3, 3, 2, 2, 2 and the dark side varied in seven tenths of the pairs, as the body
had begun to know rooms by heart. Validated on 15 of 57 pairs of 24 other scenes of LOL.

Without those weights the end at half size left a weave of two pixels on walls: 0.783 SSIM on 29 of
these pairs, 0.838 with them, and 0.810 of the network that ended at full size.

Trained for 8 bits on top of that (``QAT``, 1,000 steps on the pairs as they were taken), ``r2`` had
0.1 dB more on the test pairs, and violet casts on photographs of other cameras; it does not ship.
``r3`` and ``r4`` were ``r2``'s weights with other 8-bit ranges: chosen on two cameras alone, they
cut off what the network says of a picture with lamps as a whole, and its colours turned green.

Hardware: 2 x86 cores (AVX-512 with bfloat16), also busy with other work: 5.4 h.
What it reached: ``docs/models/enhance_mirnet-lite.r6.md``.
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
    objective=CharbonnierMsSsim(charbonnier=5.0, coarse=0.5, ssim=0.3),
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
