"""The host's description, from made-up machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_demo.benchmark import host


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
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500398\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
}


def test_a_pi_describes_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_throttled", lambda: "0x50000")
    root = machine(tmp_path, PI)
    found, now = host.describe(root), host.state(root)
    assert found["board"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert found["memory_bytes"] == 3884360 * 1024
    assert found["governor"] == "ondemand"
    assert now == {
        "load_average": 0.25, "temperature_celsius": 48.3, "clock_mhz": 1500,
        "throttled": "0x50000",
    }  # fmt: skip
    text = "\n".join(host.warnings(found, now))
    assert "'ondemand', not 'performance'" in text
    assert "under-voltage earlier, since it was started" in text
    assert "throttled earlier" in text
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


@pytest.mark.parametrize(
    ("before", "during", "after", "expected"),
    [
        ("0x0", "0x0", "0x0", []),
        ("0x40000", "0x40000", "0x40000", ["throttled earlier"]),
        ("0x0", "0x4", "0x40000", ["throttled while"]),
        ("0x0", "0x0", "0x40000", ["throttled while"]),  # between two looks
        ("0x50000", "0x50002", "0x70000", ["under-voltage earlier", "clock capped while",
                                           "throttled earlier"]),
        (None, None, "0x10000", ["under-voltage earlier"]),
    ],
)  # fmt: skip
def test_throttling_is_told_with_its_time(
    before: str | None, during: str | None, after: str | None, expected: list[str]
) -> None:
    states = [{"throttled": flags} if flags else {} for flags in (before, during, after)]
    found = host.warnings({"governor": "performance", "cores": 4}, *states)
    assert len(found) == len(expected)
    for line, part in zip(found, expected, strict=True):
        assert part in line


def test_the_worst_of_several_states() -> None:
    states = [
        {"temperature_celsius": 50.1, "clock_mhz": 1800, "throttled": "0x1"},
        {"temperature_celsius": 71.0, "throttled": "0x20004"},
        {"temperature_celsius": 70.0, "clock_mhz": 600, "load_average": 9.0},
    ]
    assert host.worst(states) == {
        "temperature_celsius": 71.0, "clock_mhz": 600, "throttled": "0x20005"
    }  # fmt: skip
    assert host.worst([{}, {"load_average": 1.0}]) == {}
    assert host.meanings("0x20005") == ["under-voltage", "throttled"]


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


USB = "sys/bus/usb/devices/1-1.2"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({f"{USB}/idVendor": "1d6b\n", f"{USB}/idProduct": "0002\n"}, None),
        ({f"{USB}/idVendor": "1a6e\n", f"{USB}/idProduct": "089a\n"},
         "USB device, no libedgetpu.so.1"),
        ({f"{USB}/idVendor": "18d1\n", f"{USB}/idProduct": "9302\n",
          "usr/lib/aarch64-linux-gnu/libedgetpu.so.1": ""}, "USB device, libedgetpu.so.1"),
        ({"dev/apex_0": "", "usr/local/lib/libedgetpu.so.1": ""}, "PCIe device, libedgetpu.so.1"),
        ({"lib/libedgetpu.so.1": ""}, "no device, libedgetpu.so.1"),
    ],
)  # fmt: skip
def test_an_edge_tpu_is_told_of(
    files: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    assert host.describe(machine(tmp_path, files)).get("edge_tpu") == expected
