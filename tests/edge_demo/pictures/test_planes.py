"""Planes of 4:2:0 files: the decoder's own samples at every size, and nothing that is not 4:2:0."""

from __future__ import annotations

import base64
import io
import re
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_demo.colour.ycbcr import rgb_to_ycbcr, ycbcr_to_rgb
from edge_demo.errors import UserError
from edge_demo.pictures.images import apply_orientation, carried, load, read_rgb
from edge_demo.pictures.planes import StoredPlanes, decode_planes

SIZES = [(1, 1), (1, 2), (2, 1), (3, 5), (16, 16), (17, 31), (48, 64), (101, 75)]

needs_metadata = pytest.mark.skipif(
    not hasattr(cv2, "imencodeWithMetadata"), reason="OpenCV before 4.12 writes no metadata"
)


def picture(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """A smooth picture without saturated colours, so that RGB clips nowhere."""
    rng = np.random.default_rng(height * 1000 + width)
    knots = rng.integers(90, 166, (4, 4, channels), dtype=np.uint8)
    smooth = cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.uint8).reshape(height, width, channels)


def encode(extension: str, rgb: NDArray[np.uint8], *params: int) -> bytes:
    if rgb.ndim == 3:
        rgb = rgb[..., [2, 1, 0, 3][: rgb.shape[2]]]
    ok, data = cv2.imencode(extension, np.ascontiguousarray(rgb), list(params))
    assert ok
    return data.tobytes()


def jpeg(rgb: NDArray[np.uint8], quality: int = 95, progressive: bool = False) -> bytes:
    return encode(
        ".jpg",
        rgb,
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        cv2.IMWRITE_JPEG_PROGRESSIVE,
        int(progressive),
    )


def webp(rgb: NDArray[np.uint8], quality: int = 95) -> bytes:
    return encode(".webp", rgb, cv2.IMWRITE_WEBP_QUALITY, quality)


def read(tmp_path: Path, data: bytes, name: str = "a.jpg") -> StoredPlanes:
    path = tmp_path / name
    path.write_bytes(data)
    return decode_planes(load(path))


def rgb_by_opencv(data: bytes) -> NDArray[np.float64]:
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(bgr, np.float64)[..., ::-1]


LUMA = np.array([0.299, 0.587, 0.114])


