"""Keras to TFLite: builtin ops only, static shapes, one network in every recipe."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from edge_demo.errors import UserError
from edge_demo.measure import restoration
from edge_demo.quiet import quiet_stderr
from edge_demo.tasks.record import Task
from keras_models import fakequant
from keras_models.fakequant import Range

from . import edgetpu, graph, quantise, sensitivity
from .calibrate import Calibration
from .chosen import Chosen
from .recipes import RECIPES, Recipe

# What runs are calibrated on.
TILE = RECIPES[0].tile
# Tiles that quality is judged on while operations are tried; fewer where a network is for whole
# pictures, whose graphs have many more operations.
_JUDGED, _JUDGED_WHOLE = 32, 8


@dataclass(frozen=True)
class Network:
    """A Keras model on its way to TFLite; what several recipes need is worked out once.

    Attributes:
        model: float32, plain or fake-quantised, any size.
        task: names the tensors.
        stated: its layers that 8 bits leave in floats, see ``keras_models.in_floats``.
        calibration: for recipes that need it.
        tile: side of the calibration's tiles, in image pixels; ranges and operations are looked at
            on a graph of this tile, whatever a recipe's own.
        choice: how calibrated ranges are chosen, a key of ``quantise.CHOICES``.
        progress: told how far what takes long is, and whether that was the last of it.
        chosen: what calibration chose before, where integers are made again without it.
    """

    model: keras.Model
    task: Task
    stated: tuple[str, ...]
    calibration: Calibration | None = None
    tile: int = TILE
    choice: str = next(iter(quantise.CHOICES))
    progress: Callable[[str, bool], None] = lambda text, last: None
    chosen: Chosen | None = None

    @cached_property
    def trained(self) -> Mapping[str, Range]:
        """The ranges that it was trained with; none of a plain model."""
        return fakequant.ranges_of(self.model)

    @cached_property
    def plain(self) -> keras.Model:
        """The model without fake quantisation."""
        return fakequant.unquantised(self.model) if self.trained else self.model

    @cached_property
    def floats(self) -> bytes:
        """The float32 graph that integer graphs are made of."""
        return float_graph(self.plain, self.task, self.tile)

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """A range for every tensor of ``floats``: trained, or chosen on the calibration."""
        if self.trained:
            return quantise.trained_ranges(self.floats, self.trained)
        if self.chosen:
            return dict(self.chosen.ranges)
        if self.calibration is None:
            raise ValueError("calibrated recipes need calibration")
        inputs = self.calibration.inputs
        return quantise.calibrated_ranges(self.floats, self.task, inputs, self.choice)

    @cached_property
    def stated_floats(self) -> tuple[str, ...]:
        """Tensors of the operations that it states to be in floats; none if it was trained so."""
        if self.trained:
            return ()
        return tuple(
            operation.outputs[0].name
            for operation in graph.read(self.floats).details
            if sensitivity.layer_name(operation).startswith(self.stated)
        )

    @cached_property
    def saturated(self) -> bytes:
        """``floats`` without the clamps that integers need not, see ``quantise.saturating``."""
        return quantise.saturating(self.floats, self.ranges, self.stated_floats)

    @cached_property
    def judged(self) -> Calibration:
        """The tiles that quality is judged on while operations are tried: fewer, for speed."""
        if self.calibration is None:
            raise ValueError("the analysis needs calibration")
        return self.calibration.first(_JUDGED_WHOLE if self.task.frame else _JUDGED)

    @cached_property
    def analysis(self) -> sensitivity.Analysis:
        """How sensitive each operation is."""

        def tell(done: int, total: int) -> None:
            self.progress(f"sensitivity: {done} of {total} operations", done == total)

        return sensitivity.analyse(
            self.saturated, self.ranges, self.judged, self.stated_floats, tell
        )

    @cached_property
    def _kept_floats(self) -> dict[float, tuple[str, ...]]:
        """What ``kept_floats`` found so far: it takes minutes."""
        return {}

    def kept_floats(self, most_loss: float) -> tuple[str, ...]:
        """Tensors of more operations that stay in floats, to lose no more dB, in order of choice.

        Raises:
            UserError: too many would have to.
        """
        if self.chosen and self.chosen.floats is not None:
            return self.chosen.floats
        if most_loss not in self._kept_floats:
            lines = sensitivity.choose_floats(
                self.saturated, self.ranges, self.judged, self.stated_floats, most_loss,
                lambda: self.analysis,
            )  # fmt: skip
            self._kept_floats[most_loss] = tuple(line.tensor for line in lines)
        return self._kept_floats[most_loss]

    def to_keep(self) -> Chosen:
        """What calibration chose, once all recipes are made, of which one at most has a bound."""
        if self.calibration is None:
            raise ValueError("nothing was chosen without calibration")
        floats = next(iter(self._kept_floats.values()), None)
        return Chosen(self.choice, self.calibration.manifest, self.ranges, floats)


def tile_of(task: Task) -> int:
    """The side of calibration's tiles: a network's own where it sees whole pictures of a size."""
    reduced = restoration.of(task).example is not None
    return task.frame[0] if task.frame and reduced else TILE


def applicable(recipe: Recipe, trained: bool) -> bool:
    """Whether a recipe fits a network that was trained quantisation-aware, or one that was not."""
    return recipe.trained or recipe.edgetpu if trained else not recipe.trained


def check_fit(network: Network, recipe: Recipe) -> None:
    """Raise UserError where a recipe is none for a network."""
    if not applicable(recipe, bool(network.trained)):
        raise UserError(
            f"recipe {recipe.name} is for a run of ordinary training"
            if network.trained
            else f"recipe {recipe.name} needs a run of 'python -m training fit --qat RUN'"
        )


def convert(network: Network, recipe: Recipe) -> tuple[bytes, dict[str, Any]]:
    """A network's FlatBuffer in a recipe, and what its card must say of the making.

    Raises:
        UserError: a recipe that does not fit the network, an operation that TFLite or the Edge
            TPU lacks.
    """
    check_fit(network, recipe)
    size = network.task.frame or (recipe.tile, recipe.tile)
    if not (recipe.calibrated or recipe.trained):
        return float_graph(network.plain, network.task, size, recipe.name), _frame(network.task)
    facts: dict[str, Any] = _frame(network.task)
    if network.trained:
        facts["ranges"] = "trained"
    elif network.chosen:
        facts["ranges"] = network.chosen.choice
        facts["calibration"] = dict(network.chosen.calibration)
    elif network.calibration:
        facts["ranges"] = network.choice
        facts["calibration"] = network.calibration.manifest
    # An Edge TPU computes no floats.
    kept = () if recipe.edgetpu else network.stated_floats
    if recipe.most_loss is not None:
        kept += network.kept_floats(recipe.most_loss)
        facts["most_loss_db"] = recipe.most_loss
    if kept or recipe.most_loss is not None:
        names = sensitivity.layer_names(network.saturated, kept)
        facts["floats"] = list(dict.fromkeys(names))
    floats = network.saturated
    if size != (network.tile, network.tile):
        floats = float_graph(network.plain, network.task, size)
    flatbuffer = quantise.integer(floats, network.ranges, kept)
    if recipe.integer and (left := quantise.in_floats(flatbuffer, kept)):
        raise UserError(f"recipe {recipe.name}: no 8-bit form here of {', '.join(left)}")
    if recipe.edgetpu:
        facts["static"] = True
        verdict = edgetpu.judge(flatbuffer)
        if not verdict.ready:
            raise UserError(f"recipe {recipe.name}: {verdict.text}")
    return flatbuffer, facts


def _frame(task: Task) -> dict[str, Any]:
    """What a card says of the size that a graph was made for, where it is no square tile."""
    return {"frame": list(task.frame)} if task.frame else {}


def float_graph(
    model: keras.Model, task: Task, size: int | tuple[int, int], recipe: str = "float32"
) -> bytes:
    """What TensorFlow's converter makes of a model: recipes float32, float16 and dynamic.

    Args:
        model: float32, any size.
        task: names the tensors.
        size: height and width of the static input in image pixels; one number for a square.
        recipe: one of the three.

    Raises:
        UserError: an operation that TFLite lacks.
    """
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        save(model, task, (size, size) if isinstance(size, int) else size, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # No Flex ops: a device's interpreter refuses them.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if recipe != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            flatbuffer: bytes = converter.convert()
        except ConverterError as error:
            missing = re.search(r"tf\.\w+", str(error))
            what = missing[0] if missing else str(error).partition("\n")[0][:200]
            raise UserError(f"TFLite cannot hold this network: {what}") from None
    return flatbuffer


def save(model: keras.Model, task: Task, size: tuple[int, int], folder: str) -> None:
    """A SavedModel whose one signature has the task's tensor names and a static shape.

    Keras's own archive, because it tells TensorFlow which variables are constants.
    """
    model = _marked(model)
    (source,), (result,) = task.inputs, task.outputs
    height, width = (length // source.downscale for length in size)
    spec = tf.TensorSpec([1, height, width, source.channels], tf.float32, name=source.name)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda values: {result.name: model(values, training=False)},
        input_signature=[spec],
    )
    archive.write_out(folder, verbose=False)


def _marked(model: keras.Model) -> keras.Model:
    """A copy whose layers' names end in a mark, so that they can be told in the graph's names.

    TensorFlow appends numbers to names that it has seen before, and ``conv_1`` may then be the
    first layer's second call or the second layer.
    """

    def clone(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        return type(layer).from_config({**config, "name": f"{config['name']}{quantise.MARK}"})

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy
