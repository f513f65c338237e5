"""What a run strives for: one frozen dataclass an objective, with the settings of that one alone.

``FitConfig.objective`` holds one of them. On the command line and in ``run.json`` it is flat:
``loss`` is its name, and its fields stand beside the config's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from edge_demo.errors import UserError
from edge_demo.tasks import chroma, enhance
from edge_demo.tasks.record import Task
from keras_models import ab_classes, efficientnet_lite

from . import (
    adversarial,
    colour_losses,
    curves,
    distillation,
    limits,
    losses,
    ms_ssim,
    perception,
    zero_reference,
)

Prior = NDArray[np.floating]


@dataclass(frozen=True)
class Objective:
    """What every objective can be asked; most answer a few of these in their own way.

    Attributes:
        name: after ``--set loss=`` and in ``run.json``.
        needs_truth: whether pictures are compared with what they should have become.
    """

    name: ClassVar[str]
    needs_truth: ClassVar[bool] = True

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            UserError: there is one.
        """

    def check_fits(self, model: str, task: Task, prior: Prior | None) -> None:
        """Refuse a model that cannot be trained like this.

        Args:
            model: its name.
            task: its variant.
            prior: how common each of the 313 colours is; None where a model knows none.

        Raises:
            UserError: it cannot.
        """

    def loss(self, task: Task, prior: Prior | None) -> keras.losses.Loss | None:
        """What ``compile`` takes; None where ``wrapped`` computes it."""
        raise NotImplementedError

    def metrics(self, task: Task) -> list[Any]:
        """What is measured beside the loss."""
        return [losses.residual_psnr(task.outputs[0].scale)]

    def wrapped(self, model: keras.Model, task: Task) -> keras.Model:
        """The model that ``fit`` is called on; what is kept is then its ``generator``."""
        return model

    def optimizer(self, **options: Any) -> keras.optimizers.Optimizer:
        """What takes the steps.

        Args:
            options: of ``keras.optimizers.Adam``.
        """
        return keras.optimizers.Adam(**options)

    def finish(self, model: keras.Model, prior: Prior | None) -> None:
        """Change what has been trained, just before it is kept."""


@dataclass(frozen=True)
class Charbonnier(Objective):
    """A differentiable L1: what most runs start with.

    Attributes:
        charbonnier: quadratic below this error, in 8-bit code values.
    """

    name: ClassVar[str] = "charbonnier"
    charbonnier: float = 0.5

    def check(self) -> None:
        """See ``Objective``."""
        limits.above_zero(self, "charbonnier")

    def loss(self, task: Task, prior: Prior | None) -> keras.losses.Loss:
        """See ``Objective``."""
        return losses.Charbonnier(task.outputs[0].scale, self.charbonnier)


@dataclass(frozen=True)
class LogError(Objective):
    """PSNR itself, for a last, short run.

    Attributes:
        log_floor: mean square errors count as if larger by this, codes^2.
    """

    name: ClassVar[str] = "log_error"
    log_floor: float = 0.5

    def check(self) -> None:
        """See ``Objective``."""
        limits.not_below_zero(self, "log_floor")

    def loss(self, task: Task, prior: Prior | None) -> keras.losses.Loss:
        """See ``Objective``."""
        return losses.LogError(task.outputs[0].scale, self.log_floor)


@dataclass(frozen=True)
class CharbonnierMsSsim(Objective):
    """Values and structure of whole pictures: low light's.

    Attributes:
        charbonnier: as ``Charbonnier``'s.
        ms_ssim: share of MS-SSIM, 0..1.
        coarse: weight of the error of 16x16 pixels' means.
        ssim: weight of SSIM at the picture's own scale.
    """

    name: ClassVar[str] = "charbonnier_ms_ssim"
    charbonnier: float = 0.5
    ms_ssim: float = 0.1
    coarse: float = 0.0
    ssim: float = 0.0

    def check(self) -> None:
        """See ``Objective``."""
        limits.above_zero(self, "charbonnier")
        limits.shares(self, "ms_ssim")
        limits.not_below_zero(self, "coarse", "ssim")

    def loss(self, task: Task, prior: Prior | None) -> keras.losses.Loss:
        """See ``Objective``."""
        scale = task.outputs[0].scale
        return ms_ssim.CharbonnierMsSsim(
            scale, self.charbonnier, self.ms_ssim, self.coarse, self.ssim
        )


@dataclass(frozen=True)
class ReferenceCurves(CharbonnierMsSsim):
    """``CharbonnierMsSsim`` of the picture that curves make: low light's curves, learnt from pairs.

    Attributes:
        charbonnier, ms_ssim, coarse, ssim: as ``CharbonnierMsSsim``'s.
    """

    name: ClassVar[str] = "reference_curves"

    def check_fits(self, model: str, task: Task, prior: Prior | None) -> None:
        """See ``Objective``."""
        if not isinstance(task, enhance.Variant) or task.makes_picture:
            raise UserError(f"--set loss={self.name}: {model} answers with no curves")

    def loss(self, task: Task, prior: Prior | None) -> keras.losses.Loss:
        """See ``Objective``."""
        return ms_ssim.CharbonnierMsSsim(
            curves.CODES, self.charbonnier, self.ms_ssim, self.coarse, self.ssim
        )

    def metrics(self, task: Task) -> list[Any]:
        """PSNR of the picture that curves make."""
        return [losses.residual_psnr(curves.CODES)]

    def wrapped(self, model: keras.Model, task: Task) -> keras.Model:
        """The network, and its curves applied."""
        return curves.CurvesModel(model)


