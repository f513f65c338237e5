"""How every command line here must answer a user's mistake."""

from __future__ import annotations

import importlib

import pytest


def refused(package: str, capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run ``python -m PACKAGE ARGUMENTS``: exit code 2, and one line on standard error alone."""
    main = importlib.import_module(f"{package}.__main__").main
    capfd.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as leave:  # the parser's own
        code = leave.code
    said = capfd.readouterr()
    assert (code, said.out) == (2, "")
    lines = said.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"python -m {package}")
    return lines[0]
