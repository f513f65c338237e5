"""Live enhancement, with a file or a stand-in where a camera would be."""

from __future__ import annotations

import functools
import io
import shutil
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo import __main__ as program
from edge_demo.camera import command, source, stream
from edge_demo.camera.live import Live, labelled
from edge_demo.device import frames as device_frames
from edge_demo.device import restorers
from edge_demo.errors import UserError
from edge_demo.pictures.images import read_rgb
from tests import mistakes
from tests.videos import make_clip, moving

ROOT = Path(__file__).parents[3]
SIZE = 64, 96
refused = functools.partial(mistakes.refused, "edge_demo")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dark video of six frames."""
    folder = tmp_path_factory.mktemp("night")
    make_clip(folder, "night.mp4", 6, SIZE, rgb=[one // 8 for one in moving(6, SIZE)])
    return folder / "night.mp4"


def frames(path: Path) -> list[NDArray[np.uint8]]:
    """R, G, B of each frame of a file."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def run(*words: object) -> int:
    return program.main(["camera", *(str(word) for word in words)])


def test_a_recording_is_what_was_restored(
    night: Path, low_light_models: dict[str, Path], tmp_path: Path, capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(command, "_window", lambda: None)
    target, model = tmp_path / "out.mkv", low_light_models["curves"]
    words = ("--camera", night, "--model", model, "--out", target, "--codec", "ffv1")
    assert run(*words) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"wrote {target} (96x64, 6 frames, enhance_zerodce-lite.float32; ")
    found = frames(target)
    assert len(found) == 6
    live = Live(restorers.load(model))
    with source.opened(str(night), None, live.restorer.subsampled) as opened:
        wanted = [live.restored(shot)[..., ::-1] for shot in opened.shots()]
    # The text is in the corner at the top; below it are the restored pictures.
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one[30:].astype(int) - other[30:]).max() <= 2
        assert np.abs(one[:30].astype(int) - other[:30]).max() > 100
    assert found[0].mean() > 1.2 * frames(night)[0].mean()


def test_chroma_of_a_file_is_restored_from_its_planes(
    tmp_path: Path, tiny_models: dict[str, Path]
) -> None:
    make_clip(tmp_path, "day.mp4", 2, SIZE, rgb=moving(2, SIZE))
    live = Live(restorers.load(tiny_models["int8"]))
    assert live.restorer.subsampled
    with source.opened(str(tmp_path / "day.mp4"), None, True) as opened:
        shapes = [(shot.frame.y.shape, shot.frame.cbcr.shape) for shot in opened.shots()]
    assert shapes == [((64, 96), (32, 48, 2))] * 2


