"""How a stream codes its planes: depth, range, matrix and siting, and the way to full-range codes.

Networks were trained on full-range chroma of 8 bits. Limited range and more bits are stretched to
that in floats before, and brought back after; nothing is rounded but the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.siting import KNOWN
from ..errors import UserError

Array = NDArray[np.float32]

# Pixel formats that can be read: subsampling, bits, and whether the name itself says full range.
FORMATS = {
    "yuv420p": ("4:2:0", 8, False),
    "yuvj420p": ("4:2:0", 8, True),
    "yuv420p10le": ("4:2:0", 10, False),
    "yuv422p": ("4:2:2", 8, False),
    "yuvj422p": ("4:2:2", 8, True),
    "yuv422p10le": ("4:2:2", 10, False),
    "yuv440p": ("4:4:0", 8, False),
    "yuvj440p": ("4:4:0", 8, True),
    "yuv440p10le": ("4:4:0", 10, False),
    "yuv444p": ("4:4:4", 8, False),
    "yuvj444p": ("4:4:4", 8, True),
    "yuv444p10le": ("4:4:4", 10, False),
    "gray": ("grey", 8, False),
    "gray10le": ("grey", 10, False),
}


# Subsampling that chroma is restored from.
RESTORED = ("4:2:0", "4:2:2", "4:4:0")


@dataclass(frozen=True)
class Stored:
    """How a file stores its pixels, and how they are read.

    Attributes:
        subsampling: ``4:2:0``, ``4:2:2``, ``4:1:1``, ``4:4:0``, ``4:1:0``, ``4:4:4``, ``grey`` or
            ``RGB``.
        depth: bits.
        alpha: whether there is transparency.
        read_as: a name in ``FORMATS``; the format itself where it is one of them.
    """

    subsampling: str
    depth: int
    alpha: bool
    read_as: str


# Columns and rows of luma to a chroma sample.
_SUBSAMPLING = {(1, 1): "4:4:4", (2, 2): "4:2:0", (2, 1): "4:2:2", (4, 1): "4:1:1",
                (1, 2): "4:4:0", (4, 4): "4:1:0"}  # fmt: skip


def stored(pixels: str) -> Stored:
    """How a pixel format stores pixels, and the format of ``FORMATS`` that is nearest to it.

    More than 10 bits become 10, which no network tells apart; chroma of 4:1:1 and 4:1:0 becomes
    4:4:4, for models that do not restore it.

    Args:
        pixels: FFmpeg's name.
    """
    if pixels in FORMATS:
        return Stored(*FORMATS[pixels][:2], False, pixels)
    found = av.VideoFormat(pixels)
    depth = max(component.bits for component in found.components)
    alpha = any(component.is_alpha for component in found.components)
    many = "10le" if depth > 8 else ""
    if found.is_rgb or found.has_palette:
        return Stored("RGB", depth, alpha or found.has_palette, f"yuv444p{many}")
    if len(found.components) - alpha == 1:
        return Stored("grey", depth, alpha, f"gray{many}")
    side = 64
    steps = side // found.chroma_width(side), side // found.chroma_height(side)
    subsampling = _SUBSAMPLING.get(steps, "other")
    full = "j" if pixels.startswith("yuvj") else ""
    kind = subsampling.replace(":", "") if subsampling in RESTORED else "444"
    return Stored(subsampling, depth, alpha, f"yuv{full}{kind}p{many}")


# Codes of ITU-T H.273, which FFmpeg's are, too.
_MATRICES = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}
_UNKNOWN = 2
_FULL_RANGE = 2
# An unlabelled stream of so many lines or columns is taken for high definition, as players do.
_HD = 720, 1280


@dataclass(frozen=True)
class Tags:
    """Colour labels as the stream has them, numbers of ITU-T H.273, to be passed on.

    Attributes:
        matrix, primaries, transfer: 2 is unknown.
        range: 0 unknown, 1 limited, 2 full.
    """

    matrix: int
    primaries: int
    transfer: int
    range: int


@dataclass(frozen=True)
class Coding:
    """What the numbers in planes mean.

    Attributes:
        subsampling: ``4:2:0``, ``4:2:2``, ``4:4:0``, ``4:4:4`` or ``grey``.
        depth: bits, 8 or 10.
        full_range: else luma is 16..235 and chroma 16..240, times 4 with 10 bits.
        matrix: name in ``colour.MATRICES``.
        siting: name in ``siting.SITINGS``.
        tags: as the stream has them.
    """

    subsampling: str
    depth: int
    full_range: bool
    matrix: str
    siting: str
    tags: Tags

    def luma_codes(self, plane: NDArray[Any]) -> NDArray[Any]:
        """A luma plane in full-range 8-bit code units, clipped to 0..255: uint8 or float32."""
        if self.depth == 8 and self.full_range:
            return plane
        return self._each(plane, self._luma_of)

    def chroma_codes(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Chroma planes in full-range 8-bit code units around 128, not clipped."""
        if self.depth == 8 and self.full_range:
            return planes
        return self._each(planes, self._chroma_of)

    def _luma_of(self, codes: NDArray[Any]) -> Array:
        offset, step = self._luma
        return np.clip((codes.astype(np.float32) - offset) * np.float32(1 / step), 0, 255)

    def _chroma_of(self, codes: NDArray[Any]) -> Array:
        middle, step = self._chroma
        return (codes.astype(np.float32) - middle) * np.float32(1 / step) + np.float32(128)

    def _each(self, planes: NDArray[Any], of: Callable[[NDArray[Any]], Array]) -> Array:
        """What a function gives for each code; of a byte there are so few that a table will do."""
        if planes.dtype != np.uint8:
            return of(planes)
        table = of(np.arange(256, dtype=np.uint8))
        return np.asarray(cv2.LUT(planes, table), np.float32).reshape(planes.shape)

    def no_colour(self, size: tuple[int, int]) -> NDArray[Any]:
        """Chroma planes of a grey frame of (H, W), as 4:2:0 has them."""
        kind = np.uint8 if self.depth == 8 else np.uint16
        half = (size[0] + 1) // 2, (size[1] + 1) // 2
        return np.full((*half, 2), 2 ** (self.depth - 1), kind)

    def luma_plane(self, codes: NDArray[Any]) -> NDArray[Any]:
        """The inverse of ``luma_codes``, rounded: uint8 or uint16."""
        offset, step = self._luma
        return self._rounded(codes, step, offset)

    def chroma_planes(self, codes: NDArray[Any]) -> NDArray[Any]:
        """The inverse of ``chroma_codes``, rounded."""
        middle, step = self._chroma
        return self._rounded(codes, step, middle - np.float32(128) * step)

    @property
    def _luma(self) -> tuple[np.float32, np.float32]:
        """Where black is, and what a full-range 8-bit code is worth."""
        if self.full_range:
            return np.float32(0), np.float32((2**self.depth - 1) / 255)
        times = 2 ** (self.depth - 8)
        return np.float32(16 * times), np.float32(219 / 255 * times)

    @property
    def _chroma(self) -> tuple[np.float32, np.float32]:
        """Where grey is, and what a full-range 8-bit code is worth."""
        times = 2 ** (self.depth - 8)
        step = (2**self.depth - 1) / 255 if self.full_range else 224 / 255 * times
        return np.float32(128 * times), np.float32(step)

    def _rounded(self, codes: NDArray[Any], step: np.float32, zero: np.float32) -> NDArray[Any]:
        """Codes in the stream's own units, clipped to what its bits can say."""
        values = np.ascontiguousarray(codes, np.float32)
        kind: Any = cv2.CV_8U if self.depth == 8 else cv2.CV_16U
        # Scales, rounds (half to even) and clips at once, in a quarter of NumPy's time.
        found = np.asarray(
            cv2.addWeighted(values, float(step), values, 0.0, float(zero), dtype=kind)
        ).reshape(codes.shape)
        return np.minimum(found, 2**self.depth - 1, out=found)


