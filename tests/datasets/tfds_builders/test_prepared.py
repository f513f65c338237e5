"""What TFDS has prepared is a source like any other: the very bytes, once, as files."""

from __future__ import annotations

import importlib.resources.abc
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from datasets import sources
from datasets.__main__ import main
from datasets.tfds_builders import prepared
from edge_demo.errors import UserError
from tests.mistakes import refused


def encoded(index: int, kind: str) -> bytes:
    rgb = np.random.default_rng(index).integers(0, 256, (40, 48, 3), np.uint8)
    return cv2.imencode(kind, rgb, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
                                    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444])[1].tobytes()  # fmt: skip


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


@pytest.fixture
def prepare(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Prepare a data set of a name with some pictures a split, as a user of TFDS does."""
    # TFDS 4.9.10 looks for it, and does not require it; see lol_dataset_builder.py.
    monkeypatch.setitem(sys.modules, "importlib_resources", importlib.resources)

    def make(name: str, features: dict[str, str], version: str = "1.0.0", **splits: int) -> None:
        kinds = {
            key: tfds.features.Text() if kind == "text" else
            tfds.features.Image(shape=(None, None, 3), encoding_format=kind)
            for key, kind in features.items()
        }  # fmt: skip
        examples = {
            split: [
                (index, {key: "x" if kind == "text" else encoded(index, f".{kind}")
                         for key, kind in features.items()})
                for index in range(count)
            ]
            for split, count in splits.items()
        }  # fmt: skip
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name, version=version, features=tfds.features.FeaturesDict(kinds),
            split_datasets=examples, data_dir=data_dir, disable_shuffling=True,
        )  # fmt: skip

    return make


def test_files_are_the_bytes_that_were_prepared(
    prepare: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    prepare("flowers", {"image": "jpeg", "label": "text"}, train=3, test=2)
    for text, split, count in [
        ("tfds:flowers", "train", 3),
        ("tfds:flowers", "test", 2),
        ("tfds:flowers:train", "test", 3),
        ("tfds:flowers:train[:2]", "test", 2),
        ("tfds:flowers:train+test", "train", 5),
    ]:
        source = sources.open_source(text, split)
        assert source.text == text and not source.low
        assert [path.suffix for path in source.paths] == [".jpg"] * count
        assert source.paths[0].read_bytes() == encoded(0, ".jpeg")
        assert len(list(sources.photographs(source))) == count
    # Written once; a newer version is another data set.
    before = source.paths[0].stat().st_mtime_ns
    assert sources.open_source(text, split).paths == source.paths
    assert source.paths[0].stat().st_mtime_ns == before
    prepare("flowers", {"image": "png", "label": "text"}, version="1.10.0", train=4)
    newer = sources.open_source("tfds:flowers", "test")  # it has one split
    assert [path.suffix for path in newer.paths] == [".png"] * 4


def test_writing_goes_on_where_it_was_killed(
    prepare: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare("flowers", {"picture": "png"}, train=4)
    write, written = prepared.write_whole, []

    def deadly(path: Path, data: bytes) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, data)

    monkeypatch.setattr(prepared, "write_whole", deadly)
    with pytest.raises(KeyboardInterrupt):
        sources.open_source("tfds:flowers")
    written.clear()
    source = sources.open_source("tfds:flowers")
    assert written == ["00000002.png", "00000003.png"]
    assert [path.read_bytes() for path in source.paths] == [encoded(i, ".png") for i in range(4)]


def test_it_is_written_out_and_trained_on_like_others(
    prepare: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare("flowers", {"image": "png"}, train=3, test=1)
    out = tmp_path / "out"
    arguments = ["prepare", "tfds:flowers", "--split", "train", "--out", str(out)]
    assert main(arguments) == 0
    assert f"wrote 3 photographs to {out}" in capsys.readouterr().out
    first = cv2.imread(str(sorted(out.iterdir())[0]))
    assert np.array_equal(first, cv2.imdecode(np.frombuffer(encoded(0, ".png"), np.uint8), 1))


def test_mistakes(
    prepare: Callable[..., None], data_dir: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    prepare("flowers", {"image": "jpeg"}, train=1, test=1, extra=1)
    prepare("words", {"label": "text"}, train=1)
    for text, says in [
        ("tfds:flwers", f"no data set 'flwers' is prepared in {data_dir}; did you mean 'flowers'"),
        ("tfds:lhqq", "did you mean 'lhq'"),
        ("tfds:lhq", "is not prepared .* prepare tfds:lhq --manual-dir DOWNLOADS"),
        ("tfds:flowers:val", r"no split 'val' \(it has extra, test, train\)"),
        ("tfds:words", "one picture an example is needed; it has none"),
    ]:
        with pytest.raises(UserError, match=says):
            sources.open_source(text)
    with pytest.raises(UserError, match="name a split, tfds:flowers:SPLIT"):
        sources.open_source("tfds:flowers", "validation")
    out = tmp_path / "out"
    assert "did you mean" in refused("datasets", capfd, "prepare", "tfds:flwers", "--out", out)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prepared, "write_whole", full)
    with pytest.raises(UserError, match=r"cannot write the pictures of tfds:flowers to .*No space"):
        sources.open_source("tfds:flowers")
