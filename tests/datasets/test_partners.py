"""Pairs that show one scene, and pairs that do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets import partners
from edge_demo.tasks import enhance


@pytest.mark.parametrize("seed", range(3))
def test_a_picture_and_itself_in_the_dark_are_alike(natural: NDArray[np.uint8], seed: int) -> None:
    assert partners.likeness(enhance.degrade(natural, seed), natural) > partners.LEAST_LIKENESS


def test_another_picture_is_not(natural: NDArray[np.uint8]) -> None:
    other = np.ascontiguousarray(natural[::-1, ::-1])
    assert partners.likeness(enhance.degrade(other), natural) < partners.LEAST_LIKENESS


def test_a_flat_picture_is_like_nothing(natural: NDArray[np.uint8]) -> None:
    assert partners.likeness(np.zeros_like(natural), natural) == 0.0


def test_a_wrong_pair_is_left_out_and_named(
    natural: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    low = enhance.degrade(natural)
    wrong = np.ascontiguousarray(natural[::-1, ::-1])
    given = [(Path("a.png"), low, natural), (Path("b.png"), low, wrong)]
    kept = list(partners.of_one_scene(given))
    assert len(kept) == 1
    assert kept[0][1] is natural
    assert "left out: b.png" in capsys.readouterr().err
