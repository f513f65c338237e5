"""Which operations an Edge TPU maps, and what its compiler would make of a whole file.

The limits are those that Coral publishes in "TensorFlow models on the Edge TPU"
(https://coral.ai/docs/edgetpu/models-intro/, sections "Model requirements" and "Supported
operations"), for runtime 14, which compiler 16.0 compiles for. Four come from answers of the
compiler's maintainers in https://github.com/google-coral/edgetpu/issues: no DEPTH_TO_SPACE (386), a
resized image must fit on the chip (31, 176), large activations may be refused (512), and newer
versions of some ops are not read (631, 845).

A graph is cut as TensorFlow Lite cuts one for a delegate, of which the compiler takes the first
part that maps: what depends on an operation that does not map, and is not ready before it, runs on
the CPU with it. Post-processing at the end is left there in Coral's own models, so it costs no
model its verdict.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from . import graph
from .graph import Op, Tensor

CUSTOM_OP = "edgetpu-custom-op"
# On-chip memory, for parameters and activations together.
MEMORY = 8 * 2**20
_MIB = 2**20
_BYTES = ("int8", "uint8")
_SOFTMAX_LIMIT = 16_000
# By number in the schema: none, RELU, RELU_N1_TO_1, RELU6.
_FUSED = (0, 1, 2, 3)
# The newest versions that compiler 16.0 is known to read.
_NEWEST = {"CONV_2D": 5, "TRANSPOSE_CONV": 3}
# Longest list of op numbers on one line.
_LISTED = 8

# What turns a network's output into an answer: Coral's models leave it on the CPU, at the end.
DECODERS = ("TFLite_Detection_PostProcess", "PosenetDecoderOp")
_INDICES = ("ARG_MAX", "ARG_MIN", "TOPK_V2", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5")
# What only moves or retypes values, and may follow it.
_MOVES = (
    "CAST", "CONCATENATION", "DEQUANTIZE", "EXPAND_DIMS", "GATHER", "GATHER_ND", "PACK",
    "QUANTIZE", "RESHAPE", "SLICE", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK",
)  # fmt: skip
# What decodes positions, once there are positions.
_ARITHMETIC = (
    "ADD", "ADD_N", "DIV", "EXP", "FLOOR_DIV", "FLOOR_MOD", "LOGISTIC", "MAXIMUM", "MINIMUM",
    "MUL", "SQRT", "SQUARE", "SUB",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What becomes of a file.

    Attributes:
        ready: whether an Edge TPU runs the network whole.
        text: the verdict in one line.
        mapped, total: number of operations on the Edge TPU, and of all.
        table: operations by kind: kind, count, what becomes of them.
        problems: what keeps it from being ready, one line a distinct problem.
        notes: what is worth knowing and keeps it from nothing.
        left: kinds of operation that stay on the CPU, with their number, where that is allowed.
        compiled: whether the file has been through the compiler.
    """

    ready: bool
    text: str
    mapped: int
    total: int
    table: tuple[tuple[str, int, str], ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left: Mapping[str, int] | None = None
    compiled: bool = False


def judge(flatbuffer: bytes) -> Verdict:
    """The verdict on a file, by the published limits.

    Raises:
        ValueError: it is not a TFLite model.
    """
    contents = graph.read(flatbuffer)
    ops = contents.details
    if any(op.custom == CUSTOM_OP for op in ops):
        rest = [op for op in ops if op.custom != CUSTOM_OP]
        notes = (f"on the CPU: {_kinds(rest)}",) if rest else ()
        text = f"compiled already: its {CUSTOM_OP} runs on an Edge TPU"
        fates = {op.index: "on the CPU" for op in rest}
        return Verdict(True, text, len(ops) - len(rest), len(ops), _table(ops, fates), notes=notes,
                       compiled=True)  # fmt: skip
    reasons = {op.index: reason for op in ops if (reason := limit(op))}
    mapped, before = _cut(ops, reasons)
    left = _allowed(ops, mapped, before)
    bad = [op for op in ops if op.index not in mapped and op.index not in left]
    fates = {index: "mapped" for index in mapped}
    fates |= {op.index: f"stays on the CPU: {reasons.get(op.index, 'after the network')}"
              for op in ops if op.index in left}  # fmt: skip
    fates |= {op.index: reasons.get(op.index, "on the CPU, as what comes before it is")
              for op in bad}  # fmt: skip
    stays = [op for op in ops if op.index in left]
    many = contents.subgraphs > 1
    ready = bool(mapped) and not bad and not many
    return Verdict(
        ready=ready,
        text=_text(ops, mapped, stays, bad, reasons, many),
        mapped=len(mapped),
        total=len(ops),
        table=_table(ops, fates),
        problems=_problems(bad, reasons, contents.subgraphs),
        notes=tuple(_notes(contents, mapped, stays, reasons, ready)),
        left=Counter(op.custom or op.name for op in stays),
    )


def limit(op: Op) -> str | None:
    """Why an Edge TPU does not map an operation by itself, or None if it does."""
    if op.name == "CUSTOM":
        return f"custom op {op.custom}: not supported"
    if op.name == "DEQUANTIZE":
        return "gives floats: only 8-bit integers map"
    if op.name not in _RULES:
        return "not supported"
    if op.input(0) is None or not op.outputs:
        return "has no input or no output"
    rule, types = _RULES[op.name], _types(op)
    # An int32 tensor that is computed is a size or an axis, and the op's own limit says which.
    if types and types.startswith("works on int32:"):
        return rule(op) or types
    return types or _sizes(op) or _fused(op) or rule(op)


# Limits of every operation.


def _flowing(op: Op) -> list[Tensor]:
    """The tensors that an operation takes from and gives to others."""
    given = [t for t in op.inputs if t is not None and not t.constant and not t.variable]
    return [*given, *op.outputs]


def _types(op: Op) -> str | None:
    allowed = {t.dtype for t in _flowing(op)} - {*_BYTES}
    fixed = {t.dtype for t in op.inputs if t is not None and (t.constant or t.variable)}
    # An LSTM's own state and thresholds have 16 bits.
    spare = ("int32", "int64", *(("int16",) if "LSTM" in op.name else ()))
    found = sorted(allowed | (fixed - {*_BYTES, *spare}))
    return f"works on {', '.join(found)}: only 8-bit integers map" if found else None


def _sizes(op: Op) -> str | None:
    for tensor in _flowing(op):
        # A batch left open is taken as 1, which is what the file then says.
        if any(axis > 0 or tensor.shape[:1] != (1,) for axis in tensor.open):
            return "not constant: the size of its tensors"
        outer = tensor.shape[:-3]
        if any(side > 1 for side in outer):
            if len(outer) == 1:
                return f"a batch of {outer[0]}: only batches of 1 map"
            return "more than the three innermost dimensions are above 1"
    return None


def _fused(op: Op) -> str | None:
    function = op.options.get("fusedActivationFunction", 0)
    if op.name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION") and function:
        return "has a fused activation"
    # An LSTM's activation is its own.
    if function not in _FUSED and "LSTM" not in op.name:
        return "its fused activation is not supported"
    return None


# Limits of single operations.


def _any(op: Op) -> str | None:
    return None


def _fixed(op: Op, **places: int) -> str | None:
    for what, place in places.items():
        tensor = op.input(place)
        if tensor is not None and not tensor.constant:
            return f"not constant: its {what}"
    return None


def _convolution(op: Op) -> str | None:
    if op.options.get("dilationWFactor", 1) != op.options.get("dilationHFactor", 1):
        return "its dilation differs between x and y"
    return _fixed(op, weights=1, bias=2)


def _transpose_convolution(op: Op) -> str | None:
    return _fixed(op, size=0, weights=1, bias=3)


def _fully_connected(op: Op) -> str | None:
    if op.options.get("weightsFormat", 0):
        return "its weights are not in the default format"
    if _wide(op.outputs[0]) > 1:
        return "its output has more than one dimension"
    return _fixed(op, weights=1, bias=2)


def _wide(tensor: Tensor) -> int:
    """Number of dimensions above 1."""
    return sum(side > 1 for side in tensor.shape)


def _concatenation(op: Op) -> str | None:
    fixed = [t for t in op.inputs if t is not None and t.constant]
    if not fixed:
        return None
    if len(op.inputs) != 2:
        return "has a constant input beside two or more others"
    values = fixed[0].values
    if values is None or (values != fixed[0].zero_point).any():
        return "has a constant input that is not all zero"
    return None


def _axes(tensor: Tensor | None, rank: int) -> tuple[int, ...] | None:
    """Axes that a constant names, counted from the front; None where that is not known."""
    values = None if tensor is None else tensor.values
    return None if values is None else tuple(int(axis) % max(1, rank) for axis in values.ravel())


def _reduction(op: Op) -> str | None:
    source = op.input(0)
    assert source is not None
    axes = _axes(op.input(1), len(source.shape))
    if axes is None:
        return "not constant: its axes"
    if 0 in axes:
        return "reduces the batch dimension"
    last = len(source.shape) - 1
    if op.name == "MEAN" and last in axes and source.shape[last] % 4:
        return "reduces a z dimension that is no multiple of 4"
    return None


def _pad(op: Op) -> str | None:
    paddings = op.input(1)
    values = None if paddings is None else paddings.values
    if values is None:
        return "not constant: its padding"
    return "pads the batch dimension" if values.ravel()[:2].any() else None


def _prelu(op: Op) -> str | None:
    alpha = op.input(1)
    if alpha is None or not alpha.constant:
        return "not constant: its alpha"
    if any(side > 1 for side in alpha.shape[:-1]):
        return "its alpha varies over more than the channels"
    return None


def _resize(op: Op) -> str | None:
    if op.outputs[0].bytes >= MEMORY:
        return "its output is too large for the chip"
    return _fixed(op, size=1)


def _softmax(op: Op) -> str | None:
    if _wide(op.outputs[0]) > 1:
        return "its input has more than one dimension"
    if math.prod(op.outputs[0].shape) > _SOFTMAX_LIMIT:
        return f"more than {_SOFTMAX_LIMIT:,} elements"
    return None


def _split(op: Op) -> str | None:
    source = op.input(1)
    axes = _axes(op.input(0), len(source.shape) if source else 0)
    if axes is None:
        return "not constant: its axis"
    return "splits the batch dimension" if 0 in axes else None


def _pack(op: Op) -> str | None:
    axis = op.options.get("axis", 0) % max(1, len(op.outputs[0].shape))
    return "packs along the batch dimension" if axis == 0 else None


def _squeeze(op: Op) -> str | None:
    source = op.input(0)
    assert source is not None
    rank = len(source.shape)
    given = op.options.get("squeezeDims")
    gone = {int(axis) % rank for axis in given} if given is not None and len(given) else None
    if gone is None:
        gone = {axis for axis, side in enumerate(source.shape) if side == 1}
    first = next((axis for axis, side in enumerate(source.shape) if side > 1), rank)
    return "squeezes more than leading dimensions" if any(a > first for a in gone) else None


def _strided_slice(op: Op) -> str | None:
    strides = op.input(3)
    values = None if strides is None else strides.values
    if values is None:
        return "not constant: its strides"
    if (values != 1).any():
        return "has strides other than 1"
    if op.options.get("ellipsisMask") or op.options.get("newAxisMask"):
        return "has an ellipsis or a new axis"
    return _fixed(op, begin=1, end=2)


def _transpose(op: Op) -> str | None:
    order = op.input(1)
    values = None if order is None else order.values
    if values is None:
        return "not constant: its order"
    return "moves the batch dimension" if len(values) > 3 and values[0] else None


_RULES: Mapping[str, Callable[[Op], str | None]] = {
    "ADD": _any,
    "AVERAGE_POOL_2D": _any,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "EXPAND_DIMS": lambda op: _fixed(op, axis=1),
    "FULLY_CONNECTED": _fully_connected,
    "L2_NORMALIZATION": _any,
    "LOGISTIC": _any,
    "LSTM": lambda op: _fixed(op, weights=1),
    "MAXIMUM": _any,
    "MAX_POOL_2D": _any,
    "MEAN": _reduction,
    "MINIMUM": _any,
    "MUL": _any,
    "PACK": _pack,
    "PAD": _pad,
    "PRELU": _prelu,
    "QUANTIZE": _any,
    "REDUCE_MAX": _reduction,
    "REDUCE_MIN": _reduction,
    "RELU": _any,
    "RELU6": _any,
    "RELU_N1_TO_1": _any,
    "RESHAPE": lambda op: _fixed(op, shape=1),
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "RSQRT": _any,
    "SLICE": lambda op: _fixed(op, begin=1, size=2),
    "SOFTMAX": _softmax,
    "SPACE_TO_DEPTH": _any,
    "SPLIT": _split,
    "SQUARED_DIFFERENCE": _any,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _any,
    "SUM": _reduction,
    "TANH": _any,
    "TRANSPOSE": _transpose,
    "TRANSPOSE_CONV": _transpose_convolution,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lambda op: _fixed(op, weights=1),
}


# The whole graph.


def _sources(op: Op) -> set[int]:
    return {t.index for t in op.inputs if t is not None}


def _cut(ops: tuple[Op, ...], reasons: Mapping[int, str]) -> tuple[set[int], set[int]]:
    """Indices of the operations in the first part that maps, and of those in the part before it.

    Parts alternate between operations that map and operations that do not; each takes all of its
    kind that are ready, however late they come in the file.
    """
    pending = {t.index for op in ops for t in op.outputs}
    waiting = list(ops)
    before: set[int] = set()
    while waiting:
        part: set[int] = set()
        mapping: bool | None = None
        grown = True
        while grown:
            grown = False
            for op in list(waiting):
                maps = op.index not in reasons
                if _sources(op) & pending or mapping not in (None, maps):
                    continue
                mapping, grown = maps, True
                part.add(op.index)
                waiting.remove(op)
                pending -= {t.index for t in op.outputs}
        if mapping:
            return part, before
        if not part:  # a cycle, which no interpreter runs
            break
        before |= part
    return set(), before


def _allowed(ops: tuple[Op, ...], mapped: set[int], before: set[int]) -> set[int]:
    """Of what stays on the CPU, the indices that keep no network from being mapped whole."""
    made = {t.index for op in ops for t in op.outputs}
    left: set[int] = set()
    answers: set[int] = set()  # tensors of post-processing
    positions: set[int] = set()  # those of them that hold positions, or come of positions
    for op in ops:
        given, given_out = _sources(op), {t.index for t in op.outputs}
        if op.index in mapped:
            continue
        if op.index in before and op.name in ("QUANTIZE", "CAST"):
            if not (given - _constants(op)) & (made - _outputs(ops, left)):
                left.add(op.index)
            continue
        if op.index in before:
            continue
        decoder = op.custom in DECODERS or op.name in _INDICES
        follows = op.name in _MOVES and bool(given & answers)
        computes = op.name in _ARITHMETIC and bool(given & positions)
        # A float output of an integer network; a probability for each pixel.
        last = (op.name == "DEQUANTIZE" and _from_bytes(op)) or (
            op.name == "SOFTMAX" and _wide(op.outputs[0]) > 1 and _from_bytes(op)
        )
        if decoder or follows or computes or last:
            left.add(op.index)
            answers |= given_out
            if decoder or given & positions:
                positions |= given_out
    # What the network goes on behind is no end of it.
    onward: set[int] = set()
    for op in reversed(ops):
        given_out = {t.index for t in op.outputs}
        if op.index in left and op.index not in before and given_out & onward:
            left.remove(op.index)
        if op.index not in left and op.index not in mapped:
            onward |= _sources(op) - _constants(op)
    return left


def _constants(op: Op) -> set[int]:
    return {t.index for t in op.inputs if t is not None and t.constant}


def _outputs(ops: Iterable[Op], of: set[int]) -> set[int]:
    return {t.index for op in ops if op.index in of for t in op.outputs}


def _from_bytes(op: Op) -> bool:
    source = op.input(0)
    return source is not None and not source.constant and source.dtype in _BYTES


# Words.


def _kinds(ops: Iterable[Op]) -> str:
    counts = Counter(op.custom or op.name for op in ops)
    return ", ".join(f"{n} x {name}" if n > 1 else name for name, n in counts.items())


def counted(count: int, of: str = "op") -> str:
    """``1 op``, ``2 ops``."""
    return f"{count} {of}{'' if count == 1 else 's'}"


def _text(ops: tuple[Op, ...], mapped: set[int], stays: list[Op], bad: list[Op],
          reasons: Mapping[int, str], many: bool) -> str:  # fmt: skip
    first = next((op for op in bad if op.index in reasons), None)
    if first is not None:
        name = first.custom or first.name
        where = f"op {first.index}, {name} ({reasons.get(first.index, 'not supported')})"
        if not mapped:
            return f"not ready: no op maps onto an Edge TPU; the first is {where}"
        return f"not ready: {len(mapped)} of {len(ops)} ops map; the first that does not is {where}"
    if many:
        return "not ready: it holds more than one graph"
    if not mapped:
        return "not ready: it holds nothing that maps onto an Edge TPU"
    if stays:
        verb = "stays" if len(stays) == 1 else "stay"
        return f"ready, {counted(len(stays))} {verb} on the CPU: {_kinds(stays)}"
    return "ready: maps whole onto an Edge TPU"


def _problems(bad: list[Op], reasons: Mapping[int, str], subgraphs: int) -> tuple[str, ...]:
    groups: dict[tuple[str, str], list[int]] = {}
    for op in bad:
        if op.index in reasons:
            groups.setdefault((op.custom or op.name, reasons[op.index]), []).append(op.index)
    lines = [
        f"{len(places)} x {name}: {reason} ({_places(places)})"
        for (name, reason), places in groups.items()
    ]
    rest = [op for op in bad if op.index not in reasons]
    if rest:
        lines.append(f"{counted(len(rest))} behind them on the CPU: {_kinds(rest)}")
    if subgraphs > 1:
        lines.append(f"{subgraphs} graphs in one file: only one maps")
    return tuple(lines)


def _places(places: list[int]) -> str:
    listed = ", ".join(map(str, places[:_LISTED]))
    more = len(places) - _LISTED
    return f"op{'s' * (len(places) > 1)} {listed}" + (f" and {more} more" if more > 0 else "")


def _table(ops: tuple[Op, ...], fates: Mapping[int, str]) -> tuple[tuple[str, int, str], ...]:
    rows = Counter((op.custom or op.name, fates.get(op.index, "")) for op in ops)
    return tuple((name, count, fate) for (name, fate), count in rows.items())


def _notes(contents: graph.Contents, mapped: set[int], stays: list[Op],
           reasons: Mapping[int, str], ready: bool) -> Iterator[str]:  # fmt: skip
    ops = [op for op in contents.details if op.index in mapped]
    for op in stays if ready else []:
        why = reasons.get(op.index, "behind the last op that maps")
        yield f"op {op.index}, {op.custom or op.name}, stays on the CPU: {why}"
    if any(0 in t.open for op in ops for t in _flowing(op)):
        yield "its batch is left open: taken as 1"
    for name, newest in _NEWEST.items():
        version = max((op.version for op in ops if op.name == name), default=0)
        if version > newest:
            yield (f"{name} is of version {version}, compiler 16.0 reads up to {newest}: "
                   f"convert with an older TensorFlow if it refuses the file")  # fmt: skip
    if not ops:
        return
    held = {t.index: t.bytes for op in ops for t in op.inputs if t is not None and t.constant}
    parameters = sum(held.values())
    line = f"parameters: {parameters / _MIB:.2f} MiB of the {MEMORY // _MIB} MiB on the chip"
    if parameters > MEMORY:
        line += f"; {(parameters - MEMORY) / _MIB:.2f} MiB or more stream from the host each time"
    yield line
    peak = _peak(ops, contents.results)
    line = f"activations: up to {peak / _MIB:.2f} MiB alive at once (estimate)"
    if peak > MEMORY:
        line += "; the compiler may refuse so much: smaller inputs need less"
    yield line


def _peak(ops: list[Op], results: tuple[int, ...]) -> int:
    """Most bytes of activations that are needed at one time, in the order of execution."""
    sizes = {t.index: t.bytes for op in ops for t in _flowing(op)}
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for step, op in enumerate(ops):
        for t in _flowing(op):
            # A graph's input is there from the start.
            first.setdefault(t.index, step if t in op.outputs else 0)
            last[t.index] = len(ops) if t.index in results else step
    return max(
        sum(size for i, size in sizes.items() if first[i] <= step <= last[i])
        for step in range(len(ops))
    )
