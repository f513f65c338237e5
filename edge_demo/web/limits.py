"""What one request may ask for, and how it is refused."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from ..device.hints import MOST

# Of memory that the server itself takes at most, with its results and the bodies on their way.
SERVER_BYTES = 512 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of a request.

    Attributes:
        upload_bytes: of one picture.
        request_bytes: of a whole request.
        pixels: of one picture, known from its header before anything is decoded.
        side: the longest of one picture, likewise: tiles and rows of a ribbon are mostly padding.
        pixel_bytes: that a pixel may take decoded, on the average of as many as are allowed.
        files: pictures in a request.
        archive_bytes: of all results that wait in archives to be fetched.
        hints: of a picture.
        colors: that may be asked for at once.
        seconds: for one picture, the wait for a worker included.
        video_bytes: of a video,
        video_pixels: of its frames,
        video_seconds, video_frames: that it may last,
        video_work_seconds: that may be worked on it,
        video_result_bytes: of what becomes of it,
        video_worker_bytes: of memory that the work on it may take.
        base_bytes: of memory that a worker takes whatever the picture, for its code and the models
            that stay loaded,
        pixel_worker_bytes: and for each pixel.
    """

    upload_bytes: int = 10 << 20
    request_bytes: int = 64 << 20
    pixels: int = 24_000_000
    side: int = 30_000
    pixel_bytes: int = 4
    files: int = 20
    archive_bytes: int = 1 << 30
    hints: int = MOST
    colors: int = 12
    seconds: float = 60.0
    video_bytes: int = 60 << 20
    video_pixels: int = 1920 * 1088
    video_seconds: float = 120.0
    video_frames: int = 7200
    video_work_seconds: float = 3600.0
    video_result_bytes: int = 512 << 20
    video_worker_bytes: int = 1 << 30
    base_bytes: int = 600 << 20
    pixel_worker_bytes: int = 36

    @property
    def decoded_bytes(self) -> int:
        """That a picture may take decoded."""
        return self.pixels * self.pixel_bytes

    def worker_bytes(self, pixels: int) -> int:
        """Of memory that a worker may take for a picture of so many pixels."""
        return self.base_bytes + self.pixel_worker_bytes * pixels


class Room:
    """So many bytes that several threads share.

    Attributes:
        left: bytes just now.
    """

    def __init__(self, size: int) -> None:
        self.left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take some, where there are as many."""
        with self._lock:
            if size > self.left:
                return False
            self.left -= size
            return True

    def give(self, size: int) -> None:
        """Give some back."""
        with self._lock:
            self.left += size


class Refused(Exception):
    """A request that is answered by an error: a status of HTTP, and one line that says why."""

    def __init__(self, status: int, why: str, retry_after: int | None = None) -> None:
        super().__init__(why)
        self.status, self.retry_after = status, retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        """For a worker, which is another process."""
        return Refused, (self.status, str(self), self.retry_after)
