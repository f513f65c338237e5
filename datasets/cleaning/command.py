"""``python -m datasets clean``: from a folder of pictures to the list of those that are fit."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from edge_demo.cli import cores, quoted, remaining
from edge_demo.errors import UserError
from edge_demo.measure import results
from edge_demo.pictures.photographs import read_folder

from . import folder as place
from . import local, pipeline, report
from .near import MOST_BITS
from .scores import Scores
from .verdicts import KINDS, Judged, Thresholds, judge

# Seconds between lines of progress.
_EVERY = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options and arguments of the command."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="searched to its depths")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--overwrite", action="store_true",
                        help="judge a finished cleaning again, from its scores")  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="N", help="processes; default: all cores")
    parser.add_argument("--allow", action="append", default=[], choices=KINDS, metavar="VERDICT",
                        help=f"keep pictures in spite of it: {', '.join(KINDS)}")  # fmt: skip
    parser.add_argument("--as-stored", action="store_true",
                        help="do not reduce what says that its chroma is subsampled")  # fmt: skip
    for limit in dataclasses.fields(Thresholds):
        parser.add_argument(limit.metadata["flag"], dest=limit.name, type=float, metavar="X",
                            default=limit.default,
                            help=f"{limit.metadata['help']} (default: {limit.default:g})",
        )  # fmt: skip
    parser.add_argument(
        "--runner",
        metavar="NAME",
        help="score with Apache Beam, on this runner, such as DirectRunner",
    )
    parser.add_argument(
        "--beam",
        action="append",
        default=[],
        metavar="--OPTION=VALUE",
        help="for the runner, as often as needed: --beam=--region=europe-west1",
    )


def clean(options: argparse.Namespace) -> None:
    """Run the command, whose options ``add_arguments`` describes.

    Raises:
        UserError: a mistake in the options, or nothing to clean.
    """
    limits = _limits(options)
    workers = cores() if options.workers is None else options.workers
    if workers < 1:
        raise UserError(f"--workers {workers}: must be at least 1")
    if options.beam and not options.runner:
        raise UserError("--beam is for a Beam runner; name it: --runner NAME")
    beam = pipeline.options(options.runner, options.beam, workers) if options.runner else None
    source = options.folder.expanduser()
    root = source.resolve()
    paths = [str(root / path.relative_to(source)) for path in read_folder(source)]
    for path in paths:
        if "\n" in path or "\r" in path:
            raise UserError(f"{path!r}: a file's name must not hold a line break; rename it")
    first = place.header(root, options.as_stored)
    wanted = set(paths)
    known = {
        scores.path: scores
        for scores in place.open_folder(options.out, first, options.overwrite)
        if scores.path in wanted and place.unchanged(scores)
    }
    left = [path for path in paths if path not in known]
    if known:
        print(f"{len(known)} of {len(paths)} pictures are scored already")
    if beam is None:
        judged = _judge_here(paths, known, left, options, limits, workers)
    else:
        print(f"{options.runner} scores {len(left)} pictures", flush=True)
        new, pairs = pipeline.run(
            left, known.values(), options.as_stored, int(limits.bits), beam, options.out,
            pipeline.is_direct(options.runner),
        )  # fmt: skip
        _append(options.out, new)
        known |= {scores.path: scores for scores in new}
        judged = judge([known[path] for path in paths], limits, lambda *_: pairs)
    _finish(judged, first, limits, options)


def _limits(options: argparse.Namespace) -> Thresholds:
    limits = Thresholds(
        **{f.name: getattr(options, f.name) for f in dataclasses.fields(Thresholds)}
    )
    if not (0 <= limits.bits <= MOST_BITS and limits.bits == int(limits.bits)):
        raise UserError(f"--duplicate-bits {limits.bits:g}: a whole number of 0 to {MOST_BITS}")
    return limits


def _judge_here(
    paths: list[str],
    known: dict[str, Scores],
    left: list[str],
    options: argparse.Namespace,
    limits: Thresholds,
    workers: int,
) -> list[Judged]:
    began = told = time.monotonic()
    with (
        _writing(options.out),
        contextlib.closing(local.scored(left, options.as_stored, workers)) as scored,
        (options.out / place.SCORES).open("a") as stream,
    ):
        for done, scores in enumerate(scored, 1):
            known[scores.path] = scores
            stream.write(scores.to_json() + "\n")
            now = time.monotonic()
            if now - told > _EVERY:
                stream.flush()
                told, rate = now, done / (now - began)
                print(f"{done}/{len(left)} pictures  {rate:.0f} a second  "
                      f"ETA {remaining(now - began, done, len(left))}", flush=True)  # fmt: skip
    return judge([known[path] for path in paths], limits)


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    """A disk that is full, or gone, is one line; what was scored before is kept."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {out / place.SCORES}: {error.strerror or error}; the same command goes "
            "on once it can"
        ) from None


def _append(out: Path, scored: Iterable[Scores]) -> None:
    with _writing(out), (out / place.SCORES).open("a") as stream:
        stream.writelines(scores.to_json() + "\n" for scores in scored)


def _finish(
    judged: list[Judged], first: dict[str, Any], limits: Thresholds, options: argparse.Namespace
) -> None:
    out, write = options.out, partial(results.write_text, overwrite=True)
    table = place.manifest(first, judged, limits, options.allow)
    kept = place.kept(judged, options.allow)
    write(out / place.REPORT, report.page(judged, kept, limits, Path(first["folder"])))
    write(out / place.KEPT, "".join(f"{one.scores.path}\n" for one in kept))
    # Last: a folder with a manifest is finished.
    write(out / place.MANIFEST, json.dumps(table, indent=1, allow_nan=False) + "\n")
    counts = table["counts"]
    print(f"kept {counts['kept']} of {counts['pictures']} pictures")
    for kind, text in KINDS.items():
        if kind in counts:
            note = " (allowed)" if kind in options.allow else ""
            print(f"  {kind:<11} {counts[kind]:>6}  {text}{note}")
    print(f"wrote {out / place.KEPT}, {out / place.MANIFEST} and {out / place.REPORT}")
    if not kept:
        print(f"nothing is left to train on; look at {out / place.REPORT}", file=sys.stderr)
        return
    print(f"next: python -m training fit chroma_residual "
          f"--data {quoted(f'list:{out / place.KEPT}')} "
          "--out runs/NAME")  # fmt: skip
