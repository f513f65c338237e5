"""Calibration: real tiles, the same ones each time, and a manifest that says which."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import sources
from edge_demo.runtime.errors import UserError
from edge_demo.runtime.tasks import chroma
from export.calibrate import SITINGS, collect, public_name

TILE = 32


@pytest.fixture(scope="module")
def source(small_photographs: Path) -> sources.Source:
    return sources.open_source(f"folder:{small_photographs}")


def test_the_same_each_time(source: sources.Source) -> None:
    first, again = (collect(source, TILE, count=9) for _ in range(2))
    assert first.manifest == again.manifest
    assert all(np.array_equal(a, b) for a, b in zip(first.pieces, again.pieces, strict=True))
    other = collect(source, TILE, count=9, seed=1)
    assert other.manifest["sha256"] != first.manifest["sha256"]
    assert other.manifest["seed"] == 1


def test_inputs_are_what_the_device_encodes(source: sources.Source) -> None:
    """Each is ``encode`` of a part of a photograph, at a siting that files have."""
    found = collect(source, TILE, count=12)
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
        expected = chroma.encode(chroma.degrade(piece, SITINGS[index % 2]))["planes"]
        assert np.array_equal(values, expected)
        assert np.array_equal(found.targets[index], chroma.target(piece))
    assert [planes.siting for planes in found.planes[:2]] == list(SITINGS)
    assert np.array_equal(found.first(5).inputs[4]["planes"], found.inputs[4]["planes"])


def test_manifest(source: sources.Source) -> None:
    manifest = collect(source, TILE, count=4).manifest
    assert set(manifest) == {"source", "photographs", "tiles", "seed", "augmented", "sha256"}
    assert (manifest["photographs"], manifest["tiles"]) == (4, 4)
    assert collect(source, TILE, count=20).manifest["photographs"] == 6
    assert len(manifest["sha256"]) == 64


def test_augmented_tiles_are_the_same_places_in_another_light(source: sources.Source) -> None:
    plain, varied = (collect(source, TILE, count=6, augmented=a) for a in (False, True))
    assert varied.manifest["augmented"] and not plain.manifest["augmented"]
    assert varied.manifest["sha256"] != plain.manifest["sha256"]
    again = collect(source, TILE, count=6, augmented=True)
    assert again.manifest == varied.manifest
    changed = [
        np.abs(a.astype(int) - b).mean() for a, b in zip(plain.pieces, varied.pieces, strict=True)
    ]
    assert np.mean(changed) > 3


def test_small_photographs_fill_a_tile(source: sources.Source) -> None:
    (inputs,) = collect(source, 256, count=1).inputs
    values = inputs["planes"]
    assert values.shape == (128, 128, 12)
    # What lies outside repeats the edge.
    y = chroma.unpack(values[..., :4])[..., 0]
    assert np.array_equal(y[-1], y[-2]) and np.array_equal(y[:, -1], y[:, -2])


def test_no_photograph_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="none of 1"):
        collect(sources.open_source(f"folder:{tmp_path}"), TILE)


def test_a_public_card_holds_no_path_of_a_machine() -> None:
    assert public_name("folder:/home/me/secret/photos/train") == "folder:photos/train"
    assert public_name("folder:photos/") == "folder:photos"
    assert public_name("folder:/photos") in ("folder:/photos", "folder:photos")
    assert public_name("sample") == "sample"
