"""A small JPEG becomes the pixels that it should, and a wrong colour anywhere is seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_demo import __main__ as command
from edge_demo import tasks
from edge_demo.device import chroma as device_chroma
from edge_demo.device import golden
from edge_demo.device.selftest import selftest
from edge_demo.pictures import picture
from edge_demo.pictures.images import Decoded, decode_rgb, read_rgb
from edge_demo.pictures.planes import StoredPlanes, decode_planes
from edge_demo.tasks import chroma, colorize, enhance

VARIANTS = [task for name in tasks.NAMES for task in tasks.load(name).VARIANTS.values()]


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    golden.picture_test.cache_clear()
    yield
    golden.picture_test.cache_clear()


def named(task: Any) -> str:
    return f"{task.name}-{task.variant}"


@pytest.mark.parametrize("task", VARIANTS, ids=named)
def test_every_variant_makes_its_picture(task: Any) -> None:
    found = golden.picture_test(task)
    assert found.ok, found.text
    made = read_rgb(golden.reference(task)).rgb
    assert made.shape == (75, 53, 3)  # upright: it lies on its side in the file
    # It tells something: no plain colour, nothing drowned in black or white.
    assert made.std() > 8 and ((made > 0) & (made < 255)).mean() > 0.3


def turned(change: Callable[[StoredPlanes], dict[str, Any]]) -> Callable[[Any], StoredPlanes]:
    def decode(file: Any) -> StoredPlanes:
        found = decode_planes(file)
        return dataclasses.replace(found, **change(found))

    return decode


@pytest.mark.parametrize("task", [t for t in VARIANTS if t.name == "chroma"], ids=named)
@pytest.mark.parametrize("change", [
    lambda found: {"siting": "left"},
    lambda found: {"siting": "topleft"},
    lambda found: {"matrix": "bt709"},
    lambda found: {"full_range": False},
    lambda found: {"cbcr": found.cbcr[..., ::-1]},
    lambda found: {"orientation": 8},
    lambda found: {"cbcr": np.roll(found.cbcr, 1, axis=1)},
], ids=["left", "topleft", "matrix", "range", "swapped", "orientation", "moved"])  # fmt: skip
def test_wrong_planes_are_seen(
    task: chroma.Variant, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_chroma, "decode_planes", turned(change))
    assert not golden.picture_test(task).ok


@pytest.mark.parametrize("task", [colorize.TASK, colorize.HINTED, *enhance.VARIANTS.values()],
                         ids=named)  # fmt: skip
@pytest.mark.parametrize("fault", ["swapped", "flipped", "coarse"])
def test_wrong_pixels_are_seen(task: Any, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(file: Any) -> Decoded:
        found = decode_rgb(file)
        rgb = {
            "swapped": found.rgb[..., ::-1],
            "flipped": found.rgb[::-1],
            "coarse": found.rgb[::2, ::2].repeat(2, 0).repeat(2, 1)[:75, :53],
        }[fault]
        return dataclasses.replace(found, rgb=np.ascontiguousarray(rgb))

    monkeypatch.setattr(picture, "decode_rgb", decode)
    assert not golden.picture_test(task).ok


def test_another_decoders_rounding_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)

    def rounded(values: Any) -> Any:
        return np.clip(values + rng.integers(-1, 2, values.shape), 0, 255).astype(np.uint8)

    both = turned(lambda found: {"y": rounded(found.y), "cbcr": rounded(found.cbcr)})
    monkeypatch.setattr(device_chroma, "decode_planes", both)
    monkeypatch.setattr(picture, "decode_rgb", lambda file: dataclasses.replace(
        decode_rgb(file), rgb=rounded(decode_rgb(file).rgb)))  # fmt: skip
    for task in VARIANTS:
        found = golden.picture_test(task)
        assert found.ok and found.worst > 0, found.text


def test_the_selftest_asks_for_a_picture(
    tiny_models: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tiny_models["int8"]
    assert selftest(path).ok
    golden.picture_test.cache_clear()
    change = turned(lambda found: {"siting": "left"})
    monkeypatch.setattr(device_chroma, "decode_planes", change)
    assert command.main(["selftest", str(path)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("FAIL ") and "a picture's values differ by at most" in said
    assert "largest difference 0" in said  # the network itself: nothing, or a step of older kernels
