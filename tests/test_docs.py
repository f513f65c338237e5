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
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_demo.__main__ import _parser as edge_parser
from edge_demo.colour.lab import rgb_to_lab
from edge_demo.errors import UserError
from edge_demo.measure import results
from edge_demo.model import models_folder
from edge_demo.model.tflite import TFLiteModel
from edge_demo.tasks.chroma import TASK
from edge_demo.tasks.enhance import TASK as ENHANCE
from edge_demo.web.app import create_app
from edge_demo.web.command import make_studio
from studies import (
    before_after,
    colour,
    colour_sheet,
    flicker_picture,
    night_sheet,
    pages,
    scale_tables,
    sheets,
    size_sheet,
    tune_hints,
)
from tests.videos import make_clip, moving
from training import strategies
from training.__main__ import _parser as training_parser
from training.config import load

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
        case ["pip", "install", "-r", file]:
            return (folder / file).is_file()
        case ["pip", "install", *packages]:
            return all(re.match(r"[a-z-]+(==|<)\d", package) for package in packages)
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
        if words[0] == "curl":
            self.fetch(words[1:])
            return
        serves = words[:4] == ["python", "-m", "edge_demo", "serve"]
        package = words[2] if words[:2] == ["python", "-m"] and not serves else ""
        if package not in ("datasets", "training", "export", "edge_demo"):
            assert is_well_formed(words, self.folder), command
            return
        main = importlib.import_module(f"{package}.__main__").main
        arguments = self.expanded(words[3:]) + SMALLER.get(" ".join(words[2:4]), [])
        if "--patch" in words:
            arguments += ["--patch", "48"]
        # Apache Beam is installed on demand; without it the command says so.
        missing = "--runner" in words and importlib.util.find_spec("apache_beam") is None
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
        assert response.status_code == 200, (words, response.data[:200])
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
    return Reader(folder)


