"""Low-light enhancement: the records, and what stands before and behind the network.

A network sees the whole picture at once, at its own size or reduced to what a device can hold: how
bright a place should be depends on all of the picture, and a tile would not know. Its result is
brought to full size guided by the picture itself (``device.enhance``), so there are no seams.

What it sees is the picture, and the picture *lifted* to the power of 0.4, where the few codes of a
dark one lie apart; three channels each. Both are whole 8-bit codes, so that the rounding of an int8
input is no surprise to a network trained in floats.

Networks come in three variants: they answer with the ``enhanced`` picture itself, or the parameters
of curves that brighten it (Guo et al., "Zero-Reference Deep Curve Estimation", CVPR 2020), each
pixel's own for every iteration, or shared by all iterations and estimated at an eighth of the size
(Li et al., "Zero-DCE++", TPAMI 2021). ``Variant.decode`` makes a picture of each.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.ycbcr import round_to_uint8
from .lowlight import darken, draw
from .record import Task, Tensor

Array = NDArray[np.float32]

LIFT = 0.4  # exponent of the lifted channels
ITERATIONS = 8  # of the curve LE(x) = x + a x (1 - x)
# Curves brighten the noise, too, so what they give goes through a bilateral filter (Tomasi and
# Manduchi, 1998): its side and reach in pixels, and its reach in code values for a picture that
# became twice as bright; twice that for three times. Chosen on training pairs.
SMOOTHED, SMOOTHED_REACH, SMOOTHED_TONE = 5, 2.0, 2.5
_STRIP = 1 << 14  # pixels that curves are applied to at a time

# Mean of the square root of luma (0..1) up to which a picture counts as dark, and from which it is
# left as it is; in between, the enhancement fades. Of 70 photographs in low light all are below
# 0.35; of 232 photographs by day nine in ten are above 0.47.
DARK, BRIGHT = 0.36, 0.46
# Pixels whose brightest channel is this bright already (0..1) keep their own colour, from the first
# partly, from the second wholly: a lamp in the night stays orange, and the evening sky blue.
HIGHLIGHTS = 0.3, 0.85
# From the first on, a shoulder keeps apart what differs, so that a white cup near a lamp has a
# shape: it leads from the knee, which is what the enhancement makes of such pixels or at least
# this, up to white, the steeper the larger the exponent. Colours that became brighter than most are
# brought down to the knee over so much of brightness before it, so that no edge arises. Chosen on
# exposure brackets that no network was trained on: 2.4 % of the values are clipped, without it
# 3.4 %, and PSNR stays.
LEAST_KNEE, SHOULDER, KNEE_BEND = 0.6, 2.0, 0.1
# Pixels that tell the knee: so near to where highlights begin, and so many are looked at.
_KNEE_WIDTH, _KNEE_PIXELS = 0.03, 1 << 20
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601

INPUT = Tensor("picture", 6, downscale=1, low=0.0, high=1.0, scale=255.0)


def degrade(image: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    """A picture in low light of RGB (H, W, 3) uint8, as a camera might have taken it.

    Args:
        image: by day.
        seed: of the exposure, the white balance and the noise, see ``lowlight``.
    """
    rng = np.random.default_rng(seed)
    camera = draw(rng)
    return darken(image, camera, rng.standard_normal(image.shape, np.float32))


def target(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The truth: the picture itself."""
    return image


def encode(picture: NDArray[Any]) -> dict[str, Array]:
    """The graph's input.

    Args:
        picture: RGB (H, W, 3) in code values 0..255, uint8 or float32.

    Returns:
        ``picture``: (H, W, 6) float32 in 0..1: itself and lifted.
    """
    if picture.dtype == np.uint8:
        table = np.arange(256, dtype=np.float32)
        itself, lifted = cv2.LUT(picture, table / 255.0), cv2.LUT(picture, _lifted_codes(table))
    else:
        itself = np.rint(np.clip(picture, 0, 255)).astype(np.float32) / 255.0
        lifted = _lifted_codes(picture)
    return {INPUT.name: np.concatenate([itself, lifted], axis=-1)}


def _lifted_codes(values: NDArray[Any]) -> Array:
    lifted = np.power(np.clip(values, 0, 255).astype(np.float32) / 255.0, np.float32(LIFT))
    return np.rint(lifted * 255.0) * np.float32(1 / 255)


