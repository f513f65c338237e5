"""Measures how long a hint takes to be seen, in a browser.

With Chromium and its driver installed. A server starts as a user starts it, headless Chromium opens
its page with a grey photograph, and points all over it are given the second of the colours
suggested there. Measured is, within the page, the time from the click on the colour until a
recoloured picture is drawn: the small copy, 256 pixels on its longer side, unless the whole one
comes sooner. With every click the hints are one more. Exit code 1 where more than one in twenty
takes more than 300 ms.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_demo import cli
from edge_demo.benchmark import host
from tests.edge_demo.web.browser.page import Page

from .browser import browsed
from .command import ROOT, command_line, write

BAR = 300.0  # ms
# Notes the time of a click on a colour, and that of the frame in which its answer is drawn.
WATCH = """
window.times = [];
let clicked = 0;
document.querySelector("#swatches").addEventListener("click", () => {
  clicked = performance.now();
}, true);
new MutationObserver(() => {
  if (!clicked) return;
  const since = clicked;
  clicked = 0;
  requestAnimationFrame(() => setTimeout(() => window.times.push(performance.now() - since)));
}).observe(document.querySelector(".layer.right"), {
  attributes: true, attributeFilter: ["src"], subtree: true,
});
"""


def measure(page: Page, picture: Path, count: int) -> list[float]:
    """Milliseconds from each click on a colour to its answer on the screen."""
    page.visit()
    page.open(picture)
    page.result(0)
    page.run(WATCH)
    width, height = page.run(
        "const i = document.querySelector('.left img'); return [i.naturalWidth, i.naturalHeight]"
    )
    rng = np.random.default_rng(1)
    for done in range(count):
        x, y = rng.uniform(0.05, 0.95, 2)
        before = page.done
        # Away from the divider and from points that are there.
        page.run("document.querySelector('#viewer').focus()")
        page.keys("0")
        page.run("document.querySelector('.divider').focus()")
        page.keys("END")
        page.click_picture(int(x * (width - 1)), int(y * (height - 1)))
        page.until("document.querySelectorAll('#swatches button').length > 1")
        page.click("#swatches button:nth-child(2)")
        page.until(f"window.times.length > {done}")
        page.result(before)
    return [float(one) for one in page.run("return window.times")]


def summary(times: Sequence[float]) -> dict[str, float]:
    """Percentiles, ms."""
    values = {name: np.percentile(times, at) for name, at in (("p50", 50), ("p95", 95))}
    return {
        "hints": len(times),
        "min": round(min(times), 1),
        **{name: round(float(value), 1) for name, value in values.items()},
        "max": round(max(times), 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("picture", type=Path, nargs="?",
                        default=ROOT / "edge_demo" / "web" / "samples" / "colorize.jpg",
                        help="grey; default: the studio's sample, 512x512")  # fmt: skip
    parser.add_argument("--count", type=int, default=30, help="hints; default: 30")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    with browsed() as page:
        times = measure(page, options.picture.resolve(), options.count)
    found: dict[str, Any] = {
        "ms": summary(times),
        "load_average": round(os.getloadavg()[0], 1),
        "host": host.describe(),
    }
    print(json.dumps(found, indent=2))
    if options.json:
        write(options.json, found)
    return int(found["ms"]["p95"] > BAR)
