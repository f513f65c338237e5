"""Files for other people's players compute what the device does, bound and border included."""

from __future__ import annotations

import builtins
import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour.siting import SITINGS
from edge_demo.device.chroma import Chroma
from edge_demo.tasks import chroma
from edge_demo.tasks.chroma import TASK, Planes
from edge_demo.video.coding import Coding, Tags
from edge_demo.video.reader import Decoded
from export import player, player_glsl, player_onnx
from export.__main__ import main
from keras_models import runs
from studies import ffmpeg_filters
from tests import mistakes
from training.evaluate import KerasRunner

refused = functools.partial(mistakes.refused, "export")
ROOT = Path(__file__).parent.parent.parent
Restored = Callable[[Planes], NDArray[np.float32]]


@pytest.fixture(scope="module")
def network(run_folder: Path) -> player.Network:
    return player.network(run_folder)


def expected(run: Path, planes: Planes) -> NDArray[np.uint8]:
    """What the Keras graph gives behind the task's own functions, on a device."""
    runner = KerasRunner(runs.load_model(run), TASK, player.network(run).halo)
    return Chroma(TASK, runner, "keras").reconstruct(planes)


def presets() -> list[str]:
    """Those that players take, the smallest first."""
    names = [name for name in runs.presets() if name.startswith(f"{player.MODEL}-")]
    floats = [name for name in names if not name.endswith("-qat")]
    return sorted(floats, key=lambda name: runs.model_file(Path(name)).stat().st_size)


def close(found: NDArray[Any], wanted: NDArray[np.uint8]) -> None:
    """Within a code on 99.9 % of pixels."""
    apart = np.abs(found.astype(np.float32) - wanted).max(axis=-1)
    assert (apart <= 1.0).mean() >= 0.999, (apart.max(), (apart > 1.0).mean())


def test_filters_are_those_of_the_task(natural: NDArray[np.uint8]) -> None:
    for siting in SITINGS:
        planes = chroma.degrade(natural, siting)
        around = player.around(siting)
        low = np.pad(planes.cbcr.astype(np.float32), ((1, 1), (1, 1), (0, 0)), "edge")
        rows, columns, _ = planes.cbcr.shape
        blocks = sum(
            low[dy : dy + rows, dx : dx + columns, None] * around.upsample[dy, dx][:, None]
            for dy in range(3)
            for dx in range(3)
        )
        base = chroma.upsample_blocks(planes.cbcr, siting, chroma.REFERENCE)
        np.testing.assert_allclose(blocks.reshape(base.shape), base, atol=1e-4)
        for one in (around.upsample, around.spread):
            np.testing.assert_allclose(one.sum((0, 1)), 1.0, atol=1e-6)
        assert around.downsample.sum() == pytest.approx(1.0)


# ------------------------------------------------------------------------------------------- ONNX


def session(data: bytes) -> Any:
    return pytest.importorskip(
        "onnxruntime", reason="requirements-onnx.txt is not installed"
    ).InferenceSession(data)


def run_onnx(graph: Any, planes: Planes) -> NDArray[np.float32]:
    inputs = {
        "luma": planes.y[None, None].astype(np.float32),
        "chroma": planes.cbcr.transpose(2, 0, 1)[None].astype(np.float32),
    }
    (out,) = graph.run(["restored"], inputs)
    return np.asarray(out[0].transpose(1, 2, 0))


@pytest.mark.parametrize("siting", SITINGS)
def test_onnx_gives_what_keras_gives(
    siting: str, network: player.Network, run_folder: Path, natural: NDArray[np.uint8]
) -> None:
    pytest.importorskip("onnx", reason="requirements-onnx.txt is not installed")
    graph = session(player_onnx.written(network, siting))
    for piece in (natural, natural[:95, :127], natural[:1, :2], natural[40:43, 50:51]):
        planes = chroma.degrade(np.ascontiguousarray(piece), siting)
        wanted = expected(run_folder, planes)
        found = run_onnx(graph, planes)
        assert found.dtype == np.float32 and found.shape == wanted.shape
        close(chroma.rounded(found), wanted)
        if piece is natural:
            bilinear = chroma.unpack(chroma.upsample_blocks(planes.cbcr, siting, "bilinear"))
            assert np.abs(wanted - bilinear).mean() > 0.5  # there was something to compute


