"""A camera for viewers in a browser: restored once for all of them, while somebody looks."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import cv2

from ..device import restorers
from ..device.restorer import Restorer
from ..errors import UserError
from ..model import models_folder
from .live import Live
from .source import opened

# A viewer occupies a thread of the server for as long as it looks.
MOST_VIEWERS = 4
_QUALITY = 80
# Seconds that a viewer waits for a picture before it looks whether the server stops.
_WAIT = 0.5

log = logging.getLogger("chromaedge")


class Stream:
    """A camera and its viewers; for several threads.

    A file in a camera's place begins anew at its end, and keeps its own speed.
    """

    def __init__(self, camera: str, model: Path, threads: int) -> None:
        """Open it once, to know that it is there.

        Args:
            camera: as ``source.opened`` has it.
            model: a file.
            threads: of the interpreter.

        Raises:
            UserError: no such camera, or a model that does not load.
        """
        self._camera, self._threads, self._path = camera, threads, model
        with opened(camera, None, restorers.load(model, threads).subsampled):
            pass
        self._news = threading.Condition()
        self._frame, self._number = b"", 0
        self._viewers = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def model(self) -> str:
        """The name of its model: that of the file, without the ending."""
        return self._path.stem

    def use(self, model: Path) -> None:
        """Another model from the next picture on, for all who look.

        Raises:
            UserError: one that does not load.
        """
        restorers.load(model, self._threads)
        with self._news:
            self._path = model

    @property
    def working(self) -> bool:
        """Whether pictures are restored just now."""
        return self._thread is not None

    def viewer(self) -> Viewer:
        """A new viewer.

        Raises:
            UserError: as many look already as may.
        """
        with self._news:
            if self._closed or self._viewers >= MOST_VIEWERS:
                raise UserError(f"{MOST_VIEWERS} viewers look at the camera already")
            self._viewers += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="camera", daemon=True)
                self._thread.start()
            return Viewer(self, self._number)

    def newest(self, seen: int) -> tuple[bytes, int] | None:
        """The newest picture once it is not the one seen, and its number; None at the end."""
        with self._news:
            while self._number == seen:
                if self._closed or self._thread is None:
                    return None
                self._news.wait(_WAIT)
            return self._frame, self._number

    def leave(self) -> None:
        """A viewer looks no more."""
        with self._news:
            self._viewers -= 1

    def _work(self) -> None:
        try:
            path: Path | None = None
            restorer: Restorer | None = None
            while self._goes_on():
                if restorer is None or path != self._path:
                    path = self._path
                    restorer = restorers.load(path, self._threads)
                self._once(Live(restorer), path)
        except UserError as error:
            log.error("the camera stopped: %s", error)
            self._ended()

    def _goes_on(self) -> bool:
        """Whether to begin anew; a viewer that comes after a no starts another thread."""
        with self._news:
            if self._viewers > 0 and not self._closed:
                return True
            self._ended()
            return False

    def _ended(self) -> None:
        with self._news:
            self._thread = None
            self._news.notify_all()

    def _once(self, live: Live, path: Path | None) -> None:
        """From the opening of a source to its end, until nobody looks or another model is used."""
        with opened(self._camera, None, live.restorer.subsampled) as source:
            began = time.monotonic()
            for shot in source.shots():
                if not self._watched() or path != self._path:
                    return
                if not source.live:
                    late = time.monotonic() - began - shot.at
                    if late > 1.0 / float(source.rate):
                        continue  # a camera would have lost it
                    time.sleep(max(0.0, -late))
                _, data = cv2.imencode(".jpg", live(shot), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
                with self._news:
                    self._frame, self._number = data.tobytes(), self._number + 1
                    self._news.notify_all()

    def _watched(self) -> bool:
        with self._news:
            return self._viewers > 0 and not self._closed

    def close(self) -> None:
        """End it for everybody."""
        with self._news:
            self._closed = True
            self._news.notify_all()


class Viewer:
    """An iterator of JPEG files, the newest each time, until the camera or the server stops."""

    def __init__(self, source: Stream, seen: int) -> None:
        self._source, self._seen = source, seen
        self._left = False

    def __iter__(self) -> Viewer:
        return self

    def __next__(self) -> bytes:
        found = self._source.newest(self._seen)
        if found is None:
            raise StopIteration
        frame, self._seen = found
        return frame

    def close(self) -> None:
        """Look no more; to be called in the end, once or more."""
        if not self._left:
            self._left = True
            self._source.leave()


def stream(camera: str, model: str, threads: int) -> Stream:
    """A stream of a named model.

    Raises:
        UserError: as ``Stream`` and ``models_folder.find``.
    """
    return Stream(camera, models_folder.find(model), threads)
