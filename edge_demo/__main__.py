"""``python -m edge_demo``: models, run, benchmark, selftest, serve, camera.

Installed, it is called ``chromaedge``. A command's module is imported when the command is given.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from types import ModuleType

from . import cli
from .errors import UserError

# What each is for, as --help says.
COMMANDS = {
    "models": "what there is, and what of it is here",
    "run": "restore, colour or brighten a picture, every picture of a folder, or a video",
    "benchmark": "measure models here",
    "selftest": "does a model compute here what it should?",
    "serve": "a page and an API in the browser",
    "camera": "live enhancement of a camera's pictures",
}


def _module(command: str) -> ModuleType:
    if command == "models":
        from . import listing

        return listing
    if command == "run":
        from . import run

        return run
    if command == "benchmark":
        from .benchmark import command as benchmark

        return benchmark
    if command == "serve":
        from .web import command as web

        return web
    from .camera import command as camera

    return camera


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(
        prog=cli.program(), description="Restore pictures and video on this device."
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)
    for name, what in COMMANDS.items():
        commands.add_parser(name, help=what).fill = functools.partial(_fill, name)
    return parser


def _fill(command: str, parser: argparse.ArgumentParser) -> None:
    if command == "selftest":
        parser.add_argument("files", nargs="*", metavar="FILE", help="default: all that ship")
    else:
        _module(command).add_arguments(parser)


def _selftest(options: argparse.Namespace) -> int:
    from .device.selftest import selftest
    from .model import models_folder

    paths = [models_folder.find(name) for name in options.files]
    paths = paths or list(models_folder.shipped().values())
    if not paths:
        raise UserError(f"no models in {models_folder.FOLDER}")
    failed = 0
    for path in paths:
        result = selftest(path)
        failed += not result.ok
        print(f"{'ok  ' if result.ok else 'FAIL'} {path.name}: {result.text}")
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    return cli.run(_parser(), _command, arguments)


def _command(options: argparse.Namespace) -> int:
    if options.command == "selftest":
        return _selftest(options)
    return int(_module(options.command).run(options))


if __name__ == "__main__":
    raise SystemExit(main())
