"""The unit of systemd and the container start what there is, within the limits that it keeps."""

from __future__ import annotations

import argparse
import configparser
import json
import re
import shlex
from pathlib import Path

from edge_demo.web import command, server
from edge_demo.web.limits import SERVER_BYTES, Limits

EDGE = Path(__file__).parents[3] / "edge_demo"
MIB = 1 << 20


def options_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    found = parser.parse_args(words)
    command._check(found)
    return found


def bytes_stated(options: argparse.Namespace) -> int:
    return options.memory_mib * MIB + Limits().video_worker_bytes + SERVER_BYTES


def test_the_unit() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(EDGE / "chromaedge.service")
    service = unit["Service"]
    words = shlex.split(service["ExecStart"])
    assert words[:4] == ["%h/venv/bin/python", "-m", "edge_demo", "serve"]
    options = options_of(words[4:])
    assert command.is_loopback(options.host)
    assert service["MemoryMax"] == f"{bytes_stated(options) // MIB}M"
    assert float(service["TimeoutStopSec"]) > server._GRACE
    assert service["KillMode"] == "mixed"  # workers end with the server, not before
    assert int(service["LimitNOFILE"]) > server._MOST_SOCKETS
    assert "AF_UNIX" in service["RestrictAddressFamilies"]  # workers are spoken to by these


def test_the_container() -> None:
    text = (EDGE / "Containerfile").read_text()
    found = re.search(r"^ENTRYPOINT (\[.*\])$", text, re.MULTILINE)
    assert found
    words = json.loads(found[1])
    assert words[:2] == ["chromaedge", "serve"]
    options = options_of(words[2:])
    assert not command.is_loopback(options.host) and options.token is not None
    assert f"EXPOSE {options.port}\n" in text and f"-p {options.port}:{options.port}" in text
    assert f"--memory {bytes_stated(options) // MIB}m " in text
    project = (EDGE / "pyproject.toml").read_text()
    assert f'{words[0]} = "edge_demo.__main__:main"' in project
    # Of a Python that the project is for.
    assert re.search(r"python:3\.(11|12|13)-slim", text)
    unit = (EDGE / "chromaedge.service").read_text()
    (tasks,) = re.findall(r"^TasksMax=(\d+)$", unit, re.MULTILINE)
    (files,) = re.findall(r"^LimitNOFILE=(\d+)$", unit, re.MULTILINE)
    assert f"--pids-limit {tasks} " in text and f"nofile={files} " in text
