"""Reports as one HTML file: no script, no outside address, light and dark, phone and desktop.

Functions take plain text and escape it; what they return is ``Html``, which only they make. A
report is ``page(title, [Section(heading, join(paragraph(...), table(...))), ...])``.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NewType

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..measure import metrics, results
from ..measure.quality import Sample
from ..measure.restoration import Method, Restoration, Window
from ..pictures.containers import load

Html = NewType("Html", str)

_THUMBNAIL = 192
# Formats that every browser shows.
_MIME = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --soft: #f3f3f3; --line: #d8d8d8; --ink: #1b1b1b;
  --quiet: #5a5a5a; --model: #1d5fc4; --baseline: #8a5a00; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #171717; --soft: #232323; --line: #3d3d3d;
  --ink: #ececec; --quiet: #a8a8a8; --model: #86b4ff; --baseline: #e0ab55; --bad: #ff9a90; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 4rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
h1 { margin: 0 0 .25rem; font-size: 1.8rem; line-height: 1.2; }
h2 { margin: 3rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line);
  font-size: 1.3rem; }
h3 { margin: 2rem 0 .6rem; font-size: 1rem; overflow-wrap: anywhere; }
p { margin: .5rem 0; max-width: 46rem; }
.lead, figcaption, caption { color: var(--quiet); }
.warning { padding-left: .7rem; border-left: 3px solid var(--bad); }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible { outline: 2px solid var(--model); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .9rem; }
caption { padding-bottom: .5rem; text-align: left; }
caption span { position: sticky; left: 0; display: inline-block;
  max-width: min(46rem, calc(100vw - 2.5rem)); }
th, td { padding: .4rem .6rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: baseline; white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; }
thead th { border-bottom: 2px solid var(--line); color: var(--quiet); font-weight: 600;
  line-height: 1.3; vertical-align: bottom; white-space: normal; }
tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.long { min-width: 12rem; white-space: normal; overflow-wrap: anywhere; }
tr.bad td, tr.bad th { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 1rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0; }
figcaption { font-size: .875rem; line-height: 1.35; }
img { display: block; max-width: 100%; height: auto; }
.wide { margin: 1rem 0; }
.wide img { background: #fff; border: 1px solid var(--line); }
.wide figcaption { margin-top: .4rem; }
svg { display: block; width: 100%; max-width: 38rem; height: auto; font-size: 14px; }
svg text { fill: var(--ink); font-family: system-ui, sans-serif; paint-order: stroke;
  stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }
svg .leader { stroke: var(--quiet); }
svg .quiet { fill: var(--quiet); }
svg .grid { stroke: var(--line); }
svg .model { fill: var(--model); }
svg .curve { fill: none; stroke: var(--model); stroke-width: 2; stroke-linejoin: round; }
svg .baseline { fill: var(--paper); stroke: var(--baseline); stroke-width: 2; }
.charts { display: grid; gap: 1rem 2rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
svg .beyond { fill: var(--bad); }
svg .limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 5 3; }
.gallery { display: grid; gap: 1rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); }
.gallery img { max-height: 9rem; width: auto; }
.gallery figcaption { margin-top: .3rem; font-size: .8rem; overflow-wrap: anywhere; }
.gallery b { display: block; color: var(--ink); font-weight: 500; }
.crops { display: grid; gap: .4rem .9rem; justify-content: start; }
.crops figure { display: grid; grid-row: span 3; grid-template-rows: subgrid; min-width: 0;
  align-content: start; margin-bottom: .8rem; }
.crops figcaption { order: -1; align-self: end; }
.crops b { display: block; color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
.crops img { width: 100%; image-rendering: pixelated; }
.crops img.smooth { aspect-ratio: 1; image-rendering: auto; object-fit: contain;
  object-position: left top; }
@media (max-width: 34rem) { .crops { grid-template-columns: 1fr 1fr !important; }
  .crops figure:last-child:nth-child(odd) { grid-column: 1 / -1; grid-row: span 2;
    grid-template-columns: subgrid; }
  .crops figure:last-child:nth-child(odd) figcaption { grid-column: 1 / -1; }
  h1 { font-size: 1.5rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  svg { max-width: none; } table { font-size: .82rem; } th, td { padding: .35rem .45rem; }
  tbody th { position: sticky; left: 0; background: var(--paper); white-space: normal; } }
@media print { .crops figure, tr, .wide { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Section:
    """A part of a page: its heading (plain text) and what stands below."""

    heading: str
    body: Html


@dataclass(frozen=True)
class Point:
    """One method in ``scatter``.

    Attributes:
        label: its name.
        x, y: values in the axes' units; x is positive.
        kind: ``model`` or ``baseline``.
    """

    label: str
    x: float
    y: float
    kind: str = "model"


def escape(text: object) -> Html:
    """Any value as text that is safe in elements and in quoted attributes."""
    return Html(html.escape(str(text), quote=True))


def join(*parts: Html) -> Html:
    """Parts one after the other."""
    return Html("\n".join(parts))


def paragraph(text: str) -> Html:
    """A paragraph of plain text."""
    return Html(f"<p>{escape(text)}</p>")


def warning(text: str) -> Html:
    """A paragraph of plain text that must not be missed."""
    return Html(f'<p class="warning">{escape(text)}</p>')


def page(title: str, sections: Iterable[Section], lead: str = "") -> str:
    """The whole document.

    Args:
        title: of the page, plain text.
        sections: in order.
        lead: one sentence below the title.
    """
    parts = [f"<h1>{escape(title)}</h1>"]
    if lead:
        parts.append(f'<p class="lead">{escape(lead)}</p>')
    for section in sections:
        parts.append(f"<section>\n<h2>{escape(section.heading)}</h2>\n{section.body}\n</section>")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # An empty icon: without one a browser asks the server for its own.
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric: Collection[int] = (),
    bad: Collection[int] = (),
) -> Html:
    """A table that scrolls sideways on a small screen.

    Args:
        caption: says what is shown, and in which units.
        header: the columns' names; the first column names the rows.
        rows: plain text, as many cells as ``header``.
        numeric: indices of columns to align on the right.
        bad: indices of rows to mark as failed.
    """

    def cell(tag: str, text: str, column: int, scope: str = "") -> str:
        kind = ' class="number"' if column in numeric else ' class="long"' if len(text) > 20 else ""
        return f"<{tag}{scope}{kind}>{_breakable(text) if column == 0 else escape(text)}</{tag}>"

    head = "".join(cell("th", name, i, ' scope="col"') for i, name in enumerate(header))
    lines = []
    for index, row in enumerate(rows):
        first = cell("th", row[0], 0, ' scope="row"')
        rest = "".join(cell("td", text, i) for i, text in enumerate(row[1:], 1))
        mark = ' class="bad"' if index in bad else ""
        lines.append(f"<tr{mark}>{first}{rest}</tr>")
    body = "\n".join(lines)
    return Html(
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">\n'
        f"<table>\n<caption><span>{escape(caption)}</span></caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _breakable(text: str) -> Html:
    """A name that may go on in a second line before each dot, as ``PRESET.RECIPE`` does."""
    return Html(escape(text).replace(".", "<wbr>."))


def definitions(pairs: Mapping[str, object]) -> Html:
    """Names and values, one below the other."""
    items = "\n".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs.items())
    return Html(f"<dl>\n{items}\n</dl>")


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
    scale = min(1.0, _THUMBNAIL / max(rgb.shape[:2]))
    width, height = (max(1, round(length * scale)) for length in (rgb.shape[1], rgb.shape[0]))
    reduced = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    done, jpeg = cv2.imencode(".jpg", reduced[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise ValueError(f"cannot encode an image of shape {rgb.shape}")
    return _img("image/jpeg", jpeg.tobytes(), width, height, alt, False)


def gallery(items: Iterable[tuple[Html, str, str]]) -> Html:
    """Small pictures side by side: each a picture, its name and a note (plain text)."""
    cells = "\n".join(
        f"<figure>{picture}<figcaption><b>{_breakable(name)}</b>{escape(note)}</figcaption></figure>"
        for picture, name, note in items
    )
    return Html(f'<div class="gallery">\n{cells}\n</div>')


def _img(mime: str, data: bytes, width: int, height: int, alt: str, smooth: bool) -> Html:
    code = base64.b64encode(data).decode()
    kind = ' class="smooth"' if smooth else ""
    return Html(
        f'<img{kind} width="{width}" height="{height}" alt="{escape(alt)}" '
        f'src="data:{mime};base64,{code}">'
    )


def charts(heading: str, text: str, *drawings: Html) -> Html:
    """Drawings that belong together, side by side where the screen is wide enough.

    Args:
        heading, text: plain text above them.
        drawings: from ``curve`` or ``histogram``.
    """
    body = join(*drawings)
    return Html(
        f'<h3>{_breakable(heading)}</h3>\n{paragraph(text)}\n<div class="charts">\n{body}\n</div>'
    )


def figure(body: Html, caption: str) -> Html:
    """A picture or drawing with a caption (plain text)."""
    return Html(
        f'<figure class="wide">\n{body}\n<figcaption>{escape(caption)}</figcaption>\n</figure>'
    )


# Pictures of reconstructions ------------------------------------------------------------------


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
    parts = [
        paragraph(
            f"Each crop is the {side}x{side} pixels of its photograph where {where}, "
            f"at {size}. The lower pictures show the {look.error}, "
            f"{look.error_gain} times amplified around mid grey: plain grey is no error. Figures "
            f"are {figures} on the crop alone."
        )
    ]
    for sample in samples:
        window, _ = telling_window(restoration, sample, side, *both)
        parts += [
            Html(f"<h3>{escape(sample.path.name)}</h3>"),
            _crop(restoration, sample, methods, window, look.zoom * side),
        ]
    return join(*parts)


def _crop(
    restoration: Restoration,
    sample: Sample,
    methods: Mapping[str, Method],
    window: Window,
    column: int,
) -> Html:
    look = restoration.look
    top, left, height, width = window
    given, inside = restoration.around(sample.degraded, window)
    name = sample.path.name
    place = f"{name}, {width}x{height} pixels at ({left}, {top})"
    rgb = np.ascontiguousarray(sample.truth[top : top + height, left : left + width])
    truth = restoration.target(rgb)

    cells = []
    for label, method in {look.source: restoration.unrestored, **methods}.items():
        whole = method(given)
        result = np.ascontiguousarray(whole[inside])
        shown = np.ascontiguousarray(restoration.picture(given, whole)[inside])
        error = 128.0 + look.error_gain * (result.astype(np.float32) - truth)
        cells.append(
            _cell(
                label,
                f"{metrics.psnr(result, truth):.2f} dB",
                image(shown, f"{label}: {place}"),
                image(restoration.tint(error), f"{look.error.capitalize()} of {label}: {place}"),
            )
        )
    overview = _overview(sample.truth, window)
    cells.append(
        _cell(
            "truth",
            "and where it lies",
            image(rgb, f"Truth: {place}"),
            image(overview, f"{name} as a whole, the crop framed", smooth=True),
        )
    )
    columns = f"repeat(auto-fill, minmax(min(9rem, 45%), {column}px))"
    body = "\n".join(cells)
    return Html(f'<div class="crops" style="grid-template-columns: {columns}">\n{body}\n</div>')


def _cell(label: str, note: str, *pictures: Html) -> Html:
    return Html(
        f"<figure>{join(*pictures)}<figcaption><b>{_breakable(label)}</b>{escape(note)}"
        "</figcaption>"
        "</figure>"
    )


def _overview(rgb: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The photograph made small, with a frame around a window."""
    scale = min(1.0, _THUMBNAIL / max(rgb.shape[:2]))
    size = tuple(max(1, round(length * scale)) for length in (rgb.shape[1], rgb.shape[0]))
    small = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    top, left, height, width = window
    corners = [
        (round(x * scale), round(y * scale)) for x, y in ((left, top), (left + width, top + height))
    ]
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        cv2.rectangle(small, corners[0], corners[1], colour, thickness)
    return np.asarray(small, np.uint8)


