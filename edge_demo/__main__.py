"""``python -m edge_demo``: models, run, benchmark, selftest, serve, camera."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from . import cli, listing, run
from .benchmark import command as benchmark
from .camera import command as camera
from .device.selftest import selftest
from .errors import UserError
from .model import models_folder
from .web import command as web


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(
        prog="python -m edge_demo", description="Restore pictures and video on this device."
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)
    what = "what there is, and what of it is here"
    listing.add_arguments(commands.add_parser("models", help=what))
    what = "restore, colour or brighten a picture, every picture of a folder, or a video"
    run.add_arguments(commands.add_parser("run", help=what))
    benchmark.add_arguments(commands.add_parser("benchmark", help="measure models here"))
    test = commands.add_parser("selftest", help="does a model compute here what it should?")
    test.add_argument("files", nargs="*", metavar="FILE", help="default: all that ship")
    web.add_arguments(commands.add_parser("serve", help="a page and an API in the browser"))
    live = commands.add_parser("camera", help="live enhancement of a camera's pictures")
    camera.add_arguments(live)
    return parser


def _selftest(options: argparse.Namespace) -> int:
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
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "models": listing.run,
        "run": run.run,
        "benchmark": benchmark.run,
        "selftest": _selftest,
        "serve": web.run,
        "camera": camera.run,
    }
    return cli.run(_parser(), lambda options: commands[options.command](options), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
