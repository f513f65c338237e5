"""Pictures inside a page keep their pixels."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.report import embedded
from tests.pages import Page, pixels


def test_images_keep_their_pixels(photograph: NDArray[np.uint8]) -> None:
    (image,) = Page(embedded.image(photograph, "a")).all("img")
    assert np.array_equal(pixels(image), photograph)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_files_are_shown_as_they_are(
    name: str, photograph: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / name
    cv2.imwrite(str(path), photograph)
    (image,) = Page(embedded.image_file(path, "a")).all("img")
    assert (image["width"], image["height"]) == ("160", "128")
    assert base64.b64decode((image["src"] or "").partition(",")[2]) == path.read_bytes()


def test_files_that_no_browser_shows_are_refused(
    photograph: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "a.bmp"
    cv2.imwrite(str(path), photograph)
    with pytest.raises(UserError, match="PNG, JPEG and WebP"):
        embedded.image_file(path, "a")
    with pytest.raises(UserError, match=r"gone\.png"):
        embedded.image_file(tmp_path / "gone.png", "a")
