"""What low light loses in 8 bits, and what of it comes back with which layers left in floats.

    python -m studies in_floats SOURCE SOURCE ...

SOURCE is a source of pairs as for ``training``, of photographs for training: what 8-bit files leave
in floats (``IN_FLOATS`` of ``keras_models/enhance_mirnet.py``) is chosen by this.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets import samples
from edge_demo import cli
from edge_demo.device import restorers
from edge_demo.device.enhance import Enhance
from edge_demo.errors import UserError
from edge_demo.measure import metrics, restoration
from edge_demo.measure.quality import Sample
from edge_demo.model import models_folder
from edge_demo.model.interpreter import Graph
from edge_demo.report.tables import markdown
from export import convert, graph, recipes
from export.calibrate import public_name
from export.preset import stored_network
from keras_models import runs

from .command import RESULTS, command_line, some_of, write
from .wording import Json

RESULT = RESULTS / "in_floats.json"
PRESET = models_folder.DEFAULTS["enhance"]
MODEL = "enhance_mirnet"
THREADS = 2
_LIGHT = "reduced", "thumbnail", "light"
_COLOURS = "curves", "colours", "recoloured"
_FINE = "fine", "denoised"
_END = "tail", "kept"
# What stays in floats: a row's name, and how the names of the layers begin.
GROUPS = (
    ("nothing", ()),
    ("what is judged of the light", _LIGHT),
    ("the colour curves", _COLOURS),
    ("both", (*_LIGHT, *_COLOURS)),
    ("both, and the finest detail", (*_LIGHT, *_COLOURS, *_FINE)),
    ("these, and how the network ends", (*_LIGHT, *_COLOURS, *_FINE, *_END)),
    ("these, and the last convolutions",
     (*_LIGHT, *_COLOURS, *_FINE, *_END, "smooth", "join", "up", "narrow")),
)  # fmt: skip


class Whole:
    """A graph for whole pictures, of its own size."""

    tile, halo, takes_codes = 0, 0, False

    def __init__(self, flatbuffer: bytes, folder: str) -> None:
        file = Path(folder) / "network.tflite"
        file.write_bytes(flatbuffer)
        self._graph = Graph(file, THREADS)

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """It keeps its size."""
        ((_, rows, columns, _),) = self._graph.inputs.values()
        return rows, columns

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """One picture."""
        return self._graph.run(values)


def network(preset: str) -> convert.Network:
    """A preset's, with the ranges that were chosen for it.

    Raises:
        UserError: no such preset, or one whose 8 bits were not chosen by calibration.
    """
    run = Path(preset)
    found = stored_network(run)
    if not found.chosen or runs.read_record(run)["config"]["model"] != MODEL:
        raise UserError(f"{preset}: is no preset of {MODEL} with ranges of its own")
    return found


def brightened(flatbuffer: bytes, photographs: Sequence[Sample]) -> list[NDArray[np.uint8]]:
    """What a network makes of dark pictures."""
    with tempfile.TemporaryDirectory() as folder:
        restorer = restorers.of_runner(
            Whole(flatbuffer, folder), restoration.of("enhance").task, "network"
        )
        assert isinstance(restorer, Enhance)
        return [restorer.reconstruct(one.degraded) for one in photographs]


def measure(preset: str, texts: Sequence[str], count: int) -> dict[str, Any]:
    """What each group costs on each source: drops of PSNR and SSIM against the float graph."""
    plain, restored = network(preset), restoration.of("enhance")
    sets = [list(samples.samples(restored, some_of(text, count, "train"), None)) for text in texts]
    floats, _ = convert.convert(plain, recipes.find("float32"))
    wanted = [brightened(floats, photographs) for photographs in sets]
    rows = []
    for name, stated in GROUPS:
        made, _ = convert.convert(dataclasses.replace(plain, stated=stated), recipes.find("int8"))
        contents = graph.read(made)
        macs = sum(op.macs for op in contents.details if op.outputs[0].dtype == "float32")
        found = [_drops(made, *one) for one in zip(sets, wanted, strict=True)]
        rows.append({"name": name, "kib": round(len(made) / 1024),
                     "float_macs": round(macs / contents.macs, 4), "sets": found})  # fmt: skip
        print(rows[-1], flush=True)
    return {"preset": preset, "rows": rows,
            "sets": [{"data": public_name(text), "images": len(one)}
                     for text, one in zip(texts, sets, strict=True)]}  # fmt: skip


def _drops(
    flatbuffer: bytes, photographs: Sequence[Sample], wanted: Sequence[NDArray[np.uint8]]
) -> dict[str, float]:
    found = brightened(flatbuffer, photographs)
    truths = [one.truth for one in photographs]

    def mean(of: Any, pictures: Sequence[NDArray[np.uint8]]) -> float:
        return float(np.mean([of(a, b) for a, b in zip(pictures, truths, strict=True)]))

    apart = [metrics.psnr(a, b) for a, b in zip(found, wanted, strict=True)]
    return {
        "psnr": round(mean(metrics.psnr, wanted) - mean(metrics.psnr, found), 3),
        "ssim": round(mean(metrics.ssim, wanted) - mean(metrics.ssim, found), 4),
        "from_floats": round(float(np.mean(apart)), 2),
    }


def table(found: Json) -> str:
    """What stays in floats, what that costs, and what 8 bits then lose."""
    header = ["in floats", "of the work", "KiB"]
    for one in found["sets"]:
        header += [f"`{one['data']}`: PSNR lost, dB", "SSIM lost", "from the float network, dB"]
    cells = [
        [row["name"], f"{row['float_macs']:.1%}", str(row["kib"]),
         *(text for one in row["sets"]
           for text in (f"{one['psnr']:.2f}", f"{one['ssim']:.4f}", f"{one['from_floats']:.1f}"))]
        for row in found["rows"]
    ]  # fmt: skip
    images = ", ".join(f"{one['images']} of `{one['data']}`" for one in found["sets"])
    return f"{markdown(header, cells)}\n`{found['preset']}`, 8 bits; means over {images}.\n"


def _run(options: argparse.Namespace) -> None:
    found = measure(options.preset, options.sources, options.photographs)
    print(table(found))
    write(RESULT, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="of pairs")
    parser.add_argument("--preset", default=PRESET, help="default: %(default)s")
    parser.add_argument("--photographs", type=int, default=12, help="of each source, at most; 12")
    return cli.run(parser, _run, arguments)
