"""Frames of a video as truth: its own chroma samples, and luma halved onto their places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets import sources, video
from edge_demo.errors import UserError
from tests.videos import make_clip

FULL = (6, 6, 6, 2)


@pytest.mark.parametrize("siting", ["center", "left", "topleft"])
def test_chroma_is_the_files_own_and_luma_lies_on_it(tmp_path: Path, siting: str) -> None:
    clip = make_clip(tmp_path, tags=FULL, options={"chroma_sample_location": siting})
    frames, total, matrix = video.truths(clip.path)
    found = list(frames)
    assert (len(found), total, matrix) == (4, 4, "bt601")
    for (y, cb, cr), frame in zip(clip.planes, found, strict=True):
        assert frame.shape == (32, 48, 3) and frame.dtype == np.uint8
        assert np.array_equal(frame[..., 1], cb) and np.array_equal(frame[..., 2], cr)
        rows, columns = (0.5, 0.5), (0.5, 0.5)
        if siting != "center":
            columns = (0.25, 0.5, 0.25)
        if siting == "topleft":
            rows = (0.25, 0.5, 0.25)
        # In the middle, by hand: sums over the pixels around a chroma sample.
        for row, column in ((9, 20), (16, 31)):
            top, left = 2 * row - (len(rows) == 3), 2 * column - (len(columns) == 3)
            part = y[top : top + len(rows), left : left + len(columns)].astype(float)
            assert abs(frame[row, column, 0] - rows @ part @ columns) <= 0.5


def test_limited_range_is_stretched(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, tags=(1, 1, 1, 1), pixels="yuv420p10le", count=2)
    frame = next(video.truths(clip.path)[0])
    wanted = (clip.planes[0][1].astype(float) / 4 - 128) * 255 / 224 + 128
    assert np.abs(frame[..., 1] - wanted).max() <= 0.501
    assert video.truths(clip.path)[2] == "bt709"


def test_444_is_as_it_is(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, "in.mkv", tags=FULL, pixels="yuv444p", codec="ffv1", size=(33, 41))
    for planes, frame in zip(clip.planes, video.truths(clip.path)[0], strict=True):
        assert np.array_equal(frame, np.dstack(planes))


def test_grey_is_refused(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, "in.mkv", pixels="gray", codec="ffv1")
    with pytest.raises(UserError, match="a grey video has no chroma"):
        video.truths(clip.path)


def test_a_video_is_no_source_of_photographs() -> None:
    with pytest.raises(UserError, match="frames of a video are only measured on"):
        sources.open_source("video:a.mp4")
    assert sources.video_path("video:a.mp4") == Path("a.mp4")
    assert sources.video_path("folder:a.mp4") is None and sources.video_path("video:") is None
    assert "video:PATH" in sources.KINDS
