"""``python -m training``: what it says, and one line for each mistake."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

import keras_models
import training.fit
from tests import mistakes
from training.__main__ import main

refused = functools.partial(mistakes.refused, "training")


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    for name in keras_models.names():
        assert f"{name}: " in said
        assert f"sizes {', '.join(keras_models.get(name).SIZES)}" in said
    assert said.splitlines()[-1].startswith("next: python -m training fit")


def test_mistakes(
    tmp_path: Path, run_folder: Path, one_photograph: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, data = tmp_path / "run", f"folder:{one_photograph}"
    empty = tmp_path / "empty"
    empty.mkdir()
    fit = ("fit", "chroma_residual", "--data", data, "--out", out)
    evaluate = ("evaluate", run_folder, "--data", data)
    for arguments, says in [
        ((), "required: command"),
        (("train",), "invalid choice: 'train'"),
        (fit[:4], "required: --out"),
        (("fit", "chroma_residul", *fit[2:]), "did you mean chroma_residual"),
        ((*fit, "--set", "stepps=3"), "unknown key 'stepps'; did you mean 'steps'"),
        ((*fit, "--set", "steps=soon"), "a value of type int is needed"),
        ((*fit[:3], "folder:/no/such", *fit[4:]), "no folder '/no/such'"),
        ((*fit[:3], f"folder:{empty}", *fit[4:]), "no pictures in"),
        ((*fit[:3], "smaple", *fit[4:]), "did you mean 'sample'"),
        ((*fit, "--val", data), "are in --data too"),
        ((*fit, "--strategy", "mirorred"), "known are none, mirrored, multiworker"),
        ((*fit, "--strategy", "multiworker"), "needs TF_CONFIG, such as"),
        ((*fit[:4], "--out", run_folder / "run.json"), "run.json"),
        (("evaluate", out, "--data", data), "no such run"),
        (("evaluate", run_folder, "--data", "web:x"), "unknown data source"),
        ((*evaluate, "--siting", "middle"), "invalid choice: 'middle'"),
        ((*evaluate, "--json", empty), "exists already"),
        (("evaluate", run_folder), "required: --data"),
    ]:
        assert says in refused(capfd, *arguments)
        assert not out.exists() and not list(empty.iterdir())


def test_an_output_that_cannot_be_written(
    run_folder: Path, one_photograph: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    target = tmp_path / "file" / "table.json"
    data = f"folder:{one_photograph}"
    assert main(["evaluate", str(run_folder), "--data", data, "--json", str(target)]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1 and "cannot write" in lines[0] and "table.json" in lines[0]


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training.fit, "fit", interrupted)
    arguments = ["fit", "chroma_residual", "--data", "sample", "--out", str(tmp_path / "run")]
    assert main(arguments) == 130
    assert f"the same command resumes {tmp_path / 'run'}" in capfd.readouterr().err


def test_fit_hands_on_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def recorded(*arguments: object) -> Path:
        seen.extend(arguments)
        return tmp_path / "run" / "model.keras"

    monkeypatch.setattr(training.fit, "fit", recorded)
    monkeypatch.setattr("sys.argv", ["training", "fit", "a b"])
    out = str(tmp_path / "run")
    arguments = ["fit", "chroma_residual", "--data", "sample", "--val", "folder:x", "--out", out,
                 "--set", "steps=7", "--set", "size=test"]  # fmt: skip
    assert main(arguments) == 0
    config, data, val, folder, command, strategy = seen
    assert (config.model, config.steps, config.size) == ("chroma_residual", 7, "test")
    assert (data, val, folder) == ("sample", "folder:x", tmp_path / "run")
    assert command == "python -m training fit 'a b'"
    assert (strategy.name, strategy.replicas) == ("none", 1)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"wrote {tmp_path}/run/model.keras"
    assert said[1] == f"next: python -m training evaluate {out} --data folder:x"
