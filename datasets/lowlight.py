"""Low-light pairs for training: real ones, and photographs darkened afresh at every step.

The TensorFlow twins of ``edge_demo.tasks.lowlight.darken`` and of
``edge_demo.tasks.enhance.encode``; tests hold them equal to the numpy functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_demo.tasks import enhance, lowlight

from .crops import Draws, counts, crops, draws
from .squares import at_most, centre, grid

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]

# A thumbnail of a whole picture, height and width: what networks judge the light by. It is made of
# this many times as many pixels each way, taken evenly from the picture.
THUMBNAIL, SAMPLED = (64, 96), 3
# What a camera could as well have done, drawn for the dark half of some pairs: exposure, and white
# balance in red and in blue, as factors of linear light; and the quality of a JPEG.
EXPOSURE, BALANCE, QUALITY = (0.5, 1.3), (0.88, 1.14), (60, 96)
# Uneven light, as of lamps in the night: random values on a grid of that many rows and columns,
# smooth in between; and how much of a picture's side a crop of it sees.
LAMPS, VIEW = (4, 6), (0.3, 0.6)
# A photographer might as well have framed a scene narrower: what shares of its sides a whole keeps.
FRAMED = (0.5, 1.0)


@dataclass(frozen=True)
class Part:
    """Square cells of one kind to crop from: gigabytes, which every pipeline shares.

    Attributes:
        cells: (N, size, size, C) uint8 RGB: of pairs in low light, then by day; of photographs by
            day, to be darkened.
        owners: (N,) int32, the picture that each is of.
        wholes: (P, 192, 288, C) uint8, every picture as a whole, sampled.
        share: of each batch, before they are made to add up to 1.
        reframed: share of wholes that are cut to a part and mirrored for their thumbnails.
    """

    cells: tf.Tensor
    owners: tf.Tensor
    wholes: tf.Tensor
    share: float
    reframed: float = 0.0

    @property
    def paired(self) -> bool:
        """Whether these are pairs."""
        return self.cells.shape[-1] == 6


def cut_pairs(pairs: Iterable[Pair], *, size: int, share: float) -> Part:
    """Cut pairs into overlapping cells.

    Args:
        pairs: low and high, (H, W, 3) uint8 of one size each.
        size: side of a cell.
        share: of each batch.
    """
    pictures = (np.concatenate([low, high], -1) for low, high in pairs)
    return _part(((whole, grid(whole, size)) for whole in pictures), size, 6, share)


def cut_photographs(
    photographs: Iterable[NDArray[np.uint8]],
    *,
    size: int,
    share: float,
    limit_bytes: int,
    count: int,
    seed: int,
) -> Part:
    """Cut photographs into overlapping cells.

    Args:
        photographs: by day, (H, W, 3) uint8.
        size: side of a cell.
        share: of each batch.
        limit_bytes: most memory for cells; beyond it a random choice of each photograph's.
        count: how many photographs there are at most.
        seed: of that choice.
    """
    rng = np.random.default_rng(seed)
    most = max(1, limit_bytes // (size * size * 3) // max(1, count))
    cells = ((whole, at_most(most, grid(whole, size), rng)) for whole in photographs)
    return _part(cells, size, 3, share)


def _part(
    cut: Iterable[tuple[NDArray[np.uint8], list[NDArray[np.uint8]]]],
    size: int,
    channels: int,
    share: float,
) -> Part:
    cells: list[NDArray[np.uint8]] = []
    owners: list[int] = []
    wholes: list[NDArray[np.uint8]] = []
    for whole, squares in cut:
        owners += [len(wholes)] * len(squares)
        cells += [square.copy() for square in squares]  # a view would keep its whole picture
        wholes.append(sampled(whole))
    height, width = (side * SAMPLED for side in THUMBNAIL)
    with tf.device("cpu"):
        return Part(
            tf.constant(_stacked(cells, (size, size, channels))),
            tf.constant(owners, tf.int32),
            tf.constant(_stacked(wholes, (height, width, channels))),
            share,
        )


def _stacked(pictures: list[NDArray[np.uint8]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """(N, H, W, C), also of none. The list is emptied."""
    out = np.empty((len(pictures), *shape), np.uint8)
    for index in reversed(range(len(pictures))):
        out[index] = pictures.pop()
    return out


def sampled(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels of a picture (H, W, C), evenly spread: (192, 288, C). Not their means, so that the
    noise is the picture's.
    """
    rows, columns = (
        ((np.arange(side * SAMPLED) + 0.5) * (length / (side * SAMPLED))).astype(int)
        for side, length in zip(THUMBNAIL, picture.shape[:2], strict=True)
    )
    return np.ascontiguousarray(picture[rows][:, columns])


