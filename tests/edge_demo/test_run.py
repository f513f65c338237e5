"""``run`` without a model: a look at the picture, several tasks in one go, and whole folders."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

import edge_demo
from edge_demo.__main__ import main
from edge_demo.device import look as looking
from edge_demo.device import plan, restorers
from edge_demo.errors import UserError
from edge_demo.model import models_folder, models_index, purposes
from edge_demo.pictures.images import read_rgb
from tests import mistakes

refused = functools.partial(mistakes.refused, "edge_demo")

ROOT = Path(__file__).parent.parent.parent
Rgb = NDArray[np.uint8]
_420 = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
_422 = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422]
_444 = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


@pytest.fixture(scope="module")
def day() -> Rgb:
    """A bright photograph in colour."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[:256, 100:420])


def sepia(rgb: Rgb) -> Rgb:
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    return np.clip(rgb @ matrix.T, 0, 255).astype(np.uint8)


def grey(rgb: Rgb) -> Rgb:
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def save(path: Path, rgb: Rgb, flags: list[int] | None = None) -> Path:
    assert cv2.imwrite(str(path), rgb[..., ::-1], flags or [])
    return path


def cyanotype(rgb: Rgb) -> Rgb:
    light = grey(rgb)[..., :1] / 255.0
    return (np.array([20, 50, 90]) + light * (np.array([225, 235, 240]) - [20, 50, 90])).astype(
        np.uint8
    )


