"""Files compiled for an Edge TPU, and static ones, with a stand-in for the interpreter's module.

The stand-in's interpreter is the real one without the delegate, so that graphs still run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.device import restorers
from edge_demo.errors import UserError
from edge_demo.model import interpreter, package
from edge_demo.model.interpreter import Graph
from edge_demo.model.tflite import TFLiteModel
from edge_demo.tasks import chroma

TILE = 64  # of the tiny models
DELEGATE = object()


class Module(ModuleType):
    """A package with an Edge TPU; ``given`` are the delegates that each Interpreter got."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__("stand_in.interpreter")
        self.real, self.failure = interpreter._module(), failure
        self.given: list[Any] = []
        self.loaded: list[str] = []

    def load_delegate(self, library: str) -> object:
        self.loaded.append(library)
        if self.failure:
            raise self.failure
        return DELEGATE

    def Interpreter(self, *, experimental_delegates: Any = None, **options: Any) -> Any:
        self.given.append(experimental_delegates)
        return self.real.Interpreter(**options)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Module]:
    def make(failure: Exception | None = None) -> Module:
        module = Module(failure)
        monkeypatch.setattr(interpreter, "_module", lambda: module)
        return module

    return make


def rewritten(source: Path, target: Path, network: bytes = b"", **card: Any) -> Path:
    """A model file with more behind its network, and more in its card."""
    full = {**package.read_card(source).values, **card}
    data = package.flatbuffer(source) + network
    target.write_bytes(package.join(data, full, package.read_golden(source)))
    return target


@pytest.fixture
def compiled(tiny_models: dict[str, Path], tmp_path: Path) -> Path:
    return rewritten(tiny_models["int8"], tmp_path / "compiled.tflite", b"edgetpu-custom-op")


@pytest.fixture
def static(tiny_models: dict[str, Path], tmp_path: Path) -> Path:
    return rewritten(tiny_models["int8"], tmp_path / "static.tflite", static=True)


def test_a_compiled_file_gets_the_delegate(stand_in: Callable[..., Module], compiled: Path) -> None:
    module = stand_in()
    assert Graph(compiled).compiled
    assert module.loaded == ["libedgetpu.so.1"]
    assert module.given == [[DELEGATE]]


def test_another_file_gets_none(
    stand_in: Callable[..., Module], tiny_models: dict[str, Path], static: Path
) -> None:
    module = stand_in(OSError("no library"))
    for path in (*tiny_models.values(), static):
        assert not Graph(path).compiled
    assert module.loaded == []
    assert module.given == [None, None, None]


@pytest.mark.parametrize(
    ("failure", "parts"),
    [
        (OSError("libedgetpu.so.1: cannot open shared object file"),
         ["is not installed", "libedgetpu1-std"]),
        (ValueError("Failed to load delegate from libedgetpu.so.1\n"), ["plugged in", "plugdev"]),
        (RuntimeError("odd"), ["plugged in", "odd"]),
    ],
)  # fmt: skip
def test_without_an_edge_tpu_one_line_says_what_to_do(
    failure: Exception, parts: list[str], stand_in: Callable[..., Module], compiled: Path
) -> None:
    module = stand_in(failure)
    with pytest.raises(UserError) as refused:
        Graph(compiled)
    text = str(refused.value)
    assert text.startswith(f"{compiled}: compiled for an Edge TPU")
    assert "\n" not in text
    for part in parts:
        assert part in text
    assert module.given == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_real_package_says_so_too(
    compiled: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(interpreter, "EDGE_TPU_LIBRARY", "libedgetpu-that-nobody-has.so.1")
    with pytest.raises(UserError, match=r"that-nobody-has\.so\.1 is not installed"):
        Graph(compiled)
    assert capfd.readouterr().err == ""


def test_a_compiled_graph_keeps_its_shape(stand_in: Callable[..., Module], compiled: Path) -> None:
    stand_in()
    graph = Graph(compiled)
    own = graph.inputs["planes"]
    graph.resize({"planes": own})
    with pytest.raises(UserError, match="planes 1x32x32x12, which cannot become planes 1x16x32x12"):
        graph.resize({"planes": (1, 16, 32, 12)})
    assert graph.inputs["planes"] == own


def picture(height: int, width: int) -> chroma.Planes:
    rgb = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return chroma.degrade(rgb)


@pytest.mark.parametrize("size", [(1, 1), (7, 20), (40, 40), (64, 64), (75, 130)])
def test_whole_tiles_give_what_fitting_ones_give(
    size: tuple[int, int],
    tiny_models: dict[str, Path],
    compiled: Path,
    static: Path,
    stand_in: Callable[..., Module],
) -> None:
    stand_in()
    planes = picture(*size)
    expected: NDArray[np.uint8] = restorers.load(tiny_models["int8"]).reconstruct(planes)
    assert expected.shape == (*size, 2)
    for path in (compiled, static):
        model = TFLiteModel(path)
        assert model.fit(20, 30) == (TILE, TILE)
        assert np.array_equal(restorers.of_model(model).reconstruct(planes), expected)
        assert model.graph.inputs == {"planes": (1, TILE // 2, TILE // 2, 12)}


@pytest.mark.parametrize("value", [False, None, "no"])
def test_only_a_true_static_is_one(
    value: Any, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    path = rewritten(tiny_models["int8"], tmp_path / "free.tflite", static=value)
    assert TFLiteModel(path).fit(20, 30) == (20, 30)


def test_a_compiled_file_takes_what_it_was_compiled_for(
    tiny_models: dict[str, Path], tmp_path: Path, stand_in: Callable[..., Module]
) -> None:
    """Whatever its card says of tiles."""
    stand_in()
    path = rewritten(tiny_models["int8"], tmp_path / "c.tflite", b"edgetpu-custom-op", tile=48)
    planes = picture(20, 20)
    assert TFLiteModel(path).fit(20, 20) == (TILE, TILE)
    expected = restorers.load(tiny_models["int8"]).reconstruct(planes)
    assert np.array_equal(restorers.load(path).reconstruct(planes), expected)
