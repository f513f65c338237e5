"""The network that videos are restored with."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_demo.device import restorers
from edge_demo.device.restorer import Restorer


@pytest.fixture(scope="session")
def model(model_files: dict[str, Path]) -> Restorer:
    """A network of random weights, so that it changes a lot."""
    return restorers.load(model_files["int8"])
