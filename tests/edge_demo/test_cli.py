"""``python -m edge_demo``: what it says, its exit codes, and one line for each mistake."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_demo.__main__ import main
from edge_demo.model import models_folder, package
from edge_demo.pictures.images import read_rgb
from tests import mistakes

refused = functools.partial(mistakes.refused, "edge_demo")

ROOT = Path(__file__).parent.parent.parent
SAMPLING = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]


@pytest.fixture
def model(model_files: dict[str, Path]) -> str:
    return str(model_files["int8"])


@pytest.fixture
def folder(tmp_path: Path, natural: np.ndarray) -> Path:
    """A folder of pictures to restore: 4:2:0 JPEGs of three sizes."""
    out = tmp_path / "in"
    out.mkdir()
    for name, height, width in (("a", 64, 80), ("b", 33, 47), ("c", 20, 20)):
        bgr = natural[:height, :width, ::-1]
        assert cv2.imwrite(str(out / f"{name}.jpg"), bgr, SAMPLING)
    return out


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its bytes, and every folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_run_a_picture(folder: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    target = folder / "out.png"
    assert main(["run", str(folder / "b.jpg"), str(target), "--model", model]) == 0
    said = capfd.readouterr().out
    assert said.startswith(f"wrote {target} (47x33, chroma_residual-test.int8; read ")
    assert said.count("\n") == 1
    assert read_rgb(target).rgb.shape == (33, 47, 3)


def test_overwrite_and_resample(
    folder: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run = ["run", folder / "c.jpg", folder / "out.png", "--model", model]
    assert main([str(a) for a in run]) == 0
    before = (folder / "out.png").read_bytes()
    assert "exists already" in refused(capfd, *run)
    assert (folder / "out.png").read_bytes() == before
    (folder / "second.png").write_bytes(before)
    again = ["run", folder / "out.png", folder / "second.png", "--model", model, "--overwrite"]
    assert "--resample" in refused(capfd, *again)
    assert main([str(a) for a in (*again, "--resample")]) == 0
    assert (folder / "second.png").read_bytes() != before


def test_what_could_not_be_kept_is_noted(
    tmp_path: Path, model: str, capfd: pytest.CaptureFixture[str], natural: np.ndarray
) -> None:
    deep = natural[:20, :20].astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / "deep.png"), deep)
    run = ["run", tmp_path / "deep.png", tmp_path / "out.jpg", "--resample", "--model", model]
    assert main([str(a) for a in run]) == 0
    assert "\nnote: 16 bits" in capfd.readouterr().out


def test_run_a_folder(folder: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    out = folder.parent / "deep" / "out"
    (folder / "notes.txt").write_text("no picture, and not named like one")
    assert main(["run", str(folder), str(out), "--model", model]) == 0
    said = capfd.readouterr().out.splitlines()
    left_out = "left out: notes.txt (no picture of a kind that is read here)"
    assert said[-1] == f"3 of 3 pictures restored; {left_out}" and len(said) == 4
    sizes = {p.name: read_rgb(p).rgb.shape[:2] for p in out.iterdir()}
    assert sizes == {"a.jpg.png": (64, 80), "b.jpg.png": (33, 47), "c.jpg.png": (20, 20)}


def test_one_broken_file_does_not_stop_a_folder(
    folder: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) // 2])
    out = folder.parent / "out"
    assert main(["run", str(folder), str(out), "--model", model]) == 1
    said = capfd.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("skipped: ") and "b.jpg" in lines[0]
    assert said.out.splitlines()[-1] == "2 of 3 pictures restored"
    assert sorted(p.name for p in out.iterdir()) == ["a.jpg.png", "c.jpg.png"]
    # Again: what is there is finished, and the broken one is still named.
    before = tree(out)
    assert main(["run", str(folder), str(out), "--model", model]) == 1
    said = capfd.readouterr()
    assert len(said.err.splitlines()) == 1 and "b.jpg" in said.err
    assert said.out == "0 of 3 pictures restored, 2 were finished before\n"
    assert tree(out) == before


def make(path: Path, kind: str, whole: bytes) -> Path:
    """A file that is no picture, in one of many ways."""
    data = {
        "cut": whole[: len(whole) // 2],
        "header": whole[:300],
        "empty": b"",
        "text": b"I am a text that calls itself a picture.\n" * 20,
        "noise": np.random.default_rng(0).bytes(5000),
    }[kind]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["cut", "header", "empty", "text", "noise"])
def test_bad_pictures(
    folder: Path, model: str, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    bad = make(folder / "bad.jpg", kind, (folder / "a.jpg").read_bytes())
    before = tree(folder)
    for more in ([], ["--resample"]):
        line = refused(capfd, "run", bad, folder / "out.png", "--model", model, *more)
        assert "bad.jpg" in line
    assert tree(folder) == before


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_the_smallest_pictures_work(
    tmp_path: Path, model: str, natural: np.ndarray, size: tuple[int, int]
) -> None:
    bgr = natural[40 : 40 + size[0], 40 : 40 + size[1], ::-1]
    assert cv2.imwrite(str(tmp_path / "a.jpg"), bgr, SAMPLING)
    assert cv2.imwrite(str(tmp_path / "a.png"), bgr)
    for name, more in (("a.jpg", []), ("a.png", ["--resample"])):
        target = tmp_path / f"{name}.out.png"
        assert main(["run", str(tmp_path / name), str(target), "--model", model, *more]) == 0
        assert read_rgb(target).rgb.shape == (*size, 3)


def test_mistakes_of_run(folder: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    source, out, plain = folder / "a.jpg", folder / "out.png", ("--model", model)
    empty = folder / "empty"
    empty.mkdir()
    before = tree(folder)
    for arguments, says in [
        ((folder / "none.jpg", out, *plain), "no such file"),
        ((empty, folder / "new", *plain), "no pictures in this folder"),
        ((folder, source, *plain), "a folder is needed"),
        ((folder, source / "below", *plain), "cannot be made"),
        ((source, source / "out.png", *plain), "not a folder"),
        ((source, folder / "missing" / "out.png", *plain), "make it first"),
        ((source, folder / "out.gif", *plain), "unknown extension '.gif'; known: .png, .jpg"),
        ((source, folder / "out", *plain), "unknown extension ''"),
        ((source, empty, *plain), "exists already"),
        ((source, folder / "b.jpg", *plain), "exists already"),
        ((source, out, *plain, "--threads", 0), "threads must be 1 or more, not 0"),
        ((source, out, *plain, "--threads", "two"), "invalid int value"),
        ((source, out, "--model", folder / "none.tflite"), "no such model file"),
        ((source, out, "--model", source), "carries no card"),
        ((source, out, "--models", model), "unrecognized arguments"),
        ((source,), "required: OUTPUT"),
    ]:
        assert says in refused(capfd, "run", *arguments)
        assert tree(folder) == before
    assert "required: command" in refused(capfd)
    assert "invalid choice: 'rum'" in refused(capfd, "rum")


def test_a_model_of_another_contract(
    folder: Path, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    card = dict(package.read_card(Path(model)).values)
    network, golden = package.flatbuffer(Path(model)), package.read_golden(Path(model))
    other = folder / "other.tflite"
    other.write_bytes(package.join(network, card | {"contract": card["contract"] + 1}, golden))
    line = refused(capfd, "run", folder / "a.jpg", folder / "out.png", "--model", other)
    assert "made for contract 2" in line and "export the model again" in line
    other.write_bytes(package.join(network, card | {"task": "colour"}, golden))
    line = refused(capfd, "run", folder / "a.jpg", folder / "out.png", "--model", other)
    assert "unknown task 'colour'" in line
    other.write_bytes(network)
    assert "carries no card" in refused(capfd, "selftest", other)
    assert not (folder / "out.png").exists()


@pytest.fixture
def shipped(tmp_path: Path, model_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with the default preset in two recipes."""
    out = tmp_path / "models"
    out.mkdir()
    for recipe in ("float32", "int8"):
        shutil.copy(model_files[recipe], out / f"{models_folder.DEFAULT_PRESET}.{recipe}.tflite")
    monkeypatch.setattr(models_folder, "FOLDER", out)
    return out


