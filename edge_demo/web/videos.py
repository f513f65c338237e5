"""Videos through the API: one at a time, in a process of its own, in a folder that goes with it.

A video takes minutes, longer than a browser waits for an answer. So it is sent, its client asks how
far it is, and fetches the result. Who does not ask for a while has left: the work is ended then,
and the result thrown away. A result that was fetched stays for as long, because connections break,
unless another video comes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.ycbcr import round_to_uint8, ycbcr_to_rgb
from ..errors import UserError
from ..video.coding import Coding
from ..video.reader import Reader
from ..video.restore import Progress, restore_video
from ..video.writer import target
from .limits import Limits, Refused
from .models import Models, Stopped
from .worker import Died, Setup, Tick, TooLarge, Worker

# Of a folder's name, which goes on with the process that made it.
_PREFIX = "chromaedge-video-"
_INPUT, _OUTPUT, _PREVIEW = "video", "restored.mp4", "preview.jpg"
# Longer side of a preview, and seconds between two of them.
_PREVIEW_SIDE, _PREVIEW_SECONDS = 480, 2.0
# How willingly a video gives way to pictures.
_NICE = 10
# Seconds after which who has not asked for a video has left; for a result that is done.
GONE, KEPT = 60.0, 600.0

log = logging.getLogger("chromaedge")


@dataclass(frozen=True)
class Wanted:
    """What is to be done to a video.

    Attributes:
        model: a name of the catalogue.
        options: of its restorer.
        smoothing: over time, 0..1.
        crf: how good the result is.
    """

    model: str
    options: Mapping[str, Any]
    smoothing: float
    crf: int


@dataclass
class Job:
    """A video that is worked on, or done.

    Attributes:
        folder: of its files, which goes with it.
        share: that is done, 0..1.
        state: ``working``, ``done`` or ``failed``.
        error: why it failed.
        notes: what a user should know of the result.
        cancelled: whether it is to be ended.
        fetched: whether its result, or why there is none, has been sent.
        asked: when its client has asked for it last, of ``time.monotonic``.
    """

    folder: Path
    share: float = 0.0
    state: str = "working"
    error: str | None = None
    notes: tuple[str, ...] = ()
    cancelled: bool = False
    fetched: bool = False
    asked: float = field(default_factory=time.monotonic)

    def told(self) -> dict[str, Any]:
        """For ``GET /progress/JOB``."""
        return {
            "working": self.state == "working",
            "share": round(self.share, 4),
            "state": self.state,
            "error": self.error,
            "notes": list(self.notes),
        }


class Videos:
    """The video that a server works on; for several threads."""

    def __init__(self, setup: Setup, limits: Limits) -> None:
        self._limits = limits
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._receiving = False
        self._closed = False
        self._setup = setup
        _sweep()

    @contextlib.contextmanager
    def slot(self) -> Any:
        """The one place, for as long as a video is received.

        Raises:
            Refused: another video is worked on, or its result not fetched (503).
        """
        with self._lock:
            self._clear()
            for name in [name for name, job in self._jobs.items() if job.fetched]:
                self._forget(name)
            if self._receiving or self._jobs:
                raise Refused(503, "another video is being restored; try again later", 30)
            self._receiving = True
        try:
            yield
        finally:
            with self._lock:
                self._receiving = False

    def begin(self, name: str, file: IO[bytes], wanted: Wanted) -> None:
        """Start with a video; to be called within ``slot``.

        Args:
            name: that its client asks for it by.
            file: the video.
            wanted: what is to be done.

        Raises:
            Refused: too large (413).
            UserError: no video, or of a kind that cannot be restored.
        """
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        try:
            with (folder / _INPUT).open("wb") as out:
                shutil.copyfileobj(file, out, 1 << 20)
            size = (folder / _INPUT).stat().st_size
            if size > self._limits.video_bytes:
                raise Refused(
                    413, f"video: is larger than {self._limits.video_bytes >> 20} MiB, the limit"
                )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        job = Job(folder)
        with self._lock:
            self._jobs[name] = job
        threading.Thread(target=self._work, args=(job, wanted), daemon=True).start()

    def _work(self, job: Job, wanted: Wanted) -> None:
        began = time.monotonic()

        def over() -> bool:
            now = time.monotonic()
            late = now - began > self._limits.video_work_seconds
            return late or job.cancelled or self._closed or now - job.asked > GONE

        def told(share: float) -> None:
            job.share = share

        # Of its own: the one before may still be ending.
        worker = Worker(self._setup)
        done = False
        try:
            work = partial(restored, job.folder, wanted, self._limits)
            job.notes = worker.do(work, told, over, self._limits.video_worker_bytes)
            job.share, done = 1.0, True
        except (UserError, Refused) as error:
            # Its own name, not that of a folder here.
            job.error = str(error).replace(f"{job.folder / _INPUT}: ", "video: ")
        except TooLarge:
            job.error = "this video takes more memory than it may, so it was given up"
        except Stopped:
            job.error = "this took too long, so it was given up"
        except Died:
            job.error = "this video was the end of what worked on it"
        except Exception as error:
            job.error = "something went wrong here; the server's log says more"
            log.error("a video failed", exc_info=error)
        finally:
            worker.end()
            with contextlib.suppress(OSError):
                (job.folder / _INPUT).unlink()
            if not done or job.cancelled or self._closed:
                shutil.rmtree(job.folder, ignore_errors=True)
            job.state = "done" if done else "failed"

    def _clear(self) -> None:
        """Forget what nobody has asked for."""
        now = time.monotonic()
        for name, job in list(self._jobs.items()):
            most = KEPT if job.state == "done" and not job.fetched else GONE
            if job.state != "working" and (now - job.asked > most or job.cancelled):
                self._forget(name)

    def _forget(self, name: str) -> None:
        job = self._jobs.pop(name)
        shutil.rmtree(job.folder, ignore_errors=True)

    def find(self, name: str) -> Job | None:
        """A video by the name that its client gave it, who is still there then."""
        with self._lock:
            self._clear()
            job = self._jobs.get(name)
            if job is not None:
                job.asked = time.monotonic()
            return job

    def preview(self, name: str) -> bytes:
        """The newest restored frame, a JPEG.

        Raises:
            Refused: no such video, or none yet (404).
        """
        job = self._known(name)
        try:
            return (job.folder / _PREVIEW).read_bytes()
        except OSError:
            raise Refused(404, "there is no frame of this video yet") from None

    def taken(self, name: str, keep: bool = False) -> IO[bytes]:
        """The result.

        Args:
            name: of the video.
            keep: whether the client only wants to know what it would get.

        Raises:
            Refused: no such video (404), not done yet (409), or it failed (422).
        """
        job = self._known(name)
        if job.state == "working":
            raise Refused(409, "this video is still being restored", 2)
        job.fetched = job.fetched or not keep
        if job.error is not None:
            raise Refused(422, job.error)
        return (job.folder / _OUTPUT).open("rb")

    def cancel(self, name: str) -> None:
        """End the work on a video, and throw away what there is of it.

        Raises:
            Refused: no such video (404).
        """
        job = self._known(name)
        job.cancelled = True
        until = time.monotonic() + 2
        while job.state == "working" and time.monotonic() < until:
            time.sleep(0.01)
        with self._lock:
            if name in self._jobs:
                self._forget(name)

    def _known(self, name: str) -> Job:
        job = self.find(name)
        if job is None:
            raise Refused(404, f"no video called {name[:80]!r} here")
        return job

    def close(self) -> None:
        """End all work, and remove all files."""
        self._closed = True
        until = time.monotonic() + 2
        while any(job.state == "working" for job in list(self._jobs.values())):
            if time.monotonic() > until:
                break
            time.sleep(0.01)
        with self._lock:
            for name in list(self._jobs):
                self._forget(name)


def _sweep() -> None:
    """Remove what servers have left that were ended without notice."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid == os.getuid() and not _runs(pid):
                shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: str) -> bool:
    """Whether there is a process of that number, as far as one can tell."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError, OverflowError):
        return True
    return True


# --------------------------------------------------------------------------------- in the worker


def restored(
    folder: Path, wanted: Wanted, limits: Limits, models: Models, tick: Tick
) -> tuple[str, ...]:
    """Restore the video of a folder into it, as ``python -m edge_demo run`` does; notes.

    Raises:
        Refused: too large or too long (413).
        UserError: as ``restore_video``.
    """
    os.nice(_NICE)
    source, result = folder / _INPUT, folder / _OUTPUT
    with Reader(source) as reader:
        _check(reader, limits)
        turned = _quarters(reader.matrix)
        rate = float(reader.rate or 0)
    preview = _Preview(folder / _PREVIEW, turned)
    frames = max(1, round(limits.video_seconds * max(rate, 1.0)))

    def told(state: Progress) -> None:
        if state.at > limits.video_seconds or state.frames > limits.video_frames:
            raise Refused(413, _too_long(limits))
        tick(state.frames, max(state.total or frames, state.frames))
        written = sum(one.stat().st_size for one in folder.iterdir() if one.name != _INPUT)
        if written > limits.video_result_bytes:
            raise Refused(
                413,
                f"video: its result is larger than {limits.video_result_bytes >> 20} MiB, the "
                "limit; a higher crf makes it smaller",
            )

    with models.use(wanted.model) as restorer:
        done = restore_video(
            source,
            target(result, "h264", wanted.crf, False),
            restorer.with_options(**wanted.options),
            smoothing=wanted.smoothing,
            threads=2,
            progress=told,
            shown=preview,
        )
    return done.notes


def _check(reader: Reader, limits: Limits) -> None:
    height, width = reader.size
    if height * width > limits.video_pixels:
        raise Refused(
            413,
            f"video: is {width}x{height} = {height * width:,} pixels a frame, over the limit of "
            f"{limits.video_pixels:,}",
        )
    if reader.total is not None and reader.total > limits.video_frames:
        raise Refused(413, _too_long(limits))


def _too_long(limits: Limits) -> str:
    return (
        f"video: is longer than {limits.video_seconds:g} seconds or {limits.video_frames:,} "
        "frames, the limit"
    )


def _quarters(matrix: tuple[int, ...] | None) -> int:
    """Quarter turns, counterclockwise, that bring a frame upright."""
    if matrix is None:
        return 0
    return -round(float(np.arctan2(matrix[1], matrix[0])) / (np.pi / 2)) % 4


class _Preview:
    """A restored frame now and then, as a small JPEG."""

    def __init__(self, path: Path, turned: int) -> None:
        self._path, self._turned, self._next = path, turned, 0.0

    def __call__(self, y: NDArray[Any], cbcr: NDArray[Any], coding: Coding) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _PREVIEW_SECONDS
        step = -(-max(y.shape) // _PREVIEW_SIDE)
        luma = coding.luma_codes(y[::step, ::step]).astype(np.float32)
        chroma = coding.chroma_codes(cbcr[::step, ::step]).astype(np.float32)
        rgb = round_to_uint8(ycbcr_to_rgb(np.dstack([luma, chroma]), coding.matrix, True))
        upright = np.rot90(rgb, self._turned)
        done, data = cv2.imencode(".jpg", np.ascontiguousarray(upright[..., ::-1]))
        assert done
        # Whole or not at all, for who reads meanwhile.
        new = self._path.with_suffix(".new")
        new.write_bytes(data.tobytes())
        new.replace(self._path)
