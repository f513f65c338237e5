"""Does a classifier know what is on coloured photographs, and are faces of the colour of skin?

    python -m studies colour_meaning classes SOURCE --classifier FILE.npz
    python -m studies colour_meaning skin SOURCE

``classes`` is the test of meaning of Zhang et al. (2016), section 3.2, without labels: how often
EfficientNet-Lite0 sees on a picture the class of ImageNet's that it sees on the photograph itself,
in grey and as each shipped model colours it. FILE is what ``import-backbone`` writes. ``skin``
takes portraits that fill the picture: CIEDE2000, and by how much hue and strength of the mean
colour are off, over the middle of the face. Both write ``docs/results``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import samples, sources
from edge_demo import cli
from edge_demo.colour.lab import rgb_to_lab
from edge_demo.device import restorers
from edge_demo.device.colorize import Colorize
from edge_demo.measure import metrics, restoration
from edge_demo.report.tables import markdown
from edge_demo.tasks import colorize
from export.calibrate import public_name
from export.made import shipped

from . import wording
from .colour import NETWORKS, RECIPES, told
from .command import RESULTS, command_line, write
from .wording import Json

GREY = "grey"
_SIDE = 224  # pixels that the classifier was trained on
_LEAST_CHROMA = 5.0  # below it a colour has no hue
Pixels = NDArray[np.uint8]
Method = Callable[[Pixels], Pixels]


def methods() -> dict[str, Method]:
    """Grey, and every shipped model, of a photograph RGB."""
    names = [f"{preset}.{recipe}" for preset in NETWORKS for recipe in RECIPES]
    return {GREY: _grey, **{name: _coloured_by(name) for name in names}}


def _grey(rgb: Pixels) -> Pixels:
    return colorize.to_uint8(colorize.degrade(rgb).lightness)


def _coloured_by(name: str) -> Method:
    model = restorers.load(shipped(name), threads=2)
    assert isinstance(model, Colorize)
    return lambda rgb: model.coloured(colorize.degrade(rgb))


def classifier(file: Path) -> Callable[[Pixels], NDArray[np.floating]]:
    """RGB (H, W, 3) to what EfficientNet-Lite0 holds likely, (1000,).

    Raises:
        UserError: not such a file.
    """
    import keras

    from keras_models import backbones, efficientnet_lite

    layout = efficientnet_lite.LITE["lite0"]
    given = keras.Input((_SIDE, _SIDE, 3))
    model = keras.Model(given, efficientnet_lite.classes(given, layout))
    backbones.load(model, str(file))

    def likely(rgb: Pixels) -> NDArray[np.floating]:
        seen = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        values = seen[None].astype(np.float32) / np.float32(127.5) - 1
        scores = np.asarray(model(values)).ravel()
        exponents = np.exp(scores - scores.max())
        return np.asarray(exponents / exponents.sum())

    return likely


def classes(text: str, file: Path) -> dict[str, Any]:
    """How often the class is that of the photograph, and how likely that is held."""
    likely, every = classifier(file), methods()
    same: dict[str, list[float]] = {name: [] for name in every}
    chance: dict[str, list[float]] = {name: [] for name in every}
    photographs = _truths(text)
    for rgb in photographs:
        wanted = int(likely(rgb).argmax())
        for name, method in every.items():
            found = likely(method(rgb))
            same[name].append(float(found.argmax() == wanted))
            chance[name].append(float(found[wanted]))
    rows = [
        {"name": name, "same": _mean(same[name]), "chance": _mean(chance[name])} for name in every
    ]
    return {"what": "classes", "data": public_name(text), "images": len(photographs), "rows": rows}


def skin(text: str) -> dict[str, Any]:
    """How far the middle of each face is off."""
    every = methods()
    found: dict[str, list[tuple[float, float | None, float]]] = {name: [] for name in every}
    photographs = _truths(text)
    for rgb in photographs:
        down, across = (side // 4 for side in rgb.shape[:2])
        inside = np.s_[down:-down, across:-across]
        for name, method in every.items():
            found[name].append(skin_error(method(rgb)[inside], rgb[inside]))
    rows = []
    for name, each in found.items():
        deltas, hues, strengths = zip(*each, strict=True)
        some = [hue for hue in hues if hue is not None]
        rows.append(
            {
                "name": name,
                "delta_e_2000": _mean(deltas),
                "hue": _mean(some) if some else None,
                "chroma": _mean(strengths),
            }
        )
    return {"what": "skin", "data": public_name(text), "images": len(photographs), "rows": rows}


def skin_error(found: Pixels, truth: Pixels) -> tuple[float, float | None, float]:
    """CIEDE2000, and of the mean a and b the hue's error in degrees and the chroma's as a share.

    The hue is None where either has none.
    """
    ours, theirs = (rgb_to_lab(one)[..., 1:].mean((0, 1)) for one in (found, truth))
    strengths = [float(np.hypot(*one)) for one in (ours, theirs)]
    turn = np.degrees(np.arctan2(ours[1], ours[0]) - np.arctan2(theirs[1], theirs[0]))
    hue = float(abs((turn + 180.0) % 360.0 - 180.0)) if min(strengths) > _LEAST_CHROMA else None
    return metrics.delta_e_2000(found, truth), hue, strengths[0] / max(strengths[1], 1e-6)


def _truths(text: str) -> list[Pixels]:
    found = []
    source = sources.open_source(text, "test")
    for number, one in enumerate(samples.samples(restoration.of("colorize"), source, None), 1):
        found.append(one.truth)
        told(number)
    return found


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def table(found: Json) -> str:
    """A part of this study."""
    made = {"classes": _table_classes, "skin": _table_skin}[found["what"]](found)
    return f"{made}\nMeans over {found['images']} photographs (`{wording.data(found)}`).\n"


def _table_classes(found: Json) -> str:
    grey = found["rows"][0]["same"]
    cells = [
        [_named(row), f"{row['same']:.3f}", f"{(row['same'] - grey) / (1 - grey):+.0%}",
         f"{row['chance']:.3f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = [
        "picture", "same class as the photograph, share", "of the way from grey", "its chance",
    ]  # fmt: skip
    return markdown(header, cells)


def _table_skin(found: Json) -> str:
    cells = [
        [_named(row), f"{row['delta_e_2000']:.2f}",
         "" if row["hue"] is None else f"{row['hue']:.0f}", f"{row['chroma']:.2f}"]
        for row in found["rows"]
    ]  # fmt: skip
    return markdown(
        ["picture", "ΔE 2000", "hue off by, degrees", "strength, of the truth's"], cells
    )


def _named(row: Mapping[str, Any]) -> str:
    return row["name"] if row["name"] == GREY else f"`{row['name']}`"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("what", choices=("classes", "skin"))
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("--classifier", type=Path, metavar="FILE.npz")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default: in docs/results")

    def run(options: argparse.Namespace) -> None:
        if options.what == "classes":
            if options.classifier is None:
                parser.error("classes needs --classifier FILE.npz, see docs/colorize.md")
            found = classes(options.source, options.classifier)
        else:
            found = skin(options.source)
        write(options.json or RESULTS / f"colour_meaning.{options.what}.json", found)

    return cli.run(parser, run, arguments)
