"""Measures ``python -m datasets clean``: what it finds, what it wrongly flags, and how fast it is.

    python -m studies cleaning recall FOLDER [--draws 5] [--good OTHER ...] [--json FILE]
    python -m studies cleaning scores FOLDER
    python -m studies cleaning benchmark FOLDER [--counts 1000 4000 10000] [--json FILE]

``recall`` takes FOLDER as good, replaces 250 of its pictures by spoilt ones, adds 50 copies, and
prints the share of faults found of each kind and each manner, and the share of the good pictures
that are flagged; several times, with others drawn each time. ``--good`` names folders of which only
the latter is printed. ``scores`` prints how each measure is distributed over good pictures and over
spoilt ones: what the thresholds were chosen from. ``benchmark`` cleans thousands of pictures made
from FOLDER's, and prints seconds. ``--json`` writes what docs/cleaning.md shows
(docs/results/cleaning.recall.json and cleaning.time.json).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from datasets.__main__ import main as datasets
from datasets.cleaning import local
from datasets.cleaning.scores import Scores
from edge_demo import cli
from edge_demo.benchmark import host
from edge_demo.measure import results
from edge_demo.pictures.images import read_rgb, to_uint8
from edge_demo.pictures.photographs import read_folder
from edge_demo.report.tables import markdown
from tests import faults

from . import wording
from .command import command_line
from .wording import Json

EACH = 50
RECALL, FLAGGED = 0.95, 0.03


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


def recall(folder: Path, workers: int, seed: int) -> dict[str, Any]:
    """What is found of the faults of one draw, and what is flagged wrongly.

    Returns:
        ``seed``; ``found``: kind to manner to how many of how many; ``good``: how many are
        ``flagged`` of how many ``pictures``, and by which ``kinds``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        mixed = Path(scratch) / "mixed"
        mixed.mkdir()
        spoilt, good = spoil(folder, mixed, EACH, seed)
        manifest = clean(mixed, Path(scratch) / "out", workers)
    kinds = {Path(line["path"]).name: [v["kind"] for v in line["verdicts"]]
             for line in manifest["pictures"]}  # fmt: skip
    found: dict[str, dict[str, list[int]]] = {kind: {} for kind in faults.KINDS}
    excused = set()
    for name, (kind, manner, source) in spoilt.items():
        hit = kind in kinds[name]
        if kind == "duplicate" and not hit and kind in kinds[source]:
            # Of two copies it does not matter which is kept.
            hit = True
            excused.add(source)
        counts = found[kind].setdefault(manner, [0, 0])
        counts[0] += hit
        counts[1] += 1
    wrong = [kinds[name] for name in good if kinds[name] and name not in excused]
    by_kind = Counter(kind for verdicts in wrong for kind in verdicts)
    flagged = {"flagged": len(wrong), "pictures": len(good), "kinds": dict(by_kind)}
    return {"seed": seed, "found": found, "good": flagged}


def shares(draw: dict[str, Any]) -> dict[str, float]:
    """Kind to the share of its faults that were found."""
    return {
        kind: sum(hits for hits, _ in manners.values()) / sum(of for _, of in manners.values())
        for kind, manners in draw["found"].items()
    }


def is_enough(draw: dict[str, Any]) -> bool:
    """Whether a draw keeps both promises."""
    good = draw["good"]
    return min(shares(draw).values()) >= RECALL and good["flagged"] <= FLAGGED * good["pictures"]


def flagged(folder: Path, workers: int) -> dict[str, Any]:
    """How many pictures of a good folder are flagged, and by which kinds."""
    with tempfile.TemporaryDirectory() as scratch:
        counts = clean(folder, Path(scratch) / "out", workers)["counts"]
    kinds = {kind: count for kind, count in counts.items() if kind not in ("pictures", "kept")}
    return {"folder": shown(folder), "flagged": counts["pictures"] - counts["kept"],
            "pictures": counts["pictures"], "kinds": kinds}  # fmt: skip


def shown(folder: Path) -> str:
    """The end of a folder's name: the rest is this machine's."""
    name, parent = folder.resolve().name, folder.resolve().parent.name
    return f"{parent}/{name}" if parent.startswith("photos") else name


def text(found: dict[str, Any]) -> str:
    """Draws and other folders for a terminal."""
    lines = []
    for draw in found["draws"]:
        lines.append(f"draw {draw['seed']}\nkind         recall  of which")
        for kind, share in shares(draw).items():
            parts = ", ".join(f"{m} {hits}/{of}" for m, (hits, of) in draw["found"][kind].items())
            lines.append(f"{kind:<12} {share:6.3f}  {parts}")
        lines.append(f"good photographs flagged: {_share(draw['good'])}")
    lines += [f"{other['folder']}: flagged {_share(other)}" for other in found["others"]]
    return "\n".join(lines)


