"""Frames are worked on in strips of rows: their results are those of the whole at once."""

from __future__ import annotations

import numpy as np
import pytest

from edge_demo.colour.siting import SITINGS
from edge_demo.device import chroma as device
from edge_demo.device import temporal
from edge_demo.device.chroma import Chroma
from edge_demo.model import interpreter
from edge_demo.tasks import chroma

WHOLE = 10_000


class _None:
    """No network is asked here."""

    tile, halo, takes_codes = 64, 8, False

    def fit(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def run(self, values: dict[str, object]) -> dict[str, object]:
        raise AssertionError


def planes(size: tuple[int, int], siting: str) -> chroma.Planes:
    rng = np.random.default_rng(0)
    low = rng.uniform(10, 240, ((size[0] + 1) // 2, (size[1] + 1) // 2, 2)).astype(np.float32)
    return chroma.Planes(rng.integers(0, 256, size).astype(np.uint8), low, siting, (0.1, 0.0))


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("size", [(131, 37), (202, 48), (64, 31)])
def test_a_correction(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], siting: str) -> None:
    model, degraded = Chroma(chroma.TASK, _None(), "none"), planes(size, siting)
    correction = np.random.default_rng(1).normal(0, 20, (*size, 2)).astype(np.float32)
    found = model.corrected(degraded, correction)
    monkeypatch.setattr(device, "_ROWS", WHOLE)
    assert np.array_equal(found, model.corrected(degraded, correction))


@pytest.mark.parametrize("task", [chroma.TASK, chroma.BITRATE], ids=["first", "bitrate"])
@pytest.mark.parametrize("siting", SITINGS)
def test_what_a_network_sees(
    monkeypatch: pytest.MonkeyPatch, task: chroma.Variant, siting: str
) -> None:
    degraded = planes((146, 40), siting)
    found = task.encode(degraded)["planes"]
    monkeypatch.setattr(chroma, "_ROWS", WHOLE)
    assert np.array_equal(found, task.encode(degraded)["planes"])


def test_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(0, 1, (7, 9, 5)).astype(np.float32)
    whole = interpreter.quantise(values, 0.01, -3, np.int8)
    monkeypatch.setattr(interpreter, "_CHUNK", 11)
    assert np.array_equal(interpreter.quantise(values, 0.01, -3, np.int8), whole)


@pytest.mark.parametrize("neighbourhood", [0, 3, 5])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_filtered_effect(
    monkeypatch: pytest.MonkeyPatch, neighbourhood: int, channels: int
) -> None:
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(60, 200, (20, 20)), np.ones((6, 6))).astype(np.uint8)
    lumas = [np.ascontiguousarray(scene[2 * t :, 3 * t :][:97, :90]) for t in range(3)]
    effects = [rng.normal(0, 4, (97, 90, channels)).astype(np.float32) for _ in lumas]
    found = []
    for rows in (temporal._STRIP, WHOLE):
        monkeypatch.setattr(temporal, "_STRIP", rows)
        smoother = temporal.Smoother(0.8, neighbourhood)
        found.append([smoother(*one) for one in zip(lumas, effects, strict=True)])
        assert smoother.cuts == 0
    assert np.allclose(found[0], found[1], atol=1e-5)
    assert np.abs(found[0][-1] - effects[-1]).mean() > 0.1
