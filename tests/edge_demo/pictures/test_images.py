"""Reading and writing picture files: every format, everything they carry, every way to be wrong."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.pictures import containers, images
from edge_demo.pictures import png_file as png_chunks
from edge_demo.pictures.images import apply_orientation, probe, read_rgb, write_image

Pixels = NDArray[np.unsignedinteger[Any]]

needs_metadata = pytest.mark.skipif(
    not hasattr(cv2, "imencodeWithMetadata"), reason="OpenCV before 4.12 writes no metadata"
)


# ----------------------------------------------------------------------------------- making files


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth picture without saturated colours, which JPEG keeps well."""
    rng = np.random.default_rng(seed)
    knots = rng.integers(70, 186, (4, 4, channels), dtype=np.uint8)
    smooth = cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.uint8).reshape(height, width, channels)


def picture16(height: int, width: int, channels: int = 3) -> NDArray[np.uint16]:
    """Like `picture`, with low bytes that are lost if anything passes through 8 bits."""
    rng = np.random.default_rng(5)
    low = rng.integers(0, 256, (height, width, channels))
    return (picture(height, width, channels).astype(np.uint16) * 256 + low).astype(np.uint16)


def decode_upright(data: bytes) -> NDArray[Any]:
    """OpenCV's RGB, turned by OpenCV's own reading of the orientation."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return bgr[..., ::-1]


def encode(extension: str, rgb: Pixels, *params: int) -> bytes:
    """OpenCV's own encoding of RGB, RGBA or grey pixels."""
    if rgb.ndim == 3:
        rgb = rgb[..., [2, 1, 0, 3][: rgb.shape[2]]]
    ok, data = cv2.imencode(extension, np.ascontiguousarray(rgb), list(params))
    assert ok
    return data.tobytes()


def save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def exif_block(orientation: int, order: str = "<", thumbnail_link: int = 0) -> bytes:
    entries = struct.pack(order + "HHIHH", 274, 3, 1, orientation, 0)
    entries += struct.pack(order + "HHI4s", 305, 2, 4, b"abc\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return start + struct.pack(order + "H", 2) + entries + struct.pack(order + "I", thumbnail_link)


def icc_profile(space: bytes = b"RGB ", padding: int = 0) -> bytes:
    """The smallest profile that libpng takes for one."""
    tag = b"text\0\0\0\0nothing\0" + bytes(padding)
    table = struct.pack(">I4sII", 1, b"cprt", 144, len(tag))
    head = struct.pack(
        ">I4s4s4s4s4s", 144 + len(tag), b"test", b"\2\x10\0\0", b"mntr", space, b"XYZ "
    )
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + tag


def with_metadata(
    extension: str, rgb: Pixels, exif: bytes | None = None, icc: bytes | None = None
) -> bytes:
    pieces = {cv2.IMAGE_METADATA_EXIF: exif, cv2.IMAGE_METADATA_ICCP: icc}
    given = {kind: np.frombuffer(piece, np.uint8) for kind, piece in pieces.items() if piece}
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    ok, data = cv2.imencodeWithMetadata(extension, bgr, [*given], [*given.values()])
    assert ok
    return data.tobytes()


def png_chunk(name: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + body))
    return struct.pack(">I", len(body)) + name + body + checksum


def png_file(
    width: int, height: int, depth: int, colour: int, rows: list[bytes], extra: bytes = b""
) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = png_chunk(b"IHDR", head) + extra + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def tiff_file(pixels: NDArray[Any], photometric: int, **tags: int) -> bytes:
    """An uncompressed one-strip TIFF, its directory before its pixels."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    depth = pixels.dtype.itemsize * 8
    values: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (depth,) * channels,
        259: (1,),
        262: (photometric,),
        277: (channels,),
        278: (height,),
        284: (tags.get("planar", 1),),
    }
    if "extra" in tags:
        values[338] = (tags["extra"],)
    if "orientation" in tags:
        values[274] = (tags["orientation"],)
    if "sample_format" in tags:
        values[339] = (tags["sample_format"],) * channels
    count = len(values) + 2
    bits_at = 8 + 2 + 12 * count + 4
    format_at = bits_at + 2 * channels
    strip_at = format_at + 2 * channels
    entries = {
        273: struct.pack("<HHII", 273, 4, 1, strip_at),
        279: struct.pack("<HHII", 279, 4, 1, pixels.nbytes),
    }
    for tag, numbers in values.items():
        if len(numbers) <= 2:
            inline = struct.pack(f"<{len(numbers)}H", *numbers).ljust(4, b"\0")
        else:
            inline = struct.pack("<I", bits_at if tag == 258 else format_at)
        entries[tag] = struct.pack("<HHI", tag, 3, len(numbers)) + inline
    directory = struct.pack("<H", count) + b"".join(entries[tag] for tag in sorted(entries))
    shorts = struct.pack(f"<{channels}H", *values[258])
    shorts += struct.pack(f"<{channels}H", *values.get(339, (1,) * channels))
    return b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + shorts + pixels.tobytes()


def bmp_file(
    pixels: NDArray[np.uint8], masks: tuple[int, ...] = (), header_size: int = 40
) -> bytes:
    """A 32-bit BMP, rows from the bottom; ``pixels`` as its bytes lie."""
    height, width = pixels.shape[:2]
    head = struct.pack("<IiiHHII", header_size, width, height, 1, 32, 3 if masks else 0, 0)
    head = head + bytes(16) + struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(header_size, b"\0")
    body = pixels[::-1].tobytes()
    start = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + body


def jpeg_frame(data: bytes) -> int:
    """Where the frame header's marker lies in a JPEG that OpenCV wrote."""
    return max(data.find(b"\xff\xc0\0\x11"), data.find(b"\xff\xc2\0\x11"))


