"""What C libraries print stays away from the user, unless something fails."""

from __future__ import annotations

import os

import pytest

from edge_demo.quiet import quiet_stderr


def test_it_hides_what_c_libraries_print(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"chatter\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_an_exception_carries_it(capfd: pytest.CaptureFixture[str]) -> None:
    @quiet_stderr()
    def fail() -> None:
        os.write(2, b"what the library said\n")
        raise ValueError("reason")

    with pytest.raises(ValueError, match="reason") as raised:
        fail()
    assert "what the library said" in raised.value.__notes__[0]
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
