"""What a fit is made of: commented defaults, one short file of differences a model, ``--set``."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import importlib
import itertools
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edge_demo.colour.siting import check_siting
from edge_demo.errors import UserError

from . import limits
from .objectives import OBJECTIVES, Charbonnier, Objective
from .precision import AUTO, PRECISIONS

JIT = ("auto", "on", "off")

# What runs from before call settings and losses that have other names today.
OLD_KEYS = {"finest": "max_quality_share", "emphasis": "detail_gain", "smooth": "tv_weight"}
OLD_LOSSES = {"taught": "distillation"}


@dataclass(frozen=True)
class FitConfig:
    """One training run; every value can be changed with ``--set key=value``."""

    model: str
    size: str = "s"  # a key of the model's SIZES
    # Data
    patch: int = 96  # side of a crop in pixels, even
    batch: int = 16  # crops a step
    synthetic: float = 0.3  # low light: share of crops that are photographs made dark, beside pairs
    # Low light: stages of training, each a share of all steps, then patch, batch and synthetic in
    # place of the three above; () for none.
    progressive: tuple[tuple[float, int, int, float], ...] = ()
    # Low light, colorization: what of each batch every source of --data gives, in their order; ()
    # counts pairs alike (synthetic says how many), photographs by the square roots of their number.
    shares: tuple[float, ...] = ()
    scanned: float = 0.0  # colorization: share of crops whose grey looks like an old scan
    varied: float = 0.0  # low light: share of pairs in another exposure and white balance
    compressed: float = 0.0  # low light: share of crops that are made JPEGs first
    uneven: float = 0.0  # low light: share of darkened photographs that are lit unevenly
    # Low light: of each source of --data, in their order, the share of pictures that are cut to a
    # part and mirrored before their thumbnail is made; () for none. Goes with shares.
    reframed: tuple[float, ...] = ()
    cell: int = 192  # photographs are kept as squares of this side to crop from
    copies: int = 3  # augmented copies of each photograph
    cells_gib: float = 1.5  # most memory for the cells
    sitings: dict[str, float] = field(  # share of each chroma siting in a batch
        default_factory=lambda: {"center": 0.5, "left": 0.375, "topleft": 0.125}
    )
    # chroma_bitrate: the least and the greatest quality of the JPEGs that crops are made.
    qualities: tuple[int, int] = (30, 100)
    max_quality_share: float = 0.0  # share of crops at the greatest, before the rest is spread
    val_photographs: int = 16  # crops of this many photographs measure each epoch
    val_crop: int = 256  # side of such a crop
    # Optimisation
    steps: int = 20_000
    learning_rate: float = 2e-3  # peak; cosine to a hundredth after the warm-up
    warmup_steps: int = 300
    ema: float = 0.999  # decay of the weights' moving average, which is what is kept
    # In --set and run.json: loss=NAME, and its fields beside the others of this config.
    objective: Objective = field(default_factory=Charbonnier)
    weight_decay: float = 0.0  # a step takes this share of the learning rate off kernels
    # Colorization: a preset, a run or a file of import-backbone, whose backbone to start from.
    backbone_weights: str = ""
    # Of what is fitted of a backbone: its learning rate over the rest's, and the first step at
    # which it moves at all, when what reads it knows what it wants.
    backbone_rate: float = 1.0
    backbone_delay: int = 0
    start_from: str = ""  # a finished run or preset whose weights to start from; "": none
    held: tuple[str, ...] = ()  # beginnings of the names of layers that keep these weights
    qat: str = ""  # the same, for quantisation-aware training: --qat RUN on the command line
    # "auto" is settled when a run begins, and its record says as what; see ``precision``.
    precision: str = AUTO
    # Whether XLA compiles a step: "auto" leaves it to Keras, which does so except under TensorFlow
    # on a processor, or on several devices; "on" and "off".
    jit_compile: str = "auto"
    seed: int = 0
    # Bookkeeping
    epoch_steps: int = 500  # a checkpoint, a history row and a validation every so many steps
    picture_every: int = 10  # epochs between pictures


class Stage(NamedTuple):
    """Some epochs of a run, and the crops of each of their steps."""

    start: int
    stop: int
    patch: int
    batch: int
    synthetic: float


def epochs(config: FitConfig) -> tuple[int, int]:
    """Number of epochs and steps in each; a run shorter than one epoch is one epoch."""
    epoch_steps = min(config.epoch_steps, config.steps)
    return math.ceil(config.steps / epoch_steps), epoch_steps


def plan(config: FitConfig) -> list[Stage]:
    """A run's stages: one, or those of ``progressive``, each of whole epochs."""
    total, _ = epochs(config)
    stages = config.progressive or ((1.0, config.patch, config.batch, config.synthetic),)
    ends = [round(end * total) for end in itertools.accumulate(share for share, *_ in stages)]
    return [
        Stage(start, stop, patch, batch, synthetic)
        for start, stop, (_, patch, batch, synthetic) in zip(
            [0, *ends[:-1]], ends, stages, strict=True
        )
        if start < stop
    ]


