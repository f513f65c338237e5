"""The files that describe an emulated board."""

from __future__ import annotations

from pathlib import Path

from tests.pi import check, hardware


def test_a_board_replaces_another(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "usr").mkdir()
    for board in hardware.BOARDS.values():
        hardware.write(tmp_path, board)
        text = (tmp_path / "proc/cpuinfo").read_text()
        assert text.count("processor\t: ") == text.count(f"CPU part\t: {board.part}\n") == 4
        assert "\n\nprocessor\t: 3\n" in text  # a paragraph each
        caches = tmp_path / "sys/devices/system/cpu/cpu3/cache"
        assert len(list(caches.iterdir())) == len(board.caches)
    assert (caches / "index2/shared_cpu_list").read_text() == "3\n"
    assert (caches / "index3/size").read_text() == "2048K\n"
    assert (tmp_path / "usr").is_dir()


def test_the_check_gives_a_board_its_files(tmp_path: Path) -> None:
    places = check.fetch.Places(
        tmp_path / "qemu", tmp_path / "root", {"tflite-runtime": tmp_path / "site"}
    )
    for cpu, board in hardware.BOARDS.items():
        check.board(tmp_path, places, cpu, "tflite-runtime", tmp_path)
        assert board.part in (tmp_path / "root/proc/cpuinfo").read_text()