def thumbnails(encoded: tf.Tensor) -> tf.Tensor:
    """Of sampled pictures, encoded (B, 192, 288, 6): (B, 64, 96, 6)."""
    return tf.nn.avg_pool2d(encoded, SAMPLED, SAMPLED, "VALID")


def batches(
    parts: Sequence[Part],
    *,
    patch: int,
    batch: int,
    start: int,
    stop: int,
    seed: int,
    varied: float = 0.0,
    compressed: float = 0.0,
    uneven: float = 0.0,
    without_truth: bool = False,
    with_thumbnail: bool = False,
) -> tf.data.Dataset:
    """Random crops, flipped and turned.

    A pure function of its arguments: a resumed run sees what it would have seen.

    Args:
        parts: where to crop from; each has cells.
        patch: side of a crop, a multiple of the task's, at most the cells' size.
        batch: crops in a batch.
        start, stop: the steps to give batches for.
        seed: of everything random here.
        varied: share of pairs whose low picture gets another exposure and white balance.
        compressed: share of all crops that are made JPEGs first.
        uneven: share of photographs whose exposure differs from place to place.
        without_truth: give the low picture in place of the truth: what curves that are learnt
            without pairs are applied to.
        with_thumbnail: give each crop its whole picture's thumbnail, darkened and varied alike.

    Returns:
        Pairs of ``picture`` (batch, patch, patch, 6) and the truth (batch, patch, patch, 3), both
        float32 in 0..1; with thumbnails ``(picture, thumbnail)`` in place of the first.
    """
    if patch % enhance.TASK.size_multiple:
        raise ValueError(f"a patch of {patch} must be a multiple of {enhance.TASK.size_multiple}")
    taken = [
        _Taken(part, count, seed + 1000 * index)
        for index, (part, count) in enumerate(
            zip(parts, counts([part.share for part in parts], batch), strict=True)
        )
        if count
    ]
    drawn = _drawing(taken, patch, uneven, with_thumbnail)
    dark = _darkening(taken, varied, without_truth, with_thumbnail)
    data = tf.data.Dataset.range(start, stop).map(drawn).map(dark)
    if compressed:
        data = data.map(_compressing(batch, seed, compressed))
    return data.map(_encoded).map(_shaping(batch, patch)).prefetch(4)


@dataclass(frozen=True)
class _Taken:
    """What a batch takes of a part: how many crops, and the seed of all that is random there."""

    part: Part
    count: int
    seed: int


Step = Callable[..., tuple[Any, ...]]


