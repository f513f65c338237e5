"""Chroma predicted directly, against a discriminator, size s.

On 232 photographs of true 4:4:4 chroma (CID22 and CLIC 2025)::

    python -m training fit chroma_gan --data folder:photos_444/train \\
        --val folder:photos_444/val --out runs/chroma_gan-s.r1 \\
        --set start_from=chroma_residual-s.r1
"""

from training.config import FitConfig
from training.objectives import Adversarial

CONFIG = FitConfig(
    model="chroma_gan",
    size="s",
    steps=2_500,
    learning_rate=5e-4,
    objective=Adversarial(),
)
