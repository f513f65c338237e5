"""A generator of chroma and a discriminator that learn against each other, in one Keras model.

The conditional GAN of pix2pix (Isola et al., "Image-to-Image Translation with Conditional
Adversarial Networks", 2017): a PatchGAN discriminator sees luma and chroma and says of each patch
whether the chroma is true; the generator learns fidelity, to be taken for true (least squares, Mao
et al., 2017), and to give the discriminator's layers what true chroma gives them (feature matching,
Wang et al., "High-Resolution Image Synthesis with Conditional GANs", 2018).

Both learn in one step of Keras's own loop, so that checkpoints, resuming, strategies and either
backend are as for any other model. That each learns from its own loss alone is a matter of where
gradients stop.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from edge_demo.tasks.chroma import CORRECTION_SCALE, Variant
from edge_demo.tasks.record import Task

from .losses import Charbonnier, residual_psnr
from .rated_adam import RatedAdam

# The discriminator sees corrections so many times larger than the generator's output has them:
# most are a code or two, of a scale of ``CORRECTION_SCALE``.
_VISIBLE = 10.0
CHANNELS = 8  # of a correction


def discriminator(channels: int) -> keras.Model:
    """PatchGAN on blocks of 2x2 pixels: features of three layers, and a score for each patch.

    Args:
        channels: of its input (B, H/2, W/2, channels). A patch is 44 pixels wide.
    """
    source = keras.Input((None, None, channels), name="seen")
    x, outputs = source, []
    for index, (filters, stride) in enumerate(((32, 1), (64, 2), (128, 2))):
        conv = layers.Conv2D(filters, 4 if stride > 1 else 3, stride, "same", name=f"patch{index}")
        x = layers.LeakyReLU(0.2, name=f"patch{index}_leaky")(conv(x))
        outputs.append(x)
    score = layers.Conv2D(1, 3, padding="same", name="score", dtype="float32")(x)
    return keras.Model(source, [*outputs, score], name="discriminator")


def residual(values: Any, planes: Any, task: Variant) -> Any:
    """What the generator's output, or its target, adds to bilinear, in units of a correction.

    Args:
        values: (B, H/2, W/2, 8 or 16), of the task's output or of its target.
        planes: (B, H/2, W/2, 12), what the generator saw.
        task: its variant.
    """
    if task.direct:
        return (values - planes[..., 4:]) * (task.outputs[0].scale / CORRECTION_SCALE)
    return _whole(values)


def _whole(values: Any) -> Any:
    """A correction with all of the detail that stands behind it, where there is some."""
    if values.shape[-1] > CHANNELS:
        return values[..., :CHANNELS] + values[..., CHANNELS:]
    return values


def optimizer(rate: float, **options: Any) -> keras.optimizers.Optimizer:
    """The generator's optimizer and the discriminator's.

    Args:
        rate: the discriminator's learning rate over the generator's.
        options: of ``keras.optimizers.Adam``.
    """
    return RatedAdam(names=_DISCRIMINATOR, rate=rate, delay=0, **options)


# How the discriminator's weights are named.
_DISCRIMINATOR = ("patch", "score")


class AdversarialModel(keras.Model):
    """A generator, trained against a discriminator; called, it is the generator.

    Attributes:
        generator: what is kept.
        discriminator: what is not.
    """

    def __init__(
        self,
        generator: keras.Model,
        task: Variant,
        *,
        charbonnier: float,
        gan_weight: float,
        feature_weight: float,
    ) -> None:
        """Put both together.

        Args:
            generator: of a variant of chroma.
            task: its variant.
            charbonnier: of the loss to the truth, see ``Charbonnier``.
            gan_weight, feature_weight: of the generator's other two losses beside that one.
        """
        super().__init__(name=generator.name)
        self.generator, self.task = generator, task
        self.gan_weight, self.feature_weight = gan_weight, feature_weight
        self.discriminator = discriminator(task.inputs[0].channels + CHANNELS)
        self.fidelity = Charbonnier(CORRECTION_SCALE, charbonnier)
        self.generator_loss = keras.metrics.Mean("generator_loss")
        self.discriminator_loss = keras.metrics.Mean("discriminator_loss")
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the generator makes of planes."""
        return self.generator(inputs, training=training)

    def compute_loss(  # type: ignore[no-untyped-def]
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Both losses; each one's gradient reaches its own weights alone."""
        true, made = residual(y, x, self.task), residual(y_pred, x, self.task)
        fidelity = ops.mean(self.fidelity(true, made))

        judge = self.discriminator
        # The generator is judged by weights that do not learn from it.
        fixed = [ops.stop_gradient(weight.value) for weight in judge.trainable_variables]
        judged, _ = judge.stateless_call(fixed, [], self._seen(x, made))
        *true_features, true_score = judge(self._seen(x, true), training=training)
        *_, made_score = judge(self._seen(x, ops.stop_gradient(made)), training=training)
        *made_features, fooled = judged
        gan_loss = ops.mean(ops.square(fooled - 1.0))
        feature_matching = sum(
            ops.mean(ops.abs(ops.cast(a, "float32") - ops.stop_gradient(ops.cast(b, "float32"))))
            for a, b in zip(made_features, true_features, strict=True)
        )
        generator_loss = (
            fidelity + self.gan_weight * gan_loss + self.feature_weight * feature_matching
        )
        discriminator_loss = 0.5 * (
            ops.mean(ops.square(true_score - 1.0)) + ops.mean(ops.square(made_score))
        )
        self.generator_loss.update_state(generator_loss)
        self.discriminator_loss.update_state(discriminator_loss)
        return generator_loss + discriminator_loss

    def _seen(self, planes: Any, residual: Any) -> Any:
        """What the discriminator sees: luma, bilinear chroma and what is added to it."""
        return ops.concatenate([planes, residual * _VISIBLE], axis=-1)


def psnr(task: Task):  # type: ignore[no-untyped-def]
    """A Keras metric function: chroma PSNR of an output with all of its detail, unrounded.

    For variants whose output and target differ; of chroma itself the difference is what counts.
    """
    of_correction = residual_psnr(task.outputs[0].scale)

    def psnr(y_true, y_pred):  # type: ignore[no-untyped-def]
        return of_correction(y_true, _whole(y_pred))

    return psnr
