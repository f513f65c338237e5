"""What a fit is made of: commented defaults, one short file of differences a model, ``--set``."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import importlib
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edge_demo.colour.siting import check_siting
from edge_demo.errors import UserError

PRECISIONS = ("mixed_bfloat16", "float32")
JIT = ("auto", "on", "off")
LOSSES = (
    "charbonnier", "log_error", "charbonnier_ms_ssim", "zero_reference", "colour_entropy",
    "adversarial", "taught",
)  # fmt: skip


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
    # Low light: what of each batch every source of --data gives, in their order, in place of
    # synthetic; () counts pairs alike.
    shares: tuple[float, ...] = ()
    varied: float = 0.0  # low light: share of pairs in another exposure and white balance
    compressed: float = 0.0  # low light: share of crops that are made JPEGs first
    uneven: float = 0.0  # low light: share of darkened photographs that are lit unevenly
    cell: int = 192  # photographs are kept as squares of this side to crop from
    copies: int = 3  # augmented copies of each photograph
    cells_gib: float = 1.5  # most memory for the cells
    sitings: dict[str, float] = field(  # share of each chroma siting in a batch
        default_factory=lambda: {"center": 0.5, "left": 0.375, "topleft": 0.125}
    )
    # chroma_bitrate: the least and the greatest quality of the JPEGs that crops are made.
    qualities: tuple[int, int] = (30, 100)
    finest: float = 0.0  # share of crops at the greatest of them, before the rest is spread
    val_photographs: int = 16  # crops of this many photographs measure each epoch
    val_crop: int = 256  # side of such a crop
    # Optimisation
    steps: int = 20_000
    learning_rate: float = 2e-3  # peak; cosine to a hundredth after the warm-up
    warmup_steps: int = 300
    ema: float = 0.999  # decay of the weights' moving average, which is what is kept
    # "charbonnier"; "log_error", which is PSNR itself, for a last, short run; low light's
    # "charbonnier_ms_ssim", and "zero_reference" for curves that are learnt without pairs.
    loss: str = "charbonnier"
    log_floor: float = 0.5  # log_error: mean square errors count as if larger by this, codes^2
    rebalance: float = 0.5  # colour_entropy: 1 counts all colours alike, 0 the rarest most
    # colour_entropy: how much of that is taken back from the scores in the end: 1 leaves
    # probabilities as photographs have them, 0 the vivid ones that were learnt.
    unbalance: float = 0.0
    regression: float = 0.0  # colour_entropy: weight of ab's own error, for networks with hints
    weight_decay: float = 0.0  # a step takes this share of the learning rate off kernels
    charbonnier: float = 0.5  # that loss is quadratic below this error, in 8-bit code values
    ms_ssim: float = 0.1  # share of the second in charbonnier_ms_ssim
    coarse: float = 0.0  # charbonnier_ms_ssim: weight of the error of 16x16 pixels' means
    exposure: float = 0.45  # zero_reference: the brightness that it strives for, 0..1
    exposure_power: float = 0.0  # zero_reference: how far that follows the picture's own mean
    # adversarial: weights of what the discriminator says and of the likeness of its features,
    # beside the Charbonnier loss; and the learning rate of the discriminator, over the generator's.
    adversarial: float = 0.5
    feature: float = 2.0
    discriminator_rate: float = 1.0
    # taught: a run or preset of chroma_gan that teaches chroma_merged detail, and its share.
    teacher: str = ""
    teaching: float = 0.8
    emphasis: float = 1.0  # taught: how many times what the teacher adds is strived for
    smooth: float = 200.0  # zero_reference: weight of the evenness of curves
    # Colorization: a preset, a run or a file of import-backbone, whose backbone to start from.
    backbone_weights: str = ""
    start_from: str = ""  # a finished run or preset whose weights to start from; "": none
    qat: str = ""  # the same, for quantisation-aware training: --qat RUN on the command line
    precision: str = "mixed_bfloat16"
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


def as_read(config: FitConfig) -> dict[str, Any]:
    """A config as it comes back from JSON, which knows no tuples."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return values


def available() -> tuple[str, ...]:
    """Models that have a config."""
    folder = Path(__file__).parent / "configs"
    return tuple(sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__"))


def override(config: FitConfig, settings: Sequence[str]) -> FitConfig:
    """Apply ``key=value`` texts, each read as the type of the value it replaces.

    Raises:
        UserError: an unknown key, a value of another type or out of range.
    """
    # Neither the model nor what --qat names is for --set to change.
    fields = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    fields = {key: value for key, value in fields.items() if key not in ("model", "qat")}
    changes: dict[str, object] = {}
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or key not in fields:
            near = difflib.get_close_matches(key, fields, 1, 0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(
                f"--set {setting}: unknown key {key!r}{hint} (known: {', '.join(fields)})"
            )
        changes[key] = _parse(key, text, fields[key])
    changed = dataclasses.replace(config, **changes)  # type: ignore[arg-type]
    _validate(changed)
    return changed


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
    positive = ("patch", "batch", "cell", "steps", "epoch_steps", "picture_every",
                "val_photographs", "val_crop", "learning_rate", "cells_gib",
                "charbonnier", "smooth", "discriminator_rate")  # fmt: skip
    for key in positive:
        if getattr(config, key) <= 0:
            raise UserError(f"--set {key}={getattr(config, key)}: must be above 0")
    for key in ("patch", "cell", "val_crop"):
        if getattr(config, key) % 2:
            raise UserError(f"--set {key}={getattr(config, key)}: must be even")
    if config.patch > config.cell:
        raise UserError(f"--set patch={config.patch}: must be at most cell={config.cell}")
    if not 0 <= config.ema < 1:
        raise UserError(f"--set ema={config.ema}: must be in 0..1, 1 excluded")
    for key in ("copies", "warmup_steps", "exposure_power", "log_floor", "regression",
                "weight_decay", "coarse", "adversarial", "feature", "emphasis"):  # fmt: skip
        if getattr(config, key) < 0:
            raise UserError(f"--set {key}={getattr(config, key)}: must be 0 or more")
    if config.precision not in PRECISIONS:
        raise UserError(f"--set precision={config.precision}: known are {', '.join(PRECISIONS)}")
    if config.jit_compile not in JIT:
        raise UserError(f"--set jit_compile={config.jit_compile}: known are {', '.join(JIT)}")
    if config.qat and config.precision != "float32":
        raise UserError("--qat trains in float32: bfloat16 has too few digits for 8-bit steps")
    if config.qat and config.start_from:
        raise UserError("--qat starts from its own RUN: --set start_from has no place beside it")
    _check_progressive(config)
    _check_shares(config)
    for key in (
        "synthetic",
        "varied",
        "compressed",
        "ms_ssim",
        "rebalance",
        "unbalance",
        "teaching",
    ):
        if not 0 <= getattr(config, key) <= 1:
            raise UserError(f"--set {key}={getattr(config, key)}: must be in 0..1")
    if not 0 < config.exposure < 1:
        raise UserError(f"--set exposure={config.exposure}: must be between 0 and 1")
    _check_qualities(config)
    if config.loss not in LOSSES:
        raise UserError(f"--set loss={config.loss}: known are {', '.join(LOSSES)}")
    if config.seed < 0:
        raise UserError(f"--set seed={config.seed}: must be 0 or more")
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
    if not 0 <= config.finest < 1:
        raise UserError(f"--set finest={config.finest}: must be in 0..1, 1 excluded")
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
