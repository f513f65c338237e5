"""``python -m datasets``: list and prepare."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import sources
from datasets.__main__ import main
from edge_demo.pictures.images import read_rgb


def refused(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """A user's mistake: exit code 2 and, at its end, one line that says what."""
    capfd.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as leave:
        code = leave.code
    said = capfd.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err.splitlines()[-1].startswith("python -m datasets")
    return said.err


def test_list_names_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(sources.KINDS)
    assert lines[-1].startswith("next: python -m training fit ")


def test_prepare_writes_what_would_be_trained_on(
    tmp_path: Path, natural: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    halved = tmp_path / "in" / "photo.jpg"
    plain = tmp_path / "in" / "sub" / "photo.png"
    plain.parent.mkdir(parents=True)
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    assert cv2.imwrite(str(halved), natural[..., ::-1], sampling)
    assert cv2.imwrite(str(plain), natural[..., ::-1])
    (tmp_path / "in" / "broken.png").write_bytes(b"")
    out = tmp_path / "deep" / "out"
    assert main(["prepare", f"folder:{tmp_path}/in", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f"wrote 2 photographs to {out}\nnext: " in said.out
    assert "skipped" in said.err and "broken.png" in said.err
    # Two files of one name do not become one.
    assert sorted(p.name for p in out.iterdir()) == ["00000_photo.png", "00001_photo.png"]
    assert read_rgb(out / "00000_photo.png").rgb.shape == (48, 64, 3)
    assert np.array_equal(read_rgb(out / "00001_photo.png").rgb, natural)


def test_mistakes_write_nothing(
    tmp_path: Path, natural: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "a.png"), natural)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "a.png").write_bytes(b"no")
    before = sorted(tmp_path.rglob("*"))
    out = tmp_path / "out"
    for source, target, says in [
        ("smaple", out, "did you mean 'sample'"),
        (f"folder:{tmp_path}/none", out, "no folder"),
        (f"folder:{bad}", out, "none of 1"),
        (f"folder:{folder}", folder, "not empty"),
        (f"folder:{folder}", folder / "a.png", "exists already"),
        (f"folder:{folder}", folder / "a.png" / "below", "cannot make"),
    ]:
        error = refused(capfd, "prepare", source, "--out", target)
        assert says in error.splitlines()[-1]
        assert len(error.splitlines()) == 1 + error.count("skipped: ")
        assert [p for p in sorted(tmp_path.rglob("*")) if p != out] == before
        assert not out.exists() or not any(out.iterdir())
    assert "required: command" in refused(capfd)
    assert "required: --out" in refused(capfd, "prepare", "sample")
    assert "invalid choice: 'val'" in refused(
        capfd, "prepare", "sample", "--split", "val", "--out", out
    )
