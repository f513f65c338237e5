"""What a picture's colours are like, on a small copy of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.colour.lab import rgb_to_lab

# Colours are a picture's as a whole: more pixels change no measure and cost time.
SIDE = 96
# Pixels whose brightest channel is darker, in 8-bit code values, say little about the light.
_DARK = 70
# Lightness that is added before chroma is divided by it, so that dark pixels do not rule.
_FLOOR = 10.0
# When a channel counts as next to 0 and as lit, and as next to 255 and as below that, in 8-bit code
# values.
_BOTTOM, _LIT, _TOP, _BELOW = 3, 50, 252, 40


def small(rgb: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """RGB (H, W, 3) reduced by area until its longer side is ``side``; smaller ones as they are."""
    scale = side / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = tuple(max(1, round(length * scale)) for length in (rgb.shape[1], rgb.shape[0]))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def measure(rgb: NDArray[np.uint8]) -> dict[str, float]:
    """The measures of colour of a picture, RGB (H, W, 3).

    Returns:
        spread: how far colours lie from the curve of L that fits them best, root mean square in
            Lab units. 0 for a grey picture and next to 0 for any toned one, such as sepia.
        tint: how far even the least tinted pixels lie from grey, in the direction of the mean
            colour, as a share of their lightness (saturation): the lowest fiftieth of all that are
            not dark. Light of one colour moves every pixel; things of one colour leave some where
            they are. A share, because a filter takes lightness away together with chroma.
        ends: how far the darkest and the brightest fiftieth of the pixels lie from grey in the ab
            plane, taken together. Blacks and whites of a photograph have little colour under any
            light, and if they have some, then seldom the same; changes of colour move both.
        clipped: share of the pixels, 0 to 1, in which one of R, G and B is next to 0 and
            another is lit, or one is next to 255 and another well below: colours pushed out of
            what can be shown.
        channel: contrast of the weakest of R, G and B over that of the strongest, 0 to 1, by
            standard deviations.
    """
    pixels = small(rgb)
    lab = rgb_to_lab(pixels).reshape(-1, 3).astype(np.float64)
    light, ab = lab[:, 0], lab[:, 1:]
    curve = np.vander(light / 50 - 1, 4)
    rest = ab - curve @ np.linalg.lstsq(curve, ab, rcond=None)[0]
    lit = pixels.reshape(-1, 3).max(axis=1) >= _DARK
    saturation = ab[lit] / (light[lit, None] + _FLOOR)
    mean = saturation.mean(axis=0) if lit.any() else np.zeros(2)
    towards = saturation @ (mean / (np.hypot(*mean) + 1e-6))
    order, few = np.argsort(light), max(4, len(light) // 50)
    black, white = ab[order[:few]].mean(axis=0), ab[order[-few:]].mean(axis=0)
    contrast = pixels.reshape(-1, 3).std(axis=0)
    # Single pixels: means of several are clipped only where all of them are.
    step = max(1, round(max(rgb.shape[:2]) / SIDE))
    single = rgb[::step, ::step]
    least, most = single.min(axis=2), single.max(axis=2)
    clipped = (least <= _BOTTOM) & (most >= _LIT)
    clipped |= (most >= _TOP) & (most - least >= _BELOW)
    return {
        "spread": float(np.sqrt(np.square(rest).sum(axis=1).mean())),
        "tint": float(np.percentile(towards, 2)) if lit.sum() >= 50 else 0.0,
        "ends": float(np.hypot(*((black + white) / 2))),
        "clipped": float(clipped.mean()),
        # What is flat has no contrast in any channel, and none that is weaker.
        "channel": float((contrast.min() + 1e-3) / (contrast.max() + 1e-3)),
    }