@dataclass(frozen=True)
class ZeroReference(Objective):
    """How a brightened picture should look, learnt without pairs: low light's curves.

    Attributes:
        exposure: the brightness that it strives for, 0..1.
        exposure_power: how far that follows the picture's own mean.
        tv_weight: weight of the total variation of curves.
    """

    name: ClassVar[str] = "zero_reference"
    needs_truth: ClassVar[bool] = False
    exposure: float = 0.45
    exposure_power: float = 0.0
    tv_weight: float = 200.0

    def check(self) -> None:
        """See ``Objective``."""
        if not 0 < self.exposure < 1:
            limits.refuse(self, "exposure", "must be between 0 and 1")
        limits.not_below_zero(self, "exposure_power")
        limits.above_zero(self, "tv_weight")

    def loss(self, task: Task, prior: Prior | None) -> keras.losses.Loss:
        """See ``Objective``."""
        return zero_reference.ZeroReference(
            self.exposure, self.exposure_power, tv_weight=self.tv_weight
        )

    def metrics(self, task: Task) -> list[Any]:
        """None: without pairs there is no truth to measure against."""
        return []


@dataclass(frozen=True)
class Classification(Objective):
    """Which of 313 colours a pixel has: colorization's.

    Attributes:
        rebalance: 1 counts all colours alike, 0 the rarest most.
        unbalance: how much of that is taken back from the scores in the end: 1 leaves
            probabilities as photographs have them, 0 the vivid ones that were learnt.
        regression: weight of ab's own error, for networks with hints.
    """

    name: ClassVar[str] = "colour_entropy"
    rebalance: float = 0.5
    unbalance: float = 0.0
    regression: float = 0.0

    def check(self) -> None:
        """See ``Objective``."""
        limits.shares(self, "rebalance", "unbalance")
        limits.not_below_zero(self, "regression")

    def check_fits(self, model: str, task: Task, prior: Prior | None) -> None:
        """See ``Objective``."""
        if prior is None:
            raise UserError(f"--set loss={self.name}: {model} knows no 313 colours")

    def loss(self, task: Task, prior: Prior | None) -> keras.losses.Loss:
        """See ``Objective``."""
        assert prior is not None  # see check_fits
        weights = colour_losses.rebalancing(prior, self.rebalance)
        return colour_losses.ColourEntropy(weights.tolist(), self.regression)

    def metrics(self, task: Task) -> list[Any]:
        """PSNR of the colours that the scores stand for."""
        return [colour_losses.scored_psnr]

    def finish(self, model: keras.Model, prior: Prior | None) -> None:
        """Take back some of what rebalancing did."""
        if prior is not None and self.unbalance:
            weights = colour_losses.rebalancing(prior, self.rebalance)
            ab_classes.adjust(model, weights, self.unbalance)


@dataclass(frozen=True)
class JointColour(Objective):
    """Which of 313 colours a pixel has, and how strong the one that is shown may be.

    Attributes:
        rebalance: 1 counts all colours alike, 0 the rarest most.
        unbalance: how much of that the scores are kept from learning: 1 leaves probabilities as
            photographs have them, 0 the vivid ones.
        regression: weight of ab's own error: more is quieter.
        chroma: weight of the error of how strong colours are: more is more vivid.
    """

    name: ClassVar[str] = "joint_colour"
    rebalance: float = 0.5
    unbalance: float = 0.0
    regression: float = 0.0
    chroma: float = 0.05

    def check(self) -> None:
        """See ``Objective``."""
        limits.shares(self, "rebalance", "unbalance")
        limits.not_below_zero(self, "regression", "chroma")

    def check_fits(self, model: str, task: Task, prior: Prior | None) -> None:
        """See ``Objective``."""
        if prior is None or model != "colorize_unet":
            raise UserError(f"--set loss={self.name}: {model} does not make its ab of 313 colours")

    def loss(self, task: Task, prior: Prior | None) -> keras.losses.Loss:
        """See ``Objective``."""
        assert prior is not None  # see check_fits
        weights = colour_losses.rebalancing(prior, self.rebalance)
        return colour_losses.JointColour(
            weights.tolist(), self.unbalance, self.regression, self.chroma
        )

    def metrics(self, task: Task) -> list[Any]:
        """PSNR of ab, and how strong they are."""
        return [colour_losses.scored_psnr, colour_losses.chroma_ratio]


