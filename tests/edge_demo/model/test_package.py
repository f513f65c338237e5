"""A model file's card and golden pair: there and back, and every way to be damaged."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_demo.errors import UserError
from edge_demo.model import package
from edge_demo.tasks import chroma

NETWORK = b"\x1c\0\0\0TFL3" + np.random.default_rng(0).bytes(5000)
CARD: dict[str, Any] = {
    "task": "chroma",
    "contract": chroma.TASK.contract,
    "model": "net-test",
    "preset": None,
    "recipe": "int8",
    "tile": 64,
    "halo": 10,
    "metrics": {"chroma_psnr": {"mean": 40.5}},
}
GOLDEN = {"input_planes": np.linspace(-0.5, 0.5, 24, dtype=np.float32).reshape(2, 1, 12),
          "output_correction": np.ones((2, 1, 8), np.float32)}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.int8.tflite"


def write(path: Path, **changes: Any) -> Path:
    path.write_bytes(package.join(NETWORK, CARD | changes, GOLDEN))
    return path


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    file = io.BytesIO(NETWORK)
    with zipfile.ZipFile(file, "a") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    path.write_bytes(file.getvalue())
    return path


def test_there_and_back(path: Path) -> None:
    write(path)
    card = package.read_card(path)
    assert {k: v for k, v in card.values.items() if k != "weights_sha256"} == CARD
    assert (card.task, card.tile, card.halo) == (chroma.TASK, 64, 10)
    golden = package.read_golden(path)
    assert set(golden) == set(GOLDEN)
    for name, values in GOLDEN.items():
        assert golden[name].dtype == np.float32
        assert np.array_equal(golden[name], values)


def test_the_network_is_at_the_front_untouched(path: Path) -> None:
    write(path)
    assert path.read_bytes().startswith(NETWORK)
    assert package.flatbuffer(path) == NETWORK
    assert package.intact(path, package.read_card(path))


def test_any_zip_tool_reads_the_card(path: Path) -> None:
    with zipfile.ZipFile(write(path)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["card.json", "golden.npz"]
        assert json.loads(archive.read("card.json"))["recipe"] == "int8"


def test_the_same_model_is_the_same_file() -> None:
    assert package.join(NETWORK, CARD, GOLDEN) == package.join(NETWORK, CARD, GOLDEN)


def test_a_changed_network_is_noticed(path: Path) -> None:
    write(path)
    data = bytearray(path.read_bytes())
    data[2500] ^= 1
    path.write_bytes(data)
    assert not package.intact(path, package.read_card(path))


def test_names(path: Path) -> None:
    assert package.read_card(write(path)).name == "net-test.int8"
    assert package.read_card(write(path, preset="net-s.r1")).name == "net-s.r1.int8"


@pytest.mark.parametrize("key", ["task", "contract", "model", "recipe", "tile", "halo"])
def test_an_incomplete_card(path: Path, key: str) -> None:
    card = {k: v for k, v in CARD.items() if k != key}
    with pytest.raises(ValueError, match=f"a card needs {key}"):
        package.join(NETWORK, card, GOLDEN)
    write_zip(path, {"card.json": json.dumps({**card, "weights_sha256": ""}).encode()})
    with pytest.raises(UserError, match=f"its card lacks {key}"):
        package.read_card(path)


def test_another_contract(path: Path) -> None:
    write(path, contract=chroma.TASK.contract + 1)
    with pytest.raises(UserError, match=r"made for contract 2 of the chroma task.*speaks 1"):
        package.read_card(path)


def test_an_unknown_task(path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown task 'sharpen'.*known: chroma"):
        package.read_card(write(path, task="sharpen"))


def test_files_without_a_card(path: Path, tmp_path: Path) -> None:
    for read in (package.read_card, package.read_golden):
        with pytest.raises(UserError, match="no such model file"):
            read(tmp_path / "none.tflite")
        with pytest.raises(UserError, match="no such model file"):
            read(tmp_path)
        for data in (b"", NETWORK):
            path.write_bytes(data)
            with pytest.raises(UserError, match="carries no card"):
                read(path)
    write_zip(path, {"other.txt": b"?"})
    with pytest.raises(UserError, match="its card is missing or damaged"):
        package.read_card(path)
    with pytest.raises(UserError, match="its golden pair is missing or damaged"):
        package.read_golden(path)


@pytest.mark.parametrize("text", ["{", "", "[]", "5", '"task"', "null", "\xff"])
def test_a_card_that_is_no_table(path: Path, text: str) -> None:
    write_zip(path, {"card.json": text.encode("latin-1")})
    with pytest.raises(UserError, match="its card"):
        package.read_card(path)


@pytest.mark.parametrize(
    "changes",
    [{"tile": "big"}, {"tile": 63}, {"tile": 0}, {"halo": None}, {"halo": -2}, {"halo": 32},
     {"task": ["chroma"]}, {"contract": "1"}],
)  # fmt: skip
def test_a_card_with_senseless_values(path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        package.read_card(write(path, **changes))


def test_a_file_that_was_cut_short(path: Path) -> None:
    whole = package.join(NETWORK, CARD, GOLDEN)
    for length in range(len(NETWORK), len(whole), 7):
        path.write_bytes(whole[:length])
        for read in (package.read_card, package.read_golden):
            with pytest.raises(UserError, match=r"card|golden pair"):
                read(path)


def test_every_damaged_byte_is_an_error_of_one_line(path: Path) -> None:
    """Whatever byte of the appended part is wrong: readable and right, or refused politely."""
    whole = package.join(NETWORK, CARD, GOLDEN)
    refused = 0
    for place in range(len(NETWORK), len(whole)):
        data = bytearray(whole)
        data[place] ^= 0x55
        path.write_bytes(data)
        try:
            card, golden = package.read_card(path), package.read_golden(path)
        except UserError:
            refused += 1
            continue
        assert {k: v for k, v in card.values.items() if k != "weights_sha256"} == CARD
        assert all(np.array_equal(golden[name], GOLDEN[name]) for name in GOLDEN)
    assert refused > 0.6 * (len(whole) - len(NETWORK))
