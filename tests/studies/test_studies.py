"""The command line of studies, and the proof that a restructuring changed nothing."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from studies import __main__ as command
from studies.golden import cases, compare


def test_studies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    listed = capsys.readouterr().out
    assert "  golden" in listed and "  pages" in listed and "command" not in command.names()
    assert all(line for line in command.names().values())
    assert command.main(["nobody"]) == 2
    assert "no study named 'nobody'; known: " in capsys.readouterr().err


@pytest.mark.parametrize("name", command.names())
def test_a_study_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main = importlib.import_module(f"studies.{name}").main
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m studies {name} ")


def test_golden_uses_every_option_of_run() -> None:
    from edge_demo.__main__ import _parser

    parser = _parser()._subparsers._group_actions[0].choices["run"]  # type: ignore[index,union-attr]
    parser.fill(parser)
    assert len(parser._actions) > 10
    options = {name for action in parser._actions for name in action.option_strings}
    used = {word for case in cases.commands() for word in case.arguments if word.startswith("--")}
    assert options - {"-h", "--help", "--overwrite"} <= used


def _video(path: Path, frames: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv444p"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        out.mux(stream.encode(None))


def test_golden_tells_what_differs(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    picture = np.full((32, 48, 3), 100, np.uint8)
    other = picture.copy()
    other[20, 3, 1] += 2
    for folder, now in ((before, picture), (after, other)):
        folder.mkdir()
        cv2.imwrite(str(folder / "changed.png"), now)
        cv2.imwrite(str(folder / "same.jpg"), picture)
        _video(folder / "a.mkv", [picture, now])
        row = {"name": "a", "latency_ms": int(now.sum()), "psnr": int(now.sum())}
        (folder / "out.json").write_text(json.dumps({"rows": [row]}))
        (folder / "said.txt").write_text("exit 0\n")
        (folder / "page.html").write_text(f"<p>{now.sum()}</p><style>{now.mean()}</style>")
    (after / "new.txt").write_text("")
    found = list(compare.differences(before, after))
    assert [line.partition(":")[0] for line in found] == [
        "new.txt", "a.mkv", "changed.png", "out.json", "page.html"
    ]  # fmt: skip
    assert found[2] == "changed.png: values differ by up to 2, 0.02% of them"
    assert "frame 1, Y: values differ by up to" in found[1]
    assert found[3].startswith("out.json: $.rows[0].psnr: ")

    # Of a video the rows that tell times are left out, and of a measurement the numbers.
    timed = cases.Case("a", (), masked_rows=24, timed=True)
    lines = "\n".join(compare.differences(before, after, timed))
    assert "a.mkv" not in lines and "page.html" not in lines


def test_golden_compares_a_picture_s_bytes(tmp_path: Path) -> None:
    picture = np.full((32, 48, 3), 100, np.uint8)
    for name, level in (("one", 1), ("two", 9)):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, level])
    found = list(compare.differences(tmp_path / "one", tmp_path / "two"))
    assert found == ["a.png: equal pixels, but other bytes"]
