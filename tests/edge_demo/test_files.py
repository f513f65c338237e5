"""A file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_demo.errors import UserError
from edge_demo.files import check_empty, write_whole


def test_it_replaces_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    write_whole(path, b"old")
    seen = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        seen.append((Path(target), path.read_bytes(), Path(source).read_bytes()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    write_whole(path, b"new and longer")
    # Until the very last step the old file stands, and the new one is complete.
    assert seen == [(path, b"old", b"new and longer")]
    assert path.read_bytes() == b"new and longer" and os.listdir(tmp_path) == ["state"]


@pytest.mark.parametrize("error", [OSError("disk"), KeyboardInterrupt()])
def test_a_failure_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "state"
    write_whole(path, b"old")

    def failing(*_: object) -> None:
        raise error

    for step in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, failing)
            with pytest.raises(type(error)):
                write_whole(path, b"new")
        assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["state"]


def test_impossible_places(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "none" / "below", tmp_path / "folder"):
        with pytest.raises(OSError, match="directory"):
            write_whole(path, b"new")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"mine" and not os.listdir(tmp_path / "folder")


def test_a_folder_of_results_is_fresh_or_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "empty").mkdir()
    check_empty(tmp_path / "empty")
    check_empty(tmp_path / "none" / "below")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(UserError, match="exists already and is not empty; choose another"):
            check_empty(path)
    with pytest.raises(UserError, match="cannot be used"):
        check_empty(tmp_path / ("long" * 100))
