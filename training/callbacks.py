"""What happens at the end of an epoch: checkpoint, history, progress, pictures."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_demo.cli import remaining
from edge_demo.files import write_whole


class Checkpoint(keras.callbacks.Callback):
    """Keeps the run resumable: one file with every variable, the step and the history.

    Plain arrays, so that it works alike under each Keras backend. ``save_weights`` would leave out
    the optimizer, and ``.keras`` would tie the file to the loss's code.

    Args:
        path: the file.
        epoch_steps: steps in an epoch.
        writes: whether to write at all; of several workers that train one model, one does.
    """

    def __init__(self, path: Path, epoch_steps: int, writes: bool = True) -> None:
        super().__init__()
        self.path = path
        self.writes = writes
        self.epoch_steps = epoch_steps
        self.rows: list[dict[str, float]] = []
        self.seconds_before = 0.0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time of the whole run, earlier parts included."""
        return self.seconds_before + time.monotonic() - self._started

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def restore(self) -> int:
        """Put back what was saved; returns the number of finished epochs (0: nothing saved)."""
        if not self.path.exists():
            return 0
        with np.load(self.path, allow_pickle=False) as saved:
            self.model.optimizer.build(self.model.trainable_variables)
            variables = self._variables()
            for index, variable in enumerate(variables):
                variable.assign(saved[f"v{index}"].astype(variable.dtype))
            self.rows = json.loads(str(saved["rows"]))
            self.seconds_before = float(saved["seconds"])
        if self.writes:
            self._write_history()  # the run may have been killed between the two files
        return len(self.rows)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save everything, then the history as CSV."""
        row = {"epoch": epoch + 1, "step": (epoch + 1) * self.epoch_steps,
               "seconds": round(self.seconds, 1)}  # fmt: skip
        row |= {key: float(value) for key, value in (logs or {}).items()}
        self.rows.append(row)
        if not self.writes:
            return
        arrays = {f"v{i}": np.asarray(v) for i, v in enumerate(self._variables())}
        buffer = io.BytesIO()
        np.savez(buffer, rows=json.dumps(self.rows), seconds=self.seconds, **arrays)  # type: ignore[arg-type]
        write_whole(self.path, buffer.getvalue())
        self._write_history()

    def _write_history(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_whole(self.path.with_name("history.csv"), text.getvalue().encode())


class Progress(keras.callbacks.Callback):
    """One line an epoch: losses, validation, and how long the rest will take."""

    def __init__(self, epochs: int, done: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.done = done
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Print the epoch's line."""
        elapsed = time.monotonic() - self._started
        left = remaining(elapsed, epoch + 1 - self.done, self.epochs - self.done)
        values = "  ".join(f"{key} {value:.4g}" for key, value in (logs or {}).items())
        print(f"epoch {epoch + 1}/{self.epochs}  {values}  ETA {left}", flush=True)


class Pictures(keras.callbacks.Callback):
    """Every few epochs, a picture of truth, input and prediction, in the run and in TensorBoard.

    Args:
        run: the run's folder; pictures go to ``run/pictures``, TensorBoard's log to ``run/logs``.
        every: epochs between pictures.
        draw: makes the picture, RGB (H, W, 3) uint8, from the model.
    """

    def __init__(
        self, run: Path, every: int, draw: Callable[[keras.Model], NDArray[np.uint8]]
    ) -> None:
        super().__init__()
        self.folder = run / "pictures"
        self.every = every
        self.draw = draw
        self.writer = tf.summary.create_file_writer(str(run / "logs"))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Log the values; draw where it is time."""
        with self.writer.as_default(step=epoch + 1):
            for key, value in (logs or {}).items():
                tf.summary.scalar(key, value)
            if (epoch + 1) % self.every == 0:
                picture = self.draw(self.model)
                self.folder.mkdir(exist_ok=True)
                encoded = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
                write_whole(self.folder / f"epoch_{epoch + 1:04d}.png", encoded)
                tf.summary.image("truth_input_prediction", picture[None])
        self.writer.flush()