def test_a_file_is_not_recorded_over(
    night: Path, low_light_models: dict[str, Path], tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "out.mp4").write_bytes(b"mine")
    model = ("--model", low_light_models["curves"])
    for words, says in (
        (("--out", tmp_path / "out.mp4"), "exists already"),
        (("--out", tmp_path / "out.avi"), "unknown extension"),
        ((), "there is no screen"),
        (("--out", tmp_path / "a.mp4", "--strength", "2"), "--strength is from 0 to 1"),
        (("--out", tmp_path / "a.mp4", "--temporal", "-1"), "--temporal is from 0 to 1"),
        (("--out", tmp_path / "a.mp4", "--seconds", "0"), "--seconds is more than 0"),
        (
            ("--out", tmp_path / "a.mp4", "--size", "big"),
            "--size wants WIDTHxHEIGHT in pixels, such as 640x480",
        ),
        (("--out", tmp_path / "a.mp4", "--size", "64x48"), "--size is of a camera"),
        (("--out", tmp_path / "a.mp4", "--crf", "99"), "--crf is from 0"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("DISPLAY", raising=False)
            patch.delenv("WAYLAND_DISPLAY", raising=False)
            assert says in refused(capfd, "camera", "--camera", night, *model, *words)
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"
    assert not (tmp_path / "a.mp4").exists()


def test_no_camera_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = ("--out", tmp_path / "a.mp4")
    assert "no camera answers there" in refused(capfd, "camera", "--camera", "63", *out)
    assert "no such file" in refused(capfd, "camera", "--camera", tmp_path / "no.mp4", *out)
    assert "picamera2 is not installed" in refused(capfd, "camera", "--camera", "picamera", *out)


def test_ctrl_c_leaves_a_whole_file(night: Path, tmp_path: Path) -> None:
    """A camera that never ends, in a process of its own."""
    target = tmp_path / "out.mp4"
    script = f"""
import itertools
from edge_demo.camera import source
real = source._decoded
def endless(reader):
    shots = list(real(reader))
    for number in itertools.count():
        yield source.Shot(shots[number % len(shots)].frame, number / 30)
source._decoded = endless
from edge_demo.__main__ import main
raise SystemExit(main(["camera", "--camera", {str(night)!r}, "--out", {str(target)!r}]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().startswith("recording ")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=30)
    assert process.returncode == 0, complained
    assert said.startswith(f"wrote {target} (96x64, ") and "Traceback" not in complained
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    counted = int(said.split(", ")[1].removesuffix(" frames"))
    assert len(frames(target)) == counted > 0


class Capture:
    """Stands in for ``cv2.VideoCapture`` of a camera."""

    def __init__(self, device: object, backend: int) -> None:
        assert backend == cv2.CAP_V4L2
        self.device, self.asked, self.released = device, {}, False
        self.count = 0

    def isOpened(self) -> bool:
        return self.device == 2

    def set(self, which: int, value: float) -> None:
        self.asked[which] = value

    def get(self, which: int) -> float:
        # It has one size alone, and does not know its speed.
        return {cv2.CAP_PROP_FRAME_WIDTH: 96.0, cv2.CAP_PROP_FRAME_HEIGHT: 64.0}.get(which, 0.0)

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        self.count += 1
        if self.count > 12:
            return False, None
        # Now and then a picture is lost.
        return self.count % 3 != 0, np.full((64, 96, 3), (10, 20, 30), np.uint8)

    def release(self) -> None:
        self.released = True


def test_v4l2(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Capture] = []

    def capture(device: object, backend: int) -> Capture:
        made.append(Capture(device, backend))
        return made[-1]

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    for name in ("2", "/dev/video2"):
        with source.opened(name, (320, 240), False) as opened:
            assert (opened.size, opened.rate, opened.live) == ((64, 96), 30, True)
            shots = opened.shots()
            assert len([next(shots) for _ in range(8)]) == 8
            with pytest.raises(UserError, match="gives no pictures any more"):
                next(shots)
        assert made[-1].released and made[-1].asked[cv2.CAP_PROP_FRAME_WIDTH] == 320
    with source.opened("2", None, True) as opened:
        shot = next(opened.shots())
    assert shot.frame.cbcr.shape == (32, 48, 2) and shot.at >= 0
    rgb = device_frames.Frame(shot.frame.y, shot.frame.cbcr, "center", "bt601").rgb()
    assert np.abs(rgb - [30, 20, 10]).max() < 1.5
    with pytest.raises(UserError, match="no camera answers"), source.opened("1", None, False):
        pass


def test_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its interface as its manual has it: create_video_configuration, start, capture_array."""
    done: list[Any] = []

    class Picamera2:
        def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
            return {"main": main}

        def configure(self, configuration: dict[str, Any]) -> None:
            done.append(configuration)

        def start(self) -> None:
            done.append("started")

        def capture_array(self, name: str) -> NDArray[np.uint8]:
            assert name == "main" and "started" in done
            return np.full((64, 96, 3), (10, 20, 30), np.uint8)

        def close(self) -> None:
            done.append("closed")

    module: Any = types.ModuleType("picamera2")
    module.Picamera2 = Picamera2
    monkeypatch.setitem(sys.modules, "picamera2", module)
    with source.opened("picamera", (96, 64), False) as opened:
        assert (opened.size, opened.live) == ((64, 96), True)
        shot = next(opened.shots())
    assert done[0] == {"main": {"size": (96, 64), "format": "RGB888"}} and done[-1] == "closed"
    assert np.abs(shot.frame.rgb() - [30, 20, 10]).max() < 1.5


def test_the_screen(
    night: Path, low_light_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Pictures are shown until the key q."""
    shown: list[NDArray[np.uint8]] = []
    monkeypatch.setenv("DISPLAY", ":0")
    keys = iter([255, 255, ord("q")])
    for name, stand_in in (
        ("namedWindow", lambda *_: None),
        ("imshow", lambda _, picture: shown.append(picture)),
        ("waitKey", lambda _: next(keys)),
        ("getWindowProperty", lambda *_: 1.0),
    ):
        monkeypatch.setattr(cv2, name, stand_in)
    assert run("--camera", night, "--model", low_light_models["curves"]) == 0
    assert [picture.shape for picture in shown] == [(64, 96, 3)] * 3
    assert capsys.readouterr().out.startswith("shown (96x64, 3 frames")


def test_the_text_can_be_read_on_anything() -> None:
    for code in (0, 255):
        picture = labelled(np.full((240, 320, 3), code, np.uint8), "12.3 fps")
        corner = picture[:20, :90]
        assert corner.min() < 60 and corner.max() > 200
        assert (picture[40:] == code).all()


# ------------------------------------------------------------------------------------ the stream


@pytest.fixture
def streamed(night: Path, low_light_models: dict[str, Path]) -> Iterator[stream.Stream]:
    made = stream.Stream(str(night), low_light_models["curves"], 1)
    yield made
    made.close()


def test_viewers_see_the_newest_picture(streamed: stream.Stream, tmp_path: Path) -> None:
    viewers = [streamed.viewer() for _ in range(2)]
    # More than the file has: it begins anew.
    for viewer in viewers:
        for _ in range(9):
            picture = next(viewer)
    (tmp_path / "a.jpg").write_bytes(picture)
    rgb = read_rgb(tmp_path / "a.jpg").rgb
    assert rgb.shape == (64, 96, 3) and rgb[30:].mean() > 20
    for viewer in viewers:
        viewer.close()
        viewer.close()  # once more does nothing
    until = time.monotonic() + 10
    while streamed.working and time.monotonic() < until:
        time.sleep(0.01)
    assert not streamed.working  # nobody looks, so nothing is computed
    assert next(streamed.viewer())


def test_viewers_are_counted(streamed: stream.Stream) -> None:
    viewers = [streamed.viewer() for _ in range(stream.MOST_VIEWERS)]
    with pytest.raises(UserError, match="look at the camera already"):
        streamed.viewer()
    viewers[0].close()
    streamed.viewer().close()
    streamed.close()
    assert len(list(viewers[1])) <= 1  # it ends
    with pytest.raises(UserError):
        streamed.viewer()


def test_another_model_is_used_while_somebody_looks(
    streamed: stream.Stream, low_light_models: dict[str, Path], tmp_path: Path
) -> None:
    viewer = streamed.viewer()
    next(viewer)
    with pytest.raises(UserError):
        streamed.use(tmp_path / "none.tflite")
    assert next(viewer)  # the one before goes on
    streamed.use(low_light_models["static"])
    assert streamed.model == low_light_models["static"].stem
    assert all(next(viewer) for _ in range(6))
    viewer.close()


def test_the_page_shows_the_stream(
    streamed: stream.Stream, low_light_models: dict[str, Path], tmp_path: Path
) -> None:
    from edge_demo.web.app import Studio, create_app
    from edge_demo.web.cache import Cache
    from edge_demo.web.catalog import Catalog
    from edge_demo.web.limits import Limits
    from edge_demo.web.pool import Pool
    from edge_demo.web.videos import Videos
    from edge_demo.web.worker import Setup

    setup = Setup({})
    pool, videos = Pool(1, 0, 5, setup), Videos(setup, Limits())
    other = tmp_path / "other.int8.tflite"
    shutil.copy(low_light_models["static"], other)
    studio = Studio(Catalog({"other.int8": other}), pool, Cache(0), videos, camera=streamed)
    client = create_app(studio).test_client()
    response = client.get("/camera", buffered=False)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    parts = iter(response.response)
    for _ in range(2):
        part = io.BytesIO(next(parts))
        assert part.readline() == b"--frame\r\n"
        assert part.readline() == b"Content-Type: image/jpeg\r\n"
        length = int(part.readline().split()[1])
        assert part.readline() == b"\r\n"
        data = part.read(length)
        assert data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")
    response.close()

    def use(name: str) -> Any:
        return client.post("/camera", data={"model": name}, content_type="multipart/form-data")

    found = use("other.int8")
    assert (found.status_code, found.get_json()) == (200, {"model": "other.int8"})
    assert client.get("/models").get_json()["camera"] == {"model": "other.int8"}
    assert use("none.int8").status_code == 404 and use("").status_code == 400
    taken = [streamed.viewer() for _ in range(stream.MOST_VIEWERS)]
    assert client.get("/camera").status_code == 503
    for viewer in taken:
        viewer.close()
    studio.pool.close()
