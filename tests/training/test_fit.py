"""A fit learns, leaves what it should, and goes on after any interruption as if there were none."""

from __future__ import annotations

import csv
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import training.fit
from datasets import cells, pipeline, sources
from datasets.__main__ import main as datasets
from edge_demo import files
from edge_demo.cli import duration
from edge_demo.colour.siting import upsample
from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.tasks import chroma
from keras_models import runs
from studies import resume
from training import callbacks, losses
from training.config import FitConfig, flat
from training.feed_chroma import comparison, validation_crops
from training.fit import fit

ROOT = Path(__file__).parent.parent.parent
Small = Callable[..., FitConfig]


def history(run: Path) -> list[dict[str, float]]:
    with open(run / "history.csv", newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def weights(run: Path) -> list[NDArray[Any]]:
    return runs.load_model(run).get_weights()


def same_weights(a: Path, b: Path) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


# ------------------------------------------------------------------------------------ it can learn


def test_it_overfits_one_photograph(learned: Path, natural: NDArray[np.uint8]) -> None:
    crop = np.ascontiguousarray(natural[:, 16:112])  # the crop that it is validated on
    planes = chroma.degrade(crop)
    bilinear = upsample(planes.cbcr, planes.size, "center", "bilinear")
    truth = chroma.target(crop)
    nothing = np.sqrt((bilinear - truth) ** 2 + 0.5**2).mean()
    last = history(learned)[-1]
    assert last["val_loss"] < 0.85 * nothing
    assert last["val_psnr"] > 10 * np.log10(255**2 / np.mean((bilinear - truth) ** 2)) + 1.5
    losses_seen = [row["loss"] for row in history(learned)]
    assert losses_seen[-1] < 0.95 * losses_seen[0]
    # And the model that is kept does it, too, on rounded values.
    (output,) = runs.load_model(learned).predict_on_batch(
        chroma.TASK.encode(planes)["planes"][None]
    )
    restored = np.clip(np.rint(chroma.TASK.decode({"correction": output}, planes)), 0, 255)
    found = restoration.of("chroma")
    ours = found.measure(crop, planes, restored.astype(np.uint8))
    theirs = found.measure(crop, planes, found.baselines()["bilinear"](planes))
    for metric in found.metrics:
        assert ours[metric] > theirs[metric], metric
    assert ours["chroma_psnr"] > theirs["chroma_psnr"] + 1.5


# ----------------------------------------------------------------------------------- what it leaves


@pytest.fixture(scope="module")
def data(small_photographs: Path) -> str:
    return f"folder:{small_photographs}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: str, small: Small) -> Iterator[Path]:
    """A run that nothing interrupted; beside it, its state right after each checkpoint."""
    run = tmp_path_factory.mktemp("finished") / "run"
    write = callbacks.write_whole

    def watched(path: Path, content: bytes) -> None:
        write(path, content)
        if path.name == "checkpoint.npz":
            done = len(list(run.parent.glob("after_*"))) + 1
            shutil.copytree(run, run.parent / f"after_{done}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks, "write_whole", watched)
        assert fit(small(), data, None, run, "the command") == run / "model.keras"
    return run


def test_what_is_kept_is_what_was_validated(finished: Path, data: str, small: Small) -> None:
    """The averaged weights: the last row's figures are the kept model's, not another's."""
    _, held_out = sources.hold_out(sources.open_source(data, "train"))
    crops = validation_crops(held_out, small())
    model = runs.load_model(finished)
    assert model.dtype_policy.name == "float32"
    scale = chroma.TASK.outputs[0].scale
    model.compile(
        loss=losses.Charbonnier(scale, small().objective.charbonnier),
        metrics=[losses.residual_psnr(scale)],
    )
    loss, psnr = model.evaluate(pipeline.fixed(crops, "center", chroma.TASK), verbose=0)
    last = history(finished)[-1]
    assert (loss, psnr) == pytest.approx((last["val_loss"], last["val_psnr"]), rel=1e-6)


def test_history_has_a_row_an_epoch(finished: Path) -> None:
    rows = history(finished)
    assert list(rows[0]) == ["epoch", "step", "seconds", "loss", "psnr", "val_loss", "val_psnr"]
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 3), (2, 6), (3, 9), (4, 12)]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds)


