"""A network that knows a scene by heart brightens its mirror image otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.device import restorers
from edge_demo.device.enhance import Enhance
from edge_demo.pictures.images import write_image
from edge_demo.tasks import enhance
from studies import mirrored


class Known:
    """Brightens by what stands at the left, or by the mean of all."""

    tile, halo, takes_codes = 64, 0, False

    def __init__(self, by_heart: bool) -> None:
        self.by_heart = by_heart

    def fit(self, height: int, width: int) -> tuple[int, int]:
        return height, width

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        picture = values["picture"][..., :3]
        seen = picture[:, : picture.shape[1] // 2] if self.by_heart else picture
        return {"enhanced": np.clip(picture * (0.4 / max(float(seen.mean()), 0.01)), 0, 1)}


def test_what_is_known_by_heart_is_told_from_light(natural: NDArray[np.uint8]) -> None:
    dark = natural // 8
    dark[:, : dark.shape[1] // 2] //= 2

    def found(by_heart: bool) -> float:
        restorer = restorers.of_runner(Known(by_heart), enhance.TASK, "known")
        assert isinstance(restorer, Enhance)
        (apart,) = mirrored.differences(restorer, [dark])
        return float(apart)

    assert abs(found(by_heart=False)) < 0.5
    assert found(by_heart=True) < -10


def test_the_table_names_each_model(
    natural: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "a.png", natural // 8)
    assert mirrored.main([str(tmp_path), "--models", "zerodce"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "mean of 1, codes" in lines[0] and lines[2].startswith("| `enhance_zerodce-lite.r2")
    assert mirrored.main([str(tmp_path), "--models", "residual-xs"]) == 2
    assert "is no model of low light" in capsys.readouterr().err
