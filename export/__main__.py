"""``python -m export``: tflite, check, compare, preset."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

# Before TensorFlow is imported: its start-up lines are not the user's concern.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from edge_demo.runtime import cli
from edge_demo.runtime.errors import UserError
from edge_demo.runtime.quiet import quiet_stderr

from .recipes import RECIPES, parse


def _parser() -> argparse.ArgumentParser:
    recipes = "; ".join(f"{recipe.name}: {recipe.summary}" for recipe in RECIPES)
    parser = cli.Parser(prog="python -m export", description=f"Recipes. {recipes}.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)

    tflite = commands.add_parser("tflite", help="convert a run to .tflite files")
    tflite.add_argument("run", type=Path)
    tflite.add_argument("--recipes", default=",".join(r.name for r in RECIPES), metavar="A,B,...")
    tflite.add_argument("--calibrate", metavar="SOURCE", help="photographs for integer recipes")
    tflite.add_argument("--out", required=True, type=Path, metavar="DIR")
    tflite.add_argument("--overwrite", action="store_true")

    check = commands.add_parser("check", help="is a file fit to ship? (exit code 1: no)")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.add_argument("--edgetpu", action="store_true",
                       help="does an Edge TPU map it? for any TFLite file")  # fmt: skip
    check.add_argument("--out", type=Path, metavar="DIR",
                       help="with --edgetpu: keep what edgetpu_compiler makes")  # fmt: skip
    check.add_argument("--overwrite", action="store_true")

    preset = commands.add_parser("preset", help="export, measure and document a run as a preset")
    preset.add_argument("run", type=Path)
    preset.add_argument("--name", required=True, help="MODEL-SIZE.rN")
    preset.add_argument("--calibrate", required=True, metavar="SOURCE")
    preset.add_argument("--evaluate", required=True, metavar="SOURCE")
    preset.add_argument("--terms", required=True, help="of the training photographs")
    preset.add_argument("--overwrite", action="store_true")
    return parser


def _tflite(options: argparse.Namespace) -> int:
    recipes = parse(options.recipes)
    calibrated = [recipe.name for recipe in recipes if recipe.calibrated]
    if calibrated and not options.calibrate:
        raise UserError(f"recipe {', '.join(calibrated)} needs --calibrate SOURCE")
    from datasets import sources
    from keras_models import runs

    from . import files
    from .calibrate import collect

    record, model = runs.read_record(options.run), runs.load_model(options.run)
    calibration = None
    if calibrated:
        calibration = collect(sources.open_source(options.calibrate, "train"), files.TILE)
    card = files.base_card(record, None, None)
    paths = files.export(model, card, recipes, calibration, options.out, options.overwrite)
    for path in paths:
        print(f"wrote {path} ({path.stat().st_size / 1024:.0f} KiB)")
    print(f"next: python -m export check {' '.join(map(str, paths))}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from .check import check, examine, targets

    if options.out and not options.edgetpu:
        raise UserError("--out is for what --edgetpu compiles: pass --edgetpu too")
    kept = targets(options.files, options.out, options.overwrite) if options.out else []
    failed, following = 0, f"python -m edge_demo benchmark {options.files[0]}"
    for place, path in enumerate(options.files):
        findings = check(path, foreign=options.edgetpu)
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FAIL'} {finding.point}: {finding.detail}")
        bad = sum(not finding.ok for finding in findings)
        if findings:
            print(f"{path}: {f'{bad} of {len(findings)} points failed' if bad else 'fit to ship'}")
        if options.edgetpu:
            examined = examine(path, kept[place] if kept else None)
            print(*examined.lines, sep="\n")
            print(f"{path}: {examined.verdict.text}")
            bad += not examined.verdict.ready
            following = f"edgetpu_compiler {options.files[0]}"
            if examined.written:
                print(f"wrote {examined.written}")
            if examined.written or examined.verdict.compiled:
                following = f"python -m edge_demo selftest {examined.written or path}"
        failed += bool(bad)
    if not failed:
        print(f"next: {following}")
    return 1 if failed else 0


def _preset(options: argparse.Namespace) -> int:
    from .preset import ship

    for path in ship(options.run, options.name, options.calibrate, options.evaluate,
                     options.terms, options.overwrite):  # fmt: skip
        print(f"wrote {os.path.relpath(path)}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""

    def dispatch(options: argparse.Namespace) -> int:
        with quiet_stderr():
            import tensorflow  # noqa: F401
        return {"tflite": _tflite, "check": _check, "preset": _preset}[options.command](options)

    return cli.run(_parser(), dispatch, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
