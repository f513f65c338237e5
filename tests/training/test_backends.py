"""JAX trains what TensorFlow trains, with the same command; only where it is installed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export.__main__ import main as export
from keras_models import runs
from studies import backends, curves, resume
from tests.training.test_fit import settings
from training.config import FitConfig

pytest.importorskip("jax", reason="requirements-jax.txt is not installed")

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_both_backends_train_alike(
    small_photographs: Path, tmp_path: Path, small: Callable[..., FitConfig]
) -> None:
    config = small(steps=60, epoch_steps=15)
    arguments = [config.model, "--data", f"folder:{small_photographs}"]
    given = settings(config)[1::2]
    found = backends.measure(arguments, given, tmp_path)
    assert curves.apart(found) < backends.ALIKE, curves.text(found)
    assert runs.read_record(tmp_path / "jax")["backend"] == "jax"
    # It has learned, and not just stayed where both began.
    start, end = (runs.load_model(tmp_path / run).get_weights() for run in ("start", "jax"))
    assert max(np.abs(a - b).max() for a, b in zip(start, end, strict=True)) > 1e-3

    # Two processors stand for two accelerators.
    given = [*given, f"start_from={tmp_path / 'start'}"]
    words = [word for setting in given for word in ("--set", setting)]
    shared = tmp_path / "shared"
    done = subprocess.run(
        [sys.executable, "-m", "training", "fit", *arguments, *words, "--out", str(shared),
         "--strategy", "mirrored"],
        cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"KERAS_BACKEND": "jax",
                          "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert curves.apart({"jax": found["jax"], "two": runs.history(shared)}) < 1e-3


@pytest.mark.slow
def test_a_killed_run_goes_on_under_jax_and_is_exported(
    small_photographs: Path,
    tmp_path: Path,
    small: Callable[..., FitConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = small(steps=60, epoch_steps=5, precision="mixed_bfloat16")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    fit = ["fit", config.model, "--data", f"folder:{small_photographs}", *settings(config), "--out"]
    with monkeypatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        subprocess.run([sys.executable, "-m", "training", *fit, str(whole)], cwd=ROOT, check=True)
        after = resume.killed_often([*fit, str(cut)], 1, random.Random(0))
    assert len(after) == 1 and after[0] < 12
    assert runs.read_record(cut)["backend"] == "jax"
    assert resume.same(whole, cut)

    out = tmp_path / "tflite"
    data = f"folder:{small_photographs}"
    assert export(["tflite", str(cut), "--recipes", "float32,int8", "--calibrate", data,
                   "--out", str(out)]) == 0  # fmt: skip
    assert export(["check", *map(str, out.glob("*.tflite"))]) == 0
