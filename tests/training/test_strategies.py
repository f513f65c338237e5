"""A batch that is shared by devices or machines makes the steps that one device makes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from edge_demo.errors import UserError
from keras_models import runs
from studies.workers import finish, start
from tests.training.test_fit import settings
from training import strategies
from training.config import FitConfig
from training.fit import fit

ROOT = Path(__file__).parent.parent.parent
Small = Callable[..., FitConfig]


@pytest.fixture(scope="module")
def config(small: Small) -> FitConfig:
    return small(steps=90, epoch_steps=30)


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, config: FitConfig, small_photographs: Path
) -> Path:
    """The run of one device."""
    run = tmp_path_factory.mktemp("alone") / "run"
    fit(config, f"folder:{small_photographs}", None, run, "x")
    return run


@pytest.fixture
def command(config: FitConfig, small_photographs: Path, tmp_path: Path) -> list[str]:
    data = f"folder:{small_photographs}"
    return ["fit", config.model, "--data", data, "--out", str(tmp_path / "run"), *settings(config)]


def assert_alike(run: Path, other: Path) -> None:
    """The same steps up to the order in which floats are added: far less than a step apart."""
    pairs = zip(*(runs.load_model(one).get_weights() for one in (run, other)), strict=True)
    assert max(np.abs(one - two).max() for one, two in pairs) < 1e-5
    for row, expected in zip(runs.history(run), runs.history(other), strict=True):
        for name in ("loss", "psnr", "val_loss", "val_psnr"):
            assert row[name] == pytest.approx(expected[name], rel=1e-4), name


@pytest.mark.slow
def test_two_workers_of_which_one_dies_and_returns_train_like_one(
    alone: Path, command: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    chief, other = workers = start(command, 2)
    try:
        assert chief.stdout is not None
        assert any(line.startswith("epoch 1/3") for line in chief.stdout)
        other.kill()
        (code, _, complained), _ = finish(workers)
    finally:
        for worker in workers:
            worker.kill()
    assert code == strategies.TRY_AGAIN
    last = complained.splitlines()[-1]
    assert "another worker is gone" in last and "go on from the last checkpoint" in last
    assert 1 <= len(runs.history(run)) < 3 and not (run / "model.keras").exists()
    (code, said, _), (other_code, other_said, _) = finish(start(command, 2))
    assert (code, other_code) == (0, 0)
    # The chief alone tells and writes.
    assert "resuming after epoch" in said and f"wrote {run}/model.keras" in said
    assert "epoch 3/3" in said and "epoch" not in other_said.replace("after epoch", "")
    assert_alike(run, alone)


MIRRORED = """
import sys
import tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from training.__main__ import main
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_two_devices_of_one_machine_train_like_one(
    alone: Path, command: list[str], tmp_path: Path
) -> None:
    """Two processors stand for two GPUs."""
    arguments = [sys.executable, "-c", MIRRORED, *command, "--strategy", "mirrored"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_alike(tmp_path / "run", alone)


def test_each_device_validates_on_whole_crops() -> None:
    """As many on each, and the mean is the one of all."""
    data = tf.data.Dataset.from_tensor_slices((np.arange(3.0), np.arange(3.0))).batch(2)
    strategy = strategies.Strategy("mirrored", replicas=2)
    values = [list(map(float, x)) for x, _ in strategy.repeated(data)]
    assert values == [[0, 0, 1, 1], [2, 2]]
    assert strategies.Strategy().repeated(data) is data


def test_batches_that_cannot_be_shared(small: Small) -> None:
    strategy = strategies.Strategy("mirrored", replicas=3)
    with pytest.raises(UserError, match="a batch of 4 cannot be shared by 3 devices"):
        strategy.check(small())
    strategy.check(small(batch=6))
    stages = ((0.5, 32, 6, 0.5), (0.5, 32, 4, 0.0))
    with pytest.raises(UserError, match="a batch of 4 cannot"):
        strategy.check(small(batch=6, progressive=stages))


def test_xla_where_it_cannot_be_had_or_left(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = strategies.Strategy("mirrored", replicas=2, distribution=tf.distribute.get_strategy())
    with pytest.raises(UserError, match="jit_compile=on cannot be combined with --strategy mirr"):
        shared.check(small(jit_compile="on"))
    shared.check(small(jit_compile="off"))
    strategies.Strategy().check(small(jit_compile="on"))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="jit_compile=off: JAX has no other way"):
        strategies.Strategy().check(small(jit_compile="off"))


def test_the_cluster() -> None:
    workers = {"worker": ["a:1", "b:1"]}
    good = {"cluster": workers, "task": {"type": "worker", "index": 1}}
    assert strategies.cluster(json.dumps(good)) == (2, 1)
    bad: list[Any] = [
        "", "{", "[]", {"cluster": workers}, good | {"task": {"type": "ps", "index": 0}},
        good | {"task": {"type": "worker", "index": 2}}, good | {"cluster": workers | {"ps": []}},
    ]  # fmt: skip
    for config in bad:
        text = config if isinstance(config, str) else json.dumps(config)
        with pytest.raises(UserError, match="needs TF_CONFIG, such as"):
            strategies.cluster(text)


def test_what_a_backend_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="multiworker needs KERAS_BACKEND=tensorflow, not jax"):
        strategies.opened("multiworker").__enter__()