def as_seen(picture: NDArray[Any]) -> Array:
    """The values that a network sees of a picture (H, W, 3) of fractions of codes, in codes.

    Those of the finer of both forms: in the dark the lifted one's.
    """
    values = np.clip(picture, 0, 255).astype(np.float32)
    lifted = np.power(_lifted_codes(values), np.float32(1 / LIFT)) * np.float32(255.0)
    # Where a step of the lifted codes is one of the codes themselves.
    even = 255.0 * LIFT ** (1 / (1 - LIFT))
    return np.where(values < even, lifted, np.rint(values))


def apply_curves(picture: Array, curves: Array) -> Array:
    """Eight iterations of LE(x) = x + a x (1 - x).

    Args:
        picture: (H, W, 3) in 0..1.
        curves: a (h, w, 3), the same in each iteration, or (h, w, 24), three for each; maps of
            another size than the picture are resized bilinearly.

    Returns:
        (H, W, 3) float32 in 0..1.
    """
    height, width = picture.shape[:2]
    out = picture.copy()
    # In strips that stay in a processor's cache over all iterations.
    step = max(1, _STRIP // max(1, width))
    for top in range(0, height, step):
        strip = out[top : top + step]
        maps = _resized_rows(curves, height, width, top, top + len(strip))
        scratch = np.empty_like(strip)
        for index in range(ITERATIONS):
            # x (1 + a (1 - x)), the least work for the same.
            np.subtract(1.0, strip, out=scratch)
            scratch *= maps[index % len(maps)]
            scratch += 1.0
            strip *= scratch
    return out


def _resized_rows(curves: Array, height: int, width: int, top: int, bottom: int) -> list[Array]:
    """Some rows of the maps resized to a whole picture, three channels each."""
    h, w, depth = curves.shape
    parts = [slice(first, first + 3) for first in range(0, depth, 3)]
    if (h, w) == (height, width):
        return [curves[top:bottom, :, part] for part in parts]
    # Along the columns here, because OpenCV knows no part of a picture; along the rows by OpenCV.
    places = np.clip((np.arange(top, bottom) + 0.5) * (h / height) - 0.5, 0, h - 1)
    before = places.astype(int)
    share = (places - before).astype(np.float32)[:, None, None]
    above, below = curves[before], curves[np.minimum(before + 1, h - 1)]
    rows = above + share * (below - above)
    size = width, bottom - top
    wide = [np.ascontiguousarray(rows[..., part]) for part in parts]
    return [
        np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_LINEAR), np.float32)
        for one in wide
    ]


def darkness(picture: NDArray[Any]) -> float:
    """How far a picture (H, W, 3), 0..255, is to be enhanced: 1 in the dark, 0 by day."""
    return 1.0 - _smooth((brightness(picture) - DARK) / (BRIGHT - DARK))


