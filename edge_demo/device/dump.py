"""What each stage of a picture made, as files: for who looks for a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..model.tiling import Runner
from ..pictures.images import write_image


class Dump:
    """A folder of stages, each as it comes a ``.npy``, and a ``.png`` where it can be looked at.

    ``stages.json`` lists them: name, shape, type, least, most and mean value.
    """

    def __init__(self, folder: Path, overwrite: bool = False) -> None:
        """Make the folder.

        Args:
            folder: a new or an empty one.
            overwrite: whether it may hold files, which may be replaced.

        Raises:
            UserError: it holds files, or cannot be made.
        """
        self.folder = folder
        self.stages: list[dict[str, Any]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not overwrite and any(folder.iterdir()):
                raise UserError(f"{folder}: holds files already; choose another or --overwrite")
        except OSError as error:
            raise UserError(f"{folder}: cannot be made ({error.strerror})") from None

    def __call__(self, name: str, values: NDArray[Any]) -> None:
        """Write a stage."""
        file = f"{len(self.stages):03d}_{name}"
        self.stages.append(
            {
                "name": name, "file": f"{file}.npy", "shape": list(values.shape),
                "type": str(values.dtype), "least": float(values.min()),
                "most": float(values.max()), "mean": float(values.mean(dtype=np.float64)),
            }
        )  # fmt: skip
        try:
            np.save(self.folder / f"{file}.npy", values)
            text = json.dumps(self.stages, indent=2)
            (self.folder / "stages.json").write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be written ({error.strerror})") from None
        if (rgb := _shown(values)) is not None:
            write_image(self.folder / f"{file}.png", rgb, overwrite=True)


def _shown(values: NDArray[Any]) -> NDArray[Any] | None:
    """Whole codes as RGB: a plane in grey, pairs of planes side by side."""
    if values.dtype not in (np.uint8, np.uint16) or values.size == 0:
        return None
    if values.ndim == 3 and values.shape[2] == 2:
        values = np.concatenate([values[..., 0], values[..., 1]], axis=1)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    return values if values.ndim == 3 and values.shape[2] == 3 else None


class Dumped:
    """A runner whose every run is dumped."""

    def __init__(self, runner: Runner, dump: Dump) -> None:
        self._runner, self._dump = runner, dump
        self.tile, self.halo = runner.tile, runner.halo
        self.takes_codes = False  # what is dumped are real values

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """As the runner does."""
        return self._runner.fit(height, width)

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """One tile."""
        for name, one in values.items():
            self._dump(f"encoded_{name}", one)
        outputs = self._runner.run(values)
        for name, one in outputs.items():
            self._dump(f"output_{name}", one)
        return outputs