def test_run_json_says_what_was_run(finished: Path, data: str, small: Small) -> None:
    record = runs.read_record(finished)
    assert set(record) == {"config", "data", "val", "command", "versions", "python", "backend",
                           "machine", "pictures"}  # fmt: skip
    assert (record["data"], record["val"], record["command"]) == (data, None, "the command")
    assert record["config"] == json.loads(json.dumps(flat(small())))
    assert record["versions"]["keras"] == keras.__version__


@pytest.mark.slow
def test_xla_takes_the_same_steps(finished: Path, tmp_path: Path, data: str, small: Small) -> None:
    run = tmp_path / "run"
    fit(small(jit_compile="on"), data, None, run, "x")
    for row, expected in zip(history(run), history(finished), strict=True):
        for name in ("loss", "psnr", "val_loss", "val_psnr"):
            assert row[name] == pytest.approx(expected[name], rel=1e-3), name


def test_pictures_and_logs(finished: Path) -> None:
    pictures = sorted((finished / "pictures").iterdir())
    assert [p.name for p in pictures] == ["epoch_0002.png", "epoch_0004.png"]
    # One held-out photograph: truth, input and prediction side by side.
    assert cv2.imread(str(pictures[1])).shape == (48, 3 * 48, 3)
    assert cv2.imread(str(finished / "curve.png")) is not None
    assert list((finished / "logs").iterdir())
    assert not list(finished.rglob("*.partial*"))


def test_a_picture_shows_truth_input_and_prediction(natural: NDArray[np.uint8]) -> None:
    rgb = np.ascontiguousarray(natural[:32, :32])
    planes = chroma.degrade(rgb)
    crop = np.dstack([planes.y, chroma.target(rgb)])[None]
    zero = keras.Sequential([keras.Input((None, None, 12)), keras.layers.Conv2D(
        8, 1, kernel_initializer="zeros")])  # fmt: skip
    picture = comparison(zero, crop, chroma.TASK)
    truth, given, predicted = np.split(picture, 3, axis=1)
    assert np.abs(truth.astype(int) - rgb).max() <= 2
    nothing = {"correction": np.zeros((16, 16, 8), np.float32)}
    decoded = restoration.to_rgb(planes.y, chroma.TASK.decode(nothing, planes))
    assert np.abs(decoded.astype(int) - predicted).max() <= 1
    assert not np.array_equal(given, predicted) and not np.array_equal(given, truth)
    bilinear = upsample(planes.cbcr, (32, 32), "center", "bilinear")
    assert np.abs(restoration.to_rgb(planes.y, bilinear).astype(int) - given).max() <= 1


# -------------------------------------------------------------------------------------- interrupted


