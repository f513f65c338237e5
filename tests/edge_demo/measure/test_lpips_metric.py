"""LPIPS's calling convention on stand-ins for the optional packages, and the error without them."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from edge_demo.errors import UserError
from edge_demo.measure import lpips_metric


class Scalar(float):
    def item(self) -> float:
        return float(self)


class Network:
    """Stands for ``lpips.LPIPS``: keeps what it was called with."""

    made: list[Network] = []  # noqa: RUF012

    def __init__(self, net: str, verbose: bool) -> None:
        self.net, self.calls, self.evaluating = net, [], False
        assert not verbose, "it would print into a command's output"
        Network.made.append(self)

    def eval(self) -> Network:
        self.evaluating = True
        return self

    def __call__(self, prediction: Any, truth: Any) -> Scalar:
        self.calls.append((prediction, truth, Torch.gradients))
        return Scalar(np.abs(prediction - truth).mean())


class Torch:
    gradients = True

    @staticmethod
    def from_numpy(values: np.ndarray) -> np.ndarray:
        assert values.flags.c_contiguous
        return values

    @staticmethod
    @contextmanager
    def no_grad() -> Iterator[None]:
        Torch.gradients = False
        yield
        Torch.gradients = True


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """A network that another test loaded, or this one."""
    lpips_metric._load.cache_clear()
    Network.made.clear()
    yield
    lpips_metric._load.cache_clear()


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("lpips")
    package.LPIPS = Network  # type: ignore[attr-defined]
    torch = types.ModuleType("torch")
    torch.from_numpy, torch.no_grad = Torch.from_numpy, Torch.no_grad  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", package)
    monkeypatch.setitem(sys.modules, "torch", torch)


@pytest.mark.usefixtures("stand_ins")
def test_the_network_gets_planes_from_minus_one_to_one() -> None:
    prediction = np.zeros((4, 6, 3), np.uint8)
    prediction[1, 2] = 255, 0, 51
    truth = np.full((4, 6, 3), 255, np.uint8)
    result = lpips_metric.lpips(prediction, truth)
    (network,) = Network.made
    assert network.net == "alex" and network.evaluating
    ((first, second, gradients),) = network.calls
    assert not gradients
    assert first.shape == second.shape == (1, 3, 4, 6) and first.dtype == np.float32
    assert first[0, :, 1, 2] == pytest.approx([1, -1, -0.6], abs=1e-6)
    assert (second == 1).all() and first[0, :, 0, 0] == pytest.approx(-1)
    # The prediction comes first, and the value is a plain number.
    assert type(result) is float and result == pytest.approx(np.abs(first - second).mean())


@pytest.mark.usefixtures("stand_ins")
def test_the_network_is_loaded_once() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    assert lpips_metric.lpips(picture, picture) == lpips_metric.lpips(picture, picture) == 0
    assert len(Network.made) == 1 and len(Network.made[0].calls) == 2


@pytest.mark.parametrize("missing", ["lpips", "torch"])
@pytest.mark.usefixtures("stand_ins")
def test_without_a_package_it_says_so_in_one_line(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # an import of it now fails
    picture = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(UserError, match="pip install lpips") as error:
        lpips_metric.lpips(picture, picture)
    assert "\n" not in str(error.value) and missing in str(error.value)


@pytest.mark.parametrize("missing", [None, "lpips", "torch"])
def test_available_needs_both_packages(
    missing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        lpips_metric, "find_spec", lambda name: None if name == missing else object()
    )
    assert lpips_metric.available() == (missing is None)


@pytest.mark.usefixtures("stand_ins")
def test_only_equal_shapes_of_uint8_rgb() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(TypeError, match="uint8"):
        lpips_metric.lpips(picture.astype(np.float32), picture)
    with pytest.raises(ValueError, match="expected"):
        lpips_metric.lpips(picture[1:], picture)
    with pytest.raises(ValueError, match="expected"):
        lpips_metric.lpips(picture[..., :1], picture[..., :1])
