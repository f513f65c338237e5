"""What Linux says of a board's processor, for programs that look it up and not only use it.

The emulator answers for the processor's instructions, but /proc and /sys are those of the machine
it runs on. An interpreter that chooses its kernels by them finds no Arm processor there:
ai-edge-litert 2.3.0 crashes on that. Files below the emulator's root come first.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

CORES = 4


@dataclass(frozen=True)
class Board:
    """A board as far as programs ask.

    Attributes:
        name: for people.
        part: of Arm's processors, as /proc/cpuinfo has it.
        features: the same.
        megahertz: lowest and highest.
        caches: (level, kind, KiB, whether all cores share it).
    """

    name: str
    part: str
    features: str
    megahertz: tuple[int, int]
    caches: tuple[tuple[int, str, int, bool], ...]


# By qemu's name of the processor.
BOARDS = {
    "cortex-a72": Board(
        "Raspberry Pi 4", "0xd08", "fp asimd evtstrm crc32 cpuid", (600, 1500),
        ((1, "Data", 32, False), (1, "Instruction", 48, False), (2, "Unified", 1024, True)),
    ),
    "cortex-a76": Board(
        "Raspberry Pi 5", "0xd0b",
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc "
        "dcpop asimddp", (1500, 2400),
        ((1, "Data", 64, False), (1, "Instruction", 64, False), (2, "Unified", 512, False),
         (3, "Unified", 2048, True)),
    ),
}  # fmt: skip


def describe(board: Board) -> dict[str, str]:
    """Path to text of each file."""
    everyone = f"0-{CORES - 1}"
    cpus = "sys/devices/system/cpu"
    lowest, highest = board.megahertz
    files = {
        f"{cpus}/possible": everyone, f"{cpus}/present": everyone, f"{cpus}/online": everyone,
        f"{cpus}/kernel_max": "255",
    }  # fmt: skip
    for core in range(CORES):
        one = f"{cpus}/cpu{core}"
        files |= {
            f"{one}/cpufreq/cpuinfo_min_freq": f"{lowest}000",
            f"{one}/cpufreq/cpuinfo_max_freq": f"{highest}000",
            f"{one}/topology/physical_package_id": "0",
            f"{one}/topology/core_id": str(core),
            f"{one}/topology/core_siblings_list": everyone,
            f"{one}/topology/cluster_cpus_list": everyone,
        }
        for index, (level, kind, size, shared) in enumerate(board.caches):
            cache = f"{one}/cache/index{index}"
            files |= {
                f"{cache}/level": str(level),
                f"{cache}/type": kind,
                f"{cache}/size": f"{size}K",
                f"{cache}/shared_cpu_list": everyone if shared else str(core),
            }
    return {
        "proc/cpuinfo": "\n".join(
            f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {board.features}\n"
            "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
            f"CPU part\t: {board.part}\nCPU revision\t: 3\n"
            for core in range(CORES)
        ),
        **{path: f"{text}\n" for path, text in files.items()},
    }


def write(root: Path, board: Board) -> None:
    """Put a board's files below a root, in place of another's."""
    for folder in ("proc", "sys"):
        shutil.rmtree(root / folder, ignore_errors=True)
    for path, text in describe(board).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
