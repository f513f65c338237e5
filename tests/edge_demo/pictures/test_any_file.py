"""Some hundred files of every kind that people bring, pixels compared with what made or reads them.

Formats times subsampling, depth, profile, orientation, transparency and damage, all made in memory.
None may end in a traceback, none in a picture that is not the file's.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pillow_jxl
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, IptcImagePlugin

from edge_demo.colour import profiles
from edge_demo.errors import UserError
from edge_demo.pictures import images, picture
from edge_demo.pictures.containers import ImageFile, inspect
from edge_demo.pictures.images import Decoded, apply_orientation, decode_rgb, encode_image, in_srgb
from edge_demo.pictures.metadata import Extra
from edge_demo.pictures.metadata import orientation as orientation_of

assert pillow_jxl is not None  # registers itself
SIZES = ((17, 30), (48, 64))
SOME_TURNS = (1, 3, 6)
MOST = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def smooth(
    size: tuple[int, int], channels: int = 3, depth: Any = np.uint8, seed: int = 0
) -> NDArray[Any]:
    """Something between clouds and a sunset, that every coder keeps well."""
    rng = np.random.default_rng(seed)
    knots = rng.integers(40, 216, (4, 4, channels)).astype(np.float32)
    wide = cv2.resize(knots, size[::-1], interpolation=cv2.INTER_CUBIC)
    wide = np.clip(wide.reshape(*size, channels), 0, 255)
    scaled = wide * (MOST[np.dtype(depth)] / 255)
    return np.rint(scaled).astype(depth)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes()


def read(data: bytes) -> tuple[ImageFile, Decoded]:
    file = inspect(data, "a picture")
    return file, decode_rgb(file)


def by_pillow(data: bytes, mode: str = "RGB") -> NDArray[np.uint8]:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert(mode))


def same(found: NDArray[Any], expected: NDArray[Any], most: float = 0.0) -> None:
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert np.abs(found.astype(np.float64) - expected).max() <= most


# ------------------------------------------------------------------------------------------- JPEG

FACTORS = {
    name: getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{name.replace(':', '')}")
    for name in ("4:2:0", "4:2:2", "4:4:0", "4:1:1", "4:4:4")
}


@pytest.mark.parametrize("orientation", SOME_TURNS)
@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("subsampling", FACTORS)
def test_jpeg(subsampling: str, size: tuple[int, int], progressive: int, orientation: int) -> None:
    params = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FACTORS[subsampling]]
    params += [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    _, encoded = cv2.imencode(".jpg", smooth(size)[..., ::-1], params)
    exif = turned(orientation)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    data = encoded[:20].tobytes() + segment + encoded[20:].tobytes()
    file, found = read(data)
    assert (file.info.subsampling, file.info.orientation) == (subsampling, orientation)
    assert (file.notes, found.notes) == ((), ())
    same(found.rgb, by_pillow(data), 3)  # libjpeg-turbo of two ages rounds in two ways


@pytest.mark.parametrize("orientation", SOME_TURNS)
@pytest.mark.parametrize("progressive", [False, True])
def test_grey_jpeg(progressive: bool, orientation: int) -> None:
    image = Image.fromarray(smooth((17, 30), 1)[..., 0])
    data = saved(image, "JPEG", progressive=progressive, exif=turned(orientation))
    _, found = read(data)
    assert found.grey
    same(found.rgb, by_pillow(data), 1)


@pytest.mark.parametrize("orientation", SOME_TURNS)
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind: str, orientation: int) -> None:
    """A rule of thumb that is Pillow's, too; and it is said."""
    image = Image.fromarray(smooth((17, 30), 4), "CMYK")
    data = saved(image, kind, exif=turned(orientation))
    file, found = read(data)
    assert file.info.subsampling == "cmyk" and "rule of thumb" in found.notes[0]
    same(found.rgb, by_pillow(data), 1)
    assert found.icc is None


def test_an_rgb_profile_in_a_cmyk_picture_is_none() -> None:
    data = saved(Image.fromarray(smooth((17, 30), 4), "CMYK"), "JPEG", icc_profile=ADOBE)
    assert "rule of thumb" in read(data)[1].notes[0]


