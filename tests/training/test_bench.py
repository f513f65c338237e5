"""What the benchmark calls waiting is waiting, and each stage of a training is measured."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from training import bench, feeds
from training.__main__ import main
from training.config import FitConfig

Small = Callable[..., FitConfig]


def test_a_slow_pipeline_is_waited_for(
    one_photograph: Path, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = feeds.prepare

    def slowed(*arguments: Any) -> feeds.Feed:
        def sleep(*tensors: tf.Tensor) -> Any:
            def pause() -> int:
                time.sleep(0.1)
                return 0

            with tf.control_dependencies([tf.py_function(pause, [], tf.int32)]):
                return tuple(tf.identity(tensor) for tensor in tensors)

        feed = prepare(*arguments)
        return dataclasses.replace(feed, batches=lambda a, b: feed.batches(a, b).map(sleep))

    monkeypatch.setattr(bench, "_WARM_UP", 2)
    monkeypatch.setattr(feeds, "prepare", slowed)
    (found,) = bench.bench(small(), f"folder:{one_photograph}", rounds=1, steps=5)
    assert (found.patch, found.batch) == (32, 4)
    assert found.real_ms > 80 and found.share > 0.3


@pytest.mark.slow
def test_every_stage_is_measured(
    one_photograph: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "_WARM_UP", 2)
    settings = ["size=test", "cell=96", "patch=48", "shares=()", "val_crop=48",
                "precision=float32",
                "progressive=((0.5, 48, 2, 1.0), (0.5, 96, 1, 1.0))"]  # fmt: skip
    words = [word for setting in settings for word in ("--set", setting)]
    data = f"folder:{one_photograph}"
    arguments = ["bench", "enhance_mirnet", "--data", data, "--rounds", "1", "--steps", "2"]
    assert main([*arguments, *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("enhance_mirnet 2 x 48") and lines[1].endswith("%")
    assert lines[2].startswith("enhance_mirnet 1 x 96")


def test_nothing_to_measure_is_one_line(
    one_photograph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--data", f"folder:{one_photograph}", "--steps", "0"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
