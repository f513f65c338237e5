"""The part of ``python -m edge_demo run`` that is about a folder of pictures.

Nothing in a folder is passed over in silence, one picture that fails ends nothing, and the same
command again goes on where the last one stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import cli
from .chosen import Chosen
from .device.picture_file import restore_file
from .errors import UserError
from .file_kind import is_video
from .pictures import containers
from .pictures.images import EXTENSIONS

# Of the files that are left out, so many are named; the others are counted.
_NAMED = 5
# A name ends here, in bytes, on nearly every file system.
_PNG = ".png"


@dataclass
class Found:
    """What lies in a folder.

    Attributes:
        pictures: to be restored, in order.
        left: why to the names of what is not restored for that reason, beside hidden files.
        hidden: how many files were hidden (macOS's ``._`` files among them).
        unread: messages of folders that could not be read.
    """

    pictures: list[Path] = field(default_factory=list)
    left: dict[str, list[str]] = field(default_factory=dict)
    hidden: int = 0
    unread: list[str] = field(default_factory=list)

    def leave(self, path: Path, why: str) -> None:
        """Note what is not restored."""
        self.left.setdefault(why, []).append(path.name)


def find(folder: Path, recursive: bool, output: Path) -> Found:
    """Everything in a folder.

    Args:
        folder: whose pictures are wanted.
        recursive: whether those of the folders in it are, too.
        output: a folder that is not looked into.

    Raises:
        UserError: it cannot be read.
    """
    found = Found()
    _look_into(folder, recursive, output, found)
    if found.unread and not found.pictures:
        raise UserError(found.unread[0])
    return found


def _look_into(folder: Path, recursive: bool, output: Path, found: Found) -> None:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        found.unread.append(f"{folder}: cannot be read ({error.strerror})")
        return
    below = []
    for path in entries:
        try:
            is_folder = path.is_dir()
        except OSError as error:  # a folder that may be listed, but not entered
            found.unread.append(f"{path}: cannot be read ({error.strerror})")
            continue
        if path.name.startswith("."):
            found.hidden += 1
        elif is_folder:
            if output.exists() and path.samefile(output):
                continue
            if recursive and path.is_symlink():
                found.leave(path, "a link to a folder")
            elif recursive:
                below.append(path)
            else:
                found.leave(path, "a folder: --recursive takes it, too")
        elif path.suffix.lower() in EXTENSIONS:
            found.pictures.append(path)
        elif is_video(path):
            found.leave(path, "a video: give it by itself")
        elif _is_picture(path):
            found.pictures.append(path)
        else:
            found.leave(path, "no picture of a kind that is read here")
    for path in below:
        _look_into(path, recursive, output, found)


def _is_picture(path: Path) -> bool:
    """Whether a file is a picture, whatever it is called."""
    try:
        containers.probe(path)
    except UserError:
        return False
    return True


def targets(folder: Path, pictures: list[Path], output: Path) -> Iterator[tuple[Path, Path]]:
    """Each picture's output: ``a.png`` of ``a.png``, ``a.jpg.png`` of ``a.jpg``.

    Of the whole name, because photo.jpg and photo.webp must not become one file.
    """
    taken = {path for path in pictures if path.suffix.lower() == _PNG}
    for path in pictures:
        place = path
        if path not in taken:
            place = path.with_name(path.name + _PNG)
            while place in taken:
                place = place.with_name(place.name + _PNG)
        yield path, output / place.relative_to(folder)


def run(options: argparse.Namespace, choose: Chosen) -> int:
    """Restore a folder's pictures; the exit code: 0, or 1 where some could not be.

    Raises:
        UserError: nothing in it that could be restored, or no folder to write into.
    """
    source, output = options.input, options.output
    if output.exists() and not output.is_dir():
        raise UserError(f"{output}: a folder is needed, as INPUT is one")
    if output.exists() and output.samefile(source):
        raise UserError(f"{output}: is INPUT itself; name another folder for the results")
    found = find(source, options.recursive, output)
    if not found.pictures:
        raise UserError(f"{source}: no pictures in this folder{_left_out(found)}")
    _make(output)
    if choose.names is None:
        print("each picture gets the task that fits it; --task NAME chooses otherwise", flush=True)
    for message in found.unread:
        print(f"skipped: {message}", file=sys.stderr)
    with cli.killable():
        done = _restore(options, choose, found)
    restored, finished, failed = done
    total = len(found.pictures)
    if failed == total:
        raise UserError(f"{source}: none of {failed} pictures could be restored{_left_out(found)}")
    again = f", {finished} were finished before" if finished else ""
    print(f"{restored} of {total} pictures restored{again}{_left_out(found)}")
    return 1 if failed or found.unread else 0


def _restore(options: argparse.Namespace, choose: Chosen, found: Found) -> tuple[int, int, int]:
    """How many were restored, finished before, and could not be."""
    restored = finished = failed = 0
    total = len(found.pictures)
    began = time.perf_counter()
    pairs = [*targets(options.input, found.pictures, options.output)]
    try:
        for count, (source, target) in enumerate(pairs, 1):
            try:
                if not options.overwrite and target.exists():
                    finished += 1
                    continue
                _make(target.parent)
                done = restore_file(source, target, choose, overwrite=options.overwrite)
            except (UserError, OSError) as error:
                print(f"skipped: {_line(error)}", file=sys.stderr, flush=True)
                failed += 1
                continue
            restored += 1
            left = cli.remaining(time.perf_counter() - began, count - finished, total - finished)
            why = [f"  {done.work.why}"] if done.work.why else []
            print(
                f"{done.told(target)} [{count} of {total}, {left} left]", *why, *done.noted,
                sep="\n", flush=True,
            )  # fmt: skip
    except KeyboardInterrupt:
        print(
            f"\nstopped after {restored + finished} of {total} pictures; the same command again "
            "goes on",
            file=sys.stderr,
        )
        raise
    return restored, finished, failed


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror})") from None


def _line(error: UserError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{os.fsdecode(error.filename or '')}: {error.strerror}"
    return " ".join(str(error).split())


def _left_out(found: Found) -> str:
    """What of a folder is no picture, for a sentence's end."""
    parts = []
    for why, names in found.left.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        parts.append(f"{', '.join(names[:_NAMED])}{more} ({why})")
    if found.hidden:
        parts.append(f"{found.hidden} hidden file{'s' if found.hidden > 1 else ''}")
    return f"; left out: {', '.join(parts)}" if parts else ""