@dataclass(frozen=True)
class PerceivedColour(JointColour):
    """``JointColour``, and a classifier that compares the results with the photographs.

    Attributes:
        rebalance, unbalance, regression, chroma: as ``JointColour``'s.
        classifier: EfficientNet-Lite0 as ``import-backbone`` wrote it.
        perception: weight of how far apart the classifier finds the two.
        looked_at: share of each batch that it is shown; it takes as long as the network.
    """

    name: ClassVar[str] = "perceived_colour"
    classifier: str = ""
    perception: float = 0.5
    looked_at: float = 0.5

    def check(self) -> None:
        """See ``Objective``."""
        super().check()
        limits.not_below_zero(self, "perception")
        limits.shares(self, "looked_at")
        if not self.classifier:
            raise UserError(
                f"--set loss={self.name} needs --set classifier=FILE.npz, what 'python -m "
                "keras_models import-backbone' makes of EfficientNet-Lite0"
            )

    def wrapped(self, model: keras.Model, task: Task) -> keras.Model:
        """The network and the classifier."""
        apart = perception.distance(self.classifier, efficientnet_lite.LITE["lite0"])
        return perception.PerceivedModel(model, apart, self.perception, self.looked_at)


@dataclass(frozen=True)
class Adversarial(Objective):
    """A discriminator beside Charbonnier's loss: chroma that may invent detail.

    Attributes:
        charbonnier: as ``Charbonnier``'s.
        adversarial: weight of what the discriminator says.
        feature: weight of how far its features of truth and result are apart.
        discriminator_rate: its learning rate over the generator's.
    """

    name: ClassVar[str] = "adversarial"
    charbonnier: float = 0.5
    adversarial: float = 0.5
    feature: float = 2.0
    discriminator_rate: float = 1.0

    def check(self) -> None:
        """See ``Objective``."""
        limits.above_zero(self, "charbonnier", "discriminator_rate")
        limits.not_below_zero(self, "adversarial", "feature")

    def check_fits(self, model: str, task: Task, prior: Prior | None) -> None:
        """See ``Objective``."""
        if not isinstance(task, chroma.Variant) or task.told_quality:
            raise UserError(f"--set loss={self.name}: there is no discriminator for {model}")

    def loss(self, task: Task, prior: Prior | None) -> None:
        """None: the two networks have a loss each."""

    def metrics(self, task: Task) -> list[Any]:
        """PSNR with all of the detail."""
        return [adversarial.psnr(task)]

    def wrapped(self, model: keras.Model, task: Task) -> keras.Model:
        """Generator and discriminator."""
        assert isinstance(task, chroma.Variant)
        return adversarial.AdversarialModel(
            model,
            task,
            charbonnier=self.charbonnier,
            gan_weight=self.adversarial,
            feature_weight=self.feature,
        )

    def optimizer(self, **options: Any) -> keras.optimizers.Optimizer:
        """One Adam with two learning rates."""
        return adversarial.optimizer(self.discriminator_rate, **options)


@dataclass(frozen=True)
class Distillation(Objective):
    """Truth, and the detail that another network adds: chroma's second head.

    Attributes:
        charbonnier: as ``Charbonnier``'s.
        teacher: a run or preset of ``chroma_gan`` that ``chroma_merged`` learns detail from.
        teaching: what the teacher counts, the truth the rest, 0..1.
        detail_gain: how many times what the teacher adds is strived for.
    """

    name: ClassVar[str] = "distillation"
    charbonnier: float = 0.5
    teacher: str = ""
    teaching: float = 0.8
    detail_gain: float = 1.0

    def check(self) -> None:
        """See ``Objective``."""
        limits.above_zero(self, "charbonnier")
        limits.shares(self, "teaching")
        limits.not_below_zero(self, "detail_gain")

    def check_fits(self, model: str, task: Task, prior: Prior | None) -> None:
        """See ``Objective``."""
        if not isinstance(task, chroma.Variant) or not task.has_detail:
            raise UserError(f"--set loss={self.name}: {model} has no detail to be taught")

    def loss(self, task: Task, prior: Prior | None) -> None:
        """None: it asks the teacher, too."""

    def metrics(self, task: Task) -> list[Any]:
        """PSNR with all of the detail."""
        return [adversarial.psnr(task)]

    def wrapped(self, model: keras.Model, task: Task) -> keras.Model:
        """Student and teacher."""
        assert isinstance(task, chroma.Variant)
        return distillation.DistillationModel(
            model,
            distillation.teacher(self.teacher),
            task,
            charbonnier=self.charbonnier,
            teaching=self.teaching,
            detail_gain=self.detail_gain,
        )


# By the name that follows ``--set loss=``.
OBJECTIVES: dict[str, type[Objective]] = {
    kind.name: kind
    for kind in (
        Charbonnier,
        LogError,
        CharbonnierMsSsim,
        ReferenceCurves,
        ZeroReference,
        Classification,
        JointColour,
        PerceivedColour,
        Adversarial,
        Distillation,
    )
}