def test_models_are_found_by_name(shipped: Path) -> None:
    preset = models_folder.DEFAULT_PRESET
    int8, float32 = (shipped / f"{preset}.{recipe}.tflite" for recipe in ("int8", "float32"))
    assert models_folder.find(None) == int8
    assert models_folder.find(preset) == int8
    assert models_folder.find(f"{preset}.float32") == float32
    assert models_folder.find(str(float32)) == float32
    assert list(models_folder.shipped()) == [f"{preset}.float32", f"{preset}.int8"]
    qat = shutil.copy(int8, shipped / f"{preset}.qat.tflite")
    assert models_folder.find(None) == models_folder.find(preset) == qat
    assert models_folder.find(f"{preset}.int8") == int8


@pytest.mark.parametrize(
    ("preset", "found"),
    [
        (models_folder.PICTURES_PRESET, models_folder.for_pictures),
        (models_folder.VIDEOS_PRESET, models_folder.for_videos),
    ],
)
def test_pictures_and_videos_have_a_model_of_their_own(
    shipped: Path, preset: str, found: Callable[[], Path]
) -> None:
    """Where it is gone, the default is taken."""
    default = models_folder.find(None)
    assert found() == default
    other = shutil.copy(default, shipped / f"{preset}.int8.tflite")
    assert found() == other and models_folder.find(None) == default


