"""Real values in and out of a graph, whichever interpreter is installed, and what it refuses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_demo.device.selftest import selftest
from edge_demo.errors import UserError
from edge_demo.model import package
from edge_demo.model.interpreter import Graph, package_name, quantise
from edge_demo.model.tflite import TFLiteModel
from edge_demo.quiet import quiet_stderr
from edge_demo.tasks import chroma

PACKAGES = ("ai_edge_litert", "tflite_runtime")


def test_quantise_rounds_to_nearest() -> None:
    """Truncation would double the error."""
    values = np.array([0.0, 0.49, 0.51, -0.49, -0.51, 9.6, -9.6])
    assert quantise(values, 1.0, 0, np.int8).tolist() == [0, 0, 1, 0, -1, 10, -10]
    assert quantise(values, 0.5, -3, np.int8).tolist() == [-3, -2, -2, -4, -4, 16, -22]
    assert quantise(values, 0.5, -3, np.int8).dtype == np.int8


def test_quantise_clips() -> None:
    """An unclipped 1.004 would wrap to black."""
    values = np.array([1.004, 1e9, -1e9, -0.01])
    assert quantise(values, 1 / 255, 0, np.uint8).tolist() == [255, 255, 0, 0]
    assert quantise(values, 1 / 255, -128, np.int8).tolist() == [127, 127, -128, -128]


def test_a_graph_describes_itself(model_files: dict[str, Path]) -> None:
    for recipe, kind in (("float32", "float32"), ("int8", "int8")):
        graph = Graph(model_files[recipe])
        assert graph.inputs == {"planes": (1, 256, 256, 12)}
        assert graph.outputs == {"correction": (1, 256, 256, 8)}
        assert graph.dtypes == {"planes": kind, "correction": kind}


def test_an_int8_graph_takes_whole_codes_exactly(
    model_files: dict[str, Path], natural: np.ndarray
) -> None:
    """Its input step is 1/255: the codes that ``encode`` gives go in without a second rounding."""
    graph = Graph(model_files["int8"])
    values = chroma.TASK.encode(chroma.degrade(natural))
    graph.resize({"planes": (1, *values["planes"].shape)})
    whole = graph.run(values)["correction"]
    nudged = {"planes": values["planes"] + np.float32(0.4 / 255)}
    assert np.array_equal(graph.run(nudged)["correction"], whole)
    step = graph.output_step("correction")
    assert 1 / 300 < step < 1 / 100
    assert whole.dtype == np.float32
    assert np.abs(whole / step - np.rint(whole / step)).max() < 1e-3


@pytest.mark.parametrize("siting", ["center", "left", "topleft", "top"])
@pytest.mark.parametrize("name", list(chroma.VARIANTS))
@pytest.mark.parametrize("limited", [False, True])
def test_whole_codes_are_what_an_int8_graph_makes_of_real_values(
    name: str, siting: str, limited: bool
) -> None:
    """Of stretched codes of limited range, too, which have fractions and lie beyond 0..255."""
    task, rng = chroma.VARIANTS[name], np.random.default_rng(5)
    y = rng.integers(0, 256, (134, 46)).astype(np.uint8)
    cbcr = rng.integers(0, 256, (67, 23, 2)).astype(np.uint8)
    planes = chroma.Planes(y, cbcr, siting, (0.25, 0.5))
    if limited:
        stretched = (cbcr - np.float32(128)) * np.float32(255 / 224) + np.float32(128)
        planes = chroma.Planes(np.float32(y) * np.float32(255 / 219), stretched, siting)
    codes = task.codes(planes)
    real = task.encode(planes)[task.inputs[0].name]
    assert codes.dtype == np.int8
    np.testing.assert_array_equal(codes, quantise(real, 1 / 255, 0, np.int8))


def test_a_graph_takes_its_own_integers_as_they_are(
    model_files: dict[str, Path], natural: np.ndarray
) -> None:
    task, planes = chroma.TASK, chroma.degrade(natural[:64, :64])
    name = task.inputs[0].name
    int8, float32 = (TFLiteModel(model_files[recipe]) for recipe in ("int8", "float32"))
    assert int8.takes_codes and not float32.takes_codes
    int8.fit(64, 64)
    real, codes = int8.run(task.encode(planes)), int8.run({name: task.codes(planes)})
    np.testing.assert_array_equal(real["correction"], codes["correction"])


def test_integers_come_close_to_floats(model_files: dict[str, Path], natural: np.ndarray) -> None:
    values = chroma.TASK.encode(chroma.degrade(natural))
    results = {}
    for recipe in ("float32", "int8"):
        graph = Graph(model_files[recipe])
        assert (graph.output_step("correction") == 0) == (recipe == "float32")
        graph.resize({"planes": (1, *values["planes"].shape)})
        results[recipe] = graph.run(values)["correction"]
    error = results["int8"] - results["float32"]
    assert 0 < np.abs(error).mean() < 0.02 and results["float32"].std() > 0.2
    # Without a bias: a zero point that is one off would show.
    assert abs(error.mean()) < 0.002


def test_the_batch_axis_may_be_there(model_files: dict[str, Path], natural: np.ndarray) -> None:
    graph = Graph(model_files["float32"], threads=2)
    values = chroma.TASK.encode(chroma.degrade(natural))["planes"]
    graph.resize({"planes": (1, *values.shape)})
    without = graph.run({"planes": values})["correction"]
    assert without.shape == (48, 64, 8)
    assert np.array_equal(graph.run({"planes": values[None]})["correction"], without)


def test_resizing_there_and_back(model_files: dict[str, Path], natural: np.ndarray) -> None:
    model = TFLiteModel(model_files["float32"])
    values = chroma.TASK.encode(chroma.degrade(natural))
    assert (model.tile, model.halo) == (512, model.card.halo)
    assert model.fit(96, 128) == (96, 128)
    before = model.run(values)["correction"]
    assert model.fit(32, 48) == (32, 48)
    assert model.graph.outputs == {"correction": (1, 16, 24, 8)}
    small = model.run({"planes": values["planes"][:16, :24]})["correction"]
    assert small.shape == (16, 24, 8)
    # Away from the cut the smaller tile computes the same.
    assert np.abs(small[:10, :18] - before[:10, :18]).max() < 1e-4
    model.fit(96, 128)
    assert np.array_equal(model.run(values)["correction"], before)


def mixed_graph() -> bytes:
    """A convolution with int8 in and inside, and float32 out."""
    tf = pytest.importorskip("tensorflow", reason="TensorFlow makes this file")

    kernel = np.random.default_rng(3).normal(0, 0.2, (3, 3, 12, 8)).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 12], tf.float32, name="planes")])
    def network(planes: Any) -> dict[str, Any]:
        return {"correction": tf.nn.conv2d(planes, kernel, 1, "SAME")}

    def samples() -> Iterator[list[np.ndarray]]:
        rng = np.random.default_rng(4)
        ends = np.where(rng.random((1, 8, 8, 12)) < 0.5, -128 / 255, 127 / 255)
        yield [ends.astype(np.float32)]

    module = tf.Module()
    module.network = network
    function = network.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    with quiet_stderr():
        data: bytes = converter.convert()
    return data


def test_integers_in_and_floats_out(tmp_path: Path) -> None:
    """Each tensor is converted as its own type asks."""
    path = tmp_path / "mixed.tflite"
    path.write_bytes(mixed_graph())
    graph = Graph(path)
    (source,), (result,) = graph.inputs, graph.outputs
    assert graph.dtypes == {source: "int8", result: "float32"}
    assert graph.output_step(result) == 0
    codes = np.random.default_rng(5).integers(-128, 128, (8, 8, 12))
    values = (codes / 255).astype(np.float32)
    found = graph.run({source: values})[result]
    assert (found.shape, found.dtype) == ((8, 8, 8), np.float32)
    # Whole codes go in without a second rounding.
    nudged = values + np.float32(0.4 / 255)
    assert np.array_equal(graph.run({source: nudged})[result], found)
    assert np.array_equal(graph.run({source: values[None]})[result], found)
    graph.resize({source: (1, 4, 6, 12)})
    small = graph.run({source: values[:4, :6]})[result]
    assert np.abs(small[:3, :5] - found[:3, :5]).max() < 1e-6


def test_mistakes_are_named(tmp_path: Path, model_files: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="no such model file"):
        Graph(tmp_path / "none.tflite")
    text = tmp_path / "text.tflite"
    text.write_text("not a network at all")
    with pytest.raises(UserError, match="not a TFLite model that runs here"):
        Graph(text)
    text.write_bytes(b"")
    with pytest.raises(UserError, match="not a TFLite model that runs here"):
        Graph(text)
    for threads in (0, -1):
        with pytest.raises(UserError, match=f"threads must be 1 or more, not {threads}"):
            Graph(model_files["float32"], threads)


def block(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    for name in packages:
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, f"{name}.interpreter", None)


def test_no_interpreter(model_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    block(monkeypatch, *PACKAGES)
    for call in (package_name, lambda: Graph(model_files["float32"])):
        with pytest.raises(UserError) as refused:
            call()
        assert "pip install ai-edge-litert" in str(refused.value)
        assert "pip install tflite-runtime" in str(refused.value)


def test_either_interpreter_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    present = package_name()
    assert present in PACKAGES
    block(monkeypatch, "ai_edge_litert")
    stand_in = type(sys)("tflite_runtime.interpreter")
    monkeypatch.setitem(sys.modules, "tflite_runtime", type(sys)("tflite_runtime"))
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", stand_in)
    assert package_name() == "tflite_runtime"


def test_selftest_agrees_with_the_golden_pair(model_files: dict[str, Path]) -> None:
    for recipe, path in model_files.items():
        result = selftest(path)
        assert result.ok, (recipe, result.text)
        assert result.interpreter == package_name()
        # An integer graph may be a step off; a float graph may not.
        if recipe in ("float32", "float16"):
            assert result.tolerance < 2.1e-3
        elif Graph(path).output_step("correction") > 0:
            assert result.tolerance > 2.1e-3


def rewrite(source: Path, target: Path, golden: dict[str, np.ndarray]) -> Path:
    card = package.read_card(source)
    target.write_bytes(package.join(package.flatbuffer(source), card.values, golden))
    return target


def test_selftest_notices_another_result(model_files: dict[str, Path], tmp_path: Path) -> None:
    for recipe in ("float32", "int8"):
        golden = package.read_golden(model_files[recipe])
        golden["output_correction"][3, 4, 5] += 0.1
        result = selftest(rewrite(model_files[recipe], tmp_path / "wrong.tflite", golden))
        assert not result.ok
        assert result.worst > 0.03 and f"{result.worst:.2g}" in result.text


def test_selftest_of_another_graphs_pair(model_files: dict[str, Path], tmp_path: Path) -> None:
    golden = package.read_golden(model_files["float32"])
    golden["input_grey"] = golden.pop("input_planes")
    path = rewrite(model_files["float32"], tmp_path / "other.tflite", golden)
    with pytest.raises(UserError, match="golden pair is not of this graph"):
        selftest(path)
