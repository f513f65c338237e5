"""Where photographs come from, which of their pixels are used, and what is skipped."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import sources
from datasets.source import Source
from edge_demo.errors import UserError

FACTORS = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:4:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


def write(path: Path, rgb: np.ndarray, *params: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb, list(params))
    return path


def read_one(path: Path, least_side: int = 32) -> np.ndarray:
    source = Source("test", (path,))
    ((name, rgb),) = sources.photographs(source, least_side)
    assert name == path and rgb.dtype == np.uint8 and rgb.shape[2] == 3
    return rgb


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("smaple", "'smaple'; did you mean 'sample'"),
        ("folders:/tmp", "did you mean 'folder'"),
        ("/tmp", r"unknown data source '/tmp' \(known: sample, folder:PATH"),
        ("sample:astronaut", "unknown data source 'sample:astronaut'"),
        ("", "unknown data source ''"),
        ("folder:/no/such/place", "no folder '/no/such/place'"),
        ("folder:", "'folder:'|folder ''"),
    ],
)
def test_unknown_sources(text: str, says: str) -> None:
    for split in ("train", "test"):
        with pytest.raises(UserError, match=says):
            sources.open_source(text, split)


def test_a_list_names_its_pictures(tmp_path: Path, natural: np.ndarray) -> None:
    inside, outside = write(tmp_path / "a" / "b.png", natural), write(tmp_path / "c.png", natural)
    write(tmp_path / "a" / "unnamed.png", natural)
    listed = tmp_path / "a" / "kept.txt"
    # Relative names begin at the list; an empty line and a second mention are nothing.
    listed.write_text(f"{outside}\n\nb.png\n{inside}\n")
    for split in ("train", "test"):
        source = sources.open_source(f"list:{listed}", split)
        assert source.paths == (inside, outside) and source.low == ()
        assert [path for path, _ in sources.photographs(source)] == [inside, outside]
    write(tmp_path / "a" / "ä ö.png", natural)
    listed.write_text("ä ö.png\n", encoding="utf-8")
    assert len(sources.open_source(f"list:{listed}").paths) == 1


def test_lists_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "gone.txt").write_text("gone.png\nlost.png\n")
    for text, says in [
        (f"list:{tmp_path}/none.txt", "cannot read the list"),
        (f"list:{tmp_path}", "cannot read the list"),
        (f"list:{tmp_path}/empty.txt", "names no picture"),
        (f"list:{tmp_path}/gone.txt", r"names 2 files that are not there, such as .*gone\.png"),
        ("lst:x", "did you mean 'list'"),
        ("list:", r"unknown data source 'list:'"),
    ]:
        with pytest.raises(UserError, match=says):
            sources.open_source(text)


def test_sample_is_there_and_its_halves_are_disjoint() -> None:
    train, test = (sources.open_source("sample", split) for split in ("train", "test"))
    assert sources.open_source("sample") == test
    assert len(train.paths) >= 5 and len(test.paths) >= 3
    assert not set(train.paths) & set(test.paths)
    assert all(path.is_file() for path in (*train.paths, *test.paths))
    # Both views of one scene are on one side.
    sides = [sum("motorcycle" in p.name for p in side.paths) for side in (train, test)]
    assert sorted(sides) == [0, 2]


def test_a_folder_is_searched_to_its_depths(
    tmp_path: Path, natural: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["b.PNG", "a/z.jpg", "a/deep/x.tiff", "c.webp"]
    for name in names:
        write(tmp_path / "home" / name, natural)
    (tmp_path / "home" / "notes.txt").write_text("no picture")
    (tmp_path / "home" / "folder.png").mkdir()
    source = sources.open_source(f"folder:{tmp_path}/home", "train")
    assert list(source.paths) == sorted(tmp_path / "home" / name for name in names)
    assert sources.open_source(f"folder:{tmp_path}/home", "test") == source
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sources.open_source("folder:~/home").paths == source.paths
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=r"no (images|pictures) in"):
        sources.open_source(f"folder:{tmp_path}/none")


@pytest.mark.parametrize("subsampling", FACTORS)
def test_pictures_without_chroma_detail_are_halved(
    tmp_path: Path, natural: np.ndarray, subsampling: str
) -> None:
    """At full size there is nothing to learn from; odd last rows and columns are dropped."""
    rgb = natural[:95, :127]
    path = write(
        tmp_path / "a.jpg", rgb, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FACTORS[subsampling],
        cv2.IMWRITE_JPEG_QUALITY, 98,
    )  # fmt: skip
    found = read_one(path)
    if subsampling == "4:4:4":
        assert found.shape == (95, 127, 3)
        assert np.abs(found.astype(int) - rgb).mean() < 3
        return
    assert found.shape == (47, 63, 3)
    decoded = cv2.imread(str(path))[:94, :126, ::-1].astype(float)
    mean = decoded.reshape(47, 2, 63, 2, 3).mean(axis=(1, 3))
    # Up to the half pixel by which a picture of odd size is scaled.
    assert np.abs(found - mean).mean() < 3


def test_lossy_webp_is_halved_and_lossless_is_not(tmp_path: Path, natural: np.ndarray) -> None:
    lossy = write(tmp_path / "a.webp", natural, cv2.IMWRITE_WEBP_QUALITY, 95)
    assert read_one(lossy).shape == (48, 64, 3)
    lossless = write(tmp_path / "b.webp", natural, cv2.IMWRITE_WEBP_QUALITY, 101)
    assert np.array_equal(read_one(lossless), natural)


def test_png_is_read_as_it_is_and_16_bits_rounded(tmp_path: Path, natural: np.ndarray) -> None:
    assert np.array_equal(read_one(write(tmp_path / "a.png", natural)), natural)
    offset = np.random.default_rng(0).integers(-120, 121, natural.shape)
    deep = np.clip(natural.astype(int) * 257 + offset, 0, 65535).astype(np.uint16)
    assert np.array_equal(read_one(write(tmp_path / "b.png", deep)), natural)


def test_bad_files_are_named_and_skipped(
    tmp_path: Path, natural: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good.png", natural)
    write(tmp_path / "tiny.png", natural[:31, :80])
    write(tmp_path / "grey.png", natural[..., 0])
    whole = write(tmp_path / "cut.jpg", natural).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    # Large enough as stored, too small once halved.
    write(tmp_path / "small.jpg", natural[:60, :60],
          cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FACTORS["4:2:0"])  # fmt: skip
    source = sources.open_source(f"folder:{tmp_path}")
    assert [path for path, _ in sources.photographs(source)] == [good]
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("skipped: ") for line in lines)
    bad = ["cut.jpg", "empty.png", "grey.png", "small.jpg", "text.png", "tiny.png"]
    assert [next(name for name in bad if name in line) for line in lines] == bad
    assert "80x31" in lines[-1] and "30x30" in lines[3] and "grey" in lines[2]
    assert [path.name for path, _ in sources.photographs(source, 31)] == ["good.png", "tiny.png"]


def test_no_usable_file_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"nothing")
    source = sources.open_source(f"folder:{tmp_path}")
    with pytest.raises(UserError, match="none of 2"):
        list(sources.photographs(source))
    assert len(capsys.readouterr().err.splitlines()) == 2


def source_of(names: list[str]) -> Source:
    return Source("folder:x", tuple(Path("x") / name for name in sorted(names)))


def test_hold_out_is_disjoint_complete_and_about_a_tenth() -> None:
    source = source_of([f"photo_{i:04d}.png" for i in range(500)])
    train, held = sources.hold_out(source)
    assert set(train.paths) | set(held.paths) == set(source.paths)
    assert not set(train.paths) & set(held.paths)
    assert 30 < len(held.paths) < 70
    assert list(train.paths) == sorted(train.paths) and train.text == held.text == source.text
    assert len(sources.hold_out(source, every=2)[1].paths) > 200


def test_what_is_held_out_can_be_read(tmp_path: Path, natural: np.ndarray) -> None:
    """An empty file that falls into the tenth alone must not leave nothing to validate on."""
    names = [f"{index}.png" for index in range(400)]
    is_held = {name: zlib.crc32(name.encode()) % 10 == 0 for name in names}
    bad = next(name for name in names if is_held[name])
    good = [name for name in names if not is_held[name]][:4]
    (tmp_path / bad).touch()
    for name in good:
        assert cv2.imwrite(str(tmp_path / name), natural)
    source = sources.open_source(f"folder:{tmp_path}")
    train, held = sources.hold_out(source)
    assert [path.name for path in held.paths] == [sorted(good)[-1]]
    assert {path.name for path in train.paths} == {bad, *sorted(good)[:-1]}
    assert len(list(sources.photographs(held))) == 1 and len(list(sources.photographs(train))) == 3


def test_a_list_of_any_editor(tmp_path: Path, natural: np.ndarray) -> None:
    for name in ("a.png", "b é.png"):
        assert cv2.imwrite(str(tmp_path / name), natural)
    text = "a.png\r\nb é.png\r\n"
    for code in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "list.txt").write_bytes(text.encode(code))
        found = sources.open_source(f"list:{tmp_path / 'list.txt'}")
        assert [path.name for path in found.paths] == ["a.png", "b é.png"], code


def test_several_sources_whatever_is_in_their_paths() -> None:
    for text, parts in {
        "sample": ["sample"],
        "folder:a + folder:b": ["folder:a", "folder:b"],
        "folder:a + b": ["folder:a + b"],
        "folder:/x/a + b/c + sample": ["folder:/x/a + b/c", "sample"],
        "sample + records:d + list:a + b.txt": ["sample", "records:d", "list:a + b.txt"],
        "folder:a + samples": ["folder:a + samples"],
        "tfds:lhq + tfds:lol": ["tfds:lhq", "tfds:lol"],
    }.items():
        assert sources.parts(text) == parts


def test_adding_files_moves_no_other() -> None:
    names = [f"photo_{i:04d}.png" for i in range(100)]
    _, before = sources.hold_out(source_of(names))
    _, after = sources.hold_out(source_of([*names, *(f"new_{i}.png" for i in range(50))]))
    assert {p for p in after.paths if "photo" in p.name} == set(before.paths)
    # Nor does moving the folder.
    moved = Source("y", tuple(Path("elsewhere") / name for name in names))
    assert {p.name for p in sources.hold_out(moved)[1].paths} == {p.name for p in before.paths}


def test_small_sources_still_hold_something_out() -> None:
    for count in range(2, 12):
        train, held = sources.hold_out(source_of([f"{i}.png" for i in range(count)]))
        assert held.paths and train.paths
        assert not set(train.paths) & set(held.paths)
    # Whatever their names: here each would be held out, or none.
    names = [f"{i}.png" for i in range(100)]
    all_held = [p.name for p in sources.hold_out(source_of(names))[1].paths][:2]
    none_held = [p.name for p in sources.hold_out(source_of(names))[0].paths][:2]
    for pair in (all_held, none_held):
        train, held = sources.hold_out(source_of(pair))
        assert len(train.paths) == len(held.paths) == 1 and train.paths != held.paths
    one = source_of(["a.png"])
    train, held = sources.hold_out(one)
    assert train.paths == held.paths == one.paths
