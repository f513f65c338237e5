"""``python -m datasets``: list, prepare."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edge_demo.runtime import cli
from edge_demo.runtime.errors import UserError
from edge_demo.runtime.images import write_image

from . import sources


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(prog="python -m datasets", description="Photographs to train on.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)
    commands.add_parser("list", help="what can follow --data")
    prepare = commands.add_parser(
        "prepare", help="write a source's photographs with real chroma as PNG files"
    )
    prepare.add_argument("source", metavar="SOURCE")
    prepare.add_argument("--split", choices=("train", "test"), default="test")
    prepare.add_argument("--out", required=True, type=Path, metavar="DIR")
    return parser


def _list() -> None:
    for kind, summary in sources.KINDS.items():
        print(f"{kind:<12} {summary}")
    print("next: python -m training fit chroma_residual --data SOURCE --out runs/NAME")


def _prepare(options: argparse.Namespace) -> None:
    source = sources.open_source(options.source, options.split)
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        raise UserError(f"{options.out} exists already and is not empty; choose another --out")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {options.out}: {error.strerror}") from None
    count = 0
    for path, rgb in sources.photographs(source):
        # Numbered: two folders may hold files of one name.
        write_image(options.out / f"{count:05d}_{path.stem}.png", rgb)
        count += 1
    print(f"wrote {count} photographs to {options.out}")
    print(f"next: python -m edge_demo benchmark --images {options.out}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""

    def dispatch(options: argparse.Namespace) -> None:
        if options.command == "list":
            _list()
        else:
            _prepare(options)

    return cli.run(_parser(), dispatch, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
