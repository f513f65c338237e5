"""A wider network that begins as a narrower one, trained already: it computes the same at first.

Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016, say how a network
can be widened without a change of what it computes. They copy channels; here the new ones are
fresh, and nothing that was there before looks at them until training makes it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def widened(fresh: Array, trained: Array) -> Array:
    """The weight of a wider layer that computes what a narrower one did.

    Args:
        fresh: the wider layer's own: a kernel (height, width, in, out), or one value a channel.
        trained: the narrower layer's, of as many axes, none of them longer.

    Returns:
        Of the shape of ``fresh``.

    Raises:
        ValueError: the narrower weight does not fit into the wider one.
    """
    if fresh.ndim != trained.ndim or any(
        a < b for a, b in zip(fresh.shape, trained.shape, strict=True)
    ):
        raise ValueError(f"a weight of {trained.shape} does not fit into one of {fresh.shape}")
    grown = np.array(fresh)
    if fresh.ndim > 1:  # what there was looks at nothing new
        grown[..., : trained.shape[-1]] = 0.0
    grown[tuple(slice(length) for length in trained.shape)] = trained
    return grown