def test_onnx_of_every_preset_and_grey(natural: NDArray[np.uint8]) -> None:
    pytest.importorskip("onnx", reason="requirements-onnx.txt is not installed")
    names = presets()
    assert names
    planes = chroma.degrade(natural, "left")
    grey = Planes(planes.y, np.full_like(planes.cbcr, 128), "left")
    for name in names:
        graph = session(player_onnx.written(player.network(Path(name)), "left"))
        close(chroma.rounded(run_onnx(graph, planes)), expected(Path(name), planes))
        assert (run_onnx(graph, grey) == 128).all()


def test_the_command_writes_a_card_and_the_page_shows_how_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx", reason="requirements-onnx.txt is not installed")
    pytest.importorskip("onnxruntime", reason="requirements-onnx.txt is not installed")
    out = tmp_path / "chroma.onnx"
    arguments = ["player", "chroma_residual-s.r1", "--format", "onnx", "--siting", "center"]
    assert main([*arguments, "--out", str(out)]) == 0
    assert f"wrote {out}" in capsys.readouterr().out
    kept = session(out.read_bytes()).get_modelmeta().custom_metadata_map
    card = json.loads(kept["card"])
    assert (card["preset"], card["siting"]) == ("chroma_residual-s.r1", "center")
    assert card["contract"] == TASK.contract
    record = runs.read_record(Path("chroma_residual-s.r1"))
    assert kept["terms"] == card["training"]["terms"] == record["terms"]

    page = (ROOT / "docs" / "chroma.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/chroma.md", "exec"), {})
    assert capsys.readouterr().out == f"(1, 2, 480, 639) {record['terms']}\n"


def test_without_onnx_the_command_says_what_to_install(
    tmp_path: Path,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    out = tmp_path / "a.onnx"
    line = refused(capfd, "player", run_folder, "--format", "onnx", "--out", out)
    assert "pip install -r requirements-onnx.txt" in line and not out.exists()


# ----------------------------------------------------------------------------------- user shaders


def directives(text: str) -> list[tuple[dict[str, list[str]], str]]:
    """Each pass of a shader: its directives, and its code."""
    found = []
    for part in text.split("//!HOOK ")[1:]:
        head, _, code = f"HOOK {part}".partition("\n\n")
        kept: dict[str, list[str]] = {}
        for line in head.replace("//!", "").splitlines():
            name, _, value = line.partition(" ")
            kept.setdefault(name, []).append(value)
        found.append((kept, code))
    return found


def polish(expression: str, sizes: dict[str, tuple[int, int]]) -> int:
    """The value of a size of mpv's."""
    stack: list[int] = []
    for word in expression.split():
        if word in "+*<":
            b, a = stack.pop(), stack.pop()
            stack.append({"+": a + b, "*": a * b, "<": int(a < b)}[word])
        elif word.isdecimal():
            stack.append(int(word))
        else:
            name, _, side = word.partition(".")
            stack.append(sizes[name]["wh".index(side)])
    (value,) = stack
    return value


def numbers(text: str) -> NDArray[np.float32]:
    return np.array([float(one) for one in text.split(",")], np.float32)


OFFSET = r"at \+ ivec2\((-?\d), (-?\d)\)"
TAP = re.compile(rf"i = (\w+)_at\({OFFSET}, (\d+)\);|o(\d+) \+= mat4\(([^)]*)\) \* i;")
STORE = re.compile(r"imageStore\(.*?, (max\()?o\d+(?:, 0.0\))?(?: \+ (\w+)_at\(at, \d+\))?\);")


def shifted(values: NDArray[np.float32], x: int, y: int) -> NDArray[np.float32]:
    """What a pass reads at an offset, the edge repeated."""
    rows, columns = values.shape[:2]
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), "edge")
    return padded[1 + y : 1 + y + rows, 1 + x : 1 + x + columns]


