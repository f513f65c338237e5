"""Pairs in low and in good light: who is whose partner, how they are split, what is skipped."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.pictures import pairs

Grid = NDArray[np.uint8]


def picture(seed: int, height: int = 6, width: int = 8) -> Grid:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write(path: Path, rgb: NDArray[np.unsignedinteger], *params: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb, list(params))
    return path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def both(folder: Path, *names: str, sides: tuple[str, str] = ("low", "high")) -> None:
    for side in sides:
        touch(folder / side, *names)


def found(folder: Path, split: str | None = None) -> list[tuple[str, str]]:
    return [
        (low.relative_to(folder).as_posix(), high.relative_to(folder).as_posix())
        for low, high in pairs.read_pairs_folder(folder, split)
    ]


def test_partners_share_their_name_but_for_the_extension(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path / "low", "b.png", "a.v1.PNG", "sub/c.webp", ".hidden.png", "notes.txt")
    touch(tmp_path / "high", "a.v1.jpg", "b.png", "sub/c.tif", ".hidden.png")
    assert found(tmp_path) == [
        ("low/a.v1.PNG", "high/a.v1.jpg"),
        ("low/b.png", "high/b.png"),
        ("low/sub/c.webp", "high/sub/c.tif"),
    ]
    assert capsys.readouterr().err == ""


def test_numbers_are_in_the_order_of_their_value(tmp_path: Path) -> None:
    names = ["9.png", "10.png", "100.png", "007.png", "a2.png", "a10.png", "a1b3.png", "a1b20.png"]
    both(tmp_path, *names)
    order = ["007", "9", "10", "100", "a1b3", "a1b20", "a2", "a10"]
    assert [Path(low).stem for low, _ in found(tmp_path)] == order


def test_those_without_one_partner_are_counted_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both(tmp_path, "a.png", "twice.png")
    touch(tmp_path / "low", "twice.jpg", "only_low.png")
    touch(tmp_path / "high", "only_high.png")
    assert found(tmp_path) == [("low/a.png", "high/a.png")]
    (line,) = capsys.readouterr().err.splitlines()
    assert "left out: 5 of 7 pictures" in line and "high/only_high.png the first" in line


@pytest.mark.parametrize("count", [2, 3, 5, 9, 10, 70])
def test_splits_are_blocks(tmp_path: Path, count: int) -> None:
    both(tmp_path, *(f"{i}.png" for i in range(count)))
    train, test = (found(tmp_path, split) for split in ("train", "test"))
    assert train + test == found(tmp_path)
    assert len(train) == count * 4 // 5 and len(test) >= 1


def test_one_pair_cannot_be_split(tmp_path: Path) -> None:
    both(tmp_path, "a.png")
    assert len(found(tmp_path)) == 1
    for split in pairs.SPLITS:
        with pytest.raises(UserError, match="one pair only"):
            found(tmp_path, split)
    with pytest.raises(ValueError, match="val"):
        found(tmp_path, "val")


def test_lols_own_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both(tmp_path / "our485", "2.png", "10.png")
    both(tmp_path / "eval15", "1.png")
    train = [("our485/low/2.png", "our485/high/2.png"), ("our485/low/10.png", "our485/high/10.png")]
    test = [("eval15/low/1.png", "eval15/high/1.png")]
    assert found(tmp_path, "train") == train
    assert found(tmp_path, "test") == test
    assert found(tmp_path) == train + test
    assert capsys.readouterr().err == ""
    # Each of its folders is one of the plain kind, too.
    assert len(found(tmp_path / "our485")) == 2


def test_half_of_lol_is_enough_for_its_own_split(tmp_path: Path) -> None:
    both(tmp_path / "eval15", "1.png")
    assert len(found(tmp_path, "test")) == 1
    for split in ("train", None):
        with pytest.raises(UserError, match=r"no folder our485/low/ in"):
            found(tmp_path, split)


def test_lol_v2_has_the_side_in_its_names(tmp_path: Path) -> None:
    touch(tmp_path, "Train/Low/low00001.png", "Train/Normal/normal00001.png")
    both(tmp_path / "Test", "r01.png", sides=("Low", "Normal"))
    assert found(tmp_path, "train") == [("Train/Low/low00001.png", "Train/Normal/normal00001.png")]
    assert found(tmp_path, "test") == [("Test/Low/r01.png", "Test/Normal/r01.png")]


def test_a_plain_folder_is_plain_whatever_else_lies_in_it(tmp_path: Path) -> None:
    both(tmp_path, "low1.png")
    both(tmp_path / "our485", "2.png")
    assert found(tmp_path) == [("low/low1.png", "high/low1.png")]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["low/a.png"], r"no folder high/ in '.*'; pairs are"),
        (["high/a.png"], "no folder low/ in"),
        (["a.png"], "no folder low/ in"),
        (["low/a.png", "high/b.png"], r"no picture in '.*low' has the name .*'b\.png' is alone"),
        (["low/a.png", "high/a.txt"], r"no pictures in '.*high'"),
    ],
)
def test_folders_that_hold_no_pairs(tmp_path: Path, files: list[str], says: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(UserError, match=says) as error:
        pairs.read_pairs_folder(tmp_path)
    assert len(str(error.value).splitlines()) == 1


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder '.*gone'"):
        pairs.read_pairs_folder(tmp_path / "gone")


def test_folders_of_pairs_are_told_from_photographs(tmp_path: Path) -> None:
    for name, files in {
        "plain": ["low/a.png", "high/a.png"],
        "lol": ["eval15/low/a.png", "eval15/high/a.png"],
        "v2": ["Train/Low/a.png", "Train/Normal/a.png"],
    }.items():
        touch(tmp_path / name, *files)
        assert pairs.has_pairs(tmp_path / name)
    touch(tmp_path / "photographs", "a.png", "low/b.png", "Train/c.png")
    assert not pairs.has_pairs(tmp_path / "photographs")
    assert not pairs.has_pairs(tmp_path / "gone")


def test_pictures_are_read_as_they_are(tmp_path: Path) -> None:
    """At full size, whatever their chroma; 16 bits rounded; grey as three equal channels."""
    rgb = picture(0, 40, 48)
    low = write(tmp_path / "low.png", rgb.astype(np.uint16) * np.uint16(257))
    halved = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    high = write(tmp_path / "high.jpg", rgb, *halved)
    dark, bright = pairs.read(low, high)
    assert np.array_equal(dark, rgb) and dark.dtype == bright.dtype == np.uint8
    assert np.array_equal(bright, cv2.imread(str(high))[..., ::-1])
    grey = write(tmp_path / "grey.png", rgb[..., 0])
    dark, _ = pairs.read(grey, high)
    assert np.array_equal(dark, np.repeat(rgb[..., :1], 3, axis=-1))


def test_bad_pairs_are_named_and_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index, name in enumerate(("1_good", "2_sizes", "3_low", "4_high", "5_turned", "6_good")):
        for side in ("low", "high"):
            write(tmp_path / side / f"{name}.png", picture(10 * index + (side == "low")))
    write(tmp_path / "low" / "2_sizes.png", picture(0, 7, 8))
    (tmp_path / "low" / "3_low.png").write_bytes(b"no picture")
    (tmp_path / "high" / "4_high.png").write_bytes(b"")
    # As many bytes, but lying on its side.
    write(tmp_path / "low" / "5_turned.png", picture(0, 8, 6))
    files = pairs.read_pairs_folder(tmp_path)
    read = list(pairs.pairs(files))
    high = tmp_path / "high"
    assert [path for path, _, _ in read] == [high / "1_good.png", high / "6_good.png"]
    assert np.array_equal(read[0][1], picture(1)) and np.array_equal(read[0][2], picture(0))
    assert np.array_equal(read[1][1], picture(51)) and np.array_equal(read[1][2], picture(50))
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("skipped: ") for line in lines)
    expected = ["low/2_sizes.png: 8x7", "low/3_low", "high/4_high", "low/5_turned.png: 6x8"]
    assert len(lines) == 4
    assert all(part in line for part, line in zip(expected, lines, strict=True))
    assert lines[0].endswith("high/2_sizes.png is 8x6")
    with pytest.raises(UserError, match="none of 1 pairs"):
        list(pairs.pairs(files[1:2]))


def test_partners_are_compared_upright(tmp_path: Path) -> None:
    """A camera that was turned says so in EXIF; its partner may have been turned already."""
    rgb = picture(3)
    upright = write(tmp_path / "high.png", rgb)
    stored = np.ascontiguousarray(np.rot90(rgb))  # orientation 6: turned by 90 degrees clockwise
    exif = bytes.fromhex("49492a0008000000010012010300010000000600000000000000")
    done, png = cv2.imencode(".png", stored[..., ::-1])
    assert done
    data = png.tobytes()
    chunk = b"eXIf" + exif
    block = len(exif).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    turned = tmp_path / "low.png"
    turned.write_bytes(data[:33] + block + data[33:])  # after the signature and IHDR
    low, high = pairs.read(turned, upright)
    assert np.array_equal(low, high) and np.array_equal(high, rgb)
