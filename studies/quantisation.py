"""What do 8 bits cost, by who quantises and by how ranges are chosen?

``python -m studies quantisation PRESET --calibrate SOURCE --evaluate SOURCE`` writes
``docs/results/quantisation.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from ai_edge_quantizer import quantizer
from ai_edge_quantizer import recipe as quantizer_recipes

from datasets import samples, sources
from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.measure import quality, restoration
from edge_demo.model import package
from edge_demo.quiet import quiet_stderr
from edge_demo.report.tables import markdown
from edge_demo.tasks import chroma
from export import calibrate, convert, files, quantise
from export.made import shipped
from keras_models import runs

from .command import RESULTS, command_line, write
from .wording import Json

CHROMA = restoration.of("chroma")


def by_converter(network: convert.Network, tiles: calibrate.Calibration) -> bytes:
    """TensorFlow's own post-training quantisation: ranges are the extremes that it sees."""
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        convert.save(network.plain, chroma.TASK, (network.tile, network.tile), folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([x["planes"][None]] for x in tiles.inputs)
        converter.inference_input_type = converter.inference_output_type = tf.int8
        flatbuffer: bytes = converter.convert()
    return flatbuffer


def by_quantizer(network: convert.Network, tiles: calibrate.Calibration) -> bytes:
    """AI Edge Quantizer with a calibration of its own."""
    with quiet_stderr():
        made = quantizer.Quantizer(network.floats, quantizer_recipes.static_wi8_ai8())
        seen = made.calibrate(
            {"serving_default": [{"planes": x["planes"][None]} for x in tiles.inputs]}
        )
        return bytes(made.quantize(seen, enable_progress_report=False).quantized_model)


def dynamic_by_quantizer(network: convert.Network) -> bytes:
    """8-bit weights by AI Edge Quantizer."""
    with quiet_stderr():
        made = quantizer.Quantizer(network.floats, quantizer_recipes.dynamic_wi8_afp32())
        return bytes(made.quantize(enable_progress_report=False).quantized_model)


def measure(preset: str, calibration: str, evaluation: str) -> dict[str, Any]:
    """Chroma PSNR of a preset by each way to 8 bits.

    Args:
        preset: its name.
        calibration, evaluation: sources of photographs.
    """
    source = sources.open_source(calibration, "train")
    photographs = sources.open_source(evaluation, "test")
    tiles = calibrate.collect(CHROMA, [source], convert.TILE)
    varied = calibrate.collect(CHROMA, [source], convert.TILE, augmented=True)
    network = convert.Network(runs.load_model(Path(preset)), chroma.TASK, (), tiles)
    kinds = ways(network, tiles, varied)
    card = package.read_card(shipped(f"{preset}.float32")).values
    with tempfile.TemporaryDirectory() as folder:
        methods: dict[str, restoration.Method] = {}
        for index, (kind, make) in enumerate(kinds.items()):
            path = Path(folder) / f"{index}.tflite"
            files.write(path, make(), card)
            methods[kind] = restorers.load(path, threads=2).reconstruct
        names, values = quality.evaluate(CHROMA, samples.samples(CHROMA, photographs), methods)
    rows = []
    for kind in kinds:
        psnr = [value for value in values[kind]["chroma_psnr"] if value is not None]
        rows.append({"kind": kind, "chroma_psnr": round(sum(psnr) / len(psnr), 4)})
    return {
        "preset": preset,
        "data": calibrate.public_name(evaluation),
        "images": len(names),
        "calibration": tiles.manifest,
        "rows": rows,
    }


def ways(
    network: convert.Network, tiles: calibrate.Calibration, varied: calibrate.Calibration
) -> dict[str, Callable[[], bytes]]:
    """What a row is called, and what makes its graph.

    Args:
        network: of chroma.
        tiles, varied: for calibration, as photographs are and in varied light.
    """

    def ours(choice: str, calibration: calibrate.Calibration) -> Callable[[], bytes]:
        def make() -> bytes:
            ranges = quantise.calibrated_ranges(
                network.floats, chroma.TASK, calibration.inputs, choice
            )
            return quantise.integer(network.floats, ranges)

        return make

    return {
        "float32": lambda: network.floats,
        "dynamic, TensorFlow's converter (shipped)": lambda: convert.float_graph(
            network.plain, chroma.TASK, network.tile, "dynamic"
        ),
        "dynamic, AI Edge Quantizer": lambda: dynamic_by_quantizer(network),
        "int8, TensorFlow's converter": lambda: by_converter(network, tiles),
        "int8, AI Edge Quantizer's calibration": lambda: by_quantizer(network, tiles),
        "int8, extremes (--ranges extremes)": ours("extremes", tiles),
        "int8, percentiles (--ranges percentile)": ours("percentile", tiles),
        "int8, least squared error (shipped)": ours("least-error", tiles),
        "int8, least squared error, tiles in varied light (--augmented)": ours(
            "least-error", varied
        ),
    }


def table(found: Json) -> str:
    """What 8 bits cost, by who quantises and how."""
    whole = found["rows"][0]["chroma_psnr"]
    cells = [
        [row["kind"], f"{row['chroma_psnr']:.2f}", f"{row['chroma_psnr'] - whole:+.3f}"]
        for row in found["rows"]
    ]
    used = found["calibration"]
    return (
        f"{markdown(['network', 'chroma PSNR, dB', 'against float32, dB'], cells)}\n"
        f"`{found['preset']}`: means over {found['images']} photographs ({found['data']}), "
        f"calibrated on {used['tiles']} tiles of {used['photographs']} others.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("preset")
    parser.add_argument("--calibrate", required=True, metavar="SOURCE")
    parser.add_argument("--evaluate", required=True, metavar="SOURCE")

    def run(options: argparse.Namespace) -> None:
        found = measure(options.preset, options.calibrate, options.evaluate)
        print(json.dumps(found, indent=2))
        write(RESULTS / "quantisation.json", found)

    return cli.run(parser, run, arguments)