@pytest.mark.parametrize("page", PAGES)
def test_commands(page: str, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    from export import convert, preset
    from keras_models import runs

    monkeypatch.chdir(reader.folder)
    monkeypatch.setattr(convert, "TILE", 64)
    # A preset goes to the repository that the code is in; here, to the reader's copy.
    monkeypatch.setattr(preset, "MODELS", reader.folder / "edge_demo" / "models")
    monkeypatch.setattr(preset, "PAGES", reader.folder / "docs" / "models")
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
    settings = {key: value for key, value in vars(config).items() if key != "model"}
    table = rows("docs/training.md", "key")
    explained = {key.strip("`"): ast.literal_eval(value.strip("`")) for key, value, _ in table}
    assert explained == settings
    assert len(table) == len(settings)


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


# ------------------------------------------------------------------------------- tables, pictures


@pytest.mark.parametrize(("page", "name", "body"), BLOCKS)
def test_tables_are_what_was_measured(page: str, name: str, body: str) -> None:
    """``python -m studies pages`` would change nothing."""
    assert body == f"\n{pages.content(name, ROOT)}\n", page


def test_the_tables_are_there() -> None:
    found = {name for _, name, _ in BLOCKS}
    assert found == {
        "chroma_residual-s.r1 center", "benchmark", "compare", "pi", "quantisation", "recipes",
        "bitrate", "detail", "sensitivity", "tiles",
        "enhance_mirnet-lite.r1", "enhance_zerodce-lite.r1",
        "benchmark enhance", "compare enhance", "sensitivity enhance",
        "colorize_fusion-lite.r1", "colorize_eccv16-lite.r1", "colorize_siggraph17-lite.r1",
        "colour large", "colour scenes", "colour wanted",
        "video coding", "video filters", "video sizes", "video speed", "video walkers", "web",
        *(name for name in scale_tables.TABLES
          if (ROOT / f"docs/results/{name.replace(' ', '.')}.json").exists()),
    }  # fmt: skip
    for path in PAGES.values():
        text = path.read_text()
        assert text.count("<!-- table:") == text.count("<!-- end -->")
        assert text.count("<!-- table:") == len(pages.BLOCK.findall(text))


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """A repository of one page, and results of each kind."""
    values = {"chroma_psnr": [40.0, 42.0], "rgb_psnr": [38.0], "chroma_ssim": [0.95],
              "rgb_ssim": [0.96]}  # fmt: skip
    better = {**values, "chroma_psnr": [43.0, 45.5]}
    quality = [
        results.row("bilinear", "baseline", values),
        results.row("p.r1", "model", better, recipe="int8", bytes=2048),
    ]
    dark = [
        results.row("classical", "baseline", {"rgb_psnr": [14.0], "delta_e_2000": [12.0]}),
        results.row("e.r1", "model", {"rgb_psnr": [20.0, 22.0], "delta_e_2000": [8.0]},
                    recipe="int8", bytes=2048),
    ]  # fmt: skip
    host = {"cpu": "a processor", "architecture": "x", "cores": 2, "os": "a system, kernel 1",
            "python": "3", "interpreter": "an interpreter 1"}  # fmt: skip
    times = {"p50": 10.4, "p90": 11.6, "p99": 20.0, "runs": 20, "threads": 2}
    timed = results.row("p.r1", "model", recipe="int8", bytes=2048, latency_ms=times,
                        peak_rss_bytes=50 * 2**20)  # fmt: skip
    compared = [
        results.row("p.r1", "model", better, recipe="float32", bytes=8192,
                    latency_ms=times | {"p50": 31.2}, peak_rss_bytes=60 * 2**20, load_ms=5.2),
        results.row("p.r1", "model", values, recipe="int8", bytes=2048, latency_ms=times,
                    peak_rss_bytes=50 * 2**20, load_ms=4.6,
                    drop={"mean": 0.131, "max": 0.59, "share_over": 0.5}),
    ]  # fmt: skip
    trembling = {**values, "flicker": [0.5], "change_ratio": [1.01]}
    filmed = [
        results.row("bilinear", "baseline", trembling),
        results.row("p.r1+temporal", "model", {**trembling, "chroma_psnr": [43.0, 45.5]},
                    recipe="int8", bytes=2048),
    ]  # fmt: skip
    files = {
        "models/p.r1.left.json": results.document(TASK, 2, "folder:a/b", quality, siting="left"),
        "results/benchmark.json": results.document(
            TASK, 0, "synthetic", [timed], host=host, timed={"width": 64, "height": 48}
        ),
        "results/quantisation.json": {
            "preset": "p.r1", "images": 2, "data": "a/b",
            "calibration": {"tiles": 8, "photographs": 4},
            "rows": [{"kind": "float32", "chroma_psnr": 45.0},
                     {"kind": "int8, a way", "chroma_psnr": 44.85}],
        },
        "results/compare.json": results.document(
            TASK, 2, "folder:a/b", compared, host=host, limit_db=0.3, threads=1,
            timed={"width": 64, "height": 48},
        ),
        "models/e.r1.json": results.document(ENHANCE, 2, "pairs:a/b", dark),
        "results/compare.enhance.json": results.document(
            ENHANCE, 2, "pairs:a/b", [{**line, "name": "e.r1", "metrics": dark[1]["metrics"]}
                                      for line in compared],
            host=host, limit_db=0.3, threads=1, timed={"width": 64, "height": 48},
        ),
        "results/sensitivity.json": {
            "float_db": 45.0, "integer_db": 44.85, "tiles": 8,
            "operations": [{"name": "tail", "kind": "CONV_2D", "tensor": "t", "snr_db": 19.94,
                            "mse": 1e-5, "gain_db": 0.0313, "macs": 300},
                           {"name": "add", "kind": "ADD", "tensor": "a", "snr_db": 18.0,
                            "mse": 1e-5, "gain_db": -0.0001, "macs": 100}],
        },
        "results/pi.json": {
            "emulator": "an emulator", "boards": [{"cpu": "a72", "board": "Pi 4"},
                                                  {"cpu": "a76", "board": "Pi 5"}],
            "rows": [{"cpu": cpu, "interpreter": "i", "model": "p.r1.int8", "allowed": 0.032,
                      "difference": difference, "ok": cpu == "a72"}
                     for cpu, difference in (("a72", 0.0), ("a76", 0.0241))],
        },
        "results/video.walkers.json": results.document(
            TASK, 2, "video:a.mp4", filmed, siting="center", temporal=0.8
        ),
        "results/video.coding.json": {
            "what": "coding", "model": "m", "data": "folder:a/b", "images": 2,
            "rows": [{"name": "a coding", "bilinear": 40.0, "model": 44.26}],
        },
        "results/video.filters.json": {
            "what": "filters", "model": "m",
            "clips": [{"name": name, "frames": 9,
                       "rows": [{"name": "a filter", "chroma_psnr": 44.26, "flicker": 0.5011,
                                 "change_ratio": 1.0}]} for name in ("a clip", "b.mp4")],
        },
        "results/video.speed.json": {
            "what": "speed", "model": "m", "size": [64, 48], "frames": 9, "threads": 2,
            "rounds": 3, "host": host, "graph_ms": {"all": 200.0, "cpu": 380.4},
            "rows": [{"name": "a codec", "fps": 2.5,
                      "ms": {"read": 4.0, "network": 300.0, "filter": 40.0, "rest": 26.0,
                             "write": 30.0, "all": 400.0, "cpu": 600.4}}],
        },
        "results/tiles.json": {"rows": [{"tile": 64, "picture_ms": 7.4}], "size": [64, 48],
                               "model": "p.r1.int8", "threads": 2, "host": host},
        "results/cleaning.recall.json": {
            "data": "a",
            "draws": [{"found": {"blurry": {"one": [9, 10], "other": [hits, 10]}},
                       "good": {"flagged": 3, "pictures": 200, "kinds": {"skewed": 3}}}
                      for hits in (10, 8)],
            "others": [{"folder": "b", "flagged": 1, "pictures": 10, "kinds": {"small": 1}}],
        },
        "results/cleaning.time.json": {
            "data": "a", "workers": 2, "host": host,
            "rows": [{"pictures": 1000, "seconds": 40.0, "processor_seconds": 20.0}],
        },
        "results/curves.workers.json": {
            "model": "m", "data": "a", "settings": ["steps=2"],
            "histories": {"one": [{"epoch": 1.0, "loss": 2.0, "val_loss": 4.0}],
                          "two": [{"epoch": 1.0, "loss": 2.02, "val_loss": 4.0}]},
        },
        "results/pipeline.stages.json": {
            "data": "a", "patch": 96, "batch": 16, "rounds": 5, "host": host,
            "rows": [{"name": "decode", "unit": "photographs", "per_second": [20.0, 30.0]},
                     {"name": "crop, encode", "unit": "crops", "per_second": [600.0, 500.0]},
                     {"name": "generator", "unit": "crops", "per_second": [60.0, 100.0]}],
        },
        "results/pipeline.waiting.json": {
            "data": "a", "rounds": 5, "steps": 60, "host": host,
            "rows": [{"network": "m-s", "crops": "16 x 96", "ms": 40.2,
                      "shares": [-0.01, 0.06, 0.02]}],
        },
        "results/precision.json": {
            "data": "a", "rounds": 5, "steps": 60, "host": host,
            "rows": [{"model": "m", "size": "s", "patch": 96, "batch": 16, "ways": [
                {"precision": "float32", "jit_compile": "off", "ms": 80.4, "seconds": 2.0},
                {"precision": "mixed_bfloat16", "jit_compile": "on", "ms": 20.4, "seconds": 9.0},
            ]}],
        },
    }  # fmt: skip
    for name, document in files.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    (tmp_path / "edge_demo").mkdir()
    (tmp_path / "edge_demo" / "README.md").write_text("nothing to fill\n")
    (tmp_path / "README.md").write_text("before\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("p.r1 left", ["| bilinear | 41.00 | +0.00 | 38.00 | 0.9500 | 0.9600 |",
                       "| `p.r1.int8` | 44.25 | +3.25 | 38.00 | 0.9500 | 0.9600 |",
                       "Means over 2 photographs (`a/b`), left siting."]),
        ("e.r1", ["| method | RGB PSNR, dB | over classical, dB | ΔE 2000 |",
                  "| classical | 14.00 | +0.00 | 12.00 |",
                  "| `e.r1.int8` | 21.00 | +7.00 | 8.00 |",
                  "Means over 2 photographs (`a/b`)."]),
        ("compare enhance", ["| `float32` | 8 | 21.00 |  |  |  | 31.2 | 1.0x | 60 | 5 |"]),
        ("benchmark", ["| `p.r1.int8` | 2 | 10.4 | 11.6 | 20.0 | 50 | 2 |",
                       "A picture of 64x48 on a processor, 2 cores, a system, Python 3, "
                       "an interpreter 1."]),
        ("quantisation", ["| float32 | 45.00 | +0.000 |", "| int8, a way | 44.85 | -0.150 |",
                          "`p.r1`: means over 2 photographs (a/b), calibrated on 8 tiles of 4 "
                          "others."]),
        ("compare", ["| `float32` | 8 | 44.25 |  |  |  | 31.2 | 1.0x | 60 | 5 |",
                     "| `int8` | 2 | 41.00 | 0.13 | 0.59 | 50% | 10.4 | 3.0x | 50 | 5 |"]),
        ("sensitivity", ["| `tail` | CONV_2D | +0.031 | 19.9 | 75.0% |",
                         "| `add` | ADD | +0.000 | 18.0 | 25.0% |",
                         "8 bits lose 0.15 dB on these 8 calibration tiles."]),
        ("pi", ["| file | interpreter | Pi 4 | Pi 5 | allowed | verdict |",
                "| `p.r1.int8` | i | 0 | 0.024 | 0.032 | not ok |"]),
        ("tiles", ["| 64 | 7 |"]),
        ("video walkers", ["| bilinear | 41.00 | 40.00 | 42.00 | +0.00 | 38.00 | 0.9500 | 0.9600 "
                           "| 0.500 | 1.010 |",
                           "| `p.r1+temporal.int8` | 44.25 | 43.00 | 45.50 | +3.25 | 38.00 "
                           "| 0.9500 | 0.9600 | 0.500 | 1.010 |",
                           "2 frames of `a.mp4`, halved; center siting, filter 0.8."]),
        ("video coding", ["| a coding | 40.00 | 44.26 | +4.26 |"]),
        ("video filters", ["| a filter | 44.26 | 0.501 | 1.000 | 44.26 | 0.501 | 1.000 |",
                           "`m`; frames: 9 of a clip, 9 of b.mp4."]),
        ("video speed", ["| a codec | 2.50 | 400 | 1% | 75% | 10% | 6% | 8% | 600 |",
                         "| the graph alone | 5.00 | 200 |  | 100% |  |  |  | 380 |"]),
        ("cleaning recall", ["| `blurry` | one, other | 36 of 40 | 90.0% | 85% |",
                             "| `b` | small 100% | 1 of 10 | 10.0% | 10.0% |",
                             "Draws of 20 faults among the photographs of `a`: 2."]),
        ("cleaning time", ["| 1,000 | 40.0 | 40.0 | 20.0 |"]),
        ("curves workers", ["| 1 | 2.0000 | 2.0200 | 1.0100 | 4.0000 | 4.0000 | 1.0000 |",
                            "`m` on `a`, `steps=2`: at most 1.00% apart."]),
        ("pipeline stages", ["| decode | photographs | 25 |  |",
                             "| crop, encode | crops | 550 | 5.0x to 10.0x |"]),
        ("pipeline waiting", ["| `m-s` | 16 x 96 | 40 | +2.0% | -1.0% to +6.0% |"]),
        ("precision", ["| network | crops of a step | float32, ms | mixed_bfloat16, XLA, ms |",
                       "| `m-s` | 16 x 96 | 80 | 20 |"]),
        ("recipes", ["| `float32` | 32-bit floats, as trained | nothing |"]),
    ],
)  # fmt: skip
def test_a_table(measured: Path, name: str, lines: list[str]) -> None:
    written = pages.content(name, measured).splitlines()
    assert [line for line in lines if line not in written] == []
    # Every row has as many cells as the header.
    assert len({line.count("|") for line in written if line.startswith("|")}) == 1


