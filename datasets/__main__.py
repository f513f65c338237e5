"""``python -m datasets``: list, prepare, brackets, clean, bench."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Before TensorFlow is imported, where it is: its start-up lines are not the user's concern.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from edge_demo import cli
from edge_demo.cli import quoted
from edge_demo.errors import UserError
from edge_demo.files import check_empty
from edge_demo.pictures.images import write_image
from edge_demo.quiet import quiet_stderr

from . import records, sources
from .cleaning import command
from .source import Source
from .tfds_builders import BUILDERS, files, prepared


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(prog="python -m datasets", description="Pictures to train on.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)
    commands.add_parser("list", help="what can follow --data")
    prepare = commands.add_parser(
        "prepare",
        help="write a source as PNG files: photographs with real chroma, or pairs into low/ and "
        "high/",
    )
    prepare.add_argument("source", metavar="SOURCE")
    prepare.add_argument("--split", choices=("train", "test"), default="test", help="of sample")
    prepare.add_argument(
        "--manual-dir",
        type=Path,
        metavar="DIR",
        help="of a tfds: source: where its downloaded archive is",
    )
    prepare.add_argument(
        "--patch", type=int, metavar="N", help="write shuffled records of squares of N pixels"
    )
    prepare.add_argument("--shards", type=int, metavar="K", help="files of records; 16")
    prepare.add_argument("--seed", type=int, default=0, help="of the records' order; 0")
    prepare.add_argument("--out", required=True, type=Path, metavar="DIR")
    bracket = commands.add_parser(
        "brackets", help="make pairs for low light out of exposure brackets, a folder each"
    )
    bracket.add_argument("folder", type=Path, metavar="FOLDER", help="searched to its depths")
    bracket.add_argument("--longer-side", type=int, default=900, metavar="N",
                         help="reduce larger pictures to so many pixels; 900")  # fmt: skip
    bracket.add_argument("--out", required=True, type=Path, metavar="DIR")
    clean = commands.add_parser(
        "clean", help="find pictures that are not fit to train on; list those that are"
    )
    command.add_arguments(clean)
    bench = commands.add_parser(
        "bench", help="pictures a second of each stage, and of a generator in Python"
    )
    bench.add_argument("--data", required=True, metavar="SOURCE", help="photographs")
    for name, default, what in (
        ("patch", 96, "side of a crop in pixels, 16 or more"),
        ("batch", 16, "crops a step"),
        ("cell", 192, "side of the squares that are cropped from"),
        ("rounds", 5, "of each stage, alternating"),
    ):
        bench.add_argument(f"--{name}", type=int, default=default, help=f"{what}; {default}")
    bench.add_argument("--seconds", type=float, default=2.0, help="of a stage in a round; 2")
    return parser


def _list() -> None:
    for kind, summary in sources.KINDS.items():
        print(f"{kind:<12} {summary}")
    print("next: python -m training fit chroma_residual --data SOURCE --out runs/NAME")


def _prepare(options: argparse.Namespace) -> None:
    text = options.source
    name, split = prepared.parts(text) if text.startswith("tfds:") else ("", "")
    if options.manual_dir is not None and not name:
        raise UserError("--manual-dir is for a tfds: source")
    if options.patch is None and options.shards is not None:
        raise UserError("--shards is for --patch")
    if name.partition("/")[0] in BUILDERS and (name != "lol" or options.patch is not None):
        config = files.build(text, options.manual_dir).builder_config
        if config is not None:
            text = ":".join(filter(None, [f"tfds:{name.partition('/')[0]}/{config.name}", split]))
    if options.patch is not None:
        _prepare_records(options, sources.open_source(text, options.split))
        return
    # LOL goes to folders of its own.
    source = None if name == "lol" else sources.open_source(text, options.split)
    check_empty(options.out)
    _make(options.out)
    if source is not None and not source.low:
        count = 0
        for path, rgb in sources.photographs(source):
            # Numbered: two folders may hold files of one name.
            write_image(options.out / f"{count:05d}_{path.stem}.png", rgb)
            count += 1
        print(f"wrote {count} photographs to {options.out}")
        print(f"next: python -m edge_demo benchmark --images {quoted(options.out)}")
        return
    if source is None:
        count = files.write(options.source, options.out, options.manual_dir)
    else:
        count = 0
        for path, *pictures in sources.pairs(source):
            _write_pair(options.out, f"{count:05d}_{path.stem}", pictures)
            count += 1
    _tell_pairs(count, options.out)


def _brackets(options: argparse.Namespace) -> None:
    from . import brackets

    if options.longer_side < 256:
        raise UserError(f"--longer-side {options.longer_side}: 256 or more is needed")
    check_empty(options.out)
    count = 0
    for found in brackets.find(options.folder, options.longer_side):
        print(f"{found.folder}: {found.why or f'{len(found.pairs)} pairs'}", flush=True)
        for name, *pictures in found.pairs:
            _write_pair(options.out, f"{count:05d}_{name}", pictures)
            count += 1
    if not count:
        raise UserError(f"not one pair in {options.folder}")
    _tell_pairs(count, options.out)


def _write_pair(out: Path, name: str, pictures: Sequence[NDArray[np.uint8]]) -> None:
    for side, rgb in zip(("low", "high"), pictures, strict=True):
        _make(out / side)
        write_image(out / side / f"{name}.png", rgb)


def _tell_pairs(count: int, out: Path) -> None:
    print(f"wrote {count} pairs to {out}")
    print(f"next: python -m training fit MODEL --data {quoted(f'pairs:{out}')} --out runs/NAME")


def _prepare_records(options: argparse.Namespace, source: Source) -> None:
    if options.patch < 32 or options.patch % 2:
        raise UserError(f"--patch {options.patch}: must be even, 32 or more")
    if source.counts:
        raise UserError(f"{source.text} is records already")
    shards = min(16, source.count) if options.shards is None else options.shards
    if shards < 1 or options.seed < 0:
        raise UserError("--shards must be 1 or more, --seed 0 or more")
    _make(options.out)
    with quiet_stderr():  # its start-up lines
        import tensorflow  # noqa: F401
    manifest = records.prepare(source, options.out, options.patch, shards, options.seed)
    found = manifest["shards"]
    patches, pictures = (sum(shard[name] for shard in found) for name in ("patches", "pictures"))
    print(f"wrote {patches} patches of {pictures} pictures in {shards} shards to {options.out}")
    data = quoted(f"records:{options.out}")
    print(f"next: python -m training fit MODEL --data {data} --out runs/NAME")


def _bench(options: argparse.Namespace) -> None:
    with quiet_stderr():  # TensorFlow's start-up lines
        from .bench import bench, text

    if min(options.batch, options.rounds, options.seconds) <= 0:
        raise UserError("--batch, --rounds, --seconds: must be above 0")
    if not 16 <= options.patch <= options.cell or options.patch % 2 or options.cell % 2:
        raise UserError("--patch, --cell: even, 16 or more, and a cell no smaller than a patch")
    source = sources.open_source(options.data, "train")
    print(
        text(
            bench(
                source, options.patch, options.batch, options.cell, options.seconds,
                options.rounds,
            )
        )
    )  # fmt: skip
    print(f"medians of {options.rounds} alternating rounds, crops of {options.patch} pixels")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""

    def dispatch(options: argparse.Namespace) -> None:
        if options.command == "list":
            _list()
        elif options.command == "brackets":
            _brackets(options)
        elif options.command == "clean":
            command.clean(options)
        elif options.command == "bench":
            _bench(options)
        else:
            _prepare(options)

    return cli.run(_parser(), dispatch, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
