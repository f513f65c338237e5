"""Chroma residual CNN that is told a JPEG's quality, size s: preset ``chroma_bitrate-s.r2``.

In two runs on 232 photographs of true 4:4:4 chroma (CID22 and CLIC 2025), each crop a JPEG of
another quality; the second one sees more of the finest::

    python -m training fit chroma_bitrate --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_bitrate-s.r2 \\
        --set start_from=chroma_residual-s.r1
    python -m training fit chroma_bitrate --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_bitrate-s.r2-last \\
        --set start_from=runs/chroma_bitrate-s.r2 --set steps=15000 \\
        --set max_quality_share=0.25 --set seed=1

Errors count by their logarithm, for those at quality 30 are many times as large as those at 100.
"""

from training.config import FitConfig
from training.objectives import LogError

CONFIG = FitConfig(
    model="chroma_bitrate",
    size="s",
    steps=18_000,
    learning_rate=1e-3,
    objective=LogError(),
    patch=160,
    batch=6,
    sitings={"center": 1.0},  # JPEG's
    max_quality_share=0.15,
)
