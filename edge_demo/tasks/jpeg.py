"""What JPEG's quantisation does to planes, and how strong it is (ITU-T T.81, 1992).

Quality is that of the Independent JPEG Group's library, 1..100, which nearly every program means.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .chroma import Planes

SIDE = 8  # of a block
QUALITIES = (30, 100)  # what photographs come in

# T.81, tables K.1 and K.2: steps for luma and for chroma at quality 50.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    *(99,) * 32,
)  # fmt: skip


def tables(quality: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The steps of luma and of chroma at a quality, (8, 8) each, 1..255.

    Raises:
        ValueError: a quality outside 1..100.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"a quality is 1..100, not {quality}")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (
        np.clip((np.array(table) * scale + 50) // 100, 1, 255).reshape(SIDE, SIDE)
        for table in (_LUMA, _CHROMA)
    )
    return luma, chroma


def strength(table: Sequence[int]) -> float:
    """How strongly a table quantises: 0 (steps of 1) to 1 (steps of 256), their mean in octaves."""
    return sum(math.log2(max(1, step)) for step in table) / len(table) / 8.0


def cosines() -> NDArray[np.float32]:
    """The orthonormal DCT of type II as a matrix (8, 8): frequencies in rows."""
    place = np.arange(SIDE)
    waves = np.cos((2 * place + 1) * place[:, None] * np.pi / (2 * SIDE)) * math.sqrt(2 / SIDE)
    waves[0] /= math.sqrt(2)
    return waves.astype(np.float32)


def quantised(plane: NDArray[np.uint8], table: NDArray[np.int64]) -> NDArray[np.uint8]:
    """What is left of a plane (H, W), 8-bit, when its blocks are quantised by a table (8, 8)."""
    height, width = plane.shape
    # The edge repeats, as encoders do it.
    padded = np.pad(plane, ((0, -height % SIDE), (0, -width % SIDE)), mode="edge")
    rows, columns = padded.shape[0] // SIDE, padded.shape[1] // SIDE
    blocks = padded.reshape(rows, SIDE, columns, SIDE).transpose(0, 2, 1, 3)
    dct, steps = cosines(), table.astype(np.float32)
    waves = dct @ (blocks.astype(np.float32) - np.float32(128.0)) @ dct.T
    values = dct.T @ (np.rint(waves / steps) * steps) @ dct + np.float32(128.0)
    whole = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return whole.transpose(0, 2, 1, 3).reshape(padded.shape)[:height, :width]


def compressed(planes: Planes, quality: int) -> Planes:
    """Planes of 8 bits as a JPEG of a quality keeps them, which they say.

    Differs from a library's file by its decoder's rounding, now and then by a code.
    """
    luma, chroma = tables(quality)
    low = [quantised(planes.cbcr[..., i], chroma) for i in range(2)]
    return dataclasses.replace(
        planes,
        y=quantised(planes.y, luma),
        cbcr=np.stack(low, axis=-1),
        quantised=(strength(luma.ravel().tolist()), strength(chroma.ravel().tolist())),
    )
