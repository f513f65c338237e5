"""Pictures in low light through one graph: every size, no seams, and what is bright stays so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.device import enhance as device
from edge_demo.device.enhance import Enhance
from edge_demo.errors import UserError
from edge_demo.measure import metrics
from edge_demo.tasks import enhance

Array = NDArray[np.float32]
MULTIPLE = enhance.TASK.size_multiple


class Network:
    """A graph that answers with a function of its input, of any size or of one."""

    tile, halo, takes_codes = 512, 0, False

    def __init__(self, name: str, answer: Callable[[Array], Array], static: int = 0) -> None:
        self.name, self._answer, self._static = name, answer, static
        self.seen: list[Array] = []
        self.fitted = (0, 0)

    def fit(self, height: int, width: int) -> tuple[int, int]:
        self.fitted = (self._static, self._static) if self._static else (height, width)
        return self.fitted

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        (picture,) = values.values()
        assert picture.shape == (*self.fitted, 6)
        self.seen.append(picture)
        return {self.name: self._answer(picture)}


def lifting(static: int = 0) -> Network:
    """Answers with the lifted channels: brighter, and each pixel by itself."""
    return Network("enhanced", lambda picture: picture[..., 3:], static)


def curving(downscale: int = 1, maps: int = 24) -> Network:
    def answer(picture: Array) -> Array:
        height, width = (side // downscale for side in picture.shape[:2])
        return np.full((height, width, maps), 0.5, np.float32)

    return Network("curves", answer)


def restorer(network: Network) -> Enhance:
    # Networks of curves differ in their maps' number and size, which are seen.
    task = enhance.TASK if network.name == "enhanced" else enhance.CURVES
    return Enhance(task, network, "network")


def enhance_picture(
    picture: NDArray[Any], network: Network, seen: NDArray[np.bool_] | None = None, **options: Any
) -> NDArray[Any]:
    return restorer(network).with_options(**options).reconstruct(picture, seen=seen)


@pytest.fixture
def dark(natural: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return natural // 8


def smooth(height: int, width: int, low: int = 2, high: int = 40) -> NDArray[np.uint8]:
    """A dark picture without edges, the same at every size."""
    knots = np.random.default_rng(3).integers(low, high, (5, 5, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


SIZES = [(8, 8), (9, 8), (8, 23), (33, 47), (64, 48), (101, 150)]


@pytest.mark.parametrize("network", [lifting, curving, lambda: curving(8, 3)])
@pytest.mark.parametrize("size", SIZES)
def test_every_size(size: tuple[int, int], network: Callable[[], Network]) -> None:
    picture, runner = smooth(*size), network()
    found = enhance_picture(picture, runner)
    assert found.shape == picture.shape and found.dtype == np.uint8
    assert found.mean() > picture.mean() + 5
    for taken, given in zip(runner.fitted, size, strict=True):
        assert taken % MULTIPLE == 0 and 0 <= taken - given < MULTIPLE


def test_a_picture_is_not_changed_by_its_padding(dark: NDArray[np.uint8]) -> None:
    """A network that looks at each pixel by itself gives the same in a larger picture."""
    whole = enhance_picture(dark, lifting())
    expected = laid_over(dark, enhance.encode(dark)["picture"][..., 3:] * 255.0)
    assert np.abs(whole - expected).max() <= 0.5
    odd = enhance_picture(dark[:61, :75], lifting())
    assert np.array_equal(odd, whole[:61, :75])


def test_what_lies_beyond_the_picture_repeats_its_edge(dark: NDArray[np.uint8]) -> None:
    runner = lifting()
    enhance_picture(dark[:61, :75], runner)
    (seen,) = runner.seen
    assert seen.shape == (64, 80, 6) and 64 % MULTIPLE == 80 % MULTIPLE == 0
    assert np.array_equal(seen[:61, :75], enhance.encode(dark[:61, :75])["picture"])
    assert np.all(seen[61:] == seen[60]) and np.all(seen[:, 75:] == seen[:, 74:75])


def test_a_large_picture_is_reduced_and_shows_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three megapixels equal what a graph without a limit gives: no grid, no seam."""
    picture = smooth(1536, 2048)
    runner = lifting()
    found = enhance_picture(picture, runner)
    height, width = runner.fitted
    least = (height - MULTIPLE) * (width - MULTIPLE)
    assert least <= device.MAX_PIXELS < height * width * 1.05
    monkeypatch.setattr(device, "MAX_PIXELS", picture.size)
    whole = enhance_picture(picture, lifting())
    assert runner.fitted != picture.shape[:2]
    # What is lifted from a few dark codes has steps of its own, which a reduced picture smooths.
    apart = found.astype(int) - whole
    assert np.abs(apart).mean() < 1 and np.abs(cv2.blur(apart.astype(np.float32), (9, 9))).max() < 4
    for axis in (0, 1):
        change = np.abs(np.diff(found.astype(int), axis=axis)).mean(axis=(1 - axis, 2))
        assert change.max() < 3 * np.median(change) + 1