# -------------------------------------------------------------------------------------------- PNG


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(values: NDArray[Any], depth: int, colour: int, extra: bytes = b"") -> bytes:
    """A PNG of these samples, (H, W) or (H, W, C)."""
    height, width = values.shape[:2]
    rows = []
    for row in values.reshape(height, -1):
        if depth == 16:
            rows.append(row.astype(">u2").tobytes())
        else:
            bits = "".join(f"{value:0{depth}b}" for value in row)
            bits += "0" * (-len(bits) % 8)
            rows.append(bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + chunk(b"IEND", b"")


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
DEPTHS = {
    GREY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GREY_ALPHA: (8, 16),
    RGBA: (8, 16),
}
PNGS = [(colour, depth) for colour, depths in DEPTHS.items() for depth in depths]


@pytest.mark.parametrize("orientation", SOME_TURNS)
@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize(("colour", "depth"), PNGS)
def test_png(colour: int, depth: int, clear: bool, orientation: int) -> None:
    rng = np.random.default_rng(depth)
    most = (1 << depth) - 1
    values = rng.integers(0, most + 1, (9, 14, CHANNELS[colour]))
    extra = chunk(b"eXIf", turned(orientation)[6:])
    table = rng.integers(0, 256, (1 << min(depth, 8), 3))
    kept = np.uint16 if depth == 16 else np.uint8
    scaled = values * (MOST[np.dtype(kept)] // most)
    rgb = np.repeat(scaled[..., :1], 3, axis=2) if colour in (GREY, GREY_ALPHA) else scaled
    alpha = None
    if colour == PALETTE:
        rgb = table[values[..., 0]]
        extra += chunk(b"PLTE", table.astype(np.uint8).tobytes())
        if clear:
            extra += chunk(b"tRNS", bytes([7, 200]))
            alpha = np.array([7, 200, *[255] * 254])[values[..., 0]]
    elif colour in (GREY_ALPHA, RGBA):
        alpha = scaled[..., -1]
    elif clear:
        key = values[3, 4]
        extra += chunk(b"tRNS", key.astype(">u2").tobytes())
        alpha = np.where((values == key).all(-1), 0, MOST[np.dtype(kept)])
    file, found = read(png(values, depth, colour, extra))
    same(found.rgb, apply_orientation(rgb[..., :3].astype(kept), orientation))
    assert file.info.alpha == (alpha is not None) == (found.alpha is not None)
    if alpha is not None and found.alpha is not None:
        same(found.alpha, apply_orientation(alpha.astype(kept), orientation))


# ------------------------------------------------------------------------- WebP, TIFF, BMP and GIF


@pytest.mark.parametrize("orientation", SOME_TURNS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_webp(size: tuple[int, int], lossless: bool, mode: str, orientation: int) -> None:
    image = Image.fromarray(smooth(size, len(mode)))
    data = saved(image, "WEBP", lossless=lossless, exact=True, exif=turned(orientation))
    _, found = read(data)
    expected = by_pillow(data, "RGBA")
    same(found.rgb, expected[..., :3], 0 if lossless else 2)
    assert (found.alpha is None) == (mode == "RGB")
    if found.alpha is not None:
        same(found.alpha, expected[..., 3])


@pytest.mark.parametrize("orientation", SOME_TURNS)
@pytest.mark.parametrize("packing", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "1", "P"])
def test_tiff(mode: str, packing: str, orientation: int) -> None:
    if mode == "I;16":
        image = Image.fromarray(smooth((17, 30), 1, np.uint16)[..., 0])
    else:
        plain = "RGBA" if mode == "RGBA" else "RGB"
        image = Image.fromarray(smooth((17, 30), len(plain))).convert(mode)
    exif = Image.Exif()
    exif[274], exif[315] = orientation, "somebody"
    data = saved(image, "TIFF", compression=packing, exif=exif)
    _, found = read(data)
    if mode == "I;16":
        grey = apply_orientation(np.asarray(image), orientation)
        same(found.rgb, np.dstack([grey] * 3))
    else:
        expected = by_pillow(data, "RGBA")
        same(found.rgb, expected[..., :3])
        if found.alpha is not None:
            same(found.alpha, expected[..., 3])
    assert found.exif is not None
    kept = Image.Exif()
    kept.load(b"Exif\0\0" + found.exif)
    assert kept[315] == "somebody"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "1", "P"])
