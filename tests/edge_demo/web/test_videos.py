"""A video through the API: restored as ``run`` does, within bounds, and gone afterwards."""

from __future__ import annotations

import dataclasses
import errno
import io
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_demo.device import restorers
from edge_demo.video.restore import restore_video
from edge_demo.video.writer import target
from edge_demo.web import videos
from edge_demo.web.app import Studio, create_app
from edge_demo.web.limits import Limits
from edge_demo.web.worker import Worker
from tests.edge_demo.web import jobs
from tests.videos import make_clip

NAME = "my-own-video"


def post(client: Any, data: bytes, **fields: Any) -> Any:
    form = {"video": (io.BytesIO(data), "clip.mp4"), "job": NAME, **fields}
    return client.post("/video", data=form)


def until_over(client: Any, name: str = NAME) -> dict[str, Any]:
    """What is said of a video in the end."""
    end = time.monotonic() + 60
    while (found := client.get(f"/progress/{name}").get_json())["working"]:
        assert time.monotonic() < end
        time.sleep(0.02)
    return dict(found)


def folders(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("chromaedge-video-*"))


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of videos lie where a test can see them."""
    monkeypatch.setattr(videos.tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    quarter_turn = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    return make_clip(tmp_path, matrix=quarter_turn).path.read_bytes()


def test_a_video_is_restored_as_run_does(
    client: Any, clip: bytes, files: dict[str, Path], tmp_path: Path
) -> None:
    response = post(client, clip, crf="20", temporal="0.5")
    assert (response.status_code, response.get_json()) == (202, {"job": NAME})
    found = until_over(client)
    assert (found["state"], found["share"], found["error"]) == ("done", 1.0, None)
    frame = client.get(f"/video/{NAME}/preview")
    assert frame.mimetype == "image/jpeg"
    shown = cv2.imdecode(np.frombuffer(frame.data, np.uint8), cv2.IMREAD_COLOR)
    result = client.get(f"/video/{NAME}")
    assert (result.status_code, result.mimetype) == (200, "video/mp4")
    source, wanted = tmp_path / "source", tmp_path / "wanted.mp4"
    source.write_bytes(clip)
    done = restore_video(
        source, target(wanted, "h264", 20, False), restorers.load(files["tiny.int8"], 1),
        smoothing=0.5,
    )  # fmt: skip
    assert result.data == wanted.read_bytes()
    assert found["notes"] == list(done.notes)
    assert shown.shape[:2] == done.size[::-1]  # upright
    # Who has lost it on the way fetches it again, until another video comes.
    assert client.get(f"/video/{NAME}").data == result.data
    assert post(client, clip, job="another-video").status_code == 202
    assert client.get(f"/video/{NAME}").status_code == 404
    assert client.get(f"/video/{NAME}/preview").status_code == 404
    assert len(folders(tmp_path)) == 1
    assert client.get(f"/progress/{NAME}").get_json() == {"working": False, "share": 0}


def test_a_fetched_result_goes_after_a_while(
    client: Any, clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client, clip)
    until_over(client)
    monkeypatch.setattr(videos, "GONE", 0.2)
    time.sleep(0.3)
    assert client.head(f"/video/{NAME}").status_code == 200  # nobody has fetched it yet
    assert client.get(f"/video/{NAME}").status_code == 200
    time.sleep(0.3)
    assert client.get(f"/video/{NAME}").status_code == 404
    assert not folders(tmp_path)


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work on a video is one call that takes for ever; the file says that it has begun."""
    mark = tmp_path / "mark"
    monkeypatch.setattr(videos, "restored", partial(jobs.deaf_work, mark))
    return mark


def test_one_at_a_time_until_it_is_cancelled(
    client: Any, clip: bytes, endless: Path, tmp_path: Path
) -> None:
    assert post(client, clip).status_code == 202
    jobs.wait_for(endless)
    refused = post(client, clip, job="another-video")
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    assert client.get(f"/video/{NAME}").status_code == 409
    assert client.get(f"/video/{NAME}/preview").status_code == 404
    began = time.monotonic()
    assert client.delete(f"/video/{NAME}").get_json() == {"cancelled": True}
    assert time.monotonic() - began < 1.0
    assert not folders(tmp_path)
    assert client.delete(f"/video/{NAME}").status_code == 404
    assert post(client, clip, job="another-video").status_code == 202


def test_who_only_asks_for_the_head_loses_nothing(client: Any, clip: bytes) -> None:
    assert post(client, clip).status_code == 202
    assert until_over(client)["state"] == "done"
    head = client.head(f"/video/{NAME}")
    result = client.get(f"/video/{NAME}", headers={"Range": "bytes=0-9"})
    assert (head.status_code, result.status_code) == (200, 200)
    assert head.content_length == result.content_length == len(result.data) > 10