def adobe_jpeg(data: bytes, transform: int) -> bytes:
    """The same JPEG with Adobe's marker in the place of JFIF's."""
    assert data[2:4] == b"\xff\xe0"
    (length,) = struct.unpack(">H", data[4:6])
    marker = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    return data[:2] + marker + data[4 + length :]


EXTENSIONS = (".jpg", ".png", ".webp", ".tiff", ".bmp")


# ------------------------------------------------------------------------------------------ probe


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        (".jpg", ("jpeg", "4:2:0", "center")),
        (".png", ("png", None, None)),
        (".webp", ("webp", None, None)),
        (".tiff", ("tiff", None, None)),
        (".bmp", ("bmp", None, None)),
    ],
)
def test_probe_goes_by_content_not_by_name(
    tmp_path: Path, extension: str, expected: tuple[str, str | None, str | None]
) -> None:
    path = save(tmp_path / "picture.dat", encode(extension, picture(17, 31)))
    info = probe(path)
    assert (info.format, info.subsampling, info.siting) == expected
    assert (info.path, info.width, info.height) == (path, 31, 17)
    assert (info.orientation, info.bit_depth, info.grey, info.alpha) == (1, 8, False, False)


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, "4:2:0"),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422, "4:2:2"),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, "4:4:4"),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440, "4:4:0"),
        (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411, "4:1:1"),
    ],
)
def test_probe_names_jpeg_subsampling(tmp_path: Path, factor: int, expected: str) -> None:
    data = encode(".jpg", picture(20, 20), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor)
    info = probe(save(tmp_path / "a.jpg", data))
    assert (info.subsampling, info.siting, info.progressive) == (expected, "center", False)


def test_probe_names_unusual_and_grey_subsampling(tmp_path: Path) -> None:
    data = bytearray(encode(".jpg", picture(20, 20)))
    data[jpeg_frame(bytes(data)) + 11] = 0x42
    assert probe(save(tmp_path / "a.jpg", bytes(data))).subsampling == "other"
    grey = probe(save(tmp_path / "g.jpg", encode(".jpg", picture(20, 20)[..., 0])))
    assert (grey.subsampling, grey.grey) == ("grey", True)


