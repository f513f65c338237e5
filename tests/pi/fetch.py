"""What a Raspberry Pi has, unpacked into a folder: bookworm's Python, the Arm wheels, an emulator.

Packages come from where apt and pip are told to look on this machine. apt gets a configuration of
its own, in which nothing is installed and the machine is an Arm one: the state of the machine's apt
stays as it is, and root is not needed. What is unpacked already is used again, unless other
versions are asked for.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PYTHON = "3.11"
# The Python of Raspberry Pi OS Bookworm, and the C++ library that every such system has.
DEBIAN = (f"python{PYTHON}", "libstdc++6")
QEMU = "qemu-aarch64-static"
# Releases of glibc that a wheel may ask for, up to bookworm's own.
GLIBC = range(17, 37)

DEVICE = Path("edge_demo/requirements.txt")
PREDECESSOR = Path("tests/requirements-tflite.txt")


class Missing(Exception):
    """Something that this check needs is not here; the text is one line."""


@dataclass(frozen=True)
class Places:
    """Where things are.

    Attributes:
        qemu: the emulator.
        root: Debian's files.
        sites: interpreter's package to a folder of packages.
    """

    qemu: Path
    root: Path
    sites: dict[str, Path]


def fetch(folder: Path, repository: Path) -> Places:
    """Unpack what is not there yet.

    Raises:
        Missing: a tool or a package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "root"
    if not is_done(root, DEBIAN):
        print(f"unpacking {' '.join(DEBIAN)} for arm64 into {root}", flush=True)
        with_packages(folder, "arm64", DEBIAN, root)
    qemu = find_qemu(folder)
    sites = {}
    for package, pins in wanted(repository).items():
        sites[package] = folder / f"site-{package}"
        if not is_done(sites[package], pins):
            print(f"unpacking {' '.join(pins)} into {sites[package]}", flush=True)
            install_wheels(pins, sites[package])
    return Places(qemu, root, sites)


def wanted(repository: Path) -> dict[str, list[str]]:
    """Interpreter's package to the pins of a device that uses it."""
    device = pins(repository / DEVICE)
    predecessor = pins(repository / PREDECESSOR)
    names = {*device, "tflite-runtime"}
    return {
        "ai-edge-litert": [f"{n}=={v}" for n, v in device.items()],
        "tflite-runtime": [f"{n}=={v}" for n, v in predecessor.items() if n in names],
    }


def pins(file: Path) -> dict[str, str]:
    """Package to version, of a requirements file."""
    return dict(re.findall(r"^([A-Za-z0-9_-]+)==(\S+)", file.read_text(), re.MULTILINE))


# What is done ---------------------------------------------------------------------------------


def is_done(folder: Path, what: Sequence[str]) -> bool:
    """Whether a folder holds just this, whole."""
    stamp = folder / ".holds"
    return stamp.is_file() and stamp.read_text().split() == list(what)


def mark_done(folder: Path, what: Sequence[str]) -> None:
    """Remember what a folder holds."""
    (folder / ".holds").write_text("\n".join(what) + "\n")


def run(command: Sequence[str | Path], doing: str, folder: Path | None = None) -> str:
    """The output of a command.

    Raises:
        Missing: there is no such command, or it failed; the last line of its errors says why.
    """
    try:
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, cwd=folder
        )
    except FileNotFoundError:
        raise Missing(f"{command[0]} is not installed; it is needed for {doing}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise Missing(f"{doing} failed: {lines[-1].strip()}")
    return done.stdout


# Debian ---------------------------------------------------------------------------------------


def apt_configuration(folder: Path, architectures: Sequence[str]) -> str:
    """Read after the machine's own, so that sources, keys and proxies are the machine's."""
    quoted = " ".join(f'"{name}";' for name in architectures)
    return f"""\
Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Architecture "{architectures[0]}";
#clear APT::Architectures;
APT::Architectures {{ {quoted} }};
APT::Install-Recommends "0";
APT::Sandbox::User "root";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


def with_packages(folder: Path, architecture: str, packages: Sequence[str], target: Path) -> None:
    """Unpack Debian packages and all they depend on."""
    apt = (folder / "apt").resolve()
    try:
        for file in download(apt, architecture, packages, dependencies=True):
            run(["dpkg-deb", "-x", file, target], f"unpacking {file.name}")
    finally:
        shutil.rmtree(apt, ignore_errors=True)
    if not (target / f"usr/bin/python{PYTHON}").exists():
        raise Missing(f"{' '.join(packages)} for {architecture} hold no Python {PYTHON}")
    mark_done(target, packages)


def download(
    apt: Path, architecture: str, packages: Sequence[str], dependencies: bool
) -> list[Path]:
    """The files of Debian packages."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "state/status").touch()
    configuration = apt / "apt.conf"
    configuration.write_text(apt_configuration(apt, [architecture]))
    apt_get = ["apt-get", "-q=2", "-c", str(configuration)]
    run([*apt_get, "update"], f"apt-get update for {architecture}")
    verb = ["install", "--yes", "--download-only"] if dependencies else ["download"]
    archives = apt / "cache/archives"  # ``download`` writes to where it is
    run(
        [*apt_get, *verb, *packages],
        f"getting {' '.join(packages)} for {architecture} from apt's sources",
        archives,
    )
    return sorted(archives.glob("*.deb"))


def find_qemu(folder: Path) -> Path:
    """The emulator: this machine's, or Debian's, unpacked."""
    for name in (QEMU, QEMU.removesuffix("-static")):
        if found := shutil.which(name):
            return Path(found)
    target = folder / QEMU
    if target.is_file():
        return target
    print(f"unpacking qemu-user-static into {folder}", flush=True)
    architecture = run(["dpkg", "--print-architecture"], "finding an emulator").strip()
    apt = (folder / "apt").resolve()
    try:
        (file,) = download(apt, architecture, ["qemu-user-static"], dependencies=False)
        extract(file, f"./usr/bin/{QEMU}", target)
    finally:
        shutil.rmtree(apt, ignore_errors=True)
    return target


def extract(package: Path, member: str, target: Path) -> None:
    """One file of a Debian package; the emulators of other processors are large."""
    part = target.with_suffix(".part")
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
    ):
        for entry in archive:
            source = archive.extractfile(entry) if entry.name == member else None
            if source:
                with part.open("wb") as out:
                    shutil.copyfileobj(source, out)
    if not part.is_file():
        raise Missing(f"{package.name} holds no {member}")
    part.chmod(0o755)
    part.replace(target)


# Wheels ---------------------------------------------------------------------------------------


def pip_command(pins: Sequence[str], target: Path) -> list[str]:
    """Unpacks wheels for 64-bit Arm, whatever this machine is."""
    platforms = ["manylinux2014_aarch64", *(f"manylinux_2_{n}_aarch64" for n in GLIBC)]
    return [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--target", str(target), "--no-compile", "--only-binary=:all:",
        "--implementation", "cp", "--python-version", PYTHON,
        *(f"--abi={abi}" for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none")),
        *(f"--platform={name}" for name in platforms),
        *pins,
    ]  # fmt: skip


def install_wheels(pins: Sequence[str], target: Path) -> None:
    """Unpack wheels and what they depend on."""
    shutil.rmtree(target, ignore_errors=True)
    run(pip_command(pins, target), f"unpacking {' '.join(pins)} for 64-bit Arm")
    mark_done(target, pins)
