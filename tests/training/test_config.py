"""Configs: one for each model, and ``--set`` that reads types and refuses the rest."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path

import pytest

import keras_models
from edge_demo.errors import UserError
from keras_models import runs
from training import config
from training.config import FitConfig, override
from training.objectives import Adversarial, Distillation, LogError, ZeroReference

BASE = FitConfig(model="chroma_residual")


def test_every_model_has_a_config_that_is_valid() -> None:
    assert config.available() == keras_models.names()
    for name in config.available():
        loaded = config.load(name)
        assert loaded.model == name
        assert loaded.size in keras_models.get(name).SIZES
        assert override(loaded, []) == loaded


def test_an_unknown_model_lists_the_near() -> None:
    with pytest.raises(UserError, match="'chroma_resdual'; did you mean chroma_residual"):
        config.load("chroma_resdual")
    with pytest.raises(UserError, match=r"'zzz' \(known: .*chroma_residual"):
        config.load("zzz")


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("steps=1_000", "steps", 1000),
        ("learning_rate=1e-3", "learning_rate", 0.001),
        ("learning_rate=1", "learning_rate", 1.0),
        ("ema=0", "ema", 0.0),
        ("precision=float32", "precision", "float32"),
        ("size=test", "size", "test"),
        ("sitings={'left': 1.0}", "sitings", {"left": 1.0}),
        ("seed=7", "seed", 7),
    ],
)
def test_a_setting_is_read_as_the_type_it_replaces(setting: str, key: str, value: object) -> None:
    changed = override(BASE, [setting])
    assert getattr(changed, key) == value and type(getattr(changed, key)) is type(value)
    assert dataclasses.replace(changed, **{key: getattr(BASE, key)}) == BASE


def test_settings_add_up_and_the_last_wins() -> None:
    changed = override(BASE, ["steps=10", "batch=2", "steps=20"])
    assert (changed.steps, changed.batch) == (20, 2)
    # Two that are wrong alone and right together.
    assert override(BASE, ["patch=256", "cell=320"]).patch == 256


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["stepps=10"], r"unknown key 'stepps'; did you mean 'steps'\? \(known: size, patch"),
        (["zzz=1"], r"unknown key 'zzz' \(known"),
        (["steps"], "unknown key|KEY=VALUE"),
        (["=5"], "unknown key ''"),
        (["model=other"], "unknown key 'model'"),
        (["steps=ten"], "a value of type int is needed"),
        (["steps=1.5"], "a value of type int is needed"),
        (["steps=True"], "a value of type int is needed"),
        (["learning_rate=fast"], "a value of type float is needed"),
        (["learning_rate=True"], "a value of type float is needed"),
        (["sitings=left"], "a value of type dict is needed"),
        (["steps=0"], "must be above 0"),
        (["batch=-1"], "must be above 0"),
        (["cells_gib=0"], "must be above 0"),
        (["charbonnier=0.0"], "must be above 0"),
        (["patch=33"], "must be even"),
        (["val_crop=65"], "must be even"),
        (["patch=200"], "at most cell=192"),
        (["ema=1.0"], "must be in 0..1"),
        (["ema=-0.1"], "must be in 0..1"),
        (["copies=-1"], "must be 0 or more"),
        (["seed=-1"], "must be 0 or more|0 or above"),
        (["precision=float64"], "known are auto, mixed_bfloat16, float32"),
        (["jit_compile=maybe"], "known are auto, on, off"),
        (["loss=mse"], "known are charbonnier, log_error"),
        (["loss=charbonier"], "did you mean 'charbonnier'"),
        (["loss=taught"], "did you mean 'distillation'"),
        (["detail_gain=2.0"], "is of loss=distillation, and the loss of this run is charbonnier"),
        (["emphasis=2.0"], "'detail_gain' is of loss=distillation"),
        (["finest=0.5"], "did you mean 'max_quality_share'"),
        (["loss=log_error", "charbonnier=1.0"], "the loss of this run is log_error"),
        (["loss=log_error", "log_flor=1.0"], "did you mean 'log_floor'"),
        (["sitings={'middle': 1.0}"], "'middle'"),
        (["sitings={'left': 0.0}"], "a share above 0"),
        (["sitings={}"], "a share above 0"),
        (["sitings={'left': 'half'}"], "sitings"),
        (["synthetic=1.5"], "must be in 0..1"),
        (["loss=charbonnier_ms_ssim", "ms_ssim=-0.1"], "must be in 0..1"),
        (["loss=charbonnier_ms_ssim", "ssim=-0.1"], "must be 0 or more"),
        (["qualities=(90, 80)"], "least and the greatest"),
        (["max_quality_share=1.0"], "must be in 0..1, 1 excluded"),
        (["loss=distillation", "detail_gain=-1.0"], "must be 0 or more"),
        (["loss=zero_reference", "exposure_power=-0.5"], "must be 0 or more"),
        (["exposure=1.0", "loss=zero_reference"], "between 0 and 1"),
        (["shares=(1.0, 0.0)"], "above 0"),
        (["shares=(1.0, 0.01)"], "too small for a batch"),
        (["reframed=(0.5,)"], "goes with shares"),
        (["shares=(1, 1)", "reframed=(0.5,)"], "one of each for each source"),
        (["shares=(1, 1)", "reframed=(0.5, 2)"], "a share in 0..1 of each source"),
        (['held=("head",)'], "goes with start_from=RUN"),
        (['held=("",)', "start_from=runs/a"], "beginnings of layers' names"),
        (["varied=1.5"], "must be in 0..1"),
        (["progressive=(1.0, 64, 4, 0.5)"], "each stage needs"),
        (["progressive=((1.0, 64, 4),)"], "each stage needs"),
        (["progressive=((1.0, 64, 0, 0.5),)"], "each stage needs"),
        (["progressive=((1.0, 64, 4, 1.5),)"], "must be in 0..1"),
        (["progressive=((0.5, 64, 4, 0.5),)"], "add up to 1"),
        (["progressive=((1.0, 256, 4, 0.5),)"], "at most cell=192"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        override(BASE, settings)


def test_settings_of_an_objective_stand_beside_the_others() -> None:
    found = override(BASE, ["detail_gain=3", "seed=2", "loss=distillation", "teacher=runs/a"])
    assert found.objective == Distillation(teacher="runs/a", detail_gain=3.0)
    assert config.flat(found) == config.flat(BASE) | {
        "seed": 2, "loss": "distillation", "teacher": "runs/a", "teaching": 0.8, "detail_gain": 3.0
    }  # fmt: skip
    # What both have in common stays, and an objective that is named again is the same.
    other = override(found, ["charbonnier=2.0", "loss=adversarial"])
    assert other.objective == Adversarial(charbonnier=2.0)
    assert override(override(BASE, ["charbonnier=2.0"]), ["loss=adversarial"]) == override(
        BASE, ["loss=adversarial", "charbonnier=2.0"]
    )
    assert override(found, ["loss=distillation"]) == found


@pytest.mark.parametrize("name", runs.presets())
def test_what_presets_were_trained_with_can_be_read(name: str) -> None:
    record = runs.read_record(Path(name))
    for held in (record["config"], *(stage["config"] for stage in record.get("stages", ()))):
        found = config.read(held)
        assert config.read(config.as_read(found)) == found
        loss = held.get("loss", "charbonnier")
        assert found.objective.name == config.OLD_LOSSES.get(loss, loss)
        kept = config.as_read(found)
        for key, value in held.items():
            if (key := config.OLD_KEYS.get(key, key)) in kept and key != "loss":
                assert kept[key] == value, key


def test_settings_of_old_runs_have_their_names_of_today() -> None:
    found = config.read(runs.read_record(Path("chroma_merged-s.r2"))["config"])
    assert found.objective == Distillation(teacher="chroma_gan-s.r1", detail_gain=1.75)
    curves = {"model": "enhance_zerodce", "loss": "zero_reference", "charbonnier": 0.5,
              "exposure": 0.46, "exposure_power": 0.5, "smooth": 4000.0}  # fmt: skip
    assert config.read(curves).objective == ZeroReference(0.46, 0.5, tv_weight=4000.0)
    found = config.read(runs.read_record(Path("chroma_bitrate-s.r2"))["config"])
    assert (found.max_quality_share, found.objective) == (0.25, LogError())


def test_without_stages_a_run_is_one() -> None:
    assert config.plan(dataclasses.replace(BASE, steps=1000, epoch_steps=100)) == [
        (0, 10, BASE.patch, BASE.batch, BASE.synthetic)
    ]


def test_stages_are_of_whole_epochs_and_cover_the_run() -> None:
    sizes = ((0.5, 32, 8, 0.5), (0.26, 64, 4, 0.25), (0.24, 128, 2, 0.0))
    plan = config.plan(dataclasses.replace(BASE, steps=1000, epoch_steps=100, progressive=sizes))
    assert plan == [(0, 5, 32, 8, 0.5), (5, 8, 64, 4, 0.25), (8, 10, 128, 2, 0.0)]
    # A stage that is too short for an epoch is left out.
    plan = config.plan(dataclasses.replace(BASE, steps=200, epoch_steps=100, progressive=sizes))
    assert [stage.patch for stage in plan] == [32, 64] or [s.patch for s in plan] == [32, 128]
    assert plan[0].start == 0 and plan[-1].stop == 2


def test_the_docstring_states_what_the_preset_reached() -> None:
    root = Path(config.__file__).parent.parent
    table = json.loads((root / "docs/models/chroma_residual-s.r1.center.json").read_text())
    text = importlib.import_module("training.configs.chroma_residual").__doc__
    for line in table["rows"]:
        if line.get("recipe") in ("float32", "int8", "qat") or line["name"] == "bilinear":
            assert f"{line['metrics']['chroma_psnr']['mean']:.2f} dB" in text
