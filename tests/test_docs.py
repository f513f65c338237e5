"""The pages that people read: their commands run, their links lead on, their tables are true.

Commands of all pages run in one folder, as one reader would type them, each only once. What cannot
run in a test (another machine, an installation, a server) is checked for form.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_demo import tasks
from edge_demo.__main__ import _parser as edge_parser
from edge_demo.model import models_folder
from edge_demo.tasks.chroma import TASK
from edge_demo.web.app import create_app
from edge_demo.web.command import make_studio
from studies import (
    pages,
)
from tests.videos import make_clip, moving
from training import strategies
from training.__main__ import _parser as training_parser
from training.config import flat, load
from training.objectives import OBJECTIVES

ROOT = Path(__file__).parent.parent
PAGES = {path.relative_to(ROOT).as_posix(): path for path in pages.pages(ROOT)}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [
    (page, found[2], found[3])
    for page, path in PAGES.items()
    for found in pages.BLOCK.finditer(path.read_text())
]


def fenced(page: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(PAGES[page].read_text()) if kind == language]


# ------------------------------------------------------------------------------------- commands

# What is appended, so that a command takes seconds; of an option given twice the last counts.
SETTINGS = ("size=test", "patch=32", "cell=48", "copies=0", "batch=4", "steps=20",
            "epoch_steps=10", "val_crop=48", "picture_every=1", "progressive=()",
            "backbone_weights=")  # fmt: skip
TINY = [word for setting in SETTINGS for word in ("--set", setting)]
SMALLER = {
    "training fit": TINY,
    # What it is given several times, it varies.
    "training sweep": [w for s in SETTINGS if not s.startswith("batch") for w in ("--set", s)],
    "training bench": [*TINY, "--rounds", "1", "--steps", "4"],
    "datasets bench": ["--seconds", "0.01", "--rounds", "1", "--patch", "32", "--cell", "48"],
    "edge_demo benchmark": ["--seconds", "0.1", "--size", "96x64"],
    "export compare": ["--seconds", "0.1", "--threads", "1"],
}
# A run of size ``test`` has other names for its files and its preset.
RENAMED = {
    "runs/mine/tflite/chroma_residual-s.": "runs/mine/tflite/chroma_residual-test.",
    "chroma_residual-s.r2": "chroma_residual-test.r2",
    "start_from=chroma_residual-s.r1": "start_from=",
    "runs/night/tflite/enhance_mirnet-lite.": "runs/night/tflite/enhance_mirnet-test.",
}


# A word of a command to the package that it needs.
ON_DEMAND = {"--runner": "apache_beam", "onnx": "onnx"}


def commands(page: str) -> list[str]:
    lines = "".join(fenced(page, "sh")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def is_well_formed(words: list[str], folder: Path) -> bool:
    """Whether a command that is not run here names what there is; raises for an unknown kind."""
    match words:
        case ["make", target]:
            return f"\n{target}:" in (folder / "Makefile").read_text()
        case [".", ("venv/bin/activate" | ".venv/bin/activate")]:
            return True
        case ["python3", "-m", "venv", "venv"]:
            return True
        case ["sudo", "apt", "update"] | ["sudo", "apt", "install", "--yes", "python3-venv"]:
            return True
        case ["openssl", "req", "-x509", *_]:
            return True
        case ["pip", "install", "-r", file]:
            return (folder / file).is_file()
        case ["pip", "install", ("./edge_demo" | "edge_demo/") as project]:
            # tests/edge_demo/test_package.py installs it.
            return (folder / project / "pyproject.toml").is_file()
        case ["pip", "install", *packages]:
            return all(re.match(r"[a-z0-9-]+(==|<)\d", package) for package in packages)
        case ["scp", "-r", source, "pi:"]:
            return (folder / source).is_dir()
        case ["scp", source, "."]:
            return source.startswith("pi:") and (folder / source[3:]).is_file()
        case ["ssh", "pi"] | ["ssh", "-L", "8080:127.0.0.1:8080", "pi"]:
            return True
        case ["python", "-m", "edge_demo", "serve", *arguments]:
            # It would not end; the server is tested elsewhere.
            return bool(edge_parser().parse_args(["serve", *arguments]))
        case ["echo", "performance", "|", "sudo", "tee", file]:
            return file.endswith("/cpufreq/scaling_governor")
        case ["tensorboard", "--logdir", logs]:
            command = Path(sys.executable).with_name("tensorboard")
            return command.exists() and any((folder / logs).rglob("events.out.*"))
        case ["python", "-m", "pytest", *paths]:
            return all((folder / path).exists() for path in paths)
        case ["KERAS_BACKEND=jax", "python", "-m", "training", *arguments]:
            # Another backend needs another process; what it does is tested elsewhere.
            return bool(training_parser().parse_args(arguments))
    raise AssertionError(f"no rule for {shlex.join(words)}")


class Reader:
    """Somebody who follows the pages in order, in a copy of the repository with photographs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: set[str] = set()

    def follow(self, page: str) -> None:
        """Run what a page says, and before it what the pages before it say."""
        order = list(PAGES)
        for earlier in order[: order.index(page) + 1]:
            for command in commands(earlier):
                if command not in self.done:
                    self.done.add(command)
                    self.obey(command)

    def obey(self, command: str) -> None:
        words = shlex.split(command)
        if words[0] == "chromaedge":  # what an installation calls it
            words = ["python", "-m", "edge_demo", *words[1:]]
        if words[0] == "curl":
            self.fetch(words[1:])
            return
        serves = words[:4] == ["python", "-m", "edge_demo", "serve"]
        package = words[2] if words[:2] == ["python", "-m"] and not serves else ""
        if package not in ("datasets", "keras_models", "training", "export", "edge_demo"):
            assert is_well_formed(words, self.folder), command
            return
        main = importlib.import_module(f"{package}.__main__").main
        arguments = self.expanded(words[3:]) + SMALLER.get(" ".join(words[2:4]), [])
        if "--patch" in words:
            arguments += ["--patch", "48"]
        # Some packages are installed on demand; without them the command says so.
        needed = [module for word, module in ON_DEMAND.items() if word in words]
        missing = any(importlib.util.find_spec(module) is None for module in needed)
        assert main(arguments) == (2 if missing else 0), command

    def fetch(self, words: list[str]) -> None:
        """What curl does of such a command, asked of a server of the shipped models."""
        parser = argparse.ArgumentParser()
        parser.add_argument("-F", action="append", default=[])
        parser.add_argument("-o", type=Path)
        parser.add_argument("url")
        options = parser.parse_args(words)
        path = options.url.removeprefix("http://127.0.0.1:8080")
        assert path != options.url
        form: dict[str, list[Any]] = {}
        for field in options.F:
            name, _, value = field.partition("=")
            if value.startswith("@"):
                value = ((self.folder / value[1:]).open("rb"), value[1:])
            elif value.startswith("<"):
                value = (self.folder / value[1:]).read_text()
            form.setdefault(name, []).append(value)
        response = self.studio().open(path, method="POST" if form else "GET", data=form or None)
        assert response.status_code in (200, 202), (words, response.data[:200])
        while (
            response.status_code == 202
            and self.studio().get(f"/progress/{response.get_json()['job']}").get_json()["working"]
        ):
            time.sleep(0.1)
        if options.o:
            (self.folder / options.o).write_bytes(response.data)

    @functools.cache  # noqa: B019
    def studio(self) -> Any:
        """Flask's client of the web studio."""
        options = edge_parser().parse_args(["serve", "--threads", "1", "--workers", "1"])
        return create_app(make_studio(options)).test_client()

    def expanded(self, words: list[str]) -> list[str]:
        """File patterns as a shell expands them, and the names of a run of size ``test``."""
        out = []
        for word in words:
            for long, short in RENAMED.items():
                word = word.replace(long, short)
            found = sorted(str(path.relative_to(self.folder)) for path in self.folder.glob(word)) \
                if "*" in word else [word]  # fmt: skip
            assert found, word
            out += found
        return out


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    import skimage.data

    folder = tmp_path_factory.mktemp("reader") / "copy"
    shutil.copytree(
        ROOT, folder, ignore=shutil.ignore_patterns(".*", "runs", "build", "__pycache__")
    )
    # JPEGs of the usual kind: training reduces them 2:1, and there is something to restore.
    pictures = {"photos": 4, "photos_val": 2}
    photograph = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    for name, count in pictures.items():
        (folder / name).mkdir()
        for index in range(count):
            top = 96 * index if name == "photos" else 48 + 96 * index
            piece = photograph[top : top + 128, 120:312]
            assert cv2.imwrite(str(folder / name / f"{name}{index}.jpg"), piece)
    assert cv2.imwrite(str(folder / "photo.jpg"), photograph[:160, 100:301])
    for name, divisor in (("video.mp4", 1), ("night.mp4", 8)):
        make_clip(folder, name, 3, (96, 128), rgb=[one // divisor for one in moving(3, (96, 128))])
    dark = np.ascontiguousarray(photograph // 8)
    assert cv2.imwrite(str(folder / "dark.jpg"), dark[:160, 100:301])
    grey = cv2.cvtColor(photograph[:160, 100:301], cv2.COLOR_BGR2GRAY)
    assert cv2.imwrite(str(folder / "grey.jpg"), grey)
    (hints,) = fenced("docs/colorize.md", "json")
    (folder / "hints.json").write_text(hints)
    for part, picture in (("low", dark), ("high", photograph)):
        (folder / "lowlight" / part).mkdir(parents=True)
        for index in range(5):
            piece = picture[80 * index : 80 * index + 96, 120:248]
            assert cv2.imwrite(str(folder / "lowlight" / part / f"{index}.png"), piece)
    (folder / "bursts" / "room").mkdir(parents=True)
    for name, frame in (("dark", dark), ("good", photograph)):
        assert cv2.imwrite(str(folder / "bursts" / "room" / f"{name}.png"), frame)
    return Reader(folder)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_commands(page: str, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    from export import convert
    from export import page as pages
    from keras_models import runs

    monkeypatch.chdir(reader.folder)
    monkeypatch.setattr(convert, "TILE", 64)
    # A preset goes to the repository that the code is in; here, to the reader's copy.
    monkeypatch.setattr(models_folder, "FOLDER", reader.folder / "edge_demo" / "models")
    monkeypatch.setattr(pages, "PAGES", reader.folder / "docs" / "models")
    monkeypatch.setattr(runs, "WEIGHTS", reader.folder / "keras_models" / "weights")
    reader.follow(page)


def test_an_unknown_command_has_no_rule(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no rule for rm -rf here"):
        is_well_formed(["rm", "-rf", "here"], tmp_path)
    (tmp_path / "Makefile").write_text("all:\n\ttrue\n\ntest: all\n")
    assert is_well_formed(["make", "test"], tmp_path)
    assert not is_well_formed(["make", "tests"], tmp_path)
    assert not is_well_formed(["scp", "-r", "edge_demo", "pi:"], tmp_path)


# ------------------------------------------------------------------------------------- the pages


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = PAGES[page]
    text = FENCE.sub("", path.read_text())
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [
        link
        for link in links
        if not link.startswith("https://") and not (path.parent / link).exists()
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_for_everybody(page: str) -> None:
    """No path of a machine, nothing that only its writers know, nothing left to fill in."""
    text = PAGES[page].read_text()
    assert not re.findall(r"/(?:home|root|work|tmp|Users)/\S*", text)
    assert not re.findall(r"(?i)\b(?:ticket|agent|prompt|design\.md)s?\b|(?<!\w)#\d+\b", text)
    assert "MEASURE" not in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def rows(page: str, header: str) -> list[list[str]]:
    """Cells of every table of a page whose first column has a name."""
    out: list[list[str]] = []
    inside = False
    for line in PAGES[page].read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == header:
            inside = True
        elif inside and not cells[0].startswith("---"):
            out.append(cells)
    return out


def test_every_dependency_is_explained() -> None:
    pinned = {
        match[1]
        for file in (*ROOT.glob("requirements*.txt"), ROOT / "edge_demo" / "requirements.txt")
        for match in re.finditer(r"^([A-Za-z0-9_-]+)==", file.read_text(), re.MULTILINE)
    }
    explained = [cells[0].strip("`") for cells in rows("docs/dependencies.md", "package")]
    assert len(pinned) > 8
    assert sorted(explained) == sorted(pinned)
    assert all(why for _, why in rows("docs/dependencies.md", "package"))


def test_slurm_tells_each_worker_who_it_is(tmp_path: Path) -> None:
    """The batch script, with stand-ins for Slurm's commands and a python that tells TF_CONFIG."""
    (script,) = fenced("docs/scale.md", "bash")
    stand_ins = {
        "scontrol": "echo one; echo two",
        "srun": 'shift; for SLURM_PROCID in 0 1; do export SLURM_PROCID; "$@"; done',
        "python": "echo $TF_CONFIG",
    }
    for name, body in stand_ins.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    found = [strategies.cluster(line) for line in done.stdout.splitlines()]
    assert found == [(2, 0), (2, 1)]


def test_every_setting_is_explained() -> None:
    config = load("chroma_residual")
    settings = {key: value for key, value in flat(config).items() if key != "model"}
    for kind in OBJECTIVES.values():
        for key, value in vars(kind()).items():
            assert settings.setdefault(key, value) == value, f"{key}: one default in all objectives"
    table = rows("docs/training.md", "key")
    explained = {key.strip("`"): ast.literal_eval(value.strip("`")) for key, value, _ in table}
    assert explained == settings
    assert len(table) == len(settings)


def test_the_files_of_a_task_are_where_the_page_says() -> None:
    for what, new, lists in rows("docs/adding_a_task.md", "what"):
        found = re.findall(r"`([^`\s]+/[^`\s]*)`", new + lists)
        assert found, what
        if what == "batches":  # low light's are in a file named after it
            continue
        for path in found:
            for task in tasks.NAMES:
                pattern = path.replace("NAME_ARCHITECTURE", f"{task}_*").replace("NAME", task)
                assert list(ROOT.glob(pattern)), pattern


def test_the_example_is_a_model() -> None:
    model, config = fenced("docs/adding_a_model.md", "python")
    module: Any = types.ModuleType("chroma_plain")
    exec(compile(model, "chroma_plain.py", "exec"), vars(module))
    assert module.TASK is TASK
    for size in module.SIZES:
        built = module.build(size)
        assert built.name == f"chroma_plain-{size}"
        assert built.output_names == [tensor.name for tensor in TASK.outputs]
        assert module.halo(size) % 2 == 0
    values: dict[str, Any] = {}
    exec(config, values)
    assert (values["CONFIG"].model, values["CONFIG"].size) == ("chroma_plain", "s")


@pytest.mark.slow
def test_the_python_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, as in a notebook, in a folder with the files that they name."""
    import skimage.data

    photograph = np.ascontiguousarray(skimage.data.astronaut()[:96, 100:229, ::-1])
    for name, picture in (
        ("photo.jpg", photograph),
        ("dark.jpg", photograph // 8),
        ("grey.jpg", cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY)),
    ):
        assert cv2.imwrite(str(tmp_path / name), picture)
    monkeypatch.chdir(tmp_path)
    values: dict[str, Any] = {}
    examples = fenced("docs/python.md", "python")
    for example in examples:
        exec(compile(example, "docs/python.md", "exec"), values)
    said = capsys.readouterr().out
    assert "strength: how much" in said and "is a model of chroma" in said
    named = set(re.findall(r'"([\w.]+\.(?:png|jpg))"', "".join(examples)))
    assert named <= {path.name for path in tmp_path.iterdir()} and "photo.jpg.png" not in named
    assert (tmp_path / "photo.jpg.png").exists()


# ------------------------------------------------------------------------------- tables, pictures


@pytest.mark.parametrize(("page", "name", "body"), BLOCKS)
def test_tables_are_what_was_measured(page: str, name: str, body: str) -> None:
    """``python -m studies pages`` would change nothing."""
    assert body == f"\n{pages.content(name, ROOT)}\n", page


def test_the_tables_are_there() -> None:
    found = {name for _, name, _ in BLOCKS}
    assert found == {
        "chroma_residual-s.r1 center", "benchmark", "compare", "pi", "quantisation", "recipes",
        "bitrate", "detail", "drawn", "one_axis", "peers", "sensitivity", "tiles",
        "low_light", "in_floats", "benchmark enhance", "compare enhance",
        "colorize_unet-lite0.r3", "hint_borders", "colour_meaning classes",
        "colour_meaning skin", "colour large", "colour scenes", "colour wanted",
        "video coding", "video filters", "video sizes", "video speed", "video walkers",
        "video walkers_xs", "web",
        "cleaning recall", "cleaning time", "pipeline stages",
        "players",
    }  # fmt: skip
    measured = {path.stem.replace(".", " ") for path in (ROOT / "docs" / "results").iterdir()}
    assert measured <= found
    for path in PAGES.values():
        text = path.read_text()
        assert text.count("<!-- table:") == text.count("<!-- end -->")
        assert text.count("<!-- table:") == len(pages.BLOCK.findall(text))
