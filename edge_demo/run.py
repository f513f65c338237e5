"""``python -m edge_demo run``: a picture, every picture of a folder, or a video."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from . import chosen, cli, folder
from .chosen import Chosen
from .device import plan
from .device.dump import Dump
from .device.hints import read_hints
from .device.options import RENDER_SIZES, TABLE
from .device.picture_file import Work, restore_file
from .errors import UserError
from .file_kind import is_video
from .pictures.picture import Picture, read
from .video import options as video


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``run``."""
    parser.add_argument("input", type=Path, metavar="INPUT")
    parser.add_argument("output", type=Path, metavar="OUTPUT",
                     help=".png, .jpg, .webp or .tif; a folder when INPUT is one; of a video "
                     ".mkv, .mp4 or .mov")  # fmt: skip
    parser.add_argument(
        "--model",
        metavar="NAME|FILE",
        help="a preset, an architecture (unet) or a file; its task decides what is done; "
        "default: the usual one of the task",
    )
    parser.add_argument(
        "--task",
        metavar="NAME[,NAME]",
        help="auto, chroma, enhance, colorize, or several of them in one go; default: auto, what a "
        "look at the picture says (of a video: chroma)",
    )
    parser.add_argument(
        "--recursive", action="store_true", help="of a folder: the folders in it, too"
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
        "--brightness",
        type=float,
        metavar="0.25..4",
        help="enhance: how bright the result is beside what the model makes; below 1 darker, above "
        "1 brighter; default: 1",
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
    moving = is_video(options.input)
    names = plan.tasks_of(options.task)
    if options.dump and (moving or options.input.is_dir()):
        raise UserError("--dump is of one picture, not of a folder or a video")
    if options.recursive and not options.input.is_dir():
        raise UserError(f"--recursive is of folders; {options.input} is none")
    if moving and not options.input.is_dir():
        from .video import command

        return command.run(options, chosen.of_video(options, names, _given(options)))
    video.refuse_options(options)
    if not options.input.is_dir() and not options.input.exists():
        raise UserError(f"{options.input}: no such file")
    choose = Chosen(options.model, names, _given(options), options.threads)
    if options.input.is_dir():
        return folder.run(options, choose)
    return _picture(options, choose)


def _picture(options: argparse.Namespace, choose: Chosen) -> int:
    dump = Dump(options.dump, options.overwrite) if options.dump else None

    def work(picture: Picture) -> Work:
        found = choose(picture)
        if found.why:
            print(chosen.told(found), flush=True)
        if dump is None:
            return found
        return Work(tuple(one.dumping(dump) for one in found.restorers), found.why, found.notes)

    done = restore_file(
        options.input, options.output, work,
        overwrite=options.overwrite,
        progress=_progress if sys.stderr.isatty() else None,
    )  # fmt: skip
    print(done.told(options.output), *done.noted, sep="\n")
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


def _progress(done: int, total: int) -> None:
    if total > 20:  # shorter ones are over before anybody reads it
        cli.moving(f"{done}/{total} tiles", last=done == total, stream=sys.stderr)
