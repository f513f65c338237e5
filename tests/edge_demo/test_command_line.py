"""What every command line shares: exit codes, and one line for a mistake."""

from __future__ import annotations

import pytest

from edge_demo import cli
from edge_demo.errors import UserError


def run(main, *arguments: str) -> int:
    parser = cli.Parser(prog="python -m thing")
    parser.add_argument("--number", type=int)
    return cli.run(parser, main, list(arguments))


def raising(error: BaseException):
    def main(_: object) -> int:
        raise error

    return main


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda _: None) == 0
    assert run(lambda _: 0) == 0
    assert run(lambda _: 1) == 1
    assert run(lambda options: options.number, "--number", "7") == 7
    assert capsys.readouterr() == ("", "")
    assert run(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"
    assert run(raising(BrokenPipeError())) == 0


def test_a_mistake_is_one_line_whatever_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(raising(UserError("first\n  second\tthird"))) == 2
    assert capsys.readouterr().err == "python -m thing: first second third\n"


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


def test_a_wrong_argument_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("--number", "two"), ("--nmber", "2"), ("more",)):
        with pytest.raises(SystemExit) as left:
            run(lambda _: 0, *arguments)
        assert left.value.code == 2
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1
        assert said.err.startswith("python -m thing: ") and "--help" in said.err
