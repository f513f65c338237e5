"""Report pages: well-formed, self-contained, escaped, and showing what they say."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.measure import metrics, quality, restoration
from edge_demo.report import html
from edge_demo.tasks import chroma

CHROMA, ENHANCE = restoration.of("chroma"), restoration.of("enhance")

HOSTILE = "<script>alert('x')</script>\"&"
NAMED = HOSTILE.replace("/", "\N{DIVISION SLASH}")  # no file's name holds a slash
VOID = {"meta", "link", "img", "wbr", "br", "hr", "line", "rect", "circle", "polyline"}


def sample(name: str, rgb: NDArray[np.uint8], siting: str = "center") -> quality.Sample:
    return quality.Sample(Path(name), rgb, chroma.degrade(rgb, siting))


class Page(HTMLParser):
    """A strict reading: every tag closed in order, every attribute seen."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def pixels(image: dict[str, str | None]) -> NDArray[np.uint8]:
    source = image["src"] or ""
    data = base64.b64decode(source.removeprefix("data:image/png;base64,"))
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded[..., ::-1], np.uint8)


@pytest.fixture(scope="module")
def whole(photograph: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with everything, and hostile text wherever text goes."""
    path = tmp_path_factory.mktemp("html") / "curve.png"
    cv2.imwrite(str(path), photograph)
    points = [html.Point(HOSTILE, 3.0, 44.0), html.Point("bilinear", 1.0, 40.0, "baseline")]
    body = html.join(
        html.paragraph(HOSTILE),
        html.table(HOSTILE, ["name", HOSTILE], [[HOSTILE, "1"], ["b", HOSTILE]], [1], [1]),
        html.definitions({HOSTILE: HOSTILE}),
        html.figure(html.image_file(path, HOSTILE), HOSTILE),
        html.scatter(points, HOSTILE, HOSTILE, HOSTILE),
        html.warning(HOSTILE),
        html.charts(
            HOSTILE, HOSTILE, html.curve([(1.0, 5.0), (2.0, 6.0)], HOSTILE, HOSTILE, HOSTILE)
        ),
        html.crops(CHROMA, [sample(NAMED, photograph)], {HOSTILE: CHROMA.baselines()["bicubic"]}),
    )
    return html.page(HOSTILE, [html.Section(HOSTILE, body)], HOSTILE)


def test_a_histogram_marks_what_is_beyond_the_limit() -> None:
    values = [*np.linspace(0, 1, 2000), 1.5, 1.6, 40.0]
    page = Page(html.histogram(values, 1.25, True, "x", "alt"))
    bars = page.all("rect")
    beyond = [bar for bar in bars if bar["class"] == "beyond"]
    assert 1 <= len(beyond) <= 3 and len(bars) > 10
    (limit,) = [line for line in page.all("line") if line["class"] == "limit"]
    at = float(limit["x1"] or 0)
    assert all(float(bar["x"] or 0) >= at - 0.1 for bar in beyond)
    others = [bar for bar in bars if bar["class"] == "model"]
    assert all(float(b["x"] or 0) + float(b["width"] or 0) <= at + 0.1 for b in others)
    # Below the limit the other way round; nothing is drawn outside.
    low = Page(html.histogram(values, 1.25, False, "x", "alt")).all("rect")
    assert [bar["class"] for bar in low].count("beyond") == len(others)
    assert all(0 <= float(bar["x"] or 0) <= 340 and float(bar["height"] or 0) > 0 for bar in low)


@pytest.mark.parametrize("values", [[0.0], [2.0, 2.0], [-1.0, 0.5]])
def test_histograms_of_few_values(values: list[float]) -> None:
    assert Page(html.histogram(values, 2.0, True, "x", "alt")).all("rect")
    with pytest.raises(ValueError, match="values"):
        html.histogram([], 2.0, True, "x", "alt")


def test_a_gallery_is_escaped_and_its_pictures_small() -> None:
    picture = html.thumbnail(np.full((400, 800, 3), 90, np.uint8), HOSTILE)
    page = Page(html.gallery([(picture, HOSTILE, HOSTILE)]))
    assert not page.all("script")
    (shown,) = page.all("img")
    assert (shown["width"], shown["height"], shown["alt"]) == ("192", "96", HOSTILE)
    data = base64.b64decode(str(shown["src"]).partition(",")[2])
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (96, 192, 3)


def test_the_page_is_well_formed_and_complete(whole: str) -> None:
    page = Page(whole)
    assert whole.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in page.all("meta")
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))
    assert [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)] == ["h1", "h2", "h3", "h3"]
    assert len(page.all("caption")) == len(page.all("table")) == 1
    for image in page.all("img"):
        assert image["alt"]
        assert int(image["width"] or 0) > 0
    assert all(header.get("scope") for header in page.all("th"))
    assert [svg["role"] for svg in page.all("svg")] == ["img", "img"]


def test_text_is_escaped_everywhere(whole: str) -> None:
    page = Page(whole)
    assert page.all("script") == []
    assert "<script" not in whole.lower()
    assert any(tag == "h3" and NAMED in data for tag, data in page.text)
    for place in ("title", "h1", "h2", "h3", "p", "span", "dt", "dd", "td", "figcaption", "b"):
        assert any(tag == place and HOSTILE in data for tag, data in page.text), place
    assert sum(data == HOSTILE for tag, data in page.text if tag == "text") == 5
    assert any(image["alt"] == HOSTILE for image in page.all("img"))


def test_nothing_outside_is_asked_for(whole: str) -> None:
    page = Page(whole)
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith("data:")
        assert not any(name.startswith("on") for name in attributes)
    style = "".join(data for tag, data in page.text if tag == "style")
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
    assert "@import" not in style


def test_images_keep_their_pixels(photograph: NDArray[np.uint8]) -> None:
    (image,) = Page(html.image(photograph, "a")).all("img")
    assert np.array_equal(pixels(image), photograph)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_files_are_shown_as_they_are(
    name: str, photograph: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / name
    cv2.imwrite(str(path), photograph)
    (image,) = Page(html.image_file(path, "a")).all("img")
    assert (image["width"], image["height"]) == ("160", "128")
    assert base64.b64decode((image["src"] or "").partition(",")[2]) == path.read_bytes()


def test_files_that_no_browser_shows_are_refused(
    photograph: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "a.bmp"
    cv2.imwrite(str(path), photograph)
    with pytest.raises(UserError, match="PNG, JPEG and WebP"):
        html.image_file(path, "a")
    with pytest.raises(UserError, match=r"gone\.png"):
        html.image_file(tmp_path / "gone.png", "a")


# Crops --------------------------------------------------------------------------------------


def planted(height: int = 200, width: int = 300) -> NDArray[np.uint8]:
    """Smooth grey with a patch of colour noise around (140..160, 210..230)."""
    rgb = np.full((height, width, 3), 120, np.uint8)
    rgb[140:160, 210:230] = np.random.default_rng(0).integers(0, 256, (20, 20, 3))
    return rgb


def test_the_window_holds_what_bilinear_gets_wrong() -> None:
    (top, left, height, width), error = html.telling_window(CHROMA, sample("a", planted()), 64)
    assert (height, width) == (64, 64)
    assert top % 2 == left % 2 == 0
    assert top <= 138
    assert left <= 208
    assert top + 64 >= 162
    assert left + 64 >= 232
    assert error > 0


def test_the_window_can_be_where_one_method_loses_against_another() -> None:
    rgb = planted()
    bilinear = CHROMA.baselines()["bilinear"]

    def worse(planes: chroma.Planes) -> NDArray[np.uint8]:
        cbcr = bilinear(planes).copy()
        cbcr[20:30, 40:50] ^= 1  # a little, and not where bilinear errs
        return cbcr

    (top, left, _, _), error = html.telling_window(CHROMA, sample("a", rgb), 16, worse, bilinear)
    assert 14 <= top <= 20 and 34 <= left <= 40
    assert error == pytest.approx(100 / 16**2)
    page = html.crops(
        CHROMA, [sample("a", rgb)], {"b": bilinear, "w": worse}, side=16, suspect=("w", "b")
    )
    assert "where w loses most against b" in page and f"({left}, {top})" in page


@pytest.mark.parametrize("shape", [(64, 64), (33, 47), (64, 65), (201, 20)])
def test_small_and_odd_pictures_have_a_window(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    (top, left, height, width), _ = html.telling_window(CHROMA, sample("a", rgb))
    assert height == min(64, shape[0])
    assert width == min(64, shape[1])
    assert top + height <= shape[0]
    assert left + width <= shape[1]
    Page(html.crops(CHROMA, [sample("a", rgb)], CHROMA.baselines()))


@pytest.mark.parametrize("siting", ["center", "left", "topleft"])
def test_crops_show_each_method_and_its_error(siting: str, photograph: NDArray[np.uint8]) -> None:
    methods = {name: CHROMA.baselines()[name] for name in ("bilinear", "lanczos4_bp")}
    page = Page(html.crops(CHROMA, [sample("p.png", photograph, siting)], methods, side=48))
    images = page.all("img")
    labels = [data for tag, data in page.text if tag == "b"]
    assert labels == ["input (4:2:0)", "bilinear", "lanczos4_bp", "truth"]
    assert len(images) == 8

    (top, left, height, width), _ = html.telling_window(
        CHROMA, sample("p.png", photograph, siting), 48
    )
    inside = np.s_[top : top + height, left : left + width]
    planes, truth = chroma.degrade(photograph, siting), chroma.target(photograph)[inside]
    notes = [data for tag, data in page.text if tag == "figcaption" and data.strip()]
    for index, name in enumerate(methods, start=1):
        # What is made of a crop and its surroundings is what is made of the whole.
        cbcr = np.ascontiguousarray(methods[name](planes)[inside])
        assert np.array_equal(pixels(images[2 * index]), restoration.to_rgb(planes.y[inside], cbcr))
        assert notes[index] == f"{metrics.psnr(cbcr, np.ascontiguousarray(truth)):.2f} dB"
    assert np.array_equal(pixels(images[6]), photograph[inside])


def test_a_perfect_method_has_a_grey_error() -> None:
    rgb = planted()

    def perfect(planes: chroma.Planes) -> NDArray[np.uint8]:
        (top, left, _, _), _ = html.telling_window(CHROMA, sample("a", rgb))
        first, start = max(0, top - 64), max(0, left - 64)
        height, width = planes.size
        return chroma.target(rgb)[first : first + height, start : start + width]

    images = Page(html.crops(CHROMA, [sample("a", rgb)], {"perfect": perfect})).all("img")
    assert np.all(pixels(images[3]) == 128)
    assert not np.all(pixels(images[1]) == 128)


def test_crops_of_low_light_are_cut_from_whole_pictures(photograph: NDArray[np.uint8]) -> None:
    """Each method is given all of the picture: how bright a place should be depends on it."""
    dark = photograph // 8
    seen: list[tuple[int, ...]] = []

    def brightened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        seen.append(picture.shape)
        return np.clip(picture * 8.0 + 3, 0, 255).astype(np.uint8)

    given = quality.Sample(Path("p.png"), photograph, dark)
    page = Page(html.crops(ENHANCE, [given], {"ours": brightened}, side=48))
    assert seen == [photograph.shape]
    assert [data for tag, data in page.text if tag == "b"] == ["input", "ours", "truth"]
    (top, left, height, width), _ = html.telling_window(ENHANCE, given, 48)
    inside = np.s_[top : top + height, left : left + width]
    images = page.all("img")
    assert np.array_equal(pixels(images[0]), dark[inside])
    assert np.array_equal(pixels(images[2]), brightened(dark)[inside])
    assert np.array_equal(pixels(images[4]), photograph[inside])
    error = brightened(dark)[inside].astype(int) - photograph[inside]
    assert np.array_equal(pixels(images[3]), np.clip(128 + 2 * error, 0, 255))


# Scatter ------------------------------------------------------------------------------------


def circles(points: list[html.Point]) -> list[tuple[float, float]]:
    page = Page(html.scatter(points, "ms", "dB", "alt"))
    return [(float(c["cx"] or 0), float(c["cy"] or 0)) for c in page.all("circle")]


def test_the_x_axis_is_logarithmic_and_y_goes_up() -> None:
    points = [html.Point(str(x), x, y) for x, y in ((1.0, 40.0), (10.0, 42.0), (100.0, 44.0))]
    (x0, y0), (x1, y1), (x2, y2) = circles(points)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
    assert y0 > y1 > y2


@pytest.mark.parametrize("count", [1, 2, 12])
def test_labels_stay_inside_the_drawing(count: int) -> None:
    points = [html.Point(f"chroma_net-{i}.int8", 5.0 + i / 10, 47.0) for i in range(count)]
    page = Page(html.scatter(points, "ms", "dB", "alt"))
    _, _, width, height = map(float, (page.all("svg")[0]["viewbox"] or "").split())
    assert len(page.all("circle")) == count
    places = [t for t in page.all("text") if "class" not in t and "transform" not in t]
    assert len(places) == count + 1
    for place in places:
        assert 0 <= float(place["x"] or -1) <= width
        assert 0 <= float(place["y"] or -1) <= height


def test_baselines_look_unlike_models() -> None:
    points = [html.Point("a", 1.0, 1.0), html.Point("b", 2.0, 1.0, "baseline")]
    page = Page(html.scatter(points, "ms", "dB", "alt"))
    assert [rect["class"] for rect in page.all("rect")] == ["baseline"]


@pytest.mark.parametrize("points", [[], [html.Point("a", 0.0, 1.0)]])
def test_a_log_axis_needs_positive_points(points: list[html.Point]) -> None:
    with pytest.raises(ValueError, match="positive"):
        html.scatter(points, "ms", "dB", "alt")


# Curve --------------------------------------------------------------------------------------


def line(points: list[tuple[float, float]], **options: tuple[float, float]) -> NDArray[np.float64]:
    (polyline,) = Page(html.curve(points, "seconds", "ms", "alt", **options)).all("polyline")
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
    page = Page(html.curve(points, "seconds", "ms", "alt"))
    _, _, width, height = map(float, (page.all("svg")[0]["viewbox"] or "").split())
    places = line(points)
    assert (places >= 0).all()
    assert (places <= (width, height)).all()
    ticks = [t for t in page.all("text") if t.get("class") == "quiet"]
    assert len(ticks) >= 4
    assert all(0 <= float(t["x"] or -1) <= width for t in ticks)


def test_one_point_is_a_disc_and_none_is_refused() -> None:
    page = Page(html.curve([(1.0, 5.0)], "seconds", "ms", "alt"))
    assert len(page.all("circle")) == 1
    assert page.all("svg")[0]["aria-label"] == "alt"
    with pytest.raises(ValueError, match="needs points"):
        html.curve([], "seconds", "ms", "alt")
