"""Reports as one HTML file: no script, no outside address, light and dark, phone and desktop.

Functions take plain text, which the templates escape; what they return is ``Html``, which is put
into a page as it is. A report is
``page(title, [Section(heading, join(paragraph(...), table(...))), ...])``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

# Text that is HTML already.
Html = Markup


def _breakable(text: str) -> Html:
    """A name that may go on in a second line before each dot, as ``PRESET.RECIPE`` does."""
    return escape(text).replace(".", Html("<wbr>."))


# From this folder rather than from a package of some name: it is copied to devices as it is.
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["breakable"] = _breakable


def render(template: str, **values: Any) -> Html:
    """A template of this folder, filled in; what is not ``Html`` is escaped."""
    return Html(_TEMPLATES.get_template(template).render(values))


@dataclass(frozen=True)
class Section:
    """A part of a page: its heading (plain text) and what stands below."""

    heading: str
    body: Html


def join(*parts: Html) -> Html:
    """Parts one after the other."""
    return Html("\n").join(parts)


def paragraph(text: str) -> Html:
    """A paragraph of plain text."""
    return Html("<p>{}</p>").format(text)


def warning(text: str) -> Html:
    """A paragraph of plain text that must not be missed."""
    return Html('<p class="warning">{}</p>').format(text)


def page(title: str, sections: Iterable[Section], lead: str = "") -> str:
    """The whole document.

    Args:
        title: of the page, plain text.
        sections: in order.
        lead: one sentence below the title.
    """
    return f"{render('page.html', title=title, sections=sections, lead=lead)}\n"


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric: Collection[int] = (),
    bad: Collection[int] = (),
) -> Html:
    """A table that scrolls sideways on a small screen.

    Args:
        caption: says what is shown, and in which units.
        header: the columns' names; the first column names the rows.
        rows: plain text, as many cells as ``header``.
        numeric: indices of columns to align on the right.
        bad: indices of rows to mark as failed.
    """
    return render("table.html", caption=caption, header=header, rows=rows, numeric=numeric, bad=bad)


def definitions(pairs: Mapping[str, object]) -> Html:
    """Names and values, one below the other."""
    return render("definitions.html", pairs=pairs)


def gallery(items: Iterable[tuple[Html, str, str]]) -> Html:
    """Small pictures side by side: each a picture, its name and a note (plain text)."""
    return render("gallery.html", items=items)


def figure(body: Html, caption: str) -> Html:
    """A picture or drawing with a caption (plain text)."""
    return render("figure.html", body=body, caption=caption)
