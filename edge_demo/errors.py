"""What a command line turns into a single line and exit code 2."""

from __future__ import annotations


class UserError(Exception):
    """A mistake the user can mend; its text is one complete line that says what and how."""


class NoEdgeTpuError(UserError):
    """A file is compiled for an Edge TPU and there is none here: nothing is wrong with the file."""
