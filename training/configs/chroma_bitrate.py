"""Chroma residual CNN that is told a JPEG's quality, size s.

In two runs on 232 photographs of true 4:4:4 chroma (CID22 and CLIC 2025), each crop a JPEG of
another quality; in the first, an earlier draw had every quality as often::

    python -m training fit chroma_bitrate --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_bitrate-s.r1-first \\
        --set start_from=chroma_residual-s.r1
    python -m training fit chroma_bitrate --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_bitrate-s.r1 \\
        --set start_from=runs/chroma_bitrate-s.r1-first --set steps=6000 --set seed=1
"""

from training.config import FitConfig

CONFIG = FitConfig(
    model="chroma_bitrate",
    size="s",
    steps=8_000,
    learning_rate=1e-3,
    sitings={"center": 1.0},  # JPEG's
)