def test_probe_progressive_depth_and_lossy_webp(tmp_path: Path) -> None:
    data = encode(".jpg", picture(20, 20), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert probe(save(tmp_path / "a.jpg", data)).progressive is True
    assert probe(save(tmp_path / "a.png", encode(".png", picture16(9, 9)))).bit_depth == 16
    assert probe(save(tmp_path / "a.tif", encode(".tiff", picture16(9, 9)))).bit_depth == 16
    lossy = probe(
        save(tmp_path / "a.webp", encode(".webp", picture(5, 7), cv2.IMWRITE_WEBP_QUALITY, 80))
    )
    assert (lossy.subsampling, lossy.siting, lossy.width, lossy.height) == ("4:2:0", "center", 7, 5)


def test_probe_reads_headers_only(tmp_path: Path) -> None:
    """A JPEG cut in its picture data is known by its header; reading it is another matter."""
    data = encode(".jpg", picture(64, 64))
    path = save(tmp_path / "a.jpg", data[: data.index(b"\xff\xda") + 20])
    assert probe(path).width == 64
    with pytest.raises(UserError, match="truncated"):
        read_rgb(path)


# ---------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (3, 5), (17, 31), (48, 64)])
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_read_formats_and_sizes(tmp_path: Path, extension: str, size: tuple[int, int]) -> None:
    rgb = picture(*size)
    data = encode(extension, rgb)
    read = read_rgb(save(tmp_path / f"a{extension}", data))
    assert read.rgb.shape == rgb.shape and read.rgb.dtype == np.uint8
    assert (read.alpha, read.exif, read.icc, read.grey) == (None, None, None, False)
    if extension == ".jpg":
        rgb = decode_upright(data)
    np.testing.assert_array_equal(read.rgb, rgb)


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_read_16_bit(tmp_path: Path, extension: str, channels: int) -> None:
    pixels = picture16(13, 9, channels)
    data = encode(extension, pixels[..., 0] if channels == 1 else pixels)
    read = read_rgb(save(tmp_path / "a", data))
    assert read.rgb.dtype == np.uint16 and read.info.bit_depth == 16
    np.testing.assert_array_equal(read.rgb, np.broadcast_to(pixels[..., :3], (13, 9, 3)))
    assert read.grey == (channels == 1)
    if channels == 4:
        assert read.alpha is not None
        np.testing.assert_array_equal(read.alpha, pixels[..., 3])


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_read_grey(tmp_path: Path, extension: str) -> None:
    grey = np.full((5, 7), 90, np.uint8)
    read = read_rgb(save(tmp_path / "a", encode(extension, grey)))
    np.testing.assert_array_equal(read.rgb, np.dstack([grey] * 3))
    assert read.grey == (extension != ".webp")  # WebP has no grey


@pytest.mark.parametrize("extension", [".png", ".webp", ".tiff"])
def test_read_alpha(tmp_path: Path, extension: str) -> None:
    rgba = picture(6, 9, 4)
    params = []
    if extension == ".webp":
        rgba[..., 3] += 1
        params = [cv2.IMWRITE_WEBP_QUALITY, 101]
    read = read_rgb(save(tmp_path / "a", encode(extension, rgba, *params)))
    np.testing.assert_array_equal(read.rgb, rgba[..., :3])
    assert read.alpha is not None and read.info.alpha
    np.testing.assert_array_equal(read.alpha, rgba[..., 3])


def test_read_palette_png(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    index = rng.integers(0, 4, (5, 8), dtype=np.uint8)
    colours = rng.integers(0, 256, (4, 3), dtype=np.uint8)
    rows = [np.packbits(np.unpackbits(row[:, None], axis=1)[:, 6:]).tobytes() for row in index]
    palette = png_chunk(b"PLTE", colours.tobytes())
    read = read_rgb(save(tmp_path / "a.png", png_file(8, 5, 2, 3, rows, palette)))
    np.testing.assert_array_equal(read.rgb, colours[index])
    assert read.alpha is None and read.info.bit_depth == 8

    clear = palette + png_chunk(b"tRNS", bytes([0, 100]))
    read = read_rgb(save(tmp_path / "b.png", png_file(8, 5, 2, 3, rows, clear)))
    np.testing.assert_array_equal(read.rgb, colours[index])
    assert read.alpha is not None and read.info.alpha
    np.testing.assert_array_equal(read.alpha, np.array([0, 100, 255, 255])[index])


def test_read_grey_png_with_alpha(tmp_path: Path) -> None:
    pixels = picture(4, 6, 2)
    data = png_file(6, 4, 8, 4, [row.tobytes() for row in pixels])
    read = read_rgb(save(tmp_path / "a.png", data))
    assert read.grey and read.alpha is not None
    np.testing.assert_array_equal(read.rgb, np.dstack([pixels[..., 0]] * 3))
    np.testing.assert_array_equal(read.alpha, pixels[..., 1])


def test_read_tiff_straight_alpha_is_not_multiplied_in(tmp_path: Path) -> None:
    """OpenCV darkens 8-bit colours of a TIFF whose alpha is marked as straight."""
    rgba = picture(6, 9, 4)
    data = tiff_file(rgba, 2, extra=2)
    by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert by_opencv is not None and not np.array_equal(by_opencv[..., 2::-1], rgba[..., :3])
    read = read_rgb(save(tmp_path / "a.tif", data))
    np.testing.assert_array_equal(read.rgb, rgba[..., :3])
    assert read.alpha is not None
    np.testing.assert_array_equal(read.alpha, rgba[..., 3])


def test_read_bmp_alpha_only_where_a_mask_says_so(tmp_path: Path) -> None:
    bgra = picture(3, 4, 4)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    for name, data in {
        "plain": bmp_file(bgra),
        "masks": bmp_file(bgra, masks[:3]),
    }.items():
        read = read_rgb(save(tmp_path / name, data))
        assert read.alpha is None, name
        np.testing.assert_array_equal(read.rgb, bgra[..., 2::-1])
    read = read_rgb(save(tmp_path / "alpha", bmp_file(bgra, masks, 56)))
    assert read.alpha is not None
    np.testing.assert_array_equal(read.alpha, bgra[..., 3])
    refused(save(tmp_path / "odd", bmp_file(bgra, (0xFF, 0xFF00, 0xFF0000))), "unusual kind")


def test_rgb_coded_jpeg_is_recognised(tmp_path: Path) -> None:
    """Our rule is libjpeg's: what we call RGB-coded, it decodes without a colour transform."""
    data = encode(".jpg", np.full((8, 8, 3), (200, 40, 40), np.uint8))
    ycc = read_rgb(save(tmp_path / "a.jpg", adobe_jpeg(data, 1)))
    raw = read_rgb(save(tmp_path / "b.jpg", adobe_jpeg(data, 0)))
    assert (ycc.info.rgb_coded, raw.info.rgb_coded) == (False, True)
    np.testing.assert_allclose(ycc.rgb[0, 0], (200, 40, 40), atol=2)
    np.testing.assert_allclose(raw.rgb[0, 0], (88, 101, 208), atol=2)
    jfif = read_rgb(save(tmp_path / "c.jpg", data[:20] + adobe_jpeg(data, 0)[2:]))
    assert jfif.info.rgb_coded is False
    np.testing.assert_allclose(jfif.rgb[0, 0], (200, 40, 40), atol=2)


# -------------------------------------------------------------------------- orientation, metadata


@needs_metadata
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_exif_orientation_is_baked_in(tmp_path: Path, extension: str, orientation: int) -> None:
    order = "<" if orientation % 2 else ">"
    data = with_metadata(extension, picture(7, 12), exif_block(orientation, order))
    read = read_rgb(save(tmp_path / "a", data))
    np.testing.assert_array_equal(read.rgb, decode_upright(data))
    assert read.info.orientation == orientation
    assert (read.info.width, read.info.height) == (12, 7)
    assert read.exif == exif_block(1, order)
    assert read.rgb.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_orientation_is_baked_in_once(tmp_path: Path, orientation: int) -> None:
    data = tiff_file(picture(7, 12), 2, orientation=orientation)
    read = read_rgb(save(tmp_path / "a.tif", data))
    np.testing.assert_array_equal(read.rgb, decode_upright(data))
    assert read.info.orientation == orientation


def test_apply_orientation_against_hand_made_pictures() -> None:
    image = np.array([[1, 2, 3], [4, 5, 6]])
    expected = {
        1: [[1, 2, 3], [4, 5, 6]],
        2: [[3, 2, 1], [6, 5, 4]],
        3: [[6, 5, 4], [3, 2, 1]],
        4: [[4, 5, 6], [1, 2, 3]],
        5: [[1, 4], [2, 5], [3, 6]],
        6: [[4, 1], [5, 2], [6, 3]],
        7: [[6, 3], [5, 2], [4, 1]],
        8: [[3, 6], [2, 5], [1, 4]],
    }
    for orientation, turned in expected.items():
        assert apply_orientation(image, orientation).tolist() == turned, orientation
    with pytest.raises(ValueError, match=r"1\.\.8"):
        apply_orientation(image, 0)


@needs_metadata
def test_alpha_turns_with_the_picture(tmp_path: Path) -> None:
    rgba = picture(4, 6, 4)
    png = encode(".png", rgba)
    chunk = png_chunk(b"eXIf", exif_block(6))
    read = read_rgb(save(tmp_path / "a.png", png[:33] + chunk + png[33:]))
    assert read.alpha is not None
    np.testing.assert_array_equal(read.alpha, apply_orientation(rgba[..., 3], 6))


@needs_metadata
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_metadata_is_read_as_opencv_reads_it(tmp_path: Path, extension: str) -> None:
    data = with_metadata(extension, picture(9, 9), exif_block(1), icc_profile())
    read = read_rgb(save(tmp_path / "a", data))
    _, kinds, pieces = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), flags=-1)
    theirs = {int(kind): bytes(piece) for kind, piece in zip(kinds, pieces, strict=True)}
    assert theirs == {cv2.IMAGE_METADATA_EXIF: read.exif, cv2.IMAGE_METADATA_ICCP: read.icc}


