"""The repository stays light: what a clone takes, and what is copied to a board."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MIB = 2**20


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """What a fresh clone has, without git's own."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    names = [name for name in done.stdout.decode().split("\0") if name]
    if not names:
        pytest.skip("not a repository")
    return [path for name in names if (path := ROOT / name).is_file()]


def test_a_clone(files: list[Path]) -> None:
    assert sum(path.stat().st_size for path in files) <= 45 * MIB


def test_what_is_copied_to_a_board(files: list[Path]) -> None:
    """With all that the commands of its page need."""
    folder = ROOT / "edge_demo"
    ours = [path for path in files if path.is_relative_to(folder)]
    assert len(ours) > 50 and sum(path.stat().st_size for path in ours) <= 30 * MIB
