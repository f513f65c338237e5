"""Each endpoint: what it gives, that it is what the command line gives, and how it refuses."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import edge_demo
from edge_demo import __main__ as command
from edge_demo.colour.lab import rgb_to_lab
from edge_demo.device import palette
from edge_demo.measure import metrics
from edge_demo.pictures.containers import inspect
from edge_demo.pictures.images import read_rgb
from edge_demo.web import app as web
from edge_demo.web import forms, work
from edge_demo.web.app import Studio, create_app
from edge_demo.web.limits import Limits, Refused
from edge_demo.web.worker import Worker
from tests.edge_demo.web import jobs
from tests.edge_demo.web.conftest import encoded

HINTS = {"hints": [{"x": 80, "y": 64, "color": "#4a7bc8"}, {"x": 5, "y": 9, "color": "#c8a070"}]}

needs_metadata = pytest.mark.skipif(
    not hasattr(cv2, "imencodeWithMetadata"), reason="OpenCV before 4.12 writes no metadata"
)


def post(client: Any, path: str, data: bytes | list[tuple[bytes, str]], **fields: Any) -> Any:
    files = [(data, "picture.jpg")] if isinstance(data, bytes) else data
    form: dict[str, Any] = {"image": [(io.BytesIO(one), name) for one, name in files]}
    for name, value in fields.items():
        form[name] = (io.BytesIO(value), f"{name}.jpg") if isinstance(value, bytes) else value
    return client.post(path, data=form)


def error(response: Any, status: int) -> str:
    assert (response.status_code, response.mimetype) == (status, "application/json")
    (said,) = response.get_json().values()
    assert said and "\n" not in said and "Traceback" not in said
    return said


def by_command(folder: Path, data: bytes, model: Path, extension: str, *options: object) -> bytes:
    """What ``python -m edge_demo run`` writes."""
    source, target = folder / "in.picture", folder / f"out{extension}"
    source.write_bytes(data)
    words = ["run", source, target, "--model", model, *options, "--overwrite"]
    assert command.main([str(word) for word in words]) == 0
    return target.read_bytes()


# ------------------------------------------------------------------------------------- /process

CASES = {
    "chroma": ("chroma.jpg", "tiny.int8", {}, ".png"),
    "chroma of WebP, as JPEG": ("chroma.webp", "tiny.float32", {"format": "jpeg"}, ".jpg"),
    "resampled": ("colour.png", "tiny.int8", {"resample": "true", "format": "webp"}, ".webp"),
    "with less detail": ("chroma.jpg", "tiny.merged", {"detail": "0.3"}, ".png"),
    "coloured": ("grey.png", "colour.hinted", {"hints": json.dumps(HINTS)}, ".png"),
    "faded": ("colour.bmp", "colour.spread", {"fade": "20", "strength": "0.5"}, ".png"),
    "brightened": ("dark.tif", "dark.curves", {"strength": "0.7", "render_size": "64"}, ".png"),
    "brighter still": ("dark.tif", "dark.curves", {"brightness": "1.5"}, ".png"),
    "whole": ("dark.png", "dark.static", {}, ".png"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_result_is_the_command_lines(
    case: str, client: Any, pictures: dict[str, bytes], files: dict[str, Path], tmp_path: Path
) -> None:
    name, model, fields, extension = CASES[case]
    response = post(client, "/process", pictures[name], model=model, **fields)
    assert response.status_code == 200, response.data[:200]
    options: list[object] = []
    for key, value in fields.items():
        if key == "hints":
            (tmp_path / "hints.json").write_text(value)
            options += ["--hints", tmp_path / "hints.json"]
        elif key == "resample":
            options.append("--resample")
        elif key == "mode":
            options += ["--task", value]
        elif key != "format":
            options += [f"--{key.replace('_', '-')}", value]
    wanted = by_command(tmp_path, pictures[name], files[model], extension, *options)
    assert response.data == wanted
    kinds = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
    assert response.mimetype == kinds[extension]
    headers = response.headers
    assert (headers["X-Width"], headers["X-Height"]) == ("160", "128")
    assert (headers["X-Model"], headers["X-Cache"]) == (model, "miss")
    stages = dict(part.split(";dur=") for part in headers["Server-Timing"].split(", "))
    assert list(stages) == ["receive", "queue", "load", "read", "restore", "write"]
    assert all(float(value) >= 0 for value in stages.values())
    assert isinstance(json.loads(headers["X-Notes"]), list)


def test_colours_of_a_reference(
    client: Any, pictures: dict[str, bytes], files: dict[str, Path], tmp_path: Path
) -> None:
    grey, reference = pictures["grey.png"], pictures["colour.png"]
    plain = post(client, "/process", grey, model="colour.hinted").data
    borrowed = post(client, "/process", grey, model="colour.hinted", reference=reference)
    (tmp_path / "reference.png").write_bytes(reference)
    options = ("--reference", tmp_path / "reference.png")
    assert borrowed.data == by_command(tmp_path, grey, files["colour.hinted"], ".png", *options)
    assert borrowed.data != plain
    response = post(client, "/process", grey, model="colour.spread", reference=reference)
    assert "tells no chances of colours" in error(response, 422)
    response = post(client, "/process", grey, model="colour.hinted", reference=b"none")
    assert "reference.jpg: is not a" in error(response, 415)


def test_a_task_has_a_default_model(client: Any, pictures: dict[str, bytes]) -> None:
    for mode, name, model in (
        ("chroma", "chroma.jpg", "tiny.int8"),
        ("colorize", "grey.png", "colour.hinted"),
        ("enhance", "dark.png", "dark.curves"),
    ):
        response = post(client, "/process", pictures[name], mode=mode)
        assert (response.status_code, response.headers["X-Model"]) == (200, model)
    assert post(client, "/process", pictures["chroma.jpg"]).headers["X-Model"] == "tiny.int8"


def test_quality_of_a_jpeg(client: Any, pictures: dict[str, bytes]) -> None:
    sizes = [
        len(post(client, "/process", pictures["dark.png"], mode="enhance", format="jpeg",
                 quality=quality).data)
        for quality in (20, 95)
    ]  # fmt: skip
    assert sizes[0] < sizes[1]


def with_place(jpeg: bytes) -> bytes:
    """A JPEG that says where it was taken, and that it lies on its side."""
    place = b"48 51 29.6 N 2 17 40.2 E"
    entries = struct.pack("<HHIHH", 274, 3, 1, 6, 0) + struct.pack("<HHII", 0x9286, 7, 24, 38)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4) + place
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + jpeg[2:]


def test_metadata_is_stripped_unless_it_is_to_be_kept(
    client: Any, pictures: dict[str, bytes], files: dict[str, Path], tmp_path: Path
) -> None:
    data = with_place(pictures["chroma.jpg"])
    for kind in ("png", "jpeg", "webp"):
        response = post(client, "/process", data, format=kind)
        assert response.status_code == 200
        assert b"48 51" not in response.data and b"Exif" not in response.data
        # Upright all the same.
        assert (response.headers["X-Width"], response.headers["X-Height"]) == ("128", "160")
    kept = post(client, "/process", data, keep_metadata="true")
    assert kept.data == by_command(tmp_path, data, files["tiny.int8"], ".png")


@needs_metadata
def test_kept_metadata_is_there(client: Any, pictures: dict[str, bytes]) -> None:
    data = with_place(pictures["chroma.jpg"])
    assert b"48 51" in post(client, "/process", data, keep_metadata="true").data


def test_a_second_time_comes_from_the_cache(client: Any, pictures: dict[str, bytes]) -> None:
    first = post(client, "/process", pictures["dark.png"], mode="enhance")
    # By content, whatever the name.
    again = post(client, "/process", [(pictures["dark.png"], "other.png")], mode="enhance")
    assert (first.headers["X-Cache"], again.headers["X-Cache"]) == ("miss", "hit")
    assert again.data == first.data
    assert "restore" not in again.headers["Server-Timing"]
    other = post(client, "/process", pictures["dark.png"], mode="enhance", strength="0.5")
    assert other.headers["X-Cache"] == "miss" and other.data != first.data


def test_several_pictures_become_a_zip_each_treated_by_what_it_is(
    client: Any, pictures: dict[str, bytes], files: dict[str, Path], tmp_path: Path
) -> None:
    names = ["../../etc/a.jpg", "a.jpg", "b--c.webp", "grey.png", "dark.png", "full.png", "bad.png"]
    sources = ["chroma.jpg", "chroma.jpg", "chroma.webp", "grey.png", "dark.png", "colour.png"]
    datas = [*(pictures[name] for name in sources), b"no picture"]
    response = post(client, "/process", list(zip(datas, names, strict=True)))
    assert (response.status_code, response.mimetype) == (200, "application/zip")
    assert response.headers["X-Failed"] == "1"
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        found = {name: archive.read(name) for name in archive.namelist()}
    assert list(found) == ["001_a.png", "002_a.png", "003_b--c.png", "004_grey.png",
                           "005_dark.png", "006_full.png", "manifest.json"]  # fmt: skip
    for file, data, model in (
        ("001_a.png", datas[0], "tiny.int8"), ("002_a.png", datas[0], "tiny.int8"),
        ("004_grey.png", datas[3], "colour.hinted"), ("005_dark.png", datas[4], "dark.curves"),
    ):  # fmt: skip
        assert found[file] == by_command(tmp_path, data, files[model], ".png")
    assert manifest["failed"] == 1
    *good, bad = manifest["pictures"]
    assert [row["file"] for row in good] == list(found)[:6]
    assert [row["tasks"] for row in good] == [
        ["chroma"], ["chroma"], ["chroma"], ["colorize"], ["enhance"], []
    ]  # fmt: skip
    assert good[3]["models"] == ["colour.hinted"]
    assert bad["source"] == "bad.png" and "is not a JPEG" in bad["error"]


def test_archives_take_so_much_together(make_studio: Any, pictures: dict[str, bytes]) -> None:
    alone = len(
        post(create_app(make_studio()).test_client(), "/process", pictures["dark.png"]).data
    )
    room = alone * 3 // 2
    studio = make_studio(limits=Limits(archive_bytes=room))
    client = create_app(studio).test_client()
    twice = [(pictures["dark.png"], "a.png"), (pictures["dark.png"], "b.png")]
    response = post(client, "/process", twice)
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        first, second = json.loads(archive.read("manifest.json"))["pictures"]
    assert first["file"] == "001_a.png" and "no room for this result" in second["error"]
    response.close()
    assert studio.room.left == room
    # Nor does one that fails keep any.
    post(client, "/process", [(b"none", "a.png"), (b"none", "b.png")])
    assert studio.room.left == room


def test_a_zip_of_nothing_is_an_error(client: Any, pictures: dict[str, bytes]) -> None:
    files = [(pictures["grey.png"], "a.png"), (b"no picture", "b.png")]
    assert "none of 2 pictures" in error(post(client, "/process", files, mode="chroma"), 422)


# ------------------------------------------------------------------------------ auto, and chains

LOOKS = {
    "chroma.jpg": ("chroma", ["chroma"], "4:2:0"),
    "chroma.webp": ("chroma", ["chroma"], "4:2:0"),
    "grey.png": ("colorize", ["colorize"], None),
    "dark.png": ("enhance", ["enhance"], None),
    "dark.jpg": ("enhance", ["chroma", "enhance"], "4:2:0"),
    "dark grey.png": ("colorize", ["enhance", "colorize"], None),
    "colour.png": (None, [], None),
    "full.jpg": (None, [], "4:4:4"),
}


@pytest.fixture(scope="session")
def more_pictures(pictures: dict[str, bytes], photograph: NDArray[np.uint8]) -> dict[str, bytes]:
    full = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    half = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    grey = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    return {
        **pictures,
        "full.jpg": encoded(".jpg", photograph, *full),
        "dark.jpg": encoded(".jpg", photograph // 8, *half),
        "dark grey.png": encoded(".png", grey // 8),
    }


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_the_one_that_run_takes(
    name: str, client: Any, more_pictures: dict[str, bytes], tmp_path: Path
) -> None:
    response = post(client, "/look", more_pictures[name])
    assert response.status_code == 200
    found = response.get_json()
    task, fitting, stored = LOOKS[name]
    assert (found["task"], found["fitting"], found["subsampling"]) == (task, fitting, stored)
    assert (found["width"], found["height"]) == (160, 128)
    assert found["possible"] == {"chroma": "grey" not in name, "enhance": True, "colorize": True}
    (tmp_path / name).write_bytes(more_pictures[name])
    expected = edge_demo.look(edge_demo.read(tmp_path / name))
    for key in ("task", "why", "colourless", "dark", "subsampled"):
        assert found[key] == getattr(expected, key)
    again = post(client, "/look", more_pictures[name])
    assert again.headers["X-Cache"] == "hit" and again.get_json() == found
    # And auto goes by it.
    done = post(client, "/process", more_pictures[name])
    assert (done.status_code, done.headers["X-Tasks"]) == (200, task or "")
    stages = [part.partition(";")[0] for part in done.headers["Server-Timing"].split(", ")]
    assert "look" in stages


def test_a_look_refuses(client: Any) -> None:
    assert "picture.jpg: is not a" in error(post(client, "/look", b"<html>"), 415)
    form = {"k": "5", "image": (io.BytesIO(b"x"), "a.png")}
    assert "field 'k' is not known here" in error(client.post("/look", data=form), 400)


def test_a_preview_is_the_picture_as_it_is(client: Any, pictures: dict[str, bytes]) -> None:
    """Upright, of every kind that is read, without what tells of persons."""
    tall = cv2.imdecode(np.frombuffer(pictures["dark.tif"], np.uint8), cv2.IMREAD_COLOR)
    found = post(client, "/preview", pictures["dark.tif"])
    assert (found.status_code, found.mimetype) == (200, "image/png")
    assert np.array_equal(cv2.imdecode(np.frombuffer(found.data, np.uint8), 1), tall)

    # EXIF that tells nothing but orientation 6: to be turned to the right.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = pictures["chroma.jpg"]
    side = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    small = post(client, "/preview", side, format="jpeg", quality="30")
    assert small.mimetype == "image/jpeg" and b"Exif" not in small.data
    info = inspect(small.data, "small").info
    assert (info.width, info.height, info.orientation) == (128, 160, 1)
    large = post(client, "/preview", side, format="jpeg", quality="95")
    assert len(small.data) < len(large.data)


def test_a_preview_refuses(client: Any, pictures: dict[str, bytes]) -> None:
    grey = pictures["grey.png"]
    assert "is not one of png" in error(post(client, "/preview", grey, format="gif"), 400)
    assert "quality: must be" in error(post(client, "/preview", grey, quality="0"), 400)
    assert "field 'mode' is not known" in error(post(client, "/preview", grey, mode="chroma"), 400)
    assert "picture.jpg: is not a" in error(post(client, "/preview", b"<html>"), 415)
    wide = encoded(".png", np.zeros((2, 30_001), np.uint8))
    assert "30,000 pixels a side" in error(post(client, "/preview", wide), 413)


def test_what_needs_nothing_comes_back(
    client: Any, more_pictures: dict[str, bytes], tmp_path: Path
) -> None:
    data = more_pictures["colour.png"]
    response = post(client, "/process", data)
    assert (response.status_code, response.headers["X-Model"]) == (200, "")
    (note,) = json.loads(response.headers["X-Notes"])
    assert note == (
        "Nothing needs to be restored, it has colours at full resolution, and is bright enough."
    )
    (tmp_path / "a.png").write_bytes(response.data)
    (tmp_path / "b.png").write_bytes(data)
    assert np.array_equal(read_rgb(tmp_path / "a.png").rgb, read_rgb(tmp_path / "b.png").rgb)
    assert post(client, "/process", data, keep_metadata="true").data == data
    # Options of a task that was not chosen are named, as fields.
    notes = post(client, "/process", data, mode="auto", strength="0.5").headers["X-Notes"]
    assert "strength was not used: it is of enhance and colorize." in json.loads(notes)


@pytest.mark.parametrize(
    ("name", "mode", "done"),
    [
        ("dark.jpg", "enhance,chroma", ["chroma", "enhance"]),
        ("dark grey.png", "chroma,enhance,colorize", ["enhance", "colorize"]),
    ],
)
def test_tasks_are_done_one_after_the_other(
    name: str, mode: str, done: list[str], client: Any, files: dict[str, Path],
    more_pictures: dict[str, bytes], tmp_path: Path,
) -> None:  # fmt: skip
    response = post(client, "/process", more_pictures[name], mode=mode)
    assert response.status_code == 200, response.data[:200]
    assert response.headers["X-Tasks"] == ",".join(done)
    usual = {"chroma": "tiny.int8", "enhance": "dark.curves", "colorize": "colour.hinted"}
    assert response.headers["X-Model"] == ",".join(usual[task] for task in done)
    picture = edge_demo.read(_written(tmp_path / "in.picture", more_pictures[name]))
    for task in done:
        picture = edge_demo.load(files[usual[task]]).restore(picture)
    assert response.data == picture.encoded("png", exif=False)[0]
    left_out = [note for note in json.loads(response.headers["X-Notes"]) if "left out" in note]
    assert len(left_out) == len(mode.split(",")) - len(done)


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_models_of_a_chain_are_named(client: Any, more_pictures: dict[str, bytes]) -> None:
    dark = more_pictures["dark.jpg"]
    named = "dark.static,tiny.float32"
    response = post(client, "/process", dark, model=named)
    assert response.headers["X-Model"] == "tiny.float32,dark.static"
    # In auto, of the models named that of the task that fits.
    response = post(client, "/process", dark, model=named, mode="auto")
    assert response.headers["X-Model"] == "dark.static"
    assert "mode names enhance" in error(
        post(client, "/process", dark, model=named, mode="enhance"), 422
    )


def test_a_client_asks_how_far_it_is(
    make_studio: Any, pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = create_app(make_studio(cache=0)).test_client()
    unknown = {"working": False, "share": 0}
    assert client.get("/progress/my-own-job").get_json() == unknown
    go, begun = tmp_path / "go", tmp_path / "begun"
    monkeypatch.setattr(work, "process", jobs.slow_process(go, begun))
    with ThreadPoolExecutor(2) as clients:
        waiting = []
        for number, job in enumerate(["my-own-job", "another-job"]):
            waiting.append(
                clients.submit(post, client, "/process", pictures["chroma.jpg"], job=job)
            )
            jobs.wait_for(begun)
            wanted = unknown if number else {"working": True, "share": 0.25}
            until = time.monotonic() + 20
            while client.get(f"/progress/{job}").get_json() != wanted:
                assert time.monotonic() < until
        go.touch()
        assert [one.result().status_code for one in waiting] == [200, 200]
    assert client.get("/progress/my-own-job").get_json() == unknown


# --------------------------------------------------------------------------------------- refused

BAD_FIELDS = {
    "unknown field": ({"colour": "red"}, 400, "field 'colour' is not known"),
    "mode": ({"mode": "sharpen"}, 400, "not one of auto, chroma"),
    "auto and another": ({"mode": "auto,chroma"}, 400, "not one of auto, chroma"),
    "two models of a task": ({"model": "tiny.int8,tiny.float32"}, 400, "are of one task"),
    "options of two tasks": ({"detail": "0.5", "fade": "9"}, 422, "name them with mode NAME"),
    "option of none of these tasks": (
        {"mode": "chroma,enhance", "fade": "9"}, 422, "fade is of colorize; mode names chroma, enh",
    ),
    "job": ({"job": "../../etc"}, 400, "job: 8 to 64 letters"),
    "model": ({"model": "none.int8"}, 404, "no model named 'none.int8'"),
    "a path as model": ({"model": "../../secret.tflite"}, 404, "no model named"),
    "model of another task": ({"mode": "enhance", "model": "tiny.int8"}, 422, "is a model of"),
    "strength": ({"mode": "enhance", "strength": "1.5"}, 400, "strength: must be in 0..1"),
    "brightness": ({"mode": "enhance", "brightness": "9"}, 400, "brightness: must be in 0.25..4"),
    "no number": ({"mode": "enhance", "strength": "much"}, 400, "is not a number"),
    "nan": ({"mode": "enhance", "strength": "nan"}, 400, "strength: must be"),
    "option of another task": (
        {"mode": "chroma", "strength": "0.5"}, 422, "strength is of enhance and",
    ),
    "detail of another model": (
        {"mode": "chroma", "detail": "0.5"}, 422, "detail: chroma_residual-test.int8 prop",
    ),
    "render size of a static model": (
        {"model": "dark.static", "render_size": "128"}, 422, "of one size",
    ),
    "render size": ({"model": "dark.curves", "render_size": "8"}, 400, "64..1024"),
    "whole number": ({"quality": "50.5"}, 400, "whole number"),
    "quality": ({"quality": "0"}, 400, "quality: must be in 1..100"),
    "format": ({"format": "gif"}, 400, "not one of png"),
    "flag": ({"resample": "perhaps"}, 400, "neither true nor false"),
    "hints": ({"model": "colour.hinted", "hints": "{"}, 400, "hints: not JSON"),
    "no hints": ({"model": "colour.hinted", "hints": "[]"}, 400, "hints: {"),
    "a hint outside": (
        {"model": "colour.hinted", "hints": '{"hints": [{"x": 900, "y": 0, "color": "#ffffff"}]}'},
        422, "hint 1: x is 900",
    ),
    "hints of another model": (
        {"model": "colour.spread", "hints": json.dumps(HINTS)}, 422, "takes none",
    ),
    "many hints": (
        {"model": "colour.hinted", "hints": json.dumps({"hints": [0] * 1001})}, 400, "1001 hints",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FIELDS)
def test_bad_fields_are_refused(case: str, client: Any, pictures: dict[str, bytes]) -> None:
    fields, status, says = BAD_FIELDS[case]
    assert says in error(post(client, "/process", pictures["dark.png"], **fields), status)


def test_bad_forms_are_refused(client: Any, pictures: dict[str, bytes]) -> None:
    picture = pictures["chroma.jpg"]
    assert "multipart" in error(client.post("/process", json={"mode": "chroma"}), 415)
    nothing = {"image": (io.BytesIO(b""), "")}  # what a browser sends when no file was chosen
    kind = "multipart/form-data"
    assert "image: a file" in error(client.post("/process", data=nothing, content_type=kind), 400)
    assert "a file is needed, with" in error(
        client.post("/process", data={"image": "text"}, content_type="multipart/form-data"), 400
    )
    assert "mode: a text" in error(post(client, "/process", picture, mode=b"chroma"), 400)
    assert "given 2 times" in error(post(client, "/process", picture, mode=["chroma"] * 2), 400)
    assert "is empty" in error(post(client, "/process", b""), 400)
    many = [(picture, "a.jpg")] * 21
    assert "at most 20" in error(post(client, "/process", many), 413)


BAD_PICTURES = {
    "text": (b"<html>", 415, "is not a JPEG"),
    "video": (b"\0\0\0\x14ftypisom" + bytes(50), 415, "is a video"),
    "GIF": (b"GIF89a" + bytes(50), 422, "cannot be decoded"),
    "cut": ("chroma.jpg", 422, "is truncated"),
    "grey": ("grey.png", 422, "no chroma"),
    "full chroma": ("colour.png", 422, "resample rebuilds it"),
}


@pytest.mark.parametrize("case", BAD_PICTURES)
def test_bad_pictures_are_refused(case: str, client: Any, pictures: dict[str, bytes]) -> None:
    given, status, says = BAD_PICTURES[case]
    data = pictures[given] if isinstance(given, str) else given
    data = data[: len(data) // 2] if case == "cut" else data
    said = error(post(client, "/process", data, mode="chroma"), status)
    assert says in said and "--" not in said and said.startswith("picture.jpg: ")


def studio_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker, where decoders are, may be asked."""

    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(cv2, "imdecode", never)
    monkeypatch.setattr(Worker, "do", never)