@pytest.mark.parametrize("done", [1, 3, 4])
def test_an_interrupted_run_ends_like_one_that_was_not(
    finished: Path, tmp_path: Path, data: str, small: Small, done: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Stopped right after a checkpoint: history and pictures lag behind it, no model yet."""
    run = tmp_path / "run"
    shutil.copytree(finished.parent / f"after_{done}", run)
    (run / "model.partial.keras").write_bytes(b"half a model")
    (run / ".0123456789abcdef.tmp").write_bytes(b"half a checkpoint")
    assert not (run / "model.keras").exists() and len(list(run.glob("history.csv"))) == (done > 1)
    fit(small(), data, None, run, "the same command, later")
    assert f"resuming after epoch {done} of 4" in capsys.readouterr().out
    assert same_weights(run, finished)
    rows, expected = history(run), history(finished)
    for row in (*rows, *expected):
        del row["seconds"]
    assert rows == expected
    assert runs.read_record(run)["command"] == "the command"
    assert not (run / "model.partial.keras").exists()


KILLED = """
import os, signal, sys
from training import callbacks

replace, left = os.replace, [2]

def deadly(source, target):
    if str(target).endswith("checkpoint.npz"):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

os.replace = deadly
from training.__main__ import main
raise SystemExit(main(sys.argv[1:]))
"""


def settings(config: FitConfig) -> list[str]:
    """The command line's ``--set`` for a config."""
    values = {key: value for key, value in flat(config).items() if key not in ("model", "qat")}
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


@pytest.mark.slow
def test_a_killed_run_ends_like_one_that_was_not(
    finished: Path, tmp_path: Path, data: str, small: Small
) -> None:
    """SIGKILL while the second checkpoint is being written: the first is whole and goes on."""
    run = tmp_path / "run"
    command = ["fit", "chroma_residual", "--data", data, "--out", str(run), *settings(small())]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *command], cwd=ROOT, capture_output=True, text=True,
        env=dict(os.environ),
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(history(run)) == 1 and not (run / "model.keras").exists()
    assert list(run.glob(".*.tmp"))  # the second, not yet in its place
    assert "epoch 1/4" in killed.stdout and "ETA" in killed.stdout
    with pytest.raises(UserError, match="not finished; run its fit command again"):
        runs.load_model(run)
    fit(small(), data, None, run, "resumed")
    assert same_weights(run, finished)
    assert [row["step"] for row in history(run)] == [3, 6, 9, 12]


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_like_one_that_was_not(
    finished: Path, tmp_path: Path, data: str, small: Small
) -> None:
    """SIGKILL from outside, whatever the process was about; moments differ from test to test."""
    config = small(steps=300, epoch_steps=30, picture_every=3)
    fit(config, data, None, tmp_path / "left", "x")
    run = tmp_path / "run"
    command = ["fit", "chroma_residual", "--data", data, "--out", str(run), *settings(config)]
    seed = random.randrange(10**6)
    after = resume.killed(command, random.Random(seed))
    assert after is not None and not (run / "model.keras").exists()
    fit(config, data, None, run, "resumed")
    assert same_weights(run, tmp_path / "left"), f"killed after epoch {after}, seed {seed}"