# Charts ---------------------------------------------------------------------------------------

_WIDTH, _HEIGHT = 480, 340
_CURVE = 340, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 14, 50
_Box = tuple[float, float, float, float]  # left, top, right, bottom
_LETTER, _LINE = 7.4, 16.0  # a letter's mean width, a line's height


@dataclass(frozen=True)
class _Axis:
    """Values along an axis: its ends, the ticks between, and its title with the unit."""

    low: float
    high: float
    ticks: Sequence[float]
    title: str
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """How far along the axis a value lies, 0 to 1."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class _Frame:
    """The area between two axes, in a drawing of ``width`` by ``height``."""

    x: _Axis
    y: _Axis
    width: int
    height: int

    @property
    def left(self) -> float:
        """Where the area begins: right of the y axis's title and its longest number."""
        return max(_LEFT, 32 + _LETTER * max(len(f"{value:g}") for value in self.y.ticks))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies in the drawing."""
        return (
            self.left + self.x.share(x) * (self.width - self.left - _RIGHT),
            self.height - _BOTTOM - self.y.share(y) * (self.height - _TOP - _BOTTOM),
        )

    def draw(self, marks: Sequence[str], alt: str) -> Html:
        """The whole drawing: grid, ticks and titles below the marks."""
        left, right = self.left, self.width - _RIGHT
        bottom = self.height - _BOTTOM
        out = [
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(alt)}">',
            f"<title>{escape(alt)}</title>",
        ]
        for value in self.x.ticks:
            at = f"{self.place(value, self.y.low)[0]:.1f}"
            out.append(
                f'<line class="grid" x1="{at}" x2="{at}" y1="{_TOP}" y2="{bottom}"/>'
                f'<text class="quiet" x="{at}" y="{bottom + 18}" text-anchor="middle">'
                f"{value:g}</text>"
            )
        for value in self.y.ticks:
            level = self.place(self.x.low, value)[1]
            out.append(
                f'<line class="grid" x1="{left}" x2="{right}" y1="{level:.1f}" y2="{level:.1f}"/>'
                f'<text class="quiet" x="{left - 8}" y="{level + 4:.1f}" text-anchor="end">'
                f"{value:g}</text>"
            )
        middle_x, middle_y = (left + right) / 2, (_TOP + bottom) / 2
        out.append(
            f'<text x="{middle_x}" y="{self.height - 10}" text-anchor="middle">'
            f"{escape(self.x.title)}</text>"
        )
        out.append(
            f'<text transform="translate(14 {middle_y}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.y.title)}</text>"
        )
        return Html("\n".join([*out, *marks, "</svg>"]))


def curve(
    points: Sequence[tuple[float, float]],
    x_title: str,
    y_title: str,
    alt: str,
    reach: tuple[float, float] | None = None,
) -> Html:
    """One value over another, both axes linear, as inline SVG: a line; one point is a disc.

    Args:
        points: x and y, by ascending x; at least one.
        x_title, y_title: with units.
        alt: what the drawing shows, for who cannot see it.
        reach: y values that the axis spans at least, so that noise does not fill the height.
    """
    if not points:
        raise ValueError("a curve needs points")
    across = [x for x, _ in points]
    last = max(across) if max(across) > 0 else 1.0
    ticks = [tick for tick in _linear_axis([0.0, last])[2] if 0 <= tick <= last]
    frame = _Frame(
        _Axis(0.0, last, ticks, x_title),
        _Axis(*_linear_axis([*(y for _, y in points), *(reach or ())]), y_title),
        *_CURVE,
    )
    places = [frame.place(*point) for point in points]
    if len(places) == 1:
        marks = [f'<circle class="model" cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="4"/>']
    else:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        marks = [f'<polyline class="curve" points="{path}"/>']
    return frame.draw(marks, alt)


def histogram(
    values: Sequence[float], limit: float, unfit_above: bool, x_title: str, alt: str
) -> Html:
    """How often values occur, as inline SVG: bars, red beyond a limit, which is a dashed line.

    Args:
        values: at least one.
        limit: in the same unit.
        unfit_above: which side of the limit is beyond it.
        x_title: with the unit.
        alt: what the drawing shows, for who cannot see it.
    """
    if not values:
        raise ValueError("a histogram needs values")
    # A few far-off values must not press all others into one bar: they stand in the last one.
    ends = np.percentile(values, [0.2, 99.8])
    low, high, ticks = _linear_axis([*map(float, ends), limit])
    # The limit is an edge, so that no bar is of both sides.
    step = (high - low) / 40
    edges = limit + step * np.arange(math.floor((low - limit) / step), 41)
    edges = edges[edges <= high + step / 2]
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    frame = _Frame(
        _Axis(float(edges[0]), float(edges[-1]), [t for t in ticks if edges[0] <= t <= edges[-1]],
              x_title),
        _Axis(0.0, *_linear_axis([0.0, float(counts.max())])[1:], "pictures"),
        *_CURVE,
    )  # fmt: skip
    marks = []
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            x0, y0 = frame.place(float(left), float(count))
            x1, y1 = frame.place(float(right), 0.0)
            middle = (left + right) / 2
            kind = "beyond" if (middle > limit) == unfit_above else "model"
            # Rare values are what the drawing is for: their bars are at least 2 units high.
            top = min(y0, y1 - 2)
            marks.append(
                f'<rect class="{kind}" x="{x0:.1f}" y="{top:.1f}" width="{x1 - x0:.1f}" '
                f'height="{y1 - top:.1f}"/>'
            )
    at, bottom = frame.place(limit, 0.0)
    marks.append(f'<line class="limit" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{bottom}"/>')
    return frame.draw(marks, alt)


def scatter(points: Sequence[Point], x_title: str, y_title: str, alt: str) -> Html:
    """Points over a logarithmic x axis, as inline SVG: models are discs, baselines open squares.

    Args:
        points: at least one.
        x_title, y_title: with units.
        alt: what the drawing shows, for who cannot see it.
    """
    if not points or any(point.x <= 0 for point in points):
        raise ValueError("a scatter needs points, and positive x for its logarithmic axis")
    frame = _Frame(
        _Axis(*_log_axis([point.x for point in points]), x_title, logarithmic=True),
        _Axis(*_linear_axis([point.y for point in points]), y_title),
        _WIDTH,
        _HEIGHT,
    )
    places = [frame.place(point.x, point.y) for point in points]
    out = []
    for point, (x, y) in zip(points, places, strict=True):
        if point.kind == "model":
            out.append(f'<circle class="model" cx="{x:.1f}" cy="{y:.1f}" r="5.5"/>')
        else:
            out.append(
                f'<rect class="baseline" x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>'
            )
    for point, (x, y), label in zip(points, places, _label_places(points, places), strict=True):
        if label.leader:
            side = 1 if label.anchor == "start" else -1
            out.append(
                f'<line class="leader" x1="{x + 7 * side:.1f}" y1="{y:.1f}" '
                f'x2="{label.x - 3 * side:.1f}" y2="{label.y - 4.5:.1f}"/>'
            )
        out.append(
            f'<text x="{label.x:.1f}" y="{label.y:.1f}" text-anchor="{label.anchor}">'
            f"{escape(point.label)}</text>"
        )
    return frame.draw(out, alt)


def _log_axis(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Ends and ticks (1, 2, 5 steps) of an axis with room around the values."""
    low, high = min(values) / 1.6, max(values) * 1.6
    steps = [
        m * 10.0**e
        for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for m in (1, 2, 5)
    ]
    ticks = [step for step in steps if low <= step <= high]
    if len(ticks) > 8:
        ticks = [tick for tick in ticks if math.isclose(math.log10(tick) % 1.0, 0.0, abs_tol=1e-9)]
    return low, high, ticks


