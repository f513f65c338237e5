"""A picture in a form, as the studio is sent one: for tests that write to a socket themselves."""

from __future__ import annotations


def posted(host: str, picture: bytes) -> bytes:
    """A whole ``POST /process`` with a picture."""
    body = (
        b"--x\r\nContent-Disposition: form-data; name=image; filename=a.jpg\r\n\r\n"
        + picture
        + b"\r\n--x--\r\n"
    )
    return form_head(host) + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def form_head(host: str) -> bytes:
    """The head of a form that is sent to ``/process``, without its length."""
    return (
        f"POST /process HTTP/1.1\r\nHost: {host}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n"
    ).encode()
