"""Tunes the classical low-light methods: what ``edge_demo/measure/classical.py`` has as defaults.

``python -m studies tune_classical FOLDER``, where FOLDER holds low/ and high/ with pictures of the
same names. Only the first 80 % of the pairs in the order of their names are used; the rest stays
unseen, for evaluation. The goal is the highest mean PSNR of RGB.

What decides the brightness is searched together, on pictures of half the size. From there the
search goes from setting to setting, keeping the best value of each while the others stay, until a
round changes nothing. It takes half an hour on two cores, prints tables and changes no file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo import cli
from edge_demo.errors import UserError
from edge_demo.measure import classical, metrics

from .command import command_line

Picture = NDArray[np.uint8]
Pairs = Sequence[tuple[Picture, Picture]]
Method = Callable[[Picture], Picture]

SHARE = 0.8
GAMMAS = [round(0.15 + 0.01 * step, 2) for step in range(36)]
BRIGHTNESS: dict[str, Sequence[Any]] = {
    "order": (("stretch", "gamma", "clahe"), ("gamma", "clahe")),
    "exponent": (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7),
    "white": (98.0, 99.0, 99.5, 99.9, 100.0),
    "clip": (1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
    "tiles": (1, 2, 4, 8),
}
OTHERS: dict[str, Sequence[Any]] = {
    "black": (0.0, 0.5, 1.0, 2.0),
    "tone": (5.0, 10.0, 20.0, 30.0, 45.0, 70.0),
    "reach": (1.0, 1.5, 2.0, 3.0, 5.0),
    "amount": (0.0, 0.1, 0.2, 0.4),
    "sharpen_reach": (1.0, 2.0, 4.0),
}
# The usual pipeline keeps its stages and their order, CLAHE's 8x8 tiles and some sharpening.
USUAL: dict[str, Sequence[Any]] = {
    "exponent": (0.2, 0.25, 0.28, 0.3, 0.33, 0.36, 0.4),
    "clip": (1.0, 2.0, 3.0, 4.0, 6.0, 8.0),
    "tone": OTHERS["tone"],
    "reach": OTHERS["reach"],
    "amount": (0.2, 0.3, 0.4),
}
# Steps of the fine search, about what was found.
FINE: dict[str, float] = {
    "exponent": 0.02, "clip": 0.25, "white": 0.1, "tone": 3.0, "reach": 0.25,
}  # fmt: skip


def pairs(folder: Path) -> Pairs:
    """The first 80 % in the order of their names, RGB."""
    low = {path.name: path for path in (folder / "low").iterdir()}
    names = sorted(path.name for path in (folder / "high").iterdir() if path.name in low)
    used = names[: int(len(names) * SHARE)]
    if not used:
        raise UserError(f"{folder}: no pairs of the same name in low/ and high/")
    return [(_read(low[name]), _read(folder / "high" / name)) for name in used]


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    if picture is None:
        raise UserError(f"{path}: not a picture that OpenCV reads")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def score(method: Method, over: Pairs) -> float:
    """Mean PSNR of RGB, dB."""
    return float(np.mean([metrics.psnr(method(low), high) for low, high in over]))


def pipeline(settings: classical.Settings) -> Method:
    """``classical`` with other settings."""
    return lambda rgb: classical.classical(rgb, settings)


def brightness(over: Pairs) -> classical.Settings:
    """The best of every combination in ``BRIGHTNESS``, by pictures of half the size."""
    small = [(_half(low), _half(high)) for low, high in over]
    found = []
    for values in product(*BRIGHTNESS.values()):
        settings = classical.Settings(**dict(zip(BRIGHTNESS, values, strict=True)))
        if "stretch" in settings.order or settings.white == 100.0:  # else it is a repetition
            found.append((score(pipeline(settings), small), settings))
    found.sort(key=lambda result: -result[0])
    for psnr, settings in found[:8]:
        print(f"  {psnr:.3f} dB  {settings}")
    return found[0][1]


def _half(picture: Picture) -> Picture:
    size = (picture.shape[1] // 2, picture.shape[0] // 2)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def descend(
    settings: classical.Settings,
    choices: Callable[[classical.Settings], Mapping[str, Sequence[Any]]],
    over: Pairs,
) -> classical.Settings:
    """The search from setting to setting."""
    best = score(pipeline(settings), over)
    while True:
        before = settings
        for name, values in choices(settings).items():
            for value in values:
                other = replace(settings, **{name: value})
                found = score(pipeline(other), over) if other != settings else best
                if found > best:
                    best, settings = found, other
        print(f"  {best:.3f} dB  {settings}", flush=True)
        if settings == before:
            return settings


def orders(settings: classical.Settings) -> dict[str, Sequence[Any]]:
    """Every place for denoising in the order that ``brightness`` chose, and CLAHE first."""
    rest = [name for name in settings.order if name not in ("denoise", "sharpen")]
    places = [(*rest[:at], "denoise", *rest[at:], "sharpen") for at in range(len(rest) + 1)]
    rest = ["clahe", *(name for name in rest if name != "clahe")]
    return {"order": [*places, (*rest, "denoise", "sharpen")], "tone": OTHERS["tone"]}


def about(settings: classical.Settings) -> dict[str, Sequence[Any]]:
    """One fine step down and up in each setting that has them."""
    found: dict[str, Sequence[Any]] = {}
    for name, step in FINE.items():
        value = getattr(settings, name)
        found[name] = [round(value - step, 3), round(min(value + step, 100.0), 3)]
    return found


def line(name: str, method: Method, over: Pairs) -> None:
    """A row of the last table."""
    results = [(method(low), high) for low, high in over]
    psnr = np.mean([metrics.psnr(*result) for result in results])
    ssim = np.mean([metrics.ssim(*result) for result in results])
    print(f"| {name} | {psnr:.2f} | {ssim:.4f} |", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Search and print."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("folder", type=Path, help="holds low/ and high/")
    parser.add_argument("--usual", action="store_true", help="only the usual pipeline: minutes")
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    every = pairs(options.folder)
    print(f"{len(every)} pairs\nclassical, its usual stages")
    usual = descend(classical.USUAL, lambda _: USUAL, every)
    line("classical, usual", pipeline(usual), every)
    if options.usual:
        return
    print("gamma")
    found = {value: score(partial(classical.gamma, exponent=value), every) for value in GAMMAS}
    exponent = max(found, key=found.__getitem__)
    for value in GAMMAS[::3]:
        print(f"  {found[value]:.3f} dB  {value:.2f}")
    print(f"  {found[exponent]:.3f} dB  {exponent:.2f}, the best", flush=True)
    print("classical_whole, without denoising, half size")
    settings = brightness(every)
    settings = replace(settings, order=(*settings.order, "denoise", "sharpen"))
    print("classical_whole, the others", flush=True)
    settings = descend(settings, lambda _: OTHERS, every)
    print("classical_whole, the order", flush=True)
    settings = descend(settings, orders, every)
    print("classical_whole, fine", flush=True)
    settings = descend(settings, about, every)

    print(f"\n| method | PSNR, dB, {len(every)} pairs | SSIM |\n| --- | ---: | ---: |")
    for name, method in classical.METHODS.items():
        line(f"{name}, as it is", method, every)
    line(f"gamma, {exponent}", partial(classical.gamma, exponent=exponent), every)
    line("classical_whole, found", pipeline(settings), every)
    for stage in settings.order:
        rest = tuple(name for name in settings.order if name != stage)
        line(f"classical_whole without {stage}", pipeline(replace(settings, order=rest)), every)
    for change in ({"tiles": 2}, {"tiles": 8}, {"amount": 0.0}, {"amount": 0.2}, {"amount": 0.5}):
        line(f"classical_whole, {change}", pipeline(replace(settings, **change)), every)
