"""``python -m edge_demo``: models, run, benchmark, selftest, serve, camera."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from . import cli, run
from .benchmark import command as benchmark
from .camera import command as camera
from .device.selftest import selftest
from .errors import UserError
from .measure import results
from .model import models_folder
from .model.package import read_card
from .web import command as web


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(
        prog="python -m edge_demo", description="Restore pictures and video on this device."
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)
    commands.add_parser("models", help="what ships here")
    what = "restore, colour or brighten a picture, every picture of a folder, or a video"
    run.add_arguments(commands.add_parser("run", help=what))
    benchmark.add_arguments(commands.add_parser("benchmark", help="measure models here"))
    test = commands.add_parser("selftest", help="does a model compute here what it should?")
    test.add_argument("files", nargs="*", metavar="FILE", help="default: all that ship")
    web.add_arguments(commands.add_parser("serve", help="a page and an API in the browser"))
    live = commands.add_parser("camera", help="live enhancement of a camera's pictures")
    camera.add_arguments(live)
    return parser


def _models(_: argparse.Namespace) -> int:
    known = models_folder.shipped()
    if not known:
        raise UserError(f"no models in {models_folder.FOLDER}")
    width = max(map(len, known))
    print(f"{'model':<{width}}  {'task':<8}  {'KiB':>5}  {'metric':<11}  measured")
    for name, path in known.items():
        card = read_card(path)
        measured = card.values.get("metrics", {})
        value = measured.get(card.task.headline_metric)
        unit = results.METRICS[card.task.headline_metric].unit
        text = f"{value['mean']:.2f} {unit} on {value['data']}" if value else "not measured"
        print(
            f"{name:<{width}}  {card.task.name:<8}  {path.stat().st_size / 1024:>5.0f}  "
            f"{card.task.headline_metric:<11}  {text}"
        )
    print("next: python -m edge_demo run photo.jpg restored.png")
    return 0


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
        "models": _models,
        "run": run.run,
        "benchmark": benchmark.run,
        "selftest": _selftest,
        "serve": web.run,
        "camera": camera.run,
    }
    return cli.run(_parser(), lambda options: commands[options.command](options), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
