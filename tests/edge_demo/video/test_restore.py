"""Videos restored: luma and times untouched, chroma the network's, and what a file carries kept."""

from __future__ import annotations

import os
import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.device import restorers, temporal
from edge_demo.device.chroma import Chroma
from edge_demo.errors import UserError
from edge_demo.tasks import chroma
from edge_demo.video.restore import Progress, RestoredVideo, Stopped, restore_video
from edge_demo.video.writer import target
from tests.videos import BASE, Clip, content, fill, hum, make_clip, moving, planes_of


def restored(
    clip: Clip, out: Path, model: Chroma, codec: str | None = None, **options: Any
) -> RestoredVideo:
    return restore_video(clip.path, target(out, codec, None, False), model, **options)


def expected(
    planes: list[NDArray[Any]], model: Chroma, siting: str, middle: float, step: float
) -> NDArray[Any]:
    """Chroma of one frame, in the stream's codes, by the road of pictures."""
    times = 4 if planes[0].dtype == np.uint16 else 1
    y = np.clip((planes[0] / times - 16) * 255 / 219, 0, 255).astype(np.float32)
    low = np.dstack(planes[1:]).astype(np.float32)
    codes = ((low - middle) / step + 128).astype(np.float32)
    degraded = chroma.Planes(y, codes, siting)
    found = model.corrected(degraded, model.correction(degraded))
    return np.asarray((found - 128) * step + middle)


@pytest.mark.parametrize(("pixels", "middle", "step"), [
    ("yuv420p", 128, 224 / 255), ("yuv420p10le", 512, 224 / 255 * 4)
])  # fmt: skip
def test_luma_is_the_decoders_and_chroma_the_networks(
    tmp_path: Path, model: Chroma, pixels: str, middle: float, step: float
) -> None:
    clip = make_clip(tmp_path, pixels=pixels)
    done = restored(clip, tmp_path / "out.mkv", model, smoothing=0.0)
    found = content(tmp_path / "out.mkv")
    assert (found.codec, found.pixels) == ("ffv1", pixels.replace("420", "444"))
    assert done.counts.frames == len(found.planes) == 4 and done.notes == ()
    for before, after in zip(clip.planes, found.planes, strict=True):
        assert np.array_equal(before[0], after[0])
        wanted = expected(before, model, "left", middle, step)
        assert np.abs(np.dstack(after[1:]) - wanted).max() <= 0.51
        # The network has a say: this is not bilinear.
        plain = np.dstack([one.repeat(2, 0).repeat(2, 1) for one in before[1:]])
        assert np.abs(np.dstack(after[1:]).astype(int) - plain).max() > 4 * middle / 128


def test_full_range_of_8_bits_is_the_road_of_pictures(tmp_path: Path, model: Chroma) -> None:
    clip = make_clip(tmp_path, tags=(6, 6, 6, 2))
    restored(clip, tmp_path / "out.mkv", model, smoothing=0.0)
    found = content(tmp_path / "out.mkv")
    assert found.tags == (6, 6, 6, 2)
    for before, after in zip(clip.planes, found.planes, strict=True):
        planes = chroma.Planes(before[0], np.dstack(before[1:]), "left")
        found_chroma = np.dstack(after[1:]).astype(int)
        wanted = model.corrected(planes, model.correction(planes))
        assert np.abs(found_chroma - wanted).max() <= 0.51
        # Of two codes as near, pictures take each in turn.
        assert np.abs(found_chroma - model.reconstruct(planes)).max() <= 1


def test_the_streams_siting_counts(tmp_path: Path, model: Chroma) -> None:
    for siting in ("left", "center", "topleft"):
        clip = make_clip(tmp_path, f"{siting}.mp4", 1, options={"chroma_sample_location": siting})
        restored(clip, tmp_path / f"{siting}.mkv", model, smoothing=0.0)
        after = np.dstack(content(tmp_path / f"{siting}.mkv").planes[0][1:])
        for other in ("left", "center", "topleft"):
            wanted = expected(clip.planes[0], model, other, 128, 224 / 255)
            assert (np.abs(after - wanted).max() <= 0.51) == (other == siting)


