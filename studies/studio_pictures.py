"""Takes the pictures of the web studio.

Headless Chromium visits a server with what ships, as the tests do, and colours the studio's grey
sample with hints whose colours are those of the photograph before it became grey.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from edge_demo import cli
from tests.edge_demo.web.browser.page import Page

from .browser import browsed
from .command import PICTURES, ROOT, command_line

QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 86]
# Pixels of the sample: suit, wall, flag, hair, face, shuttle.
POINTS = ((150, 330), (120, 400), (300, 60), (35, 215), (180, 70), (205, 130), (385, 200))
DESKTOP, PHONE = (1280, 800), (390, 844)


def hints() -> str:
    """The document of hints, with the mean colour around each point."""
    rgb = cv2.blur(skimage.data.astronaut(), (5, 5))
    found = [{"x": x, "y": y, "color": f"#{bytes(rgb[y, x].tolist()).hex()}"} for x, y in POINTS]
    return json.dumps({"hints": found})


def coloured(page: Page, document: Path, split: float) -> None:
    """The sample with all hints, the first of them chosen."""
    page.click("#sample")
    page.result(0)
    page.find("#hints-file").send_keys(str(document))
    page.until(f"document.querySelectorAll('.marker').length === {len(POINTS)}")
    page.result(1)
    page.click("#hint-list li:first-child button")
    page.until("document.querySelectorAll('#swatches button').length > 1")
    page.drag(page.middle(".divider"), page.middle(".left img", split))
    page.run("document.activeElement.blur()")


def kept(page: Page, name: str) -> None:
    """The screen as a JPEG among the pictures of the pages."""
    screen = cv2.imdecode(np.frombuffer(page.driver.get_screenshot_as_png(), np.uint8), 1)
    path = PICTURES / f"{name}.jpg"
    assert screen is not None and cv2.imwrite(str(path), screen, QUALITY)
    print(f"wrote {path.relative_to(ROOT)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Take them; the exit code."""
    return cli.run(command_line(__name__, __doc__), _run, arguments)


def _run(_: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder, browsed() as page:
        document = Path(folder) / "hints.json"
        document.write_text(hints())
        page.visit(DESKTOP)
        coloured(page, document, 0.38)
        kept(page, "studio-desktop")
        page.visit(PHONE, "dark")
        coloured(page, document, 0.38)
        kept(page, "studio-phone")
