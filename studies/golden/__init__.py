"""Prove that a restructuring changes nothing: record what the public commands make, and compare.

``python -m studies golden --record DIR`` makes inputs and runs public commands and the studio on
them; ``python -m studies golden --compare DIR`` runs the same with the code as it now is, prints a
line for each output that differs, and exits with 1 where one does. Pixels, bytes, decoded frames,
sound, JSON and what is said are compared; times are not.
"""

from __future__ import annotations

import fnmatch
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..command import command_line
from . import cases, compare, inputs, record

STUDIO = "studio"


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, or compare."""
    parser = command_line(__name__, __doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--record", type=Path, metavar="DIR", help="a new folder")
    chosen.add_argument("--compare", type=Path, metavar="DIR", help="that --record made")
    parser.add_argument("--only", default="*", metavar="PATTERN",
                        help="cases whose names match; studio: its requests")  # fmt: skip
    parser.add_argument("--keep", type=Path, metavar="DIR",
                        help="with --compare: a new folder for what is made now")  # fmt: skip
    options = parser.parse_args(arguments)
    if options.record:
        folder = options.record.resolve()
        inputs.make(folder / "inputs")
        _record(folder / "inputs", folder / "outputs", options.only)
        print(f"recorded into {folder}")
        return 0
    folder = options.compare.resolve()
    out = options.keep.resolve() if options.keep else Path(tempfile.mkdtemp(prefix="golden"))
    try:
        _record(folder / "inputs", out, options.only)
        count = _compare(folder / "outputs", out, options.only)
    finally:
        if not options.keep:
            shutil.rmtree(out, ignore_errors=True)
    print(f"{count} outputs differ" if count else "no output differs")
    return 1 if count else 0


def _record(made: Path, out: Path, pattern: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    chosen = [case for case in cases.commands() if fnmatch.fnmatch(case.name, pattern)]
    spent = 0.0
    for number, case in enumerate(chosen, 1):
        spent += record.run(case, made, out / case.name)
        if number % 20 == 0:
            print(f"{number} of {len(chosen)} commands, {spent:.0f} s", file=sys.stderr, flush=True)
    if fnmatch.fnmatch(STUDIO, pattern):
        with record.studio() as address:
            for request in cases.requests():
                record.ask(address, request, made, out / STUDIO / request.name)


def _compare(before: Path, after: Path, pattern: str) -> int:
    """Print what differs; how many outputs do."""
    known = {case.name: case for case in cases.commands()}
    names = [name for name in known if fnmatch.fnmatch(name, pattern)]
    if fnmatch.fnmatch(STUDIO, pattern):
        names += [f"{STUDIO}/{request.name}" for request in cases.requests()]
    count = 0
    for name in names:
        for line in compare.differences(before / name, after / name, known.get(name)):
            print(f"{name}/{line}", flush=True)
            count += 1
    return count
