"""Every preset that ships, through everything that restores: none knows only some of them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo import __main__ as command
from edge_demo.model import models_folder
from edge_demo.model.package import read_card
from edge_demo.pictures.images import read_rgb
from edge_demo.web.app import create_app
from edge_demo.web.command import make_studio
from tests.videos import content, make_clip, moving

pytestmark = pytest.mark.slow

SIZE = (64, 96)  # height and width; halved, SSIM of a video's frame still has room
# The integer file that a device would run, else the smallest that is good.
RECIPES = ("qat", "int8", "float16")


def presets() -> dict[str, str]:
    """Preset to one of its files, ``PRESET.RECIPE``."""
    known = models_folder.shipped()
    found = {}
    for preset in sorted({name.rpartition(".")[0] for name in known}):
        names = [f"{preset}.{recipe}" for recipe in RECIPES]
        found[preset] = next(name for name in names if name in known)
    return found


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph, a folder of two, a video of three frames: by day, and ``dark`` of each."""
    folder = tmp_path_factory.mktemp("inputs")
    for name, divisor in (("day", 1), ("dark", 8)):
        frames = [one // divisor for one in moving(3, SIZE)]
        make_clip(folder, f"{name}.mp4", 3, SIZE, rgb=frames)
        (folder / name).mkdir()
        options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
        for index, rgb in enumerate(frames[:2]):
            bgr = np.ascontiguousarray(rgb[..., ::-1])
            assert cv2.imwrite(str(folder / name / f"{index}.jpg"), bgr, options)
    (folder / "truth").mkdir()
    for index, rgb in enumerate(moving(2, SIZE)):
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        assert cv2.imwrite(str(folder / "truth" / f"{index}.png"), bgr)
    return folder


@pytest.fixture(scope="module")
def studio() -> Any:
    options = command._parser().parse_args(["serve", "--threads", "1", "--workers", "1"])
    return create_app(make_studio(options)).test_client()


def run(*words: object) -> None:
    assert command.main([str(word) for word in words]) == 0


def differs(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return bool(np.abs(one.astype(float) - other).mean() > 0.05)


@pytest.mark.parametrize("name", presets().values(), ids=presets())
def test_a_preset_goes_through_everything(
    name: str, inputs: Path, studio: Any, tmp_path: Path
) -> None:
    path = models_folder.find(name)
    task = read_card(path).task
    light = "dark" if task.name == "enhance" else "day"
    model = ("--model", name, "--threads", 1)

    photo = inputs / light / "0.jpg"
    run("run", photo, tmp_path / "photo.png", *model)
    made = read_rgb(tmp_path / "photo.png").rgb
    assert differs(made, read_rgb(photo).rgb)

    run("run", inputs / light, tmp_path / "folder", *model)
    assert np.array_equal(read_rgb(tmp_path / "folder" / "0.jpg.png").rgb, made)
    assert (tmp_path / "folder" / "1.jpg.png").exists()

    run("run", inputs / f"{light}.mp4", tmp_path / "video.mkv", *model)
    video = content(tmp_path / "video.mkv")
    assert len(video.planes) == 3 and video.pixels == "yuv444p"

    with photo.open("rb") as file:
        answer = studio.post("/process", data={"image": (file, "a.jpg"), "model": name})
    assert answer.status_code == 200, answer.data
    pixels = cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None and np.array_equal(pixels[..., ::-1], made)

    run("camera", "--camera", inputs / f"{light}.mp4", "--out", tmp_path / "camera.mkv",
        "--codec", "ffv1", *model)  # fmt: skip
    assert len(content(tmp_path / "camera.mkv").planes) == 3

    table = tmp_path / "benchmark.json"
    run("benchmark", path, "--images", inputs / "truth", "--seconds", 0.1, "--threads", 1,
        "--json", table)  # fmt: skip
    (timed,) = (row for row in json.loads(table.read_text())["rows"] if row["kind"] == "model")
    assert timed["status"] == "ok"

    if not importlib.util.find_spec("tensorflow"):
        return  # on a device's interpreter alone there is no training
    evaluated = evaluate(path, f"folder:{inputs / 'truth'}", tmp_path / "evaluation.json")
    ours, headline = evaluated[path.name.removesuffix(".tflite")], task.headline_metric
    assert ours[headline]["mean"] > 5
    # The same pictures and the same network, measured by two programs.
    if not getattr(task, "told_quality", False):  # whose pictures are JPEGs of their own quality
        assert timed["metrics"][headline]["mean"] == pytest.approx(ours[headline]["mean"], abs=1e-3)
    if task.name == "chroma":
        frames = evaluate(path, f"video:{inputs / 'day.mp4'}", tmp_path / "video.json")
        assert frames[path.name.removesuffix(".tflite")]["chroma_psnr"]["mean"] > 20


def evaluate(path: Path, data: str, file: Path) -> dict[str, dict[str, Any]]:
    """Label to metrics, as ``training evaluate`` measures them."""
    from training.__main__ import main

    assert main(["evaluate", str(path), "--data", data, "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["rows"]
    return {f"{row['name']}.{row.get('recipe')}": row["metrics"] for row in rows}


def test_every_preset_ships_a_file_that_is_tested() -> None:
    names = presets()
    assert len(names) >= 9
    assert {read_card(models_folder.find(name)).task.name for name in names.values()} == {
        "chroma", "colorize", "enhance",
    }  # fmt: skip