def test_detail_that_the_network_did_not_see_comes_from_the_picture(
    natural: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = natural // 4
    native = enhance_picture(picture, lifting())
    monkeypatch.setattr(device, "MAX_PIXELS", picture[..., 0].size // 4)
    runner = lifting()
    reduced = enhance_picture(picture, runner)
    assert runner.fitted == (48, 64)
    height, width = picture.shape[:2]
    plain = cv2.resize(
        runner.seen[0][..., 3:] * 255, (width, height), interpolation=cv2.INTER_CUBIC
    )
    plain = np.rint(laid_over(picture, plain)).astype(np.uint8)
    assert metrics.psnr(reduced, native) > metrics.psnr(plain, native) + 3


@pytest.mark.parametrize("size", [(40, 90), (90, 40), (32, 32), (200, 300)])
def test_a_graph_of_fixed_size_is_given_the_picture_within(size: tuple[int, int]) -> None:
    picture, runner = smooth(*size), lifting(static=64)
    found = enhance_picture(picture, runner)
    assert runner.seen[0].shape == (64, 64, 6) and found.shape == picture.shape
    whole = enhance_picture(picture, lifting())
    assert np.abs(found.astype(int) - whole).mean() < 2.5
    if max(size) <= 64:
        assert np.array_equal(found, whole)


@pytest.mark.parametrize("size", [(200, 300), (300, 200), (64, 66)])
def test_a_reduced_picture_ends_before_a_graph_of_fixed_size_does(size: tuple[int, int]) -> None:
    """What convolutions see beyond the graph, zeros, does not reach the picture."""

    def darkened_at_the_edge(picture: Array) -> Array:
        values = picture[..., 3:].copy()
        values[:8] = values[-8:] = values[:, :8] = values[:, -8:] = 0.0
        return values

    picture = np.full((*size, 3), 25, np.uint8)
    picture[::7, ::5] = 21
    runner = Network("enhanced", darkened_at_the_edge, static=64)
    found = enhance_picture(picture, runner)
    assert runner.seen[0].shape == (64, 64, 6)
    whole = enhance_picture(picture, lifting())
    assert np.abs(found.astype(int) - whole).mean() < 2.5
    assert found.min() > picture.max()


def test_curves_reach_every_pixel_of_a_reduced_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = smooth(120, 150)
    whole = enhance_picture(picture, curving())
    monkeypatch.setattr(device, "MAX_PIXELS", 4000)
    for runner in (curving(), curving(8, 3)):
        # They are applied at full size, so nothing is lost.
        assert np.array_equal(enhance_picture(picture, runner), whole)
        assert runner.fitted[0] < 80


def test_maps_of_a_padded_picture_lie_where_they_belong() -> None:
    """Cells of an eighth do not end where the picture does."""

    def ramp(picture: Array) -> Array:
        rows = np.linspace(0, 0.8, picture.shape[0] // 8, dtype=np.float32)
        return np.broadcast_to(rows[:, None, None], (len(rows), picture.shape[1] // 8, 3))

    height, width = 3 * MULTIPLE + 9, 2 * MULTIPLE
    picture = np.full((height, width, 3), 25, np.uint8)
    picture[:, 0], picture[:, 1] = 20, 30
    found = enhance_picture(picture, Network("curves", ramp)).astype(float).mean(axis=(1, 2))
    padded = np.pad(picture, ((0, MULTIPLE - 9), (0, 0), (0, 0)), mode="edge")
    expected = enhance_picture(padded, Network("curves", ramp)).astype(float).mean(axis=(1, 2))
    assert np.abs(found - expected[:height]).max() <= 1 and np.ptp(expected) > 20


def test_by_day_nothing_happens(natural: NDArray[np.uint8]) -> None:
    bright = np.clip(natural.astype(int) + 90, 0, 255).astype(np.uint8)
    assert enhance.darkness(bright) == 0
    runner = lifting()
    found = enhance_picture(bright, runner)
    assert np.array_equal(found, bright) and found is not bright and not runner.seen


def test_strength_is_from_nothing_to_all(dark: NDArray[np.uint8]) -> None:
    runner = lifting()
    assert np.array_equal(enhance_picture(dark, runner, strength=0.0), dark) and not runner.seen
    means = [
        enhance_picture(dark, lifting(), strength=s).mean() for s in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    steps = np.diff(means)
    assert np.all(steps > 0) and np.ptp(steps) < 1
    pixels = [enhance_picture(dark, lifting(), strength=s).astype(int) for s in (0.3, 0.6, 1.0)]
    assert np.all(pixels[0] <= pixels[1]) and np.all(pixels[1] <= pixels[2])
    for wrong in (-0.1, 1.1):
        with pytest.raises(UserError, match="--strength is from 0"):
            enhance_picture(dark, lifting(), strength=wrong)


def test_brightness_is_beside_what_the_model_makes(
    dark: NDArray[np.uint8], natural: NDArray[np.uint8]
) -> None:
    plain = enhance_picture(dark, lifting())
    assert np.array_equal(enhance_picture(dark, lifting(), brightness=1.0), plain)
    some = [enhance_picture(dark, lifting(), brightness=b).astype(int) for b in (0.5, 2.0)]
    assert np.all(some[0] <= plain) and np.all(plain <= some[1])
    assert some[0].mean() < 0.9 * plain.mean() and some[1].mean() > 1.1 * plain.mean()
    # Black stays, and nothing reaches white that was not white.
    assert np.all(some[1][plain == 0] == 0)
    assert np.array_equal(some[1] == 255, plain == 255)
    # What is told to be darker or brighter is, by day as well; by night as it was, if told so.
    bright = np.clip(natural.astype(int) + 90, 0, 255).astype(np.uint8)
    runner = lifting()
    assert enhance_picture(bright, runner, brightness=0.5).mean() < 0.9 * bright.mean()
    assert not runner.seen
    off = enhance_picture(dark, runner, strength=0.0, brightness=2.0)
    assert np.array_equal(off, dark) and not runner.seen
    for wrong in (0.0, 4.1, float("nan")):
        with pytest.raises(UserError, match=r"--brightness is from 0\.25"):
            enhance_picture(dark, runner, brightness=wrong)


def test_a_brightness_is_taken_back_by_its_reciprocal() -> None:
    ramp = np.linspace(0, 255, 300, dtype=np.float32).reshape(10, 10, 3)
    for brightness in (0.25, 0.7, 1.0, 3.0):
        there = enhance.exposed(ramp, brightness)
        assert np.all(np.diff(there.ravel()) > 0)
        assert there.min() == 0 and there.max() == pytest.approx(255)
        assert enhance.exposed(there, 1 / brightness) == pytest.approx(ramp, abs=1e-3)
        dark = np.full((1, 1, 3), 0.1, np.float32)
        assert enhance.exposed(dark, brightness) == pytest.approx(0.1 * brightness, rel=0.01)


def test_a_lamp_in_the_night_keeps_its_light(dark: NDArray[np.uint8]) -> None:
    picture = dark.copy()
    picture[10:20, 30:44] = 255
    picture[10:20, 44:50] = 250
    found = enhance_picture(picture, Network("enhanced", lambda p: np.ones_like(p[..., :3])))
    assert (found[10:20, 30:44] == 255).all()
    assert (found[10:20, 44:50] == 254).all()  # white only where it was
    assert (found == 255).mean() <= (picture == 255).mean()


def test_half_dark_half_bright(dark: NDArray[np.uint8]) -> None:
    """One amount for all of a picture: no border arises between its halves."""
    picture = np.concatenate([dark, dark + 200], axis=1)
    amount = enhance.darkness(picture)
    assert enhance.darkness(dark) == 1 and amount < 1
    found = enhance_picture(picture, lifting()).astype(float)
    lifted = enhance.encode(picture)["picture"][..., 3:] * 255.0
    assert np.abs(found - laid_over(picture, lifted, amount)).max() <= 0.5
    half = found[:, : dark.shape[1]]
    assert (half.mean() > dark.mean() + 5) == (amount > 0.1)


def test_more_than_8_bits_are_kept(dark: NDArray[np.uint8]) -> None:
    fine = dark.astype(np.float32) + np.linspace(0, 0.99, dark.shape[1], dtype=np.float32)[:, None]
    found = enhance_picture(fine, curving())
    assert found.dtype == np.float32 and len(np.unique(found)) > 300
    whole = enhance_picture(np.rint(fine).astype(np.uint8), curving())
    assert np.abs(found - whole).mean() < 3
    day = np.full((16, 16, 3), 200.25, np.float32)
    assert np.array_equal(enhance_picture(day, curving()), day)


@pytest.mark.parametrize("maps", [3, 24])
@pytest.mark.parametrize("size", [(300, 200), (75, 50), (38, 25)])
def test_curves_are_iterated_as_published(size: tuple[int, int], maps: int) -> None:
    """In strips, with maps enlarged strip by strip."""
    rng = np.random.default_rng(5)
    stretched = rng.uniform(0, 1, (300, 200, 3)).astype(np.float32)
    curves = rng.uniform(-1, 1, (*size, maps)).astype(np.float32)
    assert stretched[..., 0].size > enhance._STRIP
    expected = stretched.copy()
    for index in range(8):
        part = curves[..., (3 * index) % maps :][..., :3]
        a = cv2.resize(np.ascontiguousarray(part), (200, 300), interpolation=cv2.INTER_LINEAR)
        expected = expected + a * expected * (1 - expected)
    assert np.abs(enhance.apply_curves(stretched, curves) - expected).max() < 1e-5


def test_progress_is_told_of_one_piece(dark: NDArray[np.uint8]) -> None:
    seen: list[tuple[int, int]] = []
    restorer(lifting()).reconstruct(dark, lambda *at: seen.append(at))
    assert seen == [(1, 1)]


def test_what_curves_brighten_is_smoothed_but_for_its_edges() -> None:
    rng = np.random.default_rng(0)
    dark = np.full((64, 64, 3), 6.0) + (np.arange(64)[None, :, None] >= 32) * 12.0
    noisy = np.clip(np.rint(dark + rng.normal(0, 1, dark.shape)), 0, 255).astype(np.uint8)
    curves = np.full((8, 8, 3), 0.5, np.float32)
    plain = enhance.apply_curves(noisy / np.float32(255), curves) * 255
    smooth = enhance.CURVES.decode({"curves": curves}, noisy)
    for half in (np.s_[:, :30], np.s_[:, 34:]):
        assert smooth[half].std() < 0.65 * plain[half].std()
        assert abs(smooth[half].mean() - plain[half].mean()) < 1.0
    step = smooth[:, 32:34].mean() - smooth[:, 30:32].mean()
    assert step > 0.8 * (plain[:, 34:].mean() - plain[:, :30].mean())


def test_curves_that_darken_or_do_nothing_smooth_nothing() -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for value in (0.0, -0.3):
        curves = np.full((4, 4, 3), value, np.float32)
        plain = enhance.apply_curves(noisy / np.float32(255), curves) * 255
        np.testing.assert_allclose(
            enhance.CURVES.decode({"curves": curves}, noisy), plain, atol=1e-3
        )


def framed(picture: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    return np.pad(picture, ((width, width), (width, width), (0, 0)))


def test_a_frame_is_neither_judged_nor_changed(
    dark: NDArray[np.uint8], natural: NDArray[np.uint8]
) -> None:
    inside = np.s_[40:-40, 40:-40]
    by_day = framed(natural, 40)
    assert enhance.darkness(by_day) > 0.0 == device.darkness(by_day)
    network = lifting()
    np.testing.assert_array_equal(enhance_picture(by_day, network), by_day)
    assert not network.seen
    found = enhance_picture(framed(dark, 40), lifting())
    np.testing.assert_array_equal(found[inside], enhance_picture(dark, lifting()))
    found[inside] = 0
    assert not found.any()


@pytest.mark.parametrize("hidden", [0, 255])
def test_hidden_pixels_are_neither_judged_nor_changed(
    dark: NDArray[np.uint8], natural: NDArray[np.uint8], hidden: int
) -> None:
    seen = np.zeros(dark.shape[:2], bool)
    seen[16:80, 32:96] = True
    night, day = (np.where(seen[..., None], p, hidden).astype(np.uint8) for p in (dark, natural))
    assert device.darkness(day, seen) == 0.0 < device.darkness(night, seen)
    np.testing.assert_array_equal(enhance_picture(day, lifting(), seen=seen), day)
    found = enhance_picture(night, lifting(), seen=seen)
    np.testing.assert_array_equal(found[~seen], night[~seen])
    np.testing.assert_array_equal(found[seen], enhance_picture(dark, lifting())[seen])
    nothing = np.zeros_like(seen)
    np.testing.assert_array_equal(enhance_picture(night, lifting(), seen=nothing), night)


def test_a_dark_source_of_16_bits_keeps_its_levels() -> None:
    """600 levels in 32 codes leave as 600, in their order but for less than half a code."""
    levels = np.linspace(0, 32 * 257, 600).astype(np.uint16)
    ramp = np.tile(levels[None, :, None], (32, 1, 3)) / np.float32(257)
    found = enhance_picture(ramp, lifting())
    written = np.rint(found * 257).astype(np.uint16)[0, :, 0]
    assert len(np.unique(written)) >= 590
    assert np.diff(found[0, :, 0]).min() > -0.5
    # And as bright as the picture of whole codes.
    whole = enhance_picture(np.rint(ramp).astype(np.uint8), lifting())
    assert np.abs(found[:, 100:] - whole[:, 100:]).max() < 6


def night(*pixels: tuple[float, float, float]) -> NDArray[np.uint8]:
    return np.array([pixels], np.uint8)


def test_a_lamp_and_a_blue_sky_keep_their_colour() -> None:
    """Though the network makes both yellow and cyan, by channels that are full."""
    lamp, sky = (255, 140, 30), (60, 110, 190)
    found = laid_over(night(lamp, sky), np.float32([[[255, 240, 60], [140, 230, 254]]]))
    np.testing.assert_allclose(found[0, 0], lamp, atol=1)
    shares = found[0, 1] / found[0, 1].max()
    assert np.abs(shares - np.array(sky) / 190).max() < 0.12 and found[0, 1].max() > 230


def test_what_is_brighter_stays_brighter() -> None:
    """No dark core in a lamp whose glow is brightened."""
    greys = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, -1)
    lifted = 255 * (greys / 255.0) ** 0.4
    found = laid_over(greys, lifted.astype(np.float32))[0, :, 0]
    assert np.diff(found).min() >= 0 and found[128] > 180 and found[254] <= 254
    np.testing.assert_allclose(found[:80], lifted[0, :80, 0], atol=1)


@pytest.mark.parametrize("gain", [1.5, 2.6, 3.0, 8.0])
def test_a_white_keeps_its_shape_at_every_gain(gain: float) -> None:
    """No dark core in a lamp whose glow is brightened, and no flat one where there is room."""
    greys = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, -1)
    lifted = np.minimum(gain * greys.astype(np.float32), 255.0)
    found = laid_over(greys, lifted)[0, :, 0]
    assert np.diff(found).min() >= -0.5 and found[254] <= 254
    np.testing.assert_allclose(found[:70], lifted[0, :70, 0], atol=1)
    if gain < 3.0:  # the network alone leaves a white without any shape
        assert found[200] - found[150] > 5
        assert gain == 1.5 or lifted[0, 200, 0] == lifted[0, 150, 0]


def test_the_shoulder_makes_no_edge() -> None:
    """Of a colour that the network lifts more than others a smooth ramp stays smooth."""
    ramp = np.arange(256, dtype=np.uint8)
    colour = ramp[None, :, None] * np.float32([1.0, 0.8, 0.2])
    lifted = np.minimum(colour * np.float32(4.0), 255.0)
    found = enhance.blend(np.rint(colour).astype(np.uint8), lifted, 1.0, 0.7)[0, 40:, 0]
    assert np.abs(np.diff(found)).max() < 8 and found.min() > 150


def test_the_knee_is_what_an_enhancement_makes_of_where_highlights_begin() -> None:
    greys = np.linspace(0, 255, 400).repeat(300).reshape(400, 300, 1).repeat(3, -1)
    picture = np.rint(greys).astype(np.uint8)
    low = 255 * enhance.HIGHLIGHTS[0]
    for share in (0.7, 0.95):
        found = enhance.knee(picture, picture * np.float32(share * 255 / low))
        assert found == pytest.approx(share, abs=0.03)
    assert enhance.knee(picture, picture.astype(np.float32)) == enhance.LEAST_KNEE
    # Of a large picture as of a small one, and where nothing is of that brightness.
    large = cv2.resize(picture, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    lifted = large * np.float32(0.8 * 255 / low)
    assert enhance.knee(large, lifted) == pytest.approx(0.8, abs=0.03)
    assert enhance.knee(picture[:20], picture[:20] * np.float32(9)) == enhance.LEAST_KNEE


def laid_over(picture: NDArray[Any], enhanced: Any, amount: float = 1.0) -> NDArray[np.float32]:
    """An enhancement over a picture, both whole."""
    return enhance.blend(picture, enhanced, amount, enhance.knee(picture, enhanced))