def _share(found: dict[str, Any]) -> str:
    share = found["flagged"] / found["pictures"]
    return f"{found['flagged']} of {found['pictures']} = {share:.2%}  {found['kinds']}"


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
    for name in ("spread", "tint", "ends", "clipped", "channel", "blur", "period", "gap"):
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
        large = cv2.resize(piece, (width, height), interpolation=cv2.INTER_CUBIC)
        piece = np.asarray(large, np.uint8)
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        (out / f"{index:06d}.jpg").write_bytes(
            faults.encoded(piece, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 92,
                           cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
        )  # fmt: skip


def processor_seconds() -> float:
    """What this process and those that it started and that have ended used."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def benchmark(folder: Path, count: int, workers: int) -> dict[str, float]:
    """How long a count of pictures takes: ``pictures``, ``seconds``, ``processor_seconds``.

    The last, of all processes together, says on a busy machine what a quiet one would need.
    """
    with tempfile.TemporaryDirectory() as scratch:
        pictures = Path(scratch) / "pictures"
        pictures.mkdir()
        variants(folder, pictures, count)
        began, used = time.monotonic(), processor_seconds()
        clean(pictures, Path(scratch) / "out", workers)
        seconds, used = time.monotonic() - began, processor_seconds() - used
    print(f"{count:>8} pictures {seconds:8.1f} s  {1000 * seconds / count:6.2f} ms each, "
          f"{1000 * used / count:6.2f} of a processor", flush=True)  # fmt: skip
    return {"pictures": count, "seconds": round(seconds, 1), "processor_seconds": round(used, 1)}


def table(found: Json) -> str:
    """What is found and flagged, or how time grows with the number of pictures."""
    return _table_of_recall(found) if "draws" in found else _table_of_times(found)


def _table_of_recall(found: Json) -> str:
    """What is found of each fault, and what is flagged of good photographs."""
    draws = found["draws"]
    cells = []
    for kind in draws[0]["found"]:
        counts = [list(draw["found"][kind].values()) for draw in draws]
        hits = [sum(one for one, _ in each) for each in counts]
        of = [sum(one for _, one in each) for each in counts]
        names = ", ".join(draws[0]["found"][kind])
        worst = min(one / count for one, count in zip(hits, of, strict=True))
        cells.append([f"`{kind}`", names, f"{sum(hits)} of {sum(of)}",
                      f"{sum(hits) / sum(of):.1%}", f"{worst:.0%}"])  # fmt: skip
    faults_found = markdown(["fault", "in these manners", "found", "share", "worst draw"], cells, 2)
    wrongly = markdown(
        ["good photographs", "flagged as", "flagged", "share", "worst draw"],
        [_good_cells(found), *map(_other_cells, found["others"])], 2,
    )  # fmt: skip
    each = sum(sum(of for _, of in manners.values()) for manners in draws[0]["found"].values())
    return (
        f"{faults_found}\n{wrongly}"
        f"\nDraws of {each} faults among the photographs of `{found['data']}`: {len(draws)}.\n"
    )


def _good_cells(found: Json) -> list[str]:
    good = [draw["good"] for draw in found["draws"]]
    kinds: Counter[str] = Counter()
    for one in good:
        kinds.update(one["kinds"])
    flagged, pictures = (sum(one[key] for one in good) for key in ("flagged", "pictures"))
    worst = max(one["flagged"] / one["pictures"] for one in good)
    return [f"`{found['data']}`", _kinds(kinds), f"{flagged} of {pictures}",
            f"{flagged / pictures:.1%}", f"{worst:.1%}"]  # fmt: skip


def _other_cells(found: Json) -> list[str]:
    share = f"{found['flagged'] / found['pictures']:.1%}"
    return [f"`{found['folder']}`", _kinds(found["kinds"]),
            f"{found['flagged']} of {found['pictures']}", share, share]  # fmt: skip


def _kinds(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{kind} {count / total:.0%}" for kind, count in Counter(counts).most_common())


def _table_of_times(found: Json) -> str:
    """How cleaning grows with the number of pictures."""
    cells = [
        [f"{row['pictures']:,}", f"{row['seconds']:.1f}",
         f"{row['seconds'] / row['pictures'] * 1e3:.1f}",
         f"{row['processor_seconds'] / row['pictures'] * 1e3:.1f}"]
        for row in found["rows"]
    ]  # fmt: skip
    header = ["pictures", "seconds", "milliseconds each", "of a processor, each"]
    return (
        f"{markdown(header, cells, 0)}\n{found['workers']} processes; pictures made from "
        f"`{found['data']}`; on {wording.machine(found['host'])}.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("what", choices=("recall", "scores", "benchmark"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--good", type=Path, nargs="*", default=[])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 4000, 10000])
    parser.add_argument("--workers", type=int, default=cli.cores())
    parser.add_argument("--seed", type=int, default=0, help="of the first draw")
    parser.add_argument("--json", type=Path)
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    folder, workers = options.folder, options.workers
    if options.what == "scores":
        distributions(folder, workers, options.seed)
        return 0
    if options.what == "benchmark":
        rows: list[dict[str, float]] = []
        for count in options.counts:
            rows.append(benchmark(folder, count, workers))
            # As they come: thousands of pictures take a while.
            keep(options.json, folder, workers=workers, host=host.describe(), rows=rows)
        return 0
    draws: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for seed in range(options.seed, options.seed + options.draws):
        draws.append(recall(folder, workers, seed))
        keep(options.json, folder, draws=draws, others=others)
    for other in options.good:
        others.append(flagged(other, workers))
        keep(options.json, folder, draws=draws, others=others)
    print(f"\n{text({'draws': draws, 'others': others})}")
    return 0 if all(map(is_enough, draws)) else 1


def keep(path: Path | None, folder: Path, **found: Any) -> None:
    """Write results for the pages."""
    if path:
        results.write_json(path, {"schema": 1, "data": shown(folder), **found}, True)
