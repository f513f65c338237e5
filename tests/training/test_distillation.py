"""A student of detail learns from the truth and from its teacher, and keeps what it knew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_models
from edge_demo.errors import UserError
from edge_demo.tasks import chroma
from keras_models import runs
from training.adversarial import residual
from training.config import FitConfig
from training.distillation import DistillationModel
from training.fit import compiled, fit

Small = Callable[..., FitConfig]


def merged(small: Small, **changes: object) -> FitConfig:
    values = {"model": "chroma_merged", "loss": "distillation", "teacher": "chroma_gan-s.r1"}
    return small(**{**values, **changes})


def test_the_loss_is_of_truth_and_teacher(small: Small) -> None:
    rng = np.random.default_rng(0)
    planes = np.rint(rng.uniform(-90, 90, (2, 16, 16, 12))).astype(np.float32) / 255
    truth = rng.normal(0, 0.1, (2, 16, 16, 8)).astype(np.float32)
    found = []
    for share in (0.0, 0.25, 1.0):
        keras.utils.set_random_seed(1)
        model = compiled(merged(small, teaching=share), chroma.MERGED)
        assert isinstance(model, DistillationModel)
        found.append(float(model.compute_loss(planes, truth, model(planes))))
    assert found[1] == pytest.approx(0.75 * found[0] + 0.25 * found[2], rel=1e-4)
    answer = residual(np.asarray(model.teacher(planes)), planes, chroma.DIRECT)
    made = residual(np.asarray(model(planes)), planes, chroma.MERGED)
    expected = np.sqrt(((answer - made) * 48) ** 2 + 0.5**2).mean()
    assert found[2] == pytest.approx(expected, rel=1e-3)
    emphasised = compiled(merged(small, teaching=1.0, detail_gain=3.0), chroma.MERGED)
    emphasised.generator.set_weights(model.generator.get_weights())
    certain = np.asarray(model(planes))[..., :8]
    shown = certain + 3 * (answer - certain)
    expected = np.sqrt(((shown - made) * 48) ** 2 + 0.5**2).mean()
    loss = float(emphasised.compute_loss(planes, truth, model(planes)))
    assert loss == pytest.approx(expected, rel=1e-3)
    learning = {weight.path for weight in model.trainable_variables}
    assert learning == {weight.path for weight in model.generator.trainable_variables}


@pytest.mark.slow
def test_what_was_trained_before_stays(
    small_photographs: Path, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        keras_models.get("chroma_merged"), "STARTS_FROM", {"test": "chroma_residual-test"}
    )
    data = f"folder:{small_photographs}"
    fit(small(), data, None, tmp_path / "first", "x")
    config = merged(small, start_from=str(tmp_path / "first"), learning_rate=0.05)
    fit(config, data, None, tmp_path / "second", "x")
    first, second = (runs.load_model(tmp_path / name) for name in ("first", "second"))
    fresh = keras_models.build("chroma_merged", "test")
    before = {weight.path: np.asarray(weight) for weight in first.weights}
    names = set()
    for weight, other in zip(second.weights, fresh.weights, strict=True):
        if weight.path in before:
            assert np.array_equal(weight, before[weight.path])
        else:
            assert not np.array_equal(weight, other), weight.path
            names.add(weight.path.partition("/")[0])
    assert names == {"detail_a", "detail_b", "gate"}


def test_who_cannot_teach_or_learn(small: Small) -> None:
    for changes, why in (
        ({"teacher": ""}, "needs --set teacher=RUN"),
        ({"teacher": "chroma_residual-s.r1"}, "of chroma_residual, not chroma_gan"),
        ({"model": "chroma_residual"}, "chroma_residual has no detail"),
    ):
        config = merged(small, **changes)
        with pytest.raises(UserError, match=why):
            compiled(config, keras_models.task(config.model, "test"))