def test_bmp(mode: str) -> None:
    plain = "RGBA" if mode == "RGBA" else "RGB"
    data = saved(Image.fromarray(smooth((17, 30), len(plain))).convert(mode), "BMP")
    same(read(data)[1].rgb, by_pillow(data))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("frames", [1, 3])
def test_gif(frames: int, clear: bool, size: tuple[int, int]) -> None:
    first, *others = (
        Image.fromarray(smooth(size, seed=seed)).quantize(32) for seed in range(frames)
    )
    options = {"transparency": 3, "disposal": 2} if clear else {}
    data = saved(first, "GIF", save_all=True, append_images=others, comment=b"hello", **options)
    file, found = read(data)
    expected = by_pillow(data, "RGBA")
    seen = expected[..., 3] > 0
    np.testing.assert_array_equal(found.rgb[seen], expected[..., :3][seen])
    assert (found.alpha is not None) == clear
    assert ("animation of 3" in "".join(file.notes)) == (frames == 3)
    assert file.extra.comment == b"hello"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_the_first_of_an_animation_is_read_and_it_is_said(kind: str) -> None:
    first, *others = (Image.fromarray(smooth((32, 48), seed=seed)) for seed in range(3))
    options = {} if kind == "PNG" else {"quality": 100}
    if kind == "WEBP":
        options = {"lossless": True}
    data = saved(first, kind, save_all=True, append_images=others, **options)
    file, found = read(data)
    assert file.notes == ("It is an animation of 3 pictures; only the first was restored.",)
    same(found.rgb, by_pillow(data))


def test_pages_are_counted() -> None:
    first, *others = (Image.fromarray(smooth((32, 48), seed=seed)) for seed in range(3))
    file, found = read(saved(first, "TIFF", save_all=True, append_images=others))
    assert file.notes == ("It has 3 pages; only the first was restored.",)
    same(found.rgb, np.asarray(first))


@pytest.mark.parametrize("way", ["marked", "unmarked", "all marked", "below"])
def test_a_thumbnail_in_front_is_not_the_picture(way: str) -> None:
    full = smooth((64, 96))
    small = cv2.resize(full, (24, 16))
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        below = int(way == "below")
        writer.write(
            small, photometric="rgb", subfiletype=int(way != "unmarked"), subifds=below or None
        )
        writer.write(full, photometric="rgb", subfiletype=int(way == "all marked"))
    file, found = read(out.getvalue())
    same(found.rgb, full)
    assert not file.notes


@pytest.mark.parametrize("tag", [(50706, b"\1\4\0\0"), (262, struct.pack("<HH", 32803, 0))])
def test_raw_files_are_refused(tag: tuple[int, bytes]) -> None:
    data = bytearray(saved(Image.fromarray(smooth((16, 24))), "TIFF"))
    at = data.index(struct.pack("<HH", 262, 3))
    if tag[0] == 262:
        data[at + 8 : at + 12] = tag[1]
    else:
        data[at : at + 12] = struct.pack("<HHI", tag[0], 1, 4) + tag[1]
    with pytest.raises(UserError, match="raw file; develop it first"):
        read(bytes(data))


# ------------------------------------------------------------------------- HEIC, AVIF and JPEG XL


@pytest.mark.parametrize("orientation", SOME_TURNS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("chroma", [420, 422, 444])
def test_heic(chroma: int, mode: str, orientation: int) -> None:
    values = smooth((48, 64), len(mode))
    image = Image.fromarray(values[..., 0] if mode == "L" else values)
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=95, chroma=chroma, exif=turned(orientation))
    file, found = read(out.getvalue())
    expected = apply_orientation(np.repeat(values, 3, 2) if mode == "L" else values, orientation)
    assert file.info.format == "heif" and file.info.orientation == 1
    assert found.rgb.shape == expected[..., :3].shape
    assert np.abs(found.rgb.astype(float) - expected[..., :3]).mean() < 3
    assert (found.alpha is not None) == (mode == "RGBA")
    if found.alpha is not None:
        assert np.abs(found.alpha.astype(float) - expected[..., 3]).mean() < 3
    if found.exif is not None:
        assert orientation_of(found.exif) == 1


