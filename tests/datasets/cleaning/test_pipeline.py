"""The same cleaning with Apache Beam, which is installed on demand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from datasets.__main__ import main
from tests.mistakes import refused

BEAM = importlib.util.find_spec("apache_beam") is not None


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.skipif(BEAM, reason="Apache Beam is installed")
def test_without_beam(mixed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = refused("datasets", capfd, "clean", mixed, "--out", tmp_path / "o", "--runner", "X")
    assert "requirements-scale.txt" in line
    assert not (tmp_path / "o").exists()


@pytest.mark.skipif(not BEAM, reason="Apache Beam is not installed")
def test_both_write_the_same(
    mixed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker processes start where the command does.
    monkeypatch.chdir(Path(__file__).parents[3])
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["clean", str(mixed), "--out", str(here), "--workers", "1"]) == 0
    capfd.readouterr()
    with_beam = ["--runner", "DirectRunner", "--workers", "2"]
    assert main(["clean", str(mixed), "--out", str(there), *with_beam]) == 0
    assert capfd.readouterr().err == ""
    assert files(here) == files(there)
    # From the scores of a former run, of which half are left.
    lines = (there / "scores.jsonl").read_text().splitlines(keepends=True)
    (there / "scores.jsonl").write_text("".join(lines[:7]))
    again = ["clean", str(mixed), "--out", str(there), "--overwrite", *with_beam]
    assert main(again) == 0
    assert files(here) == files(there)


@pytest.mark.skipif(not BEAM, reason="Apache Beam is not installed")
@pytest.mark.parametrize(
    ("options", "says"),
    [(["DirectRuner"], "DirectRunner"), (["DirectRunner", "--beam=--wrong=1"], "--wrong")],
)
def test_mistakes(
    mixed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    arguments = ["clean", mixed, "--out", tmp_path / "o", "--runner", *options]
    assert says in refused("datasets", capfd, *arguments)
    assert not (tmp_path / "o").exists()