def test_filling(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "ROOT", measured)
    page = measured / "README.md"
    page.write_text("before\n<!-- table: tiles -->\nold\n<!-- end -->\nafter\n")
    assert pages.main([]) == 0
    assert capsys.readouterr().out == "wrote README.md\n"
    text = page.read_text()
    assert text.startswith("before\n<!-- table: tiles -->\n\n| tile,")
    assert text.endswith(".\n\n<!-- end -->\nafter\n") and "old" not in text
    assert pages.main([]) == 0
    assert capsys.readouterr().out == ""

    page.write_text("<!-- table: nobody.r1 left -->\n<!-- end -->\n")
    assert pages.main([]) == 2
    assert "docs/models/nobody.r1.left.json is not there" in capsys.readouterr().err
    with pytest.raises(UserError, match="not there"):
        pages.content("nobody.r1 left", measured)


def test_the_picture(model_files: dict[str, Path]) -> None:
    import skimage.data

    photograph = np.ascontiguousarray(skimage.data.astronaut()[340:436, 110:238])
    drawn = before_after.draw(photograph, TFLiteModel(model_files["int8"]))
    side = before_after.SIDE * before_after.ZOOM
    assert drawn.shape == (2 * side + before_after.LABEL, 4 * side + 3 * before_after.GAP, 3)
    columns = [drawn[:side, i * (side + before_after.GAP) :][:, :side] for i in range(4)]
    assert all((a != b).any() for i, a in enumerate(columns) for b in columns[i + 1 :])
    committed = cv2.imread(str(before_after.PICTURE))
    assert committed is not None and committed.shape == drawn.shape


