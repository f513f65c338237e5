"""Pictures inside a page: ``img`` elements that hold their data, so that a report is one file."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..pictures.containers import load
from .pages import Html, render

# Longest side of a thumbnail.
SMALL = 192
# Formats that every browser shows.
_MIME = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def reduced(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 of at most 192 pixels a side."""
    scale = min(1.0, SMALL / max(rgb.shape[:2]))
    size = tuple(max(1, round(length * scale)) for length in (rgb.shape[1], rgb.shape[0]))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def image(rgb: NDArray[np.uint8], alt: str, smooth: bool = False) -> Html:
    """RGB (H, W, 3) uint8 as an ``img`` of exactly these pixels (PNG in a data URI)."""
    done, png = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))
    if not done:
        raise ValueError(f"cannot encode an image of shape {rgb.shape}")
    return _img("image/png", png.tobytes(), rgb.shape[1], rgb.shape[0], alt, smooth)


def image_file(path: Path, alt: str) -> Html:
    """A PNG, JPEG or WebP file as it is, in a data URI.

    Raises:
        UserError: unreadable, or of another format.
    """
    file = load(path)
    if file.info.format not in _MIME:
        raise UserError(f"{path}: a page can show PNG, JPEG and WebP, not {file.info.format}")
    width, height = file.info.width, file.info.height
    if file.info.orientation >= 5:
        width, height = height, width
    return _img(_MIME[file.info.format], file.data, width, height, alt, True)


def thumbnail(rgb: NDArray[np.uint8], alt: str) -> Html:
    """RGB (H, W, 3) uint8 as a small ``img``, at most 192 pixels a side (JPEG in a data URI)."""
    small = reduced(rgb)
    done, jpeg = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise ValueError(f"cannot encode an image of shape {rgb.shape}")
    return _img("image/jpeg", jpeg.tobytes(), small.shape[1], small.shape[0], alt, False)


def _img(mime: str, data: bytes, width: int, height: int, alt: str, smooth: bool) -> Html:
    code = base64.b64encode(data).decode()
    return render(
        "img.html", mime=mime, code=code, width=width, height=height, alt=alt, smooth=smooth
    )
