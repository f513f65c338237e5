"""Picture files restored: luma untouched, chroma the network's, and what a file carries kept."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_demo.colour.siting import upsample
from edge_demo.colour.ycbcr import rgb_to_ycbcr
from edge_demo.device import restorers
from edge_demo.device.picture_file import restore_file
from edge_demo.device.restorer import Restorer
from edge_demo.errors import UserError
from edge_demo.pictures.images import load, probe, read_rgb, write_image
from edge_demo.pictures.planes import decode_planes
from edge_demo.tasks import chroma

LUMA = np.array([0.299, 0.587, 0.114])
SIZES = [(1, 1), (1, 40), (40, 1), (2, 2), (47, 65), (64, 48), (33, 130), (517, 20)]

needs_metadata = pytest.mark.skipif(
    not hasattr(cv2, "imencodeWithMetadata"), reason="OpenCV before 4.12 writes no metadata"
)


@pytest.fixture(scope="module")
def model(model_files: dict[str, Path]) -> Restorer:
    return restorers.load(model_files["int8"])


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """A smooth picture around grey: restored colours stay inside RGB."""
    knots = np.random.default_rng(1).integers(105, 150, (4, 4, 3), dtype=np.uint8)
    smooth = cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, np.uint8).reshape(height, width, 3)


def encoded(
    rgb: NDArray[Any], extension: str, *params: int, exif: bytes = b"", icc: bytes = b""
) -> bytes:
    bgr = np.ascontiguousarray(rgb[..., [2, 1, 0, 3][: rgb.shape[-1]]] if rgb.ndim == 3 else rgb)
    if exif or icc:
        pieces = {cv2.IMAGE_METADATA_EXIF: exif, cv2.IMAGE_METADATA_ICCP: icc}
        given = [np.frombuffer(piece, np.uint8) for piece in pieces.values()]
        ok, data = cv2.imencodeWithMetadata(extension, bgr, [*pieces], given, list(params))
    else:
        ok, data = cv2.imencode(extension, bgr, list(params))
    assert ok
    return data.tobytes()


def jpeg(rgb: NDArray[Any], **metadata: bytes) -> bytes:
    """A 4:2:0 JPEG."""
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    return encoded(rgb, ".jpg", *sampling, **metadata)


def exif(orientation: int) -> bytes:
    entries = struct.pack("<HHHIHH", 1, 274, 3, 1, orientation, 0)
    return b"II*\0" + struct.pack("<I", 8) + entries + bytes(4)


def icc() -> bytes:
    """The smallest profile that every writer takes for one."""
    tag = b"text\0\0\0\0nothing\0"
    head = struct.pack(
        ">I4s4s4s4s4s", 144 + len(tag), b"test", b"\2\x10\0\0", b"mntr", b"RGB ", b"XYZ "
    )
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"cprt", 144, len(tag)) + tag


def save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def luma(rgb: NDArray[Any]) -> NDArray[np.float64]:
    return rgb.astype(np.float64) @ LUMA


def test_a_jpegs_luma_is_the_decoders(tmp_path: Path, model: Restorer) -> None:
    source, target = save(tmp_path / "a.jpg", jpeg(picture(90, 124))), tmp_path / "a.png"
    done = restore_file(source, target, model)
    assert done.notes == () and set(done.seconds) == {"read", "restore", "write"}
    restored, opencvs = read_rgb(target).rgb, read_rgb(source).rgb
    assert restored.dtype == np.uint8
    inside = ((restored > 0) & (restored < 255)).all(axis=-1)
    assert inside.mean() > 0.99
    # RGB is rounded to whole codes: half a code at most, and OpenCV's own half.
    assert np.abs(luma(restored) - decode_planes(load(source)).y)[inside].max() <= 0.51
    assert np.abs(luma(restored) - luma(opencvs))[inside].max() < 2
    # The network had its say: this is no bilinear upsampling.
    assert np.abs(restored.astype(int) - opencvs)[inside].mean() > 0.2


@pytest.mark.parametrize("size", SIZES)
def test_chroma_is_the_networks_at_every_size(
    tmp_path: Path, model: Restorer, size: tuple[int, int]
) -> None:
    source, target = save(tmp_path / "a.jpg", jpeg(picture(*size))), tmp_path / "a.png"
    restore_file(source, target, model)
    file = decode_planes(load(source))
    planes = chroma.Planes(file.y, file.cbcr, "center", file.info.quantised)
    cbcr = model.reconstruct(planes)
    rgb = read_rgb(target).rgb
    assert rgb.shape == (*size, 3)
    expected = np.dstack([file.y, cbcr]).astype(float)
    inside = ((rgb > 0) & (rgb < 255)).all(axis=-1)
    assert inside.mean() > 0.9
    assert np.abs(rgb_to_ycbcr(rgb) - expected)[inside].max() < 1.01


def test_files_of_every_kind_of_output(tmp_path: Path, model: Restorer) -> None:
    source = save(tmp_path / "a.jpg", jpeg(picture(30, 44)))
    pictures = {}
    for extension in (".png", ".webp", ".tif", ".jpg"):
        target = tmp_path / f"out{extension}"
        restore_file(source, target, model)
        pictures[extension] = read_rgb(target).rgb.astype(int)
    assert np.array_equal(pictures[".webp"], pictures[".png"])
    assert np.array_equal(pictures[".tif"], pictures[".png"])
    assert probe(tmp_path / "out.jpg").subsampling == "4:4:4"
    assert np.abs(pictures[".jpg"] - pictures[".png"]).mean() < 4


@needs_metadata
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_the_restored_picture(
    tmp_path: Path, model: Restorer, orientation: int
) -> None:
    """Planes of odd size are restored as stored and turned afterwards: turning moves no chroma."""
    rgb = picture(23, 38)
    upright, turned = tmp_path / "upright.png", tmp_path / "turned.png"
    restore_file(save(tmp_path / "a.jpg", jpeg(rgb, exif=exif(1))), upright, model)
    restore_file(save(tmp_path / "b.jpg", jpeg(rgb, exif=exif(orientation))), turned, model)
    stored = read_rgb(upright).rgb
    turns = {1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
             5: stored.swapaxes(0, 1), 6: np.rot90(stored, -1), 8: np.rot90(stored),
             7: np.rot90(stored, 2).swapaxes(0, 1)}  # fmt: skip
    written = read_rgb(turned)
    assert np.array_equal(written.rgb, turns[orientation])
    assert written.info.orientation == 1


@needs_metadata
@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
def test_exif_and_profile_are_kept(tmp_path: Path, model: Restorer, extension: str) -> None:
    source = save(tmp_path / "a.jpg", jpeg(picture(20, 30), exif=exif(6), icc=icc()))
    done = restore_file(source, tmp_path / f"out{extension}", model)
    written = read_rgb(tmp_path / f"out{extension}")
    assert (written.exif, written.icc, done.notes) == (exif(1), icc(), ())
    assert (done.info.width, done.info.height) == (30, 20)


@needs_metadata
def test_what_an_output_cannot_keep_is_said(tmp_path: Path, model: Restorer) -> None:
    source = save(tmp_path / "a.jpg", jpeg(picture(20, 30), exif=exif(1), icc=icc()))
    assert restore_file(source, tmp_path / "out.tif", model).notes == ()
    assert read_rgb(tmp_path / "out.tif").icc == icc()


def test_a_lossy_webp_keeps_its_transparency(tmp_path: Path, model: Restorer) -> None:
    rgba = np.dstack([picture(31, 45), np.tile(np.arange(45, dtype=np.uint8) * 5, (31, 1))])
    data = encoded(rgba, ".webp", cv2.IMWRITE_WEBP_QUALITY, 95)
    source, target = save(tmp_path / "a.webp", data), tmp_path / "a.png"
    restore_file(source, target, model)
    written = read_rgb(target)
    assert np.array_equal(written.alpha, rgba[..., 3])
    # WebP's luma is of limited range; the file is restored in its own terms.
    y = (decode_planes(load(source)).y.astype(float) - 16) * 255 / 219
    inside = ((written.rgb > 0) & (written.rgb < 255)).all(axis=-1)
    assert np.abs(luma(written.rgb) - y)[inside].max() < 1


def test_a_png_needs_resample(tmp_path: Path, model: Restorer) -> None:
    rgb = picture(40, 50)
    source, target = save(tmp_path / "a.png", encoded(rgb, ".png")), tmp_path / "b.png"
    with pytest.raises(UserError, match=r"chroma at full resolution.*--resample"):
        restore_file(source, target, model)
    assert not target.exists()
    restore_file(source, target, model.with_options(resample=True))
    written = read_rgb(target).rgb
    assert np.abs(luma(written) - luma(rgb)).max() <= 0.51
    # As if it had been 4:2:0: no rounding of luma, the low planes rounded.
    planes = chroma.degrade(rgb)
    ycbcr = rgb_to_ycbcr(rgb)
    low = np.rint(ycbcr[..., 1:].reshape(20, 2, 25, 2, 2).mean(axis=(1, 3)))
    assert np.abs(low - planes.cbcr).max() <= 1
    cbcr = model.reconstruct(chroma.Planes(ycbcr[..., 0], low))
    assert np.abs(rgb_to_ycbcr(written)[..., 1:] - cbcr).max() < 1.01
    assert np.abs(cbcr - upsample(low, (40, 50), "center", "bilinear")).mean() > 1


def test_a_444_jpeg_is_refused_by_what_it_stores(tmp_path: Path, model: Restorer) -> None:
    write_image(tmp_path / "a.jpg", picture(20, 20))
    with pytest.raises(UserError, match=r"stores 4:4:4 chroma.*--resample"):
        restore_file(tmp_path / "a.jpg", tmp_path / "b.png", model)


@needs_metadata
def test_16_bits_stay_16_bits(tmp_path: Path, model: Restorer) -> None:
    low = np.random.default_rng(2).integers(0, 256, (21, 34, 3))
    rgb = (picture(21, 34).astype(np.uint16) * 256 + low).astype(np.uint16)
    alpha = np.random.default_rng(3).integers(0, 65536, (21, 34)).astype(np.uint16)
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    write_image(source, rgb, alpha=alpha, exif=exif(1), icc=icc())
    restore_file(source, target, model.with_options(resample=True))
    written = read_rgb(target)
    assert written.rgb.dtype == np.uint16
    assert np.array_equal(written.alpha, alpha)
    assert (written.exif, written.icc) == (exif(1), icc())
    # Luma to the last of 16 bits, which 8 would have lost.
    assert np.abs(luma(written.rgb) - luma(rgb)).max() < 2
    notes = restore_file(source, tmp_path / "b.jpg", model.with_options(resample=True)).notes
    assert len(notes) == 2 and "16 bits" in notes[0] and "Transparency" in notes[1]


@pytest.mark.parametrize("resample", [False, True])
def test_grey_pictures_have_nothing_to_restore(
    tmp_path: Path, model: Restorer, resample: bool
) -> None:
    grey = picture(20, 24)[..., 0]
    for extension in (".jpg", ".png", ".tif"):
        source = save(tmp_path / f"grey{extension}", encoded(grey, extension))
        if extension != ".jpg" and not resample:
            continue  # refused already because of its full resolution
        with pytest.raises(UserError, match="a grey picture has no chroma"):
            restore_file(source, tmp_path / "out.png", model.with_options(resample=resample))
    assert not (tmp_path / "out.png").exists()


def test_cmyk_is_restored_when_asked_and_it_is_said(tmp_path: Path, model: Restorer) -> None:
    source = tmp_path / "a.jpg"
    Image.fromarray(np.full((20, 24, 4), 90, np.uint8), "CMYK").save(source)
    with pytest.raises(UserError, match="stores CMYK, so"):
        restore_file(source, tmp_path / "b.png", model)
    done = restore_file(source, tmp_path / "b.png", model.with_options(resample=True))
    assert "CMYK without a profile" in done.notes[0]


def test_nothing_is_overwritten_unasked(tmp_path: Path, model: Restorer) -> None:
    source = save(tmp_path / "a.jpg", jpeg(picture(20, 20)))
    target = save(tmp_path / "b.png", b"mine")
    with pytest.raises(UserError, match=r"b\.png exists already.*--overwrite"):
        restore_file(source, target, model)
    assert target.read_bytes() == b"mine"
    restore_file(source, target, model, overwrite=True)
    assert read_rgb(target).rgb.shape == (20, 20, 3)


def test_a_failure_leaves_the_old_file(tmp_path: Path, model: Restorer) -> None:
    data = jpeg(picture(64, 64))
    target = save(tmp_path / "b.png", b"mine")
    for broken in (data[: len(data) // 2], b"", b"text"):
        with pytest.raises(UserError):
            restore_file(save(tmp_path / "a.jpg", broken), target, model, overwrite=True)
        assert target.read_bytes() == b"mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jpg", "b.png"]


def test_progress_is_told(tmp_path: Path, model: Restorer) -> None:
    source = save(tmp_path / "a.jpg", jpeg(picture(20, 20)))
    seen: list[tuple[int, int]] = []
    restore_file(source, tmp_path / "a.png", model, progress=lambda *at: seen.append(at))
    assert seen == [(1, 1)]


@pytest.mark.parametrize("factor", [422, 440, 411])
def test_chroma_of_other_subsampling_keeps_its_own_samples(
    tmp_path: Path, model: Restorer, factor: int
) -> None:
    sampling = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{factor}")
    data = encoded(picture(46, 75), ".jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling)
    source, target = save(tmp_path / "a.jpg", data), tmp_path / "b.png"
    assert restore_file(source, target, model).notes == ()
    stored = decode_planes(load(source))
    cbcr = rgb_to_ycbcr(read_rgb(target).rgb.astype(np.float32))[..., 1:]
    down, across = stored.steps
    whole = cbcr[: 46 // down * down, : 75 // across * across]
    means = whole.reshape(46 // down, down, 75 // across, across, 2).mean((1, 3))
    own = stored.cbcr[: 46 // down, : 75 // across].astype(np.float32)
    assert np.abs(means - own).mean() < 0.5


@pytest.mark.parametrize("kind", ["heic", "avif", "deep"])
def test_heic_and_avif_are_restored(tmp_path: Path, model: Restorer, kind: str) -> None:
    rgb = np.asarray(cv2.resize(picture(64, 96)[:4, :6], (96, 64)), np.uint8)
    source, target = tmp_path / f"a.{kind}", tmp_path / "b.png"
    if kind == "avif":
        Image.fromarray(rgb).save(source, "AVIF", quality=100)
    elif kind == "heic":
        pillow_heif.from_pillow(Image.fromarray(rgb)).save(source, quality=100)
    else:
        values = (rgb.astype(np.uint16) * 257).tobytes()
        pillow_heif.from_bytes("RGB;16", (96, 64), values).save(source, quality=100)
    assert restore_file(source, target, model).notes == ()
    found = read_rgb(target).rgb
    assert found.dtype == (np.uint16 if kind == "deep" else np.uint8)
    codes = found / np.float32(257 if kind == "deep" else 1)
    luma, stored = (rgb_to_ycbcr(np.asarray(one, np.float32))[..., 0] for one in (codes, rgb))
    assert np.abs(luma - stored).mean() < 2  # its chroma is an untrained network's


def test_what_is_hidden_stays_as_it_was(tmp_path: Path, model: Restorer) -> None:
    rgba = np.dstack([picture(31, 45), np.full((31, 45), 255, np.uint8)])
    rgba[:, 20:, 3] = 0
    source = save(tmp_path / "a.webp", encoded(rgba, ".webp", cv2.IMWRITE_WEBP_QUALITY, 95))
    restore_file(source, tmp_path / "a.png", model)
    hidden = rgba[..., 3] == 0
    before, after = read_rgb(source), read_rgb(tmp_path / "a.png")
    np.testing.assert_array_equal(after.rgb[hidden], before.rgb[hidden])
    assert after.alpha is not None
    np.testing.assert_array_equal(after.alpha, rgba[..., 3])
