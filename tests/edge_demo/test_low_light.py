"""Low light on the device: pictures enhanced, and models measured beside their baselines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo import __main__ as command
from edge_demo.benchmark import command as benchmark
from edge_demo.benchmark import report as benchmark_report
from edge_demo.device import restorers, selftest
from edge_demo.device.picture_file import restore_file
from edge_demo.device.restorer import Restorer
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.model import models_folder
from edge_demo.pictures.images import apply_orientation, read_rgb, write_image
from edge_demo.tasks import enhance

ENHANCE = restoration.of("enhance")

needs_metadata = pytest.mark.skipif(
    not hasattr(cv2, "imencodeWithMetadata"), reason="OpenCV before 4.12 writes no metadata"
)


@pytest.fixture(scope="module")
def model(low_light_models: dict[str, Path]) -> Restorer:
    return restorers.load(low_light_models["curves"])


@pytest.fixture(scope="module")
def dark(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return photograph // 8


def saved(path: Path, rgb: NDArray[Any], **metadata: Any) -> Path:
    write_image(path, rgb, **metadata)
    return path


# A picture -----------------------------------------------------------------------------------


def test_a_picture_is_enhanced_as_the_runtime_does(
    tmp_path: Path, model: Restorer, dark: NDArray[np.uint8]
) -> None:
    target = tmp_path / "out.png"
    done = restore_file(saved(tmp_path / "a.png", dark), target, model)
    assert set(done.seconds) == {"read", "restore", "write"} and done.notes == ()
    found = read_rgb(target).rgb
    assert np.array_equal(found, model.reconstruct(dark))
    assert found.mean() > 1.5 * dark.mean()


def test_a_jpeg_of_half_the_colour_is_one_picture_among_others(
    tmp_path: Path, model: Restorer, dark: NDArray[np.uint8]
) -> None:
    """Enhancing is of RGB: 4:2:0 needs no road of its own, and 4:4:4 is not refused."""
    source, target = tmp_path / "a.jpg", tmp_path / "out.png"
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    assert cv2.imwrite(str(source), dark[..., ::-1], list(sampling))
    restore_file(source, target, model)
    assert np.array_equal(read_rgb(target).rgb, model.reconstruct(read_rgb(source).rgb))


def test_strength(tmp_path: Path, model: Restorer, dark: NDArray[np.uint8]) -> None:
    source, means = saved(tmp_path / "a.png", dark), []
    for strength in (0.0, 0.5, None):
        target = tmp_path / f"{strength}.png"
        restore_file(source, target, model.with_options(strength=strength))
        means.append(read_rgb(target).rgb.mean())
    assert means[0] == dark.mean() and means[0] < means[1] < means[2]


def test_the_network_can_be_shown_less(
    tmp_path: Path, model: Restorer, low_light_models: dict[str, Path], dark: NDArray[np.uint8]
) -> None:
    """A smaller picture for a graph of any size; one of a fixed size refuses."""
    source, target = saved(tmp_path / "a.png", dark), tmp_path / "b.png"
    free = restorers.load(low_light_models["curves"])
    seen = []
    run = free.runner.run
    free.runner.run = lambda values: seen.append(values["picture"].shape[:2]) or run(values)
    restore_file(source, target, free.with_options(render_size=64))
    assert seen and seen[0][0] * seen[0][1] <= 80 * 80
    assert np.array_equal(read_rgb(target).rgb, free.with_options(render_size=64).reconstruct(dark))
    assert not np.array_equal(read_rgb(target).rgb, free.reconstruct(dark))
    fixed = restorers.load(low_light_models["static"])
    for wrong, size, why in ((fixed, 64, "of one size"), (free, 8, "--render-size is from 64")):
        with pytest.raises(UserError, match=why):
            restore_file(source, tmp_path / "c.png", wrong.with_options(render_size=size))


def test_by_day_a_picture_is_left_as_it_is_and_it_is_said(
    tmp_path: Path, model: Restorer, photograph: NDArray[np.uint8]
) -> None:
    bright = np.clip(photograph.astype(int) + 100, 0, 255).astype(np.uint8)
    done = restore_file(saved(tmp_path / "a.png", bright), tmp_path / "b.png", model)
    assert np.array_equal(read_rgb(tmp_path / "b.png").rgb, bright)
    assert len(done.notes) == 1 and "bright enough" in done.notes[0]


@pytest.mark.parametrize("hidden", [0, 255])
def test_what_transparent_pixels_hide_decides_nothing(
    tmp_path: Path,
    model: Restorer,
    dark: NDArray[np.uint8],
    photograph: NDArray[np.uint8],
    hidden: int,
) -> None:
    alpha = np.zeros(dark.shape[:2], np.uint8)
    alpha[30:-30, 30:-30] = 255
    seen = alpha > 0
    bright = np.clip(photograph.astype(int) + 100, 0, 255).astype(np.uint8)
    for name, picture in (("dark", dark), ("bright", bright)):
        rgb = np.where(seen[..., None], picture, hidden).astype(np.uint8)
        source, target = tmp_path / f"{name}.png", tmp_path / f"{name}-out.png"
        write_image(source, rgb, alpha=alpha)
        restore_file(source, target, model)
        found = read_rgb(target)
        assert np.array_equal(found.rgb[~seen], rgb[~seen])
        assert np.array_equal(found.alpha, alpha)
        assert (found.rgb[seen].mean() > picture[seen].mean() + 5) == (name == "dark")


def test_a_picture_that_is_all_transparent_is_left_as_it_is(
    tmp_path: Path, model: Restorer, dark: NDArray[np.uint8]
) -> None:
    write_image(tmp_path / "a.png", dark, alpha=np.zeros(dark.shape[:2], np.uint8))
    done = restore_file(tmp_path / "a.png", tmp_path / "b.png", model)
    assert np.array_equal(read_rgb(tmp_path / "b.png").rgb, dark)
    assert len(done.notes) == 1 and "wholly transparent" in done.notes[0]


@needs_metadata
def test_what_a_file_carries_is_kept(
    tmp_path: Path, model: Restorer, dark: NDArray[np.uint8]
) -> None:
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0"
    rng = np.random.default_rng(0)
    deep = dark.astype(np.uint16) * 257 + rng.integers(0, 257, dark.shape, dtype=np.uint16)
    alpha = rng.integers(0, 65536, dark.shape[:2]).astype(np.uint16)
    source = saved(tmp_path / "a.png", deep, alpha=alpha, exif=exif)
    restore_file(source, tmp_path / "b.png", model)
    found = read_rgb(tmp_path / "b.png")
    assert found.rgb.dtype == np.uint16 and found.exif == exif
    assert np.array_equal(found.alpha, alpha)
    codes = deep / np.float32(257)
    assert np.abs(found.rgb / 257 - model.reconstruct(codes)).max() < 0.01
    # More than 8 bits: neighbours of one code are told apart.
    assert len(np.unique(found.rgb)) > 256


@needs_metadata
def test_orientation_is_applied(tmp_path: Path, model: Restorer, dark: NDArray[np.uint8]) -> None:
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    source = tmp_path / "a.png"
    data = cv2.imencodeWithMetadata(
        ".png", dark[..., ::-1], [cv2.IMAGE_METADATA_EXIF], [np.frombuffer(exif, np.uint8)]
    )[1]
    source.write_bytes(data.tobytes())
    restore_file(source, tmp_path / "b.png", model)
    upright = apply_orientation(dark, 6)
    assert np.array_equal(read_rgb(tmp_path / "b.png").rgb, model.reconstruct(upright))


def run(*arguments: object) -> int:
    return command.main([*map(str, arguments)])


def test_options_of_the_other_task_are_refused(
    low_light_models: dict[str, Path],
    tiny_models: dict[str, Path],
    tmp_path: Path,
    dark: NDArray[np.uint8],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, target = saved(tmp_path / "a.png", dark), tmp_path / "b.png"
    for name, option, why in (
        (low_light_models["curves"], ["--resample"], "--resample is of the chroma task"),
        (low_light_models["curves"], ["--strength", "1.5"], "from 0"),
        (low_light_models["curves"], ["--strength", "nan"], "from 0"),
        (low_light_models["curves"], ["--brightness", "8"], "from 0.25"),
        (tiny_models["int8"], ["--brightness", "2"], "--brightness is of the enhance task"),
        (
            tiny_models["int8"],
            ["--strength", "0.5"],
            "--strength is of the enhance and colorize tasks",
        ),
    ):
        assert run("run", source, target, "--model", name, *option) == 2
        said = capsys.readouterr().err
        assert why in said and said.count("\n") == 1
    assert not target.exists()
    assert run("run", source, target, "--model", low_light_models["curves"], "--strength", 0.3) == 0


def test_models_of_both_tasks_are_listed_and_tested(
    low_light_models: dict[str, Path],
    tiny_models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for path in (low_light_models["curves"], low_light_models["static"], tiny_models["int8"]):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(models_folder, "FOLDER", tmp_path)
    assert run("models", "--all") == 0 and run("selftest") == 0
    said = capsys.readouterr().out
    assert said.count(" enhance ") == 2 and said.count(" chroma ") == 1
    assert said.count("ok   ") == 3
    assert [path.name for path in benchmark.resolve([])] == [tiny_models["int8"].name]
    assert len(benchmark.resolve([], "enhance")) == 2
    # A damaged file becomes a row that says so.
    (tmp_path / "damaged.int8.tflite").write_text("no model")
    assert len(benchmark.resolve([])) == 2 and len(benchmark.resolve([], "enhance")) == 3


def test_a_graph_of_one_size_is_tested_on_its_whole_size(low_light_models: dict[str, Path]) -> None:
    path = low_light_models["static"]
    model = restorers.load(path)
    assert model.card.values["golden"] == selftest.REPEATED
    assert model.runner.fit(200, 300) == (64, 64)
    assert selftest.selftest(path).ok


# The benchmark -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(low_light_models: dict[str, Path], pairs: Path) -> dict[str, Any]:
    return benchmark.benchmark(
        [*low_light_models.values()], pairs, threads=1, limit_seconds=0.1, each=True
    )


def test_pairs_are_measured(table: dict[str, Any], pairs: Path) -> None:
    assert (table["schema"], table["task"], table["images"]) == (1, "enhance", 2)
    assert table["data"] == f"pairs:{pairs}" and "siting" not in table
    assert table["photographs"] == ["high/a.png", "high/b.png"]
    assert table["timed"] == {"name": "a.png", "width": 160, "height": 128}
    assert {line["name"] for line in table["rows"] if line["kind"] == "baseline"} == set(
        enhance.TASK.baselines
    )
    assert all(line["status"] == "ok" for line in table["rows"])
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    for line in table["rows"]:
        assert set(line["values"]) >= set(ENHANCE.metrics)
        assert set(line["metrics"]) >= set(ENHANCE.metrics) - {"flat_noise"}
        if line["kind"] == "model":
            assert line["tiles"] == 1 and line["stages_ms"]["inference"] > 0


def test_figures_are_those_of_the_pairs(
    table: dict[str, Any], model: Restorer, pairs: Path
) -> None:
    rows = {line["name"]: line for line in table["rows"]}
    methods = {**ENHANCE.baselines(), "enhance_zerodce-lite": model.reconstruct}
    for name, method in methods.items():
        for index, file in enumerate(("a.png", "b.png")):
            low, high = (read_rgb(pairs / side / file).rgb for side in ("low", "high"))
            expected = ENHANCE.measure(high, low, method(low))
            for metric, value in expected.items():
                found = rows[name]["values"][metric][index]
                assert found == (None if value is None else pytest.approx(value, abs=1e-5))


def test_the_page_shows_what_low_light_looks_like(
    low_light_models: dict[str, Path],
    pairs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = tmp_path / "page.html"
    arguments = [low_light_models["curves"], "--images", pairs, "--seconds", 0.05]
    assert run("benchmark", *arguments, "--html", page) == 0
    said = capsys.readouterr().out
    assert "rgb_psnr (dB)" in said and "vs classical" in said
    text = page.read_text()
    body = text.partition("<body>")[2].replace("<wbr>", "")
    for what in ("<b>input</b>", "<b>classical</b>", "<b>truth</b>", "Benchmark: enhance",
                 "picture in low light of each pair"):  # fmt: skip
        assert what in body
    assert "4:2:0" not in body and "tiles" not in body


def test_what_is_timed_is_dark_enough_to_be_enhanced(low_light_models: dict[str, Path]) -> None:
    for size in ((64, 64), (200, 150)):
        out = benchmark.benchmark(
            [low_light_models["curves"]], threads=1, size=size, limit_seconds=0.02
        )
        assert out["rows"][0]["latency_ms"]["p50"] > 0.0
        assert "rgb_psnr" not in benchmark_report.text(out, enhance.TASK)


def test_low_light_is_made_of_photographs(
    low_light_models: dict[str, Path], photographs: Path
) -> None:
    out = benchmark.benchmark(
        [low_light_models["curves"]], photographs, threads=1, limit_seconds=0.02, each=True
    )
    assert out["data"] == f"folder:{photographs}" and out["images"] == 2
    rgb = read_rgb(photographs / "a.png").rgb
    low = ENHANCE.degrade(rgb, "a.png", None)
    line = next(line for line in out["rows"] if line["name"] == "input")
    assert line["values"]["rgb_psnr"][0] == pytest.approx(
        ENHANCE.measure(rgb, low, low)["rgb_psnr"], abs=1e-5
    )


def test_files_of_several_tasks_are_refused(
    low_light_models: dict[str, Path],
    tiny_models: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = [low_light_models["curves"], tiny_models["int8"]]
    with pytest.raises(UserError, match=r"several tasks.*chroma \(.*enhance \("):
        benchmark.benchmark(files, size=(64, 64))
    for arguments, why in (
        ([*files, "--size", "64x64"], "files of several tasks"),
        ([files[0], "--siting", "left"], "--siting"),
        ([files[0], "--task", "enhance"], "--task chooses among the shipped files"),
    ):
        assert run("benchmark", *arguments) == 2
        said = capsys.readouterr().err
        assert why in said and said.count("\n") == 1
