"""Picture files damaged in the ways that networks, disks and attackers damage them."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Mapping

Mutation = Callable[[bytes, random.Random], bytes]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _flipped(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _head_flipped(data: bytes, rng: random.Random) -> bytes:
    """Damage where formats state sizes and offsets."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        out[rng.randrange(min(len(out), 200))] = rng.randrange(256)
    return bytes(out)


def _number(data: bytes, rng: random.Random) -> bytes:
    """An extreme number somewhere in the head."""
    out = bytearray(data)
    at = rng.randrange(min(len(out), 400) - 4)
    value = rng.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
    code = rng.choice((">I", "<I")) if value > 0xFFFF else rng.choice((">H", "<H"))
    struct.pack_into(code, out, at, value)
    return bytes(out)


def _piece(data: bytes, rng: random.Random, times: int) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randrange(1, 1 + len(data) // 4))
    return data[:start] + times * data[start:end] + data[end:]


def _zeros(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.randrange(1, 2000))
    return data[:start] + bytes(end - start) + data[end:]


MUTATIONS: dict[str, Mutation] = {
    "cut": _cut,
    "bits flipped": _flipped,
    "head damaged": _head_flipped,
    "extreme number": _number,
    "piece lost": lambda data, rng: _piece(data, rng, 0),
    "piece repeated": lambda data, rng: _piece(data, rng, 3),
    "zeros": _zeros,
    "more behind": lambda data, rng: data + rng.randbytes(rng.randrange(1, 400)),
}


def mutated(
    pictures: Mapping[str, bytes], count: int, seed: int
) -> Iterator[tuple[str, str, bytes]]:
    """Damaged files.

    Args:
        pictures: name to a good file.
        count: of damaged ones; each picture and manner in turn.
        seed: of what is random.

    Yields:
        The picture's name, the manner, and the damaged file.
    """
    rng = random.Random(seed)
    names, manners = list(pictures), list(MUTATIONS)
    for index in range(count):
        name = names[index % len(names)]
        manner = manners[index // len(names) % len(manners)]
        yield name, manner, MUTATIONS[manner](pictures[name], rng)
