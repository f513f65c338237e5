"""How close reconstructions come to the truth: one loop for runs, model files and baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import metrics, results
from .colour import round_to_uint8, ycbcr_to_rgb
from .siting import baseline
from .tasks import chroma

Method = Callable[[chroma.Planes], NDArray[np.uint8]]
METRICS = ("chroma_psnr", "chroma_ssim", "rgb_psnr", "rgb_ssim")


def baselines() -> dict[str, Method]:
    """The classical methods by name."""

    def method(name: str) -> Method:
        return lambda planes: round_to_uint8(
            baseline(name, planes.cbcr, planes.size, planes.siting)
        )

    return {name: method(name) for name in chroma.TASK.baselines}


def to_rgb(y: NDArray[Any], cbcr: NDArray[Any]) -> NDArray[np.uint8]:
    """Luma (H, W) and chroma (H, W, 2), BT.601 full range, to RGB (H, W, 3) uint8."""
    return round_to_uint8(ycbcr_to_rgb(np.concatenate([y[..., None], cbcr], axis=-1)))


def measure(
    rgb: NDArray[np.uint8], planes: chroma.Planes, cbcr: NDArray[np.uint8]
) -> dict[str, float]:
    """Every metric of one reconstruction.

    Args:
        rgb: the true picture (H, W, 3).
        planes: what was made of it.
        cbcr: the reconstruction (H, W, 2).
    """
    truth = chroma.target(rgb)
    restored = to_rgb(planes.y, cbcr)
    return {
        "chroma_psnr": metrics.psnr(cbcr, truth),
        "chroma_ssim": metrics.ssim(cbcr, truth),
        "rgb_psnr": metrics.psnr(restored, rgb),
        "rgb_ssim": metrics.ssim(restored, rgb),
    }


def evaluate(
    photographs: Iterable[tuple[Path, NDArray[np.uint8]]],
    methods: Mapping[str, Method],
    siting: str = "center",
    progress: Callable[[int], None] | None = None,
) -> tuple[list[str], dict[str, dict[str, list[float]]]]:
    """Measure methods on photographs.

    Args:
        photographs: file and RGB (H, W, 3) uint8.
        methods: name to reconstruction.
        siting: of the 4:2:0 chroma that is made from each photograph.
        progress: called with the number of photographs done.

    Returns:
        The photographs' names, and values[method][metric], one a photograph.
    """
    names: list[str] = []
    values: dict[str, dict[str, list[float]]] = {
        name: {metric: [] for metric in METRICS} for name in methods
    }
    for path, rgb in photographs:
        names.append(path.name)
        planes = chroma.degrade(rgb, siting)
        for name, method in methods.items():
            for metric, value in measure(rgb, planes, method(planes)).items():
                values[name][metric].append(value)
        if progress:
            progress(len(names))
    return names, values


@dataclass(frozen=True)
class Candidate:
    """Something to measure beside the baselines.

    Attributes:
        name: for tables.
        recipe: of a model file, ``keras`` for a run.
        size_bytes: of its file.
        method: its reconstruction.
    """

    name: str
    recipe: str
    size_bytes: int
    method: Method

    @property
    def label(self) -> str:
        """``NAME.RECIPE``."""
        return f"{self.name}.{self.recipe}"


def table(
    candidates: Sequence[Candidate],
    photographs: Iterable[tuple[Path, NDArray[np.uint8]]],
    data: str,
    siting: str,
    progress: Callable[[int], None] | None = None,
) -> tuple[dict[str, Any], list[str], dict[str, dict[str, list[float]]]]:
    """Baselines and candidates measured: a document of schema 1, and the values behind it.

    Args:
        candidates: of different labels.
        photographs, siting, progress: as for ``evaluate``.
        data: the source, for the document.

    Returns:
        The document, and what ``evaluate`` returned.
    """
    methods = baselines() | {one.label: one.method for one in candidates}
    names, values = evaluate(photographs, methods, siting, progress)
    rows = [results.row(name, "baseline", values[name]) for name in baselines()]
    rows += [
        results.row(one.name, "model", values[one.label], recipe=one.recipe, bytes=one.size_bytes)
        for one in candidates
    ]
    return results.document(chroma.TASK, len(names), data, rows, siting=siting), names, values
