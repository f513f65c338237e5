"""The luma and chroma planes of a picture file, as its decoder has them.

Converting to RGB and back would blur and round the very samples that chroma restoration starts
from. FFmpeg hands them over untouched, of a HEIC's tiles one by one. Of a 4:2:0 JPEG libjpeg does,
at half size, and of one of 4:2:2 or 4:4:0 when its luma is called two components: every other
program shows its pixels, and FFmpeg's cosine transform rounds up to a sixth of the chroma samples
in another way, which cost nearly grey pictures up to 0.7 dB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.ycbcr import ycbcr_to_rgb
from ..errors import UserError
from . import ffmpeg, jpeg_file, library
from .containers import ImageFile, ImageInfo, refusals
from .orienting import apply_orientation

if TYPE_CHECKING:
    import av

Plane = NDArray[Any]

# Luma pixels that share a chroma sample: down and across.
STEPS = {"4:2:0": (2, 2), "4:2:2": (1, 2), "4:4:0": (2, 1), "4:1:1": (1, 4)}


class Unavailable(UserError):
    """A picture has subsampled planes, but no library hands them over."""


@dataclass(frozen=True, eq=False)
class StoredPlanes:
    """A file's own planes, as stored: not turned upright.

    Turning planes of odd size would move the chroma samples by half a luma pixel. Make RGB first,
    then turn it with `apply_orientation(rgb, orientation)`.

    Attributes:
        y: (H, W), uint8 0..255, or 16..235 where not ``full_range``; of more bits than 8 float32 of
            the same units.
        cbcr: (ceil(H/down), ceil(W/across), 2), Cb then Cr, centred on 128, of the same type.
        steps: luma pixels of a chroma sample, down and across.
        alpha: (H, W), 0..255, or None (a WebP may have it).
        matrix: name of the colour matrix, "bt601" of JPEG and WebP.
        full_range: True for JPEG, False for WebP.
        siting: where a chroma sample lies in its block, see ``colour.siting``.
        depth: bits a channel.
        orientation: EXIF orientation 1..8, still to be applied.
        info: the file's description.
    """

    y: Plane = field(repr=False)
    cbcr: Plane = field(repr=False)
    steps: tuple[int, int]
    alpha: Plane | None = field(repr=False)
    matrix: str
    full_range: bool
    siting: str
    depth: int
    orientation: int
    info: ImageInfo


def has_planes(info: ImageInfo) -> bool:
    """Whether a file stores chroma more coarsely than luma, in a way that is known here."""
    return info.subsampling in STEPS and not info.rgb_coded


def decode_planes(file: ImageFile) -> StoredPlanes:
    """Decode a JPEG, lossy WebP, HEIC or AVIF of subsampled chroma to its planes.

    Raises:
        Unavailable: it has some that no library hands over.
        UserError: another kind of picture, full chroma, an RGB-coded JPEG, or a damaged file.
    """
    info = file.info
    if info.format not in ("jpeg", "webp", "heif", "avif") or info.subsampling is None:
        raise UserError(
            f"{info.path}: has no planes of its own; JPEG, lossy WebP, HEIC and AVIF files do"
        )
    if info.rgb_coded:
        raise UserError(f"{info.path}: is a JPEG coded as RGB: it has no chroma planes")
    if info.subsampling not in STEPS:
        raise UserError(f"{info.path}: is {info.subsampling}: its chroma is not subsampled")
    if info.format in ("heif", "avif"):
        return _of_container(file)
    steps = STEPS[info.subsampling]
    planes = _of_jpeg(file) if info.format == "jpeg" else _decode(file)
    height, width = info.height, info.width
    low = -(-height // steps[0]), -(-width // steps[1])
    expected = [(height, width), low, low, (height, width)][: len(planes)]
    if [plane.shape for plane in planes] != expected:
        raise UserError(f"{info.path}: cannot be decoded: its headers contradict each other")
    return StoredPlanes(
        y=planes[0],
        cbcr=np.stack(planes[1:3], axis=-1),
        steps=steps,
        alpha=planes[3] if len(planes) == 4 else None,
        matrix="bt601",
        full_range=info.format == "jpeg",
        siting="center",
        depth=8,
        orientation=info.orientation,
        info=info,
    )


# The decoder of each format, and what it calls its planes of 8 bits. The "j" says full range; a
# comment in a JPEG can make FFmpeg leave it out, but every other reader takes JPEGs as full range.
_DECODERS = {"jpeg": "mjpeg", "webp": "webp"}
_PLANAR = {"4:2:0": "420", "4:2:2": "422", "4:4:0": "440", "4:1:1": "411"}


def _decode(file: ImageFile) -> list[Plane]:
    """Y, Cb, Cr and, where there is one, alpha."""
    info = file.info
    frame = ffmpeg.picture(_DECODERS[info.format], file.data)
    if frame is None:
        raise UserError(
            f"{info.path}: cannot be decoded: damaged, or a {info.format} of an unusual kind"
        )
    kind = _PLANAR[info.subsampling or ""]
    if frame.format.name not in (f"yuvj{kind}p", f"yuv{kind}p", f"yuva{kind}p"):
        raise UserError(f"{info.path}: decodes to {frame.format.name}, not to {kind} planes")
    return [_plane(plane, np.uint8) for plane in frame.planes]


def _plane(plane: av.video.plane.VideoPlane, depth: Any) -> Plane:
    """A copy without the padding at the ends of its lines."""
    lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return np.array(lines.view(depth)[: plane.height, : plane.width])


def _of_jpeg(file: ImageFile) -> list[Plane]:
    """By libjpeg where it can be had to leave chroma as it is stored; else by FFmpeg."""
    info = file.info
    arithmetic = jpeg_file.parse(file.data).arithmetic
    by_libjpeg = info.subsampling != "4:1:1" and min(info.width, info.height) >= 2
    if arithmetic and not by_libjpeg:
        raise Unavailable(f"{info.path}: its planes are arithmetic-coded")
    # Where data is damaged FFmpeg says so, and libjpeg invents what is missing.
    found = [] if arithmetic else _decode(file)
    if not by_libjpeg:
        return found
    with refusals(info.path):
        bare = jpeg_file.bare(file.data)
        if info.subsampling != "4:2:0":
            return library.jpeg_planes_of_four(bare, jpeg_file.of_four(bare))
        luma, halved = library.jpeg_planes(bare)
    return [luma, halved[..., 1], halved[..., 2]]


# --------------------------------------------------------------------------------- HEIC and AVIF

# By ITU-T H.273's numbers; what states none is of BT.601, as libheif and libavif have it.
_MATRICES = {1: "bt709", 2: "bt601", 5: "bt601", 6: "bt601", 9: "bt2020"}
_FULL_RANGE = 2
# How far a thumbnail of the planes may be from one by the other library, code values.
_ALIKE = 4.0
_SMALL = 48


def _of_container(file: ImageFile) -> StoredPlanes:
    """Of a still or of a grid of tiles; a HEIC's are held against what libheif makes of it."""
    info = file.info
    frames, grid = _frames(file)
    first = frames[0]
    name = first.format.name
    depth = 10 if "10" in name else 12 if "12" in name else 8
    chroma = _PLANAR[info.subsampling or ""]
    matrix = _MATRICES.get(first.colorspace)
    if matrix is None or not name.startswith((f"yuv{chroma}p", f"yuvj{chroma}p")):
        raise Unavailable(f"{info.path}: its planes are of an unusual kind")
    kind: Any = np.uint8 if depth == 8 else np.dtype("<u2")
    tiles = [[_plane(plane, kind) for plane in frame.planes[:3]] for frame in frames]
    steps = STEPS[info.subsampling or ""]
    full_range = first.color_range == _FULL_RANGE or name.startswith("yuvj")
    made: list[StoredPlanes] = []
    for orientation in _turns(file, first):
        # libheif tells sizes as they are when it has turned the picture.
        turned = orientation >= 5 and info.format == "heif"
        y, cb, cr = _laid(tiles, grid[::-1] if turned else grid)
        height, width = (info.width, info.height) if turned else (info.height, info.width)
        low = -(-height // steps[0]), -(-width // steps[1])
        if y.shape[0] < height or y.shape[1] < width or cb.shape < low:
            continue
        # What is beyond the picture fills up blocks.
        chroma_planes = np.stack([plane[: low[0], : low[1]] for plane in (cb, cr)], axis=-1)
        made.append(
            StoredPlanes(
                y=_in_8_bit_units(y[:height, :width], depth, full_range, 0),
                cbcr=_in_8_bit_units(chroma_planes, depth, full_range, 128),
                steps=steps,
                alpha=None,
                matrix=matrix,
                full_range=full_range,
                siting=info.siting or "center",
                depth=depth,
                orientation=orientation,
                info=info,
            )
        )
    if info.format == "avif" and made:
        return made[0]
    with refusals(info.path):
        reference = library.decode("heif", file.data) if made else None
    for planes in made:
        if reference is not None and _is_like(planes, reference):
            return planes
    raise Unavailable(f"{info.path}: its planes are not where its picture is")


def _laid(tiles: list[list[Plane]], grid: tuple[int, int]) -> list[Plane]:
    """Three planes of tiles in rows and columns."""
    rows, columns = grid
    lines = [tiles[row * columns : (row + 1) * columns] for row in range(rows)]
    return [np.vstack([np.hstack([tile[i] for tile in line]) for line in lines]) for i in range(3)]


def _turns(file: ImageFile, frame: av.VideoFrame) -> list[int]:
    """Orientations to try, the likeliest first; libheif turns a HEIC itself, unlike an AVIF's."""
    if file.info.format == "avif":
        return [file.info.orientation]
    likely = {0: 1, 90: 8, -90: 6, 180: 3, -180: 3}.get(round(frame.rotation), 1)
    return [likely, *(one for one in range(1, 9) if one != likely)]


def _in_8_bit_units(plane: Plane, depth: int, full_range: bool, centre: int) -> Plane:
    """Codes of more bits with fractions; their centre stays."""
    if depth == 8:
        return np.ascontiguousarray(plane)
    more = 1 << (depth - 8)
    scale = 255 / (256 * more - 1) if full_range else 1 / more
    values = (plane.astype(np.float32) - np.float32(centre * more)) * np.float32(scale)
    return values + np.float32(centre)


def _is_like(planes: StoredPlanes, reference: NDArray[Any]) -> bool:
    """Whether planes are the same picture as an upright one (H, W, 3 or 4), by thumbnails."""
    low = cv2.resize(planes.cbcr.astype(np.float32), (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    luma = cv2.resize(planes.y.astype(np.float32), (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    rgb = ycbcr_to_rgb(np.dstack([luma, low]), planes.matrix, planes.full_range)
    upright: NDArray[Any] = np.clip(apply_orientation(rgb, planes.orientation), 0, 255)
    expected: NDArray[Any] = reference[..., :3].astype(np.float32)
    if reference.dtype == np.uint16:
        expected /= 257
    expected = cv2.resize(expected, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
    return bool(np.abs(upright - expected).mean() <= _ALIKE)


def _frames(file: ImageFile) -> tuple[list[av.VideoFrame], tuple[int, int]]:
    """The frames of the picture and how they lie, rows and columns."""
    grid = library.tiling(file.data) if file.info.format == "heif" else None
    frames = ffmpeg.stills(file.data, None if grid is None else grid.tile)
    count = 1 if grid is None else grid.rows * grid.columns
    if len(frames) != count:
        raise Unavailable(f"{file.info.path}: no library hands over its planes")
    return frames, (1, 1) if grid is None else (grid.rows, grid.columns)
