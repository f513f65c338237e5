"""Files are fetched whole or not at all, from wherever, and only those that the index means."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from edge_demo.__main__ import main
from edge_demo.model import models_folder

PRESET = "chroma_residual-s.r9"
SIZES = {"float32": 300_000, "int8": 90_001}


class Server(SimpleHTTPRequestHandler):
    """Knows ranges, unlike the standard library's, and misbehaves when it is told to."""

    asked: ClassVar[list[str]] = []
    ranges = True
    breaks_after: int | None = None

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        data, wanted = path.read_bytes(), self.headers.get("Range", "")
        self.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and self.ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = None if self.breaks_after is None else start + self.breaks_after
        with contextlib.suppress(OSError):
            self.wfile.write(data[start:end])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Where the files come from."""
    out = tmp_path / "from"
    out.mkdir()
    for recipe, size in SIZES.items():
        values = np.random.default_rng(size).integers(0, 256, size, np.uint8)
        (out / f"{PRESET}.{recipe}.tflite").write_bytes(values.tobytes())
    return out


@pytest.fixture
def folder(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with an index of the files, and without them."""
    out = tmp_path / "models"
    out.mkdir()
    recipes: dict[str, Any] = {}
    for recipe, size in SIZES.items():
        data = (files / f"{PRESET}.{recipe}.tflite").read_bytes()
        recipes[recipe] = {"bytes": size, "sha256": hashlib.sha256(data).hexdigest(),
                           "network": "0" * 64, "figures": {"chroma_psnr": 47.125},
                           "in_git": recipe == "int8"}  # fmt: skip
    recipes["mixed"] = {"equals": "int8"}
    preset = {"task": "chroma", "variant": "", "data": "folder:a/b", "recipes": recipes}
    document = {"schema": 1, "base_url": "", "presets": {PRESET: preset}}
    (out / "index.json").write_text(json.dumps(document))
    monkeypatch.setattr(models_folder, "FOLDER", out)
    monkeypatch.chdir(tmp_path)
    return out


