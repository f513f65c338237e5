"""A chroma network as a user shader: mpv's hook syntax, for mpv and whatever else has libplacebo.

Each layer is a compute pass over blocks of 2x2 pixels, at the size of the chroma planes and a
border around them as wide as the network sees, where the picture's edge repeats: so a result is
that of a device, whose tiles have such a border, too. The channels of a block lie side by side in
one texture, four to a texel, so that a pass reads its input once for all of its outputs.

Planes are taken as a player has them, whole codes over 255 of 8 bits or the same with more bits,
and given back likewise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from edge_demo.tasks.chroma import CORRECTION_SCALE, TASK

from .player import Around, Array, Convolution, Network, around

_GROUP = 4  # channels of a texel
_THREADS = 8  # to a side of a work group
_TAPS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
# What a player's chroma and luma, times 255, are in full-range codes, and the way back.
_LUMA = {"full": "v", "limited": "clamp((v - 16.0) * (255.0 / 219.0), 0.0, 255.0)"}
_CHROMA = {"full": "v", "limited": "(v - 128.0) * (255.0 / 224.0) + 128.0"}
_BACK = {"full": "c", "limited": "(c - 128.0) * (224.0 / 255.0) + 128.0"}


def written(network: Network, siting: str, levels: str) -> str:
    """The shader.

    Args:
        network: whose.
        siting: of the chroma that it will be given.
        levels: of the planes, ``limited`` or ``full``.
    """
    outside = around(siting)
    passes = [_planes(network, outside, levels), *_layers(network)]
    passes += [_missed(network, outside, levels), _restored(network, outside, levels)]
    return "\n".join([*_head(network, siting, levels), *passes])


def columns(groups: int) -> int:
    """How many of a block's texels lie beside each other; the others lie below."""
    return next(side for side in range(1, groups + 1) if groups % side == 0 and side**2 >= groups)


def _head(network: Network, siting: str, levels: str) -> Iterator[str]:
    card = {**network.card, "siting": siting, "range": levels, "format": "glsl"}
    terms = f"Training photographs: {network.terms}"
    yield f"// {network.name} of ChromaEdge: chroma of 4:2:0 video at full resolution."
    yield f"// For chroma that is sited {siting}, of {levels} range. Needs compute shaders."
    yield from (f"// {line}" for line in wrap(terms, 96))
    yield f"// card: {json.dumps(card, sort_keys=True)}"
    yield ""


def _pass(
    name: str, binds: Sequence[str], size: tuple[str, str], block: tuple[int, int], body: str
) -> str:
    """A compute pass.

    Args:
        name: what its texture is saved as.
        binds: what it reads.
        size: of its texture, as expressions in Polish order.
        block: texels that one thread writes, across and down.
        body: GLSL.
    """
    width, height = (_THREADS * texels for texels in block)
    lines = ["//!HOOK CHROMA", *(f"//!BIND {one}" for one in binds), f"//!SAVE {name}",
             f"//!WIDTH {size[0]}", f"//!HEIGHT {size[1]}",
             "//!WHEN CHROMA.w LUMA.w < CHROMA.h LUMA.h < *", "//!OFFSET ALIGN",
             f"//!COMPUTE {width} {height} {_THREADS} {_THREADS}",
             f"//!DESC ChromaEdge {name.removeprefix('CE_').lower()}"]  # fmt: skip
    return "\n".join(lines) + "\n\n" + body


def _blocks(name: str, binds: Sequence[str], network: Network, groups: int, body: str) -> str:
    """A pass whose texture has so many texels of each block, the border's included."""
    across = columns(groups)
    down = groups // across
    # A border on both sides, in blocks.
    size = f"CHROMA.w {network.halo} + {across} *", f"CHROMA.h {network.halo} + {down} *"
    return _pass(name, binds, size, (across, down), body)


def _number(value: float) -> str:
    """As GLSL takes it for one of floats, on small devices, too."""
    text = f"{value:.7g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _numbers(values: NDArray[np.floating]) -> str:
    return ", ".join(_number(float(value)) for value in values.ravel())


def _vec4(values: NDArray[np.floating]) -> str:
    return f"vec4({_numbers(values)})"


def _read(name: str, groups: int) -> str:
    """A function that reads a texel of a block; beyond the texture its edge repeats."""
    across = columns(groups)
    shape = f"ivec2({across}, {groups // across})"
    return (
        f"vec4 {name}_at(ivec2 at, int group) {{\n"
        f"    at = clamp(at, ivec2(0), ivec2({name}_size) / {shape} - 1);\n"
        f"    at = at * {shape} + ivec2(group % {across}, group / {across});\n"
        f"    return {name}_mul * texelFetch({name}_raw, at, 0);\n}}\n"
    )


