"""Chroma of 4:2:0 pictures and frames, rebuilt: all that a device does for the chroma task.

A JPEG, lossy WebP, HEIC or AVIF of subsampled chroma has it restored from its own planes. Networks
know 4:2:0: a picture of 4:2:2 or 4:4:0 is doubled along its other axis, which makes it one; 4:1:1
is brought to 4:2:0, and its own samples hold in the end. Other pictures hold their chroma at full
resolution: they are refused, unless ``resample`` says that it was upsampled from 4:2:0 before and
is to be rebuilt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..clock import Clock
from ..colour.siting import agreeing, downsample, halved
from ..colour.ycbcr import rgb_to_ycbcr, round_to_uint8, ycbcr_to_rgb
from ..errors import UserError
from ..model.tiling import Tile, even_parts, tiles, window
from ..pictures.containers import ImageInfo
from ..pictures.images import apply_orientation, carried, to_uint16
from ..pictures.picture import Picture, made
from ..pictures.planes import STEPS, StoredPlanes, Unavailable, decode_planes, has_planes
from ..tasks.chroma import DETAIL, Planes, Variant, of_one_axis, own, pack, rounded, unpack
from .frames import Frame, RestoredFrame
from .restorer import Progress, Restorer

Array = NDArray[np.float32]

# Rows converted to RGB at a time, so that memory stays small on large pictures.
_STRIP = 256
# Of a video's frames: small ones compute a quarter of a large frame twice.
_FRAME_TILE = 1024
# Rows of a frame corrected at a time: what is made of them stays in a processor's cache. So many
# more at either side decide their results.
_ROWS, _MARGIN = 64, 8
_BLOCK_CHANNELS = 8  # (Cb, Cr) at the four positions of a 2x2 block


@dataclass(frozen=True, eq=False)
class Chroma(Restorer):
    """A network of chroma.

    Attributes:
        task: its variant.
        resample: see ``options``.
        detail: likewise.
    """

    task: Variant
    resample: bool = False
    detail: float = DETAIL

    neighbourhood: ClassVar[int] = 3
    subsampled: ClassVar[bool] = True

    @staticmethod
    def lacking(task: Variant) -> dict[str, str]:
        """A network without detail can add none."""
        if task.has_detail:
            return {}
        return {"detail": "proposes no detail; models of chroma_merged do"}

    def reconstruct(self, degraded: Planes, progress: Progress | None = None) -> NDArray[np.uint8]:
        """Chroma at luma resolution, (H, W, 2) uint8, of a picture of any size.

        Of one that was doubled (see ``tasks.chroma.of_one_axis``), of its own size.
        """
        out = np.empty((*degraded.size, 2), np.uint8)
        parts, tile = self._parts(degraded)
        for index, part in enumerate(parts):
            piece = _piece(degraded, part, tile)
            outputs = self._run(piece)
            result = self.task.decode(outputs, piece, self.detail)
            top, bottom, left, right = part.keep
            # A doubled picture's tiles are even, too: their first pixels are its own.
            kept = result[top - part.top : bottom - part.top, left - part.left : right - part.left]
            own(out[top:bottom, left:right], degraded.doubled)[:] = rounded(
                own(kept, degraded.doubled), degraded.doubled
            )
            if progress:
                progress(index + 1, len(parts))
        return np.ascontiguousarray(own(out, degraded.doubled))

    def blocks(self, planes: Planes, tile: int = 0) -> Array:
        """What the network adds to bilinear, before any rounding.

        Args:
            planes: the picture.
            tile: side of its tiles in pixels, where that is more than the model's.

        Returns:
            Blocks (ceil(H/2), ceil(W/2), 8) in 8-bit code units, with what lies beyond a picture
            of odd size.
        """
        out = np.empty((*planes.cbcr.shape[:2], _BLOCK_CHANNELS), np.float32)
        parts, size = self._parts(planes, tile)
        for part in parts:
            piece = _piece(planes, part, size)
            outputs = self._run(piece)
            found = self.task.correction(outputs, piece, self.detail)
            top, bottom, left, right = ((place + 1) // 2 for place in part.keep)
            above, before = part.top // 2, part.left // 2
            out[top:bottom, left:right] = found[top - above : bottom - above,
                                                left - before : right - before]  # fmt: skip
        return out

    def correction(self, planes: Planes) -> Array:
        """What the network adds to bilinear, (H, W, 2) in 8-bit code units.

        ``corrected`` makes chroma of it; in between, a video's corrections can be filtered.
        """
        return _shown(self.blocks(planes), planes)

    def corrected(self, planes: Planes, correction: Array) -> Array:
        """CbCr (H, W, 2) float32, unrounded: bilinear, a correction, agreement with the planes."""
        height, width = planes.size
        whole = correction
        if planes.doubled is not None:
            whole = np.repeat(correction, 2, planes.doubled)
        out = np.empty((height, width, 2), np.float32)
        for top in range(0, height, _ROWS):
            first, last = max(0, top - _MARGIN), min(height, top + _ROWS + _MARGIN)
            part = Planes(
                planes.y[first:last], planes.cbcr[first // 2 : (last + 1) // 2],
                planes.siting, planes.quantised, planes.doubled,
            )  # fmt: skip
            even = whole[first:last]
            if last % 2 or width % 2:  # the last row and column once more
                even = np.asarray(cv2.copyMakeBorder(
                    even, 0, last % 2, 0, width % 2, cv2.BORDER_REPLICATE
                ))  # fmt: skip
            rows = out[top : top + _ROWS]
            rows[:] = self.task.corrected(pack(even), part)[top - first :][: len(rows), :width]
        return own(out, planes.doubled)

    def find(self, frame: Frame) -> Array:
        """The correction of a frame, see ``correction``."""
        planes = _planes(frame)
        return _shown(self.blocks(planes, _FRAME_TILE), planes)

    def apply(self, frame: Frame, effect: Array) -> RestoredFrame:
        """The frame's own luma, and chroma with a correction."""
        return RestoredFrame(None, self.corrected(_planes(frame), effect))

    def _run(self, piece: Planes) -> dict[str, Any]:
        """What the graph answers of a tile."""
        if self.runner.takes_codes:
            return self.runner.run({self.task.inputs[0].name: self.task.codes(piece)})
        return self.runner.run(self.task.encode(piece))

    def _parts(self, planes: Planes, least: int = 0) -> tuple[list[Tile], tuple[int, int]]:
        """The tiles of a picture, and their size: the model's, or ``least`` where that is more."""
        halo = self.runner.halo
        side = max(self.runner.tile, least)
        height, width = (even_parts(length, side, halo) for length in planes.size)
        tile = self.runner.fit(height, width)
        return list(tiles(planes.size, tile, halo)), tile

    def _picture(self, picture: Picture, progress: Progress | None, clock: Clock) -> Picture:
        notes: tuple[str, ...] = ()
        if picture.file is not None and has_planes(picture.info):
            try:
                return self._from_planes(picture, progress, clock)
            except Unavailable:
                chroma = picture.info.subsampling
                notes = (f"Its {chroma} chroma could not be had as stored; it was taken from RGB.",)
        else:
            _check_resample(picture.info, self.resample)
        found = picture.decoded
        if found.grey:
            raise UserError(f"{picture.name}: a grey picture has no chroma to reconstruct")
        clock.lap("read")
        rgb = _hidden_kept(self._array(found.rgb, progress), found.alpha, picture)
        clock.lap("restore")
        return made(picture, rgb, found.alpha, found.carried, (*found.notes, *notes))

    def _from_planes(self, picture: Picture, progress: Progress | None, clock: Clock) -> Picture:
        assert picture.file is not None
        file = decode_planes(picture.file)
        clock.lap("read")
        planes = _stored(file)
        depth: Any = np.uint8
        if file.depth > 8:
            depth = np.uint16
            cbcr: NDArray[Any] = self.corrected(planes, self.correction(planes))
        else:
            cbcr = self._rebuilt(planes, progress)
        if file.steps == STEPS["4:1:1"]:
            cbcr = agreeing(cbcr, file.cbcr, file.steps)
        rgb = _to_rgb(file.y, cbcr, depth, file.matrix, file.full_range)
        self._tell("rgb", rgb)
        clock.lap("restore")
        rgb = apply_orientation(rgb, file.orientation)
        alpha = None
        if file.alpha is not None:
            alpha = apply_orientation(file.alpha, file.orientation)
        elif file.info.alpha:
            alpha = picture.decoded.alpha
        rgb = _hidden_kept(rgb, alpha, picture)
        return made(picture, rgb, alpha, carried(picture.file))

    def _array(self, rgb: NDArray[Any], progress: Progress | None) -> NDArray[Any]:
        per_code = 257.0 if rgb.dtype == np.uint16 else 1.0
        ycbcr = rgb_to_ycbcr(rgb / np.float32(per_code))
        y = np.ascontiguousarray(ycbcr[..., 0])
        low = round_to_uint8(downsample(ycbcr[..., 1:], "center"))
        cbcr = self._rebuilt(Planes(y, low), progress)
        restored = _to_rgb(y, cbcr, rgb.dtype, "bt601", True)
        self._tell("rgb", restored)
        return restored

    def _rebuilt(self, planes: Planes, progress: Progress | None) -> NDArray[np.uint8]:
        """``reconstruct``, told of."""
        self._tell("luma", planes.y)
        self._tell("chroma", planes.cbcr)
        cbcr = self.reconstruct(planes, progress)
        self._tell("decoded", cbcr)
        return cbcr


