"""Report pages: well-formed, self-contained, escaped, and showing what they say."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.measure import quality, restoration
from edge_demo.report import charts, crops, embedded, pages
from edge_demo.tasks import chroma
from tests.pages import Page

CHROMA = restoration.of("chroma")

HOSTILE = "<script>alert('x')</script>\"&"
NAMED = HOSTILE.replace("/", "\N{DIVISION SLASH}")  # no file's name holds a slash


@pytest.fixture(scope="module")
def whole(photograph: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with everything, and hostile text wherever text goes."""
    path = tmp_path_factory.mktemp("html") / "curve.png"
    cv2.imwrite(str(path), photograph)
    points = [charts.Point(HOSTILE, 3.0, 44.0), charts.Point("bilinear", 1.0, 40.0, "baseline")]
    body = pages.join(
        pages.paragraph(HOSTILE),
        pages.table(HOSTILE, ["name", HOSTILE], [[HOSTILE, "1"], ["b", HOSTILE]], [1], [1]),
        pages.definitions({HOSTILE: HOSTILE}),
        pages.figure(embedded.image_file(path, HOSTILE), HOSTILE),
        charts.scatter(points, HOSTILE, HOSTILE, HOSTILE),
        pages.warning(HOSTILE),
        charts.group(
            HOSTILE, HOSTILE, charts.curve([(1.0, 5.0), (2.0, 6.0)], HOSTILE, HOSTILE, HOSTILE)
        ),
        crops.crops(
            CHROMA,
            [quality.Sample(Path(NAMED), photograph, chroma.degrade(photograph, "center"))],
            {HOSTILE: CHROMA.baselines()["bicubic"]},
        ),
    )
    return pages.page(HOSTILE, [pages.Section(HOSTILE, body)], HOSTILE)


def test_a_gallery_is_escaped_and_its_pictures_small() -> None:
    picture = embedded.thumbnail(np.full((400, 800, 3), 90, np.uint8), HOSTILE)
    page = Page(pages.gallery([(picture, HOSTILE, HOSTILE)]))
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
