"""How pairs differ in linear light is found where it is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.pictures.images import write_image
from edge_demo.tasks import lowlight
from studies import darkness


def dimmed(picture: NDArray[np.uint8], factors: list[float]) -> NDArray[np.uint8]:
    linear = lowlight.to_linear(picture / 255.0) * np.float32(factors)
    return np.rint(lowlight.from_linear(linear) * 255.0).astype(np.uint8)


def test_factors_and_means_are_found(
    natural: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    low = dimmed(natural, [0.06, 0.05, 0.04])
    factor, red, blue, *_, of_low, of_high = darkness.relation(low, natural)
    assert factor == pytest.approx(0.05, rel=0.05)
    assert (red, blue) == (pytest.approx(1.2, rel=0.05), pytest.approx(0.8, rel=0.05))
    assert (of_low, of_high) == (pytest.approx(low.mean()), pytest.approx(natural.mean()))

    # The darker the scene, the darker its picture in low light: the means follow one another.
    for index, brightness in enumerate((0.3, 0.4, 0.5, 0.7, 0.9)):
        scene = dimmed(natural, [brightness] * 3)
        for side, picture in (("low", dimmed(scene, [0.05] * 3)), ("high", scene)):
            (tmp_path / side).mkdir(exist_ok=True)
            write_image(tmp_path / side / f"{index}.png", picture)
    assert darkness.main([str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("4 pairs")
    assert float(told.split()[-1]) > 0.95