def brightness(picture: NDArray[Any]) -> float:
    """The mean square root of luma (0..1) of a picture (H, W, 3), 0..255."""
    height, width = picture.shape[:2]
    factor = max(1, min(height, width) // 128)
    small = cv2.resize(picture, (max(1, width // factor), max(1, height // factor)),
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    luma = small.astype(np.float32) @ _LUMA
    return float(np.sqrt(luma / 255.0).mean())


def _smooth(value: Any) -> Any:
    """0 up to 0, 1 from 1, and no corner in between."""
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3.0 - 2.0 * value)


def knee(picture: NDArray[Any], enhanced: Array) -> float:
    """How bright an enhancement makes the brightest channel where highlights begin, 0..1.

    Args:
        picture, enhanced: whole, as of ``blend``.
    """
    height, width = picture.shape[:2]
    step = math.ceil(math.sqrt(height * width / _KNEE_PIXELS))
    before, after = (one[::step, ::step].max(-1) / np.float32(255) for one in (picture, enhanced))
    near = after[np.abs(before - HIGHLIGHTS[0]) < _KNEE_WIDTH]
    found = float(np.clip(near, 0.0, 1.0).mean(dtype=np.float64)) if near.size else 0.0
    return max(LEAST_KNEE, found)


def blend(picture: NDArray[Any], enhanced: Array, amount: float, knee: float) -> Array:
    """The enhancement laid over the picture.

    Where the picture is bright already, its own colour is brightened instead, by as much as the
    enhancement brightens luma, and no further than a shoulder lets it. Colours there do not change
    by channels that clip, nor does what is brighter than its surroundings become darker than they.
    Nothing reaches white that was not white.

    Args:
        picture: (H, W, 3) code values 0..255.
        enhanced: of the same shape.
        amount: 0 gives the picture, 1 the enhancement.
        knee: of the whole picture, see ``knee``.

    Returns:
        (H, W, 3) float32 in 0..255.
    """
    source = picture.astype(np.float32)
    brightest = np.maximum(source.max(-1, keepdims=True), np.float32(1.0))
    before, after = ((np.clip(one, 0, 255) @ _LUMA)[..., None] for one in (source, enhanced))
    low, high = HIGHLIGHTS
    share = np.minimum(brightest * np.float32(1 / 255), np.float32(1))
    missing = np.where(
        share < low,
        np.maximum(1 - (low - share) / KNEE_BEND, 0),
        ((1 - share) / (1 - low)) ** SHOULDER,
    )
    most = (255 * (1 - (1 - knee) * missing)).astype(np.float32)
    gain = np.minimum(after / np.maximum(before, np.float32(1.0)), most / brightest)
    weight = _smooth((share - low) / (high - low)).astype(np.float32)
    answer = enhanced * np.minimum(most / np.maximum(enhanced.max(-1, keepdims=True), 1), 1)
    wanted = answer + weight * (source * gain - answer)
    result = source + np.float32(amount) * (wanted - source)
    return np.where(source < 255.0, np.minimum(result, 254.0), source)


def exposed(picture: Array, brightness: float) -> Array:
    """A picture in another exposure.

    How bright a scene in the dark was meant to be is the least certain of what a network makes, so
    a user may say. Black and white stay, the darkest values are multiplied, and 1 / ``brightness``
    takes ``brightness`` back.

    Args:
        picture: (H, W, 3) float32 code values 0..255.
        brightness: above 0; 1 changes nothing.
    """
    share = picture * np.float32(1 / 255)
    return picture * (np.float32(brightness) / (1 + np.float32(brightness - 1) * share))


@dataclass(frozen=True)
class Variant(Task):
    """How a network answers; all of them see the same."""

    def encode(self, degraded: NDArray[Any]) -> dict[str, Array]:
        """As the module's ``encode``."""
        return encode(degraded)

    def decode(self, outputs: Mapping[str, Array], picture: NDArray[Any]) -> Array:
        """The graph's output as a picture; what curves have brightened is smoothed, too.

        Args:
            outputs: ``enhanced`` (H, W, 3) in 0..1, or ``curves`` (h, w, 3 or 24) in -1..1.
            picture: what curves are applied to, of any size; code values 0..255.

        Returns:
            RGB (H, W, 3) float32 in code values, unrounded.
        """
        tensor = self.outputs[0]
        values = outputs[tensor.name]
        if self.makes_picture:
            return values * np.float32(tensor.scale)
        unit = picture.astype(np.float32) * np.float32(1 / 255)
        bright = apply_curves(unit, values) * np.float32(255.0)
        gain = float(bright.mean()) / max(float(picture.mean()), 0.5)
        if gain <= 1.0:
            return bright
        tone = SMOOTHED_TONE * (gain - 1.0)
        return np.asarray(cv2.bilateralFilter(bright, SMOOTHED, tone, SMOOTHED_REACH), np.float32)

    def result(self, outputs: Mapping[str, Array], degraded: NDArray[Any]) -> NDArray[np.uint8]:
        """``decode``, rounded."""
        return round_to_uint8(self.decode(outputs, degraded))


TASK = Variant(
    name="enhance",
    contract=1,
    inputs=(INPUT,),
    outputs=(Tensor("enhanced", 3, downscale=1, low=0.0, high=1.0, scale=255.0),),
    colour_space="RGB",
    size_multiple=16,
    headline_metric="rgb_psnr",
    baselines=("input", "gamma", "equalised", "classical", "classical_whole"),
    reference="classical",
    # A landscape of 3:2; portraits are turned on their side.
    frame=(400, 608),
    makes_picture=True,
)
CURVES = dataclasses.replace(
    TASK,
    variant="curves",
    makes_picture=False,
    outputs=(Tensor("curves", 3 * ITERATIONS, downscale=1, low=-1.0, high=1.0, scale=1.0),),
)
SHARED_CURVES = dataclasses.replace(
    TASK,
    variant="shared_curves",
    makes_picture=False,
    outputs=(Tensor("curves", 3, downscale=8, low=-1.0, high=1.0, scale=1.0),),
)
VARIANTS = {record.variant: record for record in (TASK, CURVES, SHARED_CURVES)}
