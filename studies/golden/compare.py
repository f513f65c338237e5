"""What differs between two recordings, a line an output."""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .cases import PRESETS, Case

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif")
VIDEOS = (".mkv", ".mp4", ".mov")
# Of a machine, or of the moment.
_VOLATILE = {"latency_ms", "peak_rss_bytes", "host", "measured", "seconds", "curve", "spent",
             "measured_on", "bytes", "before", "during", "after",
             "warnings"}  # fmt: skip

# Among them the labels of a chart, which make room for each other.
_OF_TIMES = re.compile(r"settled|machine busy|next: |a picture$|^(\S+ ?\S*)$")


def differences(first: Path, second: Path, case: Case | None = None) -> Iterator[str]:
    """How the files of a case's two folders differ.

    Args:
        first: before.
        second: after.
        case: or None for an answer of the studio.
    """
    masked_rows, timed = (case.masked_rows, case.timed) if case else (0, False)
    names = [
        {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        for folder in (first, second)
    ]
    for name in sorted(names[0] ^ names[1]):
        yield f"{name}: {'is missing' if name in names[0] else 'is new'}"
    for name in sorted(names[0] & names[1]):
        if why := _file(first / name, second / name, masked_rows, timed):
            yield f"{name}: {why}"


def _file(one: Path, other: Path, masked_rows: int, timed: bool) -> str:
    data = one.read_bytes(), other.read_bytes()
    if data[0] == data[1]:
        return ""
    kind = one.suffix.lower()
    if kind in VIDEOS:
        return _video(one, other, masked_rows)
    return _bytes(kind, *data, timed)


def _bytes(kind: str, one: bytes, other: bytes, timed: bool = False) -> str:
    if one == other:
        return ""
    if kind in PICTURES:
        return _picture(one, other)
    if kind == ".json":
        values = [_steady(json.loads(data)) for data in (one, other)]
        return _json(*values)
    if kind == ".zip":
        return _zip(one, other)
    texts = [data.decode("utf-8", "replace") for data in (one, other)]
    if kind == ".html":
        texts = [_visible(text) for text in texts]
    if timed:
        texts = [_untimed(text) for text in texts]
    return _lines(*texts)


def _untimed(text: str) -> str:
    """Without numbers, whose widths and whose order may be those of times; JSON has the others.

    Nor what depends on the times: how steady they were, the model proposed.
    """
    lines = [" ".join(re.sub(r"[-+]?\d[\d.,]*", "#", line).split()) for line in text.splitlines()]
    return "\n".join(sorted(line for line in lines if not _OF_TIMES.search(line)))


def _picture(one: bytes, other: bytes) -> str:
    pixels = [_decoded(data) for data in (one, other)]
    why = _arrays(*pixels)
    return why or "equal pixels, but other bytes"


def _decoded(data: bytes) -> NDArray[Any]:
    found: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.zeros((0, 0)) if found is None else found


def _arrays(one: NDArray[Any], other: NDArray[Any]) -> str:
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return f"{one.shape} {one.dtype} became {other.shape} {other.dtype}"
    apart = np.abs(one.astype(np.int64) - other.astype(np.int64))
    if not apart.any():
        return ""
    return f"values differ by up to {apart.max()}, {np.mean(apart > 0):.2%} of them"


def _video(one: Path, other: Path, masked_rows: int) -> str:
    before, after = _content(one, masked_rows), _content(other, masked_rows)
    if before[0] != after[0]:
        return _lines("\n".join(before[0]), "\n".join(after[0]))
    for index, planes in enumerate(zip(before[1], after[1], strict=True)):
        for name, values in zip("YUV", zip(*planes, strict=True), strict=False):
            if why := _arrays(*values):
                return f"frame {index}, {name}: {why}"
    return ""


def _content(path: Path, masked_rows: int) -> tuple[list[str], list[list[NDArray[Any]]]]:
    """What a file tells of itself, line by line, and each frame's planes."""
    told, frames = [], []
    with av.open(str(path)) as source:
        video = source.streams.video[0]
        for frame in source.decode(video):
            told.append(
                f"{float((frame.pts or 0) * (video.time_base or 1)):.6f} {frame.format.name} "
                f"{frame.colorspace} {frame.color_primaries} {frame.color_trc} {frame.color_range}"
            )
            planes = []
            for index, plane in enumerate(frame.planes):
                deep: Any = np.uint16 if "10" in frame.format.name else np.uint8
                lines = np.frombuffer(bytes(plane), deep).reshape(plane.height, -1)
                skipped = masked_rows * plane.height // frame.planes[0].height
                planes.append(lines[skipped:, : plane.width])
                told.append(f"plane {index}: {plane.width}x{plane.height}")
            frames.append(planes)
        told.append(video.codec_context.name)
    with av.open(str(path)) as source:
        for stream in source.streams.audio:
            told.append(f"sound {stream.codec_context.name}")
        if source.streams.audio:
            packets = source.demux(audio=0)
            told += [f"{p.pts} {hashlib.sha256(bytes(p)).hexdigest()}" for p in packets]
    return told, frames


def _steady(values: Any) -> Any:
    """JSON without what is of a machine or of a moment, and of the presets compared alone."""
    if isinstance(values, dict):
        kept = {key for key in values if key not in _VOLATILE and not key.endswith("_ms")}
        return {key: _steady(values[key]) for key in values if key in kept}
    if isinstance(values, list):
        models = values and all(isinstance(one, dict) and "takes" in one for one in values)
        return [_steady(one) for one in values if not models or one["name"] in PRESETS]
    return values


def _json(one: Any, other: Any, path: str = "$") -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        if set(one) != set(other):
            return f"{path}: keys {sorted(set(one) ^ set(other))} are in one alone"
        return next((why for key in one if (why := _json(one[key], other[key], f"{path}.{key}"))),
                    "")  # fmt: skip
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next((why for at, (a, b) in pairs if (why := _json(a, b, f"{path}[{at}]"))), "")
    return "" if one == other else f"{path}: {str(one)[:60]} became {str(other)[:60]}"


def _zip(one: bytes, other: bytes) -> str:
    archives = [zipfile.ZipFile(io.BytesIO(data)) for data in (one, other)]
    names = [sorted(archive.namelist()) for archive in archives]
    if names[0] != names[1]:
        return f"holds {names[1]} instead of {names[0]}"
    for name in names[0]:
        data = [archive.read(name) for archive in archives]
        if why := _bytes(Path(name).suffix, data[0], data[1]):
            return f"{name}: {why}"
    return ""


class _Seen(HTMLParser):
    """Collects what a reader sees: texts, and what inline pictures hold."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the picture of a data address."""
        self._hidden += tag in ("style", "script", "svg")
        source = dict(attrs).get("src") or ""
        if source.startswith("data:image"):
            data = base64.b64decode(source.partition(",")[2])
            self.found.append(f"picture {hashlib.sha256(_decoded(data).tobytes()).hexdigest()}")

    def handle_endtag(self, tag: str) -> None:
        """Leave what is not seen."""
        self._hidden -= tag in ("style", "script", "svg")

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if not self._hidden and data.strip():
            self.found.append(" ".join(data.split()))


def _visible(html: str) -> str:
    seen = _Seen()
    seen.feed(html)
    return re.sub(r"/\S+/", "", "\n".join(seen.found))


def _lines(one: str, other: str) -> str:
    changed = [
        line
        for line in difflib.unified_diff(one.splitlines(), other.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    return " | ".join(changed[:4])[:400]
