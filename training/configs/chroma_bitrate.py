"""Chroma residual CNN that is told a JPEG's quality, size s.

In three runs and a quantisation-aware one on 232 photographs of true 4:4:4 chroma (CID22 and CLIC 2025), each crop a JPEG of
another quality. In the first, an earlier draw had every quality as often; the last ones count
errors by the logarithm, for those at quality 30 are many times as large as those at 100::

    python -m training fit chroma_bitrate --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_bitrate-s.r1-first \\
        --set start_from=chroma_residual-s.r1
    python -m training fit chroma_bitrate --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_bitrate-s.r1 \\
        --set start_from=runs/chroma_bitrate-s.r1-first --set steps=6000 --set seed=1
    python -m training fit chroma_bitrate --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_bitrate-s.r2 \\
        --set start_from=runs/chroma_bitrate-s.r1 --set loss=log_error --set steps=10000 \\
        --set learning_rate=5e-4 --set patch=160 --set batch=6 --set seed=2
    python -m training fit chroma_bitrate --qat chroma_bitrate-s.r2 \\
        --data folder:photos_444/train --val folder:photos_444/val \\
        --out runs/chroma_bitrate-s.r2-qat
"""

import dataclasses

from training.config import FitConfig

CONFIG = FitConfig(
    model="chroma_bitrate",
    size="s",
    steps=8_000,
    learning_rate=1e-3,
    sitings={"center": 1.0},  # JPEG's
)

QAT = dataclasses.replace(
    CONFIG,
    steps=4_000,
    learning_rate=3e-4,
    loss="log_error",
    patch=160,
    batch=6,
    precision="float32",
    seed=3,
)