def test_large_uploads_are_refused_before_they_are_decoded(
    make_studio: Any, pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    studio_decodes_nothing(monkeypatch)
    limits = Limits(upload_bytes=1 << 20, request_bytes=3 << 20, pixels=160 * 128 - 1)
    client = create_app(make_studio(limits=limits)).test_client()
    assert "20,480 pixels, over the limit" in error(
        post(client, "/process", pictures["chroma.jpg"]), 413
    )
    behind = pictures["chroma.jpg"] + bytes(1 << 20)
    assert "larger than 1 MiB" in error(post(client, "/process", behind), 413)
    assert "over the limit of 3,145,728" in error(post(client, "/process", bytes(4 << 20)), 413)
    assert "pixels" in error(post(client, "/palette", pictures["grey.png"], x=1, y=1), 413)


def png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    """A PNG that states a size, whatever its data are."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*one) for one in ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    )


def zeros(mebibytes: int) -> bytes:
    """So many, compressed."""
    deflater = zlib.compressobj(9)
    return b"".join([*(deflater.compress(bytes(1 << 20)) for _ in range(mebibytes)),
                     deflater.flush()])  # fmt: skip


def headers() -> dict[str, bytes]:
    """Pictures that say they are larger than their bytes, one of each format that can."""
    nothing = zlib.compress(b"\0")
    jpeg = bytearray(encoded(".jpg", np.zeros((16, 16, 3), np.uint8)))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 20000, 20000)
    tiff = bytearray(encoded(".tiff", np.zeros((16, 16, 3), np.uint8)))
    for tag in (256, 257):
        where = tiff.index(struct.pack("<HHI", tag, 3, 1)) + 8
        tiff[where : where + 2] = struct.pack("<H", 20000)
    bmp = bytearray(encoded(".bmp", np.zeros((16, 16, 3), np.uint8)))
    bmp[18:26] = struct.pack("<ii", 20000, 20000)
    return {
        "PNG": png(20000, 20000, 8, 2, nothing),
        "JPEG": bytes(jpeg),
        "TIFF": bytes(tiff),
        "BMP": bytes(bmp),
        "GIF": b"GIF89a"
        + struct.pack("<HH", 20000, 20000)
        + b"\0\0\0,"
        + struct.pack("<HHHHB", 0, 0, 20000, 20000, 0)
        + b"\x08\x01\0\0;",
    }


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF"])
def test_a_size_is_refused_by_its_header_with_one_limit(
    kind: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond what any command takes, too."""
    data = headers()[kind]
    studio_decodes_nothing(monkeypatch)
    said = error(post(client, "/process", data), 413)
    assert "20000x20000 = 400,000,000 pixels, over the limit of 24,000,000" in said


def test_ribbons_and_deep_pictures_are_refused_by_their_headers(client: Any) -> None:
    nothing = zlib.compress(b"\0")
    for width, height, depth, colour, says in (
        (1_000_000, 24, 8, 2, "1000000x24, over the limit of 30,000 pixels a side"),
        (24, 1_000_000, 8, 2, "24x1000000, over the limit of 30,000 pixels a side"),
        (
            4800,
            4900,
            16,
            6,
            "in 16 bits a channel, 188,160,000 bytes decoded, over the limit of 96",
        ),
    ):
        data = png(width, height, depth, colour, nothing)
        for path in ("/look", "/process"):
            assert says in error(post(client, path, data), 413)
    # These are not too large, but damaged.
    for width, height, depth, colour in ((6000, 4000, 8, 6), (4000, 3000, 16, 6)):
        assert "damaged" in error(
            post(client, "/look", png(width, height, depth, colour, nothing)), 422
        )


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_that_inflates_beyond_its_size_is_refused_at_once(
    client: Any, interlaced: bool
) -> None:
    bomb = bytearray(png(64, 64, 8, 2, zeros(100)))
    bomb[28] = interlaced
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    began = time.perf_counter()
    said = error(post(client, "/process", bytes(bomb)), 422)
    assert "its data are longer than the picture" in said
    assert time.perf_counter() - began < 1.0


def test_a_message_names_fields_and_leaves_names_alone(
    client: Any, pictures: dict[str, bytes]
) -> None:
    data = [(pictures["colour.png"], "my--resample.png")]
    said = error(post(client, "/process", data, mode="chroma"), 422)
    assert said.startswith("my--resample.png: stores") and "; resample rebuilds it" in said
    said = error(client.get("/", headers={"Host": "pi.example"}), 403)
    assert said.endswith("serve --name adds one")
    fields = {"model": "dark.static", "render_size": "128"}
    assert error(post(client, "/process", pictures["dark.png"], **fields), 422).startswith(
        "render_size: "
    )


def test_names_of_uploads_lead_nowhere() -> None:
    for name, shown in (
        ("../../etc/passwd", "passwd"),
        ("C:\\a\\b.jpg", "b.jpg"),
        ("..", "picture"),
        (None, "picture"),
        ("a\nb\x1b[31m.png", "a_b__31m.png"),
        ("été 1.png", "été 1.png"),
        ("x" * 300, "x" * 80),
    ):
        assert forms.display_name(name) == shown


def test_nothing_is_written_where_the_server_runs(
    client: Any, pictures: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    large = pictures["chroma.jpg"] + bytes(2 << 20)  # beyond what a form holds in memory
    for name in ("/tmp/x.jpg", "../x.jpg", "x.jpg"):
        assert post(client, "/process", [(large, name)]).status_code == 200
    assert not list(tmp_path.iterdir()) and not (tmp_path.parent / "x.jpg").exists()


# ------------------------------------------------------------------------- /compare and /palette


def test_compare(
    client: Any, pictures: dict[str, bytes], files: dict[str, Path], tmp_path: Path
) -> None:
    data = pictures["chroma.jpg"]
    response = post(client, "/compare", data, model_a="tiny.float32", model_b="tiny.int8")
    assert response.status_code == 200
    found = response.get_json()
    both = []
    for model in ("tiny.float32", "tiny.int8"):
        (tmp_path / "a.png").write_bytes(by_command(tmp_path, data, files[model], ".png"))
        both.append(read_rgb(tmp_path / "a.png").rgb)
    assert found["psnr"] == metrics.psnr(*both)
    difference = both[0].astype(int) - both[1]
    assert found["max_difference"] == np.abs(difference).max() > 0
    (tmp_path / "d.png").write_bytes(base64.b64decode(found["difference_png"]))
    shown = read_rgb(tmp_path / "d.png").rgb
    assert np.array_equal(shown, np.clip(difference * found["gain"] + 128, 0, 255))
    assert np.abs(shown.astype(int) - 128).max() > 63  # it can be seen
    again = post(client, "/compare", data, model_a="tiny.float32", model_b="tiny.int8")
    assert again.headers["X-Cache"] == "hit" and again.get_json() == found


def test_compare_with_itself(client: Any, pictures: dict[str, bytes]) -> None:
    same = {"model_a": "tiny.int8", "model_b": "tiny.int8"}
    found = post(client, "/compare", pictures["chroma.jpg"], **same).get_json()
    assert (found["psnr"], found["max_difference"]) == (metrics.PSNR_LIMIT, 0)
    for fields, status, says in (
        ({"model_a": "tiny.int8"}, 400, "both are needed"),
        ({"model_a": "tiny.int8", "model_b": "dark.curves"}, 422, "two tasks"),
        ({"model_a": "tiny.int8", "model_b": "none"}, 404, "no model named"),
    ):
        assert says in error(post(client, "/compare", pictures["chroma.jpg"], **fields), status)


def test_palette(client: Any, pictures: dict[str, bytes], photograph: NDArray[np.uint8]) -> None:
    grey = pictures["grey.png"]
    response = post(client, "/palette", grey, x=70, y=30, k=4, model="colour.hinted")
    assert response.status_code == 200
    found = response.get_json()
    code = int(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)[30, 70])
    lightness = rgb_to_lab(np.full((1, 1, 3), code, np.uint8))[0, 0, 0]
    assert found["lightness"] == pytest.approx(lightness, abs=0.05)
    assert 1 <= len(found["colors"]) <= 4
    assert sum(one["chance"] for one in found["colors"]) <= 1.001
    for one in found["colors"]:
        rgb = np.array([[list(bytes.fromhex(one["color"][1:]))]], np.uint8)
        lab = rgb_to_lab(rgb)[0, 0]
        assert lab == pytest.approx([found["lightness"], one["a"], one["b"]], abs=1.5)
    gamut = found["gamut"]
    mask = np.array([[cell == "1" for cell in row] for row in gamut["mask"]])
    assert np.array_equal(mask, palette.gamut(found["lightness"]))
    middle = round(-gamut["low"] / gamut["step"])
    assert mask[middle, middle] and not mask[0, 0]
    # Another point asks no network.
    again = post(client, "/palette", grey, x=3, y=120)
    assert again.headers["X-Cache"] == "hit" and again.get_json() != found


def test_palette_refuses(client: Any, pictures: dict[str, bytes]) -> None:
    for fields, status, says in (
        ({"x": 1}, 400, "y: is needed"),
        ({"x": 160, "y": 1}, 422, "outside of the picture, 160x128"),
        ({"x": 1, "y": 1, "k": 40}, 400, "k: must be in 1..12"),
        ({"x": 1, "y": 1, "model": "colour.spread"}, 422, "suggests no colours"),
        ({"x": 1, "y": 1, "model": "tiny.int8"}, 422, "is a model of chroma"),
    ):
        assert says in error(post(client, "/palette", pictures["grey.png"], **fields), status)


def test_colors(client: Any, photograph: NDArray[np.uint8]) -> None:
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[:, :70], picture[:, 70:] = (200, 60, 40), (40, 80, 160)
    done, data = cv2.imencode(".png", picture[..., ::-1])
    assert done
    found = post(client, "/colors", data.tobytes(), k=2).get_json()["colors"]
    assert [one["color"] for one in found] == ["#c83c28", "#2850a0"]
    assert [one["share"] for one in found] == [0.7, 0.3]
    assert found[0]["lightness"] == pytest.approx(
        float(rgb_to_lab(picture[:1, :1])[0, 0, 0]), abs=0.1
    )


# ---------------------------------------------------------------------------------- other pages


def test_models(client: Any, pictures: dict[str, bytes]) -> None:
    found = client.get("/models").get_json()
    models = {model["name"]: model for model in found["models"]}
    assert models["tiny.int8"]["latency_ms"] is None
    assert models["tiny.int8"]["takes"] == ["resample"]
    assert models["tiny.merged"]["takes"] == ["resample", "detail"]
    assert models["colour.hinted"]["takes"] == [
        "strength", "fade", "hints", "reference", "average", "palette",
    ]  # fmt: skip
    assert models["colour.spread"]["takes"] == ["strength", "fade"]
    assert models["dark.curves"]["takes"] == ["strength", "brightness", "render_size"]
    assert models["dark.static"]["takes"] == ["strength", "brightness"]
    assert found["defaults"] == {"chroma": "tiny.int8", "colorize": "colour.hinted",
                                 "enhance": "dark.curves"}  # fmt: skip
    assert found["order"] == ["chroma", "enhance", "colorize"]
    # Of each preset one recipe; these are of no known architecture.
    assert [name for name, one in models.items() if one["usual"]] == [
        "tiny.int8", "colour.hinted", "dark.curves"
    ]  # fmt: skip
    assert models["colour.spread"]["line"] == "a model of colorize"
    assert found["limits"]["upload_bytes"] == 10 << 20
    assert post(client, "/process", pictures["chroma.jpg"]).status_code == 200
    after = {model["name"]: model for model in client.get("/models").get_json()["models"]}
    assert after["tiny.int8"]["latency_ms"] > 0
    assert after["tiny.int8"]["measured_on"] == {"width": 160, "height": 128}


def test_samples_suit_their_tasks(client: Any, tmp_path: Path) -> None:
    for task in ("chroma", "colorize", "enhance"):
        response = client.get(f"/sample/{task}")
        assert (response.status_code, response.mimetype) == (200, "image/jpeg")
        assert post(client, "/process", response.data, mode=task).status_code == 200
        (tmp_path / f"{task}.jpg").write_bytes(response.data)
    assert read_rgb(tmp_path / "colorize.jpg").grey
    assert read_rgb(tmp_path / "enhance.jpg").rgb.mean() < 40
    assert "no sample" in error(client.get("/sample/none"), 404)


def test_health_and_metrics(client: Any, studio: Studio, pictures: dict[str, bytes]) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok", "workers": 1, "places": 3,
                                                 "taken": 0}  # fmt: skip
    for _ in range(2):
        post(client, "/process", pictures["chroma.jpg"])
    client.get("/nowhere")
    text = client.get("/metrics").get_data(as_text=True)
    for line in (
        'chromaedge_requests_total{endpoint="/process",status="200"} 2.0',
        'chromaedge_requests_total{endpoint="none",status="404"} 1.0',
        'chromaedge_cache_lookups_total{result="hit"} 1.0',
        'chromaedge_stage_seconds_count{model="tiny.int8",stage="restore"} 1.0',
        f"chromaedge_cache_bytes {float(studio.cache.used)}",
        "chromaedge_places 3.0",
    ):
        assert line in text.splitlines(), line
    assert "process_resident_memory_bytes" in text