def coding(name: str, pixels: str, size: tuple[int, int], siting: str | None, tags: Tags) -> Coding:
    """The coding of a stream.

    Args:
        name: of the file, for messages.
        pixels: FFmpeg's name of the pixel format.
        size: (H, W).
        siting: as the stream says, or None where it does not: then ``left``, the default of
            MPEG-2, H.264 and HEVC.
        tags: colour labels.

    Raises:
        UserError: a pixel format, matrix or siting that is not supported.
    """
    if pixels not in FORMATS:
        raise UserError(f"{name}: its pixels ({pixels}) are of a kind that is not supported")
    subsampling, depth, full = FORMATS[pixels]
    if tags.matrix == _UNKNOWN:
        large = size[0] >= _HD[0] or size[1] >= _HD[1]
        matrix = "bt709" if large else "bt601"
    elif tags.matrix in _MATRICES:
        matrix = _MATRICES[tags.matrix]
    else:
        raise UserError(
            f"{name}: its colour matrix (number {tags.matrix} of ITU-T H.273) is not supported; "
            "BT.601, BT.709 and BT.2020 are"
        )
    lies = siting or "left"
    if subsampling == "4:2:2":  # what a siting says of rows means nothing there
        lies = "left" if lies.endswith("left") else "center"
    if lies not in KNOWN:
        raise UserError(f"{name}: its chroma siting {siting!r} is not supported")
    return Coding(subsampling, depth, full or tags.range == _FULL_RANGE, matrix, lies, tags)