@pytest.mark.parametrize("chroma", [420, 444])
def test_heic_of_10_bits_stays_deep(chroma: int) -> None:
    values = smooth((48, 64), 3, np.uint16)
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (64, 48), values.tobytes()).save(
        out, quality=100, chroma=chroma
    )
    file, found = read(out.getvalue())
    assert file.info.bit_depth == 10 and found.rgb.dtype == np.uint16
    assert np.abs(found.rgb.astype(float) - values).mean() < 3 * 257
    white = np.full((16, 16, 3), 65535, np.uint16)
    out = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (16, 16), white.tobytes()).save(out, quality=100)
    assert read(out.getvalue())[1].rgb.min() > 65000


def test_a_grid_of_tiles_is_one_picture() -> None:
    values = smooth((150, 200))
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(values)).save(out, quality=95, tile_size=64)
    _, found = read(out.getvalue())
    assert found.rgb.shape == values.shape
    assert np.abs(found.rgb.astype(float) - values).mean() < 3


@pytest.mark.parametrize("orientation", SOME_TURNS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("chroma", ["4:2:0", "4:2:2", "4:4:4"])
def test_avif(chroma: str, mode: str, orientation: int) -> None:
    values = smooth((48, 64), len(mode))
    data = saved(
        Image.fromarray(values), "AVIF", quality=90, subsampling=chroma, exif=turned(orientation)
    )
    file, found = read(data)
    assert (file.info.subsampling, file.info.orientation) == (chroma, orientation)
    expected = apply_orientation(values, orientation)
    assert np.abs(found.rgb.astype(float) - expected[..., :3]).mean() < 3
    same(found.rgb, by_pillow(data, "RGBA")[..., :3])
    assert (found.alpha is not None) == (mode == "RGBA")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "I;16"])
def test_jxl(mode: str, size: tuple[int, int]) -> None:
    values = smooth(size, 1 if mode in ("L", "I;16") else len(mode),
                    np.uint16 if mode == "I;16" else np.uint8)  # fmt: skip
    image = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
    data = saved(image, "JXL", lossless=True)
    file, found = read(data)
    if mode == "I;16":  # which this encoder calls linear
        stored = images.library.jxl_decoded(data)[1]
        assert stored is not None
        same(stored, values[..., 0])
        assert "grey was converted" in found.notes[0]
        return
    same(found.rgb, np.repeat(values, 3, 2) if values.shape[2] == 1 else values[..., :3])
    assert (found.alpha is not None) == (mode == "RGBA")
    assert file.info.format == "jxl"


@pytest.mark.filterwarnings("ignore:Using JPEG reconstruction")
def test_a_jpeg_in_a_jpeg_xl_is_that_jpeg(tmp_path: Path) -> None:
    jpeg = saved(Image.fromarray(smooth((48, 64))), "JPEG", quality=90)
    (tmp_path / "a.jpg").write_bytes(jpeg)
    with Image.open(tmp_path / "a.jpg") as image:
        file, _ = read(saved(image, "JXL"))
    assert file.data == jpeg and file.info.subsampling == "4:2:0"


# --------------------------------------------------------------------------------------- profiles

ADOBE = profiles.build("Adobe", profiles.ADOBE_RGB, (563 / 256,))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PROPHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585))
SPACES = {
    "adobe": ADOBE,
    "p3": profiles.build("P3", profiles.PRIMARIES[12], profiles.TRANSFERS[13]),
    "2020": profiles.build("2020", profiles.PRIMARIES[9], (2.4,)),
    "linear": profiles.build("linear", profiles.PRIMARIES[1], (1.0,)),
    "prophoto": profiles.build("ProPhoto", PROPHOTO, (1.8,)),
}