def test_a_video_is_not_ended_with_the_one_before(
    make_studio: Any, clip: bytes, endless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, started, ended = Worker.end, threading.Event(), threading.Event()

    def slowly(self: Worker) -> None:
        if self.pid is not None and not started.is_set():
            started.set()
            time.sleep(3)  # longer than who cancels waits
            end(self)
            ended.set()
        else:
            end(self)

    studio: Studio = make_studio()
    client = create_app(studio).test_client()
    assert post(client, clip).status_code == 202
    jobs.wait_for(endless)
    monkeypatch.setattr(Worker, "end", slowly)
    client.delete(f"/video/{NAME}")
    endless.unlink()
    assert post(client, clip, job="another-video").status_code == 202
    jobs.wait_for(endless)
    assert ended.wait(5)
    time.sleep(0.3)
    assert client.get("/progress/another-video").get_json()["working"]
    assert client.delete("/video/another-video").status_code == 200


def test_who_does_not_ask_has_left(
    client: Any, clip: bytes, endless: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(client, clip).status_code == 202
    jobs.wait_for(endless)
    monkeypatch.setattr(videos, "GONE", 0.1)
    end = time.monotonic() + 5
    while folders(tmp_path):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert post(client, clip, job="another-video").status_code == 202


def test_a_server_that_stops_leaves_nothing(
    make_studio: Any, clip: bytes, endless: Path, tmp_path: Path
) -> None:
    studio: Studio = make_studio()
    assert post(create_app(studio).test_client(), clip).status_code == 202
    jobs.wait_for(endless)
    began = time.monotonic()
    studio.videos.close()
    assert time.monotonic() - began < 1.0 and not folders(tmp_path)


def test_what_a_server_left_that_was_killed_is_removed(make_studio: Any, tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, own, other = (
        tmp_path / f"chromaedge-video-{name}"
        for name in (f"{ended.pid}-a", f"{os.getpid()}-b", "x")
    )
    for folder in (left, own, other):
        folder.mkdir()
        (folder / "video").write_bytes(b"1")
    make_studio()
    assert not left.exists() and own.exists() and other.exists()


def limited(make_studio: Any, **limits: Any) -> Any:
    return create_app(make_studio(limits=dataclasses.replace(Limits(), **limits))).test_client()


def test_bounds_hold(make_studio: Any, clip: bytes, tmp_path: Path) -> None:
    client = limited(make_studio, video_bytes=len(clip) - 1)
    assert post(client, clip).status_code == 413
    for bounds, says in (
        ({"video_pixels": 100}, "pixels a frame, over the limit of 100"),
        ({"video_frames": 3}, "is longer than"),
        ({"video_seconds": 0.01}, "is longer than"),
        ({"video_result_bytes": 100}, "its result is larger than"),
        ({"video_worker_bytes": 1 << 20}, "takes more memory than it may"),
        ({"video_work_seconds": 0.0}, "took too long"),
    ):
        client = limited(make_studio, **bounds)
        assert post(client, clip).status_code == 202
        found = until_over(client)
        assert found["state"] == "failed" and says in found["error"], bounds
        assert client.get(f"/video/{NAME}").status_code == 422
    assert not folders(tmp_path)


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "no job": ({"job": ""}, 400, "job: is needed"),
    "job": ({"job": "../x"}, 400, "job: 8 to 64"),
    "unknown field": ({"hints": "{}"}, 400, "field 'hints' is not known"),
    "several tasks": ({"mode": "chroma,enhance"}, 400, "is not one of chroma"),
    "model": ({"model": "none"}, 404, "no model named"),
    "model of another task": ({"mode": "enhance", "model": "tiny.int8"}, 422, "is a model of"),
    "option of another task": ({"mode": "chroma", "strength": "0.5"}, 422, "strength is of"),
    "average": ({"mode": "colorize", "average": "none"}, 422, "average: color is 'none'"),
    "temporal": ({"temporal": "2"}, 400, "temporal: must be in 0..1"),
    "crf": ({"crf": "60"}, 400, "crf: must be in 0..51"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_wishes_are_refused(case: str, client: Any, clip: bytes, tmp_path: Path) -> None:
    fields, status, says = BAD[case]
    response = post(client, clip, **fields)
    assert response.status_code == status and says in response.get_json()["error"]
    assert not folders(tmp_path)
    # The place is free again.
    assert post(client, clip, job="another-video").status_code == 202


@pytest.mark.parametrize("data", [b"no video at all", b""])
def test_what_is_no_video_fails(data: bytes, client: Any, tmp_path: Path) -> None:
    assert post(client, data).status_code == 202
    found = until_over(client)
    assert found["state"] == "failed" and found["error"].startswith("video: ")
    assert not folders(tmp_path)


def test_forms_without_a_video(client: Any, clip: bytes) -> None:
    assert client.post("/video", data={"job": NAME}).status_code == 415
    two = {"video": [(io.BytesIO(clip), "a.mp4"), (io.BytesIO(clip), "b.mp4")], "job": NAME}
    assert client.post("/video", data=two).status_code == 413
    for path in ("/video/none", "/video/none/preview"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_no_room_for_files_is_said(client: Any, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def full(**options: Any) -> str:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(videos.tempfile, "mkdtemp", full)
    response = post(client, b"whatever")
    assert response.status_code == 503 and "Retry-After" in response.headers
    assert "no room" in response.get_json()["error"]
