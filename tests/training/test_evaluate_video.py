"""Evaluation on a video: figures that follow from its frames, a page and a plot."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import video
from edge_demo.colour.siting import baseline
from edge_demo.measure import metrics
from edge_demo.tasks import chroma
from tests.mistakes import refused
from tests.videos import Clip, make_clip
from training import flicker
from training.__main__ import main
from training.evaluate import load
from training.evaluate_video import BASELINES, FILTERED, EvaluatedVideo, evaluate
from training.report_video import evaluation_html

SIZE = (96, 128)  # halved, SSIM still has room


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return make_clip(tmp_path_factory.mktemp("video"), count=6, size=SIZE)


@pytest.fixture(scope="module")
def model_file(model_files: dict[str, Path]) -> Path:
    return model_files["int8"]


@pytest.fixture(scope="module")
def found(clip: Clip, model_file: Path) -> EvaluatedVideo:
    return evaluate(load(model_file), clip.path, "video:clip", "left", 0.8)


def test_rows(found: EvaluatedVideo) -> None:
    table = found.table
    assert (table["task"], table["images"], table["siting"]) == ("chroma", 6, "left")
    assert (table["data"], table["temporal"]) == ("video:clip", 0.8)
    names = [row["name"] for row in table["rows"]]
    assert names == [*BASELINES, "chroma_residual-test", f"chroma_residual-test{FILTERED}"]
    for row in table["rows"]:
        assert set(row["metrics"]) == {"chroma_psnr", "rgb_psnr", "chroma_ssim", "rgb_ssim",
                                       "flicker", "change_ratio"}  # fmt: skip
        assert all(v["min"] <= v["mean"] <= v["max"] for v in row["metrics"].values())


def test_figures_are_those_of_the_frames(
    found: EvaluatedVideo, clip: Clip, model_file: Path
) -> None:
    frames = list(video.truths(clip.path)[0])
    target = load(model_file)
    made = {}
    for frame in frames:
        planes = chroma.degrade_ycbcr(frame, "left")
        restorer = target.restorer
        for name, cbcr in (
            ("bilinear", baseline("bilinear", planes.cbcr, planes.size, "left")),
            # Not ``reconstruct``, which rounds exact halves of stills as libjpeg does.
            ("chroma_residual-test.int8", restorer.corrected(planes, restorer.correction(planes))),
        ):
            made.setdefault(name, []).append(np.clip(np.rint(cbcr), 0, 255).astype(np.uint8))
    for name, outputs in made.items():
        series = found.frames[name]
        psnr = [
            metrics.psnr(o, np.ascontiguousarray(f[..., 1:]))
            for o, f in zip(outputs, frames, strict=True)
        ]
        assert series["chroma_psnr"] == pytest.approx(psnr, abs=1e-4)
        steps = [
            flicker.Motion(frames[t - 1][..., 0], frames[t][..., 0]).step(
                (frames[t - 1][..., 1:], frames[t][..., 1:]), (outputs[t - 1], outputs[t])
            )
            for t in range(1, len(frames))
        ]
        row = found.table["rows"][list(found.frames).index(name)]
        assert row["metrics"]["flicker"]["mean"] == pytest.approx(flicker.flicker(steps), rel=0.01)
        ratio = row["metrics"]["change_ratio"]
        assert ratio["mean"] == pytest.approx(flicker.change_ratio(steps), rel=0.01)
        assert np.isnan(series["flicker"][0]) and np.isfinite(series["flicker"][1:]).all()
        # The whole is the quadratic mean of its frames.
        mean = np.sqrt(np.mean(np.square(series["change_ratio"][1:])))
        assert ratio["mean"] == pytest.approx(mean, rel=1e-4)


def test_the_filter_makes_a_lively_network_steadier(found: EvaluatedVideo) -> None:
    plain, filtered = (row["metrics"] for row in found.table["rows"][2:])
    assert filtered["flicker"]["mean"] < 0.97 * plain["flicker"]["mean"]
    assert filtered["change_ratio"]["mean"] < 0.97 * plain["change_ratio"]["mean"]


def test_without_a_filter_both_rows_are_one(clip: Clip, model_file: Path) -> None:
    table = evaluate(load(model_file), clip.path, "video:clip", None, 0.0).table
    assert table["siting"] == "center"
    assert table["rows"][2]["metrics"] == table["rows"][3]["metrics"]


def test_the_command(
    clip: Clip, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / name for name in ("a.json", "a.html", "a.png")]
    options = [
        f"--{option}={file}" for option, file in zip(("json", "html", "plot"), files, strict=True)
    ]
    command = ["evaluate", str(model_file), "--data", f"video:{clip.path}", *options]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert f"chroma_residual-test{FILTERED}.int8" in said and "flicker" in said
    assert "6/6 frames" in said and "next: python -m edge_demo run" in said
    assert json.loads(files[0].read_text())["data"] == f"video:{clip.path}"
    page = files[1].read_text()
    assert page.count("data:image/png") == 1 and "Flicker is the change of the error" in page
    assert cv2.imread(str(files[2])).shape[1] == 990
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("preset", ["chroma_bitrate-s.r2", "chroma_merged-s.r2", "chroma_gan-s.r1"])
def test_every_variant_is_measured_as_its_own(preset: str, clip: Clip, tmp_path: Path) -> None:
    frames = list(video.truths(clip.path)[0])
    file = tmp_path / "a.json"
    command = ["evaluate", preset, "--data", f"video:{clip.path}", "--json", str(file)]
    assert main(command) == 0
    rows = json.loads(file.read_text())["rows"]
    restorer = load(Path(preset)).restorer
    psnr = []
    for frame in frames:
        cbcr = restorer.reconstruct(chroma.degrade_ycbcr(frame))
        psnr.append(metrics.psnr(cbcr, np.ascontiguousarray(frame[..., 1:])))
    (ours,) = (row for row in rows if row["name"] == preset)
    assert ours["metrics"]["chroma_psnr"]["mean"] == pytest.approx(np.mean(psnr), abs=0.02)


def test_a_still_picture_has_no_flicker(tmp_path: Path, model_file: Path) -> None:
    still = make_clip(tmp_path, size=SIZE).planes[0]
    rgb = np.repeat(np.repeat(still[0][..., None], 3, axis=2), 1, axis=0)
    path = make_clip(tmp_path, "still.mp4", rgb=[rgb] * 3).path
    found = evaluate(load(model_file), path, "video:still", None, 0.8)
    assert "flicker" not in found.table["rows"][2]["metrics"]
    assert "flicker" not in evaluation_html(found, chroma.TASK).partition("How to read")[0]


def test_mistakes(
    tmp_path: Path, clip: Clip, model_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one = make_clip(tmp_path, "one.mp4", count=1, size=SIZE).path
    small = make_clip(tmp_path, "small.mp4", size=(24, 48)).path
    enhance = "enhance_zerodce-lite.r2"
    for target, data, options, says in [
        (model_file, f"video:{tmp_path}/none.mp4", (), "no such file"),
        (model_file, f"video:{clip.path}", ("--temporal", "2"), "--temporal is from 0 to 1"),
        (model_file, "sample", ("--plot", "a.png"), "--plot is of a video"),
        (model_file, "sample", ("--temporal", "0.5"), "--temporal is of a video"),
        (enhance, f"video:{clip.path}", (), "video: is for models of chroma"),
    ]:
        said = refused("training", capfd, "evaluate", target, "--data", data, *options)
        assert says in said
    for path, says in ((one, "has only one frame"), (small, "frames of 24x12 are too small")):
        capfd.readouterr()
        assert main(["evaluate", str(model_file), "--data", f"video:{path}"]) == 2
        assert says.replace("24x12", "24x12") in capfd.readouterr().err