def _drawing(taken: Sequence[_Taken], patch: int, uneven: float, with_thumbnail: bool) -> Step:
    """From a step: the step, and of each part crops, wholes, and what darkens photographs."""

    def draw(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        out: list[tf.Tensor] = [step]
        for one in taken:
            cells, owners, wholes = one.part.cells, one.part.owners, one.part.wholes
            wanted = Draws(len(cells), one.count, one.seed)
            chosen = draws(wanted, step, cells.shape[1], patch)
            given = [tf.stack(crops(cells, chosen, patch))]
            if with_thumbnail:
                seen = tf.gather(wholes, tf.gather(owners, chosen.positions))
                given.append(framed(seen, one.seed, step, one.part.reframed))
            out += given
            if not one.part.paired:
                # Not in the compiled part, where it takes fifteen times as long.
                for offset, values in enumerate(given):
                    key = tf.stack([tf.cast(one.seed + 3 + offset, tf.int64), step])
                    out.append(tf.random.stateless_normal(values.shape, key))
                sizes = [tuple(values.shape[1:3]) for values in given]
                out += draw_light(one.count, one.seed, step, uneven, sizes)
        return tuple(out)

    return draw


def framed(wholes: tf.Tensor, seed: int, step: tf.Tensor, share: float) -> tf.Tensor:
    """Pictures (B, H, W, C), each cut to a part of its own and mirrored by chance: of that shape.

    A few hundred scenes are soon known by heart, and what is known of them says nothing of the
    light in others. Pixels are repeated, not mixed, so that the noise is the picture's.

    Args:
        wholes: the pictures.
        seed, step: of what is drawn.
        share: of those that change.
    """
    if not share:
        return wholes
    count, height, width = wholes.shape[:3]
    key = tf.stack([tf.cast(seed + 6, tf.int64), step])
    even = tf.random.stateless_uniform([count, 6], key)
    changes = even[:, 5:] < share
    shares = tf.where(changes, FRAMED[0] + even[:, :2] * (FRAMED[1] - FRAMED[0]), 1.0)
    starts = even[:, 2:4] * (1.0 - shares)
    rows, columns = (
        tf.cast(
            (starts[:, axis, None] + shares[:, axis, None] * (np.arange(length) + 0.5) / length)
            * length,
            tf.int32,
        )
        for axis, length in enumerate((height, width))
    )
    mirrored = changes & (even[:, 4:5] < 0.5)
    columns = tf.where(mirrored, columns[:, ::-1], columns)
    out = tf.gather(tf.gather(wholes, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)
    return tf.ensure_shape(out, wholes.shape)


def _darkening(
    taken: Sequence[_Taken], varied: float, without_truth: bool, with_thumbnail: bool
) -> Step:
    """From what ``_drawing`` gives: the step, low pictures, the truth, and wholes in low light."""
    forms = 2 if with_thumbnail else 1  # a crop, and the whole that it is of

    def of_pairs(one: _Taken, step: tf.Tensor, rest: list[tf.Tensor]) -> list[tf.Tensor]:
        values = [rest.pop(0) for _ in range(forms)]
        low = [tf.cast(value[..., :3], tf.float32) for value in values]
        if varied:
            table = draw_tables(one.count, one.seed, step, varied)
            low = [relit(value, table) for value in low]
        return [values[0][..., 3:], *low]

    def of_photographs(one: _Taken, step: tf.Tensor, rest: list[tf.Tensor]) -> list[tf.Tensor]:
        values, noise = ([rest.pop(0) for _ in range(forms)] for _ in range(2))
        cameras = draw_cameras(one.count, one.seed, step)
        light = [rest.pop(0) for _ in range(forms)]
        given = zip(values, noise, light, strict=True)
        return [values[0], *(darken(value, cameras, grain, where) for value, grain, where in given)]

    # Compiled, so that its many small operations are one pass over memory.
    @tf.function(jit_compile=True)
    def darkened(step: tf.Tensor, *given: tf.Tensor) -> tuple[tf.Tensor, ...]:
        rest = list(given)
        lows, goals, wholes = [], [], []
        for one in taken:
            read = of_pairs if one.part.paired else of_photographs
            truth, low, *whole = read(one, step, rest)
            lows.append(low)
            goals.append(_unit(low) if without_truth else _unit(truth))
            wholes += whole
        small = [tf.cast(tf.concat(wholes, 0), tf.uint8)] if wholes else []
        return step, tf.cast(tf.concat(lows, 0), tf.uint8), tf.concat(goals, 0), *small

    return darkened


def _compressing(batch: int, seed: int, share: float) -> Step:
    """Makes a share of low pictures JPEGs, each of another quality."""

    def as_jpeg(step: tf.Tensor, low: tf.Tensor, *others: tf.Tensor) -> tuple[tf.Tensor, ...]:
        key = tf.stack([tf.cast(seed + 7, tf.int64), step])
        chance = tf.random.stateless_uniform([batch, 2], key)
        quality = tf.cast(QUALITY[0] + chance[:, 1] * (QUALITY[1] - QUALITY[0]), tf.int32)
        out = []
        for index in range(batch):
            out.append(
                tf.cond(
                    chance[index, 0] < share,
                    lambda i=index: _jpeg(low[i], quality[i]),
                    lambda i=index: low[i],
                )
            )
        return step, tf.stack(out), *others

    return as_jpeg


@tf.function(jit_compile=True)
def _encoded(
    step: tf.Tensor, low: tf.Tensor, goal: tf.Tensor, *whole: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """What a network is given of low pictures, the goal, and thumbnails of wholes."""
    small = [thumbnails(encode(one)) for one in whole]
    return encode(low), goal, *small


def _shaping(batch: int, patch: int) -> Step:
    """States the shapes, which are lost on the way, and pairs what belongs together."""

    def shaped(picture: tf.Tensor, truth: tf.Tensor, *small: tf.Tensor) -> tuple[object, tf.Tensor]:
        picture = tf.ensure_shape(picture, [batch, patch, patch, 6])
        truth = tf.ensure_shape(truth, [batch, patch, patch, 3])
        if not small:
            return picture, truth
        return (picture, tf.ensure_shape(small[0], [batch, *THUMBNAIL, 6])), truth

    return shaped


def _jpeg(low: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    """Codes (H, W, 3) uint8 as a JPEG of 4:2:0 gives them back."""
    data = tf.raw_ops.EncodeJpegVariableQuality(images=low, quality=quality)
    return tf.ensure_shape(tf.io.decode_jpeg(data, 3), low.shape)


def draw_tables(count: int, seed: int, step: tf.Tensor, share: float) -> tf.Tensor:
    """What each code becomes in another light: (count, 256, 3) whole codes, float32.

    Args:
        count: how many; each its own.
        seed, step: of what is drawn.
        share: of those that change anything.
    """
    key = tf.stack([tf.cast(seed + 4, tf.int64), step])
    even = tf.random.stateless_uniform([count, 4], key)
    limits = np.log(np.array([EXPOSURE, BALANCE, BALANCE], np.float32))
    drawn = tf.exp(limits[:, 0] + even[:, :3] * (limits[:, 1] - limits[:, 0]))
    drawn = tf.where(even[:, 3:] < share, drawn, 1.0)
    exposure, red, blue = (drawn[:, i, None] for i in range(3))
    gains = exposure * tf.concat([red, tf.ones_like(red), blue], -1)
    linear = _to_linear(tf.range(256, dtype=tf.float32) / 255.0)
    return tf.round(_from_linear(linear[None, :, None] * gains[:, None]) * 255.0)


def relit(low: tf.Tensor, tables: tf.Tensor) -> tf.Tensor:
    """Whole codes (B, H, W, 3) through their tables (B, 256, 3)."""
    codes = tf.cast(low, tf.int32)
    channels = [
        tf.gather(tables[..., i], codes[..., i], batch_dims=1) for i in range(low.shape[-1])
    ]
    return tf.stack(channels, -1)


def encode(low: tf.Tensor) -> tf.Tensor:
    """``enhance.encode`` of a batch: whole code values (B, H, W, 3) to (B, H, W, 6), float32."""
    codes = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], 3)
    lifted = tf.constant(enhance.encode(codes)["picture"][0, :, -1])
    return tf.concat([_unit(low), tf.gather(lifted, tf.cast(low, tf.int32))], -1)


def _unit(codes: tf.Tensor) -> tf.Tensor:
    return tf.cast(codes, tf.float32) / 255.0


def draw_cameras(count: int, seed: int, step: tf.Tensor) -> tf.Tensor:
    """``count`` cameras, (count, 7): exposure, red, blue, shot, read, pedestal, purple."""
    even = tf.random.stateless_uniform([count, 7], tf.stack([tf.cast(seed + 2, tf.int64), step]))
    limits = np.array([
        np.log(lowlight.EXPOSURE), lowlight.WHITE_BALANCE, lowlight.WHITE_BALANCE,
        np.log(lowlight.SHOT), np.log(lowlight.READ), lowlight.PEDESTAL,
        lowlight.PURPLE,
    ], np.float32)  # fmt: skip
    values = limits[:, 0] + even * (limits[:, 1] - limits[:, 0])
    logarithmic = np.array([True, False, False, True, True, False, False])
    return tf.where(logarithmic, tf.exp(values), values)


def draw_light(
    count: int, seed: int, step: tf.Tensor, share: float, sizes: Sequence[tuple[int, int]]
) -> list[tf.Tensor]:
    """Where pictures are lit: 0 as the camera exposes them, up to 1 as by day; (count, h, w, 1).

    Args:
        count: how many pictures.
        seed, step: of what is drawn.
        share: of those that are lit unevenly; the others are 0 throughout.
        sizes: of a crop, anywhere in the picture, and of the whole where that is wanted, too.
    """
    if not share:
        return [tf.zeros([count, 1, 1, 1])] * len(sizes)
    key = tf.stack([tf.cast(seed + 5, tf.int64), step])
    even = tf.random.stateless_uniform([count, 5], key)
    grid = tf.random.stateless_uniform([count, *LAMPS, 1], tf.stack([key[0] + 1, step]))
    # Most places are dark and a few are bright, of some pictures more than of others.
    grid = tf.pow(grid, 1.0 + 3.0 * even[:, 0, None, None, None])
    grid = tf.where(even[:, 1, None, None, None] < share, grid, 0.0)
    view = VIEW[0] + even[:, 2] * (VIEW[1] - VIEW[0])
    top, left = (even[:, i] * (1.0 - view) for i in (3, 4))
    boxes = tf.stack([top, left, top + view, left + view], -1)
    found = [tf.image.crop_and_resize(grid, boxes, tf.range(count), sizes[0])]
    return found + [tf.image.resize(grid, size) for size in sizes[1:]]


def darken(
    truth: tf.Tensor, cameras: tf.Tensor, noise: tf.Tensor, light: tf.Tensor | float = 0.0
) -> tf.Tensor:
    """``lowlight.darken`` of a batch: whole code values (B, H, W, 3), float32.

    ``light`` (B, H, W, 1), as of ``draw_light``, takes a place from the camera's exposure (0) to
    that by day (1), in equal steps of stops.
    """
    exposure, red, blue, shot, read, pedestal, purple = (
        cameras[:, i, None, None, None] for i in range(cameras.shape[1])
    )
    exposure = tf.pow(exposure, 1.0 - light)
    gains = exposure * tf.concat([red, tf.ones_like(red), blue], -1)
    pedestals = pedestal + tf.concat([purple, tf.zeros_like(purple), purple], -1)
    signal = _to_linear(_unit(truth)) * gains + pedestals
    recorded = signal + noise * tf.sqrt(shot * signal + tf.square(read))
    return tf.round(_from_linear(recorded) * 255.0)


def _to_linear(values: tf.Tensor) -> tf.Tensor:
    return tf.where(values <= 0.04045, values / 12.92, tf.pow((values + 0.055) / 1.055, 2.4))


def _from_linear(values: tf.Tensor) -> tf.Tensor:
    values = tf.clip_by_value(values, 0.0, 1.0)
    return tf.where(values <= 0.0031308, values * 12.92, 1.055 * tf.pow(values, 1 / 2.4) - 0.055)


def fixed(
    pairs: Iterable[Pair],
    size: int,
    without_truth: bool = False,
    with_thumbnail: bool = False,
    batch: int = 4,
) -> tf.data.Dataset:
    """Encoded centre crops of pairs, in order, for validation.

    Args:
        pairs: low and high.
        size: side of a crop.
        without_truth, with_thumbnail: as for ``batches``.
        batch: crops in a batch.
    """
    pictures, goals, small = [], [], []
    for low, high in pairs:
        picture, *rest = inputs(low, size, with_thumbnail)
        pictures.append(picture)
        small += rest
        goals.append(centre(low if without_truth else high, size).astype(np.float32) / 255.0)
    given = (np.stack(pictures), np.stack(small)) if small else np.stack(pictures)
    data = tf.data.Dataset.from_tensor_slices((given, np.stack(goals)))
    return data.batch(batch).cache().prefetch(1)


def inputs(
    low: NDArray[np.uint8], size: int, with_thumbnail: bool
) -> tuple[NDArray[np.float32], ...]:
    """What a network in training is given of a low picture's centre crop.

    Returns:
        (size, size, 6), and the whole picture's thumbnail (64, 96, 6) where it is wanted.
    """
    crop = enhance.encode(centre(low, size))["picture"]
    if not with_thumbnail:
        return (crop,)
    whole = enhance.encode(sampled(low))["picture"]
    return crop, thumbnails(whole[None])[0].numpy()
