"""A second head that learns from the truth and from another network, in one Keras model.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015): the student's
target is partly what a teacher answers. Here the student is the merged network of chroma, whose
correction stays as it is; the teacher, a generator that was trained against a discriminator,
invents detail. A discriminator of the student's own left it swinging about no detail at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from keras import ops

from edge_demo.errors import UserError
from edge_demo.tasks.chroma import CORRECTION_SCALE, DIRECT, Variant
from keras_models import runs

from .adversarial import CHANNELS, residual
from .losses import Charbonnier


def teacher(name: str) -> keras.Model:
    """The network of a run or a preset of ``chroma_gan``.

    Raises:
        UserError: none is named, or one of another network.
    """
    if not name:
        raise UserError(
            "loss=distillation needs --set teacher=RUN, a run or a preset of chroma_gan"
        )
    config = runs.read_record(Path(name))["config"]
    if config["model"] != "chroma_gan":
        raise UserError(f"--set teacher={name}: that run is of {config['model']}, not chroma_gan")
    return runs.load_model(Path(name))


class DistillationModel(keras.Model):
    """A student and its teacher; called, it is the student.

    Attributes:
        generator: the student, which is kept.
    """

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model,
        task: Variant,
        *,
        charbonnier: float,
        teaching: float,
        detail_gain: float,
    ) -> None:
        """Put both together.

        Args:
            student: of variant "merged".
            teacher: of variant "direct".
            task: the student's variant.
            charbonnier: of both losses, see ``Charbonnier``.
            teaching: what the teacher counts, the truth the rest, 0..1.
            detail_gain: how many times what the teacher adds is strived for.
        """
        super().__init__(name=student.name)
        self.generator, self.teacher, self.task = student, teacher, task
        self.teaching, self.detail_gain = teaching, detail_gain
        self.teacher.trainable = False
        self.error = Charbonnier(CORRECTION_SCALE, charbonnier)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """What the student makes of planes."""
        return self.generator(inputs, training=training)

    def compute_loss(  # type: ignore[no-untyped-def]
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Charbonnier's loss to the truth and to what is taught, each by its share.

        What is taught is the correction and, ``detail_gain`` times, what the teacher adds to it: a
        student that is unsure of detail, as all are, learns less of it than it is shown.
        """
        answer = residual(ops.cast(self.teacher(x, training=False), "float32"), x, DIRECT)
        certain = ops.cast(y_pred, "float32")[..., :CHANNELS]
        shown = ops.stop_gradient(certain + self.detail_gain * (answer - certain))
        made, share = residual(y_pred, x, self.task), self.teaching
        truth = ops.mean(self.error(residual(y, x, self.task), made))
        return (1.0 - share) * truth + share * ops.mean(self.error(shown, made))
