"""``edge_demo`` as a distribution of its own: what it needs, what it holds, and that it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from edge_demo import cli

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "edge_demo"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text())
_MOST = 35 << 20


def test_it_needs_what_a_device_installs() -> None:
    lines = (FOLDER / "requirements.txt").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert PROJECT["project"]["dependencies"] == pinned
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for key in ("name", "version", "requires-python"):
        assert PROJECT["project"][key] == whole[key]


def test_every_room_is_in_it() -> None:
    rooms = sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))
    assert PROJECT["tool"]["setuptools"]["packages"] == [
        "edge_demo", *(f"edge_demo.{room}" for room in rooms)
    ]  # fmt: skip


def test_it_knows_how_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/chromaedge", "models"])
    assert cli.program() == "chromaedge"
    monkeypatch.setattr(sys, "argv", ["/somewhere/edge_demo/__main__.py", "models"])
    assert cli.program() == "python -m edge_demo"


@pytest.mark.slow
def test_installed_it_runs_from_any_folder(tmp_path: Path) -> None:
    pytest.importorskip("wheel", reason="builds without isolation")
    copy = tmp_path / "edge_demo"
    unwanted = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    shutil.copytree(FOLDER, copy, ignore=unwanted)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    local = ["--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *local, "-w", str(tmp_path), str(copy)], check=True)
    (wheel,) = tmp_path.glob("chromaedge-*.whl")
    assert wheel.stat().st_size < _MOST
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("edge_demo/")}
    tracked = {
        f"edge_demo/{path.relative_to(copy).as_posix()}"
        for path in copy.rglob("*")
        if path.is_file() and not {"build", "chromaedge.egg-info"} & set(path.parts)
    }
    # What only an installation from the folder needs.
    assert tracked - held == {
        f"edge_demo/{name}"
        for name in (
            "Containerfile",
            "README.md",
            "chromaedge.service",
            "models/.gitignore",
            "pyproject.toml",
            "requirements.txt",
        )
    }
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    subprocess.run([*pip, "install", *local, "--target", str(site), str(wheel)], check=True)
    elsewhere.mkdir()
    photo = FOLDER / "web" / "samples" / "chroma.jpg"
    command = [sys.executable, str(site / "bin" / "chromaedge")]
    done = subprocess.run(
        [*command, "run", str(photo), "restored.png"],
        cwd=elsewhere, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.match(r"chose chroma: .*\nwrote restored.png \(", done.stdout)
    where = "import edge_demo, pathlib; print(pathlib.Path(edge_demo.__file__).parent)"
    found = subprocess.run(
        [sys.executable, "-c", where],
        cwd=elsewhere, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == str(site / "edge_demo")
    models = subprocess.run(
        [*command, "models"],
        cwd=elsewhere, env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert models.stdout.splitlines()[-1].startswith("next: chromaedge run ")
