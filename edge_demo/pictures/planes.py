"""The luma and chroma planes of a 4:2:0 picture file, as its decoder has them.

Converting to RGB and back would blur and round the very samples that chroma restoration starts
from. FFmpeg hands them over untouched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import ffmpeg
from .containers import ImageFile, ImageInfo

if TYPE_CHECKING:
    import av

Plane = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Planes420File:
    """A file's own planes, as stored: not turned upright.

    Turning planes of odd size would move the chroma samples by half a luma pixel. Make RGB first,
    then turn it with `images.apply_orientation(rgb, orientation)`.

    Attributes:
        y: (H, W), 0..255, or 16..235 where not ``full_range``.
        cbcr: (ceil(H/2), ceil(W/2), 2), Cb then Cr, centred on 128.
        alpha: (H, W), 0..255, or None (a WebP may have it).
        matrix: name of the colour matrix, "bt601" for both kinds of file.
        full_range: True for JPEG, False for WebP.
        siting: where a chroma sample lies in its 2x2 block; "center" for both.
        orientation: EXIF orientation 1..8, still to be applied.
        info: the file's description.
    """

    y: Plane = field(repr=False)
    cbcr: Plane = field(repr=False)
    alpha: Plane | None = field(repr=False)
    matrix: str
    full_range: bool
    siting: str
    orientation: int
    info: ImageInfo


def decode_planes(file: ImageFile) -> Planes420File:
    """Decode a 4:2:0 JPEG (baseline or progressive) or a lossy WebP to its planes.

    Raises:
        UserError: another kind of picture, another subsampling, an RGB-coded JPEG, or a damaged
            file.
    """
    info = file.info
    _check_kind(info)
    planes = _decode(file)
    height, width = info.height, info.width
    half = (height + 1) // 2, (width + 1) // 2
    expected = [(height, width), half, half, (height, width)][: len(planes)]
    if [plane.shape for plane in planes] != expected:
        raise UserError(f"{info.path}: cannot be decoded: its headers contradict each other")
    return Planes420File(
        y=planes[0],
        cbcr=np.stack(planes[1:3], axis=-1),
        alpha=planes[3] if len(planes) == 4 else None,
        matrix="bt601",
        full_range=info.format == "jpeg",
        siting="center",
        orientation=info.orientation,
        info=info,
    )


def _check_kind(info: ImageInfo) -> None:
    if info.format not in ("jpeg", "webp") or info.subsampling is None:
        raise UserError(f"{info.path}: has no 4:2:0 planes; only JPEG and lossy WebP files do")
    if info.rgb_coded:
        raise UserError(f"{info.path}: is a JPEG coded as RGB: it has no chroma planes")
    if info.subsampling != "4:2:0":
        raise UserError(f"{info.path}: is {info.subsampling}, not 4:2:0")


# The decoder of each format, and what it calls 4:2:0 planes of 8 bits. The "j" says full range; a
# comment in a JPEG can make FFmpeg leave it out, but every other reader takes JPEGs as full range.
_DECODERS = {"jpeg": "mjpeg", "webp": "webp"}
_PLANAR_420 = {"jpeg": ("yuvj420p", "yuv420p"), "webp": ("yuv420p", "yuva420p")}


def _decode(file: ImageFile) -> list[Plane]:
    """Y, Cb, Cr and, where there is one, alpha."""
    info = file.info
    frame = ffmpeg.picture(_DECODERS[info.format], file.data)
    if frame is None:
        raise UserError(
            f"{info.path}: cannot be decoded: damaged, or a {info.format} of an unusual kind"
        )
    if frame.format.name not in _PLANAR_420[info.format]:
        raise UserError(f"{info.path}: decodes to {frame.format.name}, not to 4:2:0 planes")
    return [_plane(plane) for plane in frame.planes]


def _plane(plane: av.video.plane.VideoPlane) -> Plane:
    """A copy without the padding at the ends of its lines."""
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.array(lines[: plane.height, : plane.width])
