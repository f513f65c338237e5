"""The index says what there is, and is right about every file that comes with the repository."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from edge_demo.__main__ import main
from edge_demo.errors import UserError
from edge_demo.model import models_folder, models_index, package
from edge_demo.web.catalog import Catalog

FOLDER = models_folder.FOLDER
INDEX = models_index.read(FOLDER)
HERE = [name for name in models_folder.shipped() if name in INDEX.entries]


def test_it_lists_every_preset_with_float32_and_what_a_device_runs() -> None:
    assert len(INDEX.entries) > 40
    for preset in {entry.preset for entry in INDEX.entries.values()}:
        recipes = [one.recipe for one in INDEX.entries.values() if one.preset == preset]
        assert "float32" in recipes and {"qat", "int8"} & set(recipes)
        usual = next(r for r in models_folder.DEFAULT_RECIPES if r in recipes)
        assert INDEX.entries[f"{preset}.{usual}"].in_git


@pytest.mark.parametrize("name", HERE)
def test_a_file_is_what_the_index_says(name: str) -> None:
    entry, path = INDEX.entries[name], FOLDER / f"{name}.tflite"
    data, card = path.read_bytes(), package.read_card(path)
    assert entry.bytes == len(data)
    assert entry.network == card.values["weights_sha256"]
    assert (entry.task, entry.variant) == (card.task.name, card.task.variant)
    assert entry.figures == {key: v["mean"] for key, v in card.values["metrics"].items()}
    assert not entry.equals  # that would be the same graph twice
    if entry.in_git:  # what was made again may have its golden pair from another processor
        assert entry.sha256 == hashlib.sha256(data).hexdigest()


def test_git_has_the_files_that_the_index_says() -> None:
    kept = {f"{name}.tflite" for name, entry in INDEX.entries.items() if entry.in_git}
    assert kept <= {path.name for path in FOLDER.iterdir()}
    ignored = (FOLDER / ".gitignore").read_text().splitlines()
    assert ignored[1:3] == ["*.tflite", "*.part"]
    assert {line.removeprefix("!") for line in ignored[3:]} == kept
    found = subprocess.run(["git", "ls-files", "."], cwd=FOLDER, capture_output=True, text=True)
    if found.returncode == 0 and found.stdout:  # a copy of the folder is no repository
        assert {name for name in found.stdout.splitlines() if name.endswith(".tflite")} == kept


def test_no_graph_is_stored_twice() -> None:
    stored = [entry for entry in INDEX.entries.values() if not entry.equals]
    assert len({entry.network for entry in stored}) == len(stored)
    for entry in INDEX.entries.values():
        if entry.equals:
            other = INDEX.entries[f"{entry.preset}.{entry.equals}"]
            assert not other.equals and entry.network == other.network
            assert models_folder.find(entry.name) == models_folder.find(other.name)


def test_defaults() -> None:
    """Whatever is fetched or made, commands take a file of git when nobody chooses."""

    def usual(preset: str) -> str:
        names = (f"{preset}.{recipe}" for recipe in models_folder.DEFAULT_RECIPES)
        return next(name for name in names if name in INDEX.entries)

    assert models_folder.find(None).name == f"{usual(models_folder.DEFAULT_PRESET)}.tflite"
    pictures, videos = (
        usual(preset) for preset in (models_folder.PICTURES_PRESET, models_folder.VIDEOS_PRESET)
    )
    assert models_folder.for_pictures().name == f"{pictures}.tflite"
    assert models_folder.for_videos().name == f"{videos}.tflite"
    wanted = {task: usual(preset) for task, preset in models_folder.DEFAULTS.items()}
    assert Catalog().defaults == wanted
    assert all(INDEX.entries[name].in_git for name in wanted.values())


def write(folder: Path, **changes: object) -> None:
    """An index of one preset with a recipe in git, one that is not, and one that equals another."""
    file = {"bytes": 2048, "sha256": "0" * 64, "network": "1" * 64,
            "figures": {"chroma_psnr": 47.125}, "in_git": False}  # fmt: skip
    recipes = {"float32": file, "mixed": {"equals": "int8"}, "int8": {**file, "network": "2" * 64}}
    preset = {"task": "chroma", "variant": "", "data": "folder:a/b", "recipes": recipes}
    document = {"schema": 1, "base_url": "", "presets": {"net-s.r1": preset}, **changes}
    (folder / models_index.NAME).write_text(json.dumps(document))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models_folder, "FOLDER", tmp_path)
    write(tmp_path)
    return tmp_path


def test_reading(folder: Path) -> None:
    entries = models_index.read(folder).entries
    assert list(entries) == ["net-s.r1.float32", "net-s.r1.mixed", "net-s.r1.int8"]
    mixed = entries["net-s.r1.mixed"]
    assert (mixed.equals, mixed.stored_as, mixed.network) == ("int8", "net-s.r1.int8", "2" * 64)
    assert models_index.read(folder / "none").entries == {}
    for text in ("no JSON", "[]", '{"base_url": "", "presets": {"p": {}}}'):
        (folder / models_index.NAME).write_text(text)
        with pytest.raises(UserError, match=r"index\.json is damaged"):
            models_index.read(folder)


def test_a_file_that_is_not_here_can_be_had(folder: Path) -> None:
    """One line with both ways to get it, whatever its name was."""
    for name in ("net-s.r1.float32", str(folder / "net-s.r1.float32.tflite")):
        with pytest.raises(UserError) as told:
            models_folder.find(name)
        assert "'python -m export preset net-s.r1 --recipes float32'" in str(told.value)
        way = "'python -m edge_demo models --fetch net-s.r1.float32 --from DIR|URL'"
        assert way in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(UserError, match="--recipes int8' makes it"):
        models_folder.find("net-s.r1")
    with pytest.raises(UserError, match=r"fetch net-s\.r1\.int8 --from"):
        models_folder.find("net-s.r1.mixed")
    write(folder, base_url="https://example.org/files")
    with pytest.raises(UserError, match=r"fetch net-s\.r1\.float32' takes it"):
        models_folder.find("net-s.r1.float32")
    with pytest.raises(UserError, match=r"did you mean net-s\.r1\.float32"):
        models_folder.find("net-s.r1.float23")
    with pytest.raises(UserError, match="no such model file"):
        models_folder.find("elsewhere/net-s.r1.float32.tflite")
    file = folder / "net-s.r1.int8.tflite"
    file.touch()
    for name in ("net-s.r1", "net-s.r1.int8", "net-s.r1.mixed"):
        assert models_folder.find(name) == file


def test_the_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "net-s.r1.int8.tflite").touch()
    assert main(["models"]) == 0
    head, preset, *_, following = capsys.readouterr().out.splitlines()
    assert head.split() == ["preset", "task", "KiB", "for"]
    assert preset.split(maxsplit=3) == ["net-s.r1", "chroma", "2", "a model of chroma"]
    assert following == "next: python -m edge_demo run photo.jpg restored.png"
    assert main(["models", "--all"]) == 0
    head, *lines, following = capsys.readouterr().out.splitlines()
    assert head.split() == ["model", "task", "here", "KiB", "metric", "measured"]
    assert [line.split("  ")[0] for line in lines] == [
        f"net-s.r1.{recipe}" for recipe in ("float32", "mixed", "int8")
    ]
    assert [" no " in lines[0], "equals int8" in lines[1], " yes " in lines[2]] == [True] * 3
    assert lines[2].endswith("2  chroma_psnr  47.12 dB on folder:a/b")
