"""Shipping a run: everything is written once, measured, and told apart by its name."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from edge_demo.colour.siting import SITINGS
from edge_demo.errors import UserError
from edge_demo.model import models_folder, models_index, package
from export import page, preset
from export.__main__ import main
from export.recipes import NAMES
from keras_models import runs

NAME = "chroma_residual-test.r1"


@pytest.fixture
def run(tmp_path: Path, run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run to ship, and shops of our own to ship it to."""
    monkeypatch.setattr(page, "PAGES", tmp_path / "pages")
    monkeypatch.setattr(runs, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(models_folder, "FOLDER", tmp_path / "models")
    return complete(run_folder, tmp_path / "run", seconds=7200)


@pytest.fixture
def qat(run: Path, qat_folder: Path, tmp_path: Path) -> Path:
    """Its quantisation-aware continuation."""
    return complete(qat_folder, tmp_path / "qat", seconds=1800, qat=str(run))


def complete(folder: Path, out: Path, seconds: float, **config: str) -> Path:
    """A copy of a run's folder with all that a fit would have written."""
    shutil.copytree(folder, out)
    record = json.loads((out / "run.json").read_text())
    record["config"] |= {"steps": 10, "batch": 4, "patch": 32, **config}
    record["versions"]["tensorflow"] = "2"
    (out / "run.json").write_text(json.dumps(record))
    (out / "history.csv").write_text(f"epoch,step,seconds,loss\n1,10,{seconds},1.5\n")
    return out


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_ship(
    run: Path,
    qat: Path,
    small_photographs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = files(tmp_path)
    arguments = ["preset", str(run), "--qat", str(qat), "--name", NAME, "--calibrate", "sample",
                 "--evaluate", f"folder:{small_photographs}", "--terms", "CC0"]  # fmt: skip
    assert main(arguments) == 0
    wrote = {line[6:] for line in capsys.readouterr().out.splitlines() if line.startswith("wrote ")}
    made = files(tmp_path) - before
    assert wrote == {os.path.relpath(tmp_path / name) for name in made}
    entries = models_index.read(tmp_path / "models").entries
    assert list(entries) == [f"{NAME}.{recipe}" for recipe in NAMES]
    assert {f"models/{entry.stored_as}.tflite" for entry in entries.values()} <= made
    assert f"weights/{NAME}.weights.h5" in made and f"pages/{NAME}.md" in made
    page = (tmp_path / "pages" / f"{NAME}.md").read_text()
    assert {f"weights/{NAME}-qat.keras", f"weights/{NAME}.json"} <= made
    for text in ("CC0", "2.0 h", "0.5 h", "0.6 kMAC", "lanczos4_bp", f"{NAME}.int8"):
        assert text in page
    assert str(tmp_path) not in page
    for siting in SITINGS:
        table = json.loads((tmp_path / "pages" / f"{NAME}.{siting}.json").read_text())
        assert (table["schema"], table["siting"], table["images"]) == (1, siting, 6)
        assert [r.get("recipe") for r in table["rows"]] == [None] * 4 + list(NAMES)
        assert {r["name"] for r in table["rows"] if r["kind"] == "model"} == {NAME}
        for row in table["rows"][4:]:
            entry = entries[f"{NAME}.{row['recipe']}"]
            assert row.get("equals", "") == entry.equals
            path = tmp_path / "models" / f"{entry.stored_as}.tflite"
            assert row["bytes"] == path.stat().st_size == entry.bytes
    _files_are_listed(tmp_path, capsys)
    _a_preset_is_a_run(tmp_path)
    _files_are_made_again(tmp_path, capsys)
    # The same again is refused before any work, and the next number is not.
    written = {name: (tmp_path / name).read_bytes() for name in made}
    # Measured anew where nothing has changed, nothing is another.
    capsys.readouterr()
    assert main(["preset", NAME, "--evaluate", f"folder:{small_photographs}"]) == 0
    assert {name: (tmp_path / name).read_bytes() for name in made} == written
    assert f"wrote {os.path.relpath(tmp_path / 'pages' / f'{NAME}.md')}" in capsys.readouterr().out
    assert main(["preset", NAME, "--evaluate", "sample", "--overwrite"]) == 2
    assert "measures a preset anew, and takes nothing else" in capsys.readouterr().err
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_bytes() for name in made} == written
    # So is leaving the quantisation-aware files behind, of other weights than the rest.
    alone = [word for word in arguments if word not in ("--qat", str(qat))]
    assert main([*alone, "--overwrite"]) == 2
    assert "name the one to ship with --qat" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_bytes() for name in made} == written