def known_planes(height: int, width: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Luma (H, W) and chroma (ceil(H/2), ceil(W/2), 2), smooth and inside RGB's gamut."""
    rows, columns = np.mgrid[0:height, 0:width]
    y = 128 + 30 * np.sin(rows / 17) + 20 * np.cos(columns / 23)
    rows, columns = np.mgrid[0 : (height + 1) // 2, 0 : (width + 1) // 2]
    cb = 128 + 25 * np.sin(columns / 9)
    cr = 120 + 20 * np.cos(rows / 11)
    return y, np.stack([cb, cr], axis=-1)


def rgb_of(y: NDArray[Any], cbcr: NDArray[Any]) -> NDArray[np.uint8]:
    """RGB of full-range BT.601 with each chroma sample held over its 2x2 block."""
    height, width = y.shape
    held = np.repeat(np.repeat(cbcr, 2, axis=0), 2, axis=1)[:height, :width] - 128
    cb, cr = held[..., 0], held[..., 1]
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)
    assert rgb.min() > 1 and rgb.max() < 254
    return np.rint(rgb).astype(np.uint8)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_jpeg_luma_is_opencvs(tmp_path: Path, size: tuple[int, int], progressive: bool) -> None:
    data = jpeg(picture(*size), progressive=progressive)
    planes = read(tmp_path, data)
    assert planes.y.shape == size and planes.y.dtype == np.uint8
    assert planes.cbcr.shape == ((size[0] + 1) // 2, (size[1] + 1) // 2, 2)
    assert planes.cbcr.dtype == np.uint8 and planes.alpha is None
    # each RGB value is rounded, and the two inverse transforms differ by one at most
    assert np.abs(planes.y - rgb_by_opencv(data) @ LUMA).max() < 2
    assert np.abs(planes.y - rgb_by_opencv(data) @ LUMA).mean() < 0.5
    assert planes.info.progressive == progressive


@pytest.mark.parametrize("size", [(16, 16), (47, 65), (96, 128)])
def test_jpeg_planes_are_what_was_stored(tmp_path: Path, size: tuple[int, int]) -> None:
    y, cbcr = known_planes(*size)
    planes = read(tmp_path, jpeg(rgb_of(y, cbcr), quality=100))
    assert np.abs(planes.y - y).max() < 2
    assert np.abs(planes.cbcr - cbcr).max() < 2
    assert (planes.matrix, planes.full_range, planes.siting) == ("bt601", True, "center")


@pytest.mark.parametrize("size", [(17, 31), (48, 64)])
def test_progressive_planes_equal_baseline(tmp_path: Path, size: tuple[int, int]) -> None:
    """The same coefficients in another order: not a bit may differ."""
    one = read(tmp_path, jpeg(picture(*size)))
    two = read(tmp_path, jpeg(picture(*size), progressive=True))
    np.testing.assert_array_equal(one.y, two.y)
    np.testing.assert_array_equal(one.cbcr, two.cbcr)


def test_cb_comes_before_cr(tmp_path: Path) -> None:
    red = np.full((16, 16, 3), (200, 40, 40), np.uint8)
    for name, data in (("a.jpg", jpeg(red)), ("a.webp", webp(red))):
        cb, cr = read(tmp_path, data, name).cbcr[4, 4]
        assert cb < 110 and cr > 190, name


@pytest.mark.parametrize("size", SIZES)
def test_webp_luma_is_opencvs(tmp_path: Path, size: tuple[int, int]) -> None:
    data = webp(picture(*size))
    planes = read(tmp_path, data, "a.webp")
    assert planes.y.shape == size
    assert planes.cbcr.shape == ((size[0] + 1) // 2, (size[1] + 1) // 2, 2)
    assert (planes.matrix, planes.full_range, planes.siting) == ("bt601", False, "center")
    assert np.abs(planes.y - (16 + rgb_by_opencv(data) @ LUMA * 219 / 255)).max() < 1.5


def test_webp_planes_give_opencvs_rgb(tmp_path: Path) -> None:
    """OpenCV's own conversion of the planes is close to libwebp's, where chroma is smooth."""
    y, cbcr = known_planes(96, 128)
    data = webp(rgb_of(y, cbcr), quality=100)
    planes = read(tmp_path, data, "a.webp")
    chroma = [planes.cbcr[..., i].reshape(-1, 128) for i in range(2)]
    rgb = cv2.cvtColor(np.vstack([planes.y, *chroma]), cv2.COLOR_YUV2RGB_I420)
    difference = np.abs(rgb - rgb_by_opencv(data))
    assert difference.mean() < 1.5 and difference.max() <= 6
    # limited range: 224 codes for what full range gives 255
    expected = (cbcr - 128) * 224 / 255 + 128
    assert np.abs(planes.cbcr - expected).mean() < 1


def test_webp_alpha(tmp_path: Path) -> None:
    rgba = picture(9, 12, 4)
    data = webp(rgba)
    planes = read(tmp_path, data, "a.webp")
    assert planes.alpha is not None and planes.info.alpha
    np.testing.assert_array_equal(planes.alpha, rgba[..., 3])
    assert planes.y.shape == (9, 12)


@needs_metadata
@pytest.mark.parametrize("extension", [".jpg", ".webp"])
def test_planes_stay_as_stored_and_orientation_is_handed_on(tmp_path: Path, extension: str) -> None:
    entries = struct.pack("<HHHIHH", 1, 274, 3, 1, 6, 0)
    exif = b"II*\0" + struct.pack("<I", 8) + entries + bytes(4)
    icc = bytes(16) + b"RGB " + bytes(200)
    pieces = {cv2.IMAGE_METADATA_EXIF: exif, cv2.IMAGE_METADATA_ICCP: icc}
    quality = cv2.IMWRITE_JPEG_QUALITY if extension == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    ok, encoded = cv2.imencodeWithMetadata(
        extension,
        picture(25, 40),
        [*pieces],
        [np.frombuffer(piece, np.uint8) for piece in pieces.values()],
        [quality, 95],
    )
    assert ok
    planes = read(tmp_path, encoded.tobytes(), f"a{extension}")
    assert planes.orientation == 6 and planes.y.shape == (25, 40)
    found = carried(load(tmp_path / f"a{extension}"))
    assert found.exif == exif.replace(entries, struct.pack("<HHHIHH", 1, 274, 3, 1, 1, 0))
    assert found.icc == icc
    upright = read_rgb(tmp_path / f"a{extension}").rgb @ LUMA
    y = planes.y.astype(float)
    if not planes.full_range:
        y = (y - 16) * 255 / 219
    assert np.abs(apply_orientation(y, 6) - upright).max() < 2


def test_names_are_not_patterns(tmp_path: Path) -> None:
    """FFmpeg's picture reader takes %d and * in a name for a sequence of files."""
    assert read(tmp_path, jpeg(picture(8, 8)), "100%d *.png").y.shape == (8, 8)


def test_what_surrounds_the_picture_data_changes_nothing(tmp_path: Path) -> None:
    data = jpeg(picture(20, 20))
    plain = read(tmp_path, data)

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([255, marker]) + struct.pack(">H", len(body) + 2) + body

    odd = segment(0xFE, b"CS=ITU601\0") + segment(0xE0, b"AVI1\1\1")
    odd += segment(0xE1, b"Exif\0\0II*\0\xff\xff") + segment(0xEE, b"Adobe")
    dressed = read(tmp_path, data[:20] + odd + data[20:] + data + b"more")
    np.testing.assert_array_equal(dressed.y, plain.y)
    np.testing.assert_array_equal(dressed.cbcr, plain.cbcr)
    assert dressed.full_range is True


def test_restart_markers(tmp_path: Path) -> None:
    rgb = picture(64, 64)
    data = encode(".jpg", rgb, cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_RST_INTERVAL, 1)
    assert b"\xff\xd0" in data
    np.testing.assert_array_equal(read(tmp_path, data).cbcr, read(tmp_path, jpeg(rgb)).cbcr)


def refused(path: Path, says: str) -> None:
    """Reading fails with one line that names the file and what is wrong."""
    with pytest.raises(UserError) as caught:
        decode_planes(load(path))
    name, _, reason = str(caught.value).partition(f"{path}: ")
    assert name == "" and "\n" not in reason
    assert re.search(says, reason), (
        reason
    )  # the path alone may hold the words, from the test's name


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (47, 65)])
@pytest.mark.parametrize(
    ("factor", "steps"),
    [
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422, (1, 2)),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440, (2, 1)),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411, (1, 4)),
    ],
)
def test_planes_of_other_subsampling_are_what_was_stored(
    tmp_path: Path, factor: int, steps: tuple[int, int], size: tuple[int, int]
) -> None:
    rgb = picture(*size)
    data = encode(
        ".jpg", rgb, cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor
    )
    planes = read(tmp_path, data)
    assert planes.steps == steps
    full = rgb_to_ycbcr(rgb.astype(np.float32))
    assert np.abs(planes.y - full[..., 0]).max() < 3
    padding = [(0, -length % step) for length, step in zip(size, steps, strict=True)]
    even = np.pad(full[..., 1:], [*padding, (0, 0)], "edge")
    blocks = even.reshape(len(even) // steps[0], steps[0], -1, steps[1], 2)
    assert np.abs(planes.cbcr - blocks.mean((1, 3))).max() < 3


def test_full_chroma_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    path.write_bytes(encode(".jpg", picture(16, 16), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor))
    refused(path, "is 4:4:4: its chroma is not subsampled")


# 30x17, as other programs write it; no library in reach writes arithmetic coding.
ARITHMETIC = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsK
CwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQU
FBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/yQARCAARAB4DASIA
AhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwDSgvohl97EE10PKjt6TqZUsnllE3yQbkr+
GAwq8s8ejGDWzLULVMJlSqJBSW9hJRZ0kXq7jjhMqAaLHUlpNJoW2ceewN3OUvakbeEYQrdQMzOx
hrxac5hVHMVpI9di/gd9kN7DaUNPwfd9moS6r93Z/wC8C40uXqCJpKTaqWerFelLE9+thtcW89I/
Q7L+9ajZbt5eiZpuuOy06fwgV1ady1OT/XSuVO23FLLBxEBOPz9XSH+6uDzjwtE+/wDIMRWFsGp0
t6GD3p5ekE7ZIsqxyoLLKX/4gG5F/9k=
"""


def test_arithmetic_coding(tmp_path: Path) -> None:
    """FFmpeg does not read it; planes and RGB are of one picture all the same."""
    data = base64.b64decode(ARITHMETIC)
    planes = read(tmp_path, data)
    assert planes.y.shape == (17, 30) and planes.cbcr.shape == (9, 15, 2)
    rgb = read_rgb(tmp_path / "a.jpg").rgb
    same = np.asarray(Image.open(tmp_path / "a.jpg"))
    assert np.abs(rgb.astype(int) - same).max() <= 3
    assert np.abs(planes.y - rgb_by_opencv(data) @ LUMA).mean() < 1
    halves = rgb_to_ycbcr(cv2.resize(rgb[:16], (15, 8), interpolation=cv2.INTER_AREA))
    assert np.abs(planes.cbcr[:8] - halves[..., 1:]).mean() < 3


def held(height: int, width: int) -> NDArray[np.uint8]:
    """RGB whose chroma is the same over each 2x2 block, so that 4:2:0 holds all of it."""
    return rgb_of(*known_planes(height, width))


def heic(rgb: NDArray[np.uint8], **options: Any) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(rgb)).save(out, quality=100, **options)
    return out.getvalue()


def avif(rgb: NDArray[np.uint8], **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "AVIF", quality=100, **options)
    return out.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(64, 96), (75, 101)])
@pytest.mark.parametrize("kind", ["heic", "avif", "grid"])
def test_planes_of_heic_and_avif(
    tmp_path: Path, kind: str, size: tuple[int, int], orientation: int
) -> None:
    rgb = held(*size)
    exif = Image.Exif()
    exif[274] = orientation
    options: dict[str, Any] = {"exif": exif.tobytes()}
    if kind == "grid":
        options["tile_size"] = 64
    planes = read(tmp_path, (avif if kind == "avif" else heic)(rgb, **options))
    assert planes.y.shape == size and planes.depth == 8 and planes.steps == (2, 2)
    low = cv2.resize(planes.cbcr, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    ycbcr = np.dstack([planes.y, low[: size[0], : size[1]]]).astype(np.float32)
    found = ycbcr_to_rgb(ycbcr, planes.matrix, planes.full_range)
    assert np.abs(found - rgb).mean() < 2
    turned = apply_orientation(found, planes.orientation)
    upright = read_rgb(tmp_path / "a.jpg").rgb
    assert turned.shape == upright.shape and np.abs(turned - upright).mean() < 2.5


@pytest.mark.parametrize("depth", [10, 12])
def test_planes_of_more_bits_keep_their_fractions(tmp_path: Path, depth: int) -> None:
    deep = held(64, 96).astype(np.uint16) * 257
    out = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = depth == 12
    try:
        pillow_heif.from_bytes("RGB;16", (96, 64), deep.tobytes()).save(out, quality=100)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    planes = read(tmp_path, out.getvalue())
    assert planes.depth == depth and planes.y.dtype == np.float32
    assert len(np.unique(planes.y)) > len(np.unique(np.rint(planes.y)))
    luma = rgb_to_ycbcr(deep / np.float32(257))[..., 0]
    y = planes.y if planes.full_range else (planes.y - 16) * 255 / 219
    assert np.abs(y - luma).mean() < 1


def test_a_thumbnail_in_a_heic_is_not_its_planes(tmp_path: Path) -> None:
    image = pillow_heif.from_pillow(Image.fromarray(held(200, 300)))
    image.info["thumbnails"] = [64]
    out = io.BytesIO()
    image.save(out, quality=90)
    assert read(tmp_path, out.getvalue()).y.shape == (200, 300)


def test_files_without_420_planes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(".jpg", picture(16, 16)[..., 0]))
    refused(path, "grey")
    for extension in (".png", ".webp", ".tiff", ".bmp"):
        path.write_bytes(encode(extension, picture(16, 16)))
        refused(path, "has no planes of its own")
    data = jpeg(picture(16, 16))
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
    path.write_bytes(data[:2] + adobe + data[20:])
    refused(path, "coded as RGB")
    path.write_bytes(b"just text")
    refused(path, "whatever its name says")
    refused(tmp_path / "missing.jpg", "no such file")


@pytest.mark.parametrize("kind", ["baseline", "progressive", "webp"])
def test_truncated_files_are_refused(tmp_path: Path, kind: str) -> None:
    rgb = picture(64, 64)
    data = webp(rgb) if kind == "webp" else jpeg(rgb, progressive=kind == "progressive")
    path = tmp_path / "a"
    for length in (20, len(data) // 2, len(data) - 3):
        path.write_bytes(data[:length])
        refused(path, "truncated")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_jpeg_closed_with_an_end_marker_is_refused(tmp_path: Path, progressive: bool) -> None:
    """Some downloaders mend a cut file so; most decoders fill the rest with grey."""
    data = jpeg(picture(64, 64), progressive=progressive)
    path = tmp_path / "a.jpg"
    path.write_bytes(data[: len(data) * 3 // 4] + b"\xff\xd9")
    refused(path, "damaged|truncated")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    data = bytearray(jpeg(picture(8, 8)))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0\0\x11") + 5, 60_000, 60_000)
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(data))
    refused(path, "limit of 120,000,000")