@pytest.mark.parametrize(("name", "codec"), [
    ("out.mp4", None), ("out.mov", None), ("out.mp4", "hevc"), ("out.mkv", "h264"),
    ("out.mkv", "hevc"), ("out.mkv", None),
])  # fmt: skip
def test_every_codec_loses_nothing(
    tmp_path: Path, model: Chroma, name: str, codec: str | None
) -> None:
    clip = make_clip(tmp_path, pixels="yuv420p10le", tags=(9, 9, 16, 1))
    restored(clip, tmp_path / "a.mkv", model)
    restored(clip, tmp_path / name, model, codec)
    one, two = content(tmp_path / "a.mkv"), content(tmp_path / name)
    for first, second in zip(one.planes, two.planes, strict=True):
        assert all(map(np.array_equal, first, second))
    assert two.tags == (9, 9, 16, 1)
    assert two.codec == (codec or ("ffv1" if name.endswith("mkv") else "h264"))
    assert two.pixels == "yuv444p10le"


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_uneven_times_are_kept(tmp_path: Path, model: Chroma, name: str) -> None:
    clip = make_clip(tmp_path, count=10)
    restored(clip, tmp_path / name, model)
    wanted = [time * BASE for time in clip.times]
    found = content(tmp_path / name).times
    if name.endswith("mp4"):
        assert found == wanted
    else:  # Matroska counts milliseconds
        assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= Fraction(1, 2000)


UPRIGHT = 1 << 16
TURNED = {
    "quarter": (0, UPRIGHT, 0, -UPRIGHT, 0, 0, 0, 0, 1 << 30),
    "half": (-UPRIGHT, 0, 0, 0, -UPRIGHT, 0, 0, 0, 1 << 30),
    "mirrored": (-UPRIGHT, 0, 0, 0, UPRIGHT, 0, 0, 0, 1 << 30),
}


@pytest.mark.parametrize("turn", TURNED)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_turned_video_stays_turned(tmp_path: Path, model: Chroma, turn: str, name: str) -> None:
    clip = make_clip(tmp_path, matrix=TURNED[turn])
    assert content(clip.path).matrix == list(TURNED[turn])
    restored(clip, tmp_path / name, model)
    found = content(tmp_path / name)
    assert found.matrix == list(TURNED[turn])
    assert found.planes[0][0].shape == (64, 96)  # stored as it was


@pytest.mark.parametrize("size", [(63, 97), (33, 50), (18, 17)])
@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_odd_sizes(tmp_path: Path, model: Chroma, size: tuple[int, int], name: str) -> None:
    # FFV1, because H.264 in 4:2:0 has even sizes only.
    clip = make_clip(tmp_path, "in.mkv", size=size, codec="ffv1")
    restored(clip, tmp_path / name, model, smoothing=0.0)
    found = content(tmp_path / name)
    for before, after in zip(clip.planes, found.planes, strict=True):
        assert [one.shape for one in after] == [size] * 3
        assert np.array_equal(before[0], after[0])


@pytest.mark.parametrize(("sound", "source", "name"), [
    ("aac", "in.mp4", "out.mkv"), ("aac", "in.mp4", "out.mp4"), ("aac", "in.mkv", "out.mov"),
    ("wavpack", "in.mkv", "out.mkv"),
])  # fmt: skip
def test_sound_is_copied(tmp_path: Path, model: Chroma, sound: str, source: str, name: str) -> None:
    clip = make_clip(tmp_path, source, sound=sound)
    restored(clip, tmp_path / name, model)
    before, after = content(clip.path), content(tmp_path / name)
    assert b"".join(before.sound)[200:] and before.sound == after.sound


def test_sound_that_the_container_cannot_hold_is_refused(tmp_path: Path, model: Chroma) -> None:
    clip = make_clip(tmp_path, "in.mkv", sound="wavpack")
    with pytest.raises(UserError, match=r"out\.mp4: \.mp4 cannot hold the sound \(wavpack\)"):
        restored(clip, tmp_path / "out.mp4", model)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv"]