def _files_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edge_demo.__main__ import main as device_main
    from export.check import check

    table = json.loads((tmp_path / "pages" / f"{NAME}.center.json").read_text())
    assert device_main(["models", "--all"]) == 0
    listed = capsys.readouterr().out
    for row in table["rows"][4:]:
        (line,) = (one for one in listed.splitlines() if one.startswith(f"{NAME}.{row['recipe']} "))
        assert f"{row['metrics']['chroma_psnr']['mean']:.2f} dB on folder:" in line
        if "equals" in row:
            assert f"equals {row['equals']}" in line
            continue
        path = tmp_path / "models" / f"{NAME}.{row['recipe']}.tflite"
        assert all(finding.ok for finding in check(path))
        measured = package.read_card(path).values["metrics"]["chroma_psnr"]
        assert measured["mean"] == row["metrics"]["chroma_psnr"]["mean"]


def _files_are_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From what is stored with the preset, byte for byte, where they are not there."""
    models, out = tmp_path / "models", tmp_path / "again"
    files = sorted(models.glob("*.tflite"))
    assert main(["preset", NAME, "--out", str(out)]) == 0
    assert f"wrote {os.path.relpath(out / files[0].name)}" in capsys.readouterr().out
    for path in files:
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    gone = models / f"{NAME}.int8_edgetpu.tflite"
    held = gone.read_bytes()
    gone.unlink()
    assert main(["preset", NAME, "--recipes", "int8,int8_edgetpu"]) == 0
    said = capsys.readouterr().out
    assert f"kept {os.path.relpath(models / NAME)}.int8.tflite" in said
    assert f"wrote {os.path.relpath(gone)}" in said and gone.read_bytes() == held


def _a_preset_is_a_run(tmp_path: Path) -> None:
    """Its weights load, and its files can be made again, from its name alone."""
    assert runs.presets() == (NAME, f"{NAME}-qat")
    out = tmp_path / "tflite"
    for name, recipe in ((NAME, "float32"), (f"{NAME}-qat", "qat")):
        assert main(["tflite", name, "--recipes", recipe, "--out", str(out)]) == 0
        again = package.flatbuffer(out / f"chroma_residual-test.{recipe}.tflite")
        assert again == package.flatbuffer(tmp_path / "models" / f"{NAME}.{recipe}.tflite")
    told = package.read_card(tmp_path / "models" / f"{NAME}.qat.tflite").values["training"]
    assert [stage["hours"] for stage in told["stages"]] == [2.0, 0.5]


def test_another_networks_quantisation_aware_run(run: Path, qat: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did not start from"):
        preset.ship(run, run, NAME, "sample", "sample", "CC0", False)
    with pytest.raises(UserError, match="is quantisation-aware; name the run it started from"):
        preset.ship(qat, None, NAME, "sample", "sample", "CC0", False)


@pytest.mark.parametrize(
    "name", ["mine", "chroma_residual-s.r1", "chroma_residual-test", "chroma_residual-test.r0",
             "chroma_residual-test.r1x", "../chroma_residual-test.r1"],
)  # fmt: skip
def test_a_name_that_does_not_fit(run: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"named chroma_residual-test\.r1"):
        preset.ship(run, None, name, "sample", "sample", "CC0", False)


def test_calibration_and_evaluation_are_disjoint(run: Path, small_photographs: Path) -> None:
    folder = f"folder:{small_photographs}"
    with pytest.raises(UserError, match="share photographs"):
        preset.ship(run, None, NAME, folder, folder, "CC0", False)
    assert not models_folder.FOLDER.exists()
