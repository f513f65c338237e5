"""Pictures spoilt in the ways that ``python -m datasets clean`` finds, each in several manners.

Nothing here knows how the faults are found.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.colour.lab import lab_to_rgb, rgb_to_lab
from edge_demo.colour.ycbcr import rgb_to_ycbcr, ycbcr_to_rgb
from edge_demo.pictures.images import read_rgb, to_uint8

Picture = NDArray[np.uint8]
Fault = Callable[[Picture, random.Random], Picture]

_FULL = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
_HALF = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]


def _rounded(values: NDArray[np.floating]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def encoded(rgb: Picture, extension: str, *params: int) -> bytes:
    """RGB as the bytes of a file."""
    done, data = cv2.imencode(extension, np.ascontiguousarray(rgb[..., ::-1]), list(params))
    assert done
    return data.tobytes()


def through_jpeg(rgb: Picture, quality: int, *params: int) -> Picture:
    """RGB as it comes out of a JPEG."""
    data = encoded(rgb, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality, *params)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])


# ---------------------------------------------------------------------------------- monochromatic


def _grey(rgb: Picture) -> NDArray[np.float32]:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]


def _toned(rgb: Picture, rng: random.Random) -> Picture:
    return _rounded(_grey(rgb) / 255 * np.array([rng.uniform(150, 255) for _ in range(3)]))


def _faint(rgb: Picture, rng: random.Random) -> Picture:
    grey = _grey(rgb)
    return _rounded(grey + (rgb - grey) * rng.uniform(0.01, 0.05))


MONOCHROME: dict[str, Fault] = {
    "grey": lambda rgb, rng: _rounded(np.repeat(_grey(rgb), 3, axis=2)),
    "sepia": lambda rgb, rng: _rounded(_grey(rgb) / 255 * np.array([255, 240, 192])),
    "toned": _toned,
    "faint": _faint,
}

# ----------------------------------------------------------------------------------------- skewed


def _filtered(rgb: Picture, rng: random.Random) -> Picture:
    gains = np.full(3, rng.uniform(0.15, 0.3))
    gains[rng.randrange(3)] = rng.uniform(1.0, 1.5)
    return _rounded(rgb * gains)


def _cast(rgb: Picture, rng: random.Random) -> Picture:
    lab = rgb_to_lab(rgb)
    angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(60, 90)
    lab[..., 1:] += size * np.array([np.cos(angle), np.sin(angle)], np.float32)
    return _rounded(lab_to_rgb(lab))


def _without(rgb: Picture, rng: random.Random) -> Picture:
    out = rgb.copy()
    out[..., rng.randrange(3)] = 0
    return out


def _veiled(rgb: Picture, rng: random.Random) -> Picture:
    colour = np.zeros(3)
    colour[rng.randrange(3)] = 255
    return _rounded(0.4 * rgb + 0.6 * colour)


def _false_colours(rgb: Picture, rng: random.Random) -> Picture:
    scale = rng.choice([cv2.COLORMAP_JET, cv2.COLORMAP_HSV, cv2.COLORMAP_RAINBOW])
    coloured = cv2.applyColorMap(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), scale)
    return np.ascontiguousarray(coloured[..., ::-1])


SKEWED: dict[str, Fault] = {
    "filtered": _filtered,
    "cast": _cast,
    "without a channel": _without,
    "veiled": _veiled,
    "false colours": _false_colours,
}

# ----------------------------------------------------------------------------------------- blurry


def _motion(rgb: Picture, rng: random.Random) -> Picture:
    length = rng.randrange(11, 19, 2)
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    middle = (length - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), rng.uniform(0, 180), 1)
    turned = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    return np.asarray(cv2.filter2D(rgb, -1, turned / turned.sum()), np.uint8)


def _defocused(rgb: Picture, rng: random.Random) -> Picture:
    radius = rng.uniform(2.5, 5)
    reach = int(radius) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = (np.hypot(x, y) <= radius).astype(np.float32)
    return np.asarray(cv2.filter2D(rgb, -1, kernel / kernel.sum()), np.uint8)


def _enlarged(rgb: Picture, rng: random.Random) -> Picture:
    height, width = rgb.shape[:2]
    times = rng.uniform(3, 5)
    tiny = cv2.resize(rgb, (int(width / times), int(height / times)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(tiny, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _gaussian(rgb: Picture, rng: random.Random) -> Picture:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), rng.uniform(1.8, 4)), np.uint8)


BLURRY: dict[str, Fault] = {
    "gaussian": _gaussian,
    "gaussian, then JPEG": lambda rgb, rng: through_jpeg(
        _gaussian(rgb, rng), rng.randrange(80, 96)
    ),
    "motion": _motion,
    "defocused": _defocused,
    "enlarged": _enlarged,
}

# ------------------------------------------------------------------------------------- subsampled


def _resampled(kernel: int) -> Fault:
    def fault(rgb: Picture, rng: random.Random) -> Picture:
        height, width = (length // 2 * 2 for length in rgb.shape[:2])
        ycbcr = rgb_to_ycbcr(rgb[:height, :width])
        half = cv2.resize(ycbcr, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        ycbcr[..., 1:] = cv2.resize(np.rint(half), (width, height), interpolation=kernel)[..., 1:]
        return _rounded(ycbcr_to_rgb(ycbcr))

    return fault


SUBSAMPLED: dict[str, Fault] = {
    "JPEG 4:2:0": lambda rgb, rng: through_jpeg(rgb, rng.randrange(75, 98), *_HALF),
    "nearest": _resampled(cv2.INTER_NEAREST),
    "bilinear": _resampled(cv2.INTER_LINEAR),
    "bicubic": _resampled(cv2.INTER_CUBIC),
    "lanczos4": _resampled(cv2.INTER_LANCZOS4),
}

# -------------------------------------------------------------------------------------- duplicate


def _scaled(rgb: Picture, rng: random.Random) -> Picture:
    scale = rng.uniform(0.5, 0.9)
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _brightened(rgb: Picture, rng: random.Random) -> Picture:
    return _rounded(255 * (rgb / 255) ** rng.uniform(0.75, 1.3))


def _trimmed(rgb: Picture, rng: random.Random) -> Picture:
    height, width = rgb.shape[:2]
    top, left = (int(length * rng.uniform(0.005, 0.02)) for length in (height, width))
    return rgb[top : height - top, left : width - left]


DUPLICATE: dict[str, Fault] = {
    "the same": lambda rgb, rng: rgb,  # written as the same bytes
    "JPEG": lambda rgb, rng: through_jpeg(rgb, rng.randrange(50, 90)),
    "scaled": _scaled,
    "brightened": _brightened,
    "trimmed": _trimmed,
}

# ---------------------------------------------------------------------------------------- corrupt


CORRUPT: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": lambda data, rng: data[: int(len(data) * rng.uniform(0.05, 0.95))],
    "empty": lambda data, rng: b"",
    "text": lambda data, rng: b"<html><body>404 Not Found</body></html>",
    "zeros at the end": lambda data, rng: (
        data[: (half := int(len(data) * rng.uniform(0.2, 0.9)))] + bytes(len(data) - half)
    ),
    "no header": lambda data, rng: rng.randbytes(64) + data[64:],
}

FAULTS: dict[str, dict[str, Fault]] = {
    "monochrome": MONOCHROME,
    "skewed": SKEWED,
    "blurry": BLURRY,
    "subsampled": SUBSAMPLED,
    "duplicate": DUPLICATE,
}
KINDS = ("corrupt", *FAULTS)


def inject(source: Path, out: Path, kind: str, manner: str, rng: random.Random) -> Path:
    """Write a spoilt copy of a picture file into a folder.

    Args:
        source: a good picture.
        out: an existing folder.
        kind: of ``KINDS``.
        manner: a key of the kind's table.
        rng: of what is random.
    """
    if kind == "corrupt" or manner == "the same":
        data = source.read_bytes()
        path = out / f"{source.stem}_{kind}{source.suffix}"
        path.write_bytes(CORRUPT[manner](data, rng) if kind == "corrupt" else data)
        return path
    rgb = FAULTS[kind][manner](to_uint8(read_rgb(source).rgb), rng)
    # As PNG, or as a JPEG of full chroma, as a download may come.
    if kind == "subsampled" or rng.random() < 0.5:
        path, data = out / f"{source.stem}_{kind}.png", encoded(rgb, ".png")
    else:
        path = out / f"{source.stem}_{kind}.jpg"
        data = encoded(rgb, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95, *_FULL)
    path.write_bytes(data)
    return path
