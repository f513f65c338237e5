"""A server of the shipped models and a browser; each test is a new visit of one page."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tests.edge_demo.web.browser.page import Page

ROOT = Path(__file__).resolve().parents[4]
PICTURES = ROOT / "build" / "screenshots"


@pytest.fixture(scope="session")
def chromium() -> tuple[str, str]:
    """The browser's and its driver's programs."""
    pytest.importorskip("selenium", reason="drives the browser; requirements.txt has it")
    pytest.importorskip("flask", reason="serves the page; edge_demo/requirements.txt has it")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("needs a browser: apt install --no-install-recommends chromium chromium-driver")
    return str(programs[0]), str(programs[1])


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[str]:
    """A server with what ships, on a free port; its address."""
    command = [sys.executable, "-m", "edge_demo", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        line = server.stdout.readline()
        try:
            assert line.startswith("serving on http://"), line
            yield line.split()[2]
        finally:
            server.terminate()
        assert server.wait(20) == 0


@pytest.fixture(scope="session")
def address(chromium: tuple[str, str]) -> Iterator[str]:
    """Of the server that most tests visit."""
    with served() as found:
        yield found


@pytest.fixture(scope="session")
def window(
    chromium: tuple[str, str], address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    from tests.edge_demo.web.browser.page import Page, start

    folder = tmp_path_factory.mktemp("browser")
    downloads = folder / "downloads"
    downloads.mkdir()
    driver = start(*chromium, folder / "profile", downloads)
    try:
        yield Page(driver, address, downloads, PICTURES)
    finally:
        driver.quit()


@pytest.fixture
def page(window: Page) -> Iterator[Page]:
    """A new visit on a desktop; whatever the browser complains of fails the test."""
    window.visit()
    window.complaints()
    yield window
    assert window.complaints() == []


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG of 300x200 with its colour at one pixel in four, without metadata."""
    import skimage.data

    rgb = np.ascontiguousarray(skimage.data.astronaut()[40:240, 90:390])
    return _written(tmp_path_factory.mktemp("portrait") / "portrait.jpg", rgb[..., ::-1])


@pytest.fixture(scope="session")
def grey(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a grey PNG."""
    picture = cv2.imread(str(portrait), cv2.IMREAD_GRAYSCALE)
    return _written(tmp_path_factory.mktemp("grey") / "grey.png", np.asarray(picture, np.uint8))


@pytest.fixture(scope="session")
def dark(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a PNG in colour, in the dark."""
    picture = np.asarray(cv2.imread(str(portrait)), np.float32) / 255
    darker = np.rint(255 * (picture * 0.25) ** 1.6).astype(np.uint8)
    return _written(tmp_path_factory.mktemp("dark") / "dark.png", darker)


def _written(path: Path, pixels: NDArray[np.uint8]) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path
