"""Chroma residual CNN, size s: the config of preset ``chroma_residual-s.r1``.

Trained in three runs on 232 photographs of true 4:4:4 chroma (CID22 and CLIC 2025), 41 others held
out::

    python -m training fit chroma_residual --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_residual-s.r1
    python -m training fit chroma_residual --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_residual-s.r1-last \\
        --set start_from=runs/chroma_residual-s.r1 --set loss=log_error --set steps=8000 \\
        --set learning_rate=3e-4 --set patch=160 --set batch=6 --set seed=1
    python -m training fit chroma_residual --qat chroma_residual-s.r1 \\
        --data folder:photos_444/train --val folder:photos_444/val \\
        --out runs/chroma_residual-s.r1-qat

Hardware: 2 x86 cores (AVX-512 with bfloat16), also busy with other work: 1.4 h, 0.1 h and 0.8 h.
Reached on the held-out photographs, bound by the file's own chroma: chroma PSNR 48.16 dB in
float32, 48.08 dB in int8 and 48.10 dB in qat (the third run's), where bilinear has 43.47 dB.
Every figure: ``docs/models/chroma_residual-s.r1.md``.

28,000 further steps from a high rate, on 353 photographs and for the logarithm of errors, ended
0.07 dB lower, on the photographs of training too. Of other shapes at its cost, from nothing: 1x1 in
place of each second convolution is 0.1 dB behind after 3,000 steps, 24 channels in seven blocks
0.3 dB after 500, where 64 channels in separable convolutions are 0.2 dB ahead, at twice the time.

Size xs, for video: preset ``chroma_residual-xs.r2``. The second run saw 121 crops of further
photographs as well (Unsplash, Pop!_OS, MATE), and took 0.3 h on 2 cores with AMX, or twice that
beside other work::

    python -m training fit chroma_residual --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_residual-xs.r1 \\
        --set size=xs --set steps=10000
    python -m training fit chroma_residual \\
        --data "folder:photos_444/train + folder:photos_444_more" --val folder:photos_444/val \\
        --out runs/chroma_residual-xs.r2 --set size=xs \\
        --set start_from=runs/chroma_residual-xs.r1 --set loss=log_error --set steps=24000 \\
        --set learning_rate=1.5e-3 --set warmup_steps=500 --set epoch_steps=2000 \\
        --set cells_gib=3.0 --set seed=3

Size m, on which ``chroma_merged-m.r1`` stands, 0.4 h and 0.2 h on 2 cores with AMX::

    python -m training fit chroma_residual --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_residual-m.r1 \\
        --set size=m --set start_from=chroma_residual-s.r1 --set steps=24000 \\
        --set learning_rate=1.2e-3 --set patch=128 --set batch=9
    python -m training fit chroma_residual --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_residual-m.r1-last \\
        --set size=m --set start_from=runs/chroma_residual-m.r1 --set loss=log_error \\
        --set steps=8000 --set learning_rate=3e-4 --set patch=160 --set batch=6 --set seed=1
"""

import dataclasses

from training.config import FitConfig
from training.objectives import LogError

CONFIG = FitConfig(model="chroma_residual", size="s", steps=100_000)

# Quantisation-aware fine-tuning. Large crops, as in the last run above: an 8-bit step is a small
# error, found against large gradients only on many pixels.
QAT = dataclasses.replace(
    CONFIG,
    steps=12_000,
    learning_rate=5e-4,
    objective=LogError(),
    patch=160,
    batch=6,
    precision="float32",
    seed=2,
)
