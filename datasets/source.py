"""A list of picture files: what ``sources`` opens and reads, and ``records`` is made of."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_demo.errors import UserError


@dataclass(frozen=True)
class Source:
    """Pictures to read.

    Attributes:
        text: what the user wrote, for reports.
        paths: the files, sorted; of pairs those in good light.
        low: of pairs the files in low light, parallel to ``paths``; else empty.
        counts: of records how many pictures each file holds; else empty.
    """

    text: str
    paths: tuple[Path, ...]
    low: tuple[Path, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many pictures there are, good and bad."""
        return sum(self.counts) if self.counts else len(self.paths)


def some(source: Source, indices: Collection[int]) -> Source:
    """A source of only some of another's files."""
    return dataclasses.replace(
        source,
        paths=tuple(source.paths[index] for index in indices),
        low=tuple(source.low[index] for index in indices) if source.low else (),
        counts=tuple(source.counts[index] for index in indices) if source.counts else (),
    )


def joined(sources: Sequence[Source]) -> Source:
    """One source of the photographs of several."""
    of_records = any(source.counts for source in sources)
    counts = (source.counts or (1,) * len(source.paths) for source in sources)
    return Source(
        " + ".join(source.text for source in sources),
        tuple(path for source in sources for path in source.paths),
        counts=tuple(itertools.chain.from_iterable(counts)) if of_records else (),
    )


def fingerprint(sources: Sequence[Source]) -> str:
    """A digest of the files of some sources, by their names and sizes.

    It tells whether a run is resumed on the pictures that it began with. Nothing is read, so that
    a million files take seconds.

    Raises:
        UserError: a file is not there any more.
    """
    digest = hashlib.sha256()
    for source in sources:
        for path in (*source.low, *source.paths):
            try:
                size = path.stat().st_size
            except OSError as error:
                raise UserError(
                    f"{source.text}: {str(path)!r} has vanished ({error.strerror})"
                ) from None
            digest.update(f"{size} {path.name}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
