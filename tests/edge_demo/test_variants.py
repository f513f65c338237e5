"""What networks of chroma can be told: how much detail, how strongly a JPEG was quantised."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo import __main__ as edge_demo
from edge_demo.device import restorers
from edge_demo.device.frames import Frame
from edge_demo.device.picture_file import restore_file
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.pictures.containers import load
from edge_demo.pictures.planes import decode_planes
from edge_demo.tasks import chroma, jpeg


def rgb_of(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture[..., ::-1], np.uint8)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, photograph: NDArray[np.uint8]) -> Path:
    """A 4:2:0 JPEG of quality 90."""
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    options = [cv2.IMWRITE_JPEG_QUALITY, 90,
               cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]  # fmt: skip
    assert cv2.imwrite(str(path), photograph[..., ::-1], options)
    return path


def test_detail_is_added_as_far_as_wanted(
    variant_models: dict[str, Path], photograph: NDArray[np.uint8]
) -> None:
    model = restorers.load(variant_models["merged"]).runner
    planes = chroma.degrade(np.ascontiguousarray(photograph[:64, :64]))
    (values,) = model.run(chroma.TASK.encode(planes)).values()
    none, half, whole = (
        chroma.MERGED.correction({"merged": values}, planes, detail) for detail in (0.0, 0.5, 1.0)
    )
    assert np.array_equal(none, chroma.TASK.correction({"correction": values[..., :8]}, planes))
    assert np.abs(whole - none).max() > 1
    assert np.abs(half - (none + whole) / 2).max() < 1e-3
    decoded = chroma.MERGED.decode({"merged": values}, planes)
    assert np.array_equal(decoded, chroma.MERGED.corrected(whole, planes))
    assert not np.array_equal(decoded, chroma.MERGED.decode({"merged": values}, planes, 0.0))


def test_a_file_with_more_and_less_detail(
    variant_models: dict[str, Path], photo: Path, tmp_path: Path
) -> None:
    model = restorers.load(variant_models["merged"])
    for name, detail in (("all", None), ("one", 1.0), ("none", 0.0)):
        restore_file(photo, tmp_path / f"{name}.png", model.with_options(detail=detail))
    every, one, none = (rgb_of(tmp_path / f"{name}.png") for name in ("all", "one", "none"))
    assert np.array_equal(every, one) and not np.array_equal(every, none)
    command = [
        "run",
        str(photo),
        str(tmp_path / "cli.png"),
        "--model",
        str(variant_models["merged"]),
    ]
    assert edge_demo.main([*command, "--detail", "0"]) == 0
    assert np.array_equal(rgb_of(tmp_path / "cli.png"), none)


def test_what_detail_is_refused(
    variant_models: dict[str, Path], photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, detail, why in (
        ("merged", "1.5", "--detail is from 0"),
        ("merged", "nan", "--detail is from 0"),
        ("direct", "0.5", "proposes no detail; models of chroma_merged do"),
    ):
        command = ["run", str(photo), str(tmp_path / "x.png"), "--model", str(variant_models[kind])]
        assert edge_demo.main([*command, "--detail", detail]) == 2
        assert why in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_a_video_frame_has_the_detail_that_a_picture_has(
    variant_models: dict[str, Path], photograph: NDArray[np.uint8]
) -> None:
    model = restorers.load(variant_models["merged"])
    planes = chroma.degrade(photograph)
    for detail in (0.0, 1.0):
        asked = model.with_options(detail=detail)
        frame = Frame(planes.y, planes.cbcr, planes.siting, "bt601")
        found = asked.apply(frame, asked.find(frame)).cbcr
        wanted = asked.reconstruct(planes)
        assert np.abs(found - wanted)[40:-40, 40:-40].max() <= 0.54  # not rounded yet


def test_direct_chroma_is_a_picture(
    variant_models: dict[str, Path], photo: Path, tmp_path: Path, photograph: NDArray[np.uint8]
) -> None:
    restore_file(photo, tmp_path / "out.png", restorers.load(variant_models["direct"]))
    assert np.abs(rgb_of(tmp_path / "out.png").astype(int) - photograph).mean() < 25


def test_the_network_is_told_how_a_file_was_quantised(
    variant_models: dict[str, Path], photo: Path, tmp_path: Path
) -> None:
    model = restorers.load(variant_models["bitrate"])
    file = decode_planes(load(photo))
    assert file.info.quantised is not None
    told = chroma.Planes(file.y, file.cbcr, file.siting, file.info.quantised)
    expected = restoration.to_rgb(file.y, model.reconstruct(told))
    restore_file(photo, tmp_path / "out.png", model)
    assert np.array_equal(rgb_of(tmp_path / "out.png"), expected)
    untold = dataclasses.replace(told, quantised=None)
    assert not np.array_equal(expected, restoration.to_rgb(file.y, model.reconstruct(untold)))
    planes = model.task.encode(
        chroma.Planes(file.y[:16, :16], file.cbcr[:8, :8], "center", (0.25, 0.5))
    )["planes"]
    assert np.array_equal(np.rint(planes[0, 0, 12:] * 255 + 128), [64, 128])


def test_quantised_chroma_is_not_agreed_with(photograph: NDArray[np.uint8]) -> None:
    planes = chroma.degrade(photograph)
    assert chroma.consistency(planes) == chroma.CONSISTENCY
    shares = [chroma.consistency(jpeg.compressed(planes, quality)) for quality in (100, 98, 50)]
    assert shares[0] == chroma.CONSISTENCY > shares[1] > shares[2] == 0


def test_a_restoration_in_other_circumstances(photograph: NDArray[np.uint8]) -> None:
    restored = restoration.of("chroma", quality=50)
    degraded = restored.degrade(photograph, "a", None)
    assert degraded.quantised == jpeg.compressed(chroma.degrade(photograph), 50).quantised
    for arrays in (restored.pack(degraded), restored.pack(chroma.degrade(photograph))):
        back = restored.unpack(arrays)
        assert back.quantised == (degraded.quantised if "quantised" in arrays else None)
    # Each file has a quality of its own, whatever the order.
    told = restoration.of(chroma.BITRATE)
    first = told.degrade(photograph, "a", None).quantised
    assert first == told.degrade(photograph, "a", None).quantised
    assert first != told.degrade(photograph, "b", None).quantised
    with pytest.raises(UserError, match="from 1 to 100"):
        restoration.of(chroma.BITRATE, quality=0)
    with pytest.raises(UserError, match="--quality is of the chroma task"):
        restoration.of("enhance", quality=50)