@pytest.mark.parametrize(
    ("make", "flags", "task"),
    [
        (lambda rgb: rgb, _420, "chroma"),
        (lambda rgb: rgb, _444, None),
        (lambda rgb: rgb, _422, "chroma"),
        (grey, _420, "colorize"),
        (grey, _444, "colorize"),
        (sepia, _420, "colorize"),
        (cyanotype, _420, "colorize"),
        (lambda rgb: rgb // 8, _420, "enhance"),
        (lambda rgb: rgb // 8, _444, "enhance"),
        (lambda rgb: rgb // 20, _444, "enhance"),
        (lambda rgb: grey(rgb) // 8, _420, "colorize"),
    ],
)
@pytest.mark.parametrize("larger", [1, 4])
def test_a_look_tells_the_task(
    tmp_path: Path,
    day: Rgb,
    make: Callable[[Rgb], Rgb],
    flags: list[int],
    task: str | None,
    larger: int,
) -> None:
    rgb = cv2.resize(day, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC)
    path = save(tmp_path / "photo.jpg", make(np.asarray(rgb, np.uint8)), [*flags, 1, 92])
    found = edge_demo.look(edge_demo.read(path))
    assert found.task == task and found.why
    assert {type(one) for one in (found.colourless, found.dark, found.subsampled)} == {bool}
    assert found.subsampled == (flags != _444)


def test_a_look_at_other_kinds_of_files(tmp_path: Path, day: Rgb) -> None:
    def task(name: str, pixels: NDArray[np.unsignedinteger]) -> str | None:
        assert cv2.imwrite(str(tmp_path / name), pixels)
        return edge_demo.look(edge_demo.read(tmp_path / name)).task

    bgr = np.ascontiguousarray(day[..., ::-1])
    assert task("grey.png", bgr[..., 1]) == "colorize"
    assert task("deep.png", bgr.astype(np.uint16) * 257) is None
    assert task("deep_dark.tif", bgr.astype(np.uint16) * 20) == "enhance"
    assert task("tiny.png", bgr[:1, :1]) in (None, "colorize", "enhance")
    # What is transparent is not looked at: neither its colours nor its darkness.
    alpha = np.zeros(day.shape[:2], np.uint8)
    alpha[:, 160:] = 255
    hidden = np.dstack([bgr, alpha])
    hidden[:, :160, :3] = 0
    assert task("hidden.png", hidden) is None
    hidden[:, 160:, :3] = grey(day)[:, 160:]
    hidden[:, :160, :3] = (0, 0, 255)
    assert task("hidden_grey.png", hidden) == "colorize"
    hidden[..., 3] = 0
    assert task("nothing.png", hidden) is None
    # Black bars are no night.
    bars = bgr.copy()
    bars[:60] = bars[-60:] = 0
    assert task("bars.png", bars) is None


def test_one_colour_in_a_grey_picture_is_a_colour(tmp_path: Path, day: Rgb) -> None:
    rgb = grey(day)
    rgb[60:140, 100:180] = day[60:140, 100:180]
    assert edge_demo.look(edge_demo.read(save(tmp_path / "a.png", rgb))).task is None


def test_run_says_what_it_chose(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]
) -> None:
    def said(source: Path, *more: str) -> list[str]:
        target = tmp_path / f"{source.stem}.out.png"
        assert main(["run", str(source), str(target), "--overwrite", *more]) == 0
        assert read_rgb(target).rgb.shape == day.shape
        return capfd.readouterr().out.splitlines()

    photo = save(tmp_path / "photo.jpg", day, _420)
    assert said(photo)[0].startswith("chose chroma: its file stores chroma at half")
    assert said(photo)[0].endswith("--task NAME chooses otherwise")
    assert said(photo, "--task", "auto")[0].startswith("chose chroma: ")
    old = save(tmp_path / "old.jpg", sepia(day), [*_420, 1, 92])
    assert said(old)[0].startswith("chose colorize: the picture is of one tint; --task")
    dark = save(tmp_path / "dark.jpg", day // 8, _420)
    assert said(dark)[0].startswith("chose enhance: the picture is dark, and its chroma is 4:2:0")
    # Named, a task is taken without a look.
    assert said(old, "--task", "chroma")[0].startswith("wrote ")
    # An option of one task alone names that task.
    assert "colorize_" in said(photo, "--average", "#a08c78")[0]
    assert "chroma_" in said(dark, "--resample")[0]
    # One that the chosen task does not take is noted.
    assert said(photo, "--strength", "0.5")[-1].startswith("note: --strength was not used")


def test_nothing_to_restore_is_no_mistake(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]
) -> None:
    source = save(tmp_path / "photo.png", day)
    assert main(["run", str(source), str(tmp_path / "same.png")]) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first.startswith("chose a copy: nothing needs to be restored") and "--task" in first
    assert "--resample" in first
    assert second.startswith(f"wrote {tmp_path / 'same.png'} (320x256, a copy; ")
    assert (tmp_path / "same.png").read_bytes() == source.read_bytes()
    assert main(["run", str(source), str(tmp_path / "same.tif")]) == 0
    assert np.array_equal(read_rgb(tmp_path / "same.tif").rgb, day)
    # Of a task that was named it is one.
    line = refused(capfd, "run", source, tmp_path / "out.png", "--task", "chroma")
    assert "--resample" in line


def test_several_tasks_in_one_go(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dark = save(tmp_path / "dark.jpg", day // 6, _420)
    both = tmp_path / "both.png"
    assert main(["run", str(dark), str(both), "--task", "enhance, chroma,colorize"]) == 0
    said = capfd.readouterr().out
    assert "chroma_" in said and " + enhance_" in said
    assert "note: colorize was left out: the picture has colours." in said
    steps = [restorers.load(name) for name in ("chroma", "enhance")]
    picture = edge_demo.read(dark)
    for step in steps:
        picture = step.restore(picture)
    assert np.array_equal(read_rgb(both).rgb, picture.rgb)
    # A grey one: brightened, then coloured, each with its own options.
    old = save(tmp_path / "old.jpg", grey(day) // 6, _420)
    names = ["--task", "chroma,enhance,colorize", "--fade", "20", "--strength", "0.5"]
    assert main(["run", str(old), str(tmp_path / "new.png"), *names]) == 0
    said = capfd.readouterr().out
    assert "enhance_" in said and " + colorize_" in said
    assert "note: chroma was left out: the picture has no colours of its own." in said


def test_mistakes_of_tasks(tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]) -> None:
    photo, out = save(tmp_path / "photo.jpg", day, _420), tmp_path / "out.png"
    for arguments, says in [
        (("--task", "color"), "unknown task 'color'; known: chroma, enhance, colorize"),
        (("--task", "chroma,,enhance"), "unknown task ''"),
        (("--task", ""), "unknown task ''"),
        (("--task", "auto,chroma"), "--task auto,chroma: auto is for itself alone"),
        (("--task", "chroma", "--model", "unet"), "is a model of colorize; --task names chroma"),
        (("--task", "chroma", "--fade", "20"), "--fade is of the colorize task"),
        (("--task", "chroma,enhance", "--fade", "20"), "--fade is of colorize; --task names"),
        (("--resample", "--fade", "20"), "--resample, --fade are of different tasks"),
        (("--strength", "7"), "--strength is from 0"),
        (("--recursive",), "--recursive is of folders"),
        (("--threads", "100000"), "threads must be "),
    ]:
        assert says in refused(capfd, "run", photo, out, *arguments), arguments
    assert not out.exists()


def test_a_picture_is_not_written_over_itself(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]
) -> None:
    photo = save(tmp_path / "photo.jpg", day, _420)
    (tmp_path / "link.jpg").symlink_to(photo)
    before = photo.read_bytes()
    for out in (photo, tmp_path / "link.jpg"):
        line = refused(capfd, "run", photo, out, "--overwrite")
        assert line.endswith(f"{out}: is the input itself; choose another name")
    assert photo.read_bytes() == before


def test_the_size_told_is_that_which_is_shown(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]
) -> None:
    height, width = day.shape[:2]
    assert height != width
    for number in (1, 3, 6, 8):
        photo, out = tmp_path / f"{number}.jpg", tmp_path / f"{number}.png"
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = number
        Image.fromarray(day).save(photo, subsampling=2, exif=exif)
        assert main(["run", str(photo), str(out)]) == 0
        shown = read_rgb(out).rgb.shape[:2]
        assert shown == ((height, width) if number < 5 else (width, height))
        assert f"wrote {out} ({shown[1]}x{shown[0]}, " in capfd.readouterr().out


def test_what_has_no_halved_chroma_is_named(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = Image.fromarray(day)
    for mode, says in [
        ("L", "a grey picture has no chroma to reconstruct; --task colorize gives it colour"),
        ("CMYK", "stores CMYK, so there is nothing to reconstruct; --resample"),
        ("RGB", "stores 4:4:4 chroma, so there is nothing to reconstruct; --resample"),
    ]:
        photo = tmp_path / f"{mode}.jpg"
        picture.convert(mode).save(photo, subsampling=0)
        assert says in refused(capfd, "run", photo, tmp_path / "out.png", "--task", "chroma")


def test_models_answer_to_what_people_remember() -> None:
    names = {
        "chroma": models_folder.PICTURES_PRESET,
        "unet": "colorize_unet-lite0.r3",
        "colorize_unet": "colorize_unet-lite0.r3",
        "unet-lite0": "colorize_unet-lite0.r3",
        "unet.int8": "colorize_unet-lite0.r3.int8",
        "zerodce": "enhance_zerodce-lite.r2",
        "residual": models_folder.DEFAULT_PRESET,
        "residual-xs": "chroma_residual-xs.r2",
    }
    for name, preset in names.items():
        assert models_folder.find(name).name.startswith(f"{preset}."), name
    with pytest.raises(UserError, match=r"'merged' is .*chroma_merged-m.r1 or chroma_merged-s.r2"):
        models_folder.find("merged")
    with pytest.raises(UserError, match="no model named 'unett'; did you mean"):
        models_folder.find("unett")


def test_every_preset_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    presets = {entry.preset for entry in models_index.read(models_folder.FOLDER).entries.values()}
    assert {line.split()[0] for line in lines[1:-3]} == presets
    # A new architecture needs a line in edge_demo/model/purposes.py.
    assert presets and {preset.partition("-")[0] for preset in presets} <= set(purposes.PURPOSES)
    assert max(map(len, lines)) <= 130


def test_a_jpeg_waits_for_nothing_that_it_does_not_need(tmp_path: Path, day: Rgb) -> None:
    """Start-up is mostly imports."""
    photo = save(tmp_path / "photo.jpg", day, _420)
    script = (
        "import sys; from edge_demo.__main__ import main; "
        f"main(['run', {str(photo)!r}, {str(tmp_path / 'o.png')!r}]); "
        "print(sorted({name.partition('.')[0] for name in sys.modules}), "
        "sorted(name for name in sys.modules if name.startswith('edge_demo.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1]
    for name in ("'numpy'", "'edge_demo.device.chroma'"):
        assert name in loaded
    for name in (
        "'flask'",
        "'jinja2'",
        "'waitress'",
        "'urllib3'",
        "'edge_demo.web",
        "'edge_demo.benchmark",
        "'edge_demo.camera",
        "'edge_demo.report",
        "'edge_demo.measure",
        "'edge_demo.video.reader'",
        "'edge_demo.device.colorize'",
    ):
        assert name not in loaded, name


@pytest.fixture
def album(tmp_path: Path, day: Rgb) -> Path:
    """A folder as people have them."""
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    small = np.ascontiguousarray(day[:48, :64])
    for name in ("a.jpg", "b.JPG", "sub/c.jpg"):
        save(folder / name, small, _420)
    save(folder / "d.png", small // 8)
    (folder / "e.jfif").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "f.mp4").write_bytes(b"x")
    (folder / "._a.jpg").write_bytes(b"\0\5\26\7")
    (folder / "notes.txt").write_text("none")
    return folder


def made(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_a_folder_of_everything(
    album: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(["run", str(album), str(out)]) == 0
    said = capfd.readouterr()
    assert made(out) == ["a.jpg.png", "b.JPG.png", "d.png", "e.jfif.png"] and said.err == ""
    lines = said.out.splitlines()
    assert lines[0].startswith("each picture gets the task that fits it; --task")
    assert sum("left]" in one for one in lines) == 4 and "[4 of 4, 0 s left]" in said.out
    assert lines[-1].startswith("4 of 4 pictures restored; left out: ")
    for part in ("f.mp4 (a video: give it by itself)", "sub (a folder: --recursive", "notes.txt",
                 "1 hidden file"):  # fmt: skip
        assert part in lines[-1]
    # Again: nothing is done twice, and that is no failure.
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert main(["run", str(album), str(out), "--recursive"]) == 0
    assert "1 of 5 pictures restored, 4 were finished before" in capfd.readouterr().out
    assert made(out) == ["a.jpg.png", "b.JPG.png", "d.png", "e.jfif.png", "sub/c.jpg.png"]
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path.is_file())
    assert main(["run", str(album), str(out), "--recursive", "--overwrite"]) == 0
    assert "5 of 5 pictures restored" in capfd.readouterr().out


def test_a_folder_names_no_two_pictures_alike(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.jpg", "a.png", "a.jpg.png"):
        save(folder / name, day[:48, :64])
    assert main(["run", str(folder), str(out)]) == 0
    assert made(out) == ["a.jpg.png", "a.jpg.png.png", "a.png"]
    assert "another folder" in refused(capfd, "run", folder, folder)


def test_the_results_below_a_folder_are_not_its_pictures(
    album: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["run", str(album), str(album / "out"), "--recursive"]) == 0
    assert "5 were finished before" in capfd.readouterr().out
    assert not (album / "out" / "out").exists()


def test_names_that_a_system_refuses(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    small = np.ascontiguousarray(day[:48, :64])
    data = save(tmp_path / "a.jpg", small, _420).read_bytes()
    for name in (b"a.jpg", b"b\xe9.jpg", b"n" * 249 + b".jpg", b"n" * 251 + b".png", b"z.jpg"):
        path = os.fsencode(folder) + b"/" + name
        Path(os.fsdecode(path)).write_bytes(data)
    assert main(["run", str(folder), str(out), "--model", "residual-xs"]) == 1
    said = capfd.readouterr()
    assert "4 of 5 pictures restored" in said.out
    assert said.err.startswith("skipped: ") and said.err.count("\n") == 1
    long = tmp_path / ("m" * 260 + ".png")
    assert "too long" in refused(capfd, "run", tmp_path / "a.jpg", long)
    assert "too long" in refused(capfd, "run", long, tmp_path / "o.png")
    assert "too long" in refused(capfd, "run", folder, tmp_path / ("m" * 260))


def test_a_name_that_is_not_text_can_be_printed(tmp_path: Path, day: Rgb) -> None:
    """As in an ordinary locale, whose output is strict."""
    data = save(tmp_path / "a.jpg", day[:48, :64], _420).read_bytes()
    source = os.fsencode(tmp_path) + b"/b\xe9.jpg"
    Path(os.fsdecode(source)).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "edge_demo", "run", source, source + b".png"],
        cwd=ROOT, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == b""
    assert rb"b\udce9.jpg.png" in done.stdout


def test_unreadable_folders(
    album: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if by permissions, which do not hold for root."""
    real = Path.iterdir

    def closed(self: Path):
        if self.name == closed_name:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "iterdir", closed)
    closed_name = "sub"
    assert main(["run", str(album), str(tmp_path / "out"), "--recursive"]) == 1
    said = capfd.readouterr()
    assert said.err == f"skipped: {album / 'sub'}: cannot be read (Permission denied)\n"
    assert "4 of 4 pictures restored" in said.out
    closed_name = "album"
    assert "cannot be read" in refused(capfd, "run", album, tmp_path / "out2")
    # A folder that may be listed, but not entered.
    closed_name = ""
    is_dir = Path.is_dir

    def shut(self: Path) -> bool:
        if self.name == "a.jpg":
            raise PermissionError(13, "Permission denied", str(self))
        return is_dir(self)

    monkeypatch.setattr(Path, "is_dir", shut)
    assert main(["run", str(album), str(tmp_path / "out3")]) == 1
    said = capfd.readouterr()
    assert said.err == f"skipped: {album / 'a.jpg'}: cannot be read (Permission denied)\n"
    assert "3 of 3 pictures restored" in said.out


def test_overwriting_keeps_modes_and_links(tmp_path: Path, day: Rgb) -> None:
    photo = save(tmp_path / "photo.jpg", day[:48, :64], _420)
    (tmp_path / "place").mkdir()
    real, link, other = tmp_path / "place" / "real.png", tmp_path / "link.png", tmp_path / "o.png"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    assert main(["run", str(photo), str(link), "--overwrite"]) == 0
    assert link.is_symlink() and real.read_bytes()[:4] == b"\x89PNG"
    assert real.stat().st_mode & 0o777 == 0o640
    other.hardlink_to(real)
    real.write_bytes(b"old" * 100_000)
    assert main(["run", str(photo), str(other), "--overwrite"]) == 0
    assert other.samefile(real) and read_rgb(real).rgb.shape == (48, 64, 3)
    assert sorted(path.name for path in (tmp_path / "place").iterdir()) == ["real.png"]


def test_a_folder_can_be_stopped_and_goes_on(
    tmp_path: Path, day: Rgb, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for index in range(200):
        save(folder / f"{index:02d}.jpg", day, _420)
    command = [sys.executable, "-m", "edge_demo", "run", str(folder), str(out)]
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        # Tests that a shell runs in the background are deaf to SIGINT, and so were what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    until = time.monotonic() + 60
    while not any(out.glob("*.png")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"stopped after " in error and b"Traceback" not in error
    done = sorted(out.iterdir())
    assert 0 < len(done) < 200 and all(path.suffix == ".png" for path in done)
    assert main(["run", str(folder), str(out)]) == 0
    assert f"{len(done)} were finished before" in capfd.readouterr().out
    assert len(list(out.iterdir())) == 200


def test_nothing_asked_for_is_taken_by_every_model(tmp_path: Path, day: Rgb) -> None:
    photo = save(tmp_path / "photo.jpg", day[:48, :64], _420)
    picture = edge_demo.read(photo)
    for name in ("residual-xs", "unet", "zerodce"):
        model = restorers.load(models_folder.find(name))
        model.with_options(fade=0, detail=0.0)
        if name != "residual-xs":
            continue
        usual = model.restore(picture).rgb
        assert np.array_equal(model.restore(picture, strength=0, fade=0.0).rgb, usual)
        with pytest.raises(UserError, match="--fade is of the colorize task"):
            model.with_options(fade=1)
    assert plan.ORDER == ("chroma", "enhance", "colorize")
    assert looking.look(picture).task == "chroma"
