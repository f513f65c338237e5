"""``python -m training``: list, fit, sweep, runs, bench, evaluate."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Before TensorFlow is imported: its start-up lines are not the user's concern.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from edge_demo import cli
from edge_demo.cli import quoted
from edge_demo.colour.siting import SITINGS
from edge_demo.device.temporal import STRENGTH
from edge_demo.errors import UserError
from edge_demo.files import check_free
from edge_demo.measure import results
from edge_demo.quiet import quiet_stderr


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(prog="python -m training", description="Fit and evaluate models.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)
    commands.add_parser("list", help="models, their sizes and their config")
    _add_fit(commands.add_parser("fit", help="train a model, or resume its run"))
    _add_sweep(commands.add_parser("sweep", help="fit every combination of some settings"))
    _add_runs(
        commands.add_parser("runs", help="what was trained, how runs differ, what they reach")
    )
    _add_bench(commands.add_parser("bench", help="does a training step wait for its data?"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a run or a model file"))
    return parser


def _add_set(parser: argparse.ArgumentParser, text: str | None) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help=text
    )


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a name that 'list' shows")
    parser.add_argument(
        "--data",
        required=True,
        help="sample, folder:PATH, list:FILE, pairs:PATH; several joined with ' + '",
    )
    parser.add_argument("--val", help="photographs to validate on; default: a tenth of --data")
    parser.add_argument("--out", required=True, type=Path, help="the run's folder")
    parser.add_argument(
        "--qat",
        default="",
        metavar="RUN",
        help="quantisation-aware: go on from a finished run (or a preset), rounding "
        "as its 8-bit graph will",
    )
    _add_set(parser, "change a value of the config; may be repeated")
    parser.add_argument(
        "--strategy",
        default="none",
        help="none; mirrored: all GPUs of this machine; multiworker: the machines in TF_CONFIG",
    )


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model")
    parser.add_argument("--data", required=True, help="as for fit")
    parser.add_argument("--val", help="as for fit")
    parser.add_argument("--out", required=True, type=Path, help="the folder of the runs")
    _add_set(parser, "a key that is given several times is varied")


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs"), metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing FILE")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", help="default: each that 'list' shows")
    parser.add_argument("--data", required=True, help="as for fit")
    parser.add_argument("--rounds", type=int, default=5, help="of each kind, alternating; 5")
    parser.add_argument("--steps", type=int, default=60, help="in a round; 60")
    _add_set(parser, None)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, metavar="RUN|FILE.tflite")
    parser.add_argument("--data", required=True, help="sample, folder:PATH, list:FILE, video:PATH")
    parser.add_argument(
        "--siting",
        choices=SITINGS,
        help=f"of the 4:2:0 chroma made from each photograph; default: {SITINGS[0]}",
    )
    parser.add_argument(
        "--quality",
        type=int,
        metavar="1..100",
        help="chroma: make each photograph such a JPEG first",
    )
    parser.add_argument(
        "--detail",
        type=float,
        metavar="0..1",
        help="chroma_merged: how much detail is added; default: 1",
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--html", type=Path, metavar="FILE")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE.png", help="of a video: its figures over its frames"
    )
    parser.add_argument(
        "--temporal",
        type=float,
        metavar="0..1",
        help="of a video: how far the model is held steady in a row of its own; "
        f"default: {STRENGTH:g}",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing FILEs")


def _list() -> None:
    import keras_models

    from . import config

    for name in config.available():
        module = keras_models.get(name)
        summary = (sys.modules[f"keras_models.{name}"].__doc__ or "").strip().splitlines()[0]
        print(f"{name}: {summary}")
        print(f"  task {module.TASK.name}, sizes {', '.join(module.SIZES)}")
    print("\nnext: python -m training fit MODEL --data sample --out runs/NAME")


def _fit(options: argparse.Namespace) -> int:
    from . import config, strategies
    from .fit import fit

    chosen = config.override(config.load(options.model, options.qat), options.settings)
    command = f"python -m training {shlex.join(sys.argv[1:])}"
    try:
        with strategies.opened(options.strategy) as strategy:
            model = fit(chosen, options.data, options.val, options.out, command, strategy)
    except strategies.WorkerLostError as error:
        print(f"python -m training: {error}", file=sys.stderr)
        return strategies.TRY_AGAIN
    except KeyboardInterrupt:
        print(f"\nstopped; the same command resumes {options.out}", file=sys.stderr)
        raise
    if not strategy.is_chief:
        return 0
    print(f"wrote {model}")
    # Without --val, nine tenths of --data were trained on; only the sample knows its test half.
    data = options.val or (options.data if options.data == "sample" else "folder:OTHERS")
    print(f"next: python -m training evaluate {quoted(options.out)} --data {quoted(data)}")
    return 0


def _sweep(options: argparse.Namespace) -> None:
    from .sweep import sweep

    try:
        failed = sweep(options.model, options.data, options.val, options.out, options.settings)
    except KeyboardInterrupt:
        print(f"\nstopped; the same command resumes {options.out}", file=sys.stderr)
        raise
    _print_runs(options.out)
    if failed:
        raise UserError(f"{len(failed)} of the runs failed: {', '.join(failed)}")


def _print_runs(folder: Path) -> Sequence[Any]:
    from . import listing

    found = list(listing.find(folder))
    print(listing.text(found))
    return found


def _runs(options: argparse.Namespace) -> None:
    check_free(options.overwrite, options.json)
    found = _print_runs(options.folder)
    if options.json:
        rows = [{**dataclasses.asdict(run), "folder": str(run.folder)} for run in found]
        results.write_json(options.json, {"schema": 1, "runs": rows}, options.overwrite)
        print(f"wrote {options.json}")


def _bench(options: argparse.Namespace) -> None:
    from . import config
    from .bench import bench

    if min(options.rounds, options.steps) < 1:
        raise UserError("--rounds, --steps: must be 1 or more")
    names = [options.model] if options.model else config.available()
    chosen = [config.override(config.load(name), options.settings) for name in names]
    print(f"{'crops of a step':<32}{'ms, real':>10}{'ms, cached':>12}{'waiting':>10}")
    for one in chosen:
        for stage in bench(one, options.data, options.rounds, options.steps):
            crops = f"{one.model} {stage.batch} x {stage.patch}"
            print(
                f"{crops:<32}{stage.real_ms:>10.1f}{stage.cached_ms:>12.1f}{stage.share:>+10.1%}",
                flush=True,
            )
    print(f"medians of {options.rounds} alternating rounds of {options.steps} steps")


def _evaluate(options: argparse.Namespace) -> None:
    from datasets import sources
    from keras_models import runs

    from . import report
    from .evaluate import evaluate, load

    check_free(options.overwrite, options.json, options.html, options.plot)
    target = load(options.target)
    if video := sources.video_path(options.data):
        for option in ("quality", "detail"):
            if getattr(options, option) is not None:
                raise UserError(f"--{option} is of photographs; {options.data} is a video")
        _evaluate_video(options, target, video)
        return
    for option in ("plot", "temporal"):
        if getattr(options, option) is not None:
            raise UserError(f"--{option} is of a video; name one as --data video:PATH")
    wanted = target.restorer.with_options(detail=options.detail)
    target = dataclasses.replace(target, restorer=wanted)
    source = sources.open_source(options.data, "test")
    table, names, values = evaluate(target, source, options.siting, options.quality)
    print(results.quality_text(table["rows"], target.task))
    if options.json:
        results.write_json(options.json, table, options.overwrite)
        print(f"wrote {options.json}")
    if options.html:
        html = report.evaluation_html(table, names, values, target, source)
        results.write_text(options.html, html, options.overwrite)
        print(f"wrote {options.html}")
    if options.target.suffix != ".tflite":
        record = runs.read_record(options.target)
        aware = bool(record["config"].get("qat"))
        data = "SOURCE" if "imported" in record else sources.parts(record["data"])[0]
        how = "qat" if aware else f"float32,int8 --calibrate {quoted(data)}"
        out = options.target / "tflite" if options.target.is_dir() else "DIR"
        run = f"{quoted(options.target)} --recipes {how} --out {quoted(out)}"
        print(f"next: python -m export tflite {run}")


def _evaluate_video(options: argparse.Namespace, target: Any, video: Path) -> None:
    from . import evaluate_video, report_video

    strength = STRENGTH if options.temporal is None else options.temporal
    found = evaluate_video.evaluate(target, video, options.data, options.siting, strength)
    print(results.quality_text(found.table["rows"], target.task))
    if options.json:
        results.write_json(options.json, found.table, options.overwrite)
        print(f"wrote {options.json}")
    if options.html:
        page = report_video.evaluation_html(found, target.task)
        results.write_text(options.html, page, options.overwrite)
        print(f"wrote {options.html}")
    if options.plot:
        results.write_bytes(options.plot, report_video.plot(found), options.overwrite)
        print(f"wrote {options.plot}")
    print("next: python -m edge_demo run IN.mp4 OUT.mkv")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""

    def dispatch(options: argparse.Namespace) -> int | None:
        with quiet_stderr():
            import tensorflow  # noqa: F401
        commands: dict[str, Callable[[argparse.Namespace], int | None]] = {
            "list": lambda _: _list(),
            "fit": _fit,
            "sweep": _sweep,
            "runs": _runs,
            "bench": _bench,
            "evaluate": _evaluate,
        }
        return commands[options.command](options)

    return cli.run(_parser(), dispatch, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
