"""What the Arm check asks apt and pip for; nothing is fetched here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pi import fetch

ROOT = Path(__file__).parents[2]


def test_what_is_installed_is_what_a_device_installs() -> None:
    wanted = fetch.wanted(ROOT)
    device = fetch.pins(ROOT / fetch.DEVICE)
    assert set(wanted) == {"ai-edge-litert", "tflite-runtime"}
    for package, pins in wanted.items():
        names = {pin.partition("==")[0] for pin in pins}
        assert names == {*device, package} - ({"ai-edge-litert"} - {package})
    assert wanted["ai-edge-litert"] == [f"{name}=={version}" for name, version in device.items()]
    # Of one generation: tflite-runtime was built for NumPy 1.
    assert any(pin.startswith("numpy==1.") for pin in wanted["tflite-runtime"])


def test_the_readme_installs_the_same_predecessor() -> None:
    page = (ROOT / "edge_demo" / "README.md").read_text()
    for pin in fetch.wanted(ROOT)["tflite-runtime"]:
        assert pin in page or (pin.startswith("numpy==1.") and '"numpy<2"' in page)


def test_pip_gets_wheels_of_another_machine(tmp_path: Path) -> None:
    command = fetch.pip_command(["numpy==1.26.4"], tmp_path)
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert "--only-binary=:all:" in command and command[-1] == "numpy==1.26.4"
    platforms = [word.partition("=")[2] for word in command if word.startswith("--platform")]
    assert {"manylinux2014_aarch64", "manylinux_2_28_aarch64", "manylinux_2_36_aarch64"} < set(
        platforms
    )
    assert "manylinux_2_37_aarch64" not in platforms  # bookworm's glibc is 2.36
    assert command[command.index("--python-version") + 1] == "3.11"
    assert command[command.index("--target") + 1] == str(tmp_path)


def test_apt_leaves_the_machine_alone(tmp_path: Path) -> None:
    text = fetch.apt_configuration(tmp_path, ["arm64"])
    for key in ("Dir::State", "Dir::State::status", "Dir::Cache"):
        assert re.search(rf'^{key} "{re.escape(str(tmp_path))}/', text, re.MULTILINE)
    assert 'APT::Architecture "arm64";' in text and 'APT::Architectures { "arm64"; };' in text
    # Sources, keys and proxies stay the machine's own.
    assert "Dir::Etc" not in text and "http" not in text.lower()
    assert "#clear APT::Update::Post-Invoke;" in text


@pytest.mark.skipif(not shutil.which("apt-config"), reason="apt is not here")
def test_apt_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "apt.conf"
    file.write_text(fetch.apt_configuration(tmp_path, ["arm64"]))
    dump = subprocess.run(
        ["apt-config", "-c", str(file), "dump"], capture_output=True, text=True, check=True
    ).stdout
    assert f'Dir::State "{tmp_path}/state";' in dump
    assert re.findall(r'^APT::Architectures:: "(.*)";', dump, re.MULTILINE) == ["arm64"]
    assert not re.findall(r'^APT::Update::(?:Pre|Post)-Invoke[^"]* "[^"]', dump, re.MULTILINE)


def test_what_is_there_is_used_again(tmp_path: Path) -> None:
    assert not fetch.is_done(tmp_path, ["a==1"])
    fetch.mark_done(tmp_path, ["a==1", "b==2"])
    assert fetch.is_done(tmp_path, ["a==1", "b==2"])
    assert not fetch.is_done(tmp_path, ["a==1", "b==3"])


def test_a_missing_tool_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(fetch.Missing, match=r"^no-such-tool is not installed; it is needed for x$"):
        fetch.run(["no-such-tool"], "x")
    with pytest.raises(fetch.Missing, match=r"^x failed: why$"):
        fetch.run([sys.executable, "-c", "import sys; sys.exit('first\\nwhy\\n')"], "x")


def test_one_file_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in" / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "in" / "usr" / "bin" / "tool").write_text("#!/bin/sh\necho ran\n")
    tool = tmp_path / "dpkg-deb"
    tool.write_text(f'#!/bin/sh\ntar -C "{tmp_path}/in" -c ./usr\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    target = tmp_path / "tool"
    fetch.extract(tmp_path / "any.deb", "./usr/bin/tool", target)
    assert subprocess.run([target], capture_output=True, text=True).stdout == "ran\n"
    with pytest.raises(fetch.Missing, match="holds no"):
        fetch.extract(tmp_path / "any.deb", "./usr/bin/other", tmp_path / "other")


def test_an_emulator_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "qemu-aarch64"
    tool.write_text("")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch.find_qemu(tmp_path / "empty") == tool