def _read_chroma(network: Network, levels: str, border: bool) -> str:
    """A function that reads a sample of the file's chroma at a block, in codes."""
    moved = f" - {network.halo // 2}" if border else ""
    return (
        "vec2 low_at(ivec2 at) {\n"
        f"    at = clamp(at{moved}, ivec2(0), ivec2(HOOKED_size) - 1);\n"
        "    vec2 v = 255.0 * (HOOKED_mul * texelFetch(HOOKED_raw, at, 0)).xy;\n"
        f"    return {_CHROMA[levels]};\n}}\n"
    )


_BEGIN = "void hook() {\n    ivec2 at = ivec2(gl_GlobalInvocationID.xy);\n"


def _store(values: Sequence[str], across: int) -> str:
    shape = f"ivec2({across}, {len(values) // across})"
    return "".join(
        f"    imageStore(out_image, at * {shape} + ivec2({index % across}, {index // across}), "
        f"{value});\n"
        for index, value in enumerate(values)
    )


def _linear(name: str, kernel: Array, source: str) -> str:
    """Four positions ``NAME_cb`` and ``NAME_cr`` of a block, of samples ``SOURCE(at)``."""
    lines = [f"    vec4 {name}_cb = vec4(0.0), {name}_cr = vec4(0.0);\n"]
    for y, x in _TAPS:
        weights = kernel[y + 1, x + 1]
        if weights.any():
            lines.append(
                f"    s = {source}(at + ivec2({x}, {y})).xy;\n"
                f"    {name}_cb += s.x * {_vec4(weights)};\n"
                f"    {name}_cr += s.y * {_vec4(weights)};\n"
            )
    return "".join(lines)


def _planes(network: Network, outside: Around, levels: str) -> str:
    """What the network sees of a block: luma, Cb and Cr at its positions, as whole codes."""
    zero = _number(TASK.inputs[0].zero)
    body = (
        "float luma_at(ivec2 at) {\n"
        "    at = clamp(at, ivec2(0), ivec2(LUMA_size) - 1);\n"
        "    float v = 255.0 * (LUMA_mul * texelFetch(LUMA_raw, at, 0)).x;\n"
        f"    return {_LUMA[levels]};\n}}\n{_read_chroma(network, levels, True)}{_BEGIN}"
        f"    ivec2 first = 2 * (at - {network.halo // 2});\n"
        "    vec4 luma = vec4(luma_at(first), luma_at(first + ivec2(1, 0)),\n"
        "                     luma_at(first + ivec2(0, 1)), luma_at(first + ivec2(1, 1)));\n"
        f"    vec2 s;\n{_linear('base', outside.upsample, 'low_at')}"
    )
    # Of whole codes bilinear is of whole sixteenths: then halves are halves.
    rounded = "round({} * 16.0) / 16.0" if levels == "full" else "{}"
    codes = [f"roundEven({rounded.format(one)}) - {zero}"
             for one in ("luma", "base_cb", "base_cr")]  # fmt: skip
    body += _store(codes, columns(3)) + "}\n"
    return _blocks("CE_PLANES", ("HOOKED", "LUMA"), network, 3, body)


def _layers(network: Network) -> Iterator[str]:
    # Cb of all positions, then Cr, where the task has both at each position.
    apart = np.arange(8).reshape(4, 2).T.ravel()
    seen = np.concatenate([np.arange(4), 4 + apart])
    kernel = network.head.kernel[:, :, seen] / np.float32(TASK.inputs[0].scale)
    head = Convolution("head", kernel, network.head.bias, network.head.relu)
    yield _layer(network, head, "CE_PLANES")
    before = "CE_HEAD"
    for first, second in network.blocks:
        yield _layer(network, first, before)
        yield _layer(network, second, _saved(first), before)
        before = _saved(second)
    tail = network.tail
    answer = Convolution("tail", tail.kernel[..., apart], tail.bias[apart], tail.relu)
    yield _layer(network, answer, before)


def _saved(layer: Convolution) -> str:
    return f"CE_{layer.name.upper()}"


