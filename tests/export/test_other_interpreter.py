"""The self-test in the other environment: its verdicts, and what stands in its way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_demo.model import models_folder, package
from export import other_interpreter
from export.other_interpreter import selftest_elsewhere


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment whose Python is a shell script."""
    python = tmp_path / "other" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(0o755)
    (tmp_path / "other" / ".installed").touch()
    monkeypatch.setattr(other_interpreter, "ENVIRONMENT", tmp_path / "other")
    return python


def test_without_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_interpreter, "ENVIRONMENT", tmp_path / "none")
    assert selftest_elsewhere(tmp_path / "m.tflite") is None


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('[ "$*" = "-m edge_demo selftest $PWD/m.tflite" ] && echo "ok   m.tflite: difference 0"',
         (True, "difference 0")),
        ("echo 'FAIL m.tflite: difference 9'; exit 1", (False, "difference 9")),
        ("echo 'python -m edge_demo: no such file' >&2; exit 2",
         (False, "python -m edge_demo: no such file")),
        ("exit 3", (False, "exit code 3")),
        ("env | grep ^PYTHON; true", (True, "exit code 0")),
        ("exec sleep 60", (False, "not done after 0.2 s in other")),
    ],
)  # fmt: skip
def test_verdicts(
    script: str,
    expected: tuple[bool, str],
    stand_in: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in.write_text(f"#!/bin/sh\n{script}\n")
    monkeypatch.setattr(other_interpreter, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", "here")
    if "sleep" in script:
        monkeypatch.setattr(other_interpreter, "LIMIT_SECONDS", 0.2)
    assert selftest_elsewhere(tmp_path / "m.tflite") == expected


def test_an_environment_that_cannot_be_started(stand_in: Path) -> None:
    stand_in.write_text("#!/no/such/interpreter\n")
    found = selftest_elsewhere(Path("m.tflite"))
    assert found == (False, "other cannot be started (No such file or directory)")


def test_a_half_made_environment(stand_in: Path) -> None:
    (stand_in.parents[1] / ".installed").unlink()
    assert selftest_elsewhere(Path("m.tflite")) is None


@pytest.mark.skipif(not other_interpreter.is_there(), reason="'make setup-tflite' has not been run")
def test_what_ships_and_a_wrong_one(tmp_path: Path) -> None:
    shipped = models_folder.find(None)
    found = selftest_elsewhere(shipped)
    assert found and found[0] and "in tflite_runtime" in found[1]
    golden = package.read_golden(shipped)
    golden["output_correction"] = np.roll(golden["output_correction"], 1, axis=0)
    wrong = tmp_path / "wrong.tflite"
    network, card = package.flatbuffer(shipped), package.read_card(shipped)
    wrong.write_bytes(package.join(network, card.values, golden))
    found = selftest_elsewhere(wrong)
    assert found and not found[0] and "largest difference" in found[1]