def grey_profile(power: float) -> bytes:
    """Gray Gamma 1.8 and its like."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH2x", 1, round(power * 256))
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    table = struct.pack(">I4sII4sII", 2, b"kTRC", 156, 16, b"wtpt", 172, 20)
    head = struct.pack(">I4xI4s4s4s", 192, 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += struct.pack(">6H4s28x3i", 2024, 1, 1, 0, 0, 0, b"acsp", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + curve + white


def by_littlecms(values: NDArray[np.uint8], icc: bytes) -> NDArray[np.uint8]:
    converted = ImageCms.profileToProfile(
        Image.fromarray(values), ImageCms.ImageCmsProfile(io.BytesIO(icc)),
        ImageCms.createProfile("sRGB"), outputMode="RGB",
    )  # fmt: skip
    return np.asarray(converted)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("space", SPACES)
def test_colour_profiles_are_littlecmss(space: str, kind: str) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = saved(Image.fromarray(smooth((17, 30))), kind, icc_profile=SPACES[space], **options)
    _, found = read(data)
    assert found.icc == SPACES[space] and found.notes == ()
    values, notes = in_srgb(found)
    assert values.dtype == np.float32 and "converted to sRGB by its profile" in notes[0]
    expected = by_littlecms(found.rgb, SPACES[space]).astype(np.float64)
    assert np.abs(np.clip(values, 0, 255) - expected).max() <= 1.6  # theirs is rounded, twice
    tables = profiles.by_tables(found.rgb, SPACES[space])
    assert tables is not None
    same(tables, expected.astype(np.uint8))


@pytest.mark.parametrize("space", SPACES)
def test_16_bits_go_through_a_profile_whole(space: str) -> None:
    values = smooth((9, 14), 3, np.uint16)
    data = png(values, 16, RGB, chunk(b"iCCP", b"x\0\0" + zlib.compress(SPACES[space])))
    deep, _ = in_srgb(read(data)[1])
    eight = by_littlecms((values // 257).astype(np.uint8), SPACES[space])
    assert np.abs(np.clip(deep, 0, 255) - eight).max() <= 7
    assert len(np.unique(deep)) > len(np.unique(np.rint(deep)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_srgb_by_any_name_is_not_touched(kind: str) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = saved(Image.fromarray(smooth((17, 30))), kind, icc_profile=SRGB, **options)
    _, found = read(data)
    assert in_srgb(found) == (found.rgb, ()) and found.icc == SRGB


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("power", [1.0, 1.8, 2.2])
def test_grey_profiles_are_applied(power: float, depth: int) -> None:
    kept = np.uint16 if depth == 16 else np.uint8
    grey = np.arange(0, MOST[np.dtype(kept)] + 1, depth, dtype=kept)[None]
    icc = chunk(b"iCCP", b"x\0\0" + zlib.compress(grey_profile(power)))
    _, found = read(png(grey, depth, GREY, icc))
    linear = (grey / MOST[np.dtype(kept)]) ** power
    expected = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    apart = found.rgb[..., 0] / MOST[np.dtype(kept)] - expected
    assert np.abs(apart).max() < 0.003
    assert found.icc is None and "grey was converted" in found.notes[0]


def test_a_profile_of_tables_goes_through_littlecms() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert profiles.parse(lab) is None and profiles.by_tables(smooth((5, 6)), lab) is None
    assert profiles.parse(b"nonsense") is None
    _, found = read(saved(Image.fromarray(smooth((5, 6))), "PNG", icc_profile=b"nonsense" * 20))
    values, notes = in_srgb(found)
    assert values is found.rgb and "damaged" in notes[0]


@pytest.mark.parametrize(("gamma", "applied"), [(100_000, True), (55_556, True), (45_455, False)])
def test_a_pngs_gamma_is_honoured(gamma: int, applied: bool) -> None:
    values = smooth((9, 14))
    _, found = read(png(values, 8, RGB, chunk(b"gAMA", struct.pack(">I", gamma))))
    same(found.rgb, values)
    codes, notes = in_srgb(found)
    if not applied:
        assert found.icc is None and codes is found.rgb
        return
    linear = (values / 255) ** (100_000 / gamma)
    expected = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    assert np.abs(codes / 255 - expected).max() < 0.002 and notes


@pytest.mark.parametrize("transfer", [13, 16, 18])
def test_a_pngs_cicp_is_honoured_or_said(transfer: int) -> None:
    extra = chunk(b"cICP", bytes([12, transfer, 0, 1]))
    file, found = read(png(smooth((9, 14)), 8, RGB, extra))
    assert (found.icc is not None) == (transfer == 13)
    assert any("HDR" in note for note in file.notes) == (transfer != 13)


def test_exifs_adobe_rgb_is_honoured() -> None:
    exif = Image.Exif()
    exif.get_ifd(34665)[40961] = 65535
    exif.get_ifd(34665)[40965] = {1: "R03"}
    data = saved(Image.fromarray(smooth((17, 30))), "JPEG", exif=exif.tobytes())
    _, found = read(data)
    assert found.icc is not None and profiles.name(found.icc).startswith("Adobe RGB")


# --------------------------------------------------------------------------------------- metadata

XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF><rdf:Description tiff:Orientation='6'>"
    b"<xmp:Thumbnails><rdf:Alt>old</rdf:Alt></xmp:Thumbnails><dc:title>Boat</dc:title>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
UPRIGHT_XMP = XMP.replace(b"'6'", b"'1'").replace(
    b"<xmp:Thumbnails><rdf:Alt>old</rdf:Alt></xmp:Thumbnails>", b""
)
IPTC = b"\x1c\x02\x19\x00\x05boats"
EXTRA = Extra(UPRIGHT_XMP, IPTC, b"hello", (600.0, 300.0), ((b"tEXt", b"Title\0Boat"),))


def full_exif() -> bytes:
    exif = Image.Exif()
    exif[315] = "somebody"
    exif.get_ifd(34665)[36867] = "2020:01:02 03:04:05"
    exif.get_ifd(34853)[1] = "N"
    return exif.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("icc", [None, ADOBE])
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff"])
def test_what_is_written_others_read(kind: str, icc: bytes | None, alpha: bool, depth: Any) -> None:
    values = smooth((70, 90), 4, depth)
    clear = np.ascontiguousarray(values[..., 3]) if alpha else None
    rgb = np.ascontiguousarray(values[..., :3])
    data, notes = encode_image("a", kind, rgb, alpha=clear, exif=full_exif(), icc=icc, extra=EXTRA)
    image = Image.open(io.BytesIO(data))
    exif = image.getexif()
    assert exif[315] == "somebody"
    assert exif.get_ifd(34665)[36867] == "2020:01:02 03:04:05"
    assert exif.get_ifd(34853)[1] == "N"
    assert image.info.get("icc_profile") == icc
    assert image.info["xmp"].rstrip(b"\0") == UPRIGHT_XMP
    lost = {"png": (), "jpeg": ("Texts",), "webp": ("IPTC", "comment", "density", "Texts"),
            "tiff": ("comment", "Texts")}[kind]  # fmt: skip
    wanted = [*lost, *(["16 bits"] if depth == np.uint16 and kind in ("jpeg", "webp") else []),
              *(["Transparency"] if alpha and kind == "jpeg" else [])]  # fmt: skip
    assert len(notes) == len(wanted) and all(word in " ".join(notes) for word in wanted)
    if kind in ("jpeg", "tiff"):
        assert IptcImagePlugin.getiptcinfo(image) == {(2, 25): b"boats"}
    if kind != "webp":
        dpi = [float(value) for value in image.info["dpi"]]
        np.testing.assert_allclose(dpi, (600, 300), rtol=1e-3)
    if kind == "png":
        assert (image.info["Title"], image.info["Comment"]) == ("Boat", "hello")
    # and what others read, we read again
    file, found = read(data)
    assert file.extra.xmp == UPRIGHT_XMP and found.icc == icc
    if kind != "webp":
        assert file.extra.iptc == IPTC
    if kind in ("png", "tiff"):
        same(found.rgb, rgb)
        if clear is not None and found.alpha is not None:
            same(found.alpha, clear)


@pytest.mark.parametrize("target", ["png", "jpeg", "webp", "tiff"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_and_exif_go_from_any_format_to_any_other(source: str, target: str) -> None:
    options: dict[str, Any] = {"lossless": True} if source == "WEBP" else {}
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + full_exif())
    if source == "PNG":
        data = png(smooth((48, 64)), 8, RGB,
                   chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
                   + chunk(b"eXIf", full_exif()))  # fmt: skip
    elif source == "TIFF":
        exif[700] = XMP
        data = saved(Image.fromarray(smooth((48, 64))), source, exif=exif)
    else:
        data = saved(Image.fromarray(smooth((48, 64))), source, exif=exif, xmp=XMP, **options)
    made, notes = picture.of_file(inspect(data, "a")).encoded(target)
    assert notes == ()
    image = Image.open(io.BytesIO(made))
    assert image.getexif()[315] == "somebody"
    assert image.info["xmp"].rstrip(b"\0") == UPRIGHT_XMP


def test_a_pngs_words_for_its_colours_stay_in_a_png_and_become_a_profile_elsewhere() -> None:
    gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
    of = picture.of_file(inspect(png(smooth((9, 14)), 8, RGB, gamma), "a"))
    made, notes = of.encoded("png")
    assert gamma in made and b"iCCP" not in made and notes == ()
    made, notes = of.encoded("jpeg")
    assert Image.open(io.BytesIO(made)).info["icc_profile"] and notes == ()
    hdr = chunk(b"cICP", bytes([9, 16, 0, 1]))
    of = picture.of_file(inspect(png(smooth((9, 14)), 8, RGB, hdr), "a"))
    assert hdr in of.encoded("png")[0]
    assert "no place for HDR" in of.encoded("jpeg")[1][-1]


def test_without_exif_nothing_tells_of_persons() -> None:
    data, _ = encode_image("a", "png", smooth((9, 14)), exif=full_exif(), extra=EXTRA)
    made, _ = picture.of_file(inspect(data, "a")).encoded("png", exif=False)
    assert b"eXIf" not in made and b"Text" not in made and b"iTXt" not in made
    assert b"pHYs" in made


# ----------------------------------------------------------------------------------------- damage


def heic() -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(smooth((48, 64)))).save(out, quality=90)
    return out.getvalue()


WHOLE: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(Image.fromarray(smooth((48, 64))), "JPEG"),
    "progressive": lambda: saved(Image.fromarray(smooth((48, 64))), "JPEG", progressive=True),
    "cmyk": lambda: saved(Image.fromarray(smooth((48, 64), 4), "CMYK"), "JPEG"),
    "png": lambda: saved(Image.fromarray(smooth((48, 64))), "PNG"),
    "webp": lambda: saved(Image.fromarray(smooth((48, 64))), "WEBP", quality=90),
    "tiff": lambda: saved(Image.fromarray(smooth((48, 64))), "TIFF", compression="tiff_lzw"),
    "bmp": lambda: saved(Image.fromarray(smooth((48, 64))), "BMP"),
    "gif": lambda: saved(Image.fromarray(smooth((48, 64))).quantize(32), "GIF"),
    "heic": heic,
    "avif": lambda: saved(Image.fromarray(smooth((48, 64))), "AVIF", quality=90),
    "jxl": lambda: saved(Image.fromarray(smooth((48, 64))), "JXL", lossless=True),
}


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("kind", WHOLE)
def test_a_cut_file_is_refused(kind: str, share: float) -> None:
    data = WHOLE[kind]()
    whole = read(data)[1].rgb
    try:
        _, found = read(data[: max(1, int(len(data) * share))])
    except UserError:
        return
    same(found.rgb, whole)  # what is missing was not of the picture


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", WHOLE)
def test_a_flipped_byte_gives_no_traceback(kind: str, seed: int) -> None:
    data = bytearray(WHOLE[kind]())
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, min(len(data), 400) if seed % 2 else len(data), 3):
        data[at] ^= int(rng.integers(1, 256))
    try:
        file = inspect(bytes(data), "a picture")
        found = decode_rgb(file)
        in_srgb(found)
        picture.of_file(file).encoded("png")
    except UserError:
        return


@pytest.mark.parametrize("kind", ["heic", "avif", "jxl", "gif", "bmp", "cmyk"])
def test_the_limit_comes_before_decoding(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("decoded")

    data = WHOLE[kind]()
    monkeypatch.setattr("edge_demo.pictures.containers.MAX_PIXELS", 100)
    for name in ("decode", "cmyk", "jxl_decoded"):
        monkeypatch.setattr(images.library, name, never)
    with pytest.raises(UserError, match="over the limit of 100"):
        read(data)


def test_there_are_enough_of_them(request: pytest.FixtureRequest) -> None:
    mine = [item for item in request.session.items if item.path == request.node.path]
    assert len(mine) >= 400 or len(request.session.items) < 400
    assert list(itertools.islice(mine, 1))
