"""Which operations suffer: measured on a network whose float graph is the truth itself."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.measure.metrics import PSNR_LIMIT
from edge_demo.model import models_folder, models_index, package
from edge_demo.model.interpreter import Graph
from edge_demo.tasks import chroma
from export import convert, graph, made, quantise, recipes, reports, sensitivity
from export.__main__ import main
from export.calibrate import of_pieces
from export.convert import Network

TILE = 64
LAYERS = {"head", "block1_a", "block1_b", "block1_add", "tail"}


@pytest.fixture(scope="module")
def network(
    lively: Callable[[str], Any],
    natural: NDArray[np.uint8],
    tmp_path_factory: pytest.TempPathFactory,
) -> Network:
    """What the float graph makes of a tile counts as the tile's true chroma."""
    pieces = tuple(np.ascontiguousarray(natural[:TILE, left : left + TILE]) for left in (0, 32, 64))
    calibration = of_pieces(restoration.of("chroma"), pieces, {"source": "test"})
    made = Network(lively("chroma_residual"), chroma.TASK, (), calibration, TILE)
    file = tmp_path_factory.mktemp("floats") / "floats.tflite"
    file.write_bytes(made.floats)
    runner = Graph(file)
    truth = [
        chroma.TASK.result(runner.run(inputs), tile.degraded)
        for tile, inputs in zip(calibration.tiles, calibration.inputs, strict=True)
    ]
    vars(calibration)["targets"] = vars(made.judged)["targets"] = tuple(truth)
    return made


def test_every_operation_is_measured(network: Network) -> None:
    found = network.analysis
    assert {line.name for line in found.operations} == LAYERS
    assert found.float_db == PSNR_LIMIT and found.integer_db < 65 and found.tiles == 3
    gains = [line.gain_db for line in found.operations]
    assert gains == sorted(gains, reverse=True) and gains[0] > 0.5
    for line in found.operations:
        assert 10 < line.snr_db < 60 and line.mse > 0
        assert (line.macs > 0) == (line.kind == "CONV_2D")


def test_what_needs_too_many_floats_is_refused(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensitivity, "_MOST", 1)
    with pytest.raises(UserError, match=r"1 operations in floats still lose .* quantisation-aware"):
        sensitivity.choose_floats(
            network.saturated, network.ranges, network.judged, (), 0.001, lambda: network.analysis
        )


def test_errors_are_those_of_the_integer_graph(network: Network) -> None:
    """Signal and error of the output, worked out by hand from the two graphs."""
    whole = quantise.integer(network.floats, network.ranges)
    inputs = network.judged.inputs
    output = quantise.signature(network.floats)["correction"]
    pairs = zip(
        quantise.all_tensors(network.floats, inputs),
        quantise.all_tensors(whole, inputs),
        strict=True,
    )
    truth, found = (
        np.stack(v) for v in zip(*((a[output], b[output]) for a, b in pairs), strict=True)
    )
    line = next(line for line in network.analysis.operations if line.tensor == output)
    assert line.name == "tail"
    assert line.mse == pytest.approx(np.mean((found - truth) ** 2), rel=1e-3)
    expected = 10 * np.log10(np.mean(truth**2) / np.mean((found - truth) ** 2))
    assert line.snr_db == pytest.approx(expected, abs=0.02)


def test_as_few_operations_as_will_do_stay_in_floats(network: Network) -> None:
    analysis = network.analysis
    whole = analysis.float_db - analysis.integer_db
    asked: list[int] = []

    def choose(most: float) -> tuple[str, ...]:
        chosen = sensitivity.choose_floats(
            network.floats,
            network.ranges,
            network.judged,
            (),
            most,
            lambda: asked.append(1) or analysis,
        )
        return tuple(line.tensor for line in chosen)

    def loss(kept: tuple[str, ...]) -> float:
        made = quantise.integer(network.floats, network.ranges, kept)
        return analysis.float_db - sensitivity.score(made, network.judged)

    assert choose(whole + 0.01) == ()
    assert not asked  # the analysis takes long, and nothing was lost that it could save
    kept = choose(whole - 1.0)
    assert 0 < len(kept) < len(LAYERS)
    assert loss(kept) <= whole - 1.0 < loss(kept[:-1])
    # A bound that only floats can meet: every operation stays in them.
    assert len(choose(0.0)) == len(LAYERS)


