"""Charts: in proportion, inside their drawing, and marked as they say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.report import charts
from tests.pages import Page

# Histogram ----------------------------------------------------------------------------------


def test_a_histogram_marks_what_is_beyond_the_limit() -> None:
    values = [*np.linspace(0, 1, 2000), 1.5, 1.6, 40.0]
    page = Page(charts.histogram(values, 1.25, True, "x", "alt"))
    bars = page.all("rect")
    beyond = [bar for bar in bars if bar["class"] == "beyond"]
    assert 1 <= len(beyond) <= 3 and len(bars) > 10
    (limit,) = [line for line in page.all("line") if line["class"] == "limit"]
    at = float(limit["x1"] or 0)
    assert all(float(bar["x"] or 0) >= at - 0.1 for bar in beyond)
    others = [bar for bar in bars if bar["class"] == "model"]
    assert all(float(b["x"] or 0) + float(b["width"] or 0) <= at + 0.1 for b in others)
    # Below the limit the other way round; nothing is drawn outside.
    low = Page(charts.histogram(values, 1.25, False, "x", "alt")).all("rect")
    assert [bar["class"] for bar in low].count("beyond") == len(others)
    assert all(0 <= float(bar["x"] or 0) <= 340 and float(bar["height"] or 0) > 0 for bar in low)


@pytest.mark.parametrize("values", [[0.0], [2.0, 2.0], [-1.0, 0.5]])
def test_histograms_of_few_values(values: list[float]) -> None:
    assert Page(charts.histogram(values, 2.0, True, "x", "alt")).all("rect")
    with pytest.raises(ValueError, match="values"):
        charts.histogram([], 2.0, True, "x", "alt")


# Scatter ------------------------------------------------------------------------------------


def circles(points: list[charts.Point]) -> list[tuple[float, float]]:
    page = Page(charts.scatter(points, "ms", "dB", "alt"))
    return [(float(c["cx"] or 0), float(c["cy"] or 0)) for c in page.all("circle")]


def test_the_x_axis_is_logarithmic_and_y_goes_up() -> None:
    points = [charts.Point(str(x), x, y) for x, y in ((1.0, 40.0), (10.0, 42.0), (100.0, 44.0))]
    (x0, y0), (x1, y1), (x2, y2) = circles(points)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
    assert y0 > y1 > y2


@pytest.mark.parametrize("count", [1, 2, 12])
def test_labels_stay_inside_the_drawing(count: int) -> None:
    points = [charts.Point(f"chroma_net-{i}.int8", 5.0 + i / 10, 47.0) for i in range(count)]
    page = Page(charts.scatter(points, "ms", "dB", "alt"))
    _, _, width, height = map(float, (page.all("svg")[0]["viewbox"] or "").split())
    assert len(page.all("circle")) == count
    places = [t for t in page.all("text") if "class" not in t and "transform" not in t]
    assert len(places) == count + 1
    for place in places:
        assert 0 <= float(place["x"] or -1) <= width
        assert 0 <= float(place["y"] or -1) <= height


def test_baselines_look_unlike_models() -> None:
    points = [charts.Point("a", 1.0, 1.0), charts.Point("b", 2.0, 1.0, "baseline")]
    page = Page(charts.scatter(points, "ms", "dB", "alt"))
    assert [rect["class"] for rect in page.all("rect")] == ["baseline"]


@pytest.mark.parametrize("points", [[], [charts.Point("a", 0.0, 1.0)]])
def test_a_log_axis_needs_positive_points(points: list[charts.Point]) -> None:
    with pytest.raises(ValueError, match="positive"):
        charts.scatter(points, "ms", "dB", "alt")


# Curve --------------------------------------------------------------------------------------


def line(points: list[tuple[float, float]], **options: tuple[float, float]) -> NDArray[np.float64]:
    (polyline,) = Page(charts.curve(points, "seconds", "ms", "alt", **options)).all("polyline")
    pairs = [pair.split(",") for pair in (polyline["points"] or "").split()]
    return np.array(pairs, float)


def test_a_curve_goes_right_and_up_in_proportion() -> None:
    places = line([(1.0, 10.0), (2.0, 11.0), (5.0, 12.0)])
    across, down = np.diff(places[:, 0]), np.diff(places[:, 1])
    assert across[1] == pytest.approx(3 * across[0], abs=0.3)
    assert down[0] == pytest.approx(down[1], abs=0.2)
    assert down[0] < 0


def test_what_is_within_reach_looks_small() -> None:
    points = [(1.0, 10.0), (2.0, 10.1)]
    small, large = (np.ptp(places[:, 1]) for places in (line(points, reach=(9, 11)), line(points)))
    assert 0 < small < large / 5
    assert np.ptp(line([(1.0, 5.0), (2.0, 15.0)], reach=(9, 11))[:, 1]) > 100


@pytest.mark.parametrize(
    "points", [[(1.0, 5.0), (2.0, 5.0)], [(0.5, 0.001), (3600.0, 0.002)], [(1.0, 0.0), (60.0, 9e3)]]
)
def test_a_curve_stays_inside_the_drawing(points: list[tuple[float, float]]) -> None:
    page = Page(charts.curve(points, "seconds", "ms", "alt"))
    _, _, width, height = map(float, (page.all("svg")[0]["viewbox"] or "").split())
    places = line(points)
    assert (places >= 0).all()
    assert (places <= (width, height)).all()
    ticks = [t for t in page.all("text") if t.get("class") == "quiet"]
    assert len(ticks) >= 4
    assert all(0 <= float(t["x"] or -1) <= width for t in ticks)


def test_one_point_is_a_disc_and_none_is_refused() -> None:
    page = Page(charts.curve([(1.0, 5.0)], "seconds", "ms", "alt"))
    assert len(page.all("circle")) == 1
    assert page.all("svg")[0]["aria-label"] == "alt"
    with pytest.raises(ValueError, match="needs points"):
        charts.curve([], "seconds", "ms", "alt")
