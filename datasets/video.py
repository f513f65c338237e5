"""Frames of a video with true chroma at every pixel, to measure restoration over time.

A 4:2:0 video holds no chroma detail at full size, but it has one chroma sample for every 2x2 block
of luma: at half size they meet. So luma is halved onto the very places of the chroma samples, and
chroma stays as it is, untouched: what is measured is the video's own detail, and none of it is made
up by an interpolation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_demo.colour.siting import cosited, downsample, downsample_axis
from edge_demo.colour.ycbcr import round_to_uint8
from edge_demo.errors import UserError
from edge_demo.video.reader import Decoded, Reader


def truth(decoded: Decoded) -> NDArray[np.uint8]:
    """A frame as YCbCr 4:4:4 (h, w, 3) uint8, full range, in the stream's own matrix.

    Of 4:2:0, half the size (a last odd line or column rounded up): luma is the mean over each
    block along an axis where chroma samples lie between pixels, and weighs 1, 2, 1 along one where
    they lie on pixels, which is the same halving by area half a pixel further; chroma is the
    stored samples. 4:4:4 is as it is. Limited range and 10 bits are stretched to full range of 8
    bits before the one rounding, so that figures compare with those of photographs.
    """
    frame = decoded.frame()
    y, cbcr = frame.y, frame.cbcr
    down, across = frame.coarse
    if down or across:
        y = downsample(y[..., None], frame.siting)[..., 0]
    # Of 4:2:2 and 4:4:0, chroma is halved along the other axis as luma is.
    for axis, is_coarse in enumerate((down, across)):
        if not is_coarse and (down or across):
            cbcr = downsample_axis(cbcr, axis, cosited(frame.siting)[axis])
    return round_to_uint8(np.dstack([y.astype(np.float32), cbcr.astype(np.float32)]))


def truths(path: Path) -> tuple[Iterator[NDArray[np.uint8]], int | None, str]:
    """Every frame of a video as ``truth`` gives it.

    Returns:
        The frames, to be read once; how many to expect, where the file tells; and the name of
        their colour matrix.

    Raises:
        UserError: as ``Reader`` does, or a grey video.
    """
    reader = Reader(path)
    if reader.coding.subsampling == "grey":
        reader.container.close()
        raise UserError(f"{path}: a grey video has no chroma")

    def frames() -> Iterator[NDArray[np.uint8]]:
        with reader:
            for item in reader.items():
                if isinstance(item, Decoded):
                    yield truth(item)

    return frames(), reader.total, reader.coding.matrix
