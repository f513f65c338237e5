"""The page and the API, as ``openapi.json`` describes them."""

from __future__ import annotations

import errno
import hmac
import io
import ipaddress
import json
import logging
import math
import re
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from flask import Flask, Response, g, request, send_file, send_from_directory
from werkzeug.exceptions import HTTPException

from .. import tasks
from ..camera.stream import Stream
from ..device import plan
from ..device.options import TABLE
from ..errors import UserError
from . import forms, work
from .cache import Cache
from .catalog import Catalog
from .clients import Rates
from .limits import Limits, Refused, Room
from .measures import Measures
from .pool import RETRY_AFTER, Place, Pool
from .videos import Videos
from .work import Asked, Made, Upload
from .worker import Job

HERE = Path(__file__).parent
# A text field may hold all hints that are allowed.
_FIELD_BYTES = 1 << 20
_PARTS = 64
_SPOOLED = 16 << 20

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_COOKIE = "chromaedge-token"

# The command line's options, which messages name, to fields of a form.
_FIELDS = {option.flag.removeprefix("--"): option.name for option in TABLE.values()}
_FIELDS |= {"task": "mode", "model": "model"}
# As words: a file may be called so in part.
_FLAG = re.compile(rf"(?<!\S)--({'|'.join(map(re.escape, _FIELDS))})(?![\w.-])")

log = logging.getLogger("chromaedge")
requests_log = logging.getLogger("chromaedge.requests")


@dataclass
class Studio:
    """What the requests of one server share.

    Attributes:
        catalog: of its models.
        pool: of its workers.
        cache: of its results.
        videos: that are worked on.
        limits: of a request.
        names: in lower case, that ``Host`` may have beside addresses.
        camera: where the server has one.
        rates: at which clients may ask for work.
        token: that a client must know; None: none.
        closing: whether it is being stopped.
    """

    catalog: Catalog
    pool: Pool
    cache: Cache
    videos: Videos
    limits: Limits = field(default_factory=Limits)
    names: frozenset[str] = frozenset({"localhost"})
    camera: Stream | None = None
    rates: Rates = field(default_factory=lambda: Rates(0))
    token: str | None = None
    closing: bool = False

    def __post_init__(self) -> None:
        self.measures = Measures(self.pool, self.cache)
        self.room = Room(self.limits.archive_bytes)


def create_app(studio: Studio) -> Flask:
    """The WSGI application of a studio."""
    app = Flask(__name__, static_folder=str(HERE / "static"), static_url_path="/static")
    app.config.update(
        MAX_CONTENT_LENGTH=studio.limits.request_bytes,
        MAX_FORM_MEMORY_SIZE=_FIELD_BYTES,
        MAX_FORM_PARTS=_PARTS,
    )
    _guard(app, studio)
    _errors(app)
    _pages(app, studio)
    _api(app, studio)
    return app


