"""``python -m datasets clean``: what it writes, what it leaves alone, how it goes on."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from datasets import sources
from datasets.__main__ import main
from datasets.cleaning import command, local
from datasets.cleaning.verdicts import KINDS
from tests.datasets.cleaning.conftest import EXPECTED
from tests.mistakes import refused

ROOT = Path(__file__).parents[3]


def clean(*arguments: object) -> int:
    return main(["clean", *map(str, arguments)])


def verdicts(out: Path, root: Path) -> dict[str, list[str]]:
    manifest = json.loads((out / "manifest.json").read_text())
    return {
        str(Path(line["path"]).relative_to(root)): [v["kind"] for v in line["verdicts"]]
        for line in manifest["pictures"]
    }


@pytest.fixture(scope="module")
def out(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "deep" / "clean"
    assert clean(mixed, "--out", folder, "--workers", 2) == 0
    return folder


@pytest.fixture
def unscored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that are scored, one after the other; nothing else changes."""
    seen: list[str] = []
    real = local.scored

    def spy(paths: list[str], *rest: Any) -> Any:
        seen.extend(paths)
        return real(paths, *rest)

    monkeypatch.setattr(local, "scored", spy)
    return seen


def test_each_fault_is_found_and_nothing_else(mixed: Path, out: Path) -> None:
    assert verdicts(out, mixed) == EXPECTED


def test_originals_are_as_they_were(mixed: Path, tmp_path: Path) -> None:
    def state() -> dict[Path, tuple[int, bytes]]:
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in mixed.rglob("*") if p.is_file()}

    before = state()
    assert clean(mixed, "--out", tmp_path / "clean") == 0
    assert state() == before


def test_the_manifest_tells_everything(mixed: Path, out: Path) -> None:
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["settings"]["folder"] == str(mixed)
    assert manifest["settings"]["blur"] == pytest.approx(0.61)
    assert manifest["counts"] == {
        "pictures": 12, "kept": 4, "duplicate": 2,
        **{kind: 1 for kind in KINDS if kind != "duplicate"},
    }  # fmt: skip
    lines = {Path(line["path"]).name: line for line in manifest["pictures"]}
    assert lines["halved.jpg"]["stored"] == "4:2:0" and lines["halved.jpg"]["width"] == 128
    assert set(lines["a.png"]["measures"]) == {
        "spread", "tint", "ends", "clipped", "channel", "blur", "period", "gap"
    }  # fmt: skip
    assert "truncated" in lines["corrupt.jpg"]["problem"]
    (same,), (near,) = lines["same.png"]["verdicts"], lines["near.png"]["verdicts"]
    assert same["why"] == "the same file" and same["of"].endswith("good/a.png")
    assert near["why"].endswith("of 64 bits differ") and near["of"].endswith("good/b.png")


def test_what_is_kept_can_be_trained_on(mixed: Path, out: Path) -> None:
    source = sources.open_source(f"list:{out}/kept.txt")
    assert [str(p.relative_to(mixed)) for p in source.paths] == [
        name for name, found in EXPECTED.items() if not found
    ]
    assert len(list(sources.photographs(source))) == 4


def test_the_report_shows_each_kind(out: Path) -> None:
    text = (out / "report.html").read_text()
    for kind in KINDS:
        assert f"<h2>{kind.capitalize()}: " in text
    for name in EXPECTED:
        assert f"<b>{name.replace('.', '<wbr>.')}</b>" in text
    # One for each but the corrupt one, and those kept once more; one drawing a measure.
    assert text.count("data:image/jpeg;base64,") == len(EXPECTED) - 1
    assert text.count("<svg") == 8 and text.count('class="limit"') == 8
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)


