"""Photographs with chroma of their own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.pictures import photographs
from edge_demo.pictures.containers import ImageInfo
from edge_demo.pictures.images import Decoded


def random_rgb(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def picture(
    rgb: NDArray[np.unsignedinteger], subsampling: str | None, grey: bool = False
) -> Decoded:
    info = ImageInfo(Path("p.jpg"), "jpeg", rgb.shape[1], rgb.shape[0], subsampling)
    return Decoded(rgb, None, None, None, info, grey)


@pytest.mark.parametrize("subsampling", [None, "4:4:4"])
def test_full_chroma_is_kept(subsampling: str | None) -> None:
    rgb = random_rgb(9, 7)
    assert np.array_equal(photographs.true_chroma(picture(rgb, subsampling)), rgb)


@pytest.mark.parametrize(
    ("subsampling", "times"),
    [("4:2:0", 2), ("4:2:2", 2), ("4:4:0", 2), ("4:1:1", 4), ("other", 4)],
)
def test_subsampled_chroma_is_reduced_by_block_means(subsampling: str, times: int) -> None:
    rgb = random_rgb(21, 15)
    found = photographs.true_chroma(picture(rgb, subsampling))
    height, width = 21 // times, 15 // times
    whole = rgb[: height * times, : width * times].astype(float)
    means = whole.reshape(height, times, width, times, 3).mean(axis=(1, 3))
    assert found.shape == means.shape
    assert np.abs(found - means).max() <= 0.5


def test_sixteen_bits_become_eight() -> None:
    rgb = random_rgb(5, 5).astype(np.uint16) * np.uint16(257)
    assert np.array_equal(photographs.true_chroma(picture(rgb, None)), random_rgb(5, 5))


def test_grey_is_refused_whether_stored_as_such_or_not() -> None:
    equal = np.repeat(random_rgb(8, 8)[..., :1], 3, axis=-1)
    for one in (picture(random_rgb(8, 8), None, grey=True), picture(equal, "4:2:0")):
        with pytest.raises(UserError, match=r"p\.jpg: a grey picture"):
            photographs.true_chroma(one)


def test_a_folder_is_read_sorted_with_the_folders_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "a.PNG", "sub/c.jpg", ".hidden.png", "d.txt"):
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in photographs.read_folder(tmp_path)]
    assert found == ["a.PNG", "b.png", "sub/c.jpg"]


def test_no_folder_and_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pictures in"):
        photographs.read_folder(tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        photographs.read_folder(tmp_path / "gone")


def test_unusable_files_are_named_and_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, tiny, grey = (tmp_path / f"{name}.png" for name in ("good", "tiny", "grey"))
    cv2.imwrite(str(good), random_rgb(40, 40))
    cv2.imwrite(str(tiny), random_rgb(31, 40))
    cv2.imwrite(str(grey), random_rgb(40, 40)[..., 0])
    paths = [tiny, good, grey, tmp_path / "gone.png"]
    assert [path for path, _ in photographs.photographs(paths)] == [good]
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert all(line.startswith("skipped: ") for line in errors)
    assert "40x31 usable pixels, below 32x32" in errors[0]
    with pytest.raises(UserError, match="none of 2"):
        list(photographs.photographs([tiny, grey]))
