"""Charts as inline SVG, in the colours of the page that they stand in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .pages import Html, render

_WIDTH, _HEIGHT = 480, 340
_CURVE = 340, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 14, 50
_Box = tuple[float, float, float, float]  # left, top, right, bottom
_LETTER, _LINE = 7.4, 16.0  # a letter's mean width, a line's height


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

    def draw(self, marks: Sequence[Html], alt: str) -> Html:
        """The whole drawing: grid, ticks and titles below the marks."""
        levels = [(self.place(self.x.low, value)[1], f"{value:g}") for value in self.y.ticks]
        return render(
            "chart.html",
            alt=alt,
            width=self.width,
            height=self.height,
            left=self.left,
            right=self.width - _RIGHT,
            top=_TOP,
            bottom=self.height - _BOTTOM,
            x_ticks=[
                (f"{self.place(value, self.y.low)[0]:.1f}", f"{value:g}") for value in self.x.ticks
            ],
            y_ticks=[(f"{level:.1f}", value, f"{level + 4:.1f}") for level, value in levels],
            x_title=self.x.title,
            y_title=self.y.title,
            marks=marks,
        )


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
        x, y = places[0]
        marks = [Html(f'<circle class="model" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')]
    else:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        marks = [Html(f'<polyline class="curve" points="{path}"/>')]
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
                Html(
                    f'<rect class="{kind}" x="{x0:.1f}" y="{top:.1f}" width="{x1 - x0:.1f}" '
                    f'height="{y1 - top:.1f}"/>'
                )
            )
    at, bottom = frame.place(limit, 0.0)
    marks.append(
        Html(f'<line class="limit" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{bottom}"/>')
    )
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
            mark = f'<circle class="model" cx="{x:.1f}" cy="{y:.1f}" r="5.5"/>'
        else:
            mark = (
                f'<rect class="baseline" x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9"/>'
            )
        out.append(Html(mark))
    for point, (x, y), label in zip(points, places, _label_places(points, places), strict=True):
        if label.leader:
            side = 1 if label.anchor == "start" else -1
            out.append(
                Html(
                    f'<line class="leader" x1="{x + 7 * side:.1f}" y1="{y:.1f}" '
                    f'x2="{label.x - 3 * side:.1f}" y2="{label.y - 4.5:.1f}"/>'
                )
            )
        text = Html('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
        out.append(text.format(label.x, label.y, label.anchor, point.label))
    return frame.draw(out, alt)


def group(heading: str, text: str, *drawings: Html) -> Html:
    """Drawings that belong together, side by side where the screen is wide enough.

    Args:
        heading, text: plain text above them.
        drawings: from ``curve`` or ``histogram``.
    """
    return render("charts.html", heading=heading, text=text, drawings=drawings)


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
