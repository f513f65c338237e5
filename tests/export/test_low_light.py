"""A low-light run on every road of export: files, checks, comparison, sensitivity, preset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

import keras_models
from edge_demo.device import restorers
from edge_demo.device.selftest import selftest
from edge_demo.measure import restoration
from edge_demo.model import models_folder, models_index, package
from export import calibrate, convert, files, graph, page, recipes
from export.__main__ import main
from export.check import check
from export.recipes import NAMES
from keras_models import runs
from training.__main__ import main as training_main

MODEL, SIZE = "enhance_zerodce", "lite"
RUN = f"{MODEL}-{SIZE}"
METRICS = restoration.of("enhance").metrics


@pytest.fixture(scope="module")
def pairs(small_photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of which the dark half is noisy and at most an eighth as bright."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    for index, path in enumerate(sorted(small_photographs.iterdir())):
        bright = cv2.imread(str(path))
        dark = np.clip(bright / (8 + index) + rng.normal(0, 1, bright.shape), 0, 255)
        for side, picture in (("low", dark.astype(np.uint8)), ("high", bright)):
            (folder / side).mkdir(exist_ok=True)
            assert cv2.imwrite(str(folder / side / path.name), picture)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a finished fit leaves it; its network brightens, each place in its own way."""
    folder = tmp_path_factory.mktemp("runs") / "low_light"
    folder.mkdir()
    keras.utils.set_random_seed(4)
    model = keras_models.build(MODEL, SIZE)
    rng = np.random.default_rng(4)
    model.set_weights([w + rng.normal(0, 0.15, w.shape) for w in model.get_weights()])
    model.save(folder / "model.keras")
    config = {"model": MODEL, "size": SIZE, "steps": 10, "batch": 4, "patch": 32, "start_from": ""}
    record = {"config": config, "data": "sample", "val": None,
              "versions": {"keras": "3", "tensorflow": "2"}}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "history.csv").write_text("epoch,step,seconds,loss\n1,10,3600,1.5\n")
    return folder


@pytest.fixture(scope="module")
def model_files(run: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    out = tmp_path_factory.mktemp("models")
    arguments = ["tflite", str(run), "--recipes", "float32,int8"]
    assert main([*arguments, "--calibrate", f"pairs:{pairs}", "--out", str(out)]) == 0
    return sorted(out.iterdir())


def test_a_card_says_in_which_form_the_network_answers(
    model_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Weights of noise make much of what older kernels round in their own way.
    monkeypatch.setattr("export.check.selftest_elsewhere", lambda path: None)
    assert [path.name for path in model_files] == [f"{RUN}.float32.tflite", f"{RUN}.int8.tflite"]
    for path in model_files:
        card = package.read_card(path)
        assert (card.task.name, card.task.variant) == ("enhance", "shared_curves")
        assert card.task == keras_models.task(MODEL, SIZE)
        assert card.halo == 0 and "static" not in card.values
        findings = check(path)
        assert findings and all(finding.ok for finding in findings), findings
    calibration = package.read_card(model_files[1]).values["calibration"]
    assert calibration["photographs"] == 6 and calibration["source"].startswith("pairs:")


def test_a_file_does_what_its_run_does(
    run: Path, model_files: list[Path], pairs: Path, tmp_path: Path
) -> None:
    tables = []
    for index, target in enumerate([run, *model_files]):
        out = tmp_path / f"{index}.json"
        arguments = ["evaluate", str(target), "--data", f"pairs:{pairs}", "--json", str(out)]
        assert training_main([*arguments, "--html", str(out.with_suffix(".html"))]) == 0
        tables.append(json.loads(out.read_text()))
    for table in tables:
        assert (table["schema"], table["task"], table["images"]) == (1, "enhance", 6)
        assert "siting" not in table
        assert [row["name"] for row in table["rows"]] == [
            *restoration.of("enhance").task.baselines, RUN
        ]  # fmt: skip
    ours = [table["rows"][-1]["metrics"] for table in tables]
    assert set(METRICS) - set(ours[0]) <= {"flat_noise"}
    keras_, floats, integers = (one["rgb_psnr"]["mean"] for one in ours)
    assert floats == pytest.approx(keras_, abs=0.02) and integers == pytest.approx(keras_, abs=0.5)
    dark = tables[0]["rows"][0]["metrics"]["rgb_psnr"]["mean"]
    assert keras_ > dark + 0.2
    page = (tmp_path / "0.html").read_text().replace("<wbr>", "")
    assert "over classical" in page and "where classical errs most" in page
    assert "delta_e_2000" in page and "chroma" not in page.partition("<body>")[2]


def test_no_siting_where_there_is_no_chroma(
    run: Path, model_files: list[Path], pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", f"pairs:{pairs}", "--siting", "left"]
    assert training_main(["evaluate", str(run), *data]) == 2
    assert main(["compare", *map(str, model_files), *data]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all("--siting" in line for line in said)


def test_compare(model_files: list[Path], pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    arguments = ["compare", *map(str, model_files), "--data", f"pairs:{pairs}", "--seconds", "0.1"]
    assert main([*arguments, "--json", str(out), "--html", str(tmp_path / "c.html")]) == 0
    table = json.loads(out.read_text())
    assert table["task"] == "enhance" and table["images"] == 6 and "siting" not in table
    assert sorted(table["photographs"]) == sorted(p.name for p in (pairs / "high").iterdir())
    rows = {row["recipe"]: row for row in table["rows"] if row["kind"] == "model"}
    drops = np.subtract(*(rows[r]["values"]["rgb_psnr"] for r in ("float32", "int8")))
    assert rows["int8"]["drop"]["mean"] == pytest.approx(drops.mean(), abs=1e-4)
    assert "where" in (tmp_path / "c.html").read_text()


def test_low_light_of_photographs_does_not_depend_on_the_road(
    run: Path, model_files: list[Path], small_photographs: Path, tmp_path: Path
) -> None:
    """Made for each file's name: evaluated and compared pictures are the same."""
    data = ["--data", f"folder:{small_photographs}"]
    found: dict[str, Any] = {}
    for name, command in (
        ("evaluate", lambda *more: training_main(["evaluate", str(model_files[0]), *more])),
        (
            "compare",
            lambda *more: main(["compare", str(model_files[0]), "--seconds", "0.1", *more]),
        ),
    ):
        out = tmp_path / f"{name}.json"
        assert command(*data, "--json", str(out)) == 0
        rows = json.loads(out.read_text())["rows"]
        found[name] = {row["name"]: row["metrics"]["rgb_psnr"]["mean"] for row in rows}
    assert set(found["evaluate"]) == set(found["compare"])
    for name, value in found["evaluate"].items():
        assert found["compare"][name] == pytest.approx(value, abs=1e-4)


def test_files_of_two_tasks_are_not_compared(
    model_files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(model_files[0]), "chroma_residual-s.r1", "--data", "sample"]) == 2
    assert "several tasks cannot be compared: chroma, enhance" in capsys.readouterr().err


@pytest.mark.slow
def test_sensitivity(run: Path, pairs: Path, tmp_path: Path) -> None:
    page = tmp_path / "s.html"
    arguments = ["sensitivity", str(run), "--calibrate", f"pairs:{pairs}", "--html", str(page)]
    assert main([*arguments, "--json", str(tmp_path / "s.json")]) == 0
    found = json.loads((tmp_path / "s.json").read_text())
    assert 0 < abs(found["float_db"] - found["integer_db"]) < 3
    assert "RGB PSNR gained by keeping" in page.read_text()


@pytest.mark.slow
def test_ship(run: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((page, "PAGES"), (runs, "WEIGHTS"), (models_folder, "FOLDER")):
        monkeypatch.setattr(module, name, tmp_path / name)
    name, data = f"{RUN}.r1", f"pairs:{pairs}"
    arguments = ["preset", str(run), "--name", name, "--calibrate", f"{data}:train"]
    assert main([*arguments, "--evaluate", f"{data}:test", "--terms", "CC0"]) == 0
    made = {path.name for path in (tmp_path / "FOLDER").glob("*.tflite")}
    entries = models_index.read(tmp_path / "FOLDER").entries
    assert list(entries) == [f"{name}.{recipe}" for recipe in NAMES if recipe != "qat"]
    assert made == {f"{entry.stored_as}.tflite" for entry in entries.values()}
    # The whole graph maps onto an Edge TPU as it is, and a picture's size is no tile.
    assert entries[f"{name}.int8_edgetpu"].equals == "int8"
    assert sorted(p.name for p in (tmp_path / "PAGES").iterdir()) == [f"{name}.json", f"{name}.md"]
    table = json.loads((tmp_path / "PAGES" / f"{name}.json").read_text())
    assert table["images"] == 2 and "siting" not in table
    text_of = (tmp_path / "PAGES" / f"{name}.md").read_text()
    for text in ("CC0", "1.0 h", "GMAC at 600x400", "variant shared_curves", "over classical, dB",
                 "| classical |", "ΔE 2000", f"{name}.int8"):  # fmt: skip
        assert text in text_of
    assert not [word for word in ("chroma", "overlap", str(tmp_path)) if word in text_of]
    assert f"{name}.int8_edgetpu (equals int8) |" in text_of
    card = package.read_card(tmp_path / "FOLDER" / f"{name}.int8.tflite").values
    assert set(METRICS) - set(card["metrics"]) <= {"flat_noise"}
    assert list(models_folder.shipped("chroma")) == []
    assert f"{name}.int8" in models_folder.shipped("enhance")


def test_what_is_judged_of_the_light_is_in_floats() -> None:
    """Of pictures that are nearly black, means would be few steps of 8 bits; the body is integers.

    The file still takes integers and gives them.
    """
    task = keras_models.task("enhance_mirnet", "test")
    stated = keras_models.in_floats("enhance_mirnet")
    rng = np.random.default_rng(3)
    tiles = tuple(rng.integers(0, 40, (64, 64, 3)).astype(np.uint8) for _ in range(3))
    inputs = calibrate.of_pieces(restoration.of(task), tiles, {})
    network = convert.Network(
        keras_models.build("enhance_mirnet", "test"), task, stated, inputs, 64
    )
    made, facts = convert.convert(network, recipes.find("int8"))
    assert {"reduced", "light0", "light", "curves", "colours_shift"} <= set(facts["floats"])
    contents = graph.read(made)
    of_floats = {op.name for op in contents.details if op.outputs[0].dtype == "float32"}
    of_integers = [op for op in contents.details if op.outputs[0].dtype == "int8"]
    assert {"AVERAGE_POOL_2D", "MEAN"} <= of_floats
    assert {dtype for _, dtype, _ in contents.inputs} == {"int8"}
    assert sum(op.macs for op in of_integers) > 0.7 * contents.macs


def test_a_graph_that_keeps_its_size_says_so(tmp_path: Path) -> None:
    """A bilinear resize holds its size: the picture is brought to the graph's."""
    keras.utils.set_random_seed(1)
    task = keras_models.task("enhance_mirnet", "test")
    record = {"config": {"model": "enhance_mirnet", "size": "test"}, "data": "x", "versions": {}}
    path = tmp_path / "m.float32.tflite"
    network = convert.Network(keras_models.build("enhance_mirnet", "test"), task, ())
    card = {**files.base_card(record, None, None), "recipe": "float32", "tile": 96}
    files.write(path, convert.float_graph(network.plain, task, 96), card)
    assert package.read_card(path).values["static"] is True
    golden = package.read_golden(path)
    assert golden["input_picture"].shape == (32, 32, 6)
    assert golden["output_enhanced"].shape == (64, 64, 3)
    assert selftest(path).ok
    model = restorers.load(path)
    assert model.runner.fit(400, 600) == (96, 96)
    dark = np.full((50, 200, 3), 9, np.uint8)
    found = model.reconstruct(dark)
    assert found.shape == dark.shape and found.mean() > 12
    # A wrong graph is noticed, as in a file of any size.
    data = package.flatbuffer(path)
    wrong = {**golden, "output_enhanced": golden["output_enhanced"][::-1].copy()}
    path.write_bytes(package.join(data, package.read_card(path).values, wrong))
    assert not selftest(path).ok
