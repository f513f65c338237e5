"""How far may a network's chroma lie from plain decoding? Grey must stay grey, and none be worse.

``python -m studies bound --data folder:PHOTOGRAPHS``, which are photographs for training: what is
chosen here is not to be chosen on those that quality is measured on. Crops of them as they are, in
sepia, in muted colours, nearly grey and grey are made JPEGs, or keep every fourth sample of chroma
and lose nothing else; every preset restores them, and bounds of several settings are put to the
results. Of presets that are not told a JPEG's quality, several shares of their corrections, too.
Prints tables and changes no file.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets import sources
from edge_demo import cli
from edge_demo.colour.siting import baseline
from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from edge_demo.device import restorers
from edge_demo.device.chroma import Chroma
from edge_demo.measure import metrics
from edge_demo.model import models_folder
from edge_demo.pictures.containers import load
from edge_demo.pictures.planes import decode_planes
from edge_demo.report.tables import markdown
from edge_demo.tasks import chroma
from edge_demo.tasks.chroma import Bound, Planes, Variant

from .command import command_line

Picture = NDArray[np.uint8]

# Of JPEGs; None: 4:2:0 that was not compressed.
QUALITIES = (50, 60, 70, 85, 90, 95, 98, 100, None)
REACHES = (1.0, 1.5, 2.0)
IDLES = (0.0, 4 / 3, 2.0, 3.0, 4.0)
NOISES = (0.0, 0.15, 0.5)
FREE = Bound(1e3, -1.0, 0.0)
SHARES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)
# Of the usual sepia: rows are the red, green and blue of the tone.
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]], np.float32)


def _grey(rgb: Picture) -> Picture:
    luma = round_to_uint8(rgb_to_ycbcr(rgb)[..., :1])
    return np.repeat(luma, 3, axis=2)


def _sepia(rgb: Picture) -> Picture:
    return round_to_uint8(rgb.astype(np.float32) @ _SEPIA.T)


def _muted(rgb: Picture, left: float) -> Picture:
    ycbcr = rgb_to_ycbcr(rgb)
    ycbcr[..., 1:] = 128 + (ycbcr[..., 1:] - 128) * np.float32(left)
    return round_to_uint8(ycbcr_to_rgb(ycbcr))


KINDS: Mapping[str, Callable[[Picture], Picture]] = {
    "grey": _grey,
    "sepia": _sepia,
    "near-grey": partial(_muted, left=1 / 16),
    "muted": partial(_muted, left=1 / 6),
    "coloured": lambda rgb: rgb,
}


@dataclass(frozen=True)
class Setting:
    """One way to use a correction.

    Attributes:
        name: for tables.
        bound: that is put to it; None: the task's own.
        share: of it that is added; None: as the task trusts it.
    """

    name: str
    bound: Bound | None
    share: float | None


SETTINGS = (
    Setting("as shipped", None, None),
    Setting("no bound", FREE, None),
    *(
        Setting(f"{reach:g}, {idle:.3g}, {noise:g}", Bound(reach, idle, noise), None)
        for reach, idle, noise in itertools.product(REACHES, IDLES, NOISES)
    ),
    *(Setting(f"share {share:g}", None, share) for share in SHARES),
)


class _Trusting(Variant):
    """A variant whose whole correction is asked for."""

    def trust(self, degraded: Planes) -> float:
        return 1.0


Found = dict[tuple[str, str, int | None], dict[str, list[float]]]


def jpeg(rgb: Picture, quality: int, folder: Path) -> tuple[Planes, Picture]:
    """A picture as a 4:2:0 JPEG: its planes, and CbCr (H, W, 2) as libjpeg upsamples it."""
    data = coded(rgb, quality)
    return stored(data, folder), libjpeg(data)


def uncompressed(rgb: Picture) -> tuple[Planes, Picture]:
    """A picture as 4:2:0: its planes, and CbCr (H, W, 2) of bilinear upsampling."""
    planes = chroma.degrade(rgb)
    return planes, chroma.rounded(baseline("bilinear", planes.cbcr, planes.size, planes.siting))


def coded(rgb: Picture, quality: int) -> bytes:
    """A picture as a 4:2:0 JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality,
               cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]  # fmt: skip
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), options)
    assert done
    return data.tobytes()


def stored(data: bytes, folder: Path) -> Planes:
    """The planes of a JPEG, which is written into a folder for that."""
    path = folder / "crop.jpg"
    path.write_bytes(data)
    file = decode_planes(load(path))
    return Planes(file.y, file.cbcr, file.siting, file.info.quantised)


