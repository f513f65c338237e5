"""Is chroma rebuilt on what was drawn, not photographed? Text, plots, screens and drawn frames.

``python -m studies drawn`` draws twenty pictures by a seed, takes their chroma to 4:2:0, and
measures every preset of chroma beside the classical methods: how far it is above Lanczos with
back-projection on average, and at its worst. Writes ``docs/results/drawn.json``; ``--sheet FILE``
shows the pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.measure import quality, restoration
from edge_demo.model import models_folder
from edge_demo.report.tables import markdown

from .command import RESULTS, command_line, write
from .wording import Json

SIDE, EACH, SEED = 512, 4, 0
# Everything is drawn this many times as large and reduced, so that edges have every shade.
FINER = 4
END = SIDE * FINER
FLOOR = "lanczos4_bp"
CLASSICAL = (FLOOR, "bilinear")
WORDS = ("quick", "brown", "fox", "jumps", "over", "lazy", "dogs", "seven", "wizards", "box")
Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def _plain(colour: Colour) -> Picture:
    return np.full((END, END, 3), colour, np.uint8)


def _text(picture: Picture, text: str, left: int, base: int, scale: float, colour: Colour) -> None:
    """Write into a picture; the scale and the place are of the reduced one."""
    width = max(1, round((0.6 + 0.5 * scale) * FINER))
    place = left * FINER, base * FINER
    cv2.putText(
        picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale * FINER, colour, width, cv2.LINE_AA
    )


def page(rng: np.random.Generator) -> Picture:
    """Coloured text on paper of one colour, in several sizes."""
    dark_ink = bool(rng.integers(2))
    paper, ink = ((200, 256), (0, 160)) if dark_ink else ((0, 60), (100, 256))
    picture = _plain(_colour(rng, *paper))
    base = 0
    while base < SIDE:
        scale = float(rng.uniform(0.4, 1.6))
        base += round(30 * scale)
        _text(picture, " ".join(rng.choice(WORDS, 12)), 8, base, scale, _colour(rng, *ink))
    return picture


def plot(rng: np.random.Generator) -> Picture:
    """Thin curves, a grid and bars on white."""
    picture = _plain((255, 255, 255))
    for place in range(0, END, END // 8):
        cv2.line(picture, (place, 0), (place, END), (225, 225, 225), FINER)
        cv2.line(picture, (0, place), (END, place), (225, 225, 225), FINER)
    for left in range(END // 16, END, END // 8):
        top = int(rng.integers(END // 2, END))
        cv2.rectangle(picture, (left, top), (left + END // 20, END), _colour(rng), -1)
    x = np.arange(0, END, 8)
    for _ in range(6):
        waves = [a * np.sin(x * b * 0.008 + c * 6) for a, b, c in rng.uniform(0, 1, (3, 3))]
        points = np.stack([x, sum(waves) * END / 8 + END / 2], -1).astype(np.int32)
        width = int(rng.integers(1, 4)) * FINER
        cv2.polylines(picture, [points], False, _colour(rng, 0, 220), width, cv2.LINE_AA)
    return picture


def screen(rng: np.random.Generator) -> Picture:
    """Panels with labels, hard edges at whole pixels."""
    picture = _plain(_colour(rng, 210))
    for _ in range(40):
        left, top = (int(value) for value in rng.integers(0, SIDE, 2))
        width, height = (int(value) for value in rng.integers(12, 120, 2))
        first, last = (left * FINER, top * FINER), ((left + width) * FINER, (top + height) * FINER)
        cv2.rectangle(picture, first, last, _colour(rng), -1)
        _text(picture, str(rng.choice(WORDS)), left + 4, top + 14, 0.4, _colour(rng))
    return picture


def frame(rng: np.random.Generator) -> Picture:
    """A drawn frame: a soft sky, flat shapes with dark outlines."""
    upper, lower = (np.array(_colour(rng, 60), np.float32) for _ in range(2))
    share = np.linspace(0, 1, END, dtype=np.float32)[:, None, None]
    sky = np.broadcast_to(upper * (1 - share) + lower * share, (END, END, 3))
    picture = np.ascontiguousarray(np.rint(sky).astype(np.uint8))
    for _ in range(14):
        corners = rng.integers(0, END, (1, 2)) + rng.integers(-END // 8, END // 8, (7, 2))
        points = cv2.convexHull(corners.astype(np.int32))
        cv2.fillPoly(picture, [points], _colour(rng), cv2.LINE_AA)
        cv2.polylines(picture, [points], True, (20, 20, 30), 2 * FINER, cv2.LINE_AA)
    for _ in range(8):
        x, y = (int(value) for value in rng.integers(0, END, 2))
        cv2.circle(
            picture, (x, y), int(rng.integers(10, 60)) * FINER, _colour(rng), -1, cv2.LINE_AA
        )
    return picture


def soft(rng: np.random.Generator) -> Picture:
    """A drawn frame out of focus: interpolation alone is nearly right."""
    blur = float(rng.uniform(1.5, 3.0)) * FINER
    return np.asarray(cv2.GaussianBlur(frame(rng), (0, 0), blur), np.uint8)


KINDS: tuple[Callable[[np.random.Generator], Picture], ...] = (page, plot, screen, frame, soft)


def pictures() -> list[tuple[Path, Picture]]:
    """The twenty, RGB (512, 512, 3) uint8, each with a name; drawn finer and reduced."""
    drawn = []
    for kind in KINDS:
        for number in range(EACH):
            rng = np.random.default_rng((SEED, KINDS.index(kind), number))
            small = cv2.resize(kind(rng), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            drawn.append((Path(f"{kind.__name__}-{number}.png"), np.asarray(small, np.uint8)))
    return drawn


def measure() -> dict[str, Any]:
    """Chroma PSNR over the floor, dB: of every model a mean a kind, and the worst picture."""
    chroma = restoration.of("chroma")
    methods: dict[str, restoration.Method] = {}
    for name in CLASSICAL:
        methods[name] = chroma.baselines()[name]
    for path in sorted(models_folder.FOLDER.glob("chroma_*.tflite")):
        methods[path.stem] = restorers.load(path, threads=2).reconstruct
    samples = list(quality.degraded(chroma, pictures(), chroma.siting(None)))
    names, values = quality.evaluate(chroma, samples, methods)
    psnr = {name: np.array(found["chroma_psnr"], float) for name, found in values.items()}
    rows = []
    for name in methods:
        gain = psnr[name] - psnr[FLOOR]
        kinds = {kind.__name__: _mean(gain, names, f"{kind.__name__}-") for kind in KINDS}
        worst = int(gain.argmin())
        rows.append({
            "name": name, "psnr": round(float(psnr[name].mean()), 3), "kinds": kinds,
            "gain": round(float(gain.mean()), 3), "worst": round(float(gain[worst]), 3),
            "worst_picture": names[worst],
        })  # fmt: skip
        print(rows[-1])
    return {"pictures": len(names), "floor": FLOOR, "rows": rows}


def _mean(gain: NDArray[np.floating], names: Sequence[str], start: str) -> float:
    """Of the pictures whose names begin so."""
    of_kind = [value for value, name in zip(gain, names, strict=True) if name.startswith(start)]
    return round(float(np.mean(of_kind)), 3)


def table(found: Json) -> str:
    """What each method has over the floor, a kind of picture a column."""
    cells = [
        [
            row["name"] if row["name"] in CLASSICAL else f"`{row['name']}`",
            f"{row['psnr']:.2f}",
            *(f"{row['kinds'][kind.__name__]:+.2f}" for kind in KINDS),
            f"{row['gain']:+.2f}",
            f"{row['worst']:+.2f}",
        ]
        for row in found["rows"]
    ]
    header = ["method", "chroma PSNR, dB", "text", "plots", "screens", "drawn frames",
              "soft frames", f"all, over {found['floor']}", "worst picture"]  # fmt: skip
    return f"{markdown(header, cells)}\nMeans over {found['pictures']} drawn pictures, dB.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "drawn.json")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write the pictures here, too")

    def run(options: argparse.Namespace) -> None:
        if options.sheet:
            drawn = [picture[::2, ::2] for _, picture in pictures()]
            rows = [np.hstack(drawn[i : i + EACH]) for i in range(0, len(drawn), EACH)]
            cv2.imwrite(str(options.sheet), np.vstack(rows)[..., ::-1])
        write(options.out, measure())

    return cli.run(parser, run, arguments)