def layer(code: str, textures: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """What a pass of a convolution computes, read off its text."""
    biases = re.findall(r"vec4 o\d+ = vec4\(([^)]*)\);", code)
    seen: NDArray[np.float32] | None = None
    first = textures[next(TAP.finditer(code))[1]]
    outputs = [np.broadcast_to(numbers(one), (*first.shape[:2], 4)).copy() for one in biases]
    for tap in TAP.finditer(code):
        if tap[1]:
            texels = textures[tap[1]][..., 4 * int(tap[4]) :][..., :4]
            seen = shifted(texels, int(tap[2]), int(tap[3]))
        else:
            assert seen is not None
            outputs[int(tap[5])] += seen @ numbers(tap[6]).reshape(4, 4)
    stores = STORE.findall(code)
    assert len(stores) == len(outputs)
    relu, added = stores[0]
    result = np.concatenate(outputs, axis=-1)
    result = np.maximum(result, 0.0) if relu else result
    return result + textures[added] if added else result


@pytest.mark.parametrize("name", ["", "chroma_residual-s.r1"])
def test_the_shader_holds_the_network(
    name: str, run_folder: Path, natural: NDArray[np.uint8]
) -> None:
    """Its passes fit together, and the weights in their text compute what Keras computes."""
    run = Path(name) if name else run_folder
    network = player.network(run)
    passes = directives(player_glsl.written(network, "center", "full"))
    border = network.halo // 2

    planes = chroma.degrade(natural)
    height, width = planes.size
    sizes = {"LUMA": (width, height), "CHROMA": (width // 2, height // 2)}
    wide = Planes(
        np.pad(planes.y, network.halo, "edge"),
        np.pad(planes.cbcr, ((border, border), (border, border), (0, 0)), "edge"),
    )
    blocks = wide.cbcr.shape[1], wide.cbcr.shape[0]
    values = TASK.encode(wide)["planes"]
    apart = np.r_[0:4, 4:12:2, 5:12:2]  # luma, Cb, Cr
    textures = {"CE_PLANES": np.rint(values * 255)[..., apart].astype(np.float32)}
    for place, (head, code) in enumerate(passes):
        assert head["HOOK"] == ["CHROMA"] and head["OFFSET"] == ["ALIGN"]
        assert set(head["BIND"]) <= {"HOOKED", *sizes}
        used = set(re.findall(r"\b(\w+)_raw\b", code))
        assert used == set(head["BIND"])
        assert polish(head["WHEN"][0], sizes) == 1
        (saved,) = head["SAVE"]
        size = polish(head["WIDTH"][0], sizes), polish(head["HEIGHT"][0], sizes)
        across, down, *threads = map(int, head["COMPUTE"][0].split())
        assert threads == [8, 8]
        texels = len(re.findall(r"imageStore\(", code))
        assert across * down == 64 * texels
        if saved == "CHROMA":
            assert (place, size) == (len(passes) - 1, (width, height))
        else:
            assert size == (blocks[0] * across // 8, blocks[1] * down // 8)
            sizes[saved] = size
        if "mat4" in code:
            textures[saved] = layer(code, textures)
    expected_tail = runs.load_model(run)(values[None], training=False)[0].numpy()
    inside = np.s_[border:-border, border:-border]
    found = np.clip(textures["CE_TAIL"], -1, 1)[inside]
    wanted = expected_tail[..., [0, 2, 4, 6, 1, 3, 5, 7]][inside]
    np.testing.assert_allclose(found, wanted, atol=2e-4)
    assert np.abs(wanted).max() > 0.05


@pytest.mark.parametrize("siting", SITINGS)
def test_the_shader_holds_what_surrounds_it(siting: str, network: player.Network) -> None:
    """Filters and the bound, as the last passes have them."""
    text = player_glsl.written(network, siting, "limited")
    (_, missed), (_, last) = directives(text)[-2:]
    around = player.around(siting)

    def filters(code: str, pattern: str) -> NDArray[np.float32]:
        out = np.zeros((3, 3, 4), np.float32)
        for x, y, values in re.findall(pattern, code):
            out[int(y) + 1, int(x) + 1] = numbers(values)
        return out

    for name, source, wanted in (("base", "low_at", around.upsample),
                                 ("moved", "missed_at", around.spread)):  # fmt: skip
        for channel, part in (("cb", "x"), ("cr", "y")):
            pattern = (
                rf"s = {source}\({OFFSET}\)\.xy;(?:\n.*)?\n    {name}_{channel} \+= "
                rf"s\.{part} \* vec4\(([^)]*)\);"
            )
            np.testing.assert_allclose(filters(last, pattern), wanted, atol=1e-6)
    pairs = re.findall(rf"dot\(vec4\(([^)]*)\), cb_at\({OFFSET}\)\)", missed)
    there = np.zeros((3, 3, 4), np.float32)
    for values, x, y in pairs:
        there[int(y) + 1, int(x) + 1] = numbers(values)
    np.testing.assert_allclose(there, around.downsample, atol=1e-6)
    own = [float(one) for one in re.findall(r"missed \+= ([^ ]+) \*", missed)]
    assert sum(own) == pytest.approx(0.0, abs=1e-6) and max(own) > 0.2
    bound = around.bound
    assert f"{bound.reach} * max(range - {bound.idle}, 0.0)" in last
    assert f"clamp(change, -{bound.noise}, {bound.noise})" in last


def test_the_head_of_a_shader_says_whose_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "chroma.glsl"
    arguments = ["player", "chroma_residual-s.r1", "--format", "glsl", "--out", str(out)]
    assert main(arguments) == 0
    head = out.read_text().partition("//!")[0]
    assert all(line.startswith("// ") for line in head.splitlines() if line)
    card = json.loads(head.partition("// card: ")[2])
    assert (card["siting"], card["range"]) == ("left", "limited")
    said = " ".join(line.removeprefix("// ") for line in head.splitlines())
    assert card["training"]["terms"] in said
    line = refused(capfd, "player", "chroma_residual-s.r1", "--format", "onnx", "--range", "full",
                   "--out", tmp_path / "a.onnx")  # fmt: skip
    assert "--range is of glsl" in line


needs_libplacebo = pytest.mark.skipif(
    bool(ffmpeg_filters.lacking()), reason=ffmpeg_filters.lacking()
)


@needs_libplacebo
@pytest.mark.parametrize("siting", SITINGS)
def test_libplacebo_gives_what_keras_gives(
    siting: str, network: player.Network, run_folder: Path, natural: NDArray[np.uint8]
) -> None:
    planes = chroma.degrade(natural, siting)
    wanted = expected(run_folder, planes)
    found = ffmpeg_filters.shaded(player_glsl.written(network, siting, "full"), planes, "full")
    assert (found[..., 0] == planes.y).all()
    close(found[..., 1:], wanted)
    plain = ffmpeg_filters.shaded("", planes, "full")
    assert (np.abs(plain[..., 1:] - found[..., 1:].astype(int)).max(-1) > 1).mean() > 0.05


@needs_libplacebo
def test_libplacebo_keeps_grey_and_limited_range(natural: NDArray[np.uint8]) -> None:
    run = Path(presets()[0])
    network = player.network(run)
    full = chroma.degrade(natural, "left")
    limited = limited_range(full)
    shader = player_glsl.written(network, "left", "limited")
    stored = Planes(limited.y, limited.cbcr, "left")
    found = ffmpeg_filters.shaded(shader, stored, "limited")
    frame = limited.frame()
    runner = KerasRunner(runs.load_model(run), TASK, network.halo)
    restorer = Chroma(TASK, runner, "keras")
    done = restorer.apply(frame, restorer.find(frame))
    close(found[..., 1:], limited.coding.chroma_planes(done.cbcr))

    grey = Planes(limited.y, np.full_like(limited.cbcr, 128), "left")
    assert (ffmpeg_filters.shaded(shader, grey, "limited")[..., 1:] == 128).all()


def limited_range(planes: Planes) -> Decoded:
    """Full-range planes as a video of limited range has them."""
    coding = Coding("4:2:0", 8, False, "bt601", planes.siting, Tags(6, 2, 2, 1))
    return Decoded(coding.luma_plane(planes.y), coding.chroma_planes(planes.cbcr), coding, 0, 1)


# --------------------------------------------------------------------------------------- mistakes


def test_what_no_player_takes_is_refused(
    tmp_path: Path, qat_folder: Path, run_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "player"
    for run in ("chroma_bitrate-s.r2", "enhance_zerodce-lite.r2", qat_folder):
        line = refused(capfd, "player", run, "--format", "onnx", "--out", out)
        assert "chroma_residual, in floats" in line and "chroma_residual-s.r1" in line
    assert "no such run" in refused(capfd, "player", "none", "--format", "onnx", "--out", out)
    assert not out.exists()
    out.write_text("mine")
    line = refused(capfd, "player", run_folder, "--format", "onnx", "--out", out)
    assert "exists already" in line and out.read_text() == "mine"
