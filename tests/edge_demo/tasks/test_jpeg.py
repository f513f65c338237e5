"""JPEG's quantisation without a JPEG: as a library's files have it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.pictures.containers import load, probe
from edge_demo.pictures.planes import decode_planes
from edge_demo.tasks import chroma, jpeg


def write(path: Path, rgb: NDArray[np.uint8], quality: int) -> Path:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality,
               cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]  # fmt: skip
    assert cv2.imwrite(str(path), rgb[..., ::-1], options)
    return path


@pytest.mark.parametrize("quality", [30, 50, 75, 95, 100])
def test_planes_are_those_of_a_file(
    natural: NDArray[np.uint8], tmp_path: Path, quality: int
) -> None:
    rgb = np.ascontiguousarray(natural[:64, :96])
    file = decode_planes(load(write(tmp_path / "picture.jpg", rgb, quality)))
    made = jpeg.compressed(chroma.degrade(rgb), quality)
    assert file.info.quantised == pytest.approx(made.quantised)
    # What a file holds lies on the steps already: quantised again, it stays.
    again = jpeg.compressed(chroma.Planes(file.y, file.cbcr), quality)
    plain = chroma.degrade(rgb)
    for stored, twice, once, before in (
        (file.y, again.y, made.y, plain.y),
        (file.cbcr, again.cbcr, made.cbcr, plain.cbcr),
    ):
        assert (np.abs(stored.astype(int) - twice) > 1).mean() < 0.02
        # A library converts and halves in integers of its own, so that steps fall otherwise now
        # and then; as much is lost.
        lost, expected = (np.abs(one.astype(float) - before).mean() for one in (once, stored))
        assert lost == pytest.approx(expected, rel=0.1, abs=0.3)


def test_strength_falls_with_quality(natural: NDArray[np.uint8]) -> None:
    planes = chroma.degrade(np.ascontiguousarray(natural[:32, :32]))
    found = [jpeg.compressed(planes, quality).quantised for quality in (30, 50, 80, 100)]
    for channel in range(2):
        values = [pair[channel] for pair in found if pair]
        assert values == sorted(values, reverse=True) and len(set(values)) == 4
        assert values[-1] >= 0 and values[0] <= 1
    assert found[-1] == (0, 0)


def test_tables_are_the_librarys(natural: NDArray[np.uint8], tmp_path: Path) -> None:
    for quality in (1, 30, 50, 85):
        path = write(tmp_path / f"{quality}.jpg", natural, quality)
        luma, low = (jpeg.strength(table.ravel().tolist()) for table in jpeg.tables(quality))
        assert probe(path).quantised == pytest.approx((luma, low))
    for quality in (0, 101):
        with pytest.raises(ValueError, match=r"1\.\.100"):
            jpeg.tables(quality)


def test_other_files_say_nothing(natural: NDArray[np.uint8], tmp_path: Path) -> None:
    for name, picture in (("grey.jpg", natural[..., 0]), ("colour.png", natural)):
        assert cv2.imwrite(str(tmp_path / name), picture)
        assert probe(tmp_path / name).quantised is None


def test_tables_cut_short_are_damage(natural: NDArray[np.uint8], tmp_path: Path) -> None:
    from edge_demo.errors import UserError

    data = write(tmp_path / "whole.jpg", natural, 80).read_bytes()
    place = data.index(b"\xff\xdb")
    broken = data[: place + 2] + b"\x00\x20" + data[place + 4 : place + 34] + b"\xff\xd9"
    (tmp_path / "broken.jpg").write_bytes(broken)
    with pytest.raises(UserError):
        probe(tmp_path / "broken.jpg")


def test_flat_planes_stay(natural: NDArray[np.uint8]) -> None:
    flat = np.full((20, 12), 77, np.uint8)
    assert np.array_equal(jpeg.quantised(flat, jpeg.tables(50)[0] * 0 + 1), flat)
