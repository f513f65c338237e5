"""Chroma that is subsampled along one axis: 4:2:2 and 4:4:0, of pictures and of video."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_demo.__main__ import main
from edge_demo.colour.siting import KNOWN, cosited, downsample_axis, upsample_axis
from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from edge_demo.device import restorers
from edge_demo.device.chroma import Chroma
from edge_demo.device.frames import Frame
from edge_demo.measure import metrics
from edge_demo.model import models_folder
from edge_demo.pictures import jpeg_file
from edge_demo.pictures.containers import load
from edge_demo.pictures.images import read_rgb
from edge_demo.pictures.picture import read
from edge_demo.pictures.planes import decode_planes
from edge_demo.tasks import chroma
from edge_demo.video.coding import Tags, coding

Picture = NDArray[np.uint8]
AXES = {0: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440, 1: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422}
PRESETS = ("chroma_bitrate-s.r2.int8", "chroma_residual-s.r1.qat")
# dB that a picture may be below libjpeg's own decoding.
MOST_LOSS = 0.05


@pytest.fixture(scope="module", params=PRESETS)
def preset(request: pytest.FixtureRequest) -> Chroma:
    model = restorers.load(models_folder.find(request.param), threads=1)
    assert isinstance(model, Chroma)
    return model


def jpeg(path: Path, rgb: Picture, axis: int, *options: int) -> Path:
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    assert cv2.imwrite(
        str(path), bgr, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, AXES[axis], *map(int, options)]
    )
    return path


def libjpegs(path: Path) -> Picture:
    """YCbCr (H, W, 3) as libjpeg decodes it."""
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        picture.draft("YCbCr", picture.size)
        return np.asarray(picture).copy()


def muted(rgb: Picture, left: float) -> Picture:
    ycbcr = rgb_to_ycbcr(rgb)
    ycbcr[..., 1:] = 128 + (ycbcr[..., 1:] - 128) * np.float32(left)
    return round_to_uint8(ycbcr_to_rgb(ycbcr))


def fancy(own: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
    """libjpeg's enlarging along one axis, from its source: h2v1 and h1v2."""
    low = own.swapaxes(0, axis)
    before, after = np.concatenate([low[:1], low[:-1]]), np.concatenate([low[1:], low[-1:]])
    pairs = np.stack([(3 * low + before + 1) >> 2, (3 * low + after + 2) >> 2], 1)
    return pairs.reshape(-1, *low.shape[1:]).swapaxes(0, axis)


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("restart", [0, 3])
@pytest.mark.parametrize("size", [(96, 128), (61, 83), (8, 9), (2, 3)])
@pytest.mark.parametrize("axis", AXES)
def test_planes_are_what_libjpeg_enlarges(
    axis: int, size: tuple[int, int], restart: int, progressive: int, photograph: Picture,
    tmp_path: Path,
) -> None:  # fmt: skip
    rgb = photograph[: size[0], : size[1]]
    path = jpeg(tmp_path / "a.jpg", rgb, axis, cv2.IMWRITE_JPEG_QUALITY, 80,
                cv2.IMWRITE_JPEG_RST_INTERVAL, restart,
                cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)  # fmt: skip
    file, decoded = decode_planes(load(path)), libjpegs(path)
    assert file.steps == ((2, 1) if axis == 0 else (1, 2))
    assert np.array_equal(file.y, decoded[..., 0])
    enlarged = fancy(file.cbcr.astype(np.int64), axis)[: size[0], : size[1]]
    assert np.array_equal(enlarged, decoded[..., 1:])


@pytest.mark.parametrize("axis", AXES)
def test_unusual_factors(axis: int, photograph: Picture, tmp_path: Path) -> None:
    """4:2:2 as some cameras write it: 2x2 to 1x2 is as 2x1 to 1x1. No library here does."""
    data = bytearray(jpeg(tmp_path / "a.jpg", photograph[:61, :83], axis).read_bytes())
    at = data.index(b"\xff\xc0")
    other = 0x21 if axis == 0 else 0x12
    data[at + 11], data[at + 14], data[at + 17] = 0x22, other, other
    made = jpeg_file.of_four(bytes(data))
    size = (31, 83) if axis == 0 else (61, 42)
    assert struct.unpack_from(">HHB", made, made.index(b"\xff\xc0") + 5) == (*size, 4)
    at = made.index(b"\xff\xc0") + 10
    assert [made[at + 1 + 3 * i] for i in range(4)] == [other] * 4
    assert len({made[at + 3 * i] for i in range(4)}) == 4
    scan = made.index(b"\xff\xda")
    names = [made[scan + 5 + 2 * i] for i in range(made[scan + 4])]
    assert names == [made[at + 3 * i] for i in range(4)]


