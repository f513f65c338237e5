"""The TFDS builder of LOL on tiny pictures, and its way to a folder of pairs."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import types
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from datasets import sources
from datasets.__main__ import main
from datasets.tfds_builders.lol.lol_dataset_builder import ARCHIVE, Builder
from tests.mistakes import refused

# Split to the names of its pictures.
NAMES = {"our485": ["2", "10", "100"], "eval15": ["1", "22"]}


def png(folder: str, side: str, name: str) -> bytes:
    seed = [*f"{folder}/{side}/{name}".encode()]
    rgb = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    return cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()


def archive(folder: Path, around: str = "", without: str = "nothing") -> Path:
    """LOLdataset.zip in a folder, in the layout of the true one."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / ARCHIVE, "w") as file:
        for split, names in NAMES.items():
            for side in ("low", "high"):
                file.writestr(f"__MACOSX/{around}{split}/{side}/._1.png", b"not a picture")
                for name in names:
                    path = f"{split}/{side}/{name}.png"
                    if not path.startswith(without):
                        file.writestr(around + path, png(split, side, name))
    return folder


def builder_test_case() -> type:
    """TFDS's, whose module imports dill for other tests; only an extra of TFDS requires it."""
    absent = importlib.util.find_spec("dill") is None
    if absent:
        sys.modules["dill"] = types.ModuleType("dill")
    try:
        return tfds.testing.DatasetBuilderTestCase
    finally:
        if absent:
            del sys.modules["dill"]


class LolTest(builder_test_case()):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = Builder
    SPLITS = {"train": 3, "test": 2}  # noqa: RUF012

    @classmethod
    def setUpClass(cls) -> None:
        cls._folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls._folder.cleanup)
        cls.EXAMPLE_DIR = str(archive(Path(cls._folder.name)))
        super().setUpClass()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where TFDS keeps what it builds."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


def test_what_is_known_of_it(tmp_path: Path) -> None:
    info = Builder(data_dir=tmp_path).info
    assert info.supervised_keys == ("low", "high")
    assert "Deep Retinex Decomposition" in info.citation and "500 pairs" in info.description
    assert set(info.features) == {"low", "high", "name"}


@pytest.mark.parametrize("around", ["", "LOLdataset/"])
def test_prepare_writes_lol_as_a_folder_of_pairs(
    tmp_path: Path, data_dir: Path, around: str, capfd: pytest.CaptureFixture[str]
) -> None:
    manual, out = archive(tmp_path / "manual", around), tmp_path / "out"
    arguments = ["prepare", "tfds:lol", "--manual-dir", str(manual), "--out", str(out)]
    assert main(arguments) == 0
    assert capfd.readouterr().out.startswith(f"wrote 5 pairs to {out}\nnext: ")
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert written == sorted(
        f"{folder}/{side}/{name}.png"
        for folder, names in NAMES.items()
        for side in ("low", "high")
        for name in names
    )
    for path in written:
        folder, side, name = path.removesuffix(".png").split("/")
        assert (out / path).read_bytes() == png(folder, side, name)
    for split, folder in (("train", "our485"), ("test", "eval15")):
        source = sources.open_source(f"pairs:{out}:{split}")
        assert [path.stem for path in source.paths] == NAMES[folder]
        assert len(list(sources.pairs(source))) == len(NAMES[folder])
    loaded = tfds.load("lol", split="test", data_dir=data_dir, as_supervised=True)
    pictures = {low.tobytes() + high.tobytes() for low, high in tfds.as_numpy(loaded)}
    assert pictures == {low.tobytes() + high.tobytes() for _, low, high in sources.pairs(source)}
    # A source of pairs by itself, too, of the split that a command looks for or of the one named.
    for text, side in (("tfds:lol", "test"), ("tfds:lol:train", "test"), ("tfds:lol", "train")):
        found = sources.open_source(text, side)
        split = text.rpartition(":")[2] if text.count(":") > 1 else side
        expected = sources.open_source(f"pairs:{out}:{split}")
        read = {low.tobytes() + high.tobytes() for _, low, high in sources.pairs(found)}
        assert read == {a.tobytes() + b.tobytes() for _, a, b in sources.pairs(expected)}
    # Built once, it needs no archive; one split alone has no folders of its own.
    one = tmp_path / "one"
    assert main(["prepare", "tfds:lol:test", "--out", str(one)]) == 0
    assert f"built before: {data_dir}" in capfd.readouterr().err
    assert [path.stem for path in sources.open_source(f"pairs:{one}").paths] == NAMES["eval15"]


def last_line(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line of a refusal, after TFDS's progress."""
    capfd.readouterr()
    assert main(["prepare", *(str(argument) for argument in arguments)]) == 2
    said = capfd.readouterr()
    assert said.out == "" and "Traceback" not in said.err
    return said.err.splitlines()[-1]


def test_mistakes(tmp_path: Path, data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    for source, says in [
        ("tfds:lool", "no data set 'lool' is prepared in"),
        ("tfds:lool", "did you mean 'lol'"),
        ("tfds:", "unknown data source 'tfds:'"),
        ("tfds:lol:val", "a split is train or test, not 'val'"),
        ("tfds:lol", f"there is no {data_dir}/downloads/manual/{ARCHIVE}; --manual-dir says"),
    ]:
        assert says in refused("datasets", capfd, "prepare", source, "--out", out)
    bad = tmp_path / "bad"
    bad.mkdir()
    with_bad = ("tfds:lol", "--manual-dir", bad, "--out", out)
    (bad / ARCHIVE).write_bytes(b"half a download")
    assert f"{bad / ARCHIVE} could not be built: " in last_line(capfd, *with_bad)
    archive(bad, without="eval15/high/22")
    assert "'eval15/high/22.png'" in last_line(capfd, *with_bad)
    archive(bad, without="eval15")
    assert "no pictures in eval15/low" in last_line(capfd, *with_bad)
    whole = archive(bad) / ARCHIVE
    data = bytearray(whole.read_bytes())
    at = data.index(png("our485", "low", "2"))
    data[at + 40] ^= 255
    whole.write_bytes(data)
    assert "could not be built: Bad CRC-32" in last_line(capfd, *with_bad)
    # None of these is in the way of a good one.
    archive(bad)
    assert main(["prepare", *map(str, with_bad)]) == 0
    assert len(list(out.rglob("*.png"))) == 10
