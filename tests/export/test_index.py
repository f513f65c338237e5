"""The index is written from the files, and says which of them git keeps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge_demo.errors import UserError
from edge_demo.model import models_folder, models_index, package
from export import index
from export.__main__ import main
from keras_models import runs

PRESET = "chroma_residual-xs.r2"


def test_it_is_up_to_date(tmp_path: Path) -> None:
    """``python -m export index`` would change nothing."""
    for path in models_folder.FOLDER.iterdir():
        shutil.copy(path, tmp_path)
    assert index.refresh(tmp_path) == [tmp_path / "index.json", tmp_path / ".gitignore"]
    for name in ("index.json", ".gitignore"):
        assert (tmp_path / name).read_text() == (models_folder.FOLDER / name).read_text()


@pytest.fixture
def folder(tmp_path: Path, model_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of a preset, measured, of which two have the same graph."""
    for place, recipe in enumerate(("float32", "float16", "int8")):
        write(tmp_path, model_files[recipe], recipe, 48.0 - place / 10)
    write(tmp_path, model_files["int8"], "mixed", 47.8)
    monkeypatch.setattr(models_folder, "FOLDER", tmp_path)
    monkeypatch.setattr(runs, "presets", lambda: ("net-s.r1", "net-s.r1-qat"))
    return tmp_path


def write(folder: Path, source: Path, recipe: str, psnr: float) -> None:
    card = {**package.read_card(source).values, "preset": "net-s.r1", "recipe": recipe}
    card["metrics"] = {"chroma_psnr": {"mean": psnr, "data": "folder:a/b"}}
    data = package.join(package.flatbuffer(source), card, package.read_golden(source))
    (folder / f"net-s.r1.{recipe}.tflite").write_bytes(data)


def test_writing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "--base-url", "https://example.org/files"]) == 0
    assert "wrote" in capsys.readouterr().out
    found = models_index.read(folder)
    assert found.base_url == "https://example.org/files"
    assert [(entry.recipe, entry.equals, entry.in_git) for entry in found.entries.values()] == [
        ("float32", "", False), ("float16", "", False), ("int8", "", True),
        ("mixed", "int8", False),
    ]  # fmt: skip
    assert found.entries["net-s.r1.float16"].figures == {"chroma_psnr": 47.9}
    assert (folder / ".gitignore").read_text().endswith("*.part\n!net-s.r1.int8.tflite\n")
    # What is not here any more is listed still, a preset without weights is not.
    for path in folder.glob("*.tflite"):
        path.unlink()
    before = (folder / "index.json").read_text()
    index.refresh(folder)
    assert (folder / "index.json").read_text() == before
    runs.presets = lambda: ()  # type: ignore[assignment]
    index.refresh(folder)
    assert models_index.read(folder).entries == {}


def test_a_file_that_was_made_here_changes_nothing(
    folder: Path, model_files: dict[str, Path]
) -> None:
    index.refresh(folder)
    before = models_index.read(folder).entries
    for recipe, psnr in (("float32", 47.0), ("int8", 46.9)):  # for what differs in these files
        write(folder, model_files[recipe], recipe, psnr)
    index.refresh(folder)
    after = models_index.read(folder).entries
    assert after["net-s.r1.float32"] == before["net-s.r1.float32"]
    # What is in git is what there is.
    assert after["net-s.r1.int8"].figures == {"chroma_psnr": 46.9}


def test_a_preset_is_replaced_whole(folder: Path, model_files: dict[str, Path]) -> None:
    index.refresh(folder)
    write(folder, model_files["dynamic"], "int8", 47.75)
    files = [folder / f"net-s.r1.{recipe}.tflite" for recipe in ("float32", "int8")]
    index.replace(folder, files, {"mixed": "int8"})
    entries = models_index.read(folder).entries
    assert [entry.recipe for entry in entries.values()] == ["float32", "int8", "mixed"]
    assert entries["net-s.r1.mixed"].figures == {"chroma_psnr": 47.75}


def test_what_it_cannot_do_without(folder: Path) -> None:
    (folder / "net-s.r1.float32.tflite").unlink()
    with pytest.raises(UserError, match="float32 and qat or int8 have to be there"):
        index.refresh(folder)
    assert not (folder / "index.json").exists()
    (folder / "index.json").write_text(json.dumps({"presets": 1}))
    with pytest.raises(UserError, match=r"index\.json is damaged"):
        index.refresh(folder)


@pytest.mark.parametrize(
    ("figures", "stored", "kept"),
    [
        ({"float32": 48.0, "int8": 47.71}, "float32 float16 int8", "int8"),
        ({"float32": 48.0, "int8": 47.0, "qat": 47.9}, "float32 int8 qat", "qat"),
        ({"float32": 48.0, "int8": 47.6, "mixed": 47.9, "float16": 48.0},
         "float32 float16 int8 mixed", "int8 mixed"),
        ({"float32": 48.0, "int8": 47.6, "mixed": 47.6, "float16": 48.0},
         "float32 float16 int8", "int8 float16"),
        ({"float32": 48.0, "int8": 47.6, "mixed": 47.65, "float16": 48.0},
         "float32 float16 int8 mixed", "int8 float16"),
        ({"float32": 48.0, "int8": 47.6}, "float32 int8", "int8"),
    ],
)  # fmt: skip
def test_what_git_keeps(figures: dict[str, float], stored: str, kept: str) -> None:
    assert index.in_git(figures, stored.split()) == set(kept.split())
