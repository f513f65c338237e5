"""The Arm check's command lines and what it reads out of their output; nothing is emulated here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.pi import check, fetch

ROOT = Path(__file__).parents[2]
MODELS = ["p.float32", "p.int8"]


def places(folder: Path) -> fetch.Places:
    site = {name: folder / name for name in check.SAME_KERNELS}
    return fetch.Places(folder / "my qemu", folder / "root", site)


def test_a_boards_python(tmp_path: Path) -> None:
    """A script, so that what it starts as sys.executable is emulated, too."""
    qemu = places(tmp_path).qemu
    qemu.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    qemu.chmod(0o755)
    board = check.board(tmp_path, places(tmp_path), "cortex-a76", "tflite-runtime", tmp_path)
    code, out, _ = board.python("-m", "edge_demo", "a word")
    assert code == 0
    assert out.splitlines() == [
        "-cpu", "cortex-a76", "-L", f"{tmp_path}/root", "-0", f"{tmp_path}/python-cortex-a76",
        f"{tmp_path}/root/usr/bin/python3.11", "-m", "edge_demo", "a word",
    ]  # fmt: skip
    assert board.environment["PYTHONPATH"] == f"{tmp_path}/tflite-runtime"
    assert board.environment["PYTHONHOME"] == f"{tmp_path}/root/usr"


def test_nothing_of_this_environment_gets_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    machine = check.Machine([sys.executable], {}, tmp_path)
    assert machine.python("-c", "import edge_demo")[0] == 1
    code, out, reason = machine.python("-c", "import sys; print(1); sys.exit('the\\nreason')")
    assert (code, out, reason) == (1, "1\n", "reason")
    monkeypatch.setattr(check, "LIMIT_SECONDS", 0.1)
    code, _, reason = machine.python("-c", "import time; time.sleep(60)")
    assert code == 124 and "not done after" in reason


def test_the_copy_is_edge_demo_alone(tmp_path: Path) -> None:
    copy = check.make_copy(tmp_path)
    assert [path.name for path in copy.iterdir()] == ["edge_demo"]
    assert not list(copy.rglob("__pycache__"))
    shipped = sorted(path.name for path in (ROOT / "edge_demo" / "models").glob("*.tflite"))
    assert sorted(path.name for path in (copy / "edge_demo" / "models").glob("*.tflite")) == shipped
    copy = check.make_copy(tmp_path, "chroma_*.int8")
    some = [name for name in shipped if name.startswith("chroma_") and ".int8.tflite" in name]
    assert sorted(path.name for path in (copy / "edge_demo" / "models").glob("*.tflite")) == some


def test_no_model_is_named_so(tmp_path: Path) -> None:
    with pytest.raises(fetch.Missing, match="no model is named like chroma_ganz"):
        check.check(tmp_path, "chroma_ganz*")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]  # nothing was fetched for it


def test_a_server_is_asked_for_what_run_writes(tmp_path: Path) -> None:
    here = check.Machine([sys.executable], {}, check.make_copy(tmp_path))
    _, picture, dark = check.make_pictures(tmp_path)
    model = check.SERVED[0]
    assert check.restored(here, picture, model, tmp_path / "out.png")[1] == ""
    written = (tmp_path / "out.png").read_bytes()
    wanted = {model: written, check.SERVED[1]: b"", "none": b""}
    wrong = check.served(here, {name: (picture, data) for name, data in wanted.items()})
    assert list(wrong) == [check.SERVED[1], "none"]
    assert wrong[check.SERVED[1]] == "not what run writes" and "no model named" in wrong["none"]
    nothing = check.Machine([sys.executable, "-c", "pass"], {}, tmp_path)
    assert check.served(nothing, {model: (picture, b"")}) == {model: "it did not begin to serve"}
    # The picture of a model that enhances is one that it has something to do with.
    assert cv2.imread(str(dark)).mean() < cv2.imread(str(picture)).mean() / 3


def test_a_graph_is_compared_operation_by_operation(tmp_path: Path) -> None:
    """On this machine alone: all are right; and a graph of other weights is not."""
    copy = check.make_copy(tmp_path, "chroma_residual-xs.r2.int8")
    here = check.Machine([sys.executable], {}, copy)
    png, *_ = check.make_pictures(tmp_path)
    given = tmp_path / "inputs.npz"
    assert here.python(check.PROBE, "inputs", png, given)[0] == 0
    model = copy / "edge_demo/models/chroma_residual-xs.r2.int8.tflite"
    taken = check.Operations(here, model, given, tmp_path)
    assert taken.wrong(here, same_kernels=True) == []
    place = next(i for i, kind in enumerate(taken._parts.kinds) if kind == "CONV_2D")
    for values in taken._x86.values():
        values[place] = values[place] ^ 2
    assert taken.wrong(here, same_kernels=False) == [f"operation {place} (CONV_2D) is 2 steps off"]


def test_what_selftest_says() -> None:
    text = "ok   p.float32.tflite: largest difference 0\nFAIL p.int8.tflite: largest: 9\n"
    assert check.failed_self_tests(text, MODELS, "exit code 1") == {"p.int8": "largest: 9"}
    assert check.failed_self_tests("ok   p.int8.tflite: 0\n", MODELS, "died") == {
        "p.float32": "died"
    }


def test_what_benchmark_says() -> None:
    rows = [
        {"file": "edge_demo/models/p.float32.tflite", "status": "ok"},
        {"file": "edge_demo/models/p.int8.tflite", "status": "failed: its process died"},
    ]
    assert check.failed_benchmarks(rows, MODELS) == {"p.int8": "failed: its process died"}
    assert check.failed_benchmarks(rows[:1], MODELS) == {"p.int8": "not in the table"}


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_exit_codes(
    ok: bool,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = {"rows": [{"ok": ok}], "ok": ok, "table": "the table", "emulator": "qemu 1"}
    monkeypatch.setattr(check, "check", lambda folder, wanted: dict(document))
    assert check.main(["--json", str(tmp_path / "pi.json")]) == code
    out = capsys.readouterr().out
    assert "the table" in out and f"{int(ok)} of 1 ok (qemu 1" in out
    assert '"table"' not in (tmp_path / "pi.json").read_text()


def test_what_is_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(folder: Path, wanted: str) -> None:
        raise fetch.Missing("apt-get is not installed; it is needed for this")

    monkeypatch.setattr(check, "check", fail)
    assert check.main([]) == 2
    error = capsys.readouterr().err
    assert error == "tests/pi/check.py: apt-get is not installed; it is needed for this\n"


def test_rows_of_other_models_stay(tmp_path: Path) -> None:
    def found(machine: str, **models: bool) -> dict[str, object]:
        rows = [
            {"cpu": "a", "interpreter": "i", "model": model, "ok": ok}
            for model, ok in models.items()
        ]
        return {"schema": 1, "emulator": "qemu", "boards": [machine], "rows": rows,
                "ok": all(models.values())}  # fmt: skip

    path, listed = tmp_path / "pi.json", ("p", "q", "r")
    new = found("new", q=True)
    assert check.with_earlier(new, path, listed) == new
    path.write_text(json.dumps(found("new", p=True, q=False, r=True)))
    assert check.with_earlier(new, path, listed) == found("new", p=True, q=True, r=True)
    assert check.with_earlier(new, path, ("p", "q")) == found("new", p=True, q=True)
    path.write_text(json.dumps(found("new", p=False, q=False)))
    assert check.with_earlier(new, path, listed)["ok"] is False
    path.write_text(json.dumps(found("old", p=True)))
    assert check.with_earlier(new, path, listed) == new


@pytest.mark.parametrize("asked", [[], ["--models", "chroma_*"]])
def test_rows_of_models_that_are_not_here_stay(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table lists every recipe; a repository has the files of some. What is no model goes."""

    def document(*models: str) -> dict[str, object]:
        rows = [{"cpu": "a", "interpreter": "i", "model": model, "ok": True} for model in models]
        return {"schema": 1, "emulator": "qemu", "boards": [], "rows": rows, "ok": True,
                "table": "the table"}  # fmt: skip

    path = tmp_path / "pi.json"
    checked, kept = "chroma_residual-s.r1.qat", "chroma_residual-s.r1.float32"
    path.write_text(json.dumps(document(kept, checked, "nobody-s.r1.int8")))
    monkeypatch.setattr(check, "check", lambda folder, wanted: document(checked))
    assert check.main(["--json", str(path), *asked]) == 0
    assert [row["model"] for row in json.loads(path.read_text())["rows"]] == [kept, checked]


def test_it_starts_as_a_script() -> None:
    command = [sys.executable, str(ROOT / "tests" / "pi" / "check.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert "--json FILE" in done.stdout
