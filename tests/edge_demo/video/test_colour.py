"""Grey videos coloured: lightness stays, colours hold still, and each scene begins anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo import __main__ as command
from edge_demo.device import restorers
from edge_demo.video.restore import RestoredVideo, restore_video
from edge_demo.video.writer import target
from tests.videos import Clip, content, make_clip, moving


def coloured(
    clip: Clip, out: Path, model: Path, strength: float | None = None, **options: Any
) -> tuple[RestoredVideo, list[list[NDArray[Any]]]]:
    restorer = restorers.load(model).with_options(strength=strength)
    done = restore_video(clip.path, target(out, None, None, False), restorer, **options)
    return done, content(out).planes


def chroma_of(planes: list[list[NDArray[Any]]]) -> NDArray[np.float64]:
    return np.stack([np.dstack(frame[1:]) for frame in planes]).astype(float)


@pytest.fixture(scope="module")
def greys() -> list[NDArray[np.uint8]]:
    return [np.repeat(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)[..., None], 3, -1) for one in moving(3)]


def test_frames_get_colours_and_keep_their_light(
    tmp_path: Path, colour_models: dict[str, Path], greys: list[NDArray[np.uint8]]
) -> None:
    for index, pixels in enumerate(("gray", "yuv420p")):
        codec = "ffv1" if pixels == "gray" else "libx264"
        clip = make_clip(tmp_path, f"{index}.mkv", rgb=greys, pixels=pixels, codec=codec)
        done, found = coloured(clip, tmp_path / f"out{index}.mkv", colour_models["ab"])
        assert done.counts.frames == len(found) == 3
        assert np.abs(chroma_of(found) - 128).max() > 2
        _, none = coloured(clip, tmp_path / f"none{index}.mkv", colour_models["ab"], strength=0.0)
        assert np.abs(chroma_of(none) - 128).max() <= 1
        for before, after in zip(clip.planes, none, strict=True):
            assert np.abs(after[0].astype(int) - before[0]).max() <= 1


def test_colours_are_held_steady(
    tmp_path: Path, colour_models: dict[str, Path], greys: list[NDArray[np.uint8]]
) -> None:
    """A still picture that shimmers is coloured anew each time without the filter."""
    noise = np.random.default_rng(0).normal(0, 4, (6, *greys[0].shape[:2], 1))
    noisy = [np.clip(np.rint(greys[0] + one), 0, 255).astype(np.uint8) for one in noise]
    clip = make_clip(tmp_path, rgb=noisy)
    changes = []
    for index, smoothing in enumerate((0.0, 0.8)):
        out = tmp_path / f"{index}.mkv"
        _, found = coloured(clip, out, colour_models["ab"], smoothing=smoothing)
        changes.append(np.abs(np.diff(chroma_of(found), axis=0)).mean())
    assert changes[1] < 0.8 * changes[0]


def test_a_scene_begins_anew(
    tmp_path: Path, colour_models: dict[str, Path], greys: list[NDArray[np.uint8]]
) -> None:
    other = [255 - one[::-1] for one in greys[:2]]
    clip = make_clip(tmp_path, rgb=[*greys[:2], *other])
    done, found = coloured(clip, tmp_path / "both.mkv", colour_models["ab"])
    assert done.cuts == 1
    alone = make_clip(tmp_path, "alone.mp4", rgb=other)
    _, by_itself = coloured(alone, tmp_path / "alone.mkv", colour_models["ab"])
    assert np.array_equal(chroma_of(found)[2], chroma_of(by_itself)[0])


def test_the_command_knows_colours_options(
    tmp_path: Path,
    colour_models: dict[str, Path],
    greys: list[NDArray[np.uint8]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    clip = make_clip(tmp_path, rgb=greys)

    def run(out: str, *options: object) -> int:
        words = ("run", clip.path, tmp_path / out, "--model", colour_models["hinted"], *options)
        return command.main([str(word) for word in words])

    assert run("plain.mkv") == run("warm.mkv", "--average", "#c8965a") == 0
    plain, warm = (
        chroma_of(content(tmp_path / name).planes).mean((0, 1, 2))
        for name in ("plain.mkv", "warm.mkv")
    )
    assert warm[0] < plain[0] - 3 and warm[1] > plain[1] + 1  # less blue, more red
    hints = tmp_path / "hints.json"
    hints.write_text('{"hints": [{"x": 5, "y": 5, "color": "#ff0000"}]}')
    capsys.readouterr()
    assert run("hinted.mkv", "--hints", hints) == 2
    said = capsys.readouterr().err
    assert "in a video their places move" in said and said.count("\n") == 1
