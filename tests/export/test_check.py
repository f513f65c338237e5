"""Every point of a check fails for a file that was made to fail it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import keras
import numpy as np
import pytest
from keras import layers
from tensorflow.lite.python import schema_py_generated as schema

from edge_demo.errors import UserError
from edge_demo.model import package
from edge_demo.tasks import chroma
from export.__main__ import main
from export.check import check, kilo_macs_per_pixel
from export.convert import float_graph
from export.recipes import find

POINTS = ["builtin ops only", "one graph", "static shapes", "card and contract",
          "weights as the card says", "input channels", "golden pair",
          "golden pair in tflite-runtime"]  # fmt: skip


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other environment, whatever there is on this machine."""
    monkeypatch.setattr("export.check.selftest_elsewhere", lambda path: None)


def failed(path: Path) -> list[str]:
    return [finding.point for finding in check(path) if not finding.ok]


def parts(path: Path) -> tuple[bytes, dict[str, Any], dict[str, np.ndarray]]:
    return package.flatbuffer(path), dict(package.read_card(path).values), package.read_golden(path)


def edited(network: bytes, edit: Callable[[Any], None]) -> bytes:
    """A FlatBuffer whose tables were changed."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(network, 0))
    edit(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_good_files_pass_every_point(model_files: dict[str, Path]) -> None:
    for name, path in model_files.items():
        findings = check(path)
        assert [f.point for f in findings if not f.ok] == [], name
        recipe = find(name)
        expected = {*POINTS} | ({"integers in and out"} if recipe.integer else set())
        expected |= {"maps onto an Edge TPU"} if recipe.edgetpu else set()
        assert {f.point for f in findings} == expected
        assert all(f.detail for f in findings)


def test_no_card(model_files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "bare.tflite"
    path.write_bytes(package.flatbuffer(model_files["float32"]))
    assert failed(path) == ["card and contract"]
    assert "carries no card" in check(path)[-1].detail


def test_another_contract(model_files: dict[str, Path], tmp_path: Path) -> None:
    network, card, golden = parts(model_files["float32"])
    path = tmp_path / "other.tflite"
    path.write_bytes(package.join(network, card | {"contract": 99}, golden))
    assert failed(path) == ["card and contract"]
    assert "made for contract 99" in check(path)[-1].detail


def test_a_changed_byte_of_the_weights(model_files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "changed.tflite"
    data = bytearray(model_files["float32"].read_bytes())
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytes(data), 0))
    kernel = max((b.data for b in model.buffers if b.data is not None), key=len)
    place = bytes(data).index(bytes(kernel)) + len(kernel) // 2
    data[place] ^= 1  # the last bit of a float: far below what the golden pair sees
    path.write_bytes(data)
    assert failed(path) == ["weights as the card says"]
    data[place + 3 - place % 4] ^= 0x40  # now a large one
    path.write_bytes(data)
    assert failed(path) == ["weights as the card says", "golden pair"]


def test_a_changed_golden_pair(model_files: dict[str, Path], tmp_path: Path) -> None:
    for recipe in ("float32", "int8"):
        network, card, golden = parts(model_files[recipe])
        path = tmp_path / "golden.tflite"
        worse = golden | {"output_correction": golden["output_correction"] + np.float32(0.05)}
        path.write_bytes(package.join(network, card, worse))
        assert failed(path) == ["golden pair"]
        path.write_bytes(package.join(network, card, {"input_planes": golden["input_planes"]}))
        assert failed(path) == ["golden pair"]


def test_the_other_interpreter(
    model_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = model_files["int8"]
    assert check(path)[-1].detail.startswith("not run")
    for ok in (True, False):
        monkeypatch.setattr("export.check.selftest_elsewhere", lambda path, ok=ok: (ok, path.name))
        found = check(path)[-1]
        assert (found.point, found.ok, found.detail) == (POINTS[-1], ok, path.name)


def test_an_int8_file_that_takes_floats(model_files: dict[str, Path], tmp_path: Path) -> None:
    network, card, golden = parts(model_files["dynamic"])
    path = tmp_path / "a.int8.tflite"
    path.write_bytes(package.join(network, card | {"recipe": "int8"}, golden))
    assert failed(path) == ["integers in and out"]
    path.write_bytes(package.join(network, card | {"recipe": "int8_edgetpu"}, golden))
    assert failed(path) == ["integers in and out", "maps onto an Edge TPU"]
    assert "works on float32" in check(path)[-3].detail
    # A recipe that this version does not know promises nothing.
    path.write_bytes(package.join(network, card | {"recipe": "int4"}, golden))
    assert failed(path) == []


def test_other_input_channels(model_files: dict[str, Path], tmp_path: Path) -> None:
    _, card, _ = parts(model_files["float32"])
    task = dataclasses.replace(
        chroma.TASK, inputs=(dataclasses.replace(chroma.TASK.inputs[0], channels=11),)
    )
    planes = keras.Input((None, None, 11), name="planes")
    model = keras.Model(planes, layers.Conv2D(8, 1, name="correction")(planes))
    values = {"input_planes": np.zeros((4, 4, 11), np.float32),
              "output_correction": np.zeros((4, 4, 8), np.float32)}  # fmt: skip
    path = tmp_path / "eleven.tflite"
    path.write_bytes(package.join(float_graph(model, task, 64), card, values))
    assert failed(path) == ["input channels"]


def test_a_custom_op(model_files: dict[str, Path], tmp_path: Path) -> None:
    network, card, golden = parts(model_files["float32"])

    def to_flex(model: Any) -> None:
        code = next(c for c in model.operatorCodes
                    if c.builtinCode == schema.BuiltinOperator.ADD)  # fmt: skip
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = "FlexAddV2"

    path = tmp_path / "flex.tflite"
    path.write_bytes(package.join(edited(network, to_flex), card, golden))
    findings = {finding.point: finding for finding in check(path)}
    assert not findings["builtin ops only"].ok
    assert "FlexAddV2" in findings["builtin ops only"].detail
    # No interpreter without Flex runs it, either.
    assert not findings["golden pair"].ok and findings["weights as the card says"].ok


def test_a_second_graph_and_a_dynamic_shape(model_files: dict[str, Path], tmp_path: Path) -> None:
    network, card, golden = parts(model_files["float32"])
    path = tmp_path / "edited.tflite"
    path.write_bytes(package.join(
        edited(network, lambda model: model.subgraphs.append(model.subgraphs[0])), card, golden
    ))  # fmt: skip
    assert "one graph" in failed(path)

    def open_shape(model: Any) -> None:
        source = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
        source.shapeSignature = [1, -1, -1, 12]

    path.write_bytes(package.join(edited(network, open_shape), card, golden))
    assert failed(path) == ["static shapes"]
    # Packing and unpacking alone breaks nothing.
    path.write_bytes(package.join(edited(network, lambda model: None), card, golden))
    assert failed(path) == []


def test_what_is_no_model_is_a_mistake(model_files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model file"):
        check(tmp_path / "none.tflite")
    path = tmp_path / "bad.tflite"
    whole = model_files["float32"].read_bytes()
    for data in (b"", b"I am a text", whole[:300], whole[:5000]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"bad\.tflite: not a TFLite"):
            check(path)


def test_the_command(
    model_files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = model_files["int8"]
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(package.flatbuffer(good))
    assert main(["check", str(good)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == f"{good}: fit to ship"
    assert lines[-1].startswith("next: python -m edge_demo benchmark")
    assert all(line.startswith("ok   ") for line in lines[:-2])
    assert main(["check", str(bare), str(good)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"{bare}: 1 of 4 points failed" in lines and lines[-1] == f"{good}: fit to ship"
    assert next(line for line in lines if line.startswith("FAIL ")).startswith("FAIL card")


def test_cost_per_pixel(model_files: dict[str, Path]) -> None:
    """648 multiply-accumulates a pixel: (12 + 8 + 8 + 8) channels to 8, 3x3, a cell of 4."""
    assert kilo_macs_per_pixel(model_files["float32"]) == pytest.approx(0.648)
