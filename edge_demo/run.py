"""``python -m edge_demo run``: a picture, every picture of a folder, or a video."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from . import cli
from .device import restorers
from .device.dump import Dump
from .device.hints import read_hints
from .device.options import RENDER_SIZES, TABLE
from .device.picture_file import Restored, restore_file
from .device.restorer import Restorer
from .errors import UserError
from .model import models_folder
from .pictures.images import EXTENSIONS
from .pictures.picture import read
from .video import command as video


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``run``."""
    parser.add_argument("input", type=Path, metavar="INPUT")
    parser.add_argument("output", type=Path, metavar="OUTPUT",
                     help=".png, .jpg, .webp or .tif; a folder when INPUT is one; of a video "
                     ".mkv, .mp4 or .mov")  # fmt: skip
    parser.add_argument(
        "--model",
        metavar="NAME|FILE",
        help="its task decides what is done; default: the shipped 8-bit model of chroma",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resample", action="store_true",
                     help="rebuild full-resolution chroma that was 4:2:0 before")  # fmt: skip
    parser.add_argument(
        "--strength",
        type=float,
        metavar="0..1",
        help="how far a model of enhance brightens a dark picture, how much colour one of colorize "
        "gives; default: 1",
    )
    parser.add_argument(
        "--hints", type=Path, metavar="FILE", help="colorize: colours at places, a JSON file"
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="colorize: a photograph whose colours the whole picture is to have",
    )
    parser.add_argument(
        "--average", metavar="#rrggbb", help="colorize: the average colour that it is to have"
    )
    parser.add_argument(
        "--fade",
        type=float,
        metavar="SPREAD",
        help="colorize: less colour where the model is unsure; half of it where its guesses are "
        "this far apart (try 20); default: 0, no fading",
    )
    parser.add_argument(
        "--render-size", type=int, metavar=f"{RENDER_SIZES[0]}..{RENDER_SIZES[1]}",
        help="enhance and colorize: the network sees the picture reduced to a square of this side; "
        "smaller is faster",
    )  # fmt: skip
    parser.add_argument(
        "--detail",
        type=float,
        metavar="0..1",
        help="chroma: how much of the detail that a model of chroma_merged proposes is added; "
        "default: 1, all of it",
    )
    video.add_arguments(parser)
    parser.add_argument(
        "--dump",
        type=Path,
        metavar="DIR",
        help="of one picture: also write what each stage makes, from the decoded planes on, into a "
        "new folder",
    )
    parser.add_argument("--overwrite", action="store_true")


def run(options: argparse.Namespace) -> int:
    """Restore what a user named; the exit code.

    Raises:
        UserError: an option that is not of the model, or nothing that could be restored.
    """
    moving = video.is_video(options.input)
    usual = options.model is None and not moving
    path = models_folder.for_pictures() if usual else models_folder.find(options.model)
    restorer = restorers.load(path, options.threads).with_options(**_given(options))
    if options.dump and (moving or options.input.is_dir()):
        raise UserError("--dump is of one picture, not of a folder or a video")
    if moving:
        return video.run(options, restorer)
    video.refuse_options(options)
    if options.input.is_dir():
        return _folder(options, restorer)
    if not options.input.exists():
        raise UserError(f"{options.input}: no such file")
    dump = Dump(options.dump, options.overwrite) if options.dump else None
    asked = restorer.dumping(dump) if dump else restorer
    done = _restore(options.input, options.output, options, asked)
    print(_line(done, options.output, restorer))
    if dump:
        print(f"wrote {len(dump.stages)} stages to {dump.folder}")
    return 0


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """What is asked of the restorer; files are read once, whatever number of pictures follows."""
    given = {name: getattr(options, name) for name in TABLE}
    if options.hints:
        given["hints"] = read_hints(options.hints)
    if options.reference:
        given["reference"] = read(options.reference)
    return given


def _folder(options: argparse.Namespace, restorer: Restorer) -> int:
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
            done = _restore(source, target, options, restorer)
        except UserError as error:
            print(f"skipped: {error}", file=sys.stderr)
            failed += 1
            continue
        print(_line(done, target, restorer), flush=True)
    if failed == len(sources):
        raise UserError(f"{options.input}: none of {failed} pictures could be restored")
    print(f"{len(sources) - failed} of {len(sources)} pictures restored")
    return 1 if failed else 0


def _restore(
    source: Path, target: Path, options: argparse.Namespace, restorer: Restorer
) -> Restored:
    return restore_file(
        source,
        target,
        restorer,
        overwrite=options.overwrite,
        progress=_progress if sys.stderr.isatty() else None,
    )


def _progress(done: int, total: int) -> None:
    if total > 20:  # shorter ones are over before anybody reads it
        cli.moving(f"{done}/{total} tiles", last=done == total, stream=sys.stderr)


def _line(done: Restored, target: Path, restorer: Restorer) -> str:
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in done.seconds.items())
    notes = "".join(f"\nnote: {note}" for note in done.notes)
    return (
        f"wrote {target} ({done.info.width}x{done.info.height}, {restorer.name}; {stages}){notes}"
    )
