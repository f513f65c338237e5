"""Quantisation-aware training: it rounds as the integer graph does, learns, resumes and exports."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.ycbcr import round_to_uint8
from edge_demo.errors import UserError
from edge_demo.measure import metrics
from edge_demo.model import package
from edge_demo.model.interpreter import Graph
from edge_demo.tasks import chroma
from export.__main__ import main as export
from keras_models import fakequant, runs
from training import callbacks, config
from training.config import FitConfig
from training.fit import fit

pytestmark = pytest.mark.slow  # trains on 8-bit steps

Small = Callable[..., FitConfig]


@pytest.fixture(scope="module")
def settings(learned: Path, small: Small) -> FitConfig:
    """A short continuation of the run that learned one photograph."""
    return small(
        patch=48, batch=8, cell=64, copies=0, steps=150, epoch_steps=50, warmup_steps=5, ema=0.9,
        learning_rate=2e-3, val_crop=96, sitings={"center": 1.0}, seed=1, qat=str(learned),
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(
    settings: FitConfig, one_photograph: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    run = tmp_path_factory.mktemp("qat") / "run"
    fit(settings, f"folder:{one_photograph}", None, run, "python -m training fit --qat")
    return run


def restored_psnr(network: Callable[..., NDArray[np.float32]], rgb: NDArray[np.uint8]) -> float:
    planes = chroma.degrade(rgb)
    output = network(chroma.TASK.encode(planes)["planes"])
    cbcr = round_to_uint8(chroma.TASK.decode({"correction": output}, planes))
    return metrics.psnr(cbcr, chroma.target(rgb))


def test_it_keeps_a_fake_quantised_model(trained: Path, learned: Path) -> None:
    model = runs.load_model(trained)
    ranges = fakequant.ranges_of(model)
    assert set(ranges) == {"planes", "head", "block1_a", "block1_b", "block1_add", "correction"}
    assert ranges["planes"].scale == pytest.approx(1 / 255)
    before = runs.load_model(learned).get_weights()
    changed = [np.abs(a - b).max() for a, b in zip(model.get_weights(), before, strict=True)]
    assert all(change > 0 for change in changed)
    assert runs.read_record(trained)["config"]["qat"] == str(learned)
    stages = runs.stages(trained)
    assert [stage["config"]["qat"] for stage in stages] == ["", str(learned)]


def test_training_on_steps_beats_rounding_afterwards(
    trained: Path, learned: Path, natural: NDArray[np.uint8]
) -> None:
    """On the photograph that both learned, each on 8-bit steps."""
    crop = np.ascontiguousarray(natural[:, 16:112])
    values = chroma.TASK.encode(chroma.degrade(crop))["planes"][None]
    plain = runs.load_model(learned)
    ranges = fakequant.choose_ranges(plain, values, fakequant.stated_ranges(chroma.TASK))
    afterwards = fakequant.fake_quantised(plain, ranges)
    aware = runs.load_model(trained)
    quality = {
        name: restored_psnr(lambda x, m=model: m.predict_on_batch(x[None])[0], crop)
        for name, model in (("afterwards", afterwards), ("aware", aware))
    }
    assert quality["aware"] > quality["afterwards"]


def test_the_exported_graph_computes_what_was_trained(
    trained: Path, natural: NDArray[np.uint8], tmp_path: Path
) -> None:
    assert export(["tflite", str(trained), "--recipes", "qat", "--out", str(tmp_path)]) == 0
    path = tmp_path / "chroma_residual-test.qat.tflite"
    assert package.read_card(path).values["ranges"] == "trained"
    values = chroma.TASK.encode(chroma.degrade(natural))["planes"]
    expected = runs.load_model(trained).predict_on_batch(values[None])[0]
    graph = Graph(path)
    graph.resize({"planes": (1, *values.shape)})
    found = graph.run({"planes": values})["correction"]
    step = graph.output_step("correction")
    assert expected.std() > 2 * step
    assert np.abs(found - expected).max() <= 2.01 * step
    assert np.mean(np.abs(found - expected) > 0.01 * step) < 0.1


@pytest.mark.filterwarnings("error::UserWarning")  # a reader would see them
def test_its_figures_are_those_of_the_integer_graph(
    trained: Path, one_photograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``evaluate`` takes the run, and finds what it finds for the exported file."""
    from training.__main__ import main

    assert export(["tflite", str(trained), "--recipes", "qat", "--out", str(tmp_path)]) == 0
    found = []
    for target in (trained, tmp_path / "chroma_residual-test.qat.tflite"):
        table = tmp_path / f"{target.name}.json"
        arguments = ["evaluate", str(target), "--data", f"folder:{one_photograph}"]
        assert main([*arguments, "--json", str(table)]) == 0
        rows = json.loads(table.read_text())["rows"]
        found.append(rows[-1]["metrics"]["chroma_psnr"]["mean"])
    assert found[0] == pytest.approx(found[1], abs=0.02)
    assert found[0] > rows[0]["metrics"]["chroma_psnr"]["mean"] + 1


def test_the_analysis_takes_it(
    trained: Path, one_photograph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sensitivity", str(trained), "--calibrate", f"folder:{one_photograph}"]
    assert export(arguments) == 0
    said = capsys.readouterr().out
    assert "tail" in said and "--recipes mixed" not in said


def test_it_resumes_as_if_nothing_had_happened(
    settings: FitConfig,
    trained: Path,
    one_photograph: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stopped(Exception):
        pass

    write = callbacks.write_whole

    def until_the_first_checkpoint(path: Path, content: bytes) -> None:
        write(path, content)
        if path.name == "history.csv":
            raise Stopped

    data = f"folder:{one_photograph}"
    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "write_whole", until_the_first_checkpoint)
        with pytest.raises(Stopped):
            fit(settings, data, None, tmp_path / "run", "x")
    fit(settings, data, None, tmp_path / "run", "x")
    pairs = zip(
        runs.load_model(tmp_path / "run").get_weights(),
        runs.load_model(trained).get_weights(),
        strict=True,
    )
    assert all(np.array_equal(a, b) for a, b in pairs)
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def test_mistakes(learned: Path, trained: Path, small: Small, tmp_path: Path) -> None:
    data = "sample"
    for changes, says in [
        ({"qat": str(tmp_path / "none")}, "no such run"),
        ({"qat": str(learned), "size": "s"}, "--qat .*: that run is of chroma_residual-test, not"),
        ({"qat": str(trained)}, "is quantisation-aware already"),
        ({"start_from": str(trained)}, "is quantisation-aware already"),
    ]:
        with pytest.raises(UserError, match=says):
            fit(small(**changes), data, None, tmp_path / "run", "x")
    chosen = config.load("chroma_residual", qat=str(learned))
    assert chosen.qat == str(learned) and chosen.precision == "float32"
    assert dataclasses.replace(chosen, qat="") != config.load("chroma_residual")
    for setting, says in [
        ("precision=mixed_bfloat16", "--qat trains in float32"),
        ("start_from=x", "--qat starts from its own RUN"),
        ("qat=x", "unknown key 'qat'"),
    ]:
        with pytest.raises(UserError, match=re.escape(says)):
            config.override(chosen, [setting])