@pytest.mark.parametrize("axis", AXES)
def test_without_a_correction_it_is_libjpegs_picture(
    axis: int, photograph: Picture, tmp_path: Path
) -> None:
    """Its ties, too."""
    path = jpeg(tmp_path / "a.jpg", muted(photograph[:97, :131], 1 / 6), axis)
    file = decode_planes(load(path))
    planes = chroma.of_one_axis(file.y, file.cbcr, axis, quantised=file.info.quantised)
    height, width = planes.size
    nothing = np.zeros(((height + 1) // 2, (width + 1) // 2, 8), np.float32)
    free = chroma.Bound(0.0, 0.0, 0.0)
    plain = chroma.TASK.corrected(nothing, planes, free)[:height, :width]
    found = chroma.rounded(chroma.own(plain, planes.doubled), planes.doubled)
    assert np.array_equal(found, libjpegs(path)[..., 1:])


@pytest.mark.parametrize("size", [(60, 90), (47, 66), (64, 65), (1, 5), (3, 1)])
@pytest.mark.parametrize("siting", KNOWN)
@pytest.mark.parametrize("axis", AXES)
def test_the_result_agrees_with_the_files_own_samples(
    axis: int, siting: str, size: tuple[int, int], photograph: Picture, preset: Chroma
) -> None:
    ycbcr = rgb_to_ycbcr(photograph[20:][: size[0], : size[1]])
    on = cosited(siting)[axis]
    low = downsample_axis(ycbcr[..., 1:], axis, on)
    planes = chroma.of_one_axis(ycbcr[..., 0], low, axis, siting)
    found = preset.corrected(planes, preset.correction(planes))
    assert found.shape == (*size, 2)
    plain = upsample_axis(low, size[axis], axis, on, "bilinear")
    missed, before = (np.abs(downsample_axis(one, axis, on) - low).mean() for one in (found, plain))
    assert missed <= (0.75 * before if min(size) > 9 else before + 1e-3)
    # The whole and its tiles, rounded, are the same but for a border that a network sees repeated.
    eight = chroma.of_one_axis(round_to_uint8(ycbcr[..., 0]), round_to_uint8(low), axis, siting)
    whole = preset.corrected(eight, preset.correction(eight))
    inner = np.s_[4:-4, 4:-4]
    differs = chroma.rounded(whole, eight.doubled)[inner] != preset.reconstruct(eight)[inner]
    assert not differs.any()


@pytest.mark.parametrize("siting", ["center", "left", "topleft"])
@pytest.mark.parametrize("axis", AXES)
def test_it_is_better_than_enlarging(
    axis: int, siting: str, photograph: Picture, preset: Chroma
) -> None:
    """At the siting that the file has; one that is wrong would cost more than all gains."""
    ycbcr = round_to_uint8(rgb_to_ycbcr(photograph))
    truth, on = ycbcr[..., 1:], cosited(siting)[axis]
    low = round_to_uint8(downsample_axis(truth, axis, on))
    found = preset.reconstruct(chroma.of_one_axis(ycbcr[..., 0], low, axis, siting))
    for kernel in ("bilinear", "lanczos4"):
        plain = round_to_uint8(upsample_axis(low, truth.shape[axis], axis, on, kernel))
        assert metrics.psnr(found, truth) > metrics.psnr(plain, truth) + 0.5, kernel


@pytest.mark.parametrize("quality", [50, 75, 90, 98, 100])
@pytest.mark.parametrize("axis", AXES)
def test_no_jpeg_is_below_plain_decoding_and_grey_stays_grey(
    axis: int, quality: int, photograph: Picture, preset: Chroma, tmp_path: Path
) -> None:
    for left in (0.0, 1 / 16, 1 / 6, 1.0):
        rgb = muted(photograph, left)
        path = jpeg(tmp_path / "a.jpg", rgb, axis, cv2.IMWRITE_JPEG_QUALITY, quality)
        if left == 0.0:
            found = preset.restore(read(path)).rgb
            assert np.array_equal(found, found[..., :1].repeat(3, axis=2))
            continue
        file, truth = decode_planes(load(path)), chroma.target(rgb)
        planes = chroma.of_one_axis(file.y, file.cbcr, axis, quantised=file.info.quantised)
        floor = metrics.psnr(libjpegs(path)[..., 1:], truth)
        assert metrics.psnr(preset.reconstruct(planes), truth) > floor - MOST_LOSS, left


@pytest.mark.parametrize("axis", AXES)
def test_a_file_is_restored_without_being_told(
    axis: int, photograph: Picture, preset: Chroma, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.jpg", tmp_path / "b.png"
    jpeg(source, photograph, axis, cv2.IMWRITE_JPEG_QUALITY, 95)
    assert main(["run", str(source), str(target), "--model", preset.name]) == 0
    found, truth = read_rgb(target).rgb, chroma.target(photograph)
    psnr = metrics.psnr(round_to_uint8(rgb_to_ycbcr(found))[..., 1:], truth)
    assert psnr > metrics.psnr(libjpegs(source)[..., 1:], truth) + 0.1


def clip(path: Path, rgb: Picture, pixels: str) -> tuple[Path, list[NDArray[Any]]]:
    """A lossless video of two frames, its samples means of two pixels or on one (left)."""
    axis = 1 if "422" in pixels else 0
    ycbcr = rgb_to_ycbcr(rgb)
    low = downsample_axis(ycbcr[..., 1:], axis, axis == 1)
    times, kind = (4, np.uint16) if "10" in pixels else (1, np.uint8)
    y = np.rint((16 + ycbcr[..., 0] * (219 / 255)) * times).astype(kind)
    cbcr = np.rint((128 + (low - 128) * (224 / 255)) * times).astype(kind)
    planes = [y, cbcr[..., 0], cbcr[..., 1]]
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("rawvideo" if path.suffix == ".avi" else "ffv1", rate=10)
        stream.height, stream.width = rgb.shape[:2]
        stream.pix_fmt = pixels
        for index in range(2):
            frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], pixels)
            for plane, values in zip(frame.planes, planes, strict=True):
                step = plane.line_size // values.dtype.itemsize
                lines = np.frombuffer(memoryview(plane), kind).reshape(-1, step)
                lines[: values.shape[0], : values.shape[1]] = values
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path, planes


@pytest.mark.parametrize(
    "pixels", ["yuv422p", "yuv422p10le", "yuv440p", "yuv440p10le"]
)  # fmt: skip
def test_a_video_is_restored(
    pixels: str, photograph: Picture, preset: Chroma, tmp_path: Path
) -> None:
    rgb = photograph[:120, :176]
    source, (y, cb, cr) = clip(tmp_path / "a.mkv", rgb, pixels)
    out = tmp_path / "b.mkv"
    assert main(["run", str(source), str(out), "--model", preset.name]) == 0
    deep = "10" in pixels
    kind, times = (np.uint16, 4) if deep else (np.uint8, 1)
    with av.open(str(out)) as made:
        frames = list(made.decode(video=0))
    assert len(frames) == 2
    assert frames[0].format.name == ("yuv444p10le" if deep else "yuv444p")
    planes = [
        np.frombuffer(bytes(plane), kind).reshape(plane.height, -1)[:, : plane.width]
        for plane in frames[1].planes
    ]
    assert np.array_equal(planes[0], y)
    axis = 1 if "422" in pixels else 0
    truth = 128 + (rgb_to_ycbcr(rgb)[..., 1:] - 128) * (224 / 255)
    low = np.stack([cb, cr], -1) / np.float32(times)
    plain = upsample_axis(low, rgb.shape[axis], axis, axis == 1, "bilinear")
    found = np.stack(planes[1:], -1) / np.float32(times)
    errors = [np.square(one - truth).mean() for one in (found, plain)]
    assert errors[0] < 0.9 * errors[1]


def test_a_raw_stream_is_restored(photograph: Picture, preset: Chroma, tmp_path: Path) -> None:
    """YUV4MPEG2, as tools hand frames to each other."""
    rgb = photograph[:40, :64]
    _, planes = clip(tmp_path / "a.mkv", rgb, "yuv422p")
    source, out = tmp_path / "a.y4m", tmp_path / "b.mkv"
    head = b"YUV4MPEG2 W64 H40 F10:1 Ip A1:1 C422\nFRAME\n"
    source.write_bytes(head + b"".join(one.tobytes() for one in planes))
    assert main(["run", str(source), str(out), "--model", preset.name]) == 0
    with av.open(str(out)) as made:
        assert [one.format.name for one in made.decode(video=0)] == ["yuv444p"]


def test_a_grey_frame_stays_grey(photograph: Picture, preset: Chroma) -> None:
    for axis in AXES:
        shape = [*photograph.shape[:2], 2]
        shape[axis] = -(-shape[axis] // 2)
        frame = Frame(photograph[..., 1], np.full(shape, 128, np.uint8), "left", "bt709")
        assert (preset.apply(frame, preset.find(frame)).cbcr == 128).all()


@pytest.mark.parametrize(
    ("pixels", "stated", "lies"),
    [
        ("yuv422p", None, "left"),
        ("yuv422p", "topleft", "left"),
        ("yuv422p", "bottomleft", "left"),
        ("yuv422p", "center", "center"),
        ("yuv422p10le", "top", "center"),
        ("yuv440p", None, "left"),
        ("yuv440p", "top", "top"),
        ("yuv420p", "top", "top"),
    ],
)
def test_siting_of_video(pixels: str, stated: str | None, lies: str) -> None:
    assert coding("a", pixels, (20, 20), stated, Tags(1, 1, 1, 1)).siting == lies
