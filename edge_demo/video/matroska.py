"""The pixel aspect of a Matroska file, put into its header once it is whole.

PyAV cannot tell the container's writer, and FFV1 has no place of its own that players read. The
writer is given a track name with room behind it, and that room becomes the size to display: nothing
else of the file moves.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from ..errors import UserError

# What a track's name is padded by: more than the elements that take its place.
ROOM = 64

_SEGMENT, _TRACKS, _TRACK, _NAME, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x536E, 0xE0
_WIDTH, _HEIGHT, _UNIT = 0x54B0, 0x54BA, 0x54B2  # to be displayed
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xB0, 0xBA
_VOID, _CRC, _CLUSTER = 0xEC, 0xBF, 0x1F43B675
# Tracks come before the first frame; a header is never longer.
_MOST = 1 << 20

Element = tuple[int, int, int, int]  # id, where it starts, where its content starts and ends


def padded(name: str) -> str:
    """A track's name with room for what ``set_aspect`` puts there."""
    return name + " " * ROOM


def set_aspect(path: Path, aspect: Fraction) -> None:
    """Say how wide the video's pixels are.

    Args:
        path: a file whose video track's name is ``padded``; its first video track is meant.
        aspect: width of a pixel over its height.

    Raises:
        UserError: another kind of file.
        OSError: it cannot be changed.
    """
    with path.open("r+b") as stream:
        data = bytearray(stream.read(_MOST))
        for tracks in _all(data, _SEGMENT, _TRACKS):
            for track in _children(data, tracks):
                if track[0] == _TRACK and _has_video(data, track):
                    content = _with_aspect(data, track, aspect)
                    data[track[2] : track[3]] = content
                    _set_checksum(data, tracks)
                    stream.seek(tracks[1])
                    stream.write(data[tracks[1] : tracks[3]])
                    return
    raise UserError(f"{path}: is no Matroska file with a video in it")


def _has_video(data: bytearray, track: Element) -> bool:
    return any(one[0] == _VIDEO for one in _children(data, track))


def _with_aspect(data: bytearray, track: Element, aspect: Fraction) -> bytes:
    """A track's content with the size to display, of the same length."""
    out = b""
    for one in _children(data, track):
        content = bytes(data[one[2] : one[3]])
        if one[0] == _NAME:
            out += _element(_NAME, name) if (name := content.rstrip(b" ")) else b""
        elif one[0] == _VIDEO:
            kept, size = b"", dict[int, int]()
            for part in _children(data, one):
                value = bytes(data[part[2] : part[3]])
                if part[0] in (_PIXEL_WIDTH, _PIXEL_HEIGHT):
                    size[part[0]] = int.from_bytes(value)
                if part[0] not in (_WIDTH, _HEIGHT, _UNIT):
                    kept += bytes(data[part[1] : part[3]])
            # As FFmpeg does it: the height stays.
            width = max(1, round(size[_PIXEL_WIDTH] * aspect))
            kept += _element(_WIDTH, width.to_bytes(4))
            kept += _element(_HEIGHT, size[_PIXEL_HEIGHT].to_bytes(4))
            out += _element(_VIDEO, kept)
        else:
            out += bytes(data[one[1] : one[3]])
    left = track[3] - track[2] - len(out)
    return out + _element(_VOID, bytes(left - 2))


def _set_checksum(data: bytearray, tracks: Element) -> None:
    first = next(_children(data, tracks))
    if first[0] == _CRC:
        checksum = zlib.crc32(data[first[3] : tracks[3]])
        data[first[2] : first[3]] = checksum.to_bytes(4, "little")


def _all(data: bytearray, outer: int, inner: int) -> Iterator[Element]:
    for one in _children(data, (0, 0, 0, len(data))):
        if one[0] == outer:
            yield from (child for child in _children(data, one) if child[0] == inner)


def _children(data: bytearray, parent: Element) -> Iterator[Element]:
    """The elements in another, as far as the data goes."""
    at, end = parent[2], min(parent[3], len(data))
    while at < end:
        start = at
        length = 9 - data[at].bit_length()
        name = int.from_bytes(data[at : at + length])
        at += length
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + length]) & ((1 << (7 * length)) - 1)
        at += length
        if name == _CLUSTER:
            return
        unknown = size == (1 << (7 * length)) - 1
        yield name, start, at, len(data) if unknown else at + size
        at += size


def _element(name: int, content: bytes) -> bytes:
    size = len(content)
    length = 1 if size < 127 else 2 if size < (1 << 14) - 1 else 4
    marked = size | 1 << (7 * length)
    return name.to_bytes((name.bit_length() + 7) // 8) + marked.to_bytes(length) + content