def test_what_a_network_states_stays_in_floats(network: Network) -> None:
    """Nothing of it is left to be found, and what is found comes on top."""
    stated = dataclasses.replace(network, stated=("tail",))
    vars(stated)["judged"] = network.judged
    assert stated.stated_floats == (quantise.signature(network.floats)["correction"],)
    names = [line.name for line in stated.analysis.operations]
    assert sorted(names) == sorted(set(LAYERS) - {"tail"})
    assert stated.analysis.integer_db > network.analysis.integer_db
    made, facts = convert.convert(stated, recipes.find("int8"))
    assert facts["floats"] == ["tail"]
    kinds = [op.outputs[0].dtype for op in graph.read(made).details]
    assert kinds.count("float32") == 2  # as an operation's, and as what it is given
    plain, facts = convert.convert(network, recipes.find("int8"))
    assert "floats" not in facts
    assert "float32" not in [op.outputs[0].dtype for op in graph.read(plain).details]


def test_what_stays_in_floats_is_what_was_named(network: Network) -> None:
    output = quantise.signature(network.floats)["correction"]
    contents = graph.read(quantise.integer(network.floats, network.ranges, [output]))
    kinds = [(op.name, op.outputs[0].dtype) for op in contents.details]
    assert kinds[-2:] == [("DEQUANTIZE", "float32"), ("CONV_2D", "float32")]
    assert {dtype for _, dtype in kinds[:-2]} == {"int8"}


def test_ranges_of_each_choice(network: Network) -> None:
    assert network.calibration
    spans = {
        choice: quantise.calibrated_ranges(
            network.floats, chroma.TASK, network.calibration.inputs, choice
        )
        for choice in quantise.CHOICES
    }
    stated = set(quantise.signature(network.floats).values())
    for name in spans["extremes"]:
        extremes, least, percentile = (
            spans[choice][name] for choice in ("extremes", "least-error", "percentile")
        )
        if name in stated:
            assert extremes == least == percentile
            continue
        assert least.high <= extremes.high * 1.01 and percentile.high < extremes.high
        assert percentile.high > 0.5 * extremes.high


def test_a_tensor_without_a_trained_range_is_an_error(network: Network) -> None:
    from keras_models.fakequant import Range

    with pytest.raises(ValueError, match="no range was trained for tensor"):
        quantise.trained_ranges(network.floats, {"head": Range(0.0, 1.0)})
    every = dict.fromkeys((*LAYERS - {"tail"}, "planes", "correction", "none"), Range(0.0, 1.0))
    with pytest.raises(ValueError, match="7 ranges were trained, the graph has 6 of them"):
        quantise.trained_ranges(network.floats, every)


def test_the_command(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = {kind: tmp_path / f"table.{kind}" for kind in ("json", "markdown", "html")}
    arguments = ["sensitivity", str(run_folder), "--calibrate", "sample"]
    arguments += [part for kind, path in outputs.items() for part in (f"--{kind}", str(path))]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert said.count("wrote ") == 3 and "next: python -m export tflite" in said
    lines = json.loads(outputs["json"].read_text())["operations"]
    assert {line["name"] for line in lines} == LAYERS
    page = outputs["html"].read_text()
    assert page.count("<rect") == 2 * len(LAYERS)
    for name in LAYERS:
        assert name in said and name in page and f"| {name} |" in outputs["markdown"].read_text()
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err


def test_bars_are_as_long_as_their_values() -> None:
    drawn = str(reports.bars([("a<b", 2.0), ("c", 1.0), ("d", -1.0)], "dB", 2))
    widths = [float(part.split('"')[0]) for part in drawn.split('width="')[1:]]
    assert widths[0] == pytest.approx(2 * widths[1]) and widths[1] == pytest.approx(widths[2])
    assert "a&lt;b" in drawn and "d: -1.00 dB" in drawn


def test_the_shipped_mixed_files_hold_what_their_card_says() -> None:
    # A network that loses next to nothing in 8 bits keeps no float, and has no such file.
    entries = models_index.read(models_folder.FOLDER).entries.values()
    names = [entry.name for entry in entries if entry.recipe == "mixed" and not entry.equals]
    kept = 0
    for path in map(made.shipped, names):
        card = package.read_card(path)
        details = graph.read(package.flatbuffer(path)).details
        inside = {
            sensitivity.layer_name(op)
            for op in details
            if op.name != "DEQUANTIZE" and op.outputs[0].dtype == "float32"
        }
        assert inside == set(card.values["floats"])
        kept += len(inside)
    assert kept
