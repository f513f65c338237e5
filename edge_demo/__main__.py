"""``python -m edge_demo``: models, run, benchmark, selftest, serve, camera."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import cli
from .benchmark import command as benchmark
from .camera import command as camera
from .device.hints import read_hints
from .device.restore import RENDER_SIZES, Options, Restored, check_options, look_of, restore_file
from .device.selftest import selftest
from .errors import UserError
from .measure import results
from .model import models_folder
from .model.package import read_card
from .model.tflite import TFLiteModel
from .pictures.images import EXTENSIONS, load
from .video import command as video
from .web import command as web


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(
        prog="python -m edge_demo", description="Restore pictures and video on this device."
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=cli.Parser)

    commands.add_parser("models", help="what ships here")

    run = commands.add_parser(
        "run",
        help="restore, colour or brighten a picture, every picture of a folder, or a video",
    )
    run.add_argument("input", type=Path, metavar="INPUT")
    run.add_argument("output", type=Path, metavar="OUTPUT",
                     help=".png, .jpg, .webp or .tif; a folder when INPUT is one; of a video "
                     ".mkv, .mp4 or .mov")  # fmt: skip
    run.add_argument(
        "--model",
        metavar="NAME|FILE",
        help="its task decides what is done; default: the shipped 8-bit model of chroma",
    )
    run.add_argument("--threads", type=int, default=2)
    run.add_argument("--resample", action="store_true",
                     help="rebuild full-resolution chroma that was 4:2:0 before")  # fmt: skip
    run.add_argument(
        "--strength",
        type=float,
        metavar="0..1",
        help="how far a model of enhance brightens a dark picture, how much colour one of colorize "
        "gives; default: 1",
    )
    run.add_argument(
        "--hints", type=Path, metavar="FILE", help="colorize: colours at places, a JSON file"
    )
    run.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="colorize: a photograph whose colours the whole picture is to have",
    )
    run.add_argument(
        "--average", metavar="#rrggbb", help="colorize: the average colour that it is to have"
    )
    run.add_argument(
        "--fade",
        type=float,
        metavar="SPREAD",
        help="colorize: less colour where the model is unsure; half of it where its guesses are "
        "this far apart (try 20); default: 0, no fading",
    )
    run.add_argument(
        "--render-size", type=int, metavar=f"{RENDER_SIZES[0]}..{RENDER_SIZES[1]}",
        help="enhance and colorize: the network sees the picture reduced to a square of this side; "
        "smaller is faster",
    )  # fmt: skip
    run.add_argument(
        "--detail",
        type=float,
        metavar="0..1",
        help="chroma: how much of the detail that a model of chroma_merged proposes is added; "
        "default: 1, all of it",
    )
    video.add_arguments(run)
    run.add_argument("--overwrite", action="store_true")

    bench = commands.add_parser("benchmark", help="measure models here")
    benchmark.add_arguments(bench)

    test = commands.add_parser("selftest", help="does a model compute here what it should?")
    test.add_argument("files", nargs="*", metavar="FILE", help="default: all that ship")

    serve = commands.add_parser("serve", help="a page and an API in the browser")
    web.add_arguments(serve)

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


def _run(options: argparse.Namespace) -> int:
    moving = video.is_video(options.input)
    usual = options.model is None and not moving
    path = models_folder.for_pictures() if usual else models_folder.find(options.model)
    model = TFLiteModel(path, options.threads)
    check_options(model, _options(options))
    if moving:
        return video.run(options, model, look_of(_options(options)))
    video.refuse_options(options)
    if options.input.is_dir():
        return _run_folder(options, model)
    if not options.input.exists():
        raise UserError(f"{options.input}: no such file")
    done = _restore(options.input, options.output, options, model)
    print(_line(done, options.output, model))
    return 0


def _run_folder(options: argparse.Namespace, model: TFLiteModel) -> int:
    sources = sorted(p for p in options.input.iterdir() if p.suffix.lower() in EXTENSIONS)
    if not sources:
        raise UserError(f"{options.input}: no pictures in this folder")
    if options.output.exists() and not options.output.is_dir():
        raise UserError(f"{options.output}: a folder is needed, as INPUT is one")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{options.output}: cannot be made ({error.strerror})") from None
    failed = 0
    for source in sources:
        # The whole name: photo.jpg and photo.png must not become one file.
        target = options.output / f"{source.name}.png"
        try:
            done = _restore(source, target, options, model)
        except UserError as error:
            print(f"skipped: {error}", file=sys.stderr)
            failed += 1
            continue
        print(_line(done, target, model), flush=True)
    if failed == len(sources):
        raise UserError(f"{options.input}: none of {failed} pictures could be restored")
    print(f"{len(sources) - failed} of {len(sources)} pictures restored")
    return 1 if failed else 0


def _restore(
    source: Path, target: Path, options: argparse.Namespace, model: TFLiteModel
) -> Restored:
    return restore_file(
        source,
        target,
        model,
        _options(options),
        overwrite=options.overwrite,
        progress=_progress if sys.stderr.isatty() else None,
    )


def _options(options: argparse.Namespace) -> Options:
    hints = read_hints(options.hints) if options.hints else None
    return Options(
        resample=options.resample,
        strength=options.strength,
        fade=options.fade,
        hints=hints,
        reference=load(options.reference) if options.reference else None,
        average=options.average,
        render_size=options.render_size,
        detail=options.detail,
    )


def _progress(done: int, total: int) -> None:
    if total > 20:  # shorter ones are over before anybody reads it
        end = "\n" if done == total else ""
        print(f"\r{done}/{total} tiles", end=end, file=sys.stderr, flush=True)


def _line(done: Restored, target: Path, model: TFLiteModel) -> str:
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in done.seconds.items())
    notes = "".join(f"\nnote: {note}" for note in done.notes)
    return (
        f"wrote {target} ({done.info.width}x{done.info.height}, {model.card.name}; {stages}){notes}"
    )


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
        "run": _run,
        "benchmark": benchmark.run,
        "selftest": _selftest,
        "serve": web.run,
        "camera": camera.run,
    }
    return cli.run(_parser(), lambda options: commands[options.command](options), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
