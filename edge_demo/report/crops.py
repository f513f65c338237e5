"""Crops of photographs where methods differ most, side by side with their errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..measure import metrics, results
from ..measure.quality import Sample
from ..measure.restoration import Method, Restoration, Window
from .embedded import SMALL, image, reduced
from .pages import Html, render


@dataclass(frozen=True)
class _Cell:
    """Two pictures, one above the other, and what is said of them (plain text)."""

    label: str
    note: str
    above: Html
    below: Html


@dataclass(frozen=True)
class _Crop:
    """One photograph's name and its cells."""

    name: str
    cells: list[_Cell]


def telling_window(
    restoration: Restoration,
    sample: Sample,
    side: int | None = None,
    method: Method | None = None,
    than: Method | None = None,
) -> tuple[Window, float]:
    """Where a method errs most, or most in excess of another.

    Args:
        restoration: of the sample's task.
        sample: a picture and its truth.
        side: of the window, even; a smaller picture gives a smaller window; None: the task's own.
        method: whose errors; None: the task's reference's.
        than: a method whose squared errors are taken off; None: none.

    Returns:
        Top and left (even), height and width; and the mean squared error inside, of all of a
        result's channels together.
    """
    truth = restoration.target(sample.truth)

    def squared(one: Method) -> NDArray[np.float32]:
        error = one(sample.degraded).astype(np.float32) - truth
        return np.asarray(np.square(error).sum(axis=-1), np.float32)

    errors = squared(method or restoration.baselines()[restoration.task.reference])
    if than:
        errors -= squared(than)
    side = side or restoration.look.side
    height, width = (min(side, length) for length in truth.shape[:2])
    total = cv2.integral(errors, sdepth=cv2.CV_64F)
    sums = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )[::2, ::2]
    top, left = (2 * int(i) for i in np.unravel_index(int(sums.argmax()), sums.shape))
    count = height * width * truth.shape[-1]
    return (top, left, height, width), float(sums.max()) / count


def crops(
    restoration: Restoration,
    samples: Iterable[Sample],
    methods: Mapping[str, Method],
    side: int | None = None,
    suspect: tuple[str, str] | None = None,
) -> Html:
    """What each method makes of the part of each photograph that tells most.

    A column a method: the crop, and below it the error, amplified around mid grey. The first shows
    the input, the last the truth.

    Args:
        restoration: of the samples' task.
        samples: pictures and their truth.
        methods: label to reconstruction; each is given what a crop may depend on.
        side: of a crop in pixels, even; None: the task's own.
        suspect: labels of two methods: the crop is where the first loses most against the second,
            whose whole photographs are worked out for it; None: where the task's reference errs
            most.
    """
    look, reference = restoration.look, restoration.task.reference
    figures = results.METRICS[restoration.task.headline_metric].title
    side = side or look.side
    where = f"{suspect[0]} loses most against {suspect[1]}" if suspect else f"{reference} errs most"
    both = (methods[suspect[0]], methods[suspect[1]]) if suspect else (None, None)
    size = "its own size" if look.zoom == 1 else f"{look.zoom} times its size"
    lead = (
        f"Each crop is the {side}x{side} pixels of its photograph where {where}, "
        f"at {size}. The lower pictures show the {look.error}, "
        f"{look.error_gain} times amplified around mid grey: plain grey is no error. Figures "
        f"are {figures} on the crop alone."
    )
    shown = []
    for sample in samples:
        window, _ = telling_window(restoration, sample, side, *both)
        cells = _cells(restoration, sample, methods, window)
        shown.append(_Crop(sample.path.name, list(cells)))
    return render("crops.html", lead=lead, crops=shown, column=look.zoom * side)


def _cells(
    restoration: Restoration, sample: Sample, methods: Mapping[str, Method], window: Window
) -> Iterator[_Cell]:
    look = restoration.look
    top, left, height, width = window
    given, inside = restoration.around(sample.degraded, window)
    name = sample.path.name
    place = f"{name}, {width}x{height} pixels at ({left}, {top})"
    rgb = np.ascontiguousarray(sample.truth[top : top + height, left : left + width])
    truth = restoration.target(rgb)

    for label, method in {look.source: restoration.unrestored, **methods}.items():
        whole = method(given)
        result = np.ascontiguousarray(whole[inside])
        shown = np.ascontiguousarray(restoration.picture(given, whole)[inside])
        error = 128.0 + look.error_gain * (result.astype(np.float32) - truth)
        yield _Cell(
            label,
            f"{metrics.psnr(result, truth):.2f} dB",
            image(shown, f"{label}: {place}"),
            image(restoration.tint(error), f"{look.error.capitalize()} of {label}: {place}"),
        )
    yield _Cell(
        "truth",
        "and where it lies",
        image(rgb, f"Truth: {place}"),
        image(_overview(sample.truth, window), f"{name} as a whole, the crop framed", smooth=True),
    )


def _overview(rgb: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The photograph made small, with a frame around a window."""
    scale = min(1.0, SMALL / max(rgb.shape[:2]))
    small = np.ascontiguousarray(reduced(rgb))
    top, left, height, width = window
    corners = [
        (round(x * scale), round(y * scale)) for x, y in ((left, top), (left + width, top + height))
    ]
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        cv2.rectangle(small, corners[0], corners[1], colour, thickness)
    return np.asarray(small, np.uint8)