def test_the_picture_of_flicker(model_files: dict[str, Path]) -> None:
    frames = [
        np.dstack([one[..., 0], one[..., 1] // 2 + 60, one[..., 2] // 2 + 60])
        for one in moving(3, (80, 112))
    ]
    drawn = flicker_picture.draw(frames, TFLiteModel(model_files["int8"]))
    committed = cv2.imread(str(flicker_picture.PICTURE))
    assert committed is not None and committed.shape == drawn.shape
    side = before_after.SIDE * before_after.ZOOM
    changes = [drawn[-side:, i * (side + before_after.GAP) :][:, :side] for i in range(4)]
    # The truth has no error that could change; the filter quietens the network's.
    restless = [np.abs(one.astype(float) - 128).mean() for one in changes]
    assert restless[3] < 1 < restless[2] < restless[1]


def test_the_colour_sheet_is_drawn_from_what_ships() -> None:
    import skimage.data

    rgb = np.ascontiguousarray(skimage.data.chelsea()[:120, :160])
    models = {
        name: TFLiteModel(models_folder.find(name)) for name, _ in colour_sheet.COLUMNS.values()
    }
    photograph, grey, *coloured = colour_sheet.row(rgb, models)
    assert np.array_equal(photograph, rgb) and not np.ptp(grey, axis=-1).any()
    assert len(coloured) == len(colour_sheet.COLUMNS)
    light = [rgb_to_lab(picture) for picture in (grey, *coloured)]
    for picture in light[1:]:
        assert np.abs(picture[..., 0] - light[0][..., 0]).max() < 1.5  # two roundings
        assert np.abs(picture[..., 1:]).mean() > 1.0
    committed = cv2.imread(str(colour_sheet.PICTURE))
    columns = 2 + len(colour_sheet.COLUMNS)
    width = columns * (colour_sheet.SIZE[1] + sheets.GAP) - sheets.GAP
    assert committed is not None and committed.shape[1] == width


def test_the_sheet_of_sizes_is_drawn_from_what_ships(tmp_path: Path) -> None:
    import skimage.data

    rgb = np.ascontiguousarray(skimage.data.chelsea()[:120, :160])
    models = size_sheet.exported(size_sheet.PRESET, (64, 96), tmp_path)
    assert [model.fit(8, 8) for model in models.values()] == [(64, 64), (96, 96)]
    photograph, *coloured = size_sheet.row(rgb, models)
    assert np.array_equal(photograph, rgb)
    assert np.abs(coloured[0].astype(float) - coloured[1]).mean() > 1.0
    with pytest.raises(UserError, match="must be a multiple of 32"):
        size_sheet.exported(size_sheet.PRESET, (100,), tmp_path)
    committed = cv2.imread(str(size_sheet.PICTURE))
    columns = 1 + len(size_sheet.SIZES)
    width = columns * (size_sheet.CELL[1] + sheets.GAP) - sheets.GAP
    assert committed is not None and committed.shape[1] == width


def small_photographs(folder: Path) -> Path:
    import skimage.data

    folder.mkdir()
    for name in ("chelsea", "coffee", "astronaut"):
        rgb = getattr(skimage.data, name)()
        cv2.imwrite(str(folder / f"{name}.png"), cv2.resize(rgb[..., ::-1], (96, 64)))
    return folder


def test_colour_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small_photographs(tmp_path / "photographs")
    monkeypatch.setattr(colour, "NETWORKS", ("colorize_fusion-lite.r1",))
    monkeypatch.setattr(colour, "LARGE", (120, 80))
    monkeypatch.setattr(colour, "ROUNDS", 1)
    found = {}
    for what, source in (
        ("scenes", f"folder:{folder}"),
        ("wanted", f"folder:{folder}"),
        ("large", str(folder / "coffee.png")),
    ):
        file = tmp_path / f"{what}.json"
        assert colour.main([what, source, "--json", str(file)]) == 0
        found[what] = json.loads(file.read_text())
        assert pages.colour(found[what]).count("\n|") >= 2
    assert found["scenes"]["schema"] == 1 and found["scenes"]["images"] == 3
    assert [row["name"] for row in found["scenes"]["rows"]][1:] == ["colorize_fusion-lite.r1"] * 2
    nothing, average, colours = (row["ab_psnr"] for row in found["wanted"]["rows"])
    assert average > nothing and colours > nothing
    (row,) = found["large"]["rows"]
    assert row["wall_s"]["best"] > 0 and row["processor_s"]["best"] > 0.1
    assert row["peak_rss_bytes"] > 30e6
    assert colour.main(["large", str(tmp_path / "none.jpg")]) == 2


def test_the_reach_of_hints_is_tuned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small_photographs(tmp_path / "photographs")
    monkeypatch.setattr(tune_hints, "NUMBERS", (3, 6))
    monkeypatch.setattr(tune_hints, "STEPS", (1.7,))
    assert tune_hints.main([str(folder)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " dB  " in line]
    assert float(lines[-1][0]) > float(lines[0][0]) - 1e-6
    assert tune_hints.main([str(tmp_path / "none")]) == 2


def test_the_night_sheet_is_drawn_from_what_ships() -> None:
    night = np.full((90, 120, 3), 9, np.uint8)
    columns = night_sheet.methods(night_sheet.MODELS)
    drawn = night_sheet.draw([night, night[:, :40]], columns)
    height, width, gap = night_sheet.HEIGHT, night_sheet.WIDTH, sheets.GAP
    assert drawn.shape == (
        sheets.LABEL + 2 * (height + gap), 4 * width + 3 * gap, 3
    )  # fmt: skip
    row = drawn[sheets.LABEL + gap :][:height]
    cells = [row[:, i * (width + gap) :][:, :width] for i in range(4)]
    assert cells[0].min() == 9
    assert all(cell.mean() > 1.5 * cells[0].mean() for cell in cells[1:])
    committed = cv2.imread(str(night_sheet.PICTURE))
    assert committed is not None and committed.shape[1] == drawn.shape[1]


def test_a_long_table_of_operations_is_cut() -> None:
    line = {"name": "a", "kind": "ADD", "snr_db": 1.0, "gain_db": 0.0, "macs": 1}
    found = {"float_db": 2.0, "integer_db": 1.0, "tiles": 1, "operations": [line] * 40}
    text = pages.sensitivity(found)
    assert len(text.splitlines()) == 2 + pages._OPERATIONS + 2
    assert "The other 16 operations gain less." in text
