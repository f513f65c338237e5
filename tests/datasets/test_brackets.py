"""Pairs out of exposure brackets: the truth, its dark partners, laid over one another."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets import __main__, brackets, sources
from edge_demo.pictures.images import write_image
from edge_demo.tasks import lowlight

Picture = NDArray[np.uint8]


def exposed(picture: Picture, factor: float) -> Picture:
    linear = lowlight.to_linear(picture / 255.0) * factor
    return np.rint(lowlight.from_linear(linear) * 255.0).astype(np.uint8)


@pytest.fixture
def scene(natural: Picture) -> Picture:
    """A photograph of 400x300 whose exposure is good."""
    small = np.asarray(cv2.resize(natural, (400, 300), interpolation=cv2.INTER_AREA), np.uint8)
    gains = np.geomspace(0.2, 5.0, 40)
    means = [abs(exposed(small, gain).mean() / 255.0 - brackets.WANTED) for gain in gains]
    return exposed(small, gains[int(np.argmin(means))])


def write(folder: Path, frames: dict[str, Picture]) -> None:
    folder.mkdir(parents=True)
    for name, rgb in frames.items():
        write_image(folder / f"{name}.png", rgb)


def test_the_best_exposed_frame_is_the_truth(scene: Picture) -> None:
    frames = [exposed(scene, factor) for factor in (0.02, 0.1, 1.0, 8.0)]
    assert brackets.truth(frames) == 2
    assert brackets.truth(frames[:2]) is None
    assert brackets.is_dark(frames[1], frames[2])
    assert not brackets.is_dark(frames[2], frames[2])
    assert not brackets.is_dark(exposed(scene, 1e-4), frames[2])  # nothing is left of it


def test_a_frame_of_a_camera_that_moved_is_laid_over_the_truth(scene: Picture) -> None:
    moved = exposed(np.roll(scene, (3, -5), (0, 1)), 0.1)
    found = brackets.aligned(moved, scene)
    assert found is not None
    low, high = found
    assert low.shape == high.shape
    assert all(one > 0.9 * other for one, other in zip(low.shape[:2], scene.shape[:2], strict=True))
    apart = np.abs(low.astype(float) - exposed(high, 0.1))
    before = np.abs(moved.astype(float) - exposed(scene, 0.1))
    assert apart.mean() < 1.0 < before.mean()


def test_a_frame_that_did_not_move_is_not_touched(scene: Picture) -> None:
    dark = exposed(scene, 0.1)
    found = brackets.aligned(dark, scene)
    assert found is not None and found[0] is dark and found[1] is scene


def test_another_scene_is_no_partner(scene: Picture) -> None:
    rng = np.random.default_rng(0)
    other = cv2.GaussianBlur(rng.integers(0, 90, scene.shape).astype(np.uint8), (0, 0), 3)
    assert brackets.aligned(np.asarray(other, np.uint8), scene) is None


def test_folders_of_brackets_become_pairs(
    scene: Picture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "brackets"
    factors = {"a": 0.02, "b": 0.03, "c": 0.045, "d": 0.06, "e": 0.08, "good": 1.0, "much": 9.0}
    write(inside / "room", {name: exposed(scene, f) for name, f in factors.items()})
    write(inside / "night", {name: exposed(scene, factors[name]) for name in "ab"})
    write(inside / "day", {"good": scene})
    whole = (inside / "room" / "good.png").read_bytes()
    for place in ("room", "broken"):
        (inside / place).mkdir(exist_ok=True)
        (inside / place / "half.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "pairs"
    command = ["brackets", str(inside), "--longer-side", "320", "--out", str(out)]
    assert __main__.main(command) == 0
    told, left_out = capsys.readouterr()
    assert left_out.count("left out: ") == 2 and "half.png" in left_out
    assert "broken: no frame can be read" in told
    assert "night: no frame is well exposed" in told and "day: no frame is dark" in told
    assert f"wrote {brackets.MOST} pairs" in told
    pairs = list(sources.pairs(sources.open_source(f"pairs:{out}")))
    assert [path.name.split("_")[-1] for path, *_ in pairs] == ["a.png", "b.png", "c.png", "e.png"]
    assert all(310 <= max(high.shape) <= 320 for _, _, high in pairs)
    assert all(low.mean() < 0.75 * high.mean() for _, low, high in pairs)

    assert __main__.main(command) == 2  # nothing is written over
    assert "not empty" in capsys.readouterr().err
    assert __main__.main(["brackets", str(inside / "day"), "--out", str(tmp_path / "x")]) == 2
    assert "not one pair" in capsys.readouterr().err
    assert __main__.main(["brackets", str(inside), "--longer-side", "9", "--out", "x"]) == 2
