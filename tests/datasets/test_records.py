"""Records hold every patch once, go on after a kill, and train like the pictures themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import cells, records, sources, squares
from datasets.__main__ import main
from edge_demo.errors import UserError
from tests.mistakes import refused

Made = Callable[..., Path]


@pytest.fixture
def made(small_photographs: Path, tmp_path: Path) -> Made:
    def make(name: str = "records", *options: str) -> Path:
        out = tmp_path / name
        arguments = ["prepare", f"folder:{small_photographs}", "--patch", "48", "--shards", "3"]
        assert main([*arguments, "--out", str(out), *options]) == 0
        return out

    return make


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.glob("*.tfrecord")}  # fmt: skip


def test_every_patch_is_there_once(
    made: Made, small_photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = made()
    said = capsys.readouterr()
    source = sources.open_source(f"records:{out}")
    assert f"wrote {source.count} patches of 6 pictures in 3 shards to {out}" in said.out
    assert "shard 3/3" in said.err and "ETA" in said.err
    folder = sources.open_source(f"folder:{small_photographs}")
    expected = [
        cell.tobytes() for _, rgb in sources.photographs(folder) for cell in squares.grid(rgb, 48)
    ]
    found = [(path, rgb.tobytes()) for path, rgb in sources.photographs(source)]
    assert sorted(rgb for _, rgb in found) == sorted(expected)
    assert [rgb for _, rgb in found] != expected
    # A picture's patches are in one shard, so that shards can be held out.
    shard = {rgb: path for path, rgb in found}
    for _, rgb in sources.photographs(folder):
        assert len({shard[cell.tobytes()] for cell in squares.grid(rgb, 48)}) == 1
    train, held = sources.hold_out(source)
    assert train.count + held.count == source.count and not set(train.paths) & set(held.paths)


def test_the_manifest_says_what_they_are(made: Made, small_photographs: Path) -> None:
    out = made("records", "--seed", "7")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["source"] == f"folder:{small_photographs}"
    assert (manifest["patch"], manifest["seed"], manifest["pairs"]) == (48, 7, False)
    assert {s["file"]: s["sha256"] for s in manifest["shards"]} == digests(out)
    # The same again, and other orders from another seed.
    assert digests(made("again", "--seed", "7")) == digests(out)
    assert digests(made("other", "--seed", "8")) != digests(out)


def test_finished_shards_stay_after_a_kill(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = digests(made("whole"))
    write, written = records._written, []

    def deadly(path: Path, of: list[bytes]) -> dict:
        if len(written) == 2:
            (path.with_name(f".{path.name}.tmp")).write_bytes(b"half a shard")
            raise KeyboardInterrupt
        written.append(path.name)
        return write(path, of)

    with monkeypatch.context() as patch:
        patch.setattr(records, "_written", deadly)
        with pytest.raises(AssertionError):  # exit code 130
            made("killed")
    out = tmp_path / "killed"
    with pytest.raises(UserError, match=r"is not finished \(2 of 3 shards\)"):
        sources.open_source(f"records:{out}")
    before = {name: (out / name).stat().st_mtime_ns for name in written}
    made("killed")
    assert digests(out) == whole and not list(out.glob(".*"))
    assert before == {name: (out / name).stat().st_mtime_ns for name in written}


def test_memory_is_kept_to(made: Made) -> None:
    source = sources.open_source(f"records:{made()}")
    few = cells.cut(source, size=48, least_side=48, limit_bytes=5 * 48 * 48 * 3)
    assert len(few.ycbcr) == 5
    with pytest.raises(UserError, match="holds patches of 48 pixels, and 64 are needed"):
        cells.cut(source, size=64, least_side=64)


def test_pairs(tmp_path: Path, natural: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(4):
        for side, rgb in (("low", natural // 8), ("high", natural)):
            (tmp_path / "pairs" / side).mkdir(parents=True, exist_ok=True)
            if index == 3 and side == "low":
                rgb = np.random.default_rng(0).integers(0, 30, natural.shape, np.uint8)
            path = tmp_path / "pairs" / side / f"{index}.png"
            assert cv2.imwrite(str(path), np.ascontiguousarray(rgb[:, :, ::-1]))
    out = tmp_path / "records"
    arguments = ["prepare", f"pairs:{tmp_path}/pairs", "--patch", "64", "--out", str(out)]
    assert main([*arguments, "--shards", "2"]) == 0
    assert "3.png and its partner have nothing in common" in capsys.readouterr().err
    source = sources.open_source(f"records:{out}")
    expected = squares.grid(np.concatenate([natural // 8, natural], -1), 64)
    found = list(sources.pairs(source))
    assert len(found) == 3 * len(expected)
    wanted = {cell.tobytes() for cell in expected}
    assert {np.concatenate([low, high], -1).tobytes() for _, low, high in found} == wanted
    # As photographs they are those in good light.
    assert next(iter(sources.photographs(source)))[1].tobytes() == found[0][2].tobytes()


def test_mistakes(
    made: Made, small_photographs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, new = made(), tmp_path / "new"
    data = f"folder:{small_photographs}"
    for arguments, says in [
        ((data, "--patch", "47", "--out", new), "must be even, 32 or more"),
        ((data, "--patch", "48", "--shards", "0", "--out", new), "--shards must be 1 or more"),
        ((data, "--patch", "48", "--shards", "7", "--out", new), "has only 6 pictures"),
        ((data, "--shards", "2", "--out", new), "--shards is for --patch"),
        ((data, "--patch", "64", "--shards", "3", "--out", out), "(patch differs)"),
        ((data, "--patch", "48", "--out", small_photographs), "is not empty"),
        ((f"records:{out}", "--patch", "48", "--out", new), "is records already"),
    ]:
        assert says in refused("datasets", capfd, "prepare", *arguments)
    with pytest.raises(UserError, match="holds no records"):
        sources.open_source(f"records:{small_photographs}")
    shard = next(iter(out.glob("*.tfrecord")))
    data = bytearray(shard.read_bytes())
    data[100] ^= 255
    shard.write_bytes(data)
    with pytest.raises(UserError, match="is damaged"):
        list(sources.photographs(sources.open_source(f"records:{out}")))
    shard.write_bytes(data[:-1])
    with pytest.raises(UserError, match="missing or incomplete"):
        sources.open_source(f"records:{out}")
    (out / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="is damaged"):
        sources.open_source(f"records:{out}")
