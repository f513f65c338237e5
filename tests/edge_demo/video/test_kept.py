"""What of a video is kept, joined or named: pixels' shape, times, sound, kinds of planes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from edge_demo.__main__ import main
from edge_demo.errors import UserError
from edge_demo.video import coding, matroska, options
from edge_demo.video.reader import Decoded, Reader
from edge_demo.video.writer import CODECS
from tests.mistakes import refused
from tests.videos import content, hum, make_clip, moving

SIZE = (48, 96)


def written(
    path: Path,
    codec: str,
    pixels: str,
    *,
    aspect: Fraction | None = None,
    sound: str | None = None,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    container: str | None = None,
    title: str | None = None,
    count: int = 4,
    rate: int = 25,
) -> Path:
    """A video of any kind that FFmpeg has an encoder for; planes by its own conversion."""
    with av.open(str(path), "w", format=container) as out:
        video: Any = out.add_stream(codec, rate=rate, options=options or {})
        video.height, video.width = SIZE
        video.pix_fmt = pixels
        if aspect:
            video.codec_context.sample_aspect_ratio = aspect
        video.metadata.update(metadata or {})
        if title:
            video.metadata["title"] = title
        audio = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        for rgb in moving(count, SIZE):
            frame = av.VideoFrame.from_ndarray(rgb // 4, "rgb24").reformat(format=pixels)
            out.mux(video.encode(frame))
        if audio:
            hum(out, audio)
        out.mux(video.encode(None))
    return path


def aspect_of(path: Path) -> Fraction | None:
    with av.open(str(path)) as source:
        return source.streams.video[0].sample_aspect_ratio


@pytest.mark.parametrize("codec", ["ffv1", "h264", "hevc"])
@pytest.mark.parametrize("title", [None, "A title"])
def test_the_shape_of_pixels_in_matroska(
    tmp_path: Path, tiny_models: dict[str, Path], codec: str, title: str | None
) -> None:
    aspect = Fraction(64, 45)
    source = written(tmp_path / "in.mp4", "mpeg4", "yuv420p", aspect=aspect)
    if title:  # .mp4 has no titles of streams
        source = written(tmp_path / "in.mkv", "mpeg4", "yuv420p", aspect=aspect, title=title)
    out = tmp_path / "out.mkv"
    command = ["run", str(source), str(out), "--model", str(tiny_models["int8"])]
    assert main([*command, "--codec", codec]) == 0
    with av.open(str(out)) as found:
        video = found.streams.video[0]
        shown = round(SIZE[1] * aspect)
        assert video.sample_aspect_ratio == Fraction(shown, SIZE[1])
        assert video.metadata.get("title") == title
        assert len(list(found.decode(video))) == 4
    data = bytearray(out.read_bytes())
    (tracks,) = matroska._all(data, matroska._SEGMENT, matroska._TRACKS)
    crc = next(matroska._children(data, tracks))
    before = bytes(data[crc[2] : crc[3]])
    matroska._set_checksum(data, tracks)
    assert crc[0] == matroska._CRC and bytes(data[crc[2] : crc[3]]) == before


def test_square_pixels_need_nothing(tmp_path: Path, tiny_models: dict[str, Path]) -> None:
    out = tmp_path / "out.mkv"
    clip = make_clip(tmp_path)
    assert main(["run", str(clip.path), str(out), "--model", str(tiny_models["int8"])]) == 0
    assert aspect_of(out) in (None, 0, 1)
    with av.open(str(out)) as found:
        assert "title" not in found.streams.video[0].metadata


def test_times_that_start_anew_go_on(
    tmp_path: Path, tiny_models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two recordings in one file, as ``cat`` and cameras make them."""
    one = written(
        tmp_path / "one.ts", "libx264", "yuv420p", sound="mp2", count=30, rate=10,
        options={"bf": "0", "g": "5"},
    )  # fmt: skip
    both = tmp_path / "both.ts"
    both.write_bytes(one.read_bytes() * 2)
    with Reader(one) as reader:
        single = [one for one in reader.items() if isinstance(one, Decoded)]
    with Reader(both) as reader:
        items = list(reader.items())
        frames = [one for one in items if isinstance(one, Decoded)]
        packets = [one for one in items if not isinstance(one, Decoded) and one.dts is not None]
        assert reader.counts.restarts == 1 and reader.counts.lost <= 1
    assert len(frames) >= 2 * len(single) - 1
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))
    steps = np.diff(times)
    assert steps.max() < 3 * np.median(steps)
    sounds = [packet.dts for packet in packets]
    assert sounds == sorted(sounds)
    out = tmp_path / "out.mkv"
    assert main(["run", str(both), str(out), "--model", str(tiny_models["int8"])]) == 0
    assert "Its times start anew once" in capsys.readouterr().out
    assert len(content(out).planes) == len(frames)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "kind"),
    [
        ("v.mkv", "libx264", "yuv422p", "4:2:2"),
        ("v.avi", "ffv1", "yuv411p", "4:1:1"),
        ("v.mkv", "ffv1", "yuv440p", "4:4:0"),
        ("v.mkv", "ffv1", "yuv410p", "4:1:0"),
        ("v.mkv", "ffv1", "yuv422p10le", "4:2:2"),
        ("v.mkv", "ffv1", "yuv420p12le", "4:2:0"),
        ("v.mkv", "ffv1", "yuv444p16le", "4:4:4"),
        ("v.mkv", "ffv1", "gray12le", "grey"),
        ("v.mkv", "libx264rgb", "rgb24", "RGB"),
        ("v.mkv", "ffv1", "bgra", "RGB"),
        ("v.mkv", "ffv1", "gbrp10le", "RGB"),
        ("v.mov", "prores_ks", "yuv422p10le", "4:2:2"),
    ],
)
def test_every_kind_of_planes(
    tmp_path: Path,
    low_light_models: dict[str, Path],
    tiny_models: dict[str, Path],
    capfd: pytest.CaptureFixture[str],
    name: str,
    codec: str,
    pixels: str,
    kind: str,
) -> None:
    """Low light takes them all, at the colours that FFmpeg's own conversion has; chroma, some."""
    source = written(tmp_path / name, codec, pixels)
    with Reader(source) as reader:
        first = next(one for one in reader.items() if isinstance(one, Decoded))
        assert reader.stored.subsampling == kind
        rgb = first.frame().rgb()
    with av.open(str(source)) as plain:
        frame = next(plain.decode(video=0))
        wanted = frame.to_ndarray(format="rgb24", src_colorspace=reader_matrix(kind)).astype(float)
    if kind == "grey":  # in video its range is limited, too, where nothing is said
        wanted = (wanted - 16) * 255 / 219
    assert np.abs(rgb - wanted).mean() < 2.5
    out = tmp_path / "out.mkv"
    command = ["run", str(source), str(out), "--model", str(low_light_models["curves"])]
    assert main(command) == 0
    said = capfd.readouterr().out
    assert ("became 10" in said) == any(bits in pixels for bits in ("12", "16"))
    assert ("written as 4:4:4 of BT.709" in said) == (kind == "RGB")
    assert ("transparency" in said) == (pixels == "bgra")
    found = content(out)
    assert len(found.planes) == 4 and found.pixels.startswith("yuv444p")
    if kind in ("4:2:0", "4:2:2", "4:4:0"):
        rebuilt = tmp_path / "rebuilt.mkv"
        assert main(["run", str(source), str(rebuilt), "--model", str(tiny_models["int8"])]) == 0
        found = content(rebuilt)
        assert len(found.planes) == 4 and found.pixels.startswith("yuv444p")
    else:
        line = refused("edge_demo", capfd, "run", source, tmp_path / "no.mkv", "--model",
                       tiny_models["int8"])  # fmt: skip
        assert "grey video" in line if kind == "grey" else f"stores {kind} chroma" in line