def libjpeg(data: bytes) -> Picture:
    """CbCr (H, W, 2) of a JPEG as libjpeg upsamples it."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.draft("YCbCr", picture.size)
        return np.asarray(picture)[..., 1:].copy()


def crops(texts: Sequence[str], count: int, side: int) -> Iterator[Picture]:
    """The middle of photographs of several sources, as many of each."""
    for text in texts:
        source = sources.open_source(text, "train")
        order = np.random.default_rng(0).permutation(len(source.paths))
        chosen = sources.some(source, sorted(order[: count // len(texts)].tolist()))
        for _, rgb in sources.photographs(chosen):
            top, left = ((length - side) // 2 for length in rgb.shape[:2])
            yield np.ascontiguousarray(rgb[max(0, top) :, max(0, left) :][:side, :side])


def measure(
    models: Mapping[str, Chroma], pictures: Sequence[Picture], settings: Sequence[Setting]
) -> tuple[Found, float]:
    """What each setting gains over libjpeg's own decoding.

    Returns:
        Model, kind and quality to dB by setting, one a picture; and the largest share of pixels
        that leaves grey as shipped.
    """
    found: Found = {}
    coloured = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for kind, quality in itertools.product(KINDS, QUALITIES):
            cli.moving(f"{kind}, {_label(quality)}")
            for rgb in pictures:
                truth = chroma.target(made := KINDS[kind](rgb))
                if quality is None:
                    planes, plain = uncompressed(made)
                else:
                    planes, plain = jpeg(made, quality, Path(folder))
                floor = metrics.psnr(plain, truth)
                for name, model in models.items():
                    gains = found.setdefault((name, kind, quality), {})
                    fields = {one.name: getattr(model.task, one.name)
                              for one in dataclasses.fields(model.task)}  # fmt: skip
                    whole = dataclasses.replace(model, task=_Trusting(**fields)).blocks(planes)
                    for setting in settings:
                        restored = _restored(whole, model.task, planes, setting)
                        gain = metrics.psnr(restored, truth) - floor
                        gains.setdefault(setting.name, []).append(gain)
                        if kind == "grey" and setting == SETTINGS[0]:
                            coloured = max(coloured, float((restored != 128).any(-1).mean()))
    cli.moving("measured", last=True)
    return found, coloured


def _restored(
    whole: NDArray[np.float32], task: Variant, planes: Planes, setting: Setting
) -> Picture:
    share = task.trust(planes) if setting.share is None else setting.share
    height, width = planes.size
    cbcr = task.corrected(whole * np.float32(share), planes, setting.bound)
    return chroma.rounded(cbcr[:height, :width])


def _label(quality: int | None) -> str:
    return "uncompressed" if quality is None else f"quality {quality}"


def text(found: Found, settings: Sequence[Setting]) -> str:
    """Each setting over all presets and qualities; then each preset and quality, as shipped."""
    models = list(dict.fromkeys(name for name, _, _ in found))
    parts = []
    for name in models:
        cells = []
        for setting in settings:
            line = [setting.name]
            for kind in KINDS:
                gains = [
                    gain
                    for (its, of, _), row in found.items()
                    if its == name and of == kind
                    for gain in row[setting.name]
                ]
                line.append(f"{np.mean(gains):+.2f}, {min(gains):+.2f}")
            cells.append(line)
        parts.append(
            f"{name}: dB, mean and worst\n\n" + markdown(["reach, idle, noise", *KINDS], cells)
        )
    for kind in KINDS:
        cells = []
        for name, setting in itertools.product(models, settings):
            if setting.bound is None:
                rows = [found[name, kind, quality][setting.name] for quality in QUALITIES]
                cells.append(
                    [f"{name}, {setting.name}"]
                    + [f"{np.mean(gains):+.2f}, {min(gains):+.2f}" for gains in rows]
                )
        parts.append(
            f"{kind}: dB, mean and worst\n\n" + markdown(["", *map(_label, QUALITIES)], cells)
        )
    return "\n".join(parts)


def presets() -> dict[str, Chroma]:
    """The integer file of each preset of chroma that comes with the repository."""
    found = {}
    for name in models_folder.shipped():
        if name.rpartition(".")[2] not in models_folder.DEFAULT_RECIPES:
            continue
        if name.startswith(f"{chroma.TASK.name}_"):
            model = restorers.load(models_folder.find(name), threads=1)
            assert isinstance(model, Chroma)
            found[name] = model
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("--data", required=True, nargs="+", metavar="SOURCE",
                        help="photographs for training")  # fmt: skip
    parser.add_argument("--count", type=int, default=24, help="crops (default: 24)")
    parser.add_argument("--side", type=int, default=192, help="of a crop (default: 192 pixels)")

    def run(options: argparse.Namespace) -> None:
        pictures = list(crops(options.data, options.count, options.side))
        found, coloured = measure(presets(), pictures, SETTINGS)
        print(text(found, SETTINGS))
        print(f"at most {coloured:.3%} of a grey picture's pixels leave grey")

    return cli.run(parser, run, arguments)