def test_jpeg_profile_in_several_segments(tmp_path: Path) -> None:
    profile = icc_profile(padding=500)
    parts = [profile[:300], profile[300:]]
    segments = [b"ICC_PROFILE\0" + bytes([i + 1, 2]) + part for i, part in enumerate(parts)]
    coded = [b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body for body in segments]
    data = encode(".jpg", picture(8, 8))
    swapped = data[:2] + coded[1] + coded[0] + data[2:]
    assert read_rgb(save(tmp_path / "a.jpg", swapped)).icc == profile
    assert read_rgb(save(tmp_path / "b.jpg", data[:2] + coded[1] + data[2:])).icc is None


@needs_metadata
@pytest.mark.parametrize("orientation", [1, 8])
def test_the_exif_thumbnail_is_left_out(tmp_path: Path, orientation: int) -> None:
    """It would show the picture as it was before it was restored."""
    thumbnail = encode(".jpg", picture(8, 8))
    start = len(exif_block(1))
    second = struct.pack("<HHHIIHHII", 2, 513, 4, 1, start + 30, 514, 4, 1, len(thumbnail))
    exif = exif_block(orientation, thumbnail_link=start) + second + bytes(4) + thumbnail
    path = save(tmp_path / "a.jpg", with_metadata(".jpg", picture(8, 8), exif))
    assert read_rgb(path).exif == exif_block(1) + second + bytes(4)
    damaged = exif_block(orientation, thumbnail_link=1234)
    path = save(tmp_path / "b.jpg", with_metadata(".jpg", picture(8, 8), damaged))
    assert read_rgb(path).exif == exif_block(1)


@needs_metadata
@pytest.mark.parametrize(
    "exif", [b"nonsense", b"II*\0", exif_block(9), exif_block(3)[:12], b"II*\0\xff\xff\xff\xff"]
)
def test_damaged_exif_does_not_keep_a_picture_from_being_read(tmp_path: Path, exif: bytes) -> None:
    read = read_rgb(save(tmp_path / "a.jpg", with_metadata(".jpg", picture(5, 6), exif)))
    assert read.info.orientation == 1 and read.exif == exif


