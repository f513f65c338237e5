"""The studies that draw, and that measure and tune colour, on small pictures."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_demo.colour.lab import rgb_to_lab
from edge_demo.device import restorers
from edge_demo.device.colorize import Colorize
from edge_demo.device.hinting import WIDE
from edge_demo.errors import UserError
from studies import (
    before_after,
    colour,
    colour_sheet,
    drawn,
    flicker_picture,
    hint_borders,
    night_sheet,
    sheets,
    size_sheet,
    tune_hints,
)
from studies.command import RESULTS
from tests.videos import moving

pytestmark = pytest.mark.slow  # draws with what ships


def test_the_picture(model_files: dict[str, Path]) -> None:
    import skimage.data

    photograph = np.ascontiguousarray(skimage.data.astronaut()[340:436, 110:238])
    drawn = before_after.draw(photograph, restorers.load(model_files["int8"]))
    side = before_after.SIDE * before_after.ZOOM
    assert drawn.shape == (2 * side + before_after.LABEL, 4 * side + 3 * before_after.GAP, 3)
    columns = [drawn[:side, i * (side + before_after.GAP) :][:, :side] for i in range(4)]
    assert all((a != b).any() for i, a in enumerate(columns) for b in columns[i + 1 :])
    committed = cv2.imread(str(before_after.PICTURE))
    assert committed is not None and committed.shape == drawn.shape


def test_the_picture_of_flicker(model_files: dict[str, Path]) -> None:
    frames = [
        np.dstack([one[..., 0], one[..., 1] // 2 + 60, one[..., 2] // 2 + 60])
        for one in moving(3, (80, 112))
    ]
    drawn = flicker_picture.draw(frames, restorers.load(model_files["int8"]))
    committed = cv2.imread(str(flicker_picture.PICTURE))
    assert committed is not None and committed.shape == drawn.shape
    side = before_after.SIDE * before_after.ZOOM
    changes = [drawn[-side:, i * (side + before_after.GAP) :][:, :side] for i in range(4)]
    # The truth has no error that could change; the filter quietens the network's.
    restless = [np.abs(one.astype(float) - 128).mean() for one in changes]
    assert restless[3] < 1 < restless[2] < restless[1]


def test_the_colour_sheet_is_drawn_from_what_ships(tmp_path: Path) -> None:
    folder = small_photographs(tmp_path / "photographs")
    model = restorers.load(colour_sheet.MODEL, threads=2)
    assert isinstance(model, Colorize)
    paths = colour_sheet.chosen(f"folder:{folder} + folder:{folder}", 5, seed=3)
    # A part after the other in turn, each in an order of the seed's.
    assert len(paths) == 5 and {path.name for path in paths[:2]} <= {p.name for p in paths}
    assert paths == colour_sheet.chosen(f"folder:{folder} + folder:{folder}", 5, seed=3)
    drawn = colour_sheet.drawn(paths[:2], model)
    height, width = colour_sheet.SIZE
    cells = [
        drawn[sheets.LABEL + sheets.GAP :, i * (width + sheets.GAP) :][:height, :width]
        for i in range(2 * colour_sheet.PAIRS)
    ]
    assert not np.ptp(cells[0], axis=-1).any() and np.ptp(cells[1], axis=-1).mean() > 5
    assert (cells[4] == 255).all()  # two photographs fill half of the row
    grey, coloured = (rgb_to_lab(cell[20:])[..., 0] for cell in cells[2:4])
    assert np.abs(grey - coloured).mean() < 1.5
    committed = cv2.imread(str(colour_sheet.PICTURE))
    row = 2 * colour_sheet.PAIRS * (width + sheets.GAP) - sheets.GAP
    assert committed is not None and committed.shape[1] == row


def test_the_sheet_of_sizes_is_drawn_from_what_ships(tmp_path: Path) -> None:
    import skimage.data

    rgb = np.ascontiguousarray(skimage.data.chelsea()[:120, :160])
    models = size_sheet.exported(size_sheet.PRESET, (64, 96), tmp_path)
    assert [model.runner.fit(8, 8) for model in models.values()] == [(64, 64), (96, 96)]
    photograph, *coloured = size_sheet.row(rgb, models)
    assert np.array_equal(photograph, rgb)
    assert np.abs(coloured[0].astype(float) - coloured[1]).mean() > 1.0
    with pytest.raises(UserError, match="must be a multiple of 32"):
        size_sheet.exported(size_sheet.PRESET, (100,), tmp_path)
    committed = cv2.imread(str(size_sheet.PICTURE))
    columns = 1 + len(size_sheet.SIZES)
    width = columns * (size_sheet.CELL[1] + sheets.GAP) - sheets.GAP
    assert committed is not None and committed.shape[1] == width


def small_photographs(folder: Path) -> Path:
    import skimage.data

    folder.mkdir()
    for name in ("chelsea", "coffee", "astronaut"):
        rgb = getattr(skimage.data, name)()
        cv2.imwrite(str(folder / f"{name}.png"), cv2.resize(rgb[..., ::-1], (96, 64)))
    return folder


def test_colour_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small_photographs(tmp_path / "photographs")
    monkeypatch.setattr(colour, "NETWORKS", ("colorize_unet-lite0.r3",))
    monkeypatch.setattr(colour, "LARGE", (120, 80))
    monkeypatch.setattr(colour, "ROUNDS", 1)
    found = {}
    for what, source in (
        ("scenes", f"folder:{folder}"),
        ("wanted", f"folder:{folder}"),
        ("large", str(folder / "coffee.png")),
    ):
        file = tmp_path / f"{what}.json"
        assert colour.main([what, source, "--json", str(file)]) == 0
        found[what] = json.loads(file.read_text())
        assert colour.table(found[what]).count("\n|") >= 2
    assert found["scenes"]["schema"] == 1 and found["scenes"]["images"] == 3
    assert [row["name"] for row in found["scenes"]["rows"]][1:] == ["colorize_unet-lite0.r3"] * 2
    nothing, average, colours = (row["ab_psnr"] for row in found["wanted"]["rows"])
    assert average > nothing and colours > nothing
    (row,) = found["large"]["rows"]
    assert row["wall_s"]["best"] > 0 and row["processor_s"]["best"] > 0.1
    assert row["peak_rss_bytes"] > 30e6
    assert colour.main(["large", str(tmp_path / "none.jpg")]) == 2


def test_the_reach_of_hints_is_tuned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small_photographs(tmp_path / "photographs")
    monkeypatch.setattr(tune_hints, "NUMBERS", (3,))
    monkeypatch.setattr(tune_hints, "STEPS", (1.7,))
    monkeypatch.setattr(tune_hints, "SCENES", range(1))
    # From hints that reach nowhere there is much to find, and two numbers show it.
    monkeypatch.setattr(tune_hints, "Point", functools.partial(tune_hints.Point, path=0.01))
    two = [field for field in dataclasses.fields(tune_hints.Point()) if "path" in field.name]
    monkeypatch.setattr(tune_hints.dataclasses, "fields", lambda _: two)
    model = "colorize_unet-lite0.r3.int8"
    assert tune_hints.main([str(folder), "--model", model]) == 0
    lines = capsys.readouterr().out.splitlines()
    steps = [float(line.split()[0]) for line in lines if line.startswith("  ")]
    assert len(steps) > 1 and steps == sorted(steps)
    assert "Reach(" in lines[-1] and "path=0.01" not in lines[-1]
    assert tune_hints.main([str(tmp_path / "none"), "--model", model]) == 2


def test_hints_keep_to_drawn_things() -> None:
    """Each of some drawn things takes its hint, and its surroundings do not."""
    model = restorers.load("colorize_unet-lite0.r3.int8", threads=2)
    assert isinstance(model, Colorize)
    # A quarter of those that are reported: the first three leak half as much again as all do.
    scenes = [hint_borders.drawn(seed) for seed in range(10)]
    spreads = [s for n, scene in enumerate(scenes) for s in hint_borders.measured(model, scene, n)]
    assert len(spreads) == 40
    assert np.mean([one.leakage for one in spreads]) < 3.0
    assert np.mean([one.coverage for one in spreads]) > 0.8
    # A hint that no edge stops leaks, and one that goes nowhere fills nothing: the measure tells.
    prior = WIDE.prior
    for path, leaks in ((1e6, True), (1e-3, False)):
        own = tuple((s, dataclasses.replace(reach, path=path)) for s, reach in prior.own)
        spread = dataclasses.replace(WIDE, prior=dataclasses.replace(prior, own=own))
        other = dataclasses.replace(model, spreading=spread)
        found = hint_borders.measured(other, scenes[0], 0)
        assert (np.mean([one.leakage for one in found]) > 5.0) == leaks
        assert (np.mean([one.coverage for one in found]) < 0.5) == (not leaks)


def test_the_night_sheet_is_drawn_from_what_ships() -> None:
    night = np.full((90, 120, 3), 9, np.uint8)
    columns = night_sheet.methods(night_sheet.MODELS)
    drawn = night_sheet.draw([night, night[:, :40]], columns)
    height, width, gap = night_sheet.HEIGHT, night_sheet.WIDTH, sheets.GAP
    assert drawn.shape == (
        sheets.LABEL + 2 * (height + gap), 4 * width + 3 * gap, 3
    )  # fmt: skip
    row = drawn[sheets.LABEL + gap :][:height]
    cells = [row[:, i * (width + gap) :][:, :width] for i in range(4)]
    assert cells[0].min() == 9
    assert all(cell.mean() > 1.5 * cells[0].mean() for cell in cells[1:])
    committed = cv2.imread(str(night_sheet.PICTURE))
    assert committed is not None and committed.shape[1] == drawn.shape[1]


def test_drawn_pictures_are_the_same_each_time_and_of_every_kind() -> None:
    first, again = drawn.pictures(), drawn.pictures()
    assert len(first) == 20 and len({path.name for path, _ in first}) == 20
    for (path, picture), (_, same) in zip(first, again, strict=True):
        assert picture.shape == (512, 512, 3) and np.array_equal(picture, same), path
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100, path


def test_the_floor_stands_first_in_the_table_of_drawn_pictures() -> None:
    found = json.loads((RESULTS / "drawn.json").read_text())
    header, _, floor, *others = drawn.table(found).splitlines()
    assert "soft frames" in header and floor.startswith("| lanczos4_bp | ")
    assert floor.count("+0.00") == 7 and any("chroma_bitrate" in line for line in others)
