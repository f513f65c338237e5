"""Conversion and what is written: every recipe, self-describing, nothing overwritten."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import keras_models
from datasets import sources
from datasets.source import Source
from edge_demo.device.selftest import selftest
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.model import package
from edge_demo.model.interpreter import Graph
from edge_demo.tasks import chroma
from export import files, graph
from export.__main__ import main
from export.calibrate import of_pieces
from export.convert import Network, convert
from export.recipes import RECIPES, find
from keras_models import runs
from tests import mistakes

refused = functools.partial(mistakes.refused, "export")

NAME = "chroma_residual-test"


def test_every_recipe_is_a_sound_file(model_files: dict[str, Path]) -> None:
    assert set(model_files) == {recipe.name for recipe in RECIPES}
    for name, path in model_files.items():
        contents = graph.read(path.read_bytes())
        assert contents.custom == () and contents.dynamic == () and contents.subgraphs == 1, name
        card = package.read_card(path)
        assert package.intact(path, card) and selftest(path).ok, name
    assert not list(next(iter(model_files.values())).parent.glob("*.partial"))


def test_recipes_store_what_they_say(model_files: dict[str, Path]) -> None:
    networks = {name: package.flatbuffer(path) for name, path in model_files.items()}
    model = keras_models.build("chroma_residual", "test")
    floats = model.count_params() * 4
    assert len(networks["float32"]) > floats
    # Kernels at half their size, beside what does not shrink.
    assert len(networks["float16"]) < len(networks["float32"]) - 0.25 * floats
    assert len(networks["int8"]) < len(networks["float16"])


def test_recipes_compute_nearly_the_same(
    model_files: dict[str, Path], run_folder: Path, natural: NDArray[np.uint8]
) -> None:
    values = chroma.TASK.encode(chroma.degrade(natural))
    expected = runs.load_model(run_folder).predict_on_batch(values["planes"][None])[0]
    allowed = {"float32": 1e-4, "float16": 5e-3}
    for name, path in model_files.items():
        loaded = Graph(path)
        loaded.resize({"planes": (1, *values["planes"].shape)})
        error = np.abs(loaded.run(values)["correction"] - expected)
        assert error.max() < allowed.get(name, 0.15), name
        # As coarse as it says: this is not one file under several names. (The converter leaves
        # kernels as small as these in floats where a recipe is "dynamic".)
        coarse = {"float16": 1e-5} | dict.fromkeys(("int8", "qat", "int8_edgetpu"), 1e-3)
        assert error.max() > coarse.get(name, -1), name


def test_a_card_tells_where_a_model_comes_from(model_files: dict[str, Path]) -> None:
    for name, path in model_files.items():
        values = package.read_card(path).values
        assert (values["recipe"], values["model"], values["preset"]) == (name, NAME, None)
        recipe = find(name)
        assert (values["tile"], values["task"], values["contract"]) == (recipe.tile, "chroma", 1)
        assert values["halo"] == keras_models.get("chroma_residual").halo("test")
        assert values["training"]["data"] == "sample" and values["training"]["terms"]
        assert values["training"]["config"]["size"] == "test"
        assert ("calibration" in values) == recipe.calibrated
        integers = recipe.calibrated or recipe.trained
        ranges = {True: "trained", False: "least-error"}[recipe.trained] if integers else None
        assert values.get("ranges") == ranges
        assert values.get("most_loss_db") == recipe.most_loss
        assert values.get("static") == (True if recipe.edgetpu else None)
    assert package.read_card(model_files["int8"]).values["calibration"]["source"] == "sample"


def test_a_card_keeps_no_path_of_a_machine() -> None:
    config = {"model": "chroma_residual", "size": "test", "start_from": "/home/me/runs/first"}
    record = {"config": config, "versions": {}, "data": "folder:/home/me/photos/train"}
    card = files.base_card(record, "chroma_residual-test.r1", "CC0")
    assert card["training"]["data"] == "folder:photos/train"
    assert card["training"]["terms"] == "CC0" and card["preset"] == "chroma_residual-test.r1"
    assert "/home/me" not in json.dumps(card)


def test_the_golden_pair_is_the_graphs_own(model_files: dict[str, Path]) -> None:
    for name, path in model_files.items():
        golden = package.read_golden(path)
        assert set(golden) == {"input_planes", "output_correction"}
        assert golden["input_planes"].shape == (16, 16, 12)
        assert golden["output_correction"].std() > 0.05, name


def test_the_same_model_is_the_same_file(
    run_folder: Path, model_files: dict[str, Path], tmp_path: Path
) -> None:
    arguments = ["tflite", str(run_folder), "--recipes", "float32", "--out", str(tmp_path)]
    assert main(arguments) == 0
    written = tmp_path / f"{NAME}.float32.tflite"
    assert written.read_bytes() == model_files["float32"].read_bytes()


def test_a_calibrated_recipe_needs_calibration(lively: Callable[[str], Any]) -> None:
    network = Network(lively("chroma_residual"), chroma.TASK, (), None, 64)
    with pytest.raises(ValueError, match="need calibration"):
        convert(network, find("int8"))


def test_a_recipe_that_does_not_fit_the_run(
    run_folder: Path, qat_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for run, recipe, says in [
        (run_folder, "qat", "recipe qat needs a run of 'python -m training fit --qat RUN'"),
        (qat_folder, "float32", "recipe float32 is for a run of ordinary training"),
        (qat_folder, "int8,qat", "recipe int8 is for a run of ordinary training"),
    ]:
        command = ("tflite", run, "--recipes", recipe, "--calibrate", "sample", "--out", out)
        assert says in refused(capfd, *command)
        assert not out.exists()


def test_an_edge_tpu_export_is_refused_where_an_operation_does_not_map() -> None:
    planes = keras.Input((None, None, 12), name="planes")
    odd = keras.layers.Activation("hard_swish")(planes)
    model = keras.Model(planes, keras.layers.Conv2D(8, 1, name="correction")(odd))
    rng = np.random.default_rng(0)
    pieces = (rng.integers(0, 256, (64, 64, 3)).astype(np.uint8),)
    calibration = of_pieces(restoration.of("chroma"), pieces, {})
    network = Network(model, chroma.TASK, (), calibration, 64)
    with pytest.raises(UserError, match=r"int8_edgetpu: not ready.*HARD_SWISH"):
        convert(network, dataclasses.replace(find("int8_edgetpu"), tile=64))


def test_an_op_that_tflite_lacks_is_refused() -> None:
    """Instead of a file with Flex ops, which no device runs."""
    planes = keras.Input((None, None, 12), name="planes")
    odd = keras.ops.sinh(planes)
    model = keras.Model(planes, keras.layers.Conv2D(8, 1)(odd))
    with pytest.raises(UserError, match="Sinh"):
        convert(Network(model, chroma.TASK, ()), find("float32"))


def test_nothing_is_overwritten_unasked(
    run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / f"{NAME}.float16.tflite"
    mine.write_text("mine")
    command = ("tflite", run_folder, "--recipes", "float32,float16", "--out", tmp_path)
    assert "float16.tflite exists already" in refused(capfd, *command)
    # Checked before any work: the other file was not made either.
    assert [p.name for p in tmp_path.iterdir()] == [mine.name] and mine.read_text() == "mine"
    assert main([str(a) for a in (*command, "--overwrite")]) == 0
    said = capfd.readouterr().out
    assert said.count("wrote ") == 2 and "next: python -m export check " in said
    assert package.read_card(mine).values["recipe"] == "float16"


def test_another_backend_is_one_line(
    run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    command = ["tflite", run_folder, "--recipes", "float32", "--out", tmp_path / "out"]
    assert "exporting needs KERAS_BACKEND=tensorflow" in refused(capfd, *command)


def test_mistakes(run_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "run.json").write_text((run_folder / "run.json").read_text())
    out = tmp_path / "out"
    to = ("--out", out)
    for arguments, says in [
        ((), "required: command"),
        (("tflite", run_folder), "required: --out"),
        (("tflite", run_folder, *to), "recipe int8, mixed, int8_edgetpu needs --calibrate SOURCE"),
        (("tflite", run_folder, *to, "--calibrate", "sample", "--ranges", "best"),
         "invalid choice"),
        (("compare", "nothing", "--data", "sample"), "no such preset or model file"),
        (("sensitivity", run_folder), "needs --calibrate SOURCE"),
        (("tflite", run_folder, *to, "--recipes", "int7"), "did you mean 'int8'"),
        (("tflite", run_folder, *to, "--recipes", ""), "no recipe named"),
        (("tflite", tmp_path, *to, "--recipes", "float32"), "no such run"),
        (("tflite", unfinished, *to, "--recipes", "float32"), "is not finished"),
        (("tflite", run_folder, *to, "--calibrate", "smaple"), "did you mean 'sample'"),
        (("tflite", run_folder, "--out", run_folder / "run.json", "--recipes", "float32"),
         "cannot write to"),
        (("check",), "required: FILE"),
        (("check", tmp_path / "none.tflite"), "no such model file"),
        (("check", run_folder / "run.json"), "not a TFLite file"),
    ]:  # fmt: skip
        assert says in refused(capfd, *arguments)
        assert not out.exists()


def test_the_sample_calibrates_with_its_training_half(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the model is evaluated on must not choose its ranges."""
    seen = []
    opened = sources.open_source

    def watched(text: str, split: str = "test") -> Source:
        seen.append((text, split))
        raise UserError("enough")

    monkeypatch.setattr(sources, "open_source", watched)
    arguments = ["tflite", str(run_folder), "--calibrate", "sample", "--out", str(tmp_path)]
    assert main(arguments) == 2 and seen == [("sample", "train")]
    assert opened("sample", "train") != opened("sample", "test")
