"""What a table of times must say of the machine; whatever a machine does not tell is left out."""

from __future__ import annotations

import functools
import importlib.metadata
import operator
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..cli import cores
from ..model.interpreter import EDGE_TPU_LIBRARY, package_name

# Meaning of the bits that the Raspberry Pi's firmware reports; 16 higher: it happened since boot.
_THROTTLED = {
    0: "under-voltage",
    1: "clock capped",
    2: "throttled",
    3: "soft temperature limit",
}
# Vendor and product of a USB Accelerator, before and after its first use since it was plugged in.
_EDGE_TPU_IDS = {("1a6e", "089a"), ("18d1", "9302")}


def describe(root: Path = Path("/")) -> dict[str, Any]:
    """CPU, board, system, Python, interpreter, governor and Edge TPU, as plain values for JSON.

    Args:
        root: where ``proc``, ``sys``, ``dev`` and ``usr`` are; tests give another.
    """
    found: dict[str, Any] = {
        "cpu": _cpu_model(root),
        "board": _read(root / "proc/device-tree/model"),
        "architecture": platform.machine(),
        "cores": cores(),
        "memory_bytes": _memory(root),
        "os": _system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "interpreter": interpreter(),
        "governor": _read(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "edge_tpu": _edge_tpu(root),
    }
    return {key: value for key, value in found.items() if value}


def state(root: Path = Path("/")) -> dict[str, Any]:
    """What changes while a machine works: load average, temperature, clock, throttling flags."""
    found: dict[str, Any] = {}
    load = _read(root / "proc/loadavg")
    if load:
        found["load_average"] = float(load.split()[0])
    temperature = _read(root / "sys/class/thermal/thermal_zone0/temp")
    if temperature and temperature.lstrip("-").isdigit():
        found["temperature_celsius"] = round(int(temperature) / 1000, 1)
    clock = _read(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    if clock and clock.isdigit():
        found["clock_mhz"] = round(int(clock) / 1000)
    throttled = _throttled()
    if throttled is not None:
        found["throttled"] = throttled
    return found


def meanings(flags: str) -> list[str]:
    """What the firmware's flags, ``0x...``, say of the moment when they were read."""
    return [meaning for bit, meaning in _THROTTLED.items() if int(flags, 16) >> bit & 1]


def worst(states: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Of several states: the highest temperature, the lowest clock, every throttling flag."""
    states = list(states)

    def values(key: str) -> list[Any]:
        return [state[key] for state in states if key in state]

    found: dict[str, Any] = {}
    if temperatures := values("temperature_celsius"):
        found["temperature_celsius"] = max(temperatures)
    if clocks := values("clock_mhz"):
        found["clock_mhz"] = min(clocks)
    if flags := values("throttled"):
        found["throttled"] = hex(functools.reduce(operator.or_, (int(text, 16) for text in flags)))
    return found


def warnings(
    description: Mapping[str, Any],
    before: Mapping[str, Any],
    during: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> list[str]:
    """Reasons why times on this machine may not be its best or may not repeat.

    Args:
        description: from ``describe``.
        before, after: from ``state``. Other programs' load is the one before: a benchmark's own
            would be in the one after.
        during: from ``worst``, while times were taken.
    """
    out = []
    governor = description.get("governor")
    if governor and governor != "performance":
        out.append(
            f"the CPU governor is {governor!r}, not 'performance': times will vary with the clock "
            "(sudo cpupower frequency-set -g performance)"
        )
    load = before.get("load_average", 0.0)
    if load > 0.5 * description["cores"]:
        out.append(
            f"other programs keep this machine busy (load average {load:.1f} on "
            f"{description['cores']} cores): times will be longer and vary"
        )
    return out + _throttling(before, worst([before, during or {}, after or {}]))


def _throttling(before: Mapping[str, Any], all_: Mapping[str, Any]) -> list[str]:
    """What the firmware's flags say, of the time from ``before`` on and of the time until then."""
    flags = int(all_.get("throttled", "0x0"), 16)
    # Flags of the past that were not there at first were set meanwhile.
    meanwhile = flags | (flags & ~int(before.get("throttled", hex(flags)), 16)) >> 16
    out = []
    for bit, meaning in _THROTTLED.items():
        if meanwhile >> bit & 1:
            out.append(f"the board reported {meaning} while times were taken")
        elif flags >> (bit + 16) & 1:
            out.append(f"the board reported {meaning} earlier, since it was started")
    return out


def interpreter() -> str:
    """Package and version of the TFLite interpreter; UserError where there is none."""
    name = package_name()
    try:
        return f"{name} {importlib.metadata.version(name.replace('_', '-'))}"
    except importlib.metadata.PackageNotFoundError:
        return name


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip().strip("\0") or None
    except OSError:
        return None


def _cpu_model(root: Path) -> str | None:
    """``model name`` where /proc/cpuinfo has one (64-bit Arm kernels do not)."""
    for line in (_read(root / "proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Hardware"):
            return value.strip()
    return platform.processor() or None


def _memory(root: Path) -> int | None:
    for line in (_read(root / "proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


def _system() -> str:
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        name = platform.system()
    return f"{name}, {platform.system()} {platform.release()}"


def _edge_tpu(root: Path) -> str | None:
    """Which of an Edge TPU's library and device are here; None where neither is."""
    folders = ("lib", "lib/*", "usr/lib", "usr/lib/*", "usr/local/lib")
    library = any(any(root.glob(f"{folder}/{EDGE_TPU_LIBRARY}")) for folder in folders)
    usb = any(
        (_read(path), _read(path.with_name("idProduct"))) in _EDGE_TPU_IDS
        for path in root.glob("sys/bus/usb/devices/*/idVendor")
    )
    devices = [*(["USB"] if usb else []), *(["PCIe"] if (root / "dev/apex_0").exists() else [])]
    if not (library or devices):
        return None
    device = f"{' and '.join(devices)} device" if devices else "no device"
    return f"{device}, {EDGE_TPU_LIBRARY if library else f'no {EDGE_TPU_LIBRARY}'}"


def _throttled() -> str | None:
    """The firmware's flags as ``0x...``, on a Raspberry Pi."""
    command = shutil.which("vcgencmd")
    if command is None:
        return None
    try:
        answer = subprocess.run(
            [command, "get_throttled"], capture_output=True, text=True, timeout=5, check=True
        ).stdout
        return hex(int(answer.strip().partition("=")[2], 16))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