def test_a_finished_cleaning_is_judged_again_without_scoring(
    mixed: Path, out: Path, tmp_path: Path, unscored: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    again = tmp_path / "again"
    shutil.copytree(out, again)
    allowed = ["--allow", "subsampled", "--allow", "blurry", "--duplicate-bits", 0, "--min-side", 8]
    assert clean(mixed, "--out", again, "--overwrite", *allowed) == 0
    assert unscored == []
    said = capsys.readouterr().out
    assert "12 of 12 pictures are scored already" in said and "(allowed)" in said
    assert f"next: python -m training fit chroma_residual --data list:{again}/kept.txt" in said
    found = verdicts(again, mixed)
    assert found["blurry.png"] == ["blurry"] and found["small.png"] == []
    kept = (again / "kept.txt").read_text()
    assert all(name in kept for name in ("blurry.png", "subsampled.png", "small.png"))
    assert "skewed.png" not in kept and "same.png" not in kept


def test_a_stopped_run_goes_on(mixed: Path, out: Path, tmp_path: Path, unscored: list[str]) -> None:
    half = tmp_path / "half"
    half.mkdir()
    lines = (out / "scores.jsonl").read_text().splitlines(keepends=True)
    # Stopped in the middle of a line.
    (half / "scores.jsonl").write_text("".join(lines[:5]) + lines[5][:40])
    assert clean(mixed, "--out", half) == 0
    assert len(unscored) == len(EXPECTED) - 4
    for name in ("manifest.json", "kept.txt", "report.html"):
        assert (half / name).read_bytes() == (out / name).read_bytes()


def test_ctrl_c_keeps_what_is_scored(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unscored: list[str]
) -> None:
    written = []
    real = command.Scores.to_json

    def stop(self: Any) -> str:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(self.path)
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(command.Scores, "to_json", stop)
        assert clean(mixed, "--out", tmp_path / "clean") == 130
    assert not (tmp_path / "clean" / "manifest.json").exists()
    unscored.clear()
    assert clean(mixed, "--out", tmp_path / "clean") == 0
    assert len(unscored) == len(EXPECTED) - 3
    assert verdicts(tmp_path / "clean", mixed) == EXPECTED


def test_a_full_disk_is_one_line_and_what_was_scored_goes_on(
    mixed: Path, out: Path, tmp_path: Path, unscored: list[str], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Nothing more fits after a few scores, and then no manifest beside the report."""
    folder = tmp_path / "clean"
    real, left = local.scored, [3]

    def until_full(paths: list[str], *rest: Any) -> Any:
        for scores in real(paths, *rest):
            if not left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            left[0] -= 1
            yield scores

    with monkeypatch.context() as patch:
        patch.setattr(local, "scored", until_full)
        said = refused("datasets", capfd, "clean", mixed, "--out", folder, "--workers", 1)
    assert "scores.jsonl: No space left on device; the same command goes on" in said
    unscored.clear()
    (folder / "report.html").write_text("all that fitted of the results")
    assert clean(mixed, "--out", folder, "--workers", 1) == 0
    assert len(unscored) == len(EXPECTED) - 3
    assert verdicts(folder, mixed) == verdicts(out, mixed)


def test_a_changed_picture_is_scored_again(
    mixed: Path, out: Path, tmp_path: Path, unscored: list[str]
) -> None:
    copy = tmp_path / "pictures"
    shutil.copytree(mixed, copy)
    assert clean(copy, "--out", tmp_path / "clean") == 0
    unscored.clear()
    (copy / "monochrome.png").write_bytes((copy / "good" / "a.png").read_bytes())
    (copy / "small.png").unlink()
    assert clean(copy, "--out", tmp_path / "clean", "--overwrite") == 0
    assert unscored == [str(copy / "monochrome.png")]
    found = verdicts(tmp_path / "clean", copy)
    assert found["monochrome.png"] == ["duplicate"] and "small.png" not in found


def test_as_stored_flags_what_says_that_it_is_subsampled(mixed: Path, tmp_path: Path) -> None:
    assert clean(mixed / "good", "--out", tmp_path / "clean", "--as-stored") == 0
    found = verdicts(tmp_path / "clean", mixed / "good")
    assert found == {"a.png": [], "b.png": [], "c.jpg": [], "halved.jpg": ["subsampled"]}


def test_nothing_is_left(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(mixed / "corrupt.jpg", folder)
    assert clean(folder, "--out", tmp_path / "clean") == 0
    said = capsys.readouterr()
    assert "kept 0 of 1" in said.out and "next:" not in said.out
    assert "nothing is left to train on" in said.err
    assert "Scores" not in (tmp_path / "clean" / "report.html").read_text()
    with pytest.raises(Exception, match="names no picture"):
        sources.open_source(f"list:{tmp_path}/clean/kept.txt")


def test_mistakes(
    mixed: Path, out: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    (tmp_path / "none").mkdir()
    other = tmp_path / "other"
    other.mkdir()
    (other / "scores.jsonl").write_text('{"schema": 1}\n')
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    lines = (out / "scores.jsonl").read_text().splitlines(keepends=True)
    (damaged / "scores.jsonl").write_text("".join([lines[0], "{}\n", *lines[2:]]))
    new = tmp_path / "new"
    for arguments, says in [
        ([mixed, "--out", out], "--overwrite"),
        ([mixed, "--out", full], "not empty"),
        ([mixed, "--out", full / "notes.txt"], "cannot be used"),
        ([mixed, "--out", other], "another folder"),
        ([mixed, "--out", damaged], "line 2 is damaged"),
        ([mixed, "--out", out, "--overwrite", "--as-stored"], "another folder"),
        ([tmp_path / "nowhere", "--out", new], "no folder"),
        ([tmp_path / "none", "--out", new], "no pictures"),
        ([mixed, "--out", new, "--workers", 0], "--workers 0"),
        ([mixed, "--out", new, "--duplicate-bits", 12], "0 to 11"),
        ([mixed, "--out", new, "--duplicate-bits", 2.5], "0 to 11"),
        ([mixed, "--out", new, "--max-blur", "much"], "--max-blur"),
        ([mixed, "--out", new, "--allow", "blury"], "--allow"),
        ([mixed, "--out", new, "--beam=--x=1"], "--runner"),
        ([mixed], "--out"),
    ]:
        assert says in refused("datasets", capfd, "clean", *arguments)
    assert not new.exists() and (full / "notes.txt").read_text() == "mine"


def test_every_threshold_has_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["clean", "--help"])
    said = capsys.readouterr().out
    for name in ("side", "spread", "ends", "tint", "clipped", "channel", "blur", "period", "gap"):
        assert re.search(rf"--(min|max)-{name} X", said)
    assert "--duplicate-bits X" in said


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_killed_cleaning_leaves_no_process(mixed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "datasets", "clean", str(mixed), "--workers", "2"]
    with subprocess.Popen([*command, "--out", str(tmp_path / "o")], cwd=ROOT,
                          stdout=subprocess.DEVNULL) as process:  # fmt: skip
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        workers: list[str] = []
        while len(workers) < 2:
            assert process.poll() is None
            time.sleep(0.02)
            workers = [pid for pid in listed.read_text().split() if "spawn_main" in _command(pid)]
        process.kill()
    for _ in range(1000):
        if not any("spawn_main" in _command(pid) for pid in workers):
            return
        time.sleep(0.1)
    raise AssertionError(f"still there: {workers}")


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
