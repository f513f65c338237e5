"""Measures low light on several cameras, beside what others published; writes ``docs/results``.

    python -m studies low_light SOURCE SOURCE ...

SOURCE is a source of pairs as for ``training``, one a camera. Every preset is measured as floats
and as the integers that a device runs, with the classical methods beside them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_models
from datasets import samples, sources
from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.measure import quality, restoration
from edge_demo.model import models_folder, models_index, package
from edge_demo.report.tables import markdown
from export.calibrate import public_name
from export.check import kilo_macs_per_pixel
from export.made import shipped

from . import wording
from .command import RESULTS, command_line, write
from .wording import Json

RESULT = RESULTS / "low_light.json"
PIXELS = 600 * 400  # of LOL's pictures
CLASSICAL = "classical", "classical_whole"
FLOATS = "float32"
COLUMNS = "rgb_psnr", "rgb_ssim"
BENCHMARK = "lol_eval15"


@dataclass(frozen=True)
class Published:
    """A network as its paper or its authors' pages state it, on the 15 test pairs of LOL v1.

    Attributes:
        name: with its paper.
        psnr: dB, without the truth's brightness.
        parameters: number of weights.
        gmacs: billion multiply-accumulates at 600x400; None where only other sizes are stated.
    """

    name: str
    psnr: float
    parameters: int
    gmacs: float | None


# Of operations that are counted as two a multiply-accumulate, half is taken: IAT states 5.28 G at
# 600x400, Retinexformer's paper 15.57 G for itself and 785 G for MIRNet at 256x256.
_OF_A_SQUARE = PIXELS / 256**2
PUBLISHED = (
    Published("Zero-DCE++ (Li et al., TPAMI 2021)", 15.4, 10_561, None),
    Published("RUAS (Liu et al., CVPR 2021)", 16.4, 3_438, None),
    Published("SCI (Ma et al., CVPR 2022)", 14.9, 258, None),
    Published("MobileIE (Yan et al., ICCV 2025)", 23.6, 4_000, None),
    Published("IAT (Cui et al., BMVC 2022)", 23.4, 90_000, 5.28 / 2),
    Published("MIRNet (Zamir et al., ECCV 2020)", 24.1, 31_800_000, 785 / 2 * _OF_A_SQUARE),
    Published("Retinexformer (Cai et al., ICCV 2023)", 25.2, 1_600_000, 15.57 / 2 * _OF_A_SQUARE),
)


def _files() -> list[Path]:
    """Of every preset of low light the file as floats, and those that come with the repository."""
    entries = models_index.read(models_folder.FOLDER).entries.values()
    chosen = [
        entry.name
        for entry in entries
        if entry.task == "enhance" and (entry.recipe == FLOATS or entry.in_git)
    ]
    return [shipped(name) for name in chosen]


def measure(texts: Sequence[str]) -> dict[str, Any]:
    """Every preset on every source: a table of schema 1 each, and what each network costs."""
    restored = restoration.of("enhance")
    paths = _files()
    candidates = []
    for path in paths:
        restorer = restorers.load(path, threads=2)
        card = restorer.card.values if restorer.card else {}
        candidates.append(
            quality.Candidate(
                card["preset"], card["recipe"], path.stat().st_size, restorer.reconstruct
            )
        )
    tables = []
    for text in texts:
        source = sources.open_source(text, "test")
        found, _, _ = quality.table(
            restored, candidates, samples.samples(restored, source, None),
            public_name(source.text), None,
        )  # fmt: skip
        tables.append(found)
    return {"sets": tables, "costs": {path.stem: _cost(path) for path in paths}}


def _cost(path: Path) -> Mapping[str, float]:
    """Parameters, and multiply-accumulates at 600x400."""
    name, _, size = str(package.read_card(path).values["preset"]).partition(".")[0].rpartition("-")
    return {
        "parameters": keras_models.build(name, size).count_params(),
        "gmacs": kilo_macs_per_pixel(path) * PIXELS / 1e6,
    }


def _label(row: Json) -> str:
    return f"{row['name']}.{row['recipe']}" if "recipe" in row else row["name"]


def table(found: Json) -> str:
    """Cameras side by side; and on LOL's test pairs what others published."""
    return f"{_cameras(found)}\n{_beside_others(found)}"


def _cameras(found: Json) -> str:
    sets = found["sets"]
    rows = [{_label(row): row for row in one["rows"]} for one in sets]
    cells = []
    for label, first in rows[0].items():
        if "recipe" not in first and label not in ("input", *CLASSICAL):
            continue
        each = [one[label]["metrics"] for one in rows]
        psnr = [metrics["rgb_psnr"]["mean"] for metrics in each]
        cells.append(
            [
                f"`{label}`" if "recipe" in first else label,
                *(
                    text
                    for metrics in each
                    for text in (
                        f"{metrics['rgb_psnr']['mean']:.2f}",
                        f"{metrics['rgb_ssim']['mean']:.3f}",
                        f"{metrics['cast_a']['mean']:.1f}, {metrics['cast_b']['mean']:.1f}",
                    )
                ),
                f"{sum(psnr) / len(psnr):.2f}",
            ]
        )
    names = [wording.data(one) for one in sets]
    header = ["method"]
    for name in names:
        header += [f"`{name}`, PSNR dB", "SSIM", "error of the mean a, b"]
    header.append("PSNR, mean of both")
    told = ", ".join(f"{one['images']} pairs of `{n}`" for one, n in zip(sets, names, strict=True))
    return f"{markdown(header, cells)}\nMeans over {told}; no brightness is taken from the truth.\n"


def _beside_others(found: Json) -> str:
    (benchmark,) = (one for one in found["sets"] if BENCHMARK in one["data"])
    cells = []
    for row in benchmark["rows"]:
        if "recipe" in row:
            cost = found["costs"][_label(row)]
            cells.append((row["metrics"]["rgb_psnr"]["mean"], f"`{_label(row)}`", cost, "measured"))
        elif row["name"] in CLASSICAL:
            psnr = row["metrics"]["rgb_psnr"]["mean"]
            cells.append((psnr, row["name"], {"parameters": 0, "gmacs": None}, "measured"))
    for one in PUBLISHED:
        cost = {"parameters": one.parameters, "gmacs": one.gmacs}
        cells.append((one.psnr, one.name, cost, "published"))
    lines = [
        [name, f"{psnr:.1f}" if how == "published" else f"{psnr:.2f}",
         _parameters(cost["parameters"]), _gmacs(cost["gmacs"]), how]
        for psnr, name, cost, how in sorted(cells, key=lambda cell: cell[0])
    ]  # fmt: skip
    header = ["on LOL v1's 15 test pairs", "PSNR, dB", "parameters", "GMAC at 600x400", "how known"]
    return f"{markdown(header, lines)}\nNone takes its brightness from the truth.\n"


def _parameters(count: float) -> str:
    if not count:
        return "none"
    if count >= 1e6:
        return f"{count / 1e6:.1f} M"
    return f"{count / 1e3:.0f} k" if count >= 1e4 else f"{count / 1e3:.1f} k"


def _gmacs(gmacs: float | None) -> str:
    if gmacs is None:
        return ""
    return f"{gmacs:.{max(0, 1 - math.floor(math.log10(gmacs)))}f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument("--json", type=Path, default=RESULT, metavar="FILE")

    def run(options: argparse.Namespace) -> None:
        write(options.json, measure(options.sources))

    return cli.run(parser, run, arguments)