def load(name: str, qat: str = "") -> FitConfig:
    """The config of a model: ``CONFIG`` of ``training/configs/NAME.py``, or its ``QAT``.

    Args:
        name: of the model.
        qat: the run or preset to train quantisation-aware; "" for ordinary training.

    Raises:
        UserError: there is none; near names are listed.
    """
    names = available()
    if name not in names:
        near = difflib.get_close_matches(name, names, 2, 0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UserError(f"no config for model {name!r}{hint} (known: {', '.join(names)})")
    module = importlib.import_module(f"training.configs.{name}")
    config: FitConfig = dataclasses.replace(module.QAT, qat=qat) if qat else module.CONFIG
    return config


def flat(config: FitConfig) -> dict[str, Any]:
    """A config as people write it: flat, ``loss`` and the objective's own fields among the rest."""
    values: dict[str, Any] = {}
    for field_ in dataclasses.fields(config):
        if field_.name == "objective":
            values |= {"loss": config.objective.name, **vars(config.objective)}
        else:
            values[field_.name] = getattr(config, field_.name)
    return values


def changed(config: FitConfig, **values: Any) -> FitConfig:
    """A config with other values, named as in ``flat``.

    Another ``loss`` keeps what the old and the new one have in common.

    Raises:
        UserError: an unknown loss; near ones are named.
        TypeError: a setting that is none of this config's.
    """
    objective = config.objective
    if (loss := values.pop("loss", objective.name)) != objective.name:
        objective = _objective(loss, vars(objective))
    own = {key: values.pop(key) for key in vars(objective) if key in values}
    return dataclasses.replace(config, objective=dataclasses.replace(objective, **own), **values)


def _objective(loss: str, values: Mapping[str, Any]) -> Objective:
    """An objective with those of some values that are fields of it."""
    if loss not in OBJECTIVES:
        raise UserError(
            f"--set loss={loss}: known are {', '.join(OBJECTIVES)}{_near(loss, OBJECTIVES)}"
        )
    kind = OBJECTIVES[loss]
    own = {field_.name for field_ in dataclasses.fields(kind)}
    return kind(**{key: value for key, value in values.items() if key in own})


def as_read(config: FitConfig) -> dict[str, Any]:
    """A config as it comes back from JSON: flat, with lists for tuples."""
    values: dict[str, Any] = json.loads(json.dumps(flat(config)))
    return values


def read(values: Mapping[str, Any]) -> FitConfig:
    """The config of a run, from what ``run.json`` or a preset's record holds.

    What was not recorded then had its default. Settings of other objectives, which older records
    hold too, are left out.

    Raises:
        UserError: a loss that is none of today's.
    """
    named = {OLD_KEYS.get(key, key): _tuples(value) for key, value in values.items()}
    loss = named.get("loss", Charbonnier.name)
    objective = _objective(OLD_LOSSES.get(loss, loss), named)
    own = {field_.name for field_ in dataclasses.fields(FitConfig)} - {"objective"}
    held = {key: value for key, value in named.items() if key in own}
    return FitConfig(**held, objective=objective)


def _tuples(value: Any) -> Any:
    """A value of JSON with tuples for its lists."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def available() -> tuple[str, ...]:
    """Models that have a config."""
    folder = Path(__file__).parent / "configs"
    return tuple(sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__"))


def override(config: FitConfig, settings: Sequence[str]) -> FitConfig:
    """Apply ``key=value`` texts, each read as the type of the value it replaces.

    Raises:
        UserError: an unknown key, a value of another type or out of range.
    """
    given: dict[str, str] = {}
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator:
            raise UserError(f"--set {setting}: KEY=VALUE is needed")
        given[key] = text
    if "loss" in given:  # first: it decides which other keys there are
        config = changed(config, loss=given.pop("loss"))
    # Neither the model nor what --qat names is for --set to change.
    known = {key: value for key, value in flat(config).items() if key not in ("model", "qat")}
    for key, text in given.items():
        if key not in known:
            raise UserError(f"--set {key}={text}: unknown key {key!r}{_hint(key, config, known)}")
    config = changed(config, **{key: _parse(key, text, known[key]) for key, text in given.items()})
    _validate(config)
    return config


def _hint(key: str, config: FitConfig, known: Collection[str]) -> str:
    """Where an unknown key may have been meant to lead."""
    key = OLD_KEYS.get(key, key)
    owners = [name for name, kind in OBJECTIVES.items() if key in kind.__dataclass_fields__]
    if owners and key not in known:
        return (
            f"; {key!r} is of loss={' or '.join(owners)}, and the loss of this run is "
            f"{config.objective.name} (known: {', '.join(known)})"
        )
    return f"{_near(key, known)} (known: {', '.join(known)})"


def _near(name: str, known: Collection[str]) -> str:
    name = OLD_LOSSES.get(name, name)
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _parse(key: str, text: str, current: object) -> object:
    if isinstance(current, str):
        return text
    try:
        value = ast.literal_eval(text.replace("_", "") if text[:1].isdigit() else text)
    except (ValueError, SyntaxError):
        value = None
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(current):
        kind = type(current).__name__
        raise UserError(f"--set {key}={text}: a value of type {kind} is needed, as {current!r}")
    return value


def _validate(config: FitConfig) -> None:
    config.objective.check()
    limits.above_zero(config, "patch", "batch", "cell", "steps", "epoch_steps", "picture_every",
                      "val_photographs", "val_crop", "learning_rate", "cells_gib")  # fmt: skip
    limits.not_below_zero(config, "copies", "warmup_steps", "weight_decay", "seed",
                          "backbone_rate", "backbone_delay")  # fmt: skip
    limits.shares(config, "synthetic", "varied", "compressed", "uneven", "scanned")
    limits.one_of(config, "precision", PRECISIONS)
    limits.one_of(config, "jit_compile", JIT)
    for key in ("patch", "cell", "val_crop"):
        if getattr(config, key) % 2:
            limits.refuse(config, key, "must be even")
    if config.patch > config.cell:
        limits.refuse(config, "patch", f"must be at most cell={config.cell}")
    if not 0 <= config.ema < 1:
        limits.refuse(config, "ema", "must be in 0..1, 1 excluded")
    if config.qat and config.precision != "float32":
        raise UserError("--qat trains in float32: bfloat16 has too few digits for 8-bit steps")
    if config.qat and config.start_from:
        raise UserError("--qat starts from its own RUN: --set start_from has no place beside it")
    if not all(isinstance(name, str) and name for name in config.held):
        limits.refuse(config, "held", "beginnings of layers' names are needed")
    if config.held and not (config.start_from or config.qat):
        limits.refuse(config, "held", "goes with start_from=RUN, whose weights to keep")
    _check_progressive(config)
    _check_shares(config)
    _check_qualities(config)
    if not all(isinstance(share, int | float) for share in config.sitings.values()):
        raise UserError(f"--set sitings={config.sitings}: a number for each siting is needed")
    for siting in config.sitings:
        check_siting(siting)
    if not config.sitings or min(config.sitings.values()) <= 0:
        raise UserError("--set sitings: a share above 0 for each siting named is needed")


def _check_qualities(config: FitConfig) -> None:
    where = f"--set qualities={config.qualities}"
    whole = len(config.qualities) == 2 and all(type(value) is int for value in config.qualities)
    if not whole or not 1 <= config.qualities[0] <= config.qualities[1] <= 100:
        raise UserError(f"{where}: the least and the greatest of 1..100 are needed")
    if not 0 <= config.max_quality_share < 1:
        limits.refuse(config, "max_quality_share", "must be in 0..1, 1 excluded")
    # A JPEG's blocks of chroma are 16 pixels wide.
    if config.model == "chroma_bitrate" and (config.patch % 16 or config.val_crop % 16):
        raise UserError(f"{config.model} needs a patch and a val_crop that are multiples of 16")


def _check_shares(config: FitConfig) -> None:
    where = f"--set shares={config.shares}"
    if not all(isinstance(share, int | float) and share > 0 for share in config.shares):
        raise UserError(f"{where}: a number above 0 for each source is needed")
    for batch in {stage.batch for stage in plan(config)}:
        least = min(config.shares, default=1.0) / sum(config.shares or (1.0,)) * batch
        if config.shares and least < 0.5:
            raise UserError(f"{where}: one is too small for a batch of {batch}")
    reframed = config.reframed
    if not all(isinstance(share, int | float) and 0 <= share <= 1 for share in reframed):
        limits.refuse(config, "reframed", "a share in 0..1 of each source is needed")
    if reframed and len(reframed) != len(config.shares):
        limits.refuse(config, "reframed", "goes with shares=(...), one of each for each source")


def _check_progressive(config: FitConfig) -> None:
    if not config.progressive:
        return
    where = f"--set progressive={config.progressive}"
    whole = all(
        isinstance(stage, tuple)
        and len(stage) == 4
        and all(isinstance(value, int | float) for value in stage)
        and all(type(value) is int for value in stage[1:3])
        for stage in config.progressive
    )
    if not whole or min(value for stage in config.progressive for value in stage[:3]) <= 0:
        raise UserError(
            f"{where}: each stage needs a share of the steps, a patch, a batch and a share of "
            "photographs made dark"
        )
    if not all(0 <= stage[3] <= 1 for stage in config.progressive):
        raise UserError(f"{where}: the share of photographs made dark must be in 0..1")
    if abs(sum(stage[0] for stage in config.progressive) - 1) > 1e-6:
        raise UserError(f"{where}: the shares must add up to 1")
    if max(stage[1] for stage in config.progressive) > config.cell:
        raise UserError(f"{where}: patches must be at most cell={config.cell}")
