"""What one request may ask for, and how it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from ..device.hints import MOST


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
        hints: of a picture.
        colors: that may be asked for at once.
        seconds: for one picture, the wait for a worker included.
    """

    upload_bytes: int = 10 << 20
    request_bytes: int = 64 << 20
    pixels: int = 24_000_000
    side: int = 30_000
    pixel_bytes: int = 4
    files: int = 20
    hints: int = MOST
    colors: int = 12
    seconds: float = 60.0

    @property
    def decoded_bytes(self) -> int:
        """That a picture may take decoded."""
        return self.pixels * self.pixel_bytes


class Refused(Exception):
    """A request that is answered by an error: a status of HTTP, and one line that says why."""

    def __init__(self, status: int, why: str, retry_after: int | None = None) -> None:
        super().__init__(why)
        self.status, self.retry_after = status, retry_after
