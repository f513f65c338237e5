"""Colour profiles: pictures of other spaces brought to sRGB, and profiles made of numbers.

Most profiles are a curve a channel and a matrix, or one curve for grey. Those are computed here, at
whatever depth the picture has: LittleCMS as Pillow offers it (ImageCms) takes 8 bits only. It does
the rest: profiles of tables, and CMYK.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import srgb

Pixels = NDArray[np.unsignedinteger[Any]]
Array = NDArray[np.float32]
Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# The white of profiles (D50), and what sRGB's primaries are adapted to it, columns of the matrix.
_D50 = (0.9642, 1.0, 0.8249)
_SRGB_D50 = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
# A profile is sRGB where no code differs by more than this many of 255, nor a share of its matrix.
_SAME_CODES, _SAME_SHARE = 0.6, 0.004
_STRIP = 256


@dataclass(frozen=True, eq=False)
class Profile:
    """A profile of curves.

    Attributes:
        name: what it calls itself.
        grey: one curve and no colours.
        curves: of one or three channels, coded 0..1 to linear light 0..1.
        matrix: (3, 3), its linear RGB to that of sRGB; of a grey one the identity.
    """

    name: str
    grey: bool
    curves: tuple[Curve, ...] = field(repr=False)
    matrix: NDArray[np.float64] = field(repr=False)

    @property
    def is_srgb(self) -> bool:
        """Whether its numbers mean what they mean in sRGB."""
        coded = np.linspace(0.0, 1.0, 256)
        apart = [np.abs(_from_linear(curve(coded)) - coded).max() * 255 for curve in self.curves]
        same = np.abs(self.matrix - np.eye(3)).max() <= _SAME_SHARE
        return bool(max(apart) <= _SAME_CODES and same)


def space(icc: bytes) -> str:
    """What a profile describes: ``RGB``, ``GRAY``, ``CMYK``, ``Lab``; empty for no profile."""
    if len(icc) < 132 or icc[36:40] != b"acsp":
        return ""
    return icc[16:20].decode("latin-1").strip()


def name(icc: bytes) -> str:
    """What a profile calls itself; "unnamed" where it does not say."""
    text = _description(_tags(icc).get(b"desc", b"")).split("\0")[0].strip()
    return text if text and text.isprintable() else "unnamed"


def parse(icc: bytes) -> Profile | None:
    """A profile of curves; None for one of tables, of another colour model, or a damaged one."""
    tags = _tags(icc)
    kind = space(icc)
    try:
        if icc[20:24] != b"XYZ " or kind not in ("GRAY", "RGB"):
            return None
        if kind == "GRAY":
            return Profile(name(icc), True, (_curve(tags[b"kTRC"]),), np.eye(3))
        if b"A2B0" in tags:  # tables are more than the matrix beside them
            return None
        columns = [_xyz(tags[tag]) for tag in (b"rXYZ", b"gXYZ", b"bXYZ")]
        curves = tuple(_curve(tags[tag]) for tag in (b"rTRC", b"gTRC", b"bTRC"))
    except (KeyError, struct.error, ValueError):
        return None
    return Profile(name(icc), False, curves, np.linalg.solve(_SRGB_D50, np.array(columns).T))


def codes(rgb: Pixels, profile: Profile) -> Array:
    """A picture (H, W, 3) of a profile as sRGB, code values 0..255 with fractions.

    Colours that sRGB does not have are beyond 0..255, so that their lightness is kept.

    Args:
        rgb: uint8 0..255 or uint16 0..65535.
        profile: theirs.
    """
    coded = np.linspace(0.0, 1.0, 256 if rgb.dtype == np.uint8 else 65536)
    tables = [curve(coded).astype(np.float32) for curve in profile.curves]
    out = np.empty(rgb.shape, np.float32)
    if profile.grey:
        table = (_from_linear(tables[0]) * 255).astype(np.float32)
        out[...] = table[rgb]
        return out
    matrix = profile.matrix.T.astype(np.float32)
    for top in range(0, len(rgb), _STRIP):
        rows = slice(top, top + _STRIP)
        linear = np.stack([tables[i][rgb[rows, :, i]] for i in range(3)], -1) @ matrix
        out[rows] = _from_linear(linear) * np.float32(255.0)
    return out


def rounded(values: Array, depth: Any) -> Pixels:
    """Code values 0..255 with fractions as uint8 or uint16, clipped."""
    most, per_code = (255, 1.0) if depth == np.uint8 else (65535, 257.0)
    return np.clip(np.rint(values * np.float32(per_code)), 0, most).astype(depth)


def by_tables(pixels: NDArray[np.uint8], icc: bytes) -> NDArray[np.uint8] | None:
    """RGB (H, W, 3) or CMYK (H, W, 4; 0 is no ink) of any profile as sRGB (H, W, 3), in 8 bits.

    None where the profile does not fit the pixels, or is damaged.
    """
    from PIL import Image, ImageCms

    modes = {3: "RGB", 4: "CMYK"}
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        converted = ImageCms.profileToProfile(
            Image.fromarray(np.ascontiguousarray(pixels), modes[pixels.shape[2]]),
            source,
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return None if converted is None else np.array(converted, np.uint8)


# ---------------------------------------------------------------------------------- made of numbers

# ITU-T H.273: chromaticities of red, green, blue and white; what a decoder names by a number.
_D65 = (0.3127, 0.3290)
PRIMARIES: Mapping[int, tuple[tuple[float, float], ...]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
ADOBE_RGB = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), _D65)
# Transfer functions of H.273 as parameters of a profile's curve: a power, or power and line. The
# camera's curve of television is what displays undo as sRGB's, so everyone reads it.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
TRANSFERS: Mapping[int, tuple[float, ...]] = {
    1: _SRGB_CURVE,
    4: (2.2,),
    5: (2.8,),
    6: _SRGB_CURVE,
    8: (1.0,),
    13: _SRGB_CURVE,
    14: _SRGB_CURVE,
    15: _SRGB_CURVE,
}
HDR = {16: "PQ", 18: "HLG"}


def build(text: str, primaries: tuple[tuple[float, float], ...], curve: tuple[float, ...]) -> bytes:
    """A profile (ICC version 4) of primaries, white and curve.

    Args:
        text: its name.
        primaries: chromaticities (x, y) of red, green, blue and white.
        curve: a power, or the five parameters of ICC's curve of type 3.

    Raises:
        ValueError: chromaticities that describe no space.
    """
    try:
        xyz = np.array([[x / y, 1.0, (1.0 - x - y) / y] for x, y in primaries])
        columns, white = xyz[:3].T, xyz[3]
        scaled = columns * np.linalg.solve(columns, white)
        cone = _BRADFORD @ np.array(_D50) / (_BRADFORD @ white)
        adapting = np.linalg.inv(_BRADFORD) @ np.diag(cone) @ _BRADFORD
    except (ZeroDivisionError, np.linalg.LinAlgError):
        raise ValueError("chromaticities that describe no colour space") from None
    adapted = adapting @ scaled
    if not np.isfinite(adapted).all() or np.abs(adapted).max() > 16 or min(curve[0], 1) <= 0:
        raise ValueError("chromaticities that describe no colour space")
    coded = text.encode("utf-16-be")
    described = struct.pack(">4xII2s2sII", 1, 12, b"en", b"US", len(coded), 28) + coded
    kind = 0 if len(curve) == 1 else 3
    parameters = b"para" + struct.pack(">4xHH", kind, 0) + _fixed(*curve)
    tags = {
        b"desc": b"mluc" + described,
        b"cprt": b"mluc" + struct.pack(">4xII2s2sII", 1, 12, b"en", b"US", 4, 28) + b"\0C\0C",
        b"wtpt": b"XYZ " + bytes(4) + _fixed(*_D50),
        **{
            tag: b"XYZ " + bytes(4) + _fixed(*adapted[:, i])
            for i, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
        },
        b"rTRC": parameters,
        b"gTRC": parameters,
        b"bTRC": parameters,
        b"chad": b"sf32" + bytes(4) + _fixed(*adapting.ravel()),
    }
    offset, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += tag + struct.pack(">II", offset + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4xI4s4s4s", offset + len(body), 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s28x", 2024, 1, 1, 0, 0, 0, b"acsp") + _fixed(*_D50)
    return head.ljust(128, b"\0") + table + body


# ------------------------------------------------------------------------------------------ parsing


def _from_linear(linear: NDArray[Any]) -> NDArray[Any]:
    return srgb.from_linear(linear, lambda values, power: np.maximum(values, 0.0) ** power)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _tags(icc: bytes) -> dict[bytes, bytes]:
    """The tags of a profile by their names; none of what is no profile."""
    if not space(icc):
        return {}
    (count,) = struct.unpack_from(">I", icc, 128)
    found = {}
    for index in range(min(count, 200)):
        try:
            tag, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * index)
        except struct.error:
            break
        found[tag] = icc[offset : offset + size]
    return found


def _description(tag: bytes) -> str:
    if tag.startswith(b"desc"):
        return tag[12 : 12 + int.from_bytes(tag[8:12])].decode("latin-1")
    if tag.startswith(b"mluc") and len(tag) >= 28:
        size, offset = struct.unpack_from(">II", tag, 20)
        return tag[offset : offset + size].decode("utf-16-be", "replace")
    return ""


def _xyz(tag: bytes) -> NDArray[np.float64]:
    return np.array(struct.unpack_from(">3i", tag, 8), np.float64) / 65536


def _curve(tag: bytes) -> Curve:
    if tag.startswith(b"curv"):
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return lambda coded: coded
        if count == 1:
            power = struct.unpack_from(">H", tag, 12)[0] / 256
            return lambda coded: coded**power
        if count > 65536:
            raise ValueError("an impossible curve")
        values = np.array(struct.unpack_from(f">{count}H", tag, 12), np.float64) / 65535
        places = np.linspace(0.0, 1.0, count)
        return lambda coded: np.interp(coded, places, values)
    if not tag.startswith(b"para"):
        raise ValueError("not a curve")
    (kind,) = struct.unpack_from(">H", tag, 8)
    count = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind)
    if count is None:
        raise ValueError("not a curve")
    given = np.array(struct.unpack_from(f">{count}i", tag, 12), np.float64) / 65536
    g, a, b, c, d, e, f = _seven(kind, given)

    def parametric(coded: NDArray[np.float64]) -> NDArray[np.float64]:
        powered = np.maximum(a * coded + b, 0.0) ** g + e
        return np.clip(np.where(coded >= d, powered, c * coded + f), 0.0, 1.0)

    return parametric


def _seven(kind: int, given: NDArray[np.float64]) -> NDArray[np.float64]:
    """The parameters of ICC's curve of type 4, of which the others are special."""
    g = given[0]
    if kind == 0:
        return np.array([g, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    a, b = given[1], given[2]
    if a == 0.0:
        raise ValueError("not a curve")
    if kind in (1, 2):
        offset = given[3] if kind == 2 else 0.0
        return np.array([g, a, b, 0.0, -b / a, offset, offset])
    if kind == 3:
        return np.array([g, a, b, given[3], given[4], 0.0, 0.0])
    return given
