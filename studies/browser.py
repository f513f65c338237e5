"""The studio in headless Chromium, for studies that look at its page."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_demo.errors import UserError
from tests.edge_demo.web.browser.conftest import served
from tests.edge_demo.web.browser.page import Page, start


@contextlib.contextmanager
def browsed() -> Iterator[Page]:
    """A page of a server that serves what ships.

    Raises:
        UserError: no browser here.
    """
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        raise UserError("needs chromium and chromedriver: apt install chromium chromium-driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, served() as address:
        folder = Path(name)
        (folder / "downloads").mkdir()
        driver = start(str(programs[0]), str(programs[1]), folder / "profile", folder / "downloads")
        try:
            yield Page(driver, address, folder / "downloads", folder)
        finally:
            driver.quit()
