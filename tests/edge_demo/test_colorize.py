"""Colour on the device: pictures, folders, hints and fading through untrained networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo import __main__ as command
from edge_demo.colour import profiles
from edge_demo.colour.ab_bins import COUNT
from edge_demo.colour.lab import rgb_to_lab
from edge_demo.device import colorize as device
from edge_demo.device import restorers, selftest
from edge_demo.device.colorize import Colorize
from edge_demo.device.hints import parse_hints, read_hints
from edge_demo.device.picture_file import restore_file
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.measure.results import METRICS
from edge_demo.pictures.images import read_rgb, write_image
from edge_demo.tasks import colorize
from edge_demo.tasks.colorize import Grey, Hint


@pytest.fixture(scope="module")
def grey(photograph: NDArray[np.uint8]) -> Grey:
    return colorize.degrade(photograph)


def saved(path: Path, rgb: NDArray[Any], **metadata: Any) -> Path:
    write_image(path, rgb, **metadata)
    return path


def run(*arguments: object) -> int:
    return command.main([str(argument) for argument in arguments])


# Pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ab", "spread", "hinted"])
def test_lightness_stays_and_colours_come(
    tmp_path: Path, colour_models: dict[str, Path], photograph: NDArray[np.uint8], kind: str
) -> None:
    model = restorers.load(colour_models[kind])
    source, target = saved(tmp_path / "a.png", photograph), tmp_path / "out.png"
    done = restore_file(source, target, model)
    assert done.notes == ("The picture had colours; the model saw its lightness alone.",)
    found, before = (rgb_to_lab(read_rgb(path).rgb) for path in (target, source))
    assert np.abs(found[..., 0] - before[..., 0]).max() < 0.7  # half a code, of the darkest blue
    assert np.abs(found[..., 1:]).max() > 2.0
    ab = model.reconstruct(Grey(before[..., 0].copy())).astype(int) - 128
    # Where sRGB has such a colour at all.
    shown = rgb_to_lab(device.to_rgb(before[..., 0].copy(), ab.astype(np.float32)))
    inside = np.abs(shown[..., 1:] - ab).max(-1) < 1.0
    assert inside.mean() > 0.05
    assert np.median(np.abs(found[..., 1:] - ab)[inside]) < 1.0


def test_a_grey_file_of_16_bits_keeps_them(tmp_path: Path, colour_models: dict[str, Path]) -> None:
    ramp = np.linspace(20_000, 40_000, 128 * 96).astype(np.uint16).reshape(96, 128)
    cv2.imwrite(str(tmp_path / "a.png"), ramp)
    done = restore_file(tmp_path / "a.png", tmp_path / "b.png", restorers.load(colour_models["ab"]))
    assert done.notes == ()
    found = read_rgb(tmp_path / "b.png").rgb
    assert found.dtype == np.uint16 and len(np.unique(found[..., 1])) > 1000
    assert np.ptp(found.astype(int), axis=-1).max() > 100


def linear_of(values: NDArray[Any], power: float) -> NDArray[Any]:
    return np.asarray(values / np.iinfo(values.dtype).max) ** power


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("power", [1.0, 1.8, 2.2])
def test_lightness_is_read_through_a_profile(
    tmp_path: Path, colour_models: dict[str, Path], power: float, depth: Any
) -> None:
    """A scan in Gray Gamma 1.8 or in linear light is not as light as its numbers are in sRGB."""
    down, across = np.mgrid[:96, :128]
    grey = ((30 + down + across) * (np.iinfo(depth).max / 255)).astype(depth)
    icc = profiles.build("a scanner's", profiles.PRIMARIES[1], (power,))
    source = saved(tmp_path / "a.png", np.dstack([grey] * 3), icc=icc)
    done = restore_file(source, tmp_path / "b.png", restorers.load(colour_models["ab"]))
    assert done.notes == ("Its colours were converted to sRGB by its profile (a scanner's).",)
    written = read_rgb(tmp_path / "b.png")
    assert written.icc is None
    luminance = linear_of(grey, power)
    expected = np.where(
        luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27
    )
    codes = written.rgb / np.float32(257) if depth == np.uint16 else written.rgb
    assert np.abs(rgb_to_lab(codes)[..., 0] - expected).max() < 0.7


def test_hidden_pixels_are_neither_seen_nor_coloured(
    tmp_path: Path, colour_models: dict[str, Path], photograph: NDArray[np.uint8]
) -> None:
    model = restorers.load(colour_models["ab"])
    alpha = np.zeros(photograph.shape[:2], np.uint8)
    alpha[10:60, 20:90] = 255
    found = []
    for hidden in (0, 255):
        rgb = np.where((alpha > 0)[..., None], photograph, np.uint8(hidden))
        source = saved(tmp_path / f"{hidden}.png", rgb, alpha=alpha)
        restore_file(source, tmp_path / f"{hidden}_out.png", model)
        found.append(read_rgb(tmp_path / f"{hidden}_out.png").rgb)
        assert (found[-1][alpha == 0] == hidden).all()
    np.testing.assert_array_equal(found[0][alpha > 0], found[1][alpha > 0])
    source = saved(tmp_path / "clear.png", photograph, alpha=np.zeros_like(alpha))
    done = restore_file(source, tmp_path / "clear_out.png", model)
    assert "wholly transparent" in done.notes[0]
    np.testing.assert_array_equal(read_rgb(tmp_path / "clear_out.png").rgb, photograph)


def test_a_folder_is_coloured(
    tmp_path: Path, colour_models: dict[str, Path], photograph: NDArray[np.uint8]
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name, rgb in (("a.png", photograph), ("b.jpg", photograph[::-1].copy())):
        cv2.imwrite(str(source / name), cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    (source / "c.png").write_bytes(b"no picture")
    assert run("run", source, target, "--model", colour_models["ab"]) == 1  # one was skipped
    assert sorted(path.name for path in target.iterdir()) == ["a.png", "b.jpg.png"]
    for path in target.iterdir():
        assert np.ptp(read_rgb(path).rgb.astype(int), axis=-1).max() > 4


def test_no_strength_is_grey_and_less_is_less(colour_models: dict[str, Path], grey: Grey) -> None:
    model = restorers.load(colour_models["ab"])
    strong, weak, none = (
        model.with_options(strength=strength).reconstruct(grey).astype(float) - 128
        for strength in (1.0, 0.5, 0.0)
    )
    assert not none.any() and np.abs(strong).max() > 2
    assert np.abs(weak - strong / 2).max() <= 1.0
    # Of hints, too.
    model, hint = restorers.load(colour_models["hinted"]), Hint(0.5, 0.5, (40.0, -30.0))
    both = Grey(grey.lightness, (hint,))
    half = model.with_options(strength=0.5).reconstruct(both)[64, 80].astype(int) - 128
    assert np.abs(half - (20, -15)).max() <= 3


def test_fading_follows_the_spread(colour_models: dict[str, Path], grey: Grey) -> None:
    model = restorers.load(colour_models["spread"])
    assert isinstance(model, Colorize)
    _, colours = model.answer(grey)
    assert colours.std is not None and colours.std.min() > 0
    middle = float(np.median(colours.std))
    faded = model.with_options(fade=middle).faded(colours)
    share = np.linalg.norm(faded, axis=-1) / np.linalg.norm(colours.ab, axis=-1)
    assert np.allclose(share, 1 / (1 + (colours.std / middle) ** 2), rtol=1e-3)
    assert np.array_equal(model.faded(colours), colours.ab)


def test_colours_that_cannot_be_shown_lose_saturation_alone() -> None:
    lightness = np.full((1, 4), 50.0, np.float32)
    ab = np.array([[[100, -100], [0, 0], [-90, 0], [20, 20]]], np.float32)
    shown = rgb_to_lab(device.to_rgb(lightness, ab))
    assert np.abs(shown[..., 0] - 50).max() < 0.5
    hue = np.arctan2(ab[0, [0, 2], 1], ab[0, [0, 2], 0])
    found = np.arctan2(shown[0, [0, 2], 2], shown[0, [0, 2], 1])
    assert np.abs(np.angle(np.exp(1j * (hue - found)))).max() < 0.03
    assert np.abs(shown[0, [1, 3], 1:] - ab[0, [1, 3]]).max() < 0.5


def test_edges_of_the_lightness_hold_colour() -> None:
    """Two halves, each of its colour: enlarged along the edge nothing bleeds."""
    lightness = np.repeat(np.where(np.arange(256) < 130, 30.0, 80.0)[None], 256, 0)
    lightness = lightness.astype(np.float32)
    ab = np.repeat(np.where(np.arange(16) < 8, -20.0, 20.0)[None], 16, 0)[..., None]
    ab = np.repeat(ab, 2, -1).astype(np.float32)
    ab[:, 8] = (-20 * 2 + 20 * 14) / 16  # the cell that the edge goes through
    coarse = cv2.resize(lightness, (16, 16), interpolation=cv2.INTER_AREA)
    large = np.concatenate([v for _, v in device.enlarged(lightness, coarse, ab)])
    flat = cv2.resize(ab, (256, 256), interpolation=cv2.INTER_LINEAR)
    truth = np.where(lightness == 30, -20.0, 20.0)[..., None]
    assert np.abs(large - truth).mean() < 0.5 * np.abs(flat - truth).mean()


# Hints ---------------------------------------------------------------------------------------


def test_hints_rule_their_places_and_reach_what_is_like_them(
    colour_models: dict[str, Path], photograph: NDArray[np.uint8]
) -> None:
    model = restorers.load(colour_models["hinted"])
    flat = Grey(np.full((120, 160), 55.0, np.float32))
    wanted = [Hint(0.25, 0.2, (40.0, 20.0)), Hint(0.75, 0.8, (-30.0, 25.0))]
    free = model.reconstruct(flat).astype(int)
    ruled = model.reconstruct(Grey(flat.lightness, tuple(wanted)))
    for hint in wanted:
        pixel = int(hint.row * 120), int(hint.column * 160)
        assert np.abs(ruled[pixel].astype(int) - 128 - hint.ab).max() <= 4
        assert np.abs(free[pixel] - 128 - hint.ab).max() > 10
    # Alone, a hint moves its own place most, a far one less, and one of other lightness least.
    lightness = flat.lightness.copy()
    lightness[:, 120:] = 90.0
    both = Grey(lightness), Grey(lightness, (wanted[0],))
    before, after = (model.reconstruct(grey).astype(int) for grey in both)
    moved = np.abs(after - before).max(-1)
    assert moved[30, 32] > 1.3 * moved[100, 100] > 2 * moved[100, 150]


def test_a_file_of_hints(
    tmp_path: Path, colour_models: dict[str, Path], photograph: NDArray[np.uint8]
) -> None:
    source = saved(tmp_path / "a.png", photograph)
    hints = tmp_path / "hints.json"
    hints.write_text(json.dumps({"hints": [{"x": 80, "y": 64, "color": "#4a7bc8", "size": 5}]}))
    (hint,) = read_hints(hints).on(photograph.shape[:2])
    assert hint.side == 5 and int(hint.row * 128) == 64 and int(hint.column * 160) == 80
    assert np.allclose(hint.ab, rgb_to_lab(np.array([[[0x4A, 0x7B, 0xC8]]], np.uint8))[0, 0, 1:])
    target = tmp_path / "b.png"
    command_line = ("run", source, target, "--model", colour_models["hinted"], "--hints", hints)
    assert run(*command_line) == 0
    model = restorers.load(colour_models["hinted"])
    restore_file(source, tmp_path / "c.png", model.with_options(hints=read_hints(hints)))
    assert np.array_equal(read_rgb(target).rgb, read_rgb(tmp_path / "c.png").rgb)
    restore_file(source, tmp_path / "d.png", model)
    assert not np.array_equal(read_rgb(target).rgb, read_rgb(tmp_path / "d.png").rgb)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "hints are"),
        ({"hints": [7]}, "hint 1: an object"),
        ({"hints": [{"x": 1, "y": 1}]}, "hint 1: color is None"),
        ({"hints": [{"x": 1, "y": 1, "color": "blue"}]}, "color is 'blue'"),
        ({"hints": [{"x": 10, "y": 1, "color": "#000000"}]}, r"x is 10, but must be in 0\.\.9"),
        ({"hints": [{"x": "1", "y": 1, "color": "#000000"}]}, "x is '1'"),
        ({"hints": [{"x": 1, "y": 1, "color": "#000000", "size": 0}]}, "size is 0"),
        ({"hints": [{"x": 1, "y": 1, "colour": "#000000"}]}, "'colour' is not known"),
        ({"hints": [{"x": 1, "y": float("nan"), "color": "#000000"}]}, "y is nan"),
    ],
)
def test_bad_hints_are_one_line(document: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        parse_hints(document, (10, 10))


class Listening:
    """A network of 64x64 that answers nothing in particular, and keeps what it was given."""

    tile, halo, takes_codes = 64, 0, False

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def fit(self, height: int, width: int) -> tuple[int, int]:
        return 64, 64

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        self.given = values
        palette = np.full((16, 16, 2 + COUNT), 2 / COUNT - 1, np.float32)
        palette[..., :2] = 0.0
        return {"palette": palette}


@pytest.mark.parametrize("task", [colorize.HINTED, colorize.CARRIED], ids=lambda task: task.variant)
def test_networks_that_carry_hints_are_shown_them(task: colorize.Variant) -> None:
    grey = Grey(np.full((64, 64), 50.0, np.float32), (Hint(0.25, 0.5, (40.0, -20.0)),))
    runner = Listening()
    found = Colorize(task, runner, "network").reconstruct(grey).astype(int) - 128
    assert np.abs(found[16, 32] - (40, -20)).max() <= 2
    shown = runner.given["hinted"]
    if task is colorize.CARRIED:
        assert shown[16, 32, 3] == 1 and np.allclose(shown[16, 32, 1:3] * 110, (40, -20))
        assert not found[40:, :16].any()  # what lies apart is the network's business
    else:
        assert not shown[..., 1:].any()
        assert found[40:, :16, 0].min() > 5


# Colours of the whole picture ----------------------------------------------------------------


def test_a_reference_and_an_average_steer_the_whole_picture(
    tmp_path: Path, colour_models: dict[str, Path], photograph: NDArray[np.uint8]
) -> None:
    source = saved(tmp_path / "a.png", photograph)
    warm = np.zeros((40, 60, 3), np.uint8) + np.array([200, 150, 90], np.uint8)
    reference = saved(tmp_path / "warm.png", warm)
    deep = saved(tmp_path / "warm16.png", warm.astype(np.uint16) * 257)
    found = {}
    for name, options in {
        "plain": (),
        "reference": ("--reference", reference),
        "deep": ("--reference", deep),
        "average": ("--average", "#c8965a"),
    }.items():
        target = tmp_path / f"{name}.png"
        assert run("run", source, target, "--model", colour_models["hinted"], *options) == 0
        found[name] = rgb_to_lab(read_rgb(target).rgb)[..., 1:].mean((0, 1))
    wanted = rgb_to_lab(warm)[0, 0, 1:]
    missed = {name: np.linalg.norm(ab - wanted) for name, ab in found.items()}
    assert max(missed["reference"], missed["average"]) < 0.5 * missed["plain"]
    assert np.array_equal(found["deep"], found["reference"])


def test_references_that_are_refused(
    tmp_path: Path,
    colour_models: dict[str, Path],
    photograph: NDArray[np.uint8],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, target = saved(tmp_path / "a.png", photograph), tmp_path / "b.png"
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), photograph[..., 0])
    for model, options, why in (
        ("spread", ("--reference", source), "tells no chances of colours"),
        ("ab", ("--average", "#c8965a"), "--average: "),
        ("hinted", ("--reference", grey), "has no colours to take"),
        ("hinted", ("--reference", tmp_path / "none.png"), "none.png"),
        ("hinted", ("--average", "red"), "must be like '#4a7bc8'"),
        ("hinted", ("--reference", source, "--average", "#c8965a"), "leave out --average"),
    ):
        assert run("run", source, target, "--model", colour_models[model], *options) == 2
        said = capsys.readouterr().err
        assert why in said and said.count("\n") == 1
    assert not target.exists()


def test_options_of_other_models_are_refused(
    tmp_path: Path,
    colour_models: dict[str, Path],
    tiny_models: dict[str, Path],
    photograph: NDArray[np.uint8],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, target = saved(tmp_path / "a.png", photograph), tmp_path / "b.png"
    missing, none = tmp_path / "none.json", tmp_path / "empty.json"
    none.write_text('{"hints": []}')
    for model, option, why in (
        (colour_models["ab"], ["--hints", none], "takes none"),
        (colour_models["hinted"], ["--hints", missing], "none.json"),
        (colour_models["ab"], ["--fade", "20"], "does not say how sure it is"),
        (colour_models["spread"], ["--fade", "-1"], "--fade is 0"),
        (colour_models["ab"], ["--strength", "2"], "--strength is from 0"),
        (tiny_models["int8"], ["--fade", "20"], "--fade is of the colorize task"),
        (colour_models["ab"], ["--resample"], "--resample is of the chroma task"),
    ):
        assert run("run", source, target, "--model", model, *option) == 2
        said = capsys.readouterr().err
        assert why in said and said.count("\n") == 1
    assert not target.exists()


# Files and figures ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ab", "spread", "hinted"])
def test_files_test_themselves(colour_models: dict[str, Path], kind: str) -> None:
    assert selftest.selftest(colour_models[kind]).ok


def test_figures_of_networks_that_take_hints(
    colour_models: dict[str, Path], photograph: NDArray[np.uint8]
) -> None:
    model = restorers.load(colour_models["hinted"])
    restored = restoration.of(model.task)
    assert restored.respond and restoration.of("colorize").respond is None
    found = restored.respond(photograph, "a.png", model)
    assert set(found) <= set(METRICS)
    assert found["hint_delta_e"] < 5
    assert found["ab_psnr_50"] != found["ab_psnr_1"]
    assert 0 <= found["palette_hits"] <= 1
    assert found == restored.respond(photograph, "a.png", model)


def test_measures_of_truth_and_of_grey(photograph: NDArray[np.uint8]) -> None:
    restored = restoration.of("colorize")
    grey = restored.degrade(photograph, "a.png", None)
    truth = restored.measure(photograph, grey, restored.target(photograph))
    assert truth["ab_psnr"] == np.inf or truth["ab_psnr"] > 90
    assert truth["rgb_psnr"] > 40 and abs(truth["colorfulness_ratio"] - 1) < 0.02
    plain = restored.measure(photograph, grey, restored.baselines()["grey"](grey))
    assert plain["ab_psnr"] < 30 and plain["colorfulness_ratio"] < 0.02


def test_hint_after_hint_asks_the_network_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another hint on the same picture is spread alone; another picture is looked at."""
    model = restorers.load("colorize_unet-lite0.r3.int8", threads=2)
    assert isinstance(model, Colorize)
    asked = []
    real = type(model.runner).run
    monkeypatch.setattr(
        type(model.runner), "run", lambda self, values: asked.append(1) or real(self, values)
    )
    rng = np.random.default_rng(0)
    first, second = (rng.uniform(0, 100, (64, 64)).astype(np.float32) for _ in range(2))
    plain = model.reconstruct(Grey(first))
    hinted = model.reconstruct(Grey(first, (Hint(0.5, 0.5, (40.0, 30.0)),)))
    assert len(asked) == 1 and not np.array_equal(plain, hinted)
    other = model.reconstruct(Grey(second))
    assert len(asked) == 2 and not np.array_equal(plain, other)
    assert np.array_equal(model.reconstruct(Grey(first)), plain) and len(asked) == 3
