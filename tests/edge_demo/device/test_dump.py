"""``run --dump``: every stage of a picture, as it came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.__main__ import main
from edge_demo.device import restorers
from edge_demo.pictures.containers import load
from edge_demo.pictures.images import read_rgb
from edge_demo.pictures.planes import decode_planes
from edge_demo.tasks import chroma, colorize


@pytest.fixture
def photo(tmp_path: Path, photograph: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.jpg"
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    assert cv2.imwrite(str(path), photograph[..., ::-1] // 4, options)
    return path


def dumped(photo: Path, model: Path, folder: Path) -> dict[str, list[NDArray[Any]]]:
    target = photo.parent / "out.png"
    words = ["run", str(photo), str(target), "--model", str(model), "--overwrite"]
    assert main(words) == 0
    plain = target.read_bytes()
    assert main([*words, "--dump", str(folder)]) == 0
    assert target.read_bytes() == plain  # looking changes nothing
    stages = json.loads((folder / "stages.json").read_text())
    found: dict[str, list[NDArray[Any]]] = {}
    for stage in stages:
        values = np.load(folder / stage["file"])
        assert list(values.shape) == stage["shape"] and str(values.dtype) == stage["type"]
        assert stage["least"] <= stage["mean"] <= stage["most"]
        found.setdefault(stage["name"], []).append(values)
    assert {path.suffix for path in folder.iterdir()} == {".npy", ".png", ".json"}
    return found


def test_chroma(photo: Path, tiny_models: dict[str, Path], tmp_path: Path) -> None:
    found = dumped(photo, tiny_models["float32"], tmp_path / "stages")
    assert list(found) == [
        "luma", "chroma", "encoded_planes", "output_correction", "decoded", "rgb"
    ]  # fmt: skip
    file = decode_planes(load(photo))
    assert np.array_equal(found["luma"][0], file.y)
    assert np.array_equal(found["chroma"][0], file.cbcr)
    model = restorers.load(tiny_models["float32"])
    planes = chroma.Planes(file.y, file.cbcr, file.siting, file.info.quantised)
    assert np.array_equal(found["decoded"][0], model.reconstruct(planes))
    assert np.array_equal(found["rgb"][0], read_rgb(tmp_path / "out.png").rgb)
    tiles = zip(found["encoded_planes"], found["output_correction"], strict=True)
    for given, answer in tiles:
        assert given.shape[:2] == answer.shape[:2]
    assert len(found["encoded_planes"]) > 1
    shown = cv2.imread(str(tmp_path / "stages" / "001_chroma.png"))
    height, width = file.cbcr.shape[:2]
    assert shown is not None and shown.shape == (height, 2 * width, 3)


def test_whole_pictures(
    photo: Path,
    colour_models: dict[str, Path],
    low_light_models: dict[str, Path],
    tmp_path: Path,
) -> None:
    found = dumped(photo, colour_models["ab"], tmp_path / "colour")
    assert list(found) == [
        "lightness", "reduced", "encoded_lightness", "output_ab", "decoded", "rgb"
    ]  # fmt: skip
    assert np.array_equal(found["lightness"][0], colorize.lightness(read_rgb(photo).rgb))
    assert np.abs(found["decoded"][0] - found["output_ab"][0] * colorize.AB).max() < 1e-3
    found = dumped(photo, low_light_models["curves"], tmp_path / "light")
    assert list(found) == ["picture", "encoded_picture", "output_curves", "decoded", "blended"]
    assert np.array_equal(found["picture"][0], read_rgb(photo).rgb)
    assert np.array_equal(found["blended"][0], read_rgb(tmp_path / "out.png").rgb)


def test_what_cannot_be_dumped(
    photo: Path,
    tiny_models: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "a.txt").write_text("mine")
    model = ["--model", str(tiny_models["int8"])]
    for source, folder, why in (
        (photo.parent, "x", "--dump is of one picture"),
        (tmp_path / "none.mp4", "x", "--dump is of one picture"),
        (photo, "there", "holds files already"),
        (photo, "photo.jpg", "cannot be made"),
    ):
        words = ["run", str(source), str(tmp_path / "out.png"), *model]
        assert main([*words, "--dump", str(tmp_path / folder)]) == 2
        said = capsys.readouterr().err
        assert why in said and said.count("\n") == 1
    assert not (tmp_path / "out.png").exists() and not (tmp_path / "x").exists()