def test_without_a_camera(client: Any) -> None:
    assert "without a camera" in error(client.get("/camera"), 404)


def test_every_answer_is_guarded(client: Any) -> None:
    for path in ("/", "/models", "/nowhere", "/openapi.json"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert "nowhere" not in error(client.get("/nowhere"), 404)
    response = client.get("/process")
    error(response, 405)
    assert "POST" in response.headers["Allow"]


def test_other_sites_are_refused(make_studio: Any, pictures: dict[str, bytes]) -> None:
    client = create_app(make_studio(names=frozenset({"localhost", "pi.local"}))).test_client()
    for host in ("127.0.0.1:8080", "192.168.1.5", "[::1]:80", "[::1]", "localhost:1", "Pi.local"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "pi.local.evil"):
        assert "is not called" in error(client.get("/healthz", headers={"Host": host}), 403)
    mine = {"Host": "127.0.0.1:8080"}
    for origin, status in (
        ("http://127.0.0.1:8080", 200), ("http://evil.example", 403), ("null", 403),
        ("http://127.0.0.1:9000", 403),
    ):  # fmt: skip
        form = {"image": (io.BytesIO(pictures["chroma.jpg"]), "a.jpg")}
        response = client.post("/process", data=form, headers={**mine, "Origin": origin})
        assert response.status_code == status, origin


def test_only_who_knows_the_token_is_let_in(make_studio: Any, pictures: dict[str, bytes]) -> None:
    application = create_app(make_studio(token="open sesame"))
    stranger, friend = application.test_client(), application.test_client()
    for path in ("/", "/models", "/static/js/main.js", "/sample/chroma", "/metrics", "/nowhere"):
        assert "wants its token" in error(stranger.get(path), 401), path
        assert "wants its token" in error(stranger.get(f"{path}?token=open"), 401), path
    assert "token" in error(post(stranger, "/process", pictures["chroma.jpg"]), 401)
    assert stranger.get("/healthz").status_code == 200
    stranger.set_cookie("chromaedge-token", "open sesame")
    error(stranger.get("/"), 401)  # the cookie is not the token
    bearer = {"Authorization": "Bearer open sesame"}
    assert stranger.get("/models", headers=bearer).status_code == 200
    # A browser opens the printed address, and goes on without it.
    response = friend.get("/?token=open+sesame")
    assert (response.status_code, response.headers["Location"]) == (303, ".")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "sesame" not in cookie
    assert friend.get("/").status_code == 200
    assert post(friend, "/process", pictures["chroma.jpg"]).status_code == 200


def test_a_fault_is_no_traceback(
    client: Any, pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(work, "process", jobs.broken)
    said = error(post(client, "/process", pictures["chroma.jpg"]), 500)
    assert "secret" not in said and "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    assert post(client, "/process", pictures["chroma.jpg"]).status_code == 200


# --------------------------------------------------------------------------- overload and limits


def test_when_all_places_are_taken(
    make_studio: Any, pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    studio = make_studio(workers=1, queue=1, cache=0)
    client = create_app(studio).test_client()
    go, begun = tmp_path / "go", tmp_path / "begun"
    monkeypatch.setattr(work, "process", jobs.slow_process(go, begun))
    # Refused before the form is read.
    with ThreadPoolExecutor(2) as clients:
        waiting = [clients.submit(post, client, "/process", pictures["chroma.jpg"])
                   for _ in range(2)]  # fmt: skip
        jobs.wait_for(begun)
        until = time.monotonic() + 20
        while studio.pool.taken < 2 and time.monotonic() < until:
            time.sleep(0.005)
        monkeypatch.setattr(forms, "fields", None)
        response = post(client, "/process", pictures["chroma.jpg"])
        assert "queue is full" in error(response, 503)
        assert int(response.headers["Retry-After"]) >= 1
        # What needs no worker is answered all the same.
        assert client.get("/healthz").get_json()["taken"] == 2
        monkeypatch.undo()
        go.touch()
        assert [one.result().status_code for one in waiting] == [200, 200]
    assert studio.pool.taken == 0
    assert post(client, "/process", pictures["chroma.jpg"]).status_code == 200


def test_work_that_takes_too_long_is_given_up(
    make_studio: Any, pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    studio = make_studio(workers=1, queue=0, seconds=0.2)
    client = create_app(studio).test_client()
    monkeypatch.setattr(work, "process", jobs.slow_process(tmp_path / "go", tmp_path / "begun"))
    assert "longer than 0.2 s" in error(post(client, "/process", pictures["chroma.jpg"]), 504)
    monkeypatch.undo()
    assert studio.pool.taken == 0
    studio.pool.seconds = 30.0
    assert post(client, "/process", pictures["chroma.jpg"]).status_code == 200


def test_a_server_that_is_stopped(client: Any, studio: Studio, pictures: dict[str, bytes]) -> None:
    studio.closing = True
    assert "stopped" in error(client.get("/healthz"), 503)
    assert "stopped" in error(post(client, "/process", pictures["chroma.jpg"]), 503)


def test_requests_at_once_do_not_mix(
    make_studio: Any, pictures: dict[str, bytes], catalog: Any
) -> None:
    """Several workers, several models, no cache: each gets what it gets alone."""
    client = create_app(make_studio(workers=3, queue=20, cache=0)).test_client()
    wishes = [
        ("chroma.jpg", "tiny.int8"), ("chroma.webp", "tiny.int8"), ("grey.png", "colour.hinted"),
        ("dark.png", "dark.curves"), ("dark.png", "dark.static"), ("chroma.jpg", "tiny.float32"),
    ]  # fmt: skip

    def ask(wish: tuple[str, str]) -> bytes:
        response = post(client, "/process", pictures[wish[0]], model=wish[1])
        assert response.status_code == 200
        return response.data

    alone = [ask(wish) for wish in wishes]
    with ThreadPoolExecutor(6) as clients:
        assert list(clients.map(ask, wishes * 3)) == alone * 3


def test_refusals_are_one_line() -> None:
    assert str(Refused(400, "why")) == "why"
    assert web.HEADERS["X-Content-Type-Options"] == "nosniff"
    assert os.path.isdir(web.HERE / "samples")
