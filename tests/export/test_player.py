"""Files for other people's players compute what the device does, bound and border included."""

from __future__ import annotations

import builtins
import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.siting import SITINGS
from edge_demo.device.chroma import Chroma
from edge_demo.tasks import chroma
from edge_demo.tasks.chroma import TASK, Planes
from export import player, player_onnx
from export.__main__ import main
from keras_models import runs
from tests import mistakes
from training.evaluate import KerasRunner

refused = functools.partial(mistakes.refused, "export")
ROOT = Path(__file__).parent.parent.parent
Restored = Callable[[Planes], NDArray[np.float32]]


@pytest.fixture(scope="module")
def network(run_folder: Path) -> player.Network:
    return player.network(run_folder)


def expected(run: Path, planes: Planes) -> NDArray[np.uint8]:
    """What the Keras graph gives behind the task's own functions, on a device."""
    runner = KerasRunner(runs.load_model(run), TASK, player.network(run).halo)
    return Chroma(TASK, runner, "keras").reconstruct(planes)


def close(found: NDArray[Any], wanted: NDArray[np.uint8]) -> None:
    """Within a code on 99.9 % of pixels."""
    apart = np.abs(found.astype(np.float32) - wanted).max(axis=-1)
    assert (apart <= 1.0).mean() >= 0.999, (apart.max(), (apart > 1.0).mean())


def test_filters_are_those_of_the_task(natural: NDArray[np.uint8]) -> None:
    for siting in SITINGS:
        planes = chroma.degrade(natural, siting)
        around = player.around(siting)
        low = np.pad(planes.cbcr.astype(np.float32), ((1, 1), (1, 1), (0, 0)), "edge")
        rows, columns, _ = planes.cbcr.shape
        blocks = sum(
            low[dy : dy + rows, dx : dx + columns, None] * around.upsample[dy, dx][:, None]
            for dy in range(3)
            for dx in range(3)
        )
        base = chroma.upsample_blocks(planes.cbcr, siting, chroma.REFERENCE)
        np.testing.assert_allclose(blocks.reshape(base.shape), base, atol=1e-4)
        for one in (around.upsample, around.spread):
            np.testing.assert_allclose(one.sum((0, 1)), 1.0, atol=1e-6)
        assert around.downsample.sum() == pytest.approx(1.0)


# ------------------------------------------------------------------------------------------- ONNX


def session(data: bytes) -> Any:
    return pytest.importorskip(
        "onnxruntime", reason="requirements-onnx.txt is not installed"
    ).InferenceSession(data)


def run_onnx(graph: Any, planes: Planes) -> NDArray[np.float32]:
    inputs = {
        "luma": planes.y[None, None].astype(np.float32),
        "chroma": planes.cbcr.transpose(2, 0, 1)[None].astype(np.float32),
    }
    (out,) = graph.run(["restored"], inputs)
    return np.asarray(out[0].transpose(1, 2, 0))


@pytest.mark.parametrize("siting", SITINGS)
def test_onnx_gives_what_keras_gives(
    siting: str, network: player.Network, run_folder: Path, natural: NDArray[np.uint8]
) -> None:
    pytest.importorskip("onnx", reason="requirements-onnx.txt is not installed")
    graph = session(player_onnx.written(network, siting))
    for piece in (natural, natural[:95, :127], natural[:1, :2], natural[40:43, 50:51]):
        planes = chroma.degrade(np.ascontiguousarray(piece), siting)
        wanted = expected(run_folder, planes)
        found = run_onnx(graph, planes)
        assert found.dtype == np.float32 and found.shape == wanted.shape
        close(chroma.rounded(found), wanted)
        if piece is natural:
            bilinear = chroma.unpack(chroma.upsample_blocks(planes.cbcr, siting, "bilinear"))
            assert np.abs(wanted - bilinear).mean() > 0.5  # there was something to compute


def test_onnx_of_every_preset_and_grey(natural: NDArray[np.uint8]) -> None:
    pytest.importorskip("onnx", reason="requirements-onnx.txt is not installed")
    names = [name for name in runs.presets() if name.startswith("chroma_residual") and
             not name.endswith("-qat")]  # fmt: skip
    assert len(names) >= 1
    planes = chroma.degrade(natural, "left")
    grey = Planes(planes.y, np.full_like(planes.cbcr, 128), "left")
    for name in names:
        graph = session(player_onnx.written(player.network(Path(name)), "left"))
        close(chroma.rounded(run_onnx(graph, planes)), expected(Path(name), planes))
        assert (run_onnx(graph, grey) == 128).all()


def test_the_command_writes_a_card_and_the_page_shows_how_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx", reason="requirements-onnx.txt is not installed")
    pytest.importorskip("onnxruntime", reason="requirements-onnx.txt is not installed")
    out = tmp_path / "chroma.onnx"
    arguments = ["player", "chroma_residual-s.r1", "--format", "onnx", "--siting", "center"]
    assert main([*arguments, "--out", str(out)]) == 0
    assert f"wrote {out}" in capsys.readouterr().out
    kept = session(out.read_bytes()).get_modelmeta().custom_metadata_map
    card = json.loads(kept["card"])
    assert (card["preset"], card["siting"]) == ("chroma_residual-s.r1", "center")
    assert card["contract"] == TASK.contract
    record = runs.read_record(Path("chroma_residual-s.r1"))
    assert kept["terms"] == card["training"]["terms"] == record["terms"]

    page = (ROOT / "docs" / "chroma.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/chroma.md", "exec"), {})
    assert capsys.readouterr().out == f"(1, 2, 480, 639) {record['terms']}\n"


def test_without_onnx_the_command_says_what_to_install(
    tmp_path: Path,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    out = tmp_path / "a.onnx"
    line = refused(capfd, "player", run_folder, "--format", "onnx", "--out", out)
    assert "pip install -r requirements-onnx.txt" in line and not out.exists()


# --------------------------------------------------------------------------------------- mistakes


def test_what_no_player_takes_is_refused(
    tmp_path: Path, qat_folder: Path, run_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "player"
    for run in ("chroma_bitrate-s.r2", "enhance_zerodce-lite.r2", qat_folder):
        line = refused(capfd, "player", run, "--format", "onnx", "--out", out)
        assert "chroma_residual, in floats" in line and "chroma_residual-s.r1" in line
    assert "no such run" in refused(capfd, "player", "none", "--format", "onnx", "--out", out)
    assert not out.exists()
    out.write_text("mine")
    line = refused(capfd, "player", run_folder, "--format", "onnx", "--out", out)
    assert "exists already" in line and out.read_text() == "mine"