def reader_matrix(kind: str) -> str | None:
    return None if kind == "RGB" else "itu601"


def test_every_format_has_a_reading() -> None:
    for name in sorted(av.video.format.names):
        try:
            found = coding.stored(name)
        except (ValueError, UserError):
            continue
        assert found.read_as in coding.FORMATS, name


def test_what_cannot_be_kept_is_named(
    tmp_path: Path, tiny_models: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(tiny_models["int8"])]
    opus = written(tmp_path / "opus.mkv", "libx264", "yuv420p", sound="libopus")
    line = refused("edge_demo", capfd, "run", opus, tmp_path / "o.mov", *model)
    assert ".mov cannot hold the sound (" in line and "opus" in line and "a .mkv may" in line
    assert not (tmp_path / "o.mov").exists()
    # As browsers and VP9 store it: a second picture beside each, and a tag that says so.
    alpha = written(tmp_path / "alpha.webm", "libvpx-vp9", "yuva420p")
    out = tmp_path / "alpha.mkv"
    assert main(["run", str(alpha), str(out), *model]) == 0
    assert "note: Its transparency was not kept." in capfd.readouterr().out
    with av.open(str(out)) as found:
        assert "alpha_mode" not in {key.lower() for key in found.streams.video[0].metadata}
    light = written(
        tmp_path / "light.mkv", "libx265", "yuv420p10le",
        options={"x265-params": "log-level=none:max-cll=1000,400:hdr10=1:repeat-headers=1"},
    )  # fmt: skip
    assert main(["run", str(light), str(tmp_path / "light_out.mkv"), *model]) == 0
    assert "note: What HDR says of its mastering display" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.vob", "mpeg2video", "vob"),
        ("a.mxf", "mpeg2video", "mxf"),
        ("a.ivf", "libvpx-vp9", "ivf"),
        ("a.h264", "libx264", "h264"),
        ("a.m2v", "mpeg2video", "mpeg2video"),
    ],
)
def test_videos_of_rarer_names(
    tmp_path: Path, tiny_models: dict[str, Path], name: str, codec: str, container: str
) -> None:
    source = written(tmp_path / name, codec, "yuv420p", container=container)
    out = tmp_path / "out.mkv"
    assert main(["run", str(source), str(out), "--model", str(tiny_models["int8"])]) == 0
    found = content(out)
    assert len(found.planes) == 4
    assert found.times == sorted(set(found.times))


def test_options_name_the_codecs() -> None:
    assert tuple(CODECS) == options.CODECS
    assert {suffix for one in CODECS.values() for suffix in one.extensions} == set(options.DEFAULTS)


def test_a_video_that_cannot_be_written(
    tmp_path: Path, tiny_models: dict[str, Path], capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    clip = make_clip(tmp_path)

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system", "x.tmp")

    real = av.open
    monkeypatch.setattr(
        av, "open", lambda *given, **more: (refuse if "w" in given else real)(*given, **more)
    )
    model = ("--model", tiny_models["int8"])
    line = refused("edge_demo", capfd, "run", clip.path, tmp_path / "out.mkv", *model)
    assert "out.mkv: cannot be written (Read-only file system)" in line
