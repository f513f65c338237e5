"""The cleaning as a page to look at: what was left out and why, and how the scores lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge_demo.errors import UserError
from edge_demo.pictures.images import read_rgb, to_uint8
from edge_demo.report import charts, embedded, pages

from .verdicts import KINDS, Judged, Thresholds, Verdict

# Pictures shown of each kind.
SHOWN = 24
_KEPT_SHOWN = 12

# Measures in the order of the page: what they say, the unit, whether values above the limit are
# unfit, and the verdict that then follows.
_HISTOGRAMS = {
    "spread": ("Spread of the colours of one lightness", "Lab units", False, "monochrome"),
    "tint": ("Tint of the least tinted pixels", "share of lightness", True, "skewed"),
    "ends": ("Colour of the darkest and the brightest pixels", "Lab units", True, "skewed"),
    "clipped": ("Pixels with one channel at its end and another far off", "share", True, "skewed"),
    "channel": ("Contrast of the weakest channel over the strongest's", "share", False, "skewed"),
    "blur": ("Fine contrast that a further blur leaves", "share", True, "blurry"),
    "period": ("Trace that interpolation left in the colour", "dB", True, "subsampled"),
    "gap": ("Emptiness of the upper half of the colour's band", "dB", True, "subsampled"),
}


def page(judged: Sequence[Judged], kept: Sequence[Judged], limits: Thresholds, root: Path) -> str:
    """The document.

    Args:
        judged: every picture, as ``verdicts.judge`` gives them.
        kept: those that are left.
        limits: that they were judged by.
        root: the folder that was cleaned; names are shown below it.
    """
    by_kind = {kind: [one for one in judged if kind in one.kinds] for kind in KINDS}
    sections = [pages.Section("What was found", _summary(by_kind, kept, len(judged)))]
    for kind, found in by_kind.items():
        if found:
            sections.append(pages.Section(f"{kind.capitalize()}: {len(found)}",
                                         _kind(kind, found, root)))  # fmt: skip
    if kept:
        sections.append(pages.Section("Kept, for comparison", _kept(kept, root)))
    drawings = _histograms(judged, limits)
    if drawings:
        sections.append(pages.Section("Scores", drawings))
    lead = f"{len(kept)} of {len(judged)} pictures in {_shown(root)} are fit to train on."
    return pages.page("Which pictures are fit", sections, lead)


def _shown(path: object) -> str:
    """A name as text, also where it is none in UTF-8."""
    return str(path).encode("utf-8", "replace").decode()


def _summary(by_kind: dict[str, list[Judged]], kept: Sequence[Judged], total: int) -> pages.Html:
    rows = [
        [kind, str(len(found)), f"{len(found) / total:.1%}", KINDS[kind]]
        for kind, found in by_kind.items()
    ]
    rows.append(["kept", str(len(kept)), f"{len(kept) / total:.1%}", ""])
    caption = "Pictures of each kind; one picture can be of several."
    return pages.table(caption, ["verdict", "pictures", "share", "meaning"], rows, {1, 2})


def _kind(kind: str, found: Sequence[Judged], root: Path) -> pages.Html:
    text = f"{KINDS[kind].capitalize()}."
    if len(found) > SHOWN:
        text += f" {SHOWN} of {len(found)}, evenly chosen; manifest.json names all."
    items = []
    for one in _some(found, SHOWN):
        verdict = next(v for v in one.verdicts if v.kind == kind)
        items.append((_picture(one, verdict), _name(one.scores.path, root), _note(verdict, root)))
    return pages.join(pages.paragraph(text), pages.gallery(items))


def _kept(kept: Sequence[Judged], root: Path) -> pages.Html:
    items = [(_picture(one), _name(one.scores.path, root), "") for one in _some(kept, _KEPT_SHOWN)]
    return pages.gallery(items)


def _some(found: Sequence[Judged], most: int) -> list[Judged]:
    places = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
    return [found[place] for place in places]


def _name(path: str, root: Path) -> str:
    return _shown(Path(path).relative_to(root))


def _note(verdict: Verdict, root: Path) -> str:
    return f"{verdict.why}: {_name(verdict.of, root)}" if verdict.of else verdict.why


def _picture(one: Judged, verdict: Verdict | None = None) -> pages.Html:
    """A thumbnail; of a copy beside the picture that is kept in its place."""
    if one.scores.problem:
        return pages.Html("")
    paths = [one.scores.path, *([verdict.of] if verdict and verdict.of else [])]
    side = 192 // len(paths)
    try:
        pictures = [to_uint8(read_rgb(path).rgb) for path in paths]
    except UserError:  # gone since it was scored
        return pages.Html("")
    parts = []
    for rgb in pictures:
        scale = side / max(rgb.shape[:2])
        size = tuple(max(1, round(length * scale)) for length in (rgb.shape[1], rgb.shape[0]))
        # Pixels of a tiny picture are shown as they are.
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
        parts.append(np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8))
    height = max(part.shape[0] for part in parts)
    padded = [
        np.pad(part, ((0, height - part.shape[0]), (0, 0), (0, 0)), constant_values=255)
        for part in parts
    ]
    return embedded.thumbnail(np.concatenate(padded, axis=1), "")


def _histograms(judged: Sequence[Judged], limits: Thresholds) -> pages.Html | None:
    drawings = []
    for name, (title, unit, above, kind) in _HISTOGRAMS.items():
        values = [one.scores.measures[name] for one in judged if name in one.scores.measures]
        if values:
            limit: float = getattr(limits, name)
            text = f"{title}: {'above' if above else 'below'} {limit:g}, {kind}."
            drawings.append(pages.figure(charts.histogram(values, limit, above, unit, text), text))
    if not drawings:
        return None
    lead = (
        "Each picture counts once in each drawing. Bars beyond the limit, a dashed line, are red; "
        "the first and the last bar hold all that lies further out."
    )
    return charts.group("Where the limits lie", lead, *drawings)
