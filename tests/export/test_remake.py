"""A preset's files are made again from its weights alone, and are those that the index lists."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

import keras_models
from edge_demo.errors import UserError
from edge_demo.model import models_folder, models_index, package
from export import convert, index, made, remake
from export.__main__ import main
from export.preset import stored_network
from export.recipes import find, parse

INDEX = models_index.read(models_folder.FOLDER)
# Quick ones: a chroma network, and one with a static graph that equals a free one.
SMALL = ("chroma_residual-xs.r2", "enhance_zerodce-lite.r2")
# One whose normalisations are multiplied into its kernels.
FOLDED = "colorize_unet-lite0.r3"


@pytest.mark.parametrize("name", SMALL)
def test_all_files_of_a_preset(name: str) -> None:
    entries = [entry for entry in INDEX.entries.values() if entry.preset == name]
    paths = {path.name: path for path in made.of_preset(name)}
    assert set(paths) == {f"{entry.stored_as}.tflite" for entry in entries}
    for entry in entries:
        path = paths[f"{entry.stored_as}.tflite"]
        assert index.holds(path, entry)
        # Of another processor the golden pair's floats may have other last digits.
        if hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
            assert entry.recipe in ("float32", "float16", "dynamic", "mixed")
        in_git = INDEX.entries[entry.stored_as].in_git
        assert path.parent == (models_folder.FOLDER if in_git else made.CACHE)
        # The second time it is there.
        before = path.stat().st_mtime_ns
        assert made.shipped(entry.name) == path and path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "entry", [entry for entry in INDEX.entries.values() if entry.equals and entry.preset in SMALL],
    ids=lambda entry: entry.name,
)  # fmt: skip
def test_equal_graphs_are_equal(entry: models_index.Entry) -> None:
    """Made as the recipe that has no file, the graph is that of the one it equals."""
    run = Path(entry.preset)
    network = stored_network(run)
    graph, _ = convert.convert(network, find(entry.recipe))
    assert graph == package.flatbuffer(models_folder.find(entry.name))


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An index that says other bytes of a file, and an empty cache."""
    name = f"{SMALL[0]}.float32"
    entry = dataclasses.replace(INDEX.entries[name], network="0" * 64)
    other = dataclasses.replace(INDEX, entries={**INDEX.entries, name: entry})
    monkeypatch.setattr(models_index, "read", lambda folder: other)
    monkeypatch.setattr(made, "CACHE", tmp_path / "cache")
    return tmp_path


def test_other_bytes_are_refused(changed: Path) -> None:
    with pytest.raises(UserError, match=r"TensorFlow 2[\d.]+ here makes other bytes .* made: inst"):
        remake.remake(SMALL[0], parse("float32"), changed)
    assert not list(changed.glob("*.tflite"))
    (changed / "cache").mkdir()
    stale = changed / "cache" / f"{SMALL[0]}.float32.tflite"
    stale.write_bytes((models_folder.find(SMALL[0])).read_bytes())
    with pytest.raises(UserError, match="other bytes"):
        made.shipped(stale.stem)
    assert not stale.exists()


def test_rounding_is_told_from_another_network() -> None:
    """Only normalisations are multiplied into kernels, and what comes out computes the same."""
    model = keras_models.build("colorize_unet", "test")
    network = convert.Network(model, keras_models.task("colorize_unet", "test"), ())
    assert remake._rounds_alike(network)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.01)  # the graph has been made before
    assert not remake._rounds_alike(network)
    chroma = stored_network(Path(SMALL[0]))
    assert not remake._rounds_alike(chroma)


@pytest.mark.slow
def test_a_network_of_another_processor_stands_for_the_shipped_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = f"{FOLDED}.float16"
    entry = dataclasses.replace(INDEX.entries[name], network="0" * 64)
    other = dataclasses.replace(INDEX, entries={**INDEX.entries, name: entry})
    monkeypatch.setattr(models_index, "read", lambda folder: other)
    (path,) = remake.remake(FOLDED, parse("float16"), tmp_path)
    card = package.read_card(path).values
    assert card["stands_for"] == entry.network != card["weights_sha256"]
    assert index.holds(path, entry) and not index.holds(path, INDEX.entries[name])
    found = index.entry_of(path)
    assert found and index._made_here(found, dataclasses.replace(entry, in_git=False))
    # Of another TensorFlow it may be another network.
    monkeypatch.setattr(remake.tf, "__version__", "2.0.0")
    with pytest.raises(UserError, match=r"TensorFlow 2\.0\.0 here makes other bytes"):
        remake.remake(FOLDED, parse("float16"), tmp_path / "other")


def test_another_file_is_not_replaced(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = f"{SMALL[0]}.float32.tflite"
    data = models_folder.find(SMALL[0]).read_bytes()
    (tmp_path / name).write_bytes(data)
    assert main(["preset", SMALL[0], "--recipes", "float32", "--out", str(tmp_path)]) == 2
    assert "is another file than the index says" in capfd.readouterr().err
    assert (tmp_path / name).read_bytes() == data


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "nobody: no such preset (chroma_"),
        ([SMALL[0], "--recipes", "qat"], f"{SMALL[0]} has no recipe qat (it has float32, "),
        ([SMALL[0], "--recipes", "int9"], "unknown recipe 'int9'; did you mean 'int8'?"),
        ([SMALL[0], "--terms", "mine"], "shipping a run needs --name"),
        ([SMALL[0], "--name", "x", "--recipes", "int8"], "leave out --name"),
        ([SMALL[0], "--name", "x"], "--name needs --calibrate SOURCE and --evaluate SOURCE"),
    ],
)
def test_mistakes(arguments: list[str], says: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["preset", *arguments]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert says in line
