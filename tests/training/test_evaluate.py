"""Evaluation: the same figures for a run and its file, in a table of one known shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import sources
from edge_demo.colour.siting import BASELINES, SITINGS
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.tasks import chroma
from export.__main__ import main as export_main
from training.__main__ import main
from training.evaluate import evaluate, load

CHROMA = restoration.of("chroma")
METRICS = {"chroma_psnr", "chroma_ssim", "rgb_psnr", "rgb_ssim", "chroma_sharpness"}


@pytest.fixture(scope="module")
def data(small_photographs: Path) -> str:
    return f"folder:{small_photographs}"


@pytest.fixture(scope="module")
def table(learned: Path, data: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command writes for a run."""
    out = tmp_path_factory.mktemp("evaluation") / "deep" / "table.json"
    arguments = ["evaluate", str(learned), "--data", data, "--json", str(out)]
    assert main([*arguments, "--html", str(out.with_suffix(".html"))]) == 0
    page = out.with_suffix(".html").read_text().replace("<wbr>", "")
    assert page.lower().startswith("<!doctype html>")
    assert "chroma_residual-test.keras" in page and "motorcycle_left.png" in page
    return json.loads(out.read_text())


def test_schema(table: dict[str, Any], learned: Path, data: str) -> None:
    assert set(table) == {"schema", "task", "images", "data", "siting", "rows"}
    assert (table["schema"], table["task"], table["images"]) == (1, "chroma", 6)
    assert (table["data"], table["siting"]) == (data, "center")
    names = [(row["name"], row["kind"], row["status"]) for row in table["rows"]]
    assert names == [
        *((name, "baseline", "ok") for name in BASELINES),
        ("chroma_residual-test", "model", "ok"),
    ]
    *baselines, ours = table["rows"]
    assert all(set(row) == {"name", "kind", "metrics", "status"} for row in baselines)
    assert set(ours) == {"name", "kind", "recipe", "metrics", "bytes", "status"}
    assert ours["recipe"] == "keras"
    assert ours["bytes"] == (learned / "model.keras").stat().st_size
    for row in table["rows"]:
        assert set(row["metrics"]) == METRICS
        for value in row["metrics"].values():
            assert set(value) == {"mean", "min", "max"}
            assert value["min"] <= value["mean"] <= value["max"]


def test_a_run_and_its_file_agree(
    table: dict[str, Any], learned: Path, data: str, tmp_path: Path
) -> None:
    out = tmp_path / "tflite"
    arguments = ["tflite", str(learned), "--recipes", "float32", "--out", str(out)]
    assert export_main(arguments) == 0
    file = out / "chroma_residual-test.float32.tflite"
    again, names, values = evaluate(load(file), sources.open_source(data), "center")
    assert names == sorted(names) and len(names) == 6
    assert again["rows"][:-1] == table["rows"][:-1]
    ours, theirs = again["rows"][-1], table["rows"][-1]
    assert (ours["name"], ours["recipe"]) == (theirs["name"], "float32")
    assert ours["bytes"] == file.stat().st_size
    for metric, allowed in (("chroma_psnr", 0.02), ("rgb_psnr", 0.02), ("chroma_ssim", 1e-4)):
        for key in ("mean", "min", "max"):
            assert ours["metrics"][metric][key] == pytest.approx(
                theirs["metrics"][metric][key], abs=allowed
            )
    # Not because both do nothing: the network differs from bilinear by more than that.
    bilinear = next(row for row in table["rows"] if row["name"] == "bilinear")
    gap = theirs["metrics"]["chroma_psnr"]["mean"] - bilinear["metrics"]["chroma_psnr"]["mean"]
    assert abs(gap) > 0.04
    each = values["chroma_residual-test.float32"]["chroma_psnr"]
    assert ours["metrics"]["chroma_psnr"]["mean"] == pytest.approx(np.mean(each), abs=1e-5)
    assert ours["metrics"]["chroma_psnr"]["min"] == pytest.approx(min(each), abs=1e-5)


def test_siting_is_that_of_the_chroma_made(run_folder: Path, one_photograph: Path) -> None:
    """The network is told of it, as the baselines are."""
    source = sources.open_source(f"folder:{one_photograph}")
    ((_, rgb),) = sources.photographs(source)
    target = load(run_folder)
    found = {}
    for siting in SITINGS:
        table, _, values = evaluate(target, source, siting)
        assert table["siting"] == siting
        planes = chroma.degrade(rgb, siting)
        expected = CHROMA.measure(rgb, planes, target.restorer.reconstruct(planes))
        ours = values["chroma_residual-test.keras"]
        assert {metric: value for metric, (value,) in ours.items()} == expected
        bilinear = CHROMA.measure(rgb, planes, CHROMA.baselines()["bilinear"](planes))
        assert values["bilinear"]["chroma_psnr"] == [bilinear["chroma_psnr"]]
        found[siting] = expected["chroma_psnr"]
    assert len(set(found.values())) == len(SITINGS)


def test_the_photograph_it_overfitted_gains(learned: Path, one_photograph: Path) -> None:
    source = sources.open_source(f"folder:{one_photograph}")
    found, names, _ = evaluate(load(learned), source, "center")
    means = {row["name"]: row["metrics"]["chroma_psnr"]["mean"] for row in found["rows"]}
    assert names == ["photo.png"]
    assert means["chroma_residual-test"] > means["bilinear"] + 1.5
    assert means["bilinear"] < means["bicubic"] < means["lanczos4_bp"]


def test_the_command_says_what_it_found(
    run_folder: Path, one_photograph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run_folder), "--data", f"folder:{one_photograph}"]) == 0
    said = capsys.readouterr().out
    for metric in METRICS:
        assert metric in said
    for name in (*BASELINES, "chroma_residual-test.keras"):
        assert name in said
    assert " dB chroma_psnr over bilinear" in said
    assert f"next: python -m export tflite {run_folder}" in said


def test_json_and_html_are_not_overwritten_unasked(
    run_folder: Path, one_photograph: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(run_folder), "--data", f"folder:{one_photograph}"]
    for option in ("--json", "--html"):
        path = tmp_path / f"mine{option[2:]}"
        path.write_text("mine")
        assert main([*command, option, str(path)]) == 2
        said = capfd.readouterr()
        assert said.out == "" and "exists already" in said.err and said.err.count("\n") == 1
        assert path.read_text() == "mine"
    assert main([*command, "--json", str(tmp_path / "minejson"), "--overwrite"]) == 0
    assert json.loads((tmp_path / "minejson").read_text())["schema"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["minehtml", "minejson"]


def test_what_cannot_be_evaluated(tmp_path: Path, run_folder: Path) -> None:
    for target, says in [
        (tmp_path, "no such run"),
        (tmp_path / "none", "no such run"),
        (tmp_path / "none.tflite", "no such model file"),
        (run_folder / "run.json", "carries no card"),
    ]:
        with pytest.raises(UserError, match=says):
            load(target)
    (tmp_path / "run.json").write_text((run_folder / "run.json").read_text())
    with pytest.raises(UserError, match="is not finished"):
        load(tmp_path)


def test_a_preset_is_a_run_by_its_name() -> None:
    found = load(Path("chroma_residual-s.r1"))
    assert (found.name, found.recipe) == ("chroma_residual-s.r1", "keras")
    assert found.size_bytes > 100_000