def test_subtitles_and_a_title_are_kept_where_there_is_a_place(
    tmp_path: Path, model: Chroma
) -> None:
    text, whole = tmp_path / "a.srt", tmp_path / "in.mkv"
    text.write_text("1\n00:00:00,000 --> 00:00:00,100\nHello\n")
    clip = make_clip(tmp_path)
    with av.open(str(clip.path)) as one, av.open(str(text)) as two, av.open(str(whole), "w") as out:
        out.metadata["title"] = "A film"
        copied = [out.add_stream_from_template(source.streams[0]) for source in (one, two)]
        for source, stream in zip((one, two), copied, strict=True):
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)
    for name, notes in (("out.mkv", ()), ("out.mp4", ("Subtitles (srt) were not kept",))):
        done = restored(Clip(whole, [], ()), tmp_path / name, model)
        assert [note.partition(":")[0] for note in done.notes] == [*notes]
        with av.open(str(tmp_path / name)) as found:
            assert found.metadata["title"] == "A film"
            assert len(found.streams.subtitles) == 1 - len(notes)
            said = [bytes(p) for s in found.streams.subtitles for p in found.demux(s) if p.size]
            assert said == [b"Hello"] * (1 - len(notes))


def test_damage_is_survived_and_counted(tmp_path: Path, model: Chroma) -> None:
    """A packet of rubbish: the frame is gone, the others keep their places in time."""
    clip = make_clip(tmp_path, "whole.mp4", count=10, options={"g": "1"})
    damaged = tmp_path / "in.mp4"
    with av.open(str(clip.path)) as source, av.open(str(damaged), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(source.demux(video=0)):
            if packet.dts is None:
                continue
            if index in (4, 5):
                rubbish = av.Packet(b"\0\0\0\x08" + bytes(range(1, 9)))
                rubbish.pts, rubbish.dts = packet.pts, packet.dts
                rubbish.time_base, rubbish.duration = packet.time_base, packet.duration
                packet = rubbish
            packet.stream = stream
            out.mux(packet)
    done = restored(Clip(damaged, [], ()), tmp_path / "out.mp4", model, smoothing=0.0)
    assert (done.counts.frames, done.counts.lost) == (8, 2)
    assert len(done.notes) == 1 and done.notes[0].startswith("2 frames")
    found = content(tmp_path / "out.mp4")
    kept = [index for index in range(10) if index not in (4, 5)]
    assert found.times == [clip.times[index] * BASE for index in kept]
    for index, after in zip(kept, found.planes, strict=True):
        assert np.array_equal(clip.planes[index][0], after[0])


def test_a_file_cut_short_gives_what_it_has(tmp_path: Path, model: Chroma) -> None:
    clip = make_clip(tmp_path, "in.mkv", count=10, codec="ffv1")
    assert restored(clip, tmp_path / "whole.mkv", model).notes == ()
    data = clip.path.read_bytes()
    clip.path.write_bytes(data[: len(data) // 2])
    done = restored(clip, tmp_path / "out.mkv", model)
    assert 2 <= done.counts.frames < 10
    (note,) = done.notes
    assert note.startswith("The file was cut short: it says that it lasts 0.6 s")
    assert len(content(tmp_path / "out.mkv").planes) == done.counts.frames


@pytest.mark.parametrize("how", ["ctrl-c", "kill"])
def test_a_stop_leaves_nothing_and_tells_how_far_it_came(
    tmp_path: Path, model: Chroma, how: str
) -> None:
    clip = make_clip(tmp_path, count=8)

    def stop(state: Progress) -> None:
        if state.frames == 3:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGTERM)
    (tmp_path / "out.mkv").write_text("older")
    wanted = target(tmp_path / "out.mkv", None, None, True)
    with pytest.raises(Stopped) as caught:
        restore_video(clip.path, wanted, model, progress=stop)
    assert caught.value.progress.frames in (2, 3) and caught.value.progress.total == 8
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mkv"]
    assert (tmp_path / "out.mkv").read_text() == "older"
    assert signal.getsignal(signal.SIGTERM) is before


def test_frames_pass_one_by_one(tmp_path: Path, model: Chroma) -> None:
    """None is read long before it is needed: memory does not grow with the video."""
    from edge_demo.video.reader import Decoded, Reader

    clip = make_clip(tmp_path, count=10)
    with Reader(clip.path) as reader:
        for index, item in enumerate(one for one in reader.items() if isinstance(one, Decoded)):
            assert reader.counts.frames == index + 1
            assert item.pts * reader.time_base == clip.times[index] * BASE


def test_effects_are_held_steady_unless_told_otherwise(tmp_path: Path, model: Chroma) -> None:
    still = moving(1)[0].astype(float)
    # The same in red, green and blue: chroma stands still, and only the network lets it tremble.
    noise = np.random.default_rng(0).normal(0, 3, (8, *still.shape[:2], 1))
    noisy = [np.clip(np.rint(still + one), 0, 255).astype(np.uint8) for one in noise]
    clip = make_clip(tmp_path, count=8, rgb=noisy)
    changes = []
    for index, smoothing in enumerate((0.0, temporal.STRENGTH)):
        out = tmp_path / f"{index}.mkv"
        restored(clip, out, model, smoothing=smoothing)
        frames = [np.dstack(planes[1:]).astype(float) for planes in content(out).planes]
        changes.append(np.abs(np.diff(frames, axis=0)).mean())
    assert changes[1] < 0.9 * changes[0]
    restored(clip, tmp_path / "default.mkv", model)
    for one, two in zip(content(tmp_path / "default.mkv").planes, content(out).planes, strict=True):
        assert all(map(np.array_equal, one, two))


def test_low_light(tmp_path: Path, low_light_models: dict[str, Path]) -> None:
    """A task in RGB: frames are brightened, in the stream's own coding."""
    dark = restorers.load(low_light_models["curves"])
    clip = make_clip(tmp_path, rgb=[one // 8 for one in moving(3)])
    done = restore_video(clip.path, target(tmp_path / "a.mkv", None, None, False), dark)
    found = content(tmp_path / "a.mkv")
    assert done.counts.frames == 3 and found.pixels == "yuv444p" and found.tags == (1, 1, 1, 1)
    for before, after in zip(clip.planes, found.planes, strict=True):
        assert after[0].mean() > before[0].mean() + 5
        assert after[0].min() >= 15 and after[0].max() <= 236
    none = dark.with_options(strength=0.0)
    restore_video(clip.path, target(tmp_path / "b.mkv", None, None, False), none)
    for before, after in zip(clip.planes, content(tmp_path / "b.mkv").planes, strict=True):
        assert np.array_equal(after[0], before[0])
    # 4:4:4 and grey are welcome, too.
    clip = make_clip(tmp_path, "grey.mkv", rgb=[one // 8 for one in moving(2)], pixels="gray",
                     codec="ffv1")  # fmt: skip
    restore_video(clip.path, target(tmp_path / "d.mkv", None, None, False), dark)
    assert content(tmp_path / "d.mkv").planes[0][0].mean() > clip.planes[0][0].mean() + 5
    assert abs(content(tmp_path / "d.mkv").planes[0][1].mean() - 128) < 10
    clip = make_clip(tmp_path, "444.mkv", rgb=[one // 8 for one in moving(2)], pixels="yuv444p",
                     codec="ffv1")  # fmt: skip
    restore_video(clip.path, target(tmp_path / "c.mkv", None, None, False), dark)
    assert content(tmp_path / "c.mkv").planes[0][0].mean() > clip.planes[0][0].mean() + 5


def test_a_bright_video_keeps_its_luma_below_black(
    tmp_path: Path, low_light_models: dict[str, Path]
) -> None:
    """Which no RGB has: it came back as black."""
    bright = [np.full((*moving(1)[0].shape[:2], 3), 180, np.uint8) for _ in range(3)]
    clip = make_clip(tmp_path, "in.mkv", rgb=bright, codec="ffv1")
    below = tmp_path / "below.mkv"
    with av.open(str(clip.path)) as source, av.open(str(below), "w") as out:
        video = out.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = *bright[0].shape[1::-1], "yuv420p"
        video.color_range = 1
        for frame in source.decode(video=0):
            planes = planes_of(frame)
            planes[0][:4] = 3
            fill(frame, planes)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    dark = restorers.load(low_light_models["curves"])
    restore_video(below, target(tmp_path / "out.mkv", None, None, False), dark)
    for planes in content(tmp_path / "out.mkv").planes:
        assert (planes[0][:4] == 3).all() and (planes[0][4:] > 100).all()


def test_what_is_refused(tmp_path: Path, model: Chroma) -> None:
    whole = make_clip(tmp_path, "444.mkv", pixels="yuv444p", codec="ffv1").path
    grey = make_clip(tmp_path, "grey.mkv", pixels="gray", codec="ffv1").path
    other = make_clip(tmp_path, "444p10.mkv", pixels="yuv444p10le", codec="ffv1").path
    colours = make_clip(tmp_path, "ycgco.mp4", tags=(8, 1, 1, 1)).path
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    sound = tmp_path / "sound.mkv"
    with av.open(str(sound), "w") as out:
        hum(out, out.add_stream("aac", rate=48000, layout="mono"))
    wanted = target(tmp_path / "out.mkv", None, None, False)
    for path, says in [
        (whole, "stores 4:4:4 chroma; of video that of 4:2:0, 4:2:2, 4:4:0 can be"),
        (grey, "a grey video has no chroma to reconstruct"),
        (other, "stores 4:4:4 chroma; of video"),
        (colours, "its colour matrix .number 8"),
        (text, "cannot be read as a video"),
        (sound, "has no video in it"),
        (tmp_path / "none.mp4", "no such file"),
    ]:
        with pytest.raises(UserError, match=says):
            restore_video(path, wanted, model)
    assert not (tmp_path / "out.mkv").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_interlaced_is_refused(tmp_path: Path, model: Chroma) -> None:
    clip = make_clip(tmp_path, "in.mkv", codec="libx264", options={"x264-params": "tff=1"})
    with pytest.raises(UserError, match="is interlaced"):
        restored(clip, tmp_path / "out.mkv", model)


def test_targets_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "there.mkv").write_text("mine")
    (tmp_path / "folder.mkv").mkdir()
    for name, codec, crf, says in [
        ("out.avi", None, None, "unknown extension '.avi' for a video; known: .mkv"),
        ("out.mp4", "ffv1", None, "ffv1 is written into .mkv only"),
        ("out.mkv", "av1", None, "unknown codec 'av1'; known: ffv1, h264, hevc"),
        ("out.mkv", None, 20, "--crf is of h264 and hevc"),
        ("out.mp4", None, 52, "--crf is from 0 .best. to 51, not 52"),
        ("none/out.mp4", None, None, "is not a folder; make it first"),
        ("folder.mkv", None, None, "is a folder"),
        ("there.mkv", None, None, "exists already"),
    ]:
        with pytest.raises(UserError, match=says):
            target(tmp_path / name, codec, crf, False)
    assert target(tmp_path / "there.mkv", None, None, True).codec == "ffv1"


def test_crf_makes_a_smaller_file(tmp_path: Path, model: Chroma) -> None:
    clip = make_clip(tmp_path)
    sizes = []
    for crf in (None, 30):
        out = tmp_path / f"{crf}.mp4"
        restore_video(clip.path, target(out, "hevc", crf, False), model)
        sizes.append(out.stat().st_size)
        psnr = cv2.PSNR(content(out).planes[0][0], clip.planes[0][0])
        assert psnr > 28
    assert sizes[1] < 0.5 * sizes[0]
