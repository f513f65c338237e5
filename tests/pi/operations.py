"""A graph taken apart, so that each of its operations can be compared by itself.

Where outputs differ by steps, a wrong kernel and many right ones that round in other ways look
alike. Given the same values, an operation of a right kernel gives the same integers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow.lite.tools import flatbuffer_utils

from export import graph


@dataclass(frozen=True)
class Apart:
    """Two forms of one graph.

    Attributes:
        whole: the graph, with what every operation writes as its outputs.
        apart: the same operations, none of which reads what another writes, with inputs for each.
        given: of each input of ``apart``, which output of ``whole`` it is, in their order; the
            inputs of ``whole`` count before these.
        kinds: TFLite's names of the operations.
        written: how many tensors each operation writes.
    """

    whole: bytes
    apart: bytes
    given: tuple[int, ...]
    kinds: tuple[str, ...]
    written: tuple[int, ...]


def take_apart(flatbuffer: bytes) -> Apart:
    """Both forms of a graph of one subgraph."""
    whole, apart = _read(flatbuffer), _read(flatbuffer)
    main, parts = whole.subgraphs[0], apart.subgraphs[0]
    written = [[int(index) for index in op.outputs] for op in main.operators]
    outputs = [index for some in written for index in some]
    known = {index: place for place, index in enumerate([*map(int, main.inputs), *outputs])}
    main.outputs = np.array(outputs, np.int32)
    inputs: list[int] = []
    given: list[int] = []
    for op in parts.operators:
        read = [int(index) for index in op.inputs]
        for place, index in enumerate(read):
            if index in known:
                parts.tensors.append(copy.copy(parts.tensors[index]))
                read[place] = len(parts.tensors) - 1
                inputs.append(read[place])
                given.append(known[index])
        op.inputs = np.array(read, np.int32)
    parts.inputs, parts.outputs = np.array(inputs, np.int32), main.outputs
    return Apart(
        bytes(flatbuffer_utils.convert_object_to_bytearray(whole)),
        bytes(flatbuffer_utils.convert_object_to_bytearray(apart)),
        tuple(given),
        tuple(op.name for op in graph.read(flatbuffer).details),
        tuple(map(len, written)),
    )


def _read(flatbuffer: bytes) -> Any:
    """The graph as objects, without its signature, whose names the inputs are known by no more."""
    model = flatbuffer_utils.convert_bytearray_to_object(flatbuffer)
    for buffer in model.buffers:
        if buffer.offset > 1:  # a large file keeps its constants behind the FlatBuffer
            held = flatbuffer[buffer.offset : buffer.offset + buffer.size]
            buffer.data, buffer.offset, buffer.size = np.frombuffer(held, np.uint8), 0, 0
    model.signatureDefs = None
    return model
