"""Lines of cells as a table: for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

Lines = Sequence[Sequence[str]]


def aligned(header: Sequence[str], lines: Lines, words: Collection[str]) -> str:
    """A table for a terminal, without a line break at its end.

    Args:
        header: names of the columns.
        lines: as many cells each.
        words: columns that stand on the left; the others, numbers, stand on the right.
    """
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if name in words else cell.rjust(width)
            for name, cell, width in zip(header, cells, widths, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join(map(line, (header, *lines)))


def markdown(header: Sequence[str], lines: Lines, text_columns: int = 1) -> str:
    """A table for a page; all columns but the first few are aligned on the right."""
    rule = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (header, rule, *lines))
