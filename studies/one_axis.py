"""What is chroma reconstruction worth where chroma is subsampled along one axis, 4:2:2 and 4:4:0?

``python -m studies one_axis --data folder:PHOTOGRAPHS``. Each photograph is taken to planes of
several kinds, a JPEG of several qualities among them, and every method rebuilds its chroma: the
classical ones, a network on a picture that is doubled along the other axis (as shipped), and on a
picture that is brought to 4:2:0 first and corrected by its own samples after. Writes
``docs/results/one_axis.json``. With ``--shares``, on photographs for training, it prints what
several shares of agreement with the file's own samples give, and changes no file.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import sources
from datasets.source import Source
from edge_demo import cli
from edge_demo.colour.siting import cosited, downsample_axis, upsample_axis
from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8
from edge_demo.device import restorers
from edge_demo.device.chroma import Chroma
from edge_demo.measure import metrics
from edge_demo.model import models_folder
from edge_demo.pictures.containers import load
from edge_demo.pictures.planes import decode_planes
from edge_demo.report.tables import markdown
from edge_demo.tasks import chroma
from export.calibrate import public_name

from . import wording
from .bound import libjpeg
from .command import RESULTS, command_line, some_of, write
from .wording import Json

FLOOR = "bilinear"
# Of planes that nothing quantised, and of JPEGs.
RESIDUAL, BITRATE = "chroma_residual-s.r1.qat", "chroma_bitrate-s.r2.int8"
SHIPPED, OF_420 = "as shipped", "by 4:2:0"
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_FACTORS = {0: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440, 1: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422}
_TIMES = 3  # of back-projection

Picture = NDArray[np.uint8]
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """Planes of a kind.

    Attributes:
        name: for the table.
        axis: along which chroma is subsampled.
        siting: of its samples.
        quality: of a JPEG; None of planes that nothing quantised.
    """

    name: str
    axis: int
    siting: str = "center"
    quality: int | None = None


KINDS = (
    Kind("4:2:2, center", 1),
    Kind("4:2:2, left", 1, "left"),
    Kind("4:4:0, center", 0),
    *(Kind(f"JPEG 4:2:2, {quality}", 1, quality=quality) for quality in (98, 90, 75)),
    Kind("JPEG 4:4:0, 90", 0, quality=90),
)


@dataclass(frozen=True, eq=False)
class Stored:
    """A photograph in planes of a kind.

    Attributes:
        y, cbcr, quantised: as of ``chroma.of_one_axis``.
        kind: of the planes.
        plain: its chroma as libjpeg enlarges it, of a JPEG.
    """

    y: Picture
    cbcr: Picture
    quantised: tuple[float, float] | None
    kind: Kind
    plain: Picture | None = None

    @property
    def is_cosited(self) -> bool:
        """Whether samples lie on pixels."""
        return cosited(self.kind.siting)[self.kind.axis]

    def enlarged(self, low: NDArray[Any], kernel: str) -> Array:
        """Chroma of the kind at luma resolution."""
        axis = self.kind.axis
        return upsample_axis(low, self.y.shape[axis], axis, self.is_cosited, kernel)

    def agreed(self, estimate: Array, kernel: str) -> Array:
        """Chroma at luma resolution, back-projected to what the file holds."""
        for _ in range(_TIMES):
            missed = self.cbcr - downsample_axis(estimate, self.kind.axis, self.is_cosited)
            estimate = estimate + self.enlarged(missed, kernel)
        return estimate

    def planes(self) -> chroma.Planes:
        """As networks take it."""
        kind = self.kind
        return chroma.of_one_axis(self.y, self.cbcr, kind.axis, kind.siting, self.quantised)

    def of_420(self) -> chroma.Planes:
        """Brought to 4:2:0 first."""
        low = round_to_uint8(downsample_axis(self.cbcr, 1 - self.kind.axis, False))
        return chroma.Planes(self.y, low, self.kind.siting, self.quantised)


def stored(rgb: Picture, kind: Kind, folder: Path) -> Stored:
    """A photograph (H, W, 3) in planes of a kind."""
    if kind.quality is not None:
        path = folder / "photograph.jpg"
        options = [cv2.IMWRITE_JPEG_QUALITY, kind.quality,
                   cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _FACTORS[kind.axis]]  # fmt: skip
        assert cv2.imwrite(str(path), np.ascontiguousarray(rgb[..., ::-1]), options)
        file = decode_planes(load(path))
        plain = libjpeg(path.read_bytes())
        return Stored(file.y, file.cbcr, file.info.quantised, kind, plain)
    ycbcr = round_to_uint8(rgb_to_ycbcr(rgb))
    on = cosited(kind.siting)[kind.axis]
    low = round_to_uint8(downsample_axis(ycbcr[..., 1:], kind.axis, on))
    return Stored(np.ascontiguousarray(ycbcr[..., 0]), low, None, kind)


def rebuilt(given: Stored, model: Chroma) -> dict[str, Picture]:
    """Chroma (H, W, 2) by each method."""
    linear, lanczos = (given.enlarged(given.cbcr, name) for name in ("bilinear", "lanczos4"))
    found = {
        FLOOR: round_to_uint8(linear) if given.plain is None else given.plain,
        "lanczos4": round_to_uint8(lanczos),
        "lanczos4_bp": round_to_uint8(given.agreed(lanczos, "lanczos4")),
    }
    low = given.of_420()
    estimate = model.corrected(low, model.correction(low))
    found[OF_420] = round_to_uint8(given.agreed(estimate, "bilinear"))
    found[SHIPPED] = model.reconstruct(given.planes())
    return found


def measure(source: Source) -> dict[str, Any]:
    """Mean chroma PSNR of every method on every kind, and the least gain over the floor."""
    residual, bitrate = _network(RESIDUAL), _network(BITRATE)
    values: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for index, (_, rgb) in enumerate(sources.photographs(source)):
            cli.moving(f"photograph {index + 1}")
            truth = chroma.target(rgb)
            for kind in KINDS:
                model = residual if kind.quality is None else bitrate
                for name, cbcr in rebuilt(stored(rgb, kind, Path(folder)), model).items():
                    values.setdefault((kind.name, name), []).append(metrics.psnr(cbcr, truth))
    cli.moving("measured", last=True)
    rows = []
    for kind in KINDS:
        names = [name for of, name in values if of == kind.name]
        floor = values[kind.name, FLOOR]
        rows.append(
            {
                "kind": kind.name,
                "chroma_psnr": {
                    name: round(statistics.fmean(values[kind.name, name]), 4) for name in names
                },
                "least_gain": {
                    name: round(
                        min(a - b for a, b in zip(values[kind.name, name], floor, strict=True)), 4
                    )
                    for name in names
                },
            }
        )
    return {"data": public_name(source.text), "images": source.count, "rows": rows}


def shares(source: Source) -> str:
    """What each share of agreement gives over none, by kind: for choosing the constants."""
    model = _network(BITRATE)
    gains: dict[tuple[str, float], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _, rgb in sources.photographs(source):
            truth = chroma.target(rgb)
            for kind in KINDS:
                planes = stored(rgb, kind, Path(folder)).planes()
                correction = model.correction(planes)
                psnr = {}
                for share in SHARES:
                    with mock.patch.object(chroma, "consistency", _always(share)):
                        psnr[share] = metrics.psnr(
                            chroma.rounded(model.corrected(planes, correction), planes.doubled),
                            truth,
                        )
                for share in SHARES:
                    gains.setdefault((kind.name, share), []).append(psnr[share] - psnr[0.0])
    cells = [
        [kind.name, *(f"{statistics.fmean(gains[kind.name, share]):+.3f}" for share in SHARES)]
        for kind in KINDS
    ]
    return markdown(["planes", *map(str, SHARES)], cells)


def _network(name: str) -> Chroma:
    model = restorers.load(models_folder.find(name), threads=1)
    assert isinstance(model, Chroma)
    return model


def _always(share: float) -> Callable[[chroma.Planes], float]:
    return lambda _: share


def table(found: Json) -> str:
    """Chroma PSNR of the floor on each kind, and what others have over it."""
    names = [name for name in found["rows"][0]["chroma_psnr"] if name != FLOOR]
    cells = []
    for row in found["rows"]:
        psnr = row["chroma_psnr"]
        gains = [f"{psnr[name] - psnr[FLOOR]:+.2f}" for name in names]
        least = f"{row['least_gain'][SHIPPED]:+.2f}"
        cells.append([row["kind"], f"{psnr[FLOOR]:.2f}", *gains, least])
    header = ["planes", f"{FLOOR}, dB", *names, "its least"]
    return (
        f"{markdown(header, cells, text_columns=1)}\nChroma PSNR of {FLOOR} (of a JPEG libjpeg's "
        f"own picture), and what others have over it, dB; means over {found['images']} photographs "
        f"(`{wording.data(found)}`), and the least of any photograph. Networks: `{RESIDUAL}`, of "
        f"JPEGs `{BITRATE}`.\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--data", required=True, metavar="SOURCE")
    parser.add_argument("--count", type=int, help="photographs, evenly spread (default: all)")
    parser.add_argument("--shares", action="store_true", help="print what shares give, and stop")
    parser.add_argument("--out", type=Path, default=RESULTS / "one_axis.json")

    def run(options: argparse.Namespace) -> None:
        source = some_of(options.data, options.count, "train" if options.shares else "test")
        if options.shares:
            print(shares(source))
        else:
            write(options.out, measure(source))

    return cli.run(parser, run, arguments)
