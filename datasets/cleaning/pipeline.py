"""Scores many pictures and finds near pairs with Apache Beam, on one machine or on many.

Beam is an optional dependency (``requirements-scale.txt``). Only scoring and pairing are its work;
who is judged how is decided afterwards, by the same code as without it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_demo.errors import UserError
from edge_demo.quiet import quiet_stderr

from . import near
from .scores import Scores, score

_PAIRS, _SCORES = "pairs", "scores"


def options(runner: str, extra: Sequence[str], workers: int) -> Any:
    """Beam's options.

    Args:
        runner: its name, such as ``DirectRunner``.
        extra: more options as Beam's own command lines take them; they come last and win.
        workers: processes of the DirectRunner; other runners are told theirs by ``extra``.

    Raises:
        UserError: Beam is not installed, there is no such runner, or no such option.
    """
    if importlib.util.find_spec("apache_beam") is None:
        raise UserError(
            "--runner needs Apache Beam: pip install -r requirements-scale.txt (without --runner "
            "this machine's cores are used)"
        )
    # Beam remarks on what it misses for services that nobody asked for.
    logging.getLogger().setLevel(logging.ERROR)
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.runner import create_runner

    try:
        create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise UserError(f"--runner {runner}: {error}") from None
    flags = [f"--runner={runner}"]
    if not is_direct(runner):
        return PipelineOptions([*flags, *extra])
    flags += ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    made = PipelineOptions([*flags, *extra])
    # Other runners may take options that Beam itself does not know.
    known = made.get_all_options()
    for name in made.get_all_options(retain_unknown_options=True):
        if name not in known:
            raise UserError(f"--beam=--{name}: Beam has no such option")
    return made


def is_direct(runner: str) -> bool:
    """Whether a runner is this machine itself."""
    return runner.lower() == "directrunner"


def run(
    paths: Sequence[str],
    known: Iterable[Scores],
    as_stored: bool,
    most: int,
    beam_options: Any,
    scratch: Path,
    direct: bool,
) -> tuple[list[Scores], set[near.Pair]]:
    """Score pictures, and find the near pairs among them and those that are scored already.

    Args:
        paths: pictures to score; every worker reads them under these names.
        known: scores of others.
        as_stored: as ``score`` takes it.
        most: bits that may differ in a near pair.
        beam_options: from ``options``.
        scratch: a folder that every worker can write to, for results under way.
        direct: whether the runner is this machine itself.

    Returns:
        The scores, in the order of ``paths``, and the pairs of hashes.

    Raises:
        UserError: the pipeline failed.
    """
    hashes = [scores.hash for scores in known if scores.hash]
    with tempfile.TemporaryDirectory(prefix=".beam-", dir=scratch) as folder:
        place = Path(folder).resolve()
        # Workers on this machine report every start and stop; what others say may matter.
        hush = quiet_stderr() if direct else contextlib.nullcontext()
        try:
            with hush:
                _flow(paths, hashes, as_stored, most, beam_options, place)
        except Exception as error:
            reason = (str(error).strip() or repr(error)).splitlines()[-1]
            raise UserError(f"the pipeline failed: {reason}") from error
        by_path = {s.path: s for s in map(Scores.from_json, _lines(place, _SCORES))}
        pairs = {(one, other) for one, other in map(json.loads, _lines(place, _PAIRS))}
    return [by_path[path] for path in paths], pairs


def _flow(
    paths: Sequence[str],
    hashes: Sequence[str],
    as_stored: bool,
    most: int,
    beam_options: Any,
    place: Path,
) -> None:
    """Run the pipeline, which leaves its results as lines of JSON in a folder."""
    import apache_beam as beam

    with beam.Pipeline(options=beam_options) as flow:
        scored = (
            flow
            | "paths" >> beam.Create(list(paths), reshuffle=True)
            | "score" >> beam.Map(score, as_stored=as_stored)
        )
        (
            scored
            | "lines" >> beam.Map(Scores.to_json)
            | "write scores" >> beam.io.WriteToText(str(place / _SCORES))
        )
        new = scored | "hashes" >> beam.FlatMap(_hash)
        old = flow | "known" >> beam.Create(hashes)
        (
            (new, old)
            | beam.Flatten()
            | "once" >> beam.Distinct()
            | "file" >> beam.FlatMap(_filed, most)
            | beam.GroupByKey()
            | "compare" >> beam.FlatMap(_compared, most)
            | "pairs once" >> beam.Distinct()
            | "write pairs" >> beam.io.WriteToText(str(place / _PAIRS))
        )


# Between steps a hash is its digits: Beam's whole numbers have a sign, and so only 63 bits.


def _hash(scores: Scores) -> list[str]:
    return [scores.hash] if scores.hash else []


def _filed(digits: str, most: int) -> Iterator[tuple[int, str]]:
    return ((file, digits) for file in near.files(int(digits, 16), most))


def _compared(group: tuple[int, Iterable[str]], most: int) -> Iterator[str]:
    values = (int(digits, 16) for digits in group[1])
    return (json.dumps(pair) for pair in near.pairs_in(values, most))


def _lines(folder: Path, name: str) -> Iterator[str]:
    for shard in sorted(folder.glob(f"{name}-*")):
        yield from shard.read_text().splitlines()
