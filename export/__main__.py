"""``python -m export``: tflite, check, compare, sensitivity, preset, index, player."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# Before TensorFlow is imported: its start-up lines are not the user's concern.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from edge_demo import cli
from edge_demo.cli import quoted
from edge_demo.colour.siting import SITINGS
from edge_demo.errors import UserError
from edge_demo.files import check_free
from edge_demo.measure import restoration, results
from edge_demo.quiet import quiet_stderr
from edge_demo.report import tables
from edge_demo.tasks.record import Task

from .recipes import RECIPES, find, parse, with_most_loss

if TYPE_CHECKING:
    from .convert import Network

    Commands = argparse._SubParsersAction[cli.Parser]

# Names of quantise.CHOICES, the default first: that module would import TensorFlow.
CHOICES = ("least-error", "extremes", "percentile")
# What players take, and the siting that video has unless it says something else.
FORMATS = ("onnx", "glsl")
RANGES = ("limited", "full")
_VIDEO = "left"


def _parser() -> argparse.ArgumentParser:
    recipes = "; ".join(f"{recipe.name}: {recipe.summary}" for recipe in RECIPES)
    parser = cli.Parser(prog="python -m export", description=f"Recipes. {recipes}.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)
    for add in (_add_tflite, _add_check, _add_compare, _add_sensitivity, _add_preset, _add_player,
                _add_index):  # fmt: skip
        add(commands)
    return parser


def _add_tflite(commands: Commands) -> None:
    parser = commands.add_parser("tflite", help="convert a run to .tflite files")
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a preset")
    parser.add_argument("--recipes", metavar="A,B,...", help="default: all that fit the run")
    _add_calibration(parser)
    parser.add_argument("--most-loss", type=float, metavar="DB",
                        help="what mixed may lose on calibration photographs (default: "
                        f"{find('mixed').most_loss:g}); less keeps more in floats")  # fmt: skip
    parser.add_argument("--frame", type=int, metavar="PIXELS",
                        help="networks that colour: the side of the square that pictures are "
                        "squeezed into; default: the task's")  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--overwrite", action="store_true")


def _add_check(commands: Commands) -> None:
    parser = commands.add_parser("check", help="is a file fit to ship? (exit code 1: no)")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--edgetpu", action="store_true",
                       help="does an Edge TPU map it? for any TFLite file")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                       help="with --edgetpu: keep what edgetpu_compiler makes")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true")


def _add_compare(commands: Commands) -> None:
    parser = commands.add_parser("compare", help="what does each file cost against float32?")
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help=".tflite files, float32 among them; or a preset: all its files",
    )
    parser.add_argument("--data", required=True, metavar="SOURCE", help="photographs to measure on")
    parser.add_argument("--siting", choices=SITINGS,
                         help=f"of chroma; default: {SITINGS[0]}")  # fmt: skip
    parser.add_argument("--threads", type=int, help="default: all cores, at most 4")
    parser.add_argument("--seconds", type=float, default=5.0,
                         help="time limit of each file's timing (default: 5)")  # fmt: skip
    parser.add_argument("--max-drop", type=float, metavar="DB",
                         help="exit with 1 where a file's mean drop is above this")  # fmt: skip
    _add_outputs(parser)


def _add_sensitivity(commands: Commands) -> None:
    parser = commands.add_parser("sensitivity", help="which operations suffer from 8 bits?")
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a preset")
    _add_calibration(parser)
    _add_outputs(parser)


def _add_preset(commands: Commands) -> None:
    parser = commands.add_parser(
        "preset",
        help="export, measure and document a run as a preset; or make a preset's files again, or "
        "measure it anew",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a preset")
    parser.add_argument("--name", help="ship RUN as MODEL-SIZE.rN")
    parser.add_argument("--qat", type=Path, metavar="RUN",
                        help="its run of quantisation-aware training")  # fmt: skip
    parser.add_argument("--calibrate", metavar="SOURCE", help="photographs for integer recipes")
    parser.add_argument("--evaluate", metavar="SOURCE",
                        help="photographs to measure on; without --name: measure anew")  # fmt: skip
    parser.add_argument("--terms", help="of the training photographs; default: RUN's own")
    parser.add_argument("--overwrite", action="store_true", help="ship again under a known name")
    parser.add_argument("--recipes", metavar="A,B,...",
                        help="without --name: files of the preset to make again (all)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="for those files; default: where shipped models are")  # fmt: skip


def _add_player(commands: Commands) -> None:
    parser = commands.add_parser(
        "player", help="write a residual chroma network for other people's programs"
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a preset")
    parser.add_argument("--format", required=True, choices=FORMATS,
                        help="onnx: for onnxruntime; glsl: a user shader for mpv")  # fmt: skip
    parser.add_argument("--siting", choices=SITINGS, default=_VIDEO,
                        help="of the chroma that it will be given (default: "
                        f"{_VIDEO}, as most video has it)")  # fmt: skip
    parser.add_argument("--range", choices=RANGES,
                        help=f"of the planes that a shader will be given (default: {RANGES[0]}, "
                        "as most video has it)")  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    parser.add_argument("--overwrite", action="store_true")


def _add_index(commands: Commands) -> None:
    parser = commands.add_parser(
        "index", help="write the index of shipped models again, from the files that are here"
    )
    parser.add_argument("--base-url", metavar="URL", help="where others may fetch files from")


def _add_calibration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calibrate", metavar="SOURCE", help="photographs for integer recipes")
    parser.add_argument("--ranges", default=CHOICES[0], choices=CHOICES,
                        help="how calibration chooses what 8 bits span")  # fmt: skip
    parser.add_argument("--augmented", action="store_true",
                        help="calibrate in varied light and saturation too")  # fmt: skip


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    for kind in ("json", "markdown", "html"):
        parser.add_argument(f"--{kind}", type=Path, metavar="FILE")
    parser.add_argument("--overwrite", action="store_true", help="replace existing FILEs")


def _write_outputs(options: argparse.Namespace, **contents: Callable[[], str]) -> None:
    for kind, content in contents.items():
        path: Path | None = getattr(options, kind)
        if path:
            results.write_text(path, content(), options.overwrite)
            print(f"wrote {path}")


def _network(options: argparse.Namespace, calibrated: bool, frame: int | None = None) -> Network:
    """The run that a command names, with calibration where that is needed."""
    import keras_models
    from datasets import sources
    from keras_models import runs

    from .calibrate import collect
    from .convert import Network, tile_of

    config = runs.read_record(options.run)["config"]
    task = _framed(keras_models.task(config["model"], config["size"]), frame)
    model = runs.load_model(options.run)
    calibration = None
    if calibrated:
        given = sources.open_all(options.calibrate, "train")
        calibration = collect(
            restoration.of(task), given, tile_of(task), augmented=options.augmented
        )
    stated = keras_models.in_floats(config["model"])
    return Network(model, task, stated, calibration, tile_of(task), options.ranges, _progress)


def _progress(text: str, last: bool) -> None:
    if sys.stderr.isatty():
        cli.moving(text, last, sys.stderr)


def _framed(task: Task, side: int | None) -> Task:
    """A task whose pictures are squeezed into another square."""
    if side is None:
        return task
    multiple = task.size_multiple
    if restoration.of(task).example is None:
        raise UserError(f"--frame is of networks that colour; this one is of {task.name}")
    if side < multiple or side % multiple:
        raise UserError(f"--frame {side}: must be a multiple of {multiple}")
    return dataclasses.replace(task, frame=(side, side))


def _tflite(options: argparse.Namespace) -> int:
    from keras_models import runs

    from . import files
    from .convert import applicable

    record = runs.read_record(options.run)
    trained = bool(record["config"].get("qat"))
    recipes = (
        parse(options.recipes)
        if options.recipes is not None
        else tuple(r for r in RECIPES if applicable(r, trained))
    )
    if options.most_loss is not None:
        recipes = with_most_loss(recipes, options.most_loss)
    calibrated = [r.name for r in recipes if r.calibrated] if not trained else []
    if calibrated and not options.calibrate:
        raise UserError(f"recipe {', '.join(calibrated)} needs --calibrate SOURCE")
    network = _network(options, bool(calibrated), options.frame)
    card = files.base_card(record, None, None)
    paths = files.export(network, card, recipes, options.out, options.overwrite)
    for path in paths:
        print(f"wrote {path} ({path.stat().st_size / 1024:.0f} KiB)")
    print(f"next: python -m export check {' '.join(map(quoted, paths))}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from .check import check, examine, targets

    if options.out and not options.edgetpu:
        raise UserError("--out is for what --edgetpu compiles: pass --edgetpu too")
    kept = targets(options.files, options.out, options.overwrite) if options.out else []
    failed, following = 0, f"python -m edge_demo benchmark {quoted(options.files[0])}"
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
            following = f"edgetpu_compiler {quoted(options.files[0])}"
            if examined.written:
                print(f"wrote {examined.written}")
            if examined.written or examined.verdict.compiled:
                following = f"python -m edge_demo selftest {quoted(examined.written or path)}"
        failed += bool(bad)
    if not failed:
        print(f"next: {following}")
    return 1 if failed else 0


def _compare(options: argparse.Namespace) -> int:
    from datasets import sources

    from . import compare, reports

    check_free(options.overwrite, options.json, options.markdown, options.html)
    files = compare.resolve(options.files)
    source = sources.open_source(options.data, "test")
    limit = compare.LIMIT if options.max_drop is None else options.max_drop
    table = compare.compare(
        files, source, limit=limit, threads=options.threads, seconds=options.seconds,
        siting=options.siting,
    )  # fmt: skip
    print(compare.text(table))
    _write_outputs(
        options,
        json=lambda: json.dumps(table, indent=2) + "\n",
        markdown=lambda: compare.markdown(table),
        html=lambda: reports.comparison(table, files, source),
    )
    if options.max_drop is None:
        return 0
    failed = compare.over(table, options.max_drop)
    for row in failed:
        why = f"drops {row['drop']['mean']:.3f} dB" if row["status"] == "ok" else row["status"]
        print(f"{results.label(row)}: {why} (allowed: {options.max_drop:g} dB)")
    return 1 if failed else 0


def _sensitivity(options: argparse.Namespace) -> int:
    import dataclasses

    from . import reports

    check_free(options.overwrite, options.json, options.markdown, options.html)
    if not options.calibrate:
        raise UserError("sensitivity needs --calibrate SOURCE: photographs to measure on")
    network = _network(options, True)
    analysis = network.analysis
    header, lines = reports.operations_table(analysis)
    print(tables.aligned(header, lines, header[:2]))
    print(reports.lead_of(analysis))
    _write_outputs(
        options,
        json=lambda: json.dumps(dataclasses.asdict(analysis), indent=2) + "\n",
        markdown=lambda: tables.markdown(header, lines, text_columns=2),
        html=lambda: reports.sensitivity(
            analysis, restoration.of(network.task), str(options.run), options.calibrate
        ),
    )
    # A run that was trained for 8 bits has no other recipe to try.
    if not network.trained:
        print(f"next: python -m export tflite {quoted(options.run)} --recipes mixed "
              f"--calibrate {quoted(options.calibrate)} --out DIR")  # fmt: skip
    return 0


def _preset(options: argparse.Namespace) -> int:
    if not options.name:
        return _measure_anew(options) if options.evaluate else _remake(options)
    from .preset import ship

    if options.recipes or options.out:
        raise UserError("--recipes and --out are for files of a preset: leave out --name")
    if not (options.calibrate and options.evaluate):
        raise UserError("--name needs --calibrate SOURCE and --evaluate SOURCE")
    for path in ship(options.run, options.qat, options.name, options.calibrate, options.evaluate,
                     options.terms, options.overwrite):  # fmt: skip
        print(f"wrote {os.path.relpath(path)}")
    return 0


def _measure_anew(options: argparse.Namespace) -> int:
    from .preset import measure_anew

    others = ("qat", "calibrate", "terms", "overwrite", "recipes", "out")
    if any(getattr(options, name) for name in others):
        raise UserError("--evaluate without --name measures a preset anew, and takes nothing else")
    for path in measure_anew(str(options.run), options.evaluate):
        print(f"wrote {os.path.relpath(path)}")
    print("next: python -m studies pages")
    return 0


def _remake(options: argparse.Namespace) -> int:
    from edge_demo.model import models_folder

    from .remake import remake

    alone = ("qat", "calibrate", "terms", "overwrite")
    if any(getattr(options, name) for name in alone):
        raise UserError("shipping a run needs --name MODEL-SIZE.rN")

    def tell(path: Path, what: str) -> None:
        size = f"({path.stat().st_size / 1024:.0f} KiB, the network of the index)"
        print(f"{what} {os.path.relpath(path)} {size}", flush=True)

    recipes = parse(options.recipes) if options.recipes is not None else None
    out = options.out or models_folder.FOLDER
    paths = remake(str(options.run), recipes, out, tell)
    print(f"next: python -m edge_demo selftest {quoted(os.path.relpath(paths[0]))}")
    return 0


def _player(options: argparse.Namespace) -> int:
    from . import player, player_glsl, player_onnx

    check_free(options.overwrite, options.out)
    if options.format == "onnx" and options.range:
        raise UserError("--range is of glsl; an ONNX graph takes planes in full-range codes")
    network = player.network(options.run)
    if options.format == "onnx":
        made = player_onnx.written(network, options.siting)
    else:
        levels = options.range or RANGES[0]
        made = player_glsl.written(network, options.siting, levels).encode()
    results.write_bytes(options.out, made, options.overwrite)
    print(f"wrote {options.out} ({options.out.stat().st_size / 1024:.0f} KiB)")
    return 0


def _index(options: argparse.Namespace) -> int:
    from edge_demo.model import models_folder

    from . import index

    for path in index.refresh(models_folder.FOLDER, options.base_url):
        print(f"wrote {os.path.relpath(path)}")
    print("next: python -m edge_demo models --all")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""

    def dispatch(options: argparse.Namespace) -> int:
        with quiet_stderr():
            import keras
            import tensorflow  # noqa: F401
        if keras.backend.backend() != "tensorflow":
            raise UserError(
                "exporting needs KERAS_BACKEND=tensorflow, whichever backend trained the run"
            )
        commands: dict[str, Callable[[argparse.Namespace], int]] = {
            "tflite": _tflite,
            "check": _check,
            "compare": _compare,
            "sensitivity": _sensitivity,
            "preset": _preset,
            "index": _index,
            "player": _player,
        }
        return commands[options.command](options)

    return cli.run(_parser(), dispatch, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
