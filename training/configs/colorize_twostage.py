"""Two stages, size lite: first ``lite-generator``, then ``lite`` behind it.

A run each, the second from the first::

    python -m training fit colorize_twostage --data SOURCE --out runs/generator \\
        --set size=lite-generator --set backbone_weights=FILE.npz
    python -m training fit colorize_twostage --data SOURCE --out runs/twostage \\
        --set start_from=runs/generator
"""

import dataclasses

from .colorize_fusion import CONFIG as FUSION

CONFIG = dataclasses.replace(FUSION, model="colorize_twostage", patch=224, cell=256)
