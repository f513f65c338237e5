"""A short run that really learns, and the configs that tests train with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from training.config import FitConfig, changed
from training.fit import fit


@pytest.fixture(scope="session")
def small() -> Callable[..., FitConfig]:
    """The smallest config that has everything: four epochs of three steps."""

    def make(**changes: Any) -> FitConfig:
        values: dict[str, Any] = {
            "model": "chroma_residual", "size": "test", "patch": 32, "batch": 4, "cell": 48,
            "copies": 1, "val_photographs": 2, "val_crop": 48, "steps": 12, "epoch_steps": 3,
            "warmup_steps": 2, "ema": 0.8, "precision": "float32", "picture_every": 2, "seed": 3,
        }  # fmt: skip
        values |= changes
        return changed(FitConfig(values.pop("model")), **values)

    return make


@pytest.fixture(scope="session")
def learned(
    tmp_path_factory: pytest.TempPathFactory, one_photograph: Path, small: Callable[..., FitConfig]
) -> Path:
    """A run of 500 steps on one photograph, which it is validated on, too: it should overfit."""
    run = tmp_path_factory.mktemp("learned") / "run"
    config = small(
        patch=48, batch=8, cell=64, copies=0, steps=500, epoch_steps=100, warmup_steps=20,
        ema=0.95, learning_rate=1e-2, val_crop=96, sitings={"center": 1.0}, seed=1,
    )  # fmt: skip
    fit(config, f"folder:{one_photograph}", None, run, "python -m training fit")
    return run