def _guard(app: Flask, studio: Studio) -> None:
    @app.before_request
    def begin() -> Response | None:
        g.began = time.perf_counter()
        _check_host(studio)
        if (answer := _let_in(studio)) is not None:
            return answer
        if request.method in ("POST", "DELETE"):
            _not_too_often(studio)
        length = request.content_length or 0
        if length > studio.limits.request_bytes:
            raise Refused(
                413,
                f"a request of {length:,} bytes is over the limit of "
                f"{studio.limits.request_bytes:,}",
            )
        if studio.closing and request.method == "POST":
            raise Refused(503, "the server is being stopped", 5)
        return None

    @app.after_request
    def end(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        endpoint = request.url_rule.rule if request.url_rule else "none"
        began = g.get("began", time.perf_counter())
        seconds = time.perf_counter() - began
        studio.measures.answered(endpoint, response.status_code, seconds)
        # The path as the description has it, in which there is nothing of the client's.
        requests_log.info(
            "%s %s %s %d %.0f ms", request.remote_addr, request.method, endpoint,
            response.status_code, 1000 * seconds,
        )  # fmt: skip
        return response


def _check_host(studio: Studio) -> None:
    """Refuse what another site's page may have a browser send here."""
    if not _is_ours(request.host, studio.names):
        raise Refused(
            403, f"this server is not called {request.host[:80]!r}; serve --name adds one"
        )
    origin = request.headers.get("Origin")
    if request.method in ("POST", "DELETE") and origin is not None:
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or host != request.host:
            raise Refused(403, "only the page of this server may send this")


def _let_in(studio: Studio) -> Response | None:
    """Refuse whoever does not know the token; whoever came by a link with it is sent on without.

    A browser keeps what stands for it in a cookie, which the page's own scripts cannot read.
    """
    if studio.token is None or request.path == "/healthz":
        return None
    given = request.args.get("token")
    if request.path == "/" and given is not None and _same(given, studio.token):
        response = Response(status=303, headers={"Location": "."})
        response.set_cookie(_COOKIE, _sealed(studio.token), httponly=True, samesite="Strict",
                            secure=request.is_secure)  # fmt: skip
        return response
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _same(bearer.strip(), studio.token):
        return None
    if _same(request.cookies.get(_COOKIE, ""), _sealed(studio.token)):
        return None
    _not_too_often(studio)  # who guesses
    raise Refused(401, "this server wants its token: open the address that it printed")


def _not_too_often(studio: Studio) -> None:
    seconds = studio.rates.wait(request.remote_addr or "")
    if seconds:
        raise Refused(429, "too many requests; try again", math.ceil(seconds))


def _same(given: str, wanted: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def _sealed(token: str) -> str:
    return hmac.new(token.encode(), _COOKIE.encode(), "sha256").hexdigest()


def _is_ours(host: str, names: frozenset[str]) -> bool:
    """Whether ``Host`` is an address, or a name of this device.

    A page of somebody's can be given a name that leads here (DNS rebinding), an address it cannot.
    """
    name = host.lower() if host.endswith("]") else host.lower().rpartition(":")[0] or host.lower()
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return name in names
    return True


# A folder of temporary files that is full, or may not be written to.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def _errors(app: Flask) -> None:
    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        response = _error(str(error), error.status)
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    @app.errorhandler(UserError)
    def mistaken(error: UserError) -> Response:
        return _error(str(error), 422)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        response = _error(error.description or error.name, error.code or 500)
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response

    @app.errorhandler(OSError)
    def no_room(error: OSError) -> Response:
        if error.errno not in _NO_ROOM:
            return failed(error)
        log.error("%s %s: %s", request.method, request.path, error)
        return refused(Refused(503, "there is no room for temporary files; try again", RETRY_AFTER))

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        return _error("something went wrong here; the server's log says more", 500)


def _json(values: Any) -> Response:
    return Response(json.dumps(values), mimetype="application/json")


def _error(why: str, status: int) -> Response:
    return Response(json.dumps({"error": _in_fields(why)}), status, mimetype="application/json")


def _in_fields(text: str) -> str:
    """A message as one line, options called as the fields that they are here."""
    named = _FLAG.sub(lambda found: _FIELDS[found[1]], text)
    return " ".join(named.split())


def _pages(app: Flask, studio: Studio) -> None:
    @app.get("/")
    def page() -> Response:
        return send_from_directory(HERE / "static", "index.html")

    @app.get("/openapi.json")
    def description() -> Response:
        return send_file(HERE / "openapi.json", mimetype="application/json")

    @app.get("/sample/<task>")
    def sample(task: str) -> Response:
        if task not in tasks.NAMES:
            raise Refused(404, f"no sample for {task[:80]!r}; {', '.join(tasks.NAMES)} have one")
        return send_from_directory(HERE / "samples", f"{task}.jpg")

    @app.get("/healthz")
    def health() -> Response:
        if studio.closing:
            raise Refused(503, "the server is being stopped", 5)
        pool = studio.pool
        values = {"status": "ok", "workers": pool.workers, "places": pool.places,
                  "taken": pool.taken}  # fmt: skip
        return _json(values)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(studio.measures.text(), content_type="text/plain; version=0.0.4")

    @app.get("/camera")
    def camera() -> Response:
        try:
            viewer = _camera(studio).viewer()
        except UserError as error:
            raise Refused(503, str(error), 5) from None
        kind = "multipart/x-mixed-replace; boundary=frame"
        response = Response(_parts(viewer), content_type=kind)
        response.call_on_close(viewer.close)
        return response

    @app.post("/camera")
    def use() -> Response:
        stream = _camera(studio)
        values = forms.fields(request, forms.CAMERA, ())
        entry = studio.catalog.named(forms.needed(values.get("model"), "model"))
        stream.use(entry.path)
        return _json({"model": entry.name})


def _camera(studio: Studio) -> Stream:
    if studio.camera is None:
        raise Refused(404, "this server was started without a camera (serve --camera DEVICE)")
    return studio.camera


def _parts(frames: Iterable[bytes]) -> Iterator[bytes]:
    """JPEG frames as the parts of an endless answer."""
    for frame in frames:
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n"
        yield head.encode() + frame + b"\r\n"


def _api(app: Flask, studio: Studio) -> None:
    @app.get("/progress/<job>")
    def progress(job: str) -> Response:
        if (video := studio.videos.find(job)) is not None:
            told = video.told()
            return _json({**told, "error": told["error"] and _in_fields(told["error"])})
        place = studio.pool.jobs.get(job)
        # One that is not known is still on its way here, or over.
        working, share = (place.working, place.share) if place else (False, 0.0)
        return _json({"working": working, "share": round(share, 4)})

    @app.get("/video/<job>")
    def result(job: str) -> Response:
        return _download(studio.videos.taken(job, keep=request.method == "HEAD"))

    @app.delete("/video/<job>")
    def cancel(job: str) -> Response:
        studio.videos.cancel(job)
        return _json({"cancelled": True})

    @app.get("/video/<job>/preview")
    def frame(job: str) -> Response:
        return Response(studio.videos.preview(job), content_type="image/jpeg")

    for path, method, answer in (
        ("/models", "GET", _models),
        ("/look", "POST", _look),
        ("/preview", "POST", _preview),
        ("/process", "POST", _process),
        ("/video", "POST", _video),
        ("/compare", "POST", _compare),
        ("/palette", "POST", _palette),
        ("/colors", "POST", _colors),
    ):
        view = partial(answer, studio)
        app.add_url_rule(path, path.strip("/"), view, methods=[method])


def _gone() -> Callable[[], bool]:
    """Whether the client of this request has left, as the server under the application knows it."""
    found: Callable[[], bool] = request.environ.get("waitress.client_disconnected", bool)
    return found


def _models(studio: Studio) -> Response:
    limits = studio.limits
    return _json(
        {
            "models": studio.catalog.described(),
            "order": plan.ORDER,
            "defaults": studio.catalog.defaults,
            "camera": None if studio.camera is None else {"model": studio.camera.model},
            "limits": {
                "upload_bytes": limits.upload_bytes,
                "request_bytes": limits.request_bytes,
                "pixels": limits.pixels,
                "side": limits.side,
                "decoded_bytes": limits.decoded_bytes,
                "files": limits.files,
                "hints": limits.hints,
                "seconds": limits.seconds,
                "video_bytes": limits.video_bytes,
                "video_pixels": limits.video_pixels,
                "video_seconds": limits.video_seconds,
                "video_frames": limits.video_frames,
                "video_work_seconds": limits.video_work_seconds,
                "video_result_bytes": limits.video_result_bytes,
            },
        }
    )


def _look(studio: Studio) -> Response:
    limits = studio.limits
    with studio.pool.place(_gone()) as place:
        forms.fields(request, forms.LOOK, ("image",))
        (upload,) = forms.uploads(request, limits)
        found, hit = _kept(
            studio, place, f"look {upload.sha256}", (upload,),
            partial(work.looked, upload, limits),
            lambda values: len(json.dumps(values)),
        )  # fmt: skip
    return _timed(_json(found), hit, {"queue": place.waited})


def _preview(studio: Studio) -> Response:
    limits = studio.limits
    with studio.pool.place(_gone()) as place:
        values = forms.fields(request, forms.PREVIEW, ("image",))
        (upload,) = forms.uploads(request, limits)
        kind, quality = forms.encoding(values)
        job = partial(work.preview, upload, kind, quality, limits)
        data = place.run(job, work.need((upload,), limits))
    response = Response(data, content_type=work.TYPES[kind])
    return _timed(response, False, {"queue": place.waited})


def _process(studio: Studio) -> Response:
    limits = studio.limits
    with studio.pool.place(_gone()) as place:
        began = time.perf_counter()
        values = forms.fields(request, forms.PROCESS, ("image", "reference"))
        place.call(forms.job(values))
        pictures = forms.uploads(request, limits, limits.files)
        borrowed = forms.reference(request, limits)
        wanted = forms.asked(values, borrowed, studio.catalog, limits)
        received = time.perf_counter() - began
        if len(pictures) > 1:
            return _many(studio, place, pictures, wanted)
        made, hit = _processed(studio, place, pictures[0], wanted)
    return _picture(made, hit, {"receive": received, "queue": place.waited})


def _video(studio: Studio) -> Response:
    with studio.videos.slot():
        values = forms.fields(request, forms.VIDEO, ("video",))
        name = forms.needed(forms.job(values), "job")
        wanted = forms.video(values, studio.catalog, studio.limits)
        studio.videos.begin(name, forms.video_file(request), wanted)
    response = _json({"job": name})
    response.status_code = 202
    return response


def _download(file: IO[bytes]) -> Response:
    """A video's result, whole: its ranges are not served."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    response = send_file(file, "video/mp4", as_attachment=True, download_name="restored.mp4",
                         conditional=False)  # fmt: skip
    response.content_length = size
    return response


def _compare(studio: Studio) -> Response:
    limits = studio.limits
    with studio.pool.place(_gone()) as place:
        values = forms.fields(request, forms.COMPARE, ("image",))
        (upload,) = forms.uploads(request, limits)
        given = forms.options(values, limits)
        names = [values[field] for field in ("model_a", "model_b") if field in values]
        if len(names) < 2:
            raise Refused(400, "model_a and model_b: both are needed")
        first, second = (studio.catalog.named(name) for name in names)
        if first.task != second.task:
            raise Refused(422, "models of two tasks cannot be compared")
        one, other = (Asked({e.task: e.name}, (e.task,), given) for e in (first, second))
        key = f"compare {one.key(upload)} {other.key(upload)}"
        found, hit = _kept(
            studio, place, key, (upload,),
            partial(work.compare, upload, one, other, limits),
            lambda values: len(values["difference_png"]),
        )  # fmt: skip
    response = _json({"model_a": first.name, "model_b": second.name, **found})
    return _timed(response, hit, {"queue": place.waited})


def _palette(studio: Studio) -> Response:
    limits = studio.limits
    with studio.pool.place(_gone()) as place:
        values = forms.fields(request, forms.PALETTE, ("image",))
        (upload,) = forms.uploads(request, limits)
        side = float(limits.pixels)
        x, y = (forms.needed(forms.number(values, n, 0.0, side), n) for n in ("x", "y"))
        count = forms.integer(values, "k", 1, limits.colors) or 5
        forms.hints(values, limits)
        entry = studio.catalog.find(values.get("model"), "colorize")
        if "palette" not in entry.described()["takes"]:
            raise Refused(422, f"{entry.name} suggests no colours; models that list palette do")
        key = f"answer {upload.sha256} {entry.name}"
        found, hit = _kept(
            studio, place, key, (upload,),
            partial(work.answer, upload, entry.name, limits),
            lambda answer: answer.bytes,
        )  # fmt: skip
        response = _json(work.suggest(found, x, y, count))
    return _timed(response, hit, {"queue": place.waited})


def _colors(studio: Studio) -> Response:
    limits = studio.limits
    with studio.pool.place(_gone()) as place:
        values = forms.fields(request, forms.COLORS, ("image",))
        (upload,) = forms.uploads(request, limits)
        count = forms.integer(values, "k", 1, limits.colors) or 5
        job = partial(work.colours_of, upload, count, limits)
        found = place.run(job, work.need((upload,), limits))
    return _json(found)


def _kept(
    studio: Studio,
    place: Place,
    key: str,
    pictures: Sequence[Upload],
    job: Job,
    size: Callable[[Any], int],
) -> tuple[Any, bool]:
    """What a job gives, and whether it was done before."""
    found = studio.cache.get(key)
    studio.measures.looked_up(found is not None)
    if found is not None:
        return found, True
    found = place.run(job, work.need(pictures, studio.limits))
    studio.cache.put(key, found, size(found))
    return found, False


def _processed(studio: Studio, place: Place, upload: Upload, wanted: Asked) -> tuple[Made, bool]:
    made, hit = _kept(
        studio, place, wanted.key(upload), (upload, *wanted.others),
        partial(work.process, upload, wanted, studio.limits),
        lambda made: len(made.data),
    )  # fmt: skip
    if not hit:
        studio.measures.worked(" + ".join(made.restored) or "none", made.seconds)
        for name, seconds in made.restored.items():
            studio.catalog.took(studio.catalog.named(name), seconds, made.width, made.height)
    return made, hit


def _picture(made: Made, hit: bool, seconds: Mapping[str, float]) -> Response:
    response = Response(made.data, content_type=made.type)
    response.headers["X-Tasks"] = ",".join(made.done)
    response.headers["X-Model"] = ",".join(made.done.values())
    response.headers["X-Width"], response.headers["X-Height"] = str(made.width), str(made.height)
    response.headers["X-Notes"] = json.dumps([_in_fields(note) for note in made.notes])
    stages = {} if hit else made.seconds
    return _timed(response, hit, {**seconds, **stages})


def _timed(response: Response, hit: bool, seconds: Mapping[str, float]) -> Response:
    """With the stages in ``Server-Timing``, milliseconds, which browsers show."""
    stages = [f"{stage};dur={1000 * value:.1f}" for stage, value in seconds.items()]
    response.headers["Server-Timing"] = ", ".join(stages)
    response.headers["X-Cache"] = "hit" if hit else "miss"
    return response


class _Archive(tempfile.SpooledTemporaryFile[bytes]):
    """A file without a name, whose room is given back when it is closed: once it is sent."""

    def __init__(self, room: Room) -> None:
        super().__init__(_SPOOLED)
        self._room, self._held = room, 0

    def hold(self, size: int) -> None:
        """Take room for so many bytes.

        Raises:
            Refused: there is none (503).
        """
        if not self._room.take(size):
            raise Refused(503, "there is no room for this result; ask for it alone")
        self._held += size

    def close(self) -> None:
        super().close()
        self._room.give(self._held)
        self._held = 0


def _many(studio: Studio, place: Place, pictures: list[Upload], wanted: Asked) -> Response:
    """A zip of what became of several pictures, each treated by what it is, with a manifest."""
    file = _Archive(studio.room)
    try:
        rows = _archived(studio, place, pictures, wanted, file)
        failed = sum("error" in row for row in rows)
        if failed == len(pictures):
            raise Refused(422, f"none of {failed} pictures could be processed; {rows[0]['error']}")
    except BaseException:
        file.close()
        raise
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    response = send_file(file, "application/zip", as_attachment=True,
                         download_name="pictures.zip")  # fmt: skip
    response.content_length = size
    response.headers["X-Failed"] = str(failed)
    return _timed(response, False, {"queue": place.waited})


def _archived(
    studio: Studio,
    place: Place,
    pictures: list[Upload],
    wanted: Asked,
    file: _Archive,
) -> list[dict[str, Any]]:
    """Write an archive; the rows of its manifest."""
    rows: list[dict[str, Any]] = []
    # Pictures are compressed already.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, upload in enumerate(pictures, 1):
            # The number keeps pictures of one name apart.
            name = f"{number:03d}_{Path(upload.name).stem}.{wanted.kind}"
            row: dict[str, Any] = {"source": upload.name}
            try:
                made, _ = _processed(studio, place, upload, wanted)
                file.hold(len(made.data))
            except (UserError, Refused) as error:
                row["error"] = _in_fields(str(error))
            else:
                archive.writestr(name, made.data)
                row |= {
                    "file": name, "tasks": [*made.done], "models": [*made.done.values()],
                    "width": made.width, "height": made.height,
                    "notes": [_in_fields(note) for note in made.notes],
                }  # fmt: skip
            rows.append(row)
        failed = sum("error" in row for row in rows)
        manifest = {"failed": failed, "pictures": rows}
        archive.writestr("manifest.json", json.dumps(manifest, indent=2))
    return rows