def _layer(network: Network, of: Convolution, source: str, added: str = "") -> str:
    """A pass of a convolution; ``added`` is what its result is added to."""
    inputs, outputs = (count // _GROUP for count in of.kernel.shape[2:])
    groups = range(outputs)
    body = _read(source, inputs) + (_read(added, outputs) if added else "") + _BEGIN
    body += "    vec4 i;\n"
    for out in groups:
        body += f"    vec4 o{out} = {_vec4(of.bias[_GROUP * out :][:_GROUP])};\n"
    for y, x in _TAPS:
        for group in range(inputs):
            body += f"    i = {source}_at(at + ivec2({x}, {y}), {group});\n"
            rows = of.kernel[y + 1, x + 1, _GROUP * group :][:_GROUP]
            for out in groups:
                weights = rows[:, _GROUP * out :][:, :_GROUP]
                body += f"    o{out} += mat4({_numbers(weights)}) * i;\n"
    values = [f"max(o{out}, 0.0)" if of.relu else f"o{out}" for out in groups]
    if added:
        values = [f"{one} + {added}_at(at, {out})" for out, one in enumerate(values)]
    body += _store(values, columns(outputs)) + "}\n"
    binds = [source, added] if added else [source]
    return _blocks(_saved(of), binds, network, outputs, body)


def _correction() -> str:
    """Functions that give the network's answer of a block, at its four positions, in codes."""
    limits = f"{_number(TASK.outputs[0].low)}, {_number(TASK.outputs[0].high)}"
    return _read("CE_TAIL", 2) + "".join(
        f"vec4 {name}_at(ivec2 at) {{\n"
        f"    return {_number(CORRECTION_SCALE)} * clamp(CE_TAIL_at(at, {group}), {limits});\n}}\n"
        for group, name in enumerate(("cb", "cr"))
    )


def _missed(network: Network, outside: Around, levels: str) -> str:
    """The share that is made good of what a block's own chroma would be, and is not."""
    lines = [_read_chroma(network, levels, True), _correction(), _BEGIN,
             "    vec2 missed = vec2(0.0);\n"]  # fmt: skip
    for y, x in _TAPS:
        weight = _left(outside)[y + 1, x + 1]
        if abs(weight) > 1e-7:
            lines.append(f"    missed += {_number(weight)} * low_at(at + ivec2({x}, {y}));\n")
    for y, x in _TAPS:
        weights = outside.downsample[y + 1, x + 1]
        if weights.any():
            there = f"at + ivec2({x}, {y})"
            lines.append(
                f"    missed.x -= dot({_vec4(weights)}, cb_at({there}));\n"
                f"    missed.y -= dot({_vec4(weights)}, cr_at({there}));\n"
            )
    share = f"{_number(outside.share)} * missed"
    lines.append(_store([f"vec4({share}, 0.0, 0.0)"], 1) + "}\n")
    return _blocks("CE_MISSED", ("HOOKED", "CE_TAIL"), network, 1, "".join(lines))


def _left(outside: Around) -> Array:
    """The filter (3, 3) of what bilinear, brought to 4:2:0 again, misses of the file's chroma."""
    both = np.zeros((5, 5))
    for y in range(3):
        for x in range(3):
            both[y : y + 3, x : x + 3] += outside.upsample @ outside.downsample[y, x]
    filters = -both[1:4, 1:4]
    filters[1, 1] += 1.0
    if not np.isclose(both.sum(), both[1:4, 1:4].sum()):
        raise ValueError("bilinear, brought to 4:2:0 again, reaches further than a sample")
    return np.asarray(filters, np.float32)


def _restored(network: Network, outside: Around, levels: str) -> str:
    """Chroma of a block's four pixels, within the bound (``edge_demo.tasks.chroma.Bound``)."""
    bound, border = outside.bound, network.halo // 2
    noise = _number(bound.noise)
    body = (
        _read_chroma(network, levels, False) + _correction() + _read("CE_MISSED", 1)
        + f"vec4 missed_at(ivec2 at) {{\n    return CE_MISSED_at(at + {border}, 0);\n}}\n"
        + "vec4 bounded(vec4 change, float range) {\n"
        f"    vec4 kept = change - clamp(change, -{noise}, {noise});\n"
        f"    float limit = {_number(bound.reach)} * max(range - {_number(bound.idle)}, 0.0);\n"
        "    return clamp(kept, -limit, limit);\n}\n"
        + f"vec4 stored(float cb, float cr) {{\n    vec2 c = vec2(cb, cr);\n"
        f"    return vec4(({_BACK[levels]}) / 255.0, 0.0, 1.0);\n}}\n"
        + _BEGIN + "    vec2 s, lowest = low_at(at), highest = lowest;\n"
    )  # fmt: skip
    for y, x in _TAPS:
        if (y, x) != (0, 0):
            body += (
                f"    s = low_at(at + ivec2({x}, {y}));\n"
                "    lowest = min(lowest, s);\n    highest = max(highest, s);\n"
            )
    body += _linear("base", outside.upsample, "low_at")
    body += _linear("moved", outside.spread, "missed_at")
    for index, name in enumerate(("cb", "cr")):
        change = f"{name}_at(at + {border}) + moved_{name}"
        reach = f"highest[{index}] - lowest[{index}]"
        body += f"    vec4 {name} = base_{name} + bounded({change}, {reach});\n"
    body += _store([f"stored(cb[{place}], cr[{place}])" for place in range(4)], 2) + "}\n"
    binds = "HOOKED", "CE_TAIL", "CE_MISSED"
    return _pass("CHROMA", binds, ("LUMA.w", "LUMA.h"), (2, 2), body)
