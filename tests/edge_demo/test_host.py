"""The host's description, from made-up machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_demo import host


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


PI = {
    "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/meminfo": "MemTotal:        3884360 kB\nMemFree: 1 kB\n",
    "proc/loadavg": "0.25 0.10 0.05 1/200 999\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
}


def test_a_pi_describes_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_throttled", lambda: "0x50000")
    root = machine(tmp_path, PI)
    found, now = host.describe(root), host.state(root)
    assert found["board"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert found["memory_bytes"] == 3884360 * 1024
    assert found["governor"] == "ondemand"
    assert now == {"load_average": 0.25, "temperature_celsius": 48.3, "throttled": "0x50000"}
    text = "\n".join(host.warnings(found, now))
    assert "'ondemand', not 'performance'" in text
    assert "under-voltage since" in text
    assert "throttled since" in text
    assert "busy" not in text


def test_what_a_machine_does_not_tell_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_throttled", lambda: None)
    found = host.describe(tmp_path)
    assert not {"board", "governor", "memory_bytes"} & set(found)
    assert host.state(tmp_path) == {}
    assert host.warnings(found, {}) == []


def test_warnings_of_a_busy_or_steady_machine() -> None:
    steady = {"governor": "performance", "cores": 4}
    assert host.warnings(steady, {"load_average": 1.0, "throttled": "0x0"}) == []
    assert "busy" in host.warnings(steady, {"load_average": 3.0})[0]
    assert "throttled now" in host.warnings(steady, {"throttled": "0x4"})[0]


@pytest.mark.parametrize(
    ("answer", "expected"), [("throttled=0x50005", "0x50005"), ("error", None)]
)
def test_vcgencmd(
    answer: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "vcgencmd"
    script.write_text(f"#!/bin/sh\necho '{answer}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert host._throttled() == expected
