"""Measures ``python -m datasets clean``: what it finds, what it wrongly flags, and how fast it is.

From the repository's root::

    python tests/measure_cleaning.py recall FOLDER [--good OTHER ...]
    python tests/measure_cleaning.py scores FOLDER
    python tests/measure_cleaning.py benchmark FOLDER [--counts 1000 4000 10000]

``recall`` takes FOLDER as good, replaces 250 of its pictures by spoilt ones, adds 50 copies, and
prints the share of faults found of each kind and each manner, and the share of the good pictures
that are flagged. ``--good`` names folders of which only the latter is printed. ``scores`` prints
how each measure is distributed over good pictures and over spoilt ones: what the thresholds were
chosen from. ``benchmark`` cleans thousands of pictures made from FOLDER's, and prints seconds.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a script, whose own folder is tests

# ruff: noqa: E402
from datasets.__main__ import main as datasets
from datasets.cleaning import local
from datasets.cleaning.scores import Scores
from edge_demo.runtime.cli import cores
from edge_demo.runtime.images import read_rgb, to_uint8
from edge_demo.runtime.photographs import read_folder
from tests import faults

EACH = 50


def clean(folder: Path, out: Path, workers: int) -> dict[str, Any]:
    """The manifest of a cleaning."""
    code = datasets(["clean", str(folder), "--out", str(out), "--workers", str(workers)])
    assert code == 0
    manifest: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return manifest


def manners(kind: str) -> list[str]:
    """The manners of a fault."""
    return list(faults.CORRUPT if kind == "corrupt" else faults.FAULTS[kind])


def spoil(folder: Path, out: Path, each: int, seed: int) -> tuple[dict[str, tuple[str, str, str]],
                                                                 list[str]]:  # fmt: skip
    """Fill a folder with links to good pictures and with spoilt ones.

    Returns:
        Name of a spoilt file to its kind, its manner and its source's name; and the names of the
        good files.
    """
    rng = random.Random(seed)
    good = [path.resolve() for path in read_folder(folder)]
    chosen = rng.sample(good, each * len(faults.KINDS))
    spoilt: dict[str, tuple[str, str, str]] = {}
    gone: set[Path] = set()
    for index, source in enumerate(chosen):
        kind = faults.KINDS[index // each]
        manner = manners(kind)[index % len(manners(kind))]
        path = faults.inject(source, out, kind, manner, rng)
        spoilt[path.name] = kind, manner, source.name
        if kind != "duplicate":
            gone.add(source)
    names = []
    for path in good:
        if path not in gone:
            (out / path.name).symlink_to(path)
            names.append(path.name)
    return spoilt, names


def recall(folder: Path, others: Sequence[Path], workers: int, seed: int) -> bool:
    """Print what is found and what is flagged wrongly; whether both are good enough."""
    with tempfile.TemporaryDirectory() as scratch:
        mixed = Path(scratch) / "mixed"
        mixed.mkdir()
        spoilt, good = spoil(folder, mixed, EACH, seed)
        manifest = clean(mixed, Path(scratch) / "out", workers)
        kinds = {Path(line["path"]).name: [v["kind"] for v in line["verdicts"]]
                 for line in manifest["pictures"]}  # fmt: skip
        found: dict[str, Counter[str]] = defaultdict(Counter)
        total: dict[str, Counter[str]] = defaultdict(Counter)
        excused = set()
        for name, (kind, manner, source) in spoilt.items():
            hit = kind in kinds[name]
            if kind == "duplicate" and not hit and kind in kinds[source]:
                # Of two copies it does not matter which is kept.
                hit = True
                excused.add(source)
            found[kind][manner] += hit
            total[kind][manner] += 1
        enough = True
        print("\nkind         recall  of which")
        for kind in faults.KINDS:
            share = found[kind].total() / total[kind].total()
            enough &= share >= 0.95
            parts = ", ".join(f"{m} {found[kind][m]}/{total[kind][m]}" for m in total[kind])
            print(f"{kind:<12} {share:6.3f}  {parts}")
        wrong = {name: kinds[name] for name in good if kinds[name] and name not in excused}
        share = len(wrong) / len(good)
        enough &= share <= 0.03
        print(f"good photographs flagged: {len(wrong)} of {len(good)} = {share:.2%}  "
              f"{dict(Counter(kind for found in wrong.values() for kind in found))}")  # fmt: skip
        for other in others:
            manifest = clean(other, Path(scratch) / f"out{other.name}", workers)
            counts = manifest["counts"]
            share = 1 - counts["kept"] / counts["pictures"]
            print(f"{other}: flagged {counts['pictures'] - counts['kept']} of "
                  f"{counts['pictures']} = {share:.2%}  {counts}")  # fmt: skip
    return enough


def distributions(folder: Path, workers: int, seed: int) -> None:
    """Print percentiles of each measure for good pictures and for each kind of fault."""
    with tempfile.TemporaryDirectory() as scratch:
        mixed = Path(scratch) / "mixed"
        mixed.mkdir()
        spoilt, good = spoil(folder, mixed, 4 * EACH, seed)
        names = [name for name in (*good, *spoilt) if spoilt.get(name, ("",))[0] != "corrupt"]
        scored = list(local.scored([str(mixed / name) for name in names], False, workers))
    groups: dict[str, list[Scores]] = defaultdict(list)
    for scores in scored:
        groups[spoilt.get(Path(scores.path).name, ("good",))[0]].append(scores)
    points = (0, 1, 5, 25, 50, 75, 95, 99, 100)
    for name in ("spread", "tint", "chroma", "clipped", "channel", "blur", "period", "gap"):
        print(f"\n{name:<12}" + "".join(f"{point:>8} %" for point in points))
        for kind, members in groups.items():
            values = [s.measures[name] for s in members if name in s.measures]
            line = "".join(f"{value:10.3f}" for value in np.percentile(values, points))
            print(f"{kind:<12}{line}")


def variants(folder: Path, out: Path, count: int) -> None:
    """Fill a folder with different pictures: links to those of another, then crops of them."""
    sources = read_folder(folder)
    rng = random.Random(count)
    for index in range(count):
        source = sources[index % len(sources)]
        if index < len(sources):
            (out / f"{index:06d}{source.suffix}").symlink_to(source.resolve())
            continue
        rgb = to_uint8(read_rgb(source).rgb)
        height, width = rgb.shape[:2]
        top, left = (int(length * rng.uniform(0, 0.3)) for length in (height, width))
        piece = rgb[top : top + int(0.7 * height), left : left + int(0.7 * width)]
        # At the first size, so that each picture takes as long as those linked.
        piece = cv2.resize(piece, (width, height), interpolation=cv2.INTER_CUBIC)
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        (out / f"{index:06d}.jpg").write_bytes(
            faults.encoded(piece, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 92,
                           cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
        )  # fmt: skip


def benchmark(folder: Path, counts: Sequence[int], workers: int) -> None:
    """Print seconds for each count of pictures."""
    lines = []
    for count in counts:
        with tempfile.TemporaryDirectory() as scratch:
            pictures = Path(scratch) / "pictures"
            pictures.mkdir()
            variants(folder, pictures, count)
            began = time.monotonic()
            clean(pictures, Path(scratch) / "out", workers)
            seconds = time.monotonic() - began
        lines.append(f"{count:>8} pictures {seconds:8.1f} s  {1000 * seconds / count:6.2f} ms each")
        print(lines[-1], flush=True)
    print(f"\n{workers} workers\n" + "\n".join(lines))


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("recall", "scores", "benchmark"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--good", type=Path, nargs="*", default=[])
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 4000, 10000])
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.what == "recall":
        good_enough = recall(options.folder, options.good, options.workers, options.seed)
        return 0 if good_enough else 1
    if options.what == "scores":
        distributions(options.folder, options.workers, options.seed)
    else:
        benchmark(options.folder, options.counts, options.workers)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
