"""What each task means to whoever measures, draws, calibrates or times its models.

What a model does to a picture is its restorer's alone (``device``); here is what is around that.

A *degraded* picture is what a device is given: 4:2:0 ``Planes`` for chroma, a ``Grey`` for
colorize, RGB in low light for enhance. A *result* is what a method makes of it and what is compared
with the truth: CbCr for chroma, a and b plus 128 for colorize, RGB for enhance; uint8 always.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import tasks
from ..colour.siting import SITINGS, baseline, check_siting
from ..colour.ycbcr import round_to_uint8, ycbcr_to_rgb
from ..device.colorize import to_rgb as lab_to_rgb
from ..errors import UserError
from ..tasks import chroma, colorize, enhance, jpeg
from ..tasks.record import Task
from . import classical, hint_response, lpips_metric, metrics

Picture = NDArray[np.uint8]  # RGB (H, W, 3), or a result
Method = Callable[[Any], Picture]
Window = tuple[int, int, int, int]  # top, left, height, width

# What a reconstruction of a crop may depend on around it, in pixels; even.
_MARGIN = 64


@dataclass(frozen=True)
class Look:
    """How crops are shown on pages.

    Attributes:
        side: of a crop in pixels, even.
        zoom: screen pixels per pixel, where the screen is wide enough.
        source: what the degraded picture is called.
        error: what the lower pictures show.
        error_gain: how often it is amplified around mid grey.
    """

    side: int
    zoom: int
    source: str
    error: str
    error_gain: int


@dataclass(frozen=True)
class Restoration:
    """A task, as generic loops need it.

    Attributes:
        task: its record.
        metrics: names in ``results.METRICS`` of what ``measure`` always gives.
        sitings: of the degraded pictures, the first is the default; none where a task has none.
        whole: whether a network is to see whole pictures, not tiles.
        pairs: whether pairs of a low and a high picture are its degraded pictures and their truth.
        degrade: a picture RGB (H, W, 3), its file's name and a siting (or None) to a degraded one.
        target: RGB to what results are compared with.
        baselines: the classical methods by name.
        measure: RGB truth, degraded picture and result to every metric, and to those whose
            packages are installed; None for one that a picture has no value of.
        picture: a degraded picture and a result to RGB.
        unrestored: a degraded picture to the result that looks like it.
        tint: a difference of results (H, W, C), around 128, to RGB.
        around: a degraded picture and a window to what a method must be given to restore the
            window, and where the window lies in that.
        size: a degraded picture's (H, W).
        timed: a degraded picture to one on which the network has work to do.
        pack, unpack: a degraded picture to named arrays and back.
        look: of crops on pages.
        halved: whether photographs whose chroma is stored at half the size are halved.
        example: what a network may be given for a picture RGB (H, W, 3), squeezed into the square
            that it sees, the n-th of several; None where parts of pictures are examples as good.
        respond: figures that need more than a result: RGB truth, its file's name and a restorer
            to metrics; None of a task without.
    """

    task: Task
    metrics: tuple[str, ...]
    sitings: tuple[str, ...]
    whole: bool
    pairs: bool
    degrade: Callable[[Picture, str, str | None], Any]
    target: Callable[[Picture], Picture]
    baselines: Callable[[], Mapping[str, Method]]
    measure: Callable[[Picture, Any, Picture], dict[str, float | None]]
    picture: Callable[[Any, Picture], Picture]
    unrestored: Method
    tint: Callable[[NDArray[np.float32]], Picture]
    around: Callable[[Any, Window], tuple[Any, tuple[slice, slice]]]
    size: Callable[[Any], tuple[int, int]]
    timed: Callable[[Any], Any]
    pack: Callable[[Any], dict[str, NDArray[Any]]]
    unpack: Callable[[Mapping[str, NDArray[Any]]], Any]
    look: Look
    halved: bool = True
    example: Callable[[Picture, int], Any] | None = None
    respond: Callable[[Picture, str, Any], dict[str, float | None]] | None = None

    def siting(self, wanted: str | None) -> str | None:
        """The siting to degrade with: the one wanted, or the default; None without sitings.

        Raises:
            UserError: an unknown siting, or one wanted of a task that has none.
        """
        if not self.sitings:
            if wanted is not None:
                raise UserError(f"--siting is of 4:2:0 chroma; the {self.task.name} task has none")
            return None
        if wanted is not None:
            check_siting(wanted)
        return wanted or self.sitings[0]


def of(task: Task | str, quality: int | None = None) -> Restoration:
    """The restoration of a task.

    Args:
        task: a variant, or a task's name for its first, whose pictures are made as for all.
        quality: of the JPEG that each picture of chroma is made first, 1..100; None: none, but for
            networks that are told the quality, any of ``jpeg.QUALITIES``.

    Raises:
        UserError: an unknown task, or a quality out of range or of another task.
    """
    record = tasks.first(task) if isinstance(task, str) else task
    if isinstance(record, chroma.Variant):
        if quality is not None and not 1 <= quality <= 100:
            raise UserError(f"--quality is that of a JPEG, from 1 to 100, not {quality}")
        return _chroma(record, quality)
    if quality is not None:
        raise UserError(f"--quality is of the chroma task; this is a model of {record.name}")
    if isinstance(record, colorize.Variant):
        return _colorize(record)
    return dataclasses.replace(_ENHANCE, task=record)


# Chroma ---------------------------------------------------------------------------------------


def to_rgb(y: NDArray[Any], cbcr: NDArray[Any]) -> Picture:
    """Luma (H, W) and chroma (H, W, 2), BT.601 full range, to RGB (H, W, 3) uint8."""
    return round_to_uint8(ycbcr_to_rgb(np.concatenate([y[..., None], cbcr], axis=-1)))


def _chroma_baseline(name: str) -> Method:
    return lambda planes: round_to_uint8(baseline(name, planes.cbcr, planes.size, planes.siting))


def _chroma_measure(
    truth: Picture, planes: chroma.Planes, cbcr: Picture
) -> dict[str, float | None]:
    wanted, restored = chroma.target(truth), to_rgb(planes.y, cbcr)
    return {
        "chroma_psnr": metrics.psnr(cbcr, wanted),
        "chroma_ssim": metrics.ssim(cbcr, wanted),
        "rgb_psnr": metrics.psnr(restored, truth),
        "rgb_ssim": metrics.ssim(restored, truth),
        "chroma_sharpness": metrics.sharpness_ratio(cbcr, wanted),
    }


def _nearest(planes: chroma.Planes) -> Picture:
    """Each chroma sample on its 2x2 block of luma."""
    height, width = planes.size
    repeated = planes.cbcr.repeat(2, axis=0).repeat(2, axis=1)
    return np.asarray(repeated[:height, :width], np.uint8)


def _chroma_around(
    planes: chroma.Planes, window: Window
) -> tuple[chroma.Planes, tuple[slice, slice]]:
    """The window, at an even place, with what upsampling and networks may look at around it."""
    top, left, height, width = window
    first, start = max(0, top - _MARGIN), max(0, left - _MARGIN)
    y = planes.y[first : top + height + _MARGIN, start : left + width + _MARGIN]
    rows, columns = (y.shape[0] + 1) // 2, (y.shape[1] + 1) // 2
    cbcr = planes.cbcr[first // 2 : first // 2 + rows, start // 2 : start // 2 + columns]
    inside = np.s_[top - first : top - first + height, left - start : left - start + width]
    return dataclasses.replace(planes, y=y, cbcr=cbcr), inside


def _chroma_pack(planes: chroma.Planes) -> dict[str, NDArray[Any]]:
    packed = {"y": planes.y, "cbcr": planes.cbcr, "siting": np.array(planes.siting)}
    if planes.quantised:
        packed["quantised"] = np.array(planes.quantised)
    return packed


def _chroma_unpack(arrays: Mapping[str, NDArray[Any]]) -> chroma.Planes:
    luma, low = arrays.get("quantised", np.zeros(2)).tolist()
    quantised = (luma, low) if "quantised" in arrays else None
    return chroma.Planes(arrays["y"], arrays["cbcr"], str(arrays["siting"]), quantised)


def _chroma_degrade(
    rgb: Picture, name: str, siting: str | None, task: chroma.Variant, quality: int | None
) -> chroma.Planes:
    """4:2:0, and as a JPEG where one is wanted, or where the network is for nothing else."""
    planes = chroma.degrade(rgb, siting or SITINGS[0])
    if quality is None and task.told_quality:
        least, most = jpeg.QUALITIES  # one of the file's own: it depends on no order
        quality = least + zlib.crc32(name.encode()) % (most - least + 1)
    return planes if quality is None else jpeg.compressed(planes, quality)


def _chroma(task: chroma.Variant, quality: int | None) -> Restoration:
    return Restoration(
        task=task,
        metrics=("chroma_psnr", "chroma_ssim", "rgb_psnr", "rgb_ssim", "chroma_sharpness"),
        # JPEG's alone, for networks that are for nothing else.
        sitings=SITINGS[:1] if task.told_quality else SITINGS,
        whole=False,
        pairs=False,
        degrade=lambda rgb, name, siting: _chroma_degrade(rgb, name, siting, task, quality),
        target=chroma.target,
        baselines=lambda: {name: _chroma_baseline(name) for name in chroma.TASK.baselines},
        measure=_chroma_measure,
        picture=lambda planes, cbcr: to_rgb(planes.y, cbcr),
        unrestored=_nearest,
        tint=lambda difference: to_rgb(
            np.full(difference.shape[:2], 128.0, np.float32), difference
        ),
        around=_chroma_around,
        size=lambda planes: planes.size,
        timed=lambda planes: planes,
        pack=_chroma_pack,
        unpack=_chroma_unpack,
        look=Look(64, 3, "input (4:2:0)", "chroma error", 8),
    )


# Enhance --------------------------------------------------------------------------------------


_CASTS = ("cast_a", "cast_b", "cast_a_bright", "cast_b_bright")


def _enhance_baselines() -> Mapping[str, Method]:
    return {name: classical.METHODS[name] for name in enhance.TASK.baselines}


def _enhance_measure(truth: Picture, _: Picture, result: Picture) -> dict[str, float | None]:
    found = {
        "rgb_psnr": metrics.psnr(result, truth),
        "rgb_ssim": metrics.ssim(result, truth),
        "delta_e_2000": metrics.delta_e_2000(result, truth),
        "rgb_psnr_gt_mean": metrics.psnr(metrics.mean_scaled(result, truth), truth),
        "flat_noise": metrics.flat_noise(result, truth),
        "clipped": metrics.clipped(result),
        **dict(zip(_CASTS, metrics.colour_cast(result, truth), strict=True)),
    }
    if lpips_metric.available():
        found["lpips"] = lpips_metric.lpips(result, truth)
    return found


def _made_dark(picture: Picture) -> Picture:
    """A picture that is dark enough to be enhanced."""
    while enhance.darkness(picture) < 1.0:
        picture = picture // 2
    return picture


def _enhance_around(picture: Picture, window: Window) -> tuple[Picture, tuple[slice, slice]]:
    """All of the picture: every method looks at all of it."""
    top, left, height, width = window
    return picture, np.s_[top : top + height, left : left + width]


_ENHANCE = Restoration(
    task=enhance.TASK,
    metrics=(
        "rgb_psnr", "rgb_ssim", "delta_e_2000", "rgb_psnr_gt_mean", "flat_noise", "clipped",
        *_CASTS,
    ),
    sitings=(),
    whole=True,
    pairs=True,
    # A seed of the file's own: it depends on no order.
    degrade=lambda rgb, name, _: enhance.degrade(rgb, zlib.crc32(name.encode())),
    target=enhance.target,
    baselines=_enhance_baselines,
    measure=_enhance_measure,
    picture=lambda _, result: result,
    unrestored=lambda picture: picture,
    tint=round_to_uint8,
    around=_enhance_around,
    size=lambda picture: picture.shape[:2],
    timed=_made_dark,
    pack=lambda picture: {"picture": picture},
    unpack=lambda arrays: arrays["picture"],
    look=Look(192, 1, "input", "error", 2),
)  # fmt: skip

# Colorize -------------------------------------------------------------------------------------


def _colorize_measure(truth: Picture, grey: colorize.Grey, ab: Picture) -> dict[str, float | None]:
    result, wanted = _coloured(grey, ab), colorize.target(truth)
    colourful = metrics.colorfulness(truth)
    found = {
        "ab_psnr": metrics.psnr(ab, wanted),
        "ab_auc": metrics.ab_auc(ab, wanted),
        "rgb_psnr": metrics.psnr(result, truth),
        "rgb_ssim": metrics.ssim(result, truth),
        "delta_e_2000": metrics.delta_e_2000(result, truth),
        # Of a picture that is all but grey the ratio means nothing.
        "colorfulness_ratio": metrics.colorfulness(result) / colourful if colourful > 3 else None,
    }
    if lpips_metric.available():
        found["lpips"] = lpips_metric.lpips(result, truth)
    return found


def _coloured(grey: colorize.Grey, ab: Picture) -> Picture:
    return lab_to_rgb(grey.lightness, ab.astype(np.float32) - np.float32(128.0))


def _grey_ab(grey: colorize.Grey) -> Picture:
    return np.full((*grey.size, 2), 128, np.uint8)


def _colorize_around(
    grey: colorize.Grey, window: Window
) -> tuple[colorize.Grey, tuple[slice, slice]]:
    """All of the picture: the network looks at all of it."""
    top, left, height, width = window
    return grey, np.s_[top : top + height, left : left + width]


def _tint_ab(difference: NDArray[np.float32]) -> Picture:
    """A difference of ab, around 128, at a middle lightness."""
    lightness = np.full(difference.shape[:2], 60.0, np.float32)
    return lab_to_rgb(lightness, difference - np.float32(128.0))


def _colorize(task: colorize.Variant) -> Restoration:
    """The restoration of a variant: what networks see and answer differs, pictures do not."""
    return Restoration(
        task=task,
        metrics=(
            "ab_psnr",
            "rgb_psnr",
            "rgb_ssim",
            "colorfulness_ratio",
            "ab_auc",
            "delta_e_2000",
        ),
        sitings=(),
        whole=True,
        pairs=False,
        degrade=lambda rgb, _, __: colorize.degrade(rgb),
        target=colorize.target,
        baselines=lambda: {"grey": _grey_ab},
        measure=_colorize_measure,
        picture=_coloured,
        unrestored=_grey_ab,
        tint=_tint_ab,
        around=_colorize_around,
        size=lambda grey: grey.size,
        timed=lambda grey: grey,
        pack=lambda grey: {"lightness": grey.lightness},
        unpack=lambda arrays: colorize.Grey(arrays["lightness"]),
        look=Look(192, 1, "input", "colour error", 2),
        halved=False,
        example=hint_response.example if task.takes_hints else _grey_example,
        respond=hint_response.respond if task.takes_hints else None,
    )


def _grey_example(picture: Picture, _: int) -> colorize.Grey:
    return colorize.degrade(picture)
