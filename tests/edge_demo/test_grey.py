"""Grey stays grey, and no picture is worse than by plain decoding, whatever a network believes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_demo.colour.siting import SITINGS, baseline
from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from edge_demo.device import restorers
from edge_demo.device.chroma import Chroma
from edge_demo.device.frames import Frame
from edge_demo.measure import metrics
from edge_demo.model import models_folder
from edge_demo.pictures.containers import load
from edge_demo.pictures.images import read_rgb
from edge_demo.pictures.picture import read
from edge_demo.pictures.planes import decode_planes
from edge_demo.tasks import chroma

QUALITIES = (50, 70, 85, 95, 100)
# dB that a picture may be below libjpeg's own decoding.
MOST_LOSS = 0.05
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)
VARIANTS = list(chroma.VARIANTS.values())


def grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(round_to_uint8(rgb_to_ycbcr(rgb)[..., :1]), 3, axis=2)


def muted(rgb: NDArray[np.uint8], left: float) -> NDArray[np.uint8]:
    ycbcr = rgb_to_ycbcr(rgb)
    ycbcr[..., 1:] = 128 + (ycbcr[..., 1:] - 128) * np.float32(left)
    return round_to_uint8(ycbcr_to_rgb(ycbcr))


def toned(rgb: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    return {
        "sepia": round_to_uint8(rgb.astype(np.float32) @ SEPIA.T),
        "near-grey": muted(rgb, 1 / 16),
        "muted": muted(rgb, 1 / 6),
        "coloured": rgb,
    }


def write(path: Path, rgb: NDArray[np.uint8], quality: int, factor: int) -> Path:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    assert cv2.imwrite(str(path), np.ascontiguousarray(rgb[..., ::-1]), options)
    return path


def jpeg(path: Path, rgb: NDArray[np.uint8], quality: int) -> Path:
    return write(path, rgb, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)


def restored(model: Chroma, path: Path) -> NDArray[np.uint8]:
    """CbCr (H, W, 2) of a JPEG."""
    file = decode_planes(load(path))
    return model.reconstruct(chroma.Planes(file.y, file.cbcr, file.siting, file.info.quantised))


def libjpegs(path: Path) -> NDArray[np.uint8]:
    """CbCr (H, W, 2) as libjpeg enlarges it."""
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        picture.draft("YCbCr", picture.size)
        assert picture.mode == "YCbCr"
        return np.asarray(picture)[..., 1:].copy()


def presets() -> list[str]:
    """The files of chroma that come with the repository, of every preset one."""
    found = [name for name in models_folder.shipped() if name.startswith("chroma_")]
    return [one for one in found if one.rpartition(".")[2] in models_folder.DEFAULT_RECIPES]


@pytest.fixture(scope="module", params=presets())
def preset(request: pytest.FixtureRequest) -> Chroma:
    model = restorers.load(models_folder.find(request.param), threads=1)
    assert isinstance(model, Chroma)
    return model


@pytest.mark.parametrize("quality", [50, 90])
def test_a_grey_jpeg_stays_grey(
    preset: Chroma, quality: int, photograph: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = jpeg(tmp_path / "a.jpg", grey(photograph), quality)
    rgb = preset.restore(read(path)).rgb
    assert np.array_equal(rgb, read_rgb(path).rgb)
    for factor in (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440):
        rgb = preset.restore(read(write(path, grey(photograph), quality, factor))).rgb
        assert np.array_equal(rgb, rgb[..., :1].repeat(3, axis=2))


@pytest.mark.parametrize("quality", QUALITIES)
def test_no_preset_is_below_plain_decoding(
    preset: Chroma, quality: int, photograph: NDArray[np.uint8], tmp_path: Path
) -> None:
    for kind, rgb in toned(photograph).items():
        path = jpeg(tmp_path / f"{kind}.jpg", rgb, quality)
        truth = chroma.target(rgb)
        floor = metrics.psnr(libjpegs(path), truth)
        assert metrics.psnr(restored(preset, path), truth) > floor - MOST_LOSS, kind


class Believer:
    """A network that sees colour everywhere: the ends of its range, in turns."""

    tile, halo, takes_codes = 64, 8, False

    def __init__(self, task: chroma.Variant) -> None:
        self.result = task.outputs[0]

    def fit(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        # Of luma alone, so that tiles see what the whole sees.
        odd = np.rint(values["planes"][..., :1] * 255).astype(int) % 2 == 1
        shape = (*odd.shape[:2], self.result.channels)
        ends = np.where(odd, np.float32(self.result.high), np.float32(self.result.low))
        return {self.result.name: np.broadcast_to(ends, shape).astype(np.float32)}


def believer(task: chroma.Variant, tile: int = 64) -> Chroma:
    runner = Believer(task)
    runner.tile = tile
    return Chroma(task, runner, "believer")


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("task", VARIANTS, ids=lambda task: task.variant or "first")
def test_one_hue_stays_one_hue_in_every_depth(task: chroma.Variant, siting: str) -> None:
    """Not to the rounding alone: chroma of more than 8 bits stays exactly what it is."""
    y = np.random.default_rng(0).integers(0, 256, (47, 52)).astype(np.uint8)
    model = believer(task)
    for cb, cr in ((128, 128), (111, 140)):
        low = np.tile(np.array([cb, cr], np.uint8), (24, 26, 1))
        assert (model.reconstruct(chroma.Planes(y, low, siting)) == (cb, cr)).all()
        fine = low.astype(np.float32) + np.float32(0.25)
        planes = chroma.Planes(y.astype(np.float32), fine, siting)
        found = model.corrected(planes, model.correction(planes))
        assert np.abs(found - fine[0, 0]).max() < 1e-4
        frame = Frame(y, low, siting, "bt709")
        assert (model.apply(frame, model.find(frame)).cbcr == (cb, cr)).all()


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("task", VARIANTS, ids=lambda task: task.variant or "first")
def test_the_bound_of_tiles_is_that_of_the_whole(task: chroma.Variant, siting: str) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 256, (61, 90)).astype(np.uint8)
    low = rng.integers(120, 136, (31, 45, 2)).astype(np.uint8)
    low[:, 20:] = 128 + low[:, 20:] % 2
    planes = chroma.Planes(y, low, siting)
    whole = believer(task, 512).reconstruct(planes)
    assert np.array_equal(believer(task, 32).reconstruct(planes), whole)
    # It is not all bound: where chroma varies the network has its say.
    plain = chroma.rounded(task.corrected(np.zeros((31, 45, 8), np.float32), planes))[:61, :90]
    differs = whole != plain
    assert differs[:, :30].mean() > 0.5 and not differs[:, 44:].any()


def test_a_bound_by_hand() -> None:
    low = np.zeros((4, 6, 2), np.uint8)
    low[1, 1, 0], low[3, 5, 1] = 7, 3
    bound = chroma.Bound(reach=2.0, idle=3.0, noise=0.5)
    expected = np.zeros((4, 6, 2))
    expected[:3, :3, 0] = 8
    assert np.array_equal(bound.limits(low), expected)
    assert np.allclose(bound.limits(low.astype(np.float32)), expected)
    change = np.full((4, 6, 8), 5.0, np.float32)
    change[0, 0] = [9, 9, -9, -9, 0.4, 0.4, -3, -3]
    kept = bound.put(change, low)
    assert kept[0, 0].tolist() == [8, 0, -8, 0, 0, 0, -2.5, 0]
    assert (kept[0, 1, 0::2] == 4.5).all() and not kept[3].any() and not kept[..., 1::2].any()


def test_a_network_that_is_not_told_is_trusted_less_the_stronger_a_jpeg_is(
    photograph: NDArray[np.uint8],
) -> None:
    planes = [
        chroma.Planes(np.zeros((2, 2), np.uint8), np.zeros((1, 1, 2), np.uint8),
                      quantised=(strength, strength))
        for strength in (0.0, 0.2, 0.5, 0.8)
    ]  # fmt: skip
    for task in VARIANTS:
        trusts = [task.trust(one) for one in planes]
        if task.told_quality:
            assert trusts == [1, 1, 1, 1]
            assert task.bound(planes[0]).idle > task.bound(planes[1]).idle
            assert task.bound(planes[2]) == task.bound(planes[3])
        else:
            assert trusts[0] == 1 > trusts[1] > trusts[2] > trusts[3] == 0
            assert task.bound(planes[0]) == task.bound(planes[3])


def test_less_of_the_range_is_noise_where_nothing_was_quantised() -> None:
    luma, low = np.zeros((2, 2), np.uint8), np.zeros((1, 1, 2), np.uint8)
    for task in VARIANTS:
        bare = task.bound(chroma.Planes(luma, low))
        best_jpeg = task.bound(chroma.Planes(luma, low, quantised=(0.0, 0.0)))
        assert (bare.idle, best_jpeg.idle) == (2.0, 3.0)


@pytest.mark.parametrize("siting", ["center", "left"])
def test_no_preset_is_below_bilinear_where_nothing_was_quantised(
    preset: Chroma, siting: str, photograph: NDArray[np.uint8]
) -> None:
    height, width = photograph.shape[:2]
    for kind, rgb in toned(photograph).items():
        planes = chroma.degrade(rgb, siting)
        nothing = np.zeros((*planes.cbcr.shape[:2], 8), np.float32)
        plain = chroma.rounded(chroma.TASK.corrected(nothing, planes))[:height, :width]
        bilinear = chroma.rounded(baseline("bilinear", planes.cbcr, planes.size, siting))
        truth = chroma.target(rgb)
        # ``plain`` agrees with the planes half the way, as a network's result does.
        floor = max(metrics.psnr(floor, truth) for floor in (plain, bilinear))
        assert metrics.psnr(preset.reconstruct(planes), truth) > floor - MOST_LOSS, kind


def test_a_tie_is_rounded_as_libjpeg_does(tmp_path: Path, photograph: NDArray[np.uint8]) -> None:
    path = jpeg(tmp_path / "a.jpg", muted(photograph, 1 / 6), 90)
    file = decode_planes(load(path))
    planes = chroma.Planes(file.y, file.cbcr, file.siting, file.info.quantised)
    nothing = np.zeros((*file.cbcr.shape[:2], 8), np.float32)
    height, width = planes.size
    plain = chroma.rounded(chroma.TASK.corrected(nothing, planes)[:height, :width])
    assert np.array_equal(plain, libjpegs(path))
