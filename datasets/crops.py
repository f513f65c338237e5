"""Where a step's crops lie: a pure function of (seed, step), in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf


@dataclass(frozen=True)
class Draws:
    """Crops to draw at each step.

    Attributes:
        cells: how many cells there are; each is drawn once an epoch.
        batch: crops a step.
        seed: of the order and of the places.
    """

    cells: int
    batch: int
    seed: int


class Chosen(NamedTuple):
    """One step's crops: cell, corner (top, left) and three coins of each."""

    positions: tf.Tensor
    corners: tf.Tensor
    coins: tf.Tensor


def draws(wanted: Draws, step: tf.Tensor, size: int, patch: int) -> Chosen:
    """The crops of a step.

    Args:
        wanted: how many, of what.
        step: scalar int64.
        size, patch: side of a cell and of a crop.
    """
    batch, seed, count = wanted.batch, wanted.seed, wanted.cells
    indices = step * batch + tf.range(batch, dtype=tf.int64)
    epochs = tf.cast(indices // count, tf.int32)
    seeds = tf.stack([tf.fill([batch], seed), epochs, tf.zeros_like(epochs)], 1)
    # The raw op: its public face, tf.random.experimental.index_shuffle, mispads many seeds.
    last = tf.fill([batch], tf.constant(count - 1, tf.int64))
    positions = tf.raw_ops.RandomIndexShuffle(index=indices % count, seed=seeds, max_index=last)
    key = tf.stack([tf.cast(seed, tf.int64), step])
    corners = tf.random.stateless_uniform([batch, 2], key, 0, size - patch + 1, dtype=tf.int64)
    coins = tf.random.stateless_uniform([batch, 3], tf.stack([key[0] + 1, step])) < 0.5
    return Chosen(positions, corners, coins)


def counts(shares: Sequence[float], batch: int) -> list[int]:
    """How many crops of a batch each part gives: in proportion, and one at least.

    Left to proportions alone, a part whose share is below one crop could give none in any batch.
    Where there are more parts than crops, those of the largest shares give one each; a part whose
    share is 0 gives none.
    """
    exact = [share * batch / sum(shares) for share in shares]
    found = [0] * len(shares)

    def urgency(index: int) -> tuple[bool, float]:
        return exact[index] > 0 and not found[index], exact[index] - found[index]

    for _ in range(batch):
        found[max(range(len(shares)), key=urgency)] += 1
    return found


def crops(bank: tf.Tensor, chosen: Chosen, patch: int) -> list[tf.Tensor]:
    """Squares of cells, upside down, mirrored and transposed as three coins each fell.

    Rows are copied whole in either order, and mirroring is that between two transpositions:
    reversed strides, or choosing between two states of a batch, take ten times as long.

    Args:
        bank: (N, size, size, C).
        chosen: from ``draws``.
        patch: side of a crop.
    """
    positions, corners, coins = chosen
    forth = tf.range(patch, dtype=tf.int64)
    back = patch - 1 - forth
    rows = corners[:, :1] + tf.where(coins[:, :1], back, forth)
    columns = tf.where(coins[:, 1:2], back, forth)
    orders = tf.where(coins[:, 2:], [[0, 1, 2]], [[1, 0, 2]])
    squares = []
    for i in range(positions.shape[0]):
        left = corners[i, 1]
        square = tf.gather(bank[positions[i], :, left : left + patch], rows[i])
        mirrored = tf.gather(tf.transpose(square, [1, 0, 2]), columns[i])
        turned = tf.transpose(mirrored, orders[i])
        squares.append(tf.ensure_shape(turned, [patch, patch, bank.shape[-1]]))
    return squares
