"""The TFDS builders of LHQ and of Kaggle's colorization set on dummy archives."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import sources
from datasets.__main__ import main
from datasets.tfds_builders.kaggle_colorization import kaggle_colorization_dataset_builder as kaggle
from datasets.tfds_builders.lhq import lhq_dataset_builder as lhq
from edge_demo.errors import UserError
from tests.datasets.tfds_builders.test_lol import builder_test_case, last_line

SIDE = 256


def landscape(index: int, extension: str = ".png", side: int = SIDE) -> bytes:
    rgb = np.random.default_rng(index).integers(0, 256, (8, 8, 3), np.uint8)
    large = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(extension, large)[1].tobytes()


def landscapes(folder: Path, name: str = "lhq_256.zip", extension: str = ".png") -> Path:
    side = SIDE if "256" in name else 1024
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as file:
        for index in range(3):
            file.writestr(f"lhq/{index:07d}{extension}", landscape(index, extension, side))
        file.writestr(f"__MACOSX/lhq/._0000000{extension}", b"not a picture")
        file.writestr("lhq/metadata.json", b"{}")
    return folder


def lab(count: int, seed: int) -> np.ndarray:
    rgb = np.random.default_rng(seed).integers(0, 256, (count, 6, 7, 3), np.uint8)
    return np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2LAB) for picture in rgb])


def arrays(folder: Path, *, without: str = "nothing", colours: tuple[int, ...] = (3, 2)) -> Path:
    """As Kaggle's archive, with more grey pictures than colours."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = lab(8, 0)
    files = {"l/gray_scale.npy": pictures[:6, ..., 0]}
    start = 0
    for number, count in enumerate(colours, 1):
        files[f"ab/ab/ab{number}.npy"] = pictures[start : start + count, ..., 1:]
        start += count
    with zipfile.ZipFile(folder / kaggle.ARCHIVE, "w") as file:
        for name, values in files.items():
            if name != without:
                data = io.BytesIO()
                np.save(data, values)
                file.writestr(name, data.getvalue())
    return folder


class LhqTest(builder_test_case()):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = lhq.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["256"]  # noqa: RUF012
    SPLITS = {"train": 3}  # noqa: RUF012

    @classmethod
    def setUpClass(cls) -> None:
        cls._folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._folder.cleanup)
        cls.EXAMPLE_DIR = str(landscapes(Path(cls._folder.name)))
        super().setUpClass()


class KaggleTest(builder_test_case()):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = kaggle.Builder
    SPLITS = {"train": 5}  # noqa: RUF012

    @classmethod
    def setUpClass(cls) -> None:
        cls._folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._folder.cleanup)
        cls.EXAMPLE_DIR = str(arrays(Path(cls._folder.name)))
        super().setUpClass()


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


def test_what_is_known_of_them(tmp_path: Path) -> None:
    for module, says in ((lhq, "90,000 photographs"), (kaggle, "Image Colorization")):
        info = module.Builder(data_dir=tmp_path).info
        assert says in info.description and info.citation.startswith("@")
        assert info.homepage.startswith("https://")
    sizes = [config.name for config in lhq.Builder.BUILDER_CONFIGS]
    assert sizes == ["256", "1024_jpg"]


def test_landscapes_become_a_source(
    tmp_path: Path, data_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    manual = landscapes(tmp_path / "manual")
    landscapes(manual, "lhq_1024_jpg.zip", ".jpg")
    for name, extension in (("lhq", ".png"), ("lhq/1024_jpg", ".jpg")):
        out = tmp_path / extension
        arguments = ["prepare", f"tfds:{name}", "--manual-dir", str(manual), "--out", str(out)]
        assert main(arguments) == 0
        said, told = capfd.readouterr()
        assert f"wrote 3 photographs to {out}" in said
        (record,) = data_dir.glob(f"lhq/{'256' if name == 'lhq' else '1024_jpg'}/*/archive.json")
        found = json.loads(record.read_text())
        data = (manual / found["file"]).read_bytes()
        assert found["bytes"] == len(data)
        assert found["sha256"] == hashlib.sha256(data).hexdigest() and found["sha256"] in told
    files = sources.open_source("tfds:lhq/256").paths
    assert {path.read_bytes() for path in files} == {landscape(index) for index in range(3)}
    with pytest.raises(UserError, match="one of its configurations: lhq/1024_jpg, lhq/256"):
        sources.open_source("tfds:lhq")
    ((_, rgb), *_) = sources.photographs(sources.open_source("tfds:lhq/1024_jpg"))
    assert rgb.shape == (512, 512, 3)  # stored as 4:2:0


def test_arrays_become_pictures(tmp_path: Path) -> None:
    manual, out = arrays(tmp_path / "manual"), tmp_path / "out"
    name = "tfds:kaggle_colorization"
    # Too small to be used, as dummies are: it is built all the same.
    assert main(["prepare", name, "--manual-dir", str(manual), "--out", str(out)]) == 2
    found = [cv2.imread(str(path))[..., ::-1] for path in sources.open_source(name).paths]
    expected = [cv2.cvtColor(picture, cv2.COLOR_LAB2RGB) for picture in lab(8, 0)[:5]]
    assert len(found) == 5
    assert {p.tobytes() for p in expected} == {np.ascontiguousarray(p).tobytes() for p in found}


def test_mistakes(tmp_path: Path, data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    manual, out = tmp_path / "manual", tmp_path / "out"
    manual.mkdir()
    options = ("--manual-dir", manual, "--out", out)
    assert "(known: 256, 1024_jpg)" in last_line(capfd, "tfds:lhq/512", *options)
    assert "there is no" in last_line(capfd, "tfds:lhq", *options)
    with zipfile.ZipFile(manual / "lhq_256.zip", "w") as file:
        file.writestr("a.txt", b"")
    assert "it holds no .png files" in last_line(capfd, "tfds:lhq", *options)
    kaggle_options = ("tfds:kaggle_colorization", *options)
    arrays(manual, without="l/gray_scale.npy")
    assert "it holds no gray_scale.npy" in last_line(capfd, *kaggle_options)
    arrays(manual, colours=(4, 3))
    assert "ab2.npy does not go with gray_scale.npy" in last_line(capfd, *kaggle_options)
