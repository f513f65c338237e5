"""The Python API: a model is loaded, a picture restored, saved, and asked of what it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import edge_demo
from edge_demo import __main__ as command
from edge_demo.device.frames import Frame
from edge_demo.device.hints import read_hints
from edge_demo.pictures.images import read_rgb, write_image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, photograph: NDArray[np.uint8]) -> Path:
    """A 4:2:0 JPEG."""
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    assert cv2.imwrite(str(path), photograph[..., ::-1], options)
    return path


def test_importing_is_cheap() -> None:
    script = "import sys, edge_demo; print({'numpy', 'cv2', 'av'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    assert set(edge_demo.__all__) == {"UserError", "load", "look", "read"}


@pytest.mark.parametrize("name", ["chroma", "colorize_unet-lite0.r3", "enhance_zerodce-lite.r2"])
def test_what_is_saved_is_what_the_command_writes(name: str, photo: Path, tmp_path: Path) -> None:
    restorer = edge_demo.load(name)
    picture = edge_demo.read(photo)
    restorer.restore(picture).save(tmp_path / "api.png")
    words = ["run", str(photo), str(tmp_path / "cli.png"), "--model", restorer.name]
    assert command.main(words) == 0
    assert (tmp_path / "api.png").read_bytes() == (tmp_path / "cli.png").read_bytes()
    assert restorer.task.name == name.partition("_")[0]
    assert restorer.card is not None and restorer.card.task is restorer.task


def test_a_task_is_the_model_that_is_usual_for_it() -> None:
    names = {task: edge_demo.load(task).name for task in ("chroma", "colorize", "enhance")}
    assert names["chroma"].startswith("chroma_bitrate-s.r2.")
    assert names["colorize"].startswith("colorize_unet-lite0.r3.")
    assert names["enhance"].startswith("enhance_mirnet-lite.r6.")


@pytest.mark.parametrize("deep", [False, True])
def test_arrays(
    deep: bool,
    photograph: NDArray[np.uint8],
    tiny_models: dict[str, Path],
    colour_models: dict[str, Path],
    low_light_models: dict[str, Path],
    tmp_path: Path,
) -> None:
    """As the file of the same pixels, which for chroma were 4:2:0 before."""
    rgb: NDArray[Any] = photograph // 4
    if deep:
        rgb = rgb.astype(np.uint16) * 257 + np.arange(rgb.shape[1], dtype=np.uint16)[:, None] % 257
    write_image(tmp_path / "a.png", rgb)
    before = rgb.copy()
    for path in (tiny_models["int8"], colour_models["ab"], low_light_models["curves"]):
        restorer = edge_demo.load(path)
        found = restorer.restore_array(rgb)
        assert found.dtype == rgb.dtype and found.shape == rgb.shape
        assert np.array_equal(rgb, before) and not np.array_equal(found, rgb)
        resample = {"resample": True} if "resample" in restorer.options else {}
        restored = restorer.restore(edge_demo.read(tmp_path / "a.png"), **resample)
        assert np.array_equal(restored.rgb, found)


def test_options_are_the_restorers_own(
    tiny_models: dict[str, Path],
    variant_models: dict[str, Path],
    colour_models: dict[str, Path],
    low_light_models: dict[str, Path],
) -> None:
    for path, names in (
        (tiny_models["int8"], {"resample"}),
        (variant_models["merged"], {"resample", "detail"}),
        (colour_models["ab"], {"strength", "render_size"}),
        (colour_models["spread"], {"strength", "render_size", "fade"}),
        (
            colour_models["hinted"],
            {"strength", "render_size", "fade", "hints", "reference", "average"},
        ),
        (low_light_models["curves"], {"strength", "brightness", "render_size"}),
        (low_light_models["static"], {"strength", "brightness"}),
    ):
        options = edge_demo.load(path).options
        # Networks of colour that are exported for tests keep their own size.
        assert set(options) in (names, names - {"render_size"}), path
        assert all(option.meaning for option in options.values())


def test_what_is_asked_is_checked(
    variant_models: dict[str, Path], colour_models: dict[str, Path], photo: Path
) -> None:
    picture, merged = edge_demo.read(photo), edge_demo.load(variant_models["merged"])
    for options, why in (
        ({"detail": 1.5}, "--detail is from 0"),
        ({"detail": "much"}, "--detail is from 0"),
        ({"strength": 0.5}, "--strength is of the enhance and colorize tasks"),
    ):
        with pytest.raises(edge_demo.UserError, match=why):
            merged.restore(picture, **options)
    with pytest.raises(TypeError, match=r"no option 'details'; .* takes resample, detail"):
        merged.restore(picture, details=0.5)
    with pytest.raises(edge_demo.UserError, match="proposes no detail"):
        edge_demo.load(variant_models["direct"]).restore(picture, detail=0.5)
    with pytest.raises(ValueError, match="height, width, 3"):
        merged.restore_array(np.zeros((8, 8), np.uint8))
    with pytest.raises(ValueError, match="uint8 or uint16"):
        merged.restore_array(np.zeros((8, 8, 3), np.float32))
    with pytest.raises(edge_demo.UserError, match="hint 1: color is 'blue'"):
        edge_demo.load(colour_models["hinted"]).restore(
            picture, hints={"hints": [{"x": 1, "y": 1, "color": "blue"}]}
        )


def test_options_can_be_kept(variant_models: dict[str, Path], photo: Path) -> None:
    picture, every = edge_demo.read(photo), edge_demo.load(variant_models["merged"])
    none = every.with_options(detail=0.0)
    kept = none.restore(picture).rgb
    assert np.array_equal(kept, every.restore(picture, detail=0.0).rgb)
    assert not np.array_equal(kept, every.restore(picture).rgb)
    assert np.array_equal(none.restore(picture, detail=1.0).rgb, every.restore(picture).rgb)
    assert every.with_options(detail=None) is every


def test_hints_and_references_of_memory_and_of_files(
    colour_models: dict[str, Path], photo: Path, photograph: NDArray[np.uint8], tmp_path: Path
) -> None:
    restorer, picture = edge_demo.load(colour_models["hinted"]), edge_demo.read(photo)
    document = {"hints": [{"x": 80, "y": 64, "color": "#4a7bc8"}]}
    (tmp_path / "hints.json").write_text('{"hints": [{"x": 80, "y": 64, "color": "#4a7bc8"}]}')
    one = restorer.restore(picture, hints=document).rgb
    other = restorer.restore(picture, hints=read_hints(tmp_path / "hints.json")).rgb
    assert np.array_equal(one, other) and not np.array_equal(one, restorer.restore(picture).rgb)
    steered = restorer.restore(picture, reference=picture).rgb
    assert not np.array_equal(steered, restorer.restore(picture).rgb)
    frame = Frame(photograph[..., 0], np.full((*photograph.shape[:2], 2), 128), "center", "bt601")
    assert np.array_equal(  # of pictures alone: in a video places move
        restorer.with_options(hints=document).find(frame), restorer.find(frame)
    )


def test_a_result_is_a_picture(
    colour_models: dict[str, Path],
    variant_models: dict[str, Path],
    photo: Path,
    tmp_path: Path,
) -> None:
    """It can be restored again, and saved."""
    merged, colours = (
        edge_demo.load(path) for path in (variant_models["merged"], colour_models["ab"])
    )
    once = merged.restore(edge_demo.read(photo))
    twice = colours.restore(once)
    assert np.array_equal(twice.rgb, colours.restore_array(once.rgb))
    assert once.notes == () and "had colours" in twice.notes[0]
    with pytest.raises(edge_demo.UserError, match="nothing to reconstruct"):
        merged.restore(once)
    notes = twice.save(tmp_path / "a.jpg", quality=70)
    assert notes == twice.notes
    with pytest.raises(edge_demo.UserError, match="exists already"):
        twice.save(tmp_path / "a.jpg")
    assert twice.save(tmp_path / "a.png") == twice.notes
    assert np.array_equal(read_rgb(tmp_path / "a.png").rgb, twice.rgb)


def test_what_is_no_model_and_no_picture(tmp_path: Path) -> None:
    with pytest.raises(edge_demo.UserError, match="no model named 'chrome'"):
        edge_demo.load("chrome")
    with pytest.raises(edge_demo.UserError, match="no such"):
        edge_demo.read(tmp_path / "none.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(edge_demo.UserError):
        edge_demo.read(tmp_path / "text.jpg")