def _hidden_kept(rgb: NDArray[Any], alpha: NDArray[Any] | None, before: Picture) -> NDArray[Any]:
    """A restored picture whose wholly transparent pixels are what they were."""
    if alpha is None or alpha.all():
        return rgb
    was = before.rgb if rgb.dtype == np.uint8 else to_uint16(before.rgb)
    return np.where((alpha > 0)[..., None], rgb, was)


def _stored(file: StoredPlanes) -> Planes:
    """A file's planes as networks take them."""
    quantised = file.info.quantised
    if file.steps == STEPS["4:2:0"]:
        return Planes(file.y, file.cbcr, file.siting, quantised)
    if 1 in file.steps and 2 in file.steps:
        return of_one_axis(file.y, file.cbcr, file.steps.index(2), file.siting, quantised)
    size = file.y.shape[0], file.y.shape[1]
    low = round_to_uint8(halved(file.cbcr, file.steps, size))
    return Planes(file.y, low, file.siting, quantised)


def _planes(frame: Frame) -> Planes:
    if all(frame.coarse) or not any(frame.coarse):  # of a single pixel nothing can be told
        return Planes(frame.y, frame.cbcr, frame.siting)
    return of_one_axis(frame.y, frame.cbcr, frame.coarse.index(True), frame.siting)


