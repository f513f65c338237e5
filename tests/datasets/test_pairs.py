"""``pairs:PATH`` as a source: its text, its splits, and ``prepare``."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import sources
from datasets.__main__ import main
from datasets.source import Source
from edge_demo.errors import UserError
from edge_demo.pictures.images import read_rgb
from tests.mistakes import refused


def picture(seed: int, height: int = 40, width: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def make(folder: Path, count: int = 10) -> Path:
    """Pairs 0.png ...: low are seeds 0 and on, high are seeds 100 and on."""
    for first, side in ((0, "low"), (100, "high")):
        (folder / side).mkdir(parents=True)
        for index in range(count):
            rgb = picture(first + index)
            assert cv2.imwrite(str(folder / side / f"{index}.png"), rgb[..., ::-1])
    return folder


def stems(source: Source) -> list[int]:
    assert [path.name for path in source.low] == [path.name for path in source.paths]
    assert all(path.parent.name == "low" for path in source.low)
    assert all(path.parent.name == "high" for path in source.paths)
    return [int(path.stem) for path in source.paths]


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_text_alone_chooses_the_split(tmp_path: Path, split: str) -> None:
    text = f"pairs:{make(tmp_path / 'p')}"
    source = sources.open_source(text, split)
    assert source.text == text and stems(source) == list(range(10))
    assert stems(sources.open_source(f"{text}:train", split)) == list(range(8))
    assert stems(sources.open_source(f"{text}:test", split)) == [8, 9]


def test_a_path_that_ends_like_a_split_or_holds_a_colon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "a:train", 5)
    make(tmp_path / "a", 10)
    assert len(sources.open_source(f"pairs:{tmp_path}/a:train").paths) == 5
    assert stems(sources.open_source(f"pairs:{tmp_path}/a:train:test")) == [4]
    assert stems(sources.open_source(f"pairs:{tmp_path}/a:test")) == [8, 9]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert stems(sources.open_source("pairs:~/a:test")) == [8, 9]
    monkeypatch.chdir(tmp_path)
    make(Path("test"), 2)
    assert stems(sources.open_source("pairs:test")) == [0, 1]


def test_lol_holds_out_its_own_test_pictures(tmp_path: Path) -> None:
    make(tmp_path / "our485", 6)
    make(tmp_path / "eval15", 3)
    text = f"pairs:{tmp_path}"
    assert {p.parents[1].name for p in sources.open_source(f"{text}:train").paths} == {"our485"}
    assert {p.parents[1].name for p in sources.open_source(f"{text}:test").paths} == {"eval15"}
    assert len(sources.open_source(text).paths) == 9


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pairs:", "unknown data source 'pairs:'"),
        ("pair:/tmp", "did you mean 'pairs'"),
        ("pairs:/no/such/place", "no folder '/no/such/place'"),
        ("pairs:/no/such/place:test", "no folder '/no/such/place'"),
        ("pairs::test", "no folder ':test'"),
        ("pairs:{}:val", "a split is train or test, not 'val'"),
        ("pairs:{}", "no folder low/"),
        ("tfds", "unknown data source 'tfds'"),
        ("tdfs:lol", "did you mean 'tfds'"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, says: str) -> None:
    for split in ("train", "test"):
        with pytest.raises(UserError, match=says):
            sources.open_source(text.format(tmp_path), split)


def test_the_last_fifth_is_held_out_as_a_block(tmp_path: Path) -> None:
    source = sources.open_source(f"pairs:{make(tmp_path / 'p', 11)}")
    train, held = sources.hold_out(source)
    assert stems(train) == list(range(8)) and stems(held) == [8, 9, 10]
    assert train.text == held.text == source.text
    assert sources.hold_out(source, every=2) == (train, held)
    one = sources.open_source(f"pairs:{make(tmp_path / 'one', 1)}")
    assert sources.hold_out(one) == (one, one)


def test_pairs_are_read_and_photographs_are_those_in_good_light(tmp_path: Path) -> None:
    source = sources.open_source(f"pairs:{make(tmp_path / 'p', 3)}")
    read = list(sources.pairs(source))
    assert [path for path, _, _ in read] == list(source.paths)
    for index, (_, low, high) in enumerate(read):
        assert np.array_equal(low, picture(index)) and np.array_equal(high, picture(100 + index))
    for index, (path, rgb) in enumerate(sources.photographs(source)):
        assert path == source.paths[index] and np.array_equal(rgb, picture(100 + index))


def test_other_sources_hold_no_pairs(tmp_path: Path) -> None:
    make(tmp_path / "p", 1)
    folder = sources.open_source(f"folder:{tmp_path}/p")
    assert len(folder.paths) == 2
    for source in (folder, sources.open_source("sample")):
        assert source.low == ()
        with pytest.raises(UserError, match="holds no pairs; name a folder of them"):
            sources.pairs(source)


def test_prepare_writes_a_folder_of_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "in", 12)
    (tmp_path / "in" / "low" / "3.png").write_bytes(b"bad")
    out = tmp_path / "deep" / "out"
    assert main(["prepare", f"pairs:{tmp_path}/in", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f"wrote 11 pairs to {out}\nnext: python -m training fit " in said.out
    assert f"--data pairs:{out} " in said.out
    assert len(said.err.splitlines()) == 1 and "3.png" in said.err
    again = sources.open_source(f"pairs:{out}")
    # In the order that they had, so that the splits are blocks as before.
    kept = [0, 1, 2, *range(4, 12)]
    assert [path.name for path in again.paths] == [
        f"{position:05d}_{index}.png" for position, index in enumerate(kept)
    ]
    for index, low, high in zip(kept, again.low, again.paths, strict=True):
        assert np.array_equal(read_rgb(low).rgb, picture(index))
        assert np.array_equal(read_rgb(high).rgb, picture(100 + index))


def test_prepare_refuses_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pairs = f"pairs:{make(tmp_path / 'p', 2)}"
    out = tmp_path / "out"
    for arguments, says in [
        ((pairs, "--out", tmp_path / "p"), "not empty"),
        ((pairs, "--manual-dir", tmp_path, "--out", out), "is for a tfds: source"),
        ((f"pairs:{tmp_path}/none", "--out", out), "no folder"),
    ]:
        assert says in refused("datasets", capfd, "prepare", *arguments)
        assert not out.exists()
