"""A studio of small models, and pictures for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.web.app import Studio, create_app
from edge_demo.web.cache import Cache
from edge_demo.web.catalog import Catalog
from edge_demo.web.limits import Limits
from edge_demo.web.pool import Pool
from edge_demo.web.videos import Videos
from edge_demo.web.worker import Setup

_HALF = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]


def encoded(extension: str, rgb: NDArray[Any], *params: int) -> bytes:
    bgr = np.ascontiguousarray(rgb[..., ::-1] if rgb.ndim == 3 else rgb)
    done, data = cv2.imencode(extension, bgr, list(params))
    assert done
    return data.tobytes()


@pytest.fixture(scope="session")
def pictures(photograph: NDArray[np.uint8]) -> dict[str, bytes]:
    """Files by name: of each task, and of each format."""
    grey = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    return {
        "chroma.jpg": encoded(".jpg", photograph, *_HALF),
        "chroma.webp": encoded(".webp", photograph, cv2.IMWRITE_WEBP_QUALITY, 80),
        "grey.png": encoded(".png", grey),
        "dark.png": encoded(".png", photograph // 8),
        "dark.tif": encoded(".tiff", photograph // 8),
        "colour.png": encoded(".png", photograph),
        "colour.bmp": encoded(".bmp", photograph),
    }


@pytest.fixture(scope="session")
def files(
    tiny_models: dict[str, Path],
    colour_models: dict[str, Path],
    low_light_models: dict[str, Path],
    variant_models: dict[str, Path],
) -> dict[str, Path]:
    """Name to model file, the first of a task its default."""
    return {
        "tiny.int8": tiny_models["int8"],
        "tiny.float32": tiny_models["float32"],
        "tiny.merged": variant_models["merged"],
        "colour.hinted": colour_models["hinted"],
        "colour.spread": colour_models["spread"],
        "dark.curves": low_light_models["curves"],
        "dark.static": low_light_models["static"],
    }


Make = Callable[..., Studio]


@pytest.fixture
def catalog(files: dict[str, Path]) -> Catalog:
    return Catalog(files)


@pytest.fixture
def make_studio(files: dict[str, Path], catalog: Catalog) -> Iterator[Make]:
    """Makes studios; their workers end with the test."""
    made: list[Studio] = []

    def make(
        workers: int = 1, queue: int = 2, seconds: float = 30.0, cache: int = 1 << 22, **more: Any
    ) -> Studio:
        limits = more.pop("limits", Limits(seconds=seconds))
        setup = Setup(files)
        studio = Studio(
            catalog,
            Pool(workers, queue, seconds, setup),
            Cache(cache),
            Videos(setup, limits),
            limits,
            **more,
        )
        made.append(studio)
        return studio

    yield make
    for studio in made:
        studio.videos.close()
        studio.pool.close()


@pytest.fixture
def studio(make_studio: Make) -> Studio:
    return make_studio()


@pytest.fixture
def client(studio: Studio) -> Any:
    return create_app(studio).test_client()