# ---------------------------------------------------------------------------------- refused files


def refused(path: Path, says: str, reader: Callable[[Path], object] = read_rgb) -> None:
    """Reading fails with one line that names the file and what is wrong."""
    with pytest.raises(UserError) as caught:
        reader(path)
    name, _, reason = str(caught.value).partition(f"{path}: ")
    assert name == "" and "\n" not in reason
    assert re.search(says, reason), (
        reason
    )  # the path alone may hold the words, from the test's name


@pytest.mark.parametrize("extension", [*EXTENSIONS, "progressive", "lossy", "directory first"])
def test_truncated_files_are_refused(tmp_path: Path, extension: str) -> None:
    rgb = picture(40, 60)
    if extension == "progressive":
        data = encode(".jpg", rgb, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    elif extension == "lossy":
        data = encode(".webp", rgb, cv2.IMWRITE_WEBP_QUALITY, 90)
    elif extension == "directory first":
        data = tiff_file(rgb, 2)
    else:
        data = encode(extension, rgb)
    assert read_rgb(save(tmp_path / "whole", data)).rgb.shape == rgb.shape
    last = 3 if extension in (".jpg", "progressive") else 2  # two are the end marker alone
    for length in (20, 40, len(data) // 3, len(data) * 2 // 3, len(data) - last):
        refused(save(tmp_path / "cut", data[:length]), "truncated")


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("interval", [0, 2])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_read(
    tmp_path: Path, progressive: int, interval: int
) -> None:
    """And none that lacks a byte more: decoders fill up what is missing, and say nothing."""
    params = (cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, interval)
    data = encode(".jpg", picture(40, 60), *params)
    for missing in (1, 2):
        file = containers.load(save(tmp_path / "a.jpg", data[:-missing]))
        assert file.notes == ("The file lacked its end marker; the picture is whole.",)
        np.testing.assert_array_equal(images.decode_rgb(file).rgb, decode_upright(data))
    for missing in range(3, 40):
        refused(save(tmp_path / "a.jpg", data[:-missing]), "truncated")


def test_a_cut_jpeg_closed_with_an_end_marker_is_refused(tmp_path: Path) -> None:
    """Some downloaders mend a cut file so; decoders fill the rest with grey."""
    data = encode(".jpg", picture(64, 64))
    flat = encode(".jpg", np.full((64, 64, 3), 90, np.uint8))
    assert read_rgb(save(tmp_path / "flat.jpg", flat + b"behind it")).rgb.shape == (64, 64, 3)
    for kept in (50, 70, 90):
        start = data.index(b"\xff\xda") + 12
        cut = data[: start + (len(data) - start) * kept // 100] + b"\xff\xd9"
        refused(save(tmp_path / "a.jpg", cut), "truncated")


@needs_metadata
def test_an_end_marker_inside_exif_does_not_hide_truncation(tmp_path: Path) -> None:
    data = with_metadata(".jpg", picture(40, 60), exif_block(1) + b"\xff\xd8\xff\xd9")
    read_rgb(save(tmp_path / "whole.jpg", data + b"trailing bytes are no fault"))
    refused(save(tmp_path / "cut.jpg", data[:-60]), "truncated")


def test_damaged_png_is_refused(tmp_path: Path) -> None:
    data = bytearray(encode(".png", picture(40, 60)))
    data[len(data) // 2] ^= 1
    refused(save(tmp_path / "a.png", bytes(data)), "cannot be decoded")


@pytest.mark.parametrize("reader", [probe, read_rgb])
def test_what_is_no_picture_is_refused(tmp_path: Path, reader: Callable[[Path], object]) -> None:
    refused(save(tmp_path / "empty.jpg", b""), "empty", reader)
    refused(save(tmp_path / "text.jpg", b"hello, I am a picture\n" * 9), "whatever its", reader)
    refused(save(tmp_path / "short.jpg", b"B"), "whatever its name", reader)
    refused(save(tmp_path / "moving.jpg", b"GIF89a" + bytes(99)), "cannot be decoded", reader)
    broken = b"\0\0\0\x10ftypheic" + bytes(99)
    refused(save(tmp_path / "a.heic", broken), "cannot be decoded", reader)
    refused(save(tmp_path / "film.png", bytes(4) + b"ftypisom" + bytes(99)), "video", reader)
    refused(tmp_path / "missing.jpg", "no such file", reader)
    refused(tmp_path / "empty.jpg" / "below.jpg", "cannot be read", reader)
    refused(tmp_path, "folder", reader)
    os.mkfifo(tmp_path / "pipe.jpg")
    refused(tmp_path / "pipe.jpg", "not a regular file", reader)


def test_a_damaged_cmyk_jpeg_is_refused(tmp_path: Path) -> None:
    frame = struct.pack(">HBHHB", 20, 8, 8, 8, 4) + b"".join(bytes([i, 0x11, 0]) for i in range(4))
    scan = struct.pack(">HB", 14, 4) + bytes(11) + b"data"
    data = b"\xff\xd8\xff\xc0" + frame + b"\xff\xda" + scan + b"\xff\xd9"
    path = save(tmp_path / "a.jpg", data)
    assert probe(path).subsampling == "cmyk"
    refused(path, "cannot be decoded")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (tiff_file(picture16(4, 5, 4), 5), "not supported"),
        (tiff_file(picture16(4, 5, 4), 2, extra=1), "premultiplied"),
        (tiff_file(picture(4, 5).astype(np.float32), 2, sample_format=3), "not supported"),
        (tiff_file(picture(4, 5).astype(np.int16), 2, sample_format=2), "not supported"),
        (tiff_file(picture16(4, 5)[..., 0], 0), "not supported"),
        (tiff_file(picture16(4, 5), 2, planar=2), "not supported"),
        (tiff_file(picture(4, 5, 2), 1, extra=2), "not supported"),
    ],
)
def test_tiffs_that_opencv_would_misread_are_refused(
    tmp_path: Path, data: bytes, says: str
) -> None:
    refused(save(tmp_path / "a.tif", data), says)


def test_an_empty_animation_is_refused(tmp_path: Path) -> None:
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([2]) + bytes(9)
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    data = b"RIFF" + struct.pack("<I", len(body)) + body
    refused(save(tmp_path / "a.webp", data), "without a picture")


def jpeg_of_size(width: int, height: int) -> bytes:
    data = bytearray(encode(".jpg", picture(8, 8)))
    struct.pack_into(">HH", data, jpeg_frame(bytes(data)) + 5, height, width)
    return bytes(data)


@pytest.mark.parametrize("reader", [probe, read_rgb])
@pytest.mark.parametrize(
    "data",
    [
        png_file(60_000, 60_000, 8, 2, [b"\0"]),
        jpeg_of_size(60_000, 60_000),
        tiff_file(np.zeros((1, 60_000), np.uint8), 1).replace(
            struct.pack("<HHIHH", 257, 3, 1, 1, 0), struct.pack("<HHIHH", 257, 3, 1, 60_000, 0)
        ),
    ],
    ids=["png", "jpeg", "tiff"],
)
def test_decompression_bombs_are_refused_from_the_header(
    tmp_path: Path, data: bytes, reader: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_decoding(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(cv2, "imdecode", no_decoding)
    refused(save(tmp_path / "a", data), "60000x60000 .* limit of 120,000,000", reader)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_size_limit_holds_for_every_format(
    tmp_path: Path, extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a", encode(extension, picture(10, 10)))
    monkeypatch.setattr(containers, "MAX_PIXELS", 100)
    assert read_rgb(path).rgb.shape == (10, 10, 3)
    monkeypatch.setattr(containers, "MAX_PIXELS", 99)
    refused(path, "limit of 99")


def test_jpeg_without_a_size_and_with_endless_scans_is_refused(tmp_path: Path) -> None:
    refused(save(tmp_path / "a.jpg", jpeg_of_size(8, 0)), "impossible size")
    data = encode(".jpg", picture(8, 8))
    scan = data[data.index(b"\xff\xda") : -2]
    refused(save(tmp_path / "b.jpg", data[:-2] + scan * 600 + data[-2:]), "scans")


# ---------------------------------------------------------------------------------------- writing


@needs_metadata
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp"])
def test_write_keeps_metadata(tmp_path: Path, name: str) -> None:
    rgb = picture(65, 70)
    path = tmp_path / name
    assert write_image(path, rgb, exif=exif_block(1), icc=icc_profile()) == ()
    read = read_rgb(path)
    assert (read.exif, read.icc) == (exif_block(1), icc_profile())
    np.testing.assert_allclose(read.rgb.astype(int), rgb, atol=6 if "j" in name.lower() else 0)


def test_write_says_what_it_could_not_keep(tmp_path: Path) -> None:
    rgba = picture16(3, 3, 4)
    notes = write_image(tmp_path / "a.jpg", rgba[..., :3], alpha=rgba[..., 3])
    assert len(notes) == 2 and "16 bits" in notes[0] and "Transparency" in notes[1]
    assert all(note.endswith(".") for note in notes)
    assert write_image(tmp_path / "b.tif", rgba[..., :3], alpha=rgba[..., 3]) == ()


@needs_metadata
@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("profile", [icc_profile(b"GRAY"), b"no profile"])
def test_a_profile_that_does_not_fit_costs_nothing_else(
    tmp_path: Path, extension: str, profile: bytes
) -> None:
    path = tmp_path / f"a{extension}"
    notes = write_image(path, picture(3, 3), exif=exif_block(1), icc=profile)
    assert len(notes) == 1 and "ICC" in notes[0]
    read = read_rgb(path)
    assert (read.exif, read.icc) == (exif_block(1), None)


@needs_metadata
def test_a_profile_that_libpng_refuses_costs_nothing_else(tmp_path: Path) -> None:
    bad = bytearray(icc_profile())
    bad[0:4] = b"oops"  # its length
    notes = write_image(tmp_path / "a.png", picture(3, 3), exif=exif_block(1), icc=bytes(bad))
    assert len(notes) == 1 and "ICC" in notes[0]
    assert read_rgb(tmp_path / "a.png").exif == exif_block(1)


@needs_metadata
def test_empty_metadata_is_none(tmp_path: Path) -> None:
    for extension in (".png", ".jpg", ".webp", ".tif"):
        assert write_image(tmp_path / f"a{extension}", picture(3, 3), exif=b"", icc=b"") == ()


@needs_metadata
def test_metadata_too_long_for_jpeg(tmp_path: Path) -> None:
    exif, icc = exif_block(1) + bytes(70_000), icc_profile(padding=70_000)
    notes = write_image(tmp_path / "a.jpg", picture(3, 3), exif=exif, icc=icc)
    assert notes == ("EXIF was not kept: it is too long for a JPEG.",)
    assert read_rgb(tmp_path / "a.jpg").icc == icc  # in two segments
    fits = exif_block(1).ljust(65_533 - 6, b"\0"), icc_profile(padding=65_533 - 14 - 160)
    assert write_image(tmp_path / "b.jpg", picture(3, 3), exif=fits[0], icc=fits[1]) == ()
    assert write_image(tmp_path / "a.png", picture(3, 3), exif=exif, icc=icc) == ()
    assert read_rgb(tmp_path / "a.png").icc == icc


def test_an_older_opencv_keeps_metadata_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("imencodeWithMetadata", "imdecodeWithMetadata"):
        monkeypatch.delattr(cv2, name, raising=False)
    assert write_image(tmp_path / "a.png", picture(3, 3), exif=exif_block(1)) == ()
    assert read_rgb(tmp_path / "a.png").exif == exif_block(1)


@needs_metadata
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_written_exif_is_upright(tmp_path: Path, prefix: bytes) -> None:
    write_image(tmp_path / "a.jpg", picture(3, 4), exif=prefix + exif_block(6))
    read = read_rgb(tmp_path / "a.jpg")
    assert read.info.orientation == 1 and read.exif == exif_block(1)
    assert read.rgb.shape == (3, 4, 3)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tiff"])
def test_write_16_bit_with_alpha(tmp_path: Path, name: str) -> None:
    rgba = picture16(7, 5, 4)
    assert write_image(tmp_path / name, rgba[..., :3], alpha=rgba[..., 3]) == ()
    read = read_rgb(tmp_path / name)
    assert read.alpha is not None and read.rgb.dtype == np.uint16
    np.testing.assert_array_equal(np.dstack([read.rgb, read.alpha]), rgba)


@pytest.mark.parametrize("size", [(1, 1), (7, 5)])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_write_8_bit_with_alpha_is_lossless(
    tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    rgba = picture(*size, 4)
    rgba[..., 3] = 77
    if hasattr(cv2, "IMWRITE_WEBP_LOSSLESS_MODE"):
        rgba[0, :, 3] = 0  # colour under full transparency is kept too
    assert write_image(tmp_path / name, rgba[..., :3], alpha=rgba[..., 3]) == ()
    read = read_rgb(tmp_path / name)
    assert read.alpha is not None
    np.testing.assert_array_equal(np.dstack([read.rgb, read.alpha]), rgba)


def test_alpha_takes_the_depth_of_the_picture(tmp_path: Path) -> None:
    rgb, alpha = picture(2, 2), np.array([[0, 65535], [257, 300]], np.uint16)
    write_image(tmp_path / "a.png", rgb, alpha=alpha)
    read = read_rgb(tmp_path / "a.png")
    assert read.alpha is not None and read.alpha.tolist() == [[0, 255], [1, 1]]
    write_image(tmp_path / "b.png", picture16(2, 2), alpha=read.alpha.astype(np.uint8))
    read = read_rgb(tmp_path / "b.png")
    assert read.alpha is not None and read.alpha.tolist() == [[0, 65535], [257, 257]]


def test_depth_conversion_rounds_to_nearest() -> None:
    values = np.arange(65_536, dtype=np.uint16)
    np.testing.assert_array_equal(images.to_uint8(values), np.rint(values / 257))
    bytes_ = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(images.to_uint8(images.to_uint16(bytes_)), bytes_)


def test_jpeg_is_written_444_at_the_asked_quality(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rgb = rng.integers(60, 190, (64, 64, 3), dtype=np.uint8)
    for quality in (30, 95):
        write_image(tmp_path / f"{quality}.jpg", rgb, quality=quality)
        assert probe(tmp_path / f"{quality}.jpg").subsampling == "4:4:4"
    assert (tmp_path / "30.jpg").stat().st_size * 2 < (tmp_path / "95.jpg").stat().st_size
    for quality in (0, 101):
        with pytest.raises(UserError, match=r"1\.\.100"):
            write_image(tmp_path / "b.jpg", rgb, quality=quality)


def test_write_refuses_to_overwrite_unasked(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", b"precious")
    with pytest.raises(UserError, match="exists already"):
        write_image(path, picture(3, 3))
    assert path.read_bytes() == b"precious"
    write_image(path, picture(3, 3), overwrite=True)
    assert probe(path).width == 3
    assert os.listdir(tmp_path) == ["a.png"]


def test_write_refuses_impossible_targets(tmp_path: Path) -> None:
    a_file = save(tmp_path / "file", b"")
    (tmp_path / "folder.png").mkdir()
    for path, says in (
        (tmp_path / "a.xyz", "unknown extension '.xyz'; known: .png"),
        (tmp_path / "a", "unknown extension"),
        (a_file / "a.png", "not a folder"),
        (tmp_path / "missing" / "a.png", "not a folder"),
        (tmp_path / "folder.png", "is a folder"),
        (tmp_path / ("x" * 300 + ".png"), "cannot be written"),
    ):
        with pytest.raises(UserError, match=says) as caught:
            write_image(path, picture(3, 3), overwrite=True)
        assert str(path) in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failure: BaseException
) -> None:
    def fail(*_: object) -> None:
        assert len(os.listdir(tmp_path)) == 2, "the new file is to be written beside the old one"
        raise failure

    path = save(tmp_path / "a.png", b"precious")
    monkeypatch.setattr(os, step, fail)
    expected = UserError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="No space" if expected is UserError else None):
        write_image(path, picture(3, 3), overwrite=True)
    assert os.listdir(tmp_path) == ["a.png"] and path.read_bytes() == b"precious"


def test_written_files_have_ordinary_permissions(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", picture(3, 3))
    ordinary = save(tmp_path / "b.png", b"")
    assert (tmp_path / "a.png").stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize(("name", "side"), [("a.webp", 16_384), ("a.jpg", 65_501)])
def test_write_states_the_limits_of_a_format(tmp_path: Path, name: str, side: int) -> None:
    with pytest.raises(UserError, match=f"{side}x1 is too large"):
        write_image(tmp_path / name, np.zeros((1, side, 3), np.uint8))
    assert write_image(tmp_path / name, np.zeros((side - 1, 1, 3), np.uint8)) == ()
    assert probe(tmp_path / name).height == side - 1


def test_png_side_limit(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too large for PNG"):
        write_image(tmp_path / "a.png", np.zeros((1_000_001, 1, 3), np.uint8))


def test_wrong_arrays_are_a_programming_error(tmp_path: Path) -> None:
    good = picture(3, 4)
    for rgb, alpha in (
        (good[..., 0], None),
        (good.astype(np.float32), None),
        (good[:0], None),
        (good, good[:2, :, 0]),
        (good, good[..., 0].astype(np.float32)),
    ):
        with pytest.raises(ValueError, match="must be"):
            write_image(tmp_path / "a.png", rgb, alpha=alpha)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


# ------------------------------------------------------------------ what a picture will take


@pytest.mark.parametrize(
    ("extension", "pixels", "most"),
    [
        (".png", picture(9, 14), 3),
        (".png", picture(9, 14, 4), 4),
        (".png", picture16(9, 14, 4), 8),
        (".png", picture(9, 14)[..., 0], 3),
        (".jpg", picture(9, 14), 3),
        (".webp", picture(9, 14), 3),
        (".bmp", picture(9, 14), 3),
        (".tiff", picture16(9, 14), 6),
    ],
)
def test_bytes_of_decoded_pixels_are_known_from_the_header(
    extension: str, pixels: Pixels, most: int
) -> None:
    data = encode(extension, pixels)
    info = containers.described(data, "a")
    assert info.decoded_bytes == 9 * 14 * most
    found = images.decode_rgb(containers.inspect(data, "a"))
    alpha = 0 if found.alpha is None else found.alpha.nbytes
    assert found.rgb.nbytes + alpha == info.decoded_bytes


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("beyond", [0, 100, 200_000])
def test_a_png_longer_than_its_size(interlaced: bool, beyond: int) -> None:
    """A few bytes too many do no harm; many would be inflated for nothing."""
    side = 400
    # Seven passes of an interlaced picture have more rows, each with a byte of its own.
    passes = ((0, 8), (0, 8), (4, 8), (0, 4), (2, 4), (0, 2), (1, 2)) if interlaced else ((0, 1),)
    rows = sum(-(-(side - top) // down) for top, down in passes)
    plain = zlib.compress(bytes(rows + 3 * side * side + beyond), 1)
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, interlaced)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunks.chunk(*one) for one in ((b"IHDR", head), (b"IDAT", plain), (b"IEND", b""))
    )
    # What could be shrunk that far at all is looked at.
    assert len(plain) * png_chunks._MOST_RATIO > 3 * side * side
    if beyond > 1000:
        with pytest.raises(UserError, match="a: is damaged: its data are longer than the picture"):
            images.decode_rgb(containers.inspect(data, "a"))
    else:
        assert not images.decode_rgb(containers.inspect(data, "a")).rgb.any()