def _shown(blocks: Array, planes: Planes) -> Array:
    """Blocks as (H, W, 2) of the picture's own size."""
    height, width = planes.size
    return np.ascontiguousarray(own(unpack(blocks)[:height, :width], planes.doubled))


def _piece(planes: Planes, part: Tile, tile: tuple[int, int]) -> Planes:
    """What a tile shows; beyond the borders the edge repeats."""
    return Planes(
        window(planes.y, part.top, part.left, *tile),
        window(planes.cbcr, part.top // 2, part.left // 2, tile[0] // 2, tile[1] // 2),
        planes.siting,
        planes.quantised,
        planes.doubled,
    )


def _check_resample(info: ImageInfo, resample: bool) -> None:
    if info.grey:
        raise UserError(
            f"{info.path}: a grey picture has no chroma to reconstruct; "
            "--task colorize gives it colour"
        )
    if resample:
        return
    stored = {None: "chroma at full resolution", "cmyk": "CMYK"}.get(
        info.subsampling, f"{info.subsampling} chroma"
    )
    raise UserError(
        f"{info.path}: stores {stored}, so there is nothing to reconstruct; "
        "--resample rebuilds it all the same, for pictures that were 4:2:0 before"
    )


def _to_rgb(
    y: NDArray[Any], cbcr: NDArray[Any], depth: Any, matrix: str, full_range: bool
) -> NDArray[Any]:
    """Planes to RGB (H, W, 3) of a depth, a strip of rows at a time."""
    rgb = np.empty((*y.shape, 3), depth)
    for top in range(0, len(y), _STRIP):
        rows = slice(top, top + _STRIP)
        ycbcr = np.dstack([y[rows].astype(np.float32), cbcr[rows].astype(np.float32)])
        values = ycbcr_to_rgb(ycbcr, matrix, full_range)
        if rgb.dtype == np.uint8:
            rgb[rows] = round_to_uint8(values)
        else:
            rgb[rows] = np.clip(np.rint(values * 257.0), 0, 65535)
    return rgb
