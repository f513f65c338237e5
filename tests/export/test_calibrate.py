"""Calibration: real tiles, the same ones each time, and a manifest that says which."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from datasets import sources
from datasets.source import Source, some
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.tasks import chroma, enhance
from export.calibrate import SITINGS, Calibration, collect, public_name

CHROMA, ENHANCE = restoration.of("chroma"), restoration.of("enhance")
TILE = 32


@pytest.fixture(scope="module")
def source(small_photographs: Path) -> Source:
    return sources.open_source(f"folder:{small_photographs}")


def truths(calibration: Calibration) -> list[NDArray[np.uint8]]:
    return [tile.truth for tile in calibration.tiles]


def test_the_same_each_time(source: Source) -> None:
    first, again = (collect(CHROMA, [source], TILE, count=9) for _ in range(2))
    assert first.manifest == again.manifest
    assert all(np.array_equal(a, b) for a, b in zip(truths(first), truths(again), strict=True))
    other = collect(CHROMA, [source], TILE, count=9, seed=1)
    assert other.manifest["sha256"] != first.manifest["sha256"]
    assert other.manifest["seed"] == 1


def test_inputs_are_what_the_device_encodes(source: Source) -> None:
    """Each is ``encode`` of a part of a photograph, at a siting that files have."""
    found = collect(CHROMA, [source], TILE, count=12)
    assert len(found.inputs) == 12
    tensor = chroma.TASK.inputs[0]
    photographs = [rgb for _, rgb in sources.photographs(source)]
    for index, values in enumerate(inputs["planes"] for inputs in found.inputs):
        assert values.shape == (16, 16, 12) and values.dtype == np.float32
        assert tensor.low - 1e-6 <= values.min() and values.max() <= tensor.high + 1e-6
        y = chroma.unpack(np.rint(values[..., :4] * 255 + 128))[..., 0].astype(np.uint8)
        rgb = photographs[index % 6]
        whole = chroma.degrade(rgb).y
        match = cv2.matchTemplate(whole, y, cv2.TM_SQDIFF)
        left, top = cv2.minMaxLoc(match)[2]
        piece = np.ascontiguousarray(rgb[top : top + TILE, left : left + TILE])
        expected = chroma.TASK.encode(chroma.degrade(piece, SITINGS[index % 2]))["planes"]
        assert np.array_equal(values, expected)
        assert np.array_equal(found.targets[index], chroma.target(piece))
    assert [tile.degraded.siting for tile in found.tiles[:2]] == list(SITINGS)
    assert np.array_equal(found.first(5).inputs[4]["planes"], found.inputs[4]["planes"])


def test_manifest(source: Source) -> None:
    manifest = collect(CHROMA, [source], TILE, count=4).manifest
    assert set(manifest) == {"source", "photographs", "tiles", "seed", "augmented", "sha256"}
    assert (manifest["photographs"], manifest["tiles"]) == (4, 4)
    assert collect(CHROMA, [source], TILE, count=20).manifest["photographs"] == 6
    assert len(manifest["sha256"]) == 64


def test_augmented_tiles_are_the_same_places_in_another_light(source: Source) -> None:
    plain, varied = (collect(CHROMA, [source], TILE, count=6, augmented=a) for a in (False, True))
    assert varied.manifest["augmented"] and not plain.manifest["augmented"]
    assert varied.manifest["sha256"] != plain.manifest["sha256"]
    again = collect(CHROMA, [source], TILE, count=6, augmented=True)
    assert again.manifest == varied.manifest
    changed = [
        np.abs(a.astype(int) - b).mean() for a, b in zip(truths(plain), truths(varied), strict=True)
    ]
    assert np.mean(changed) > 3


def test_small_photographs_fill_a_tile(source: Source) -> None:
    (inputs,) = collect(CHROMA, [source], 256, count=1).inputs
    values = inputs["planes"]
    assert values.shape == (128, 128, 12)
    # What lies outside repeats the edge.
    y = chroma.unpack(values[..., :4])[..., 0]
    assert np.array_equal(y[-1], y[-2]) and np.array_equal(y[:, -1], y[:, -2])


def test_low_light_of_pairs_is_cut_from_the_pictures(
    small_photographs: Path, tmp_path: Path
) -> None:
    """Real pictures in low light, with what decoding must know of all of each."""
    for index, path in enumerate(sorted(small_photographs.iterdir())[:3]):
        bright = cv2.imread(str(path))
        for side, picture in (("low", bright // (6 + index)), ("high", bright)):
            (tmp_path / side).mkdir(exist_ok=True)
            assert cv2.imwrite(str(tmp_path / side / path.name), picture)
    source = sources.open_source(f"pairs:{tmp_path}")
    found = collect(ENHANCE, [source], TILE, count=6)
    assert found.manifest["photographs"] == 3
    wholes = {path.name: (low, high) for path, low, high in sources.pairs(source)}
    for index, tile in enumerate(found.tiles):
        low, high = list(wholes.values())[index % 3]
        places = cv2.minMaxLoc(cv2.matchTemplate(high, tile.truth, cv2.TM_SQDIFF))
        left, top = places[2]
        inside = np.s_[top : top + TILE, left : left + TILE]
        assert np.array_equal(tile.truth, high[inside])
        assert np.array_equal(tile.degraded, low[inside])
        assert np.array_equal(
            found.inputs[index]["picture"], enhance.encode(low[inside])["picture"]
        )
        assert np.array_equal(found.targets[index], high[inside])
    with pytest.raises(UserError, match="--augmented"):
        collect(ENHANCE, [source], TILE, count=6, augmented=True)


def test_low_light_is_made_of_photographs(source: Source) -> None:
    found, again = (collect(ENHANCE, [source], TILE, count=12) for _ in range(2))
    assert found.manifest == again.manifest
    darker = [tile.degraded.mean() / tile.truth.mean() for tile in found.tiles]
    assert len({round(share, 6) for share in darker}) == 12 and np.mean(darker) < 0.6
    chroma_tiles = collect(CHROMA, [source], TILE, count=12)
    assert all(
        np.array_equal(a, b) for a, b in zip(truths(found), truths(chroma_tiles), strict=True)
    )


def test_what_a_graph_makes_of_a_tile_is_decoded_as_on_a_device(
    source: Source,
) -> None:
    found = collect(restoration.of(enhance.CURVES), [source], TILE, count=3)
    for tile in found.tiles:
        curves = np.zeros((TILE, TILE, 24), np.float32)
        result = found.decode({"curves": curves}, tile)
        assert np.array_equal(result, tile.degraded)


def test_no_photograph_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="none of 1"):
        collect(CHROMA, [sources.open_source(f"folder:{tmp_path}")], TILE)


def test_a_public_card_holds_no_path_of_a_machine() -> None:
    assert public_name("folder:/home/me/secret/photos/train") == "folder:photos/train"
    assert public_name("folder:photos/") == "folder:photos"
    assert public_name("folder:/photos") in ("folder:/photos", "folder:photos")
    assert public_name("sample") == "sample"


def test_sources_take_turns(source: Source) -> None:
    """Two pictures give as many tiles as six, so that their camera's ranges count."""
    few = some(source, range(2))
    found = collect(CHROMA, [source, few], TILE, count=8)
    own = [rgb for _, rgb in sources.photographs(few)]

    def is_of_few(truth: NDArray[np.uint8]) -> bool:
        for rgb in own:
            left, top = cv2.minMaxLoc(cv2.matchTemplate(rgb, truth, cv2.TM_SQDIFF))[2]
            if np.array_equal(rgb[top : top + TILE, left : left + TILE], truth):
                return True
        return False

    of_few = [is_of_few(tile.truth) for tile in found.tiles]
    assert all(of_few[1:4:2]) and not all(of_few[::2])
    assert found.manifest["photographs"] == 6  # four of six, two of two
    assert found.manifest["source"].count(" + ") == 1