def test_an_unknown_model_lists_the_near(
    shipped: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    near = models_folder.DEFAULT_PRESET.replace("residual", "residul")
    line = refused(capfd, "run", folder / "a.jpg", folder / "o.png", "--model", near)
    assert f"no model named '{near}'; did you mean {models_folder.DEFAULT_PRESET}" in line
    assert "did you mean" not in refused(capfd, "selftest", "zzz")


def test_models_lists_what_ships(shipped: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = shipped / f"{models_folder.DEFAULT_PRESET}.int8.tflite"
    values = dict(package.read_card(path).values)
    values["metrics"] = {"chroma_psnr": {"mean": 47.125, "data": "folder:some/photos"}}
    whole = package.join(package.flatbuffer(path), values, package.read_golden(path))
    path.write_bytes(whole)
    assert main(["models"]) == 0
    _, preset, *_, following = capfd.readouterr().out.splitlines()
    size = f"{len(whole) / 1024:.0f}"
    assert preset.split()[:3] == [models_folder.DEFAULT_PRESET, "chroma", size]
    assert "the usual one" not in preset
    assert following.startswith("next: python -m edge_demo run")
    assert main(["models", "--all"]) == 0
    head, float32, int8, following = capfd.readouterr().out.splitlines()
    assert head.split() == ["model", "task", "here", "KiB", "metric", "measured"]
    assert float32.split()[:2] == [f"{models_folder.DEFAULT_PRESET}.float32", "chroma"]
    assert float32.endswith("not measured")
    assert int8.endswith(f"{len(whole) / 1024:.0f}  chroma_psnr  47.12 dB on folder:some/photos")
    assert following.startswith("next: python -m edge_demo run")


def test_no_models_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models_folder, "FOLDER", tmp_path / "none")
    for command in ("models", "selftest"):
        assert "no models in" in refused(capfd, command)


def test_selftest(shipped: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == ["ok   ", "ok   "]
    path = shipped / f"{models_folder.DEFAULT_PRESET}.int8.tflite"
    golden = package.read_golden(path)
    golden["output_correction"] = golden["output_correction"] + np.float32(0.1)
    card = package.read_card(path)
    path.write_bytes(package.join(package.flatbuffer(path), card.values, golden))
    assert main(["selftest"]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == ["ok   ", "FAIL "]
    assert "largest difference 0.1" in lines[1]
    assert main(["selftest", models_folder.DEFAULT_PRESET + ".float32"]) == 0


def test_the_real_command(folder: Path, model: str) -> None:
    """In a process of its own, libraries have their chance to print: still one line."""
    (folder / "bad.jpg").write_bytes((folder / "a.jpg").read_bytes()[:400])
    results = [
        subprocess.run(
            [
                sys.executable,
                "-m",
                "edge_demo",
                "run",
                folder / name,
                folder / "out.png",
                "--model",
                model,
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=dict(os.environ),
        )
        for name in ("bad.jpg", "a.jpg")
    ]
    assert [result.returncode for result in results] == [2, 0]
    assert results[0].stdout == "" and results[1].stdout.startswith("wrote ")
    assert results[1].stderr == ""
    assert len(results[0].stderr.splitlines()) == 1 and "bad.jpg" in results[0].stderr