def _linear_axis(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Ends and about six round ticks of an axis with room around the values."""
    room = max((max(values) - min(values)) * 0.12, 1e-3 * max(1.0, abs(max(values))))
    low, high = min(values) - room, max(values) + room
    raw = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    first = math.ceil(low / step)
    ticks = [round(i * step, 9) for i in range(first, math.floor(high / step) + 1)]
    return low, high, ticks


@dataclass(frozen=True)
class _Label:
    """Where a label's text goes, and whether a line must lead to it from its point."""

    x: float
    y: float
    anchor: str
    leader: bool = False

    def box(self, text: str) -> _Box:
        width = _LETTER * len(text)
        left = {"start": self.x, "end": self.x - width, "middle": self.x - width / 2}[self.anchor]
        return left, self.y - _LINE + 3, left + width, self.y + 3


def _label_places(points: Sequence[Point], places: Sequence[tuple[float, float]]) -> list[_Label]:
    """Labels beside their points, clear of the frame, of other points and of each other."""
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in places]
    out = []
    for index, (point, (x, y)) in enumerate(zip(points, places, strict=True)):
        options = [
            _Label(x + 11, y + 4.5, "start"),
            _Label(x - 11, y + 4.5, "end"),
            _Label(x, y - 11, "middle"),
            _Label(x, y + 20, "middle"),
        ]
        for shift in (18, 36, 54, 72):
            for down in (-shift, shift):
                options.append(_Label(x + 22, y + 4.5 + down, "start", leader=True))
                options.append(_Label(x - 22, y + 4.5 + down, "end", leader=True))
        others = [*taken[:index], *taken[index + 1 :]]
        best = min(options, key=lambda option: _cost(option.box(point.label), others))
        taken.append(best.box(point.label))
        out.append(best)
    return out


def _cost(box: _Box, others: Sequence[_Box]) -> float:
    """Area that a label shares with others, and that it has outside the frame."""

    def shared(other: _Box) -> float:
        across = min(box[2], other[2]) - max(box[0], other[0])
        down = min(box[3], other[3]) - max(box[1], other[1])
        return max(0.0, across) * max(0.0, down)

    inside = shared((_LEFT, _TOP, _WIDTH - 2, _HEIGHT - _BOTTOM))
    area = (box[2] - box[0]) * (box[3] - box[1])
    return sum(map(shared, others)) + 4 * (area - inside)
