"""What a picture takes of memory is what is stated for it, whatever somebody sends."""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_demo.web import work
from edge_demo.web.catalog import Catalog
from edge_demo.web.limits import Limits, Refused
from edge_demo.web.pool import Pool
from edge_demo.web.work import Asked, Upload
from edge_demo.web.worker import Setup
from studies.web import plain_png
from tests.edge_demo.web.conftest import encoded

LIMITS = Limits()


def test_the_largest_picture_takes_what_the_page_says() -> None:
    assert LIMITS.worker_bytes(LIMITS.pixels) <= 1.52e9
    page = (Path(__file__).parents[3] / "docs" / "web.md").read_text()
    assert re.search(r"one of 24 million\s+pixels up to 1\.5 GB", page)


HOSTILE: dict[str, tuple[Any, ...]] = {
    "24 megapixels of 16 bits with alpha": (6000, 4000, 16, 6),
    "a ribbon": (1_000_000, 24, 8, 2),
    "an upright ribbon": (24, 1_000_000, 8, 2),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_hostile_reaches_no_worker(case: str) -> None:
    data = plain_png(*HOSTILE[case])
    assert len(data) < 200_000
    with pytest.raises(Refused) as refused:
        work.need([Upload(data, "picture")], LIMITS)
    assert refused.value.status == 413


def peak(pid: int) -> int:
    """Bytes that a process has had at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return 1024 * int(found[1])


def large(height: int, depth: Any) -> np.ndarray:
    """A dark picture 6000 wide, with alpha."""
    row = np.random.default_rng(0).integers(0, 30, (height // 20, 300, 3)).astype(np.uint8)
    rgb = cv2.resize(row, (6000, height), interpolation=cv2.INTER_LINEAR)
    rgba = np.dstack([rgb, np.full((height, 6000), 200, np.uint8)])
    return rgba if depth is np.uint8 else rgba.astype(np.uint16) * 257


LARGEST = {
    "JPEG": lambda: encoded(".jpg", large(4000, np.uint8)[..., :3]),
    "PNG of 16 bits with alpha": lambda: cv2.imencode(".png", large(2000, np.uint16))[1].tobytes(),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", LARGEST)
def test_the_largest_honest_ones_keep_to_what_is_stated(case: str) -> None:
    """Brightened, which takes most; ``python -m studies web largest`` measures the others."""
    catalog = Catalog()
    setup = Setup({name: entry.path for name, entry in catalog.entries.items()}, 2)
    pool = Pool(1, 0, 600.0, setup)
    try:
        upload = Upload(LARGEST[case](), "large")
        need = work.need([upload], LIMITS)
        assert need == pytest.approx(LIMITS.worker_bytes(LIMITS.pixels), rel=0.01)
        asked = Asked(catalog.defaults, ("enhance",), {}, "jpeg")
        with pool.place(bool) as place:
            made = place.run(partial(work.process, upload, asked, LIMITS), need)
        assert made.width == 6000
        pid = pool._all[0].pid
        assert pid is not None
        assert peak(pid) <= need
        # A picture later, the worker has given it back.
        end = time.monotonic() + 5
        while pool.bytes > LIMITS.base_bytes + (150 << 20):
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        pool.close()
