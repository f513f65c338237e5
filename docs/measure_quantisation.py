"""What do int8 ranges cost, chosen by the converter and chosen by least squared error?

Run from the repository's root: ``python docs/measure_quantisation.py PRESET --calibrate SOURCE
--evaluate SOURCE``. Writes ``docs/results/quantisation.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from datasets import sources  # noqa: E402
from edge_demo.runtime import quality  # noqa: E402
from edge_demo.runtime.model import TFLiteModel  # noqa: E402
from edge_demo.runtime.quiet import quiet_stderr  # noqa: E402
from edge_demo.runtime.tasks import chroma  # noqa: E402
from edge_demo.runtime.tiling import reconstruct  # noqa: E402
from export import calibrate, convert, files, recipes  # noqa: E402
from keras_models import runs  # noqa: E402


def plain(model: keras.Model, calibration: calibrate.Calibration) -> bytes:
    """TensorFlow's own post-training quantisation: ranges are the extremes that it sees."""
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        convert.save(model, chroma.TASK, files.TILE, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([x[None]] for x in calibration.inputs)
        converter.inference_input_type = converter.inference_output_type = tf.int8
        flatbuffer: bytes = converter.convert()
    return flatbuffer


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset")
    parser.add_argument("--calibrate", required=True)
    parser.add_argument("--evaluate", required=True)
    options = parser.parse_args()
    model = keras.saving.load_model(runs.WEIGHTS / f"{options.preset}.keras", compile=False)
    calibration = calibrate.collect(sources.open_source(options.calibrate, "train"), files.TILE)
    evaluation = sources.open_source(options.evaluate, "test")
    shipped = files_of(options.preset)
    (int8,) = recipes.parse("int8")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        card = TFLiteModel(shipped["int8"]).card.values
        networks = {
            "plain_ptq_db": plain(model, calibration),
            "least_error_db": convert.convert(model, chroma.TASK, files.TILE, int8, calibration),
        }
        paths = {"float32_db": shipped["float32"]}
        for name, network in networks.items():
            paths[name] = Path(folder) / f"{name}.tflite"
            files.write(paths[name], network, card)
        methods = {name: method(path) for name, path in paths.items()}
        names, values = quality.evaluate(sources.photographs(evaluation), methods)
    for name in paths:
        measured = values[name]["chroma_psnr"]
        found[name] = round(sum(measured) / len(measured), 4)
    found |= {"data": calibrate.public_name(options.evaluate), "images": len(names)}
    target = ROOT / "docs" / "results" / "quantisation.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def files_of(preset: str) -> dict[str, Path]:
    """Recipe to shipped file of a preset."""
    folder = ROOT / "edge_demo" / "models"
    return {name: folder / f"{preset}.{name}.tflite" for name in recipes.NAMES}


def method(path: Path) -> quality.Method:
    """A model file as a reconstruction."""
    model = TFLiteModel(path, threads=2)
    return lambda planes: reconstruct(planes, model)


if __name__ == "__main__":
    main()
