"""The network that videos are restored with."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_demo.model.tflite import TFLiteModel


@pytest.fixture(scope="session")
def model(model_files: dict[str, Path]) -> TFLiteModel:
    """A network of random weights, so that it changes a lot."""
    return TFLiteModel(model_files["int8"])
