"""Sweeps over settings, and the list of runs."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_demo.errors import UserError
from training import config, listing
from training.__main__ import main
from training.sweep import combinations, folder_name, sweep

SETTINGS = ("batch=8", "steps=40", "batch=16", "loss=charbonnier", "loss=log_error")


def test_every_combination_once() -> None:
    assert combinations(SETTINGS) == [
        ("batch=8", "steps=40", "loss=charbonnier"),
        ("batch=8", "steps=40", "loss=log_error"),
        ("batch=16", "steps=40", "loss=charbonnier"),
        ("batch=16", "steps=40", "loss=log_error"),
    ]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["batch=8", "steps=40"], "nothing to sweep"),
        (["batch=8", "batch=8"], "given twice"),
        (["batch=8", "batch=many"], "type int"),
        (["batch=8", "batch=16", "colour=blue"], "unknown key 'colour'"),
        (["sitings={'left': 1.0}", "sitings={'left' : 1.0}"], "share a folder"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_the_first_fit(
    tmp_path: Path, settings: list[str], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        sweep("chroma_residual", "sample", None, tmp_path, settings, lambda _: pytest.fail("fit"))


def test_a_folder_is_named_after_what_varies() -> None:
    (first, *_) = combinations(SETTINGS)
    assert folder_name(first, ["batch", "loss"]) == "batch=8+loss=charbonnier"
    assert folder_name(["sitings={'left': 0.5, 'center': 1}"], ["sitings"]).isprintable()
    assert "/" not in folder_name(["start_from=runs/a"], ["start_from"])


def test_a_failed_fit_is_named_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Sequence[str]] = []

    def run(arguments: Sequence[str]) -> int:
        asked.append(arguments)
        return 2 if "batch=16" in arguments else 0

    failed = sweep("chroma_residual", "sample", "sample", tmp_path, ["batch=16", "batch=8"], run)
    assert failed == ["batch=16"]
    assert [a[a.index("--out") + 1] for a in asked] == [
        str(tmp_path / name) for name in ("batch=16", "batch=8")
    ]
    assert all(a[a.index("--val") + 1] == "sample" for a in asked)
    assert "failed with exit code 2" in capsys.readouterr().err


def test_ctrl_c_in_a_fit_stops_the_sweep(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []
    with pytest.raises(KeyboardInterrupt):
        sweep("chroma_residual", "sample", None, tmp_path, ["batch=8", "batch=16"],
              lambda arguments: asked.append(arguments) or 130)  # fmt: skip
    assert len(asked) == 1


def a_run(folder: Path, rows: list[dict[str, float]], **changes: Any) -> Path:
    chosen = config.override(
        config.load("chroma_residual"), [f"{k}={v}" for k, v in changes.items()]
    )
    folder.mkdir(parents=True)
    record = {"config": config.as_read(chosen), "data": "sample", "val": None}
    (folder / "run.json").write_text(json.dumps(record))
    if rows:
        with (folder / "history.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def row(epoch: int, **values: float) -> dict[str, float]:
    return {"epoch": epoch, "step": epoch * 10, "seconds": epoch * 60.0, **values}


def test_runs_are_listed_with_their_differences_and_their_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(1, val_loss=3.0, val_psnr=40.5), row(2, val_loss=2.0, val_psnr=40.25)]
    done = a_run(tmp_path / "a", rows, steps=20, epoch_steps=10, batch=4)
    (done / "model.keras").touch()
    a_run(tmp_path / "deep" / "b", [row(1, val_loss=2.0)], steps=20, epoch_steps=10)
    a_run(tmp_path / "c", [])
    assert main(["runs", str(tmp_path), "--json", str(tmp_path / "runs.json")]) == 0
    first, second, third = json.loads((tmp_path / "runs.json").read_text())["runs"]
    assert (first["folder"], first["finished"]) == (str(tmp_path / "a"), True)
    assert first["differs"] == {"steps": 20, "epoch_steps": 10, "batch": 4}
    assert (first["metric"], first["best"], first["epoch"]) == ("val_psnr", 40.5, 1)
    assert (second["best"], second["differs"], second["done"]) == (None, {}, 0)
    assert (third["metric"], third["best"], third["done"], third["epochs"]) == (
        "val_loss", 2.0, 1, 2,
    )  # fmt: skip
    printed = capsys.readouterr().out.splitlines()
    assert "finished" in printed[1] and "val_psnr 40.50" in printed[1] and "batch=4" in printed[1]
    assert "1 of 2 epochs" in printed[3] and "1 min 00 s" in printed[3]
    # Nothing is overwritten unasked.
    assert main(["runs", str(tmp_path), "--json", str(tmp_path / "runs.json")]) == 2


def test_a_damaged_run_is_named_and_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_run(tmp_path / "a", [])
    (a_run(tmp_path / "b", []) / "run.json").write_text("{")
    (a_run(tmp_path / "c", []) / "history.csv").write_text("epoch,val_loss\n1,much\n")
    assert [run.folder.name for run in listing.find(tmp_path)] == ["a"]
    told = capsys.readouterr().err
    assert str(tmp_path / "b") in told and str(tmp_path / "c" / "history.csv") in told


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_runs_is_a_mistake(tmp_path: Path, exists: bool) -> None:
    assert main(["runs", str(tmp_path if exists else tmp_path / "none")]) == 2