@pytest.mark.parametrize("name", ["checkpoint.npz", "curve.png"])
def test_a_full_disk_is_one_line_and_what_was_saved_goes_on(
    finished: Path, tmp_path: Path, data: str, small: Small, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run, full = tmp_path / "run", [name]
    opened = Path.open
    writing: list[str] = []

    def watched(path: Path, content: bytes) -> None:
        # The first checkpoint and its history fit.
        writing.append(path.name)
        if path.name in full and (name == "curve.png" or writing.count("checkpoint.npz") > 1):
            with monkeypatch.context() as patch:
                patch.setattr(Path, "open", lambda self, mode: Full(opened(self, mode)))
                write(path, content)
        write(path, content)

    write = files.write_whole
    monkeypatch.setattr(callbacks, "write_whole", watched)
    monkeypatch.setattr(training.fit, "write_whole", watched)
    with pytest.raises(UserError, match=f"cannot write to {run}: No space left on device; .*"):
        fit(small(), data, None, run, "x")
    assert not list(run.glob(".*.tmp")) and not (run / "model.keras").exists()
    with np.load(run / "checkpoint.npz") as saved:
        assert len(json.loads(str(saved["rows"]))) == (1 if name == "checkpoint.npz" else 4)
    full.clear()
    fit(small(), data, None, run, "x")
    assert same_weights(run, finished)


class Full:
    """A file on a disk on which nothing more fits."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> None:
        self.file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_pictures_that_vanish_or_change_are_one_line(
    finished: Path, tmp_path: Path, small_photographs: Path, small: Small,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder, run = tmp_path / "photographs", tmp_path / "run"
    shutil.copytree(small_photographs, folder)
    data = f"folder:{folder}"
    read = cells.cut

    def unplugged(*arguments: Any, **options: Any) -> cells.Cells:
        found = read(*arguments, **options)
        shutil.move(folder, tmp_path / "elsewhere")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(cells, "cut", unplugged)
        with pytest.raises(UserError, match=r"photographs/.*\.png' has vanished"):
            fit(small(), data, None, run, "x")
    assert not run.exists()
    shutil.move(tmp_path / "elsewhere", folder)
    shutil.copytree(finished.parent / "after_2", run)
    record = runs.read_record(run) | {"data": data}
    (run / "run.json").write_text(json.dumps(record))
    before = tree(run)
    shutil.copy(folder / "coffee.png", folder / "tea.png")
    with pytest.raises(UserError, match=r"began with other pictures: some of folder:.* were added"):
        fit(small(), data, None, run, "x")
    assert tree(run) == before
    (folder / "tea.png").unlink()
    fit(small(), data, None, run, "x")
    assert same_weights(run, finished)


def test_a_finished_run_is_left_alone(
    finished: Path, data: str, small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(finished)
    assert fit(small(), data, None, finished, "again") == finished / "model.keras"
    assert "is finished already" in capsys.readouterr().out
    assert tree(finished) == before


@pytest.mark.slow
def test_a_run_can_start_from_another(
    finished: Path, tmp_path: Path, data: str, small: Small
) -> None:
    config = small(
        start_from=str(finished), learning_rate=1e-12, ema=0.0, steps=3, loss="log_error"
    )
    fit(config, data, None, tmp_path / "run", "x")
    for ours, theirs in zip(weights(tmp_path / "run"), weights(finished), strict=True):
        assert np.abs(ours - theirs).max() < 1e-6
    fresh = small(learning_rate=1e-12, ema=0.0, steps=3)
    fit(fresh, data, None, tmp_path / "fresh", "x")
    assert not same_weights(tmp_path / "fresh", finished)


def test_going_on_is_not_starting_again(
    finished: Path, tmp_path: Path, data: str, small: Small
) -> None:
    """An interrupted run that began from another keeps what it learned since."""
    run = tmp_path / "run"
    shutil.copytree(finished.parent / "after_3", run)
    config = small(start_from=str(finished))
    record = runs.read_record(run) | {"config": flat(config)}
    (run / "run.json").write_text(json.dumps(record))
    fit(config, data, None, run, "x")
    assert same_weights(run, finished)


def test_runs_that_cannot_be_started_from(
    finished: Path, tmp_path: Path, data: str, small: Small
) -> None:
    unfinished = finished.parent / "after_1"
    for start, changes, says in [
        (tmp_path / "none", {}, "no such run"),
        (unfinished, {}, "is not finished"),
        (finished, {"size": "s"}, "is of chroma_residual-test, not of chroma_residual-s"),
    ]:
        with pytest.raises(UserError, match=says):
            fit(small(start_from=str(start), **changes), data, None, tmp_path / "run", "x")
        assert not (tmp_path / "run").exists()


# ----------------------------------------------------------------------------------------- refused


def test_a_folder_of_another_run_is_refused(finished: Path, data: str, small: Small) -> None:
    before = tree(finished)
    for config, source, val, says in [
        (small(seed=4), data, None, "seed=3"),
        (small(batch=8, steps=24), data, None, "batch=4, .*steps=12|steps=12, .*batch=4"),
        (small(), "sample", None, "data="),
        (small(), data, "sample", "val=None"),
    ]:
        with pytest.raises(UserError, match=f"holds a run with .*(?:{says}).*another --out"):
            fit(config, source, val, finished, "x")
        assert tree(finished) == before


def test_a_folder_that_is_trained_into_is_refused(
    finished: Path, tmp_path: Path, data: str, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, steps = tmp_path / "run", training.fit._train
    with monkeypatch.context() as patch:
        patch.setattr(training.fit, "_train", lambda *_: fit(small(), data, None, run, "x"))
        with pytest.raises(UserError, match=f"another process is training into {run}"):
            fit(small(), data, None, run, "x")
    assert training.fit._train is steps
    # Whoever was refused holds nothing.
    fit(small(), data, None, run, "x")
    assert same_weights(run, finished)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    (tmp_path / "run.json").write_text("{}")
    monkeypatch.setattr(training.fit.fcntl, "flock", refused)
    with training.fit._alone_in(tmp_path):
        said = capsys.readouterr().err
    assert said.startswith(f"note: {tmp_path} cannot be locked (") and said.count("\n") == 1


def test_one_photograph_is_said_to_be_both(one_photograph: Path, small_photographs: Path) -> None:
    """Its figures say nothing of others, which nobody should have to guess."""
    one, several = f"folder:{one_photograph}", f"folder:{small_photographs}"
    assert "trained on and validated on" in training.fit.note_of_one(*training.fit.split(one, None))
    assert training.fit.note_of_one(*training.fit.split(several, None)) == ""
    assert training.fit.note_of_one(*training.fit.split(several, one)) == ""


def test_folders_that_hold_something_else(tmp_path: Path, data: str, small: Small) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="is not empty and holds no run"):
        fit(small(), data, None, mine, "x")
    for out in (mine / "letter.txt", mine / "letter.txt" / "run"):
        with pytest.raises(UserError, match=r"cannot write to|is not empty"):
            fit(small(), data, None, out, "x")
    assert [p.name for p in mine.iterdir()] == ["letter.txt"]
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for text in ('{"config": ', "[]", "{}", ""):
        (damaged / "run.json").write_text(text)
        with pytest.raises(UserError, match="damaged"):
            fit(small(), data, None, damaged, "x")
        with pytest.raises(UserError, match="damaged"):
            runs.read_record(damaged)


def test_a_run_from_before_a_setting_was_added_goes_on(
    finished: Path, tmp_path: Path, data: str, small: Small
) -> None:
    """Its record lacks the key: it ran as the default does."""
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    record = runs.read_record(run)
    for key in ("loss", "start_from", "learning_rate"):
        assert record["config"].pop(key) == flat(FitConfig(model="chroma_residual"))[key]
    (run / "run.json").write_text(json.dumps(record))
    before = tree(run)
    assert fit(small(), data, None, run, "x") == run / "model.keras"
    assert tree(run) == before
    with pytest.raises(UserError, match="holds a run with loss='charbonnier'"):
        fit(small(loss="log_error"), data, None, run, "x")


def test_a_run_killed_before_its_record_was_written_can_begin(
    tmp_path: Path, one_photograph: Path, small: Small
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".0123456789abcdef.tmp").write_bytes(b'{"conf')
    fit(small(steps=1), f"folder:{one_photograph}", None, run, "x")
    assert runs.read_record(run)["config"]["steps"] == 1


def test_a_mistake_claims_no_folder(tmp_path: Path, data: str, small: Small) -> None:
    """Else the corrected command would be refused: the folder holds another run."""
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "a.png").write_bytes(b"no picture")
    for config, source, val in [
        (small(size="xxl"), data, None),
        (small(), f"folder:{tmp_path}/none", None),
        (small(), data, data),
        (small(), f"folder:{bad}", None),
        (small(), data, f"folder:{bad}"),
    ]:
        with pytest.raises(UserError):
            fit(config, source, val, tmp_path / "run", "x")
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_every_step_that_was_asked_for_is_taken(
    tmp_path: Path, one_photograph: Path, small: Small
) -> None:
    """Also when epochs do not divide them."""
    run = tmp_path / "run"
    fit(small(steps=5, epoch_steps=3), f"folder:{one_photograph}", None, run, "x")
    assert history(run)[-1]["step"] >= 5


def test_a_network_trains_on_records(
    tmp_path: Path, data: str, small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "records"
    assert datasets(["prepare", data, "--patch", "48", "--shards", "3", "--out", str(out)]) == 0
    fit(small(steps=3), f"records:{out}", None, tmp_path / "run", "x")
    train, _ = sources.hold_out(sources.open_source(f"records:{out}"))
    # A patch is a cell, and beside each stands an augmented copy.
    said = capsys.readouterr().out
    assert f"reading {train.count} pictures" in said and f"of {train.count} photographs" in said
    assert runs.load_model(tmp_path / "run").count_params()


def test_durations_for_a_reader() -> None:
    found = [duration(seconds) for seconds in (0, 42.4, 59.6, 200, 3599.6, 3900, 90_000)]
    assert found == ["0 s", "42 s", "1 min 00 s", "3 min 20 s", "1 h 00 min", "1 h 05 min",
                     "25 h 00 min"]  # fmt: skip
