"""``python -m edge_demo run`` of a video: what it says, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401
import pytest
from PIL import Image

from edge_demo.__main__ import main
from edge_demo.file_kind import is_video
from edge_demo.video import command
from edge_demo.video.restore import Progress
from tests.mistakes import refused
from tests.videos import content, make_clip


def test_a_video_is_known_by_its_name(
    tmp_path: Path, tiny_models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path)
    out = tmp_path / "out.mkv"
    arguments = ["run", str(clip.path), str(out), "--model", str(tiny_models["int8"])]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"wrote {out} (96x64, 4 frames, ffv1 lossless, chroma_residual-test")
    assert said.count("\n") == 1 and "frames per second" in said
    assert len(content(out).planes) == 4
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*arguments, "--overwrite", "--temporal", "0", "--codec", "h264"]) == 0
    assert content(out).codec == "h264"


@pytest.mark.parametrize(
    "container", ["mp4", "mov", "matroska", "webm", "mpegts", "avi", "flv", "ogg", "vob", "asf"]
)
def test_a_video_of_any_name_is_known_by_its_beginning(container: str, tmp_path: Path) -> None:
    codecs = {"webm": "libvpx", "ogg": "libvpx", "vob": "mpeg2video", "asf": "mpeg4"}
    for name in ("clip", "clip.download", "clip.jpg"):
        path = tmp_path / name
        with av.open(str(path), "w", format=container) as out:
            stream = out.add_stream(codecs.get(container, "libx264"), rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 90, np.uint8), "rgb24")
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        assert is_video(path)


def test_pictures_and_what_is_not_there_are_no_videos(tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    picture = Image.fromarray(np.full((16, 16, 3), 90, np.uint8))
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF", "AVIF", "JXL"):
        path = tmp_path / f"picture-{kind}"
        picture.save(path, format=kind)
        assert not is_video(path), kind
    (tmp_path / "empty").write_bytes(b"")
    for name in ("empty", "missing", "."):
        assert not is_video(tmp_path / name)


def test_a_video_without_a_name_for_it_is_restored(
    tmp_path: Path, tiny_models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path).path.rename(tmp_path / "clip")
    out = tmp_path / "out.mkv"
    assert main(["run", str(clip), str(out), "--model", str(tiny_models["int8"])]) == 0
    assert len(content(out).planes) == 4
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as sound:
        stream = sound.add_stream("aac", rate=8000)
        stream.layout = "mono"
        noise = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        noise.sample_rate = 8000
        sound.mux(stream.encode(noise))
        sound.mux(stream.encode(None))
    said = refused("edge_demo", capfd, "run", tmp_path / "sound.m4a", tmp_path / "b.mkv")
    assert "has no video in it" in said


def test_mistakes(
    tmp_path: Path, tiny_models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    clip, out = make_clip(tmp_path).path, tmp_path / "out.mkv"
    (tmp_path / "a.png").write_text("")
    model = ("--model", tiny_models["int8"])
    for arguments, says in [
        ((clip, out, "--temporal", 1.5), "--temporal is from 0"),
        ((clip, out, "--temporal", "nan"), "--temporal is from 0"),
        ((clip, out, "--codec", "av2"), "unknown codec 'av2'"),
        ((clip, out, "--resample"), "--resample is of pictures"),
        ((clip, clip, "--overwrite"), "is the input itself"),
        ((tmp_path / "none.mp4", out), "no such file"),
        ((clip, tmp_path / "out.png"), "unknown extension '.png' for a video"),
        ((tmp_path / "a.png", tmp_path / "b.png", "--codec", "h264"), "--codec is of a video"),
        ((tmp_path / "a.png", tmp_path / "b.png", "--temporal", 0.5), "--temporal is of a video"),
        ((clip, out, "--threads", 0), "threads must be 1 or more"),
    ]:
        assert says in refused("edge_demo", capfd, "run", *arguments, *model)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "in.mp4"]


def test_a_stop_says_how_far_it_came(
    tmp_path: Path,
    tiny_models: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(self: object, state: Progress) -> None:
        if state.frames == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(command._Shown, "__call__", stop)
    clip, out = make_clip(tmp_path), tmp_path / "out.mkv"
    assert main(["run", str(clip.path), str(out), "--model", str(tiny_models["int8"])]) == 130
    said = capsys.readouterr().err
    assert "stopped after 2 of 4 frames" in said and f"{out} was not written" in said
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_the_line_of_progress() -> None:
    assert command.line(Progress(30, 120, 10.0, 1.0)) == (
        "[######..................] 30/120, 3.0 frames per second, 30 s left"
    )
    assert command.line(Progress(30, None, 10.0, 1.0)) == "30 frames, 3.0 frames per second"
    assert "left" not in command.line(Progress(0, 120, 0.0, 0.0))


def test_progress_in_a_log_is_rare(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(command.time, "perf_counter", lambda: now)
    shown = command._Shown()
    for frames in range(1, 101):
        now = float(frames)
        shown(Progress(frames, 100, now, 0.0))
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0].split()[1] for line in said] == ["30/100", "60/100", "90/100"]


def test_on_a_terminal_a_line_moves_and_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(command.time, "perf_counter", lambda: now)
    monkeypatch.setattr(command.sys.stderr, "isatty", lambda: True, raising=False)
    shown = command._Shown()
    for frames in (1, 2, 3):
        now = frames * 0.4
        shown(Progress(frames, 100, now, 0.0))
    shown.end()
    shown.end()
    said = capsys.readouterr().err
    assert said.count("\r") == 1 and said.rstrip().endswith("left")
    assert said.count("\n") == 1
