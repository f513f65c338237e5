"""Runs made ready to ship: what is asked changes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_models
from edge_demo.errors import UserError
from keras_models import runs
from keras_models.__main__ import main


def run_of(folder: Path, name: str, seed: int = 0) -> Path:
    keras.utils.set_random_seed(seed)
    folder.mkdir()
    keras_models.build(name, "test").save(folder / "model.keras")
    record = {"config": {"model": name, "size": "test"}, "data": "x", "val": None}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "history.csv").write_text("epoch,step,seconds\n1,10,2.5\n")
    return folder


def answer(run: Path) -> np.ndarray:
    values = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 1)).astype(np.float32)
    return np.asarray(runs.load_model(run)(values))


def test_colours_become_stronger_and_the_rest_stays(tmp_path: Path) -> None:
    run, out = run_of(tmp_path / "run", "colorize_unet"), tmp_path / "vivid"
    assert main(["adapt", str(run), "--out", str(out), "--saturation", "1.5"]) == 0
    before, after = answer(run), answer(out)
    assert np.allclose(after[..., :2], 1.5 * before[..., :2], atol=1e-6)
    assert np.array_equal(after[..., 2:], before[..., 2:])
    assert runs.read_record(out)["adapted"] == {"saturation": 1.5, "half": False}
    assert runs.history(out) == runs.history(run)


def test_halved_weights_take_half_the_room_and_do_the_same(tmp_path: Path) -> None:
    run, out = run_of(tmp_path / "run", "chroma_residual"), tmp_path / "half"
    assert main(["adapt", str(run), "--out", str(out), "--half"]) == 0
    for values in runs.load_model(out).get_weights():
        assert np.array_equal(values, values.astype(np.float16).astype(np.float32))
    for one, other in zip(
        runs.load_model(run).get_weights(), runs.load_model(out).get_weights(), strict=True
    ):
        assert np.allclose(one, other, rtol=2**-10, atol=1e-7)


def test_two_runs_are_averaged_weight_by_weight(tmp_path: Path) -> None:
    one, two = (run_of(tmp_path / str(seed), "chroma_residual", seed) for seed in (1, 2))
    out = tmp_path / "mean"
    assert main(["adapt", str(one), "--out", str(out), "--average-with", str(two)]) == 0
    found = (runs.load_model(run).get_weights() for run in (one, two, out))
    differs = False
    for first, second, mean in zip(*found, strict=True):
        np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-7)
        differs |= not np.allclose(first, second)
    assert differs and runs.read_record(out)["adapted"]["averaged_with"] == "2"


def test_another_network_is_not_averaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = run_of(tmp_path / "1", "chroma_residual"), run_of(tmp_path / "2", "colorize_unet")
    words = ["adapt", str(one), "--out", str(tmp_path / "out"), "--average-with", str(two)]
    assert main(words) == 2
    assert "is of colorize_unet-test, not of chroma_residual-test" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing to do"),
        (["--saturation", "1.2"], "--saturation is of colorize_unet"),
        (["--half", "--saturation", "9"], "--saturation is of colorize_unet"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "run", "chroma_residual")
    assert main(["adapt", str(run), "--out", str(tmp_path / "out"), *words]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_factor_out_of_range_and_a_full_folder(tmp_path: Path) -> None:
    from keras_models.adapted import adapt

    run = run_of(tmp_path / "run", "colorize_unet")
    with pytest.raises(UserError, match="above 0 and at most 4"):
        adapt(run, tmp_path / "out", None, 9.0, False)
    with pytest.raises(UserError, match="is not empty"):
        adapt(run, run, None, 1.2, False)