@pytest.fixture
def url(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a server of the files, as it is before a test tells it to misbehave."""
    monkeypatch.setattr(Server, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(files))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def fetched(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"index.json"}


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_what_is_not_here_comes(
    kind: str, files: Path, folder: Path, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source = {"folder": str(files), "url": url}[kind]
    assert main(["models", "--fetch", f"{PRESET}.mixed", "--from", source]) == 0
    assert fetched(folder) == {f"{PRESET}.int8.tflite"}
    wrote, following = capfd.readouterr().out.splitlines()
    assert wrote == f"wrote models/{PRESET}.int8.tflite (88 KiB)"
    assert following == f"next: python -m edge_demo selftest {PRESET}.int8"
    assert main(["models", "--fetch", "--from", source]) == 0
    assert f"{PRESET}.int8" not in capfd.readouterr().out  # nothing is taken twice
    for path in files.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
    assert main(["models", "--fetch", "--from", source]) == 0
    assert capfd.readouterr().out == "every file is in models\n"


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_file_goes_on(
    ranges: bool,
    files: Path,
    folder: Path,
    url: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"{PRESET}.float32"
    arguments = ["--fetch", name, "--from", url]
    monkeypatch.setattr(Server, "breaks_after", 100_000)
    monkeypatch.setattr(Server, "ranges", ranges)
    line = refused(capfd, *arguments)
    assert "100000 of 300000 bytes; the same command goes on from there" in line
    assert fetched(folder) == {f"{name}.tflite.part"}  # nobody takes it for a model
    assert models_folder.shipped() == {}
    monkeypatch.setattr(Server, "breaks_after", None)
    assert main(["models", *arguments]) == 0
    assert Server.asked == ["", "bytes=100000-"]
    assert fetched(folder) == {f"{name}.tflite"}
    source = files / f"{name}.tflite"
    assert (folder / source.name).read_bytes() == source.read_bytes()


def test_a_process_that_was_stopped_goes_on(folder: Path, files: Path, url: str) -> None:
    """Before the last byte, and between the last byte and the file's name."""
    source = files / f"{PRESET}.int8.tflite"
    for length in (5, SIZES["int8"] - 1, SIZES["int8"]):
        (folder / f"{source.name}.part").write_bytes(source.read_bytes()[:length])
        assert main(["models", "--fetch", f"{PRESET}.int8", "--from", url]) == 0
        assert fetched(folder) == {source.name}
        assert (folder / source.name).read_bytes() == source.read_bytes()
        (folder / source.name).unlink()
    assert Server.asked == ["bytes=5-", f"bytes={SIZES['int8'] - 1}-"]


@pytest.mark.parametrize("here", [0, 7, SIZES["int8"], SIZES["int8"] + 1])
def test_other_bytes_are_refused(
    here: int, folder: Path, files: Path, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Wrong ones at the source, or a beginning that is of another file."""
    name = f"{PRESET}.int8.tflite"
    if here:
        (folder / f"{name}.part").write_bytes(bytes(here))
    else:
        (files / name).write_bytes(bytes(SIZES["int8"]))
    arguments = ["--fetch", f"{PRESET}.int8", "--from", url]
    if here < SIZES["int8"]:
        assert "has other bytes than the index says; nothing was kept" in refused(capfd, *arguments)
        assert fetched(folder) == set()
    if here:
        assert main(["models", *arguments]) == 0
        assert (folder / name).read_bytes() == (files / name).read_bytes()


def test_a_changed_file_is_replaced_when_it_is_named(folder: Path, files: Path) -> None:
    name = f"{PRESET}.int8.tflite"
    (folder / name).write_text("no model")
    assert main(["models", "--fetch", PRESET, "--from", str(files)]) == 0
    assert (folder / name).read_bytes() == (files / name).read_bytes()


def test_what_is_not_there(
    folder: Path, files: Path, url: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (files / f"{PRESET}.float32.tflite").unlink()
    for source in (url, str(files)):
        line = refused(capfd, "--fetch", f"{PRESET}.float32", "--from", source)
        assert f"cannot fetch {PRESET}.float32.tflite from {source}: there is no such file" in line
    closed = url.replace("127.0.0.1", "127.0.0.2").rpartition(":")[0] + ":9/"
    assert "cannot fetch" in refused(capfd, "--fetch", f"{PRESET}.int8", "--from", closed)
    assert "no model named 'none'" in refused(capfd, "--fetch", "none", "--from", url)
    line = refused(capfd, "--fetch", "--from", str(tmp_path / "none"))
    assert "neither a folder nor an http(s) URL" in line
    assert "say --from DIR or --from URL" in refused(capfd, "--fetch")
    assert "names and --from are for --fetch" in refused(capfd, PRESET)
    assert fetched(folder) == set()


def test_the_index_says_where_from(folder: Path, url: str) -> None:
    document = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**document, "base_url": url.rstrip("/")}))
    assert main(["models", "--fetch"]) == 0
    assert len(fetched(folder)) == 2


def test_a_folder_that_cannot_be_written(
    folder: Path,
    files: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, user = f"{PRESET}.int8", os.geteuid()
    (folder / f"{name}.tflite.part").mkdir()
    line = refused(capfd, "--fetch", name, "--from", str(files))
    assert f"cannot write {folder / name}.tflite: Is a directory" in line
    # Root may write anywhere, so for this root is somebody else.
    with tempfile.TemporaryDirectory() as shared:
        shutil.copytree(folder, shared, dirs_exist_ok=True)
        shutil.copytree(files, Path(shared) / "from")
        Path(shared).chmod(0o555)
        monkeypatch.setattr(models_folder, "FOLDER", Path(shared))
        if user == 0:
            os.seteuid(65534)
        try:
            line = refused(capfd, "--fetch", f"{PRESET}.float32", "--from", f"{shared}/from")
        finally:
            os.seteuid(user)
            Path(shared).chmod(0o755)
        assert "cannot write" in line and line.endswith("Permission denied")
        assert not list(Path(shared).glob("*.float32.*"))


def test_whoever_watches_sees_how_far_it_is(
    folder: Path, files: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["models", "--fetch", f"{PRESET}.float32", "--from", str(files)]) == 0
    error = capfd.readouterr().err
    assert error.startswith(f"\r{PRESET}.float32: 64 of 292 KiB")
    assert error.endswith("292 of 292 KiB\n") and error.count("\n") == 1
