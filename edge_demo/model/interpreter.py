"""The only module that knows which TFLite interpreter is installed."""

from __future__ import annotations

import importlib
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import NoEdgeTpuError, UserError
from ..quiet import quiet_stderr

_PACKAGES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
_INSTALL = (
    "no TFLite interpreter is installed; run one of: "
    "'pip install ai-edge-litert' (Python 3.10 and newer) or "
    "'pip install tflite-runtime' (Python up to 3.11, numpy below 2)"
)

# What edgetpu_compiler leaves in a file, and what runs it.
_COMPILED = b"edgetpu-custom-op"
EDGE_TPU_LIBRARY = "libedgetpu.so.1"
# Values quantised at a time: they stay in a processor's cache.
_CHUNK = 1 << 16
# What rounding to float32 makes of a step, at most, as a part of it.
_SAME_STEP = 1e-6
# Far more than help anywhere, and far fewer than a system refuses.
_THREADS = 64

Array = NDArray[np.float32]


def _module() -> ModuleType:
    for name in _PACKAGES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise UserError(_INSTALL)


def package_name() -> str:
    """The interpreter's package in use, ``ai_edge_litert`` or ``tflite_runtime``."""
    return _module().__name__.partition(".")[0]


def _line(error: Exception) -> str:
    """What a library complained of, in a line."""
    return " ".join(str(error).split())[:200]


def compiled_for_edge_tpu(path: Path) -> bool:
    """Whether a file holds the op that stands for what an Edge TPU does."""
    if not path.stat().st_size:
        return False  # nothing to map
    # Mapped, not read: a copy would count as memory that the model needs.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(_COMPILED) >= 0


def _edge_tpu(module: ModuleType, path: Path) -> Any:
    """The delegate for a compiled file.

    Raises:
        NoEdgeTpuError: no library, or it finds no device.
    """
    with quiet_stderr():  # a delegate that failed complains once more when it is forgotten
        try:
            return module.load_delegate(EDGE_TPU_LIBRARY)
        except OSError as error:
            problem = (
                f"{EDGE_TPU_LIBRARY} is not installed or does not load ({_line(error)}); install "
                "libedgetpu1-std as coral.ai/docs/accelerator/get-started says"
            )
        except (ValueError, RuntimeError) as error:
            problem = (
                f"none answered ({_line(error)}): is it plugged in, and may this user reach it "
                "(group plugdev for USB, apex for PCIe)?"
            )
    raise NoEdgeTpuError(f"{path}: compiled for an Edge TPU, but {problem}")


def quantise(values: NDArray[Any], scale: float, zero_point: int, dtype: Any) -> NDArray[Any]:
    """Real values to integers: rounded to nearest, clipped to the type's range."""
    limits = np.iinfo(dtype)
    real_values, out = np.ascontiguousarray(values).reshape(-1), np.empty(values.shape, dtype)
    integers = out.reshape(-1)
    for start in range(0, values.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        steps = np.asarray(real_values[part] / scale)
        np.rint(steps, out=steps)
        steps += zero_point
        integers[part] = np.clip(steps, limits.min, limits.max, out=steps)
    return out


def real(integers: NDArray[Any], scale: float, zero_point: int) -> Array:
    """The inverse of ``quantise``: (H, W, C) or (N,) float32."""
    if integers.dtype.itemsize > 1 or integers.ndim != 3:
        return (integers.astype(np.float32) - zero_point) * np.float32(scale)
    # Of a byte there are so few that each is computed once.
    every = np.arange(256, dtype=np.uint8).view(integers.dtype)
    table = (every.astype(np.float32) - zero_point) * np.float32(scale)
    found = cv2.LUT(np.ascontiguousarray(integers).view(np.uint8), table)
    return np.asarray(found, np.float32).reshape(integers.shape)


def check_threads(threads: int) -> None:
    """Raise UserError for a number of threads that no interpreter should be given."""
    most = max(_THREADS, os.cpu_count() or 1)
    if threads < 1:
        raise UserError(f"threads must be 1 or more, not {threads}")
    if threads > most:
        raise UserError(f"threads must be {most} at most, not {threads}")


class Graph:
    """A TFLite file ready to run, with real values in and out whatever it holds inside.

    Attributes:
        inputs, outputs: name to shape, batch included.
        dtypes: name to numpy dtype name, of both.
        compiled: for an Edge TPU, so that its shapes cannot change.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load and allocate.

        Raises:
            UserError: no file, not TFLite, an op this interpreter lacks, no interpreter.
            NoEdgeTpuError: a file compiled for an Edge TPU where there is none.
        """
        check_threads(threads)
        if not path.is_file():
            raise UserError(f"{path}: no such model file")
        module = _module()
        self._path, self.compiled = path, compiled_for_edge_tpu(path)
        delegates = [_edge_tpu(module, path)] if self.compiled else None
        try:
            with quiet_stderr():  # the delegate announces itself
                self._interpreter = module.Interpreter(
                    model_path=str(path), num_threads=threads, experimental_delegates=delegates
                )
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{path}: not a TFLite model that runs here ({_line(error)})") from None
        self._describe()

    def _describe(self) -> None:
        """Read names, shapes and quantisation; again after each change of shape."""
        self._inputs = {_plain(d["name"]): d for d in self._interpreter.get_input_details()}
        self._outputs = {_plain(d["name"]): d for d in self._interpreter.get_output_details()}
        # Outputs carry the converter's names; the signature, where there is one, has the model's.
        signatures = self._interpreter.get_signature_list()
        if signatures:
            runner = self._interpreter.get_signature_runner(next(iter(signatures)))
            self._inputs = _by_signature(runner.get_input_details(), self._inputs)
            self._outputs = _by_signature(runner.get_output_details(), self._outputs)
        self.inputs = {name: tuple(map(int, d["shape"])) for name, d in self._inputs.items()}
        self.outputs = {name: tuple(map(int, d["shape"])) for name, d in self._outputs.items()}
        both = {**self._inputs, **self._outputs}
        self.dtypes = {name: np.dtype(d["dtype"]).name for name, d in both.items()}

    def resize(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Give the inputs other shapes; does nothing where they have them already.

        Raises:
            UserError: a compiled graph would have to change.
        """
        if all(self.inputs[name] == tuple(shape) for name, shape in shapes.items()):
            return
        if self.compiled:
            raise UserError(
                f"{self._path}: compiled for an Edge TPU with inputs {_shown(self.inputs)}, which "
                f"cannot become {_shown(shapes)}"
            )
        for name, shape in shapes.items():
            self._interpreter.resize_tensor_input(self._inputs[name]["index"], shape)
        self._interpreter.allocate_tensors()
        self._describe()

    def run(self, values: Mapping[str, NDArray[Any]]) -> dict[str, Array]:
        """One inference.

        Args:
            values: input name to real values, (H, W, C) or with the batch axis.

        Returns:
            Output name to real values (H, W, C) float32.
        """
        self.set_inputs(values)
        self.invoke()
        return self.get_outputs()

    def set_inputs(self, values: Mapping[str, NDArray[Any]]) -> None:
        """Quantise where the graph wants integers, and copy in."""
        for name, details in self._inputs.items():
            self._interpreter.set_tensor(details["index"], self.stored(name, values[name]))

    def stored(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """Values of an input, (H, W, C) or with the batch axis, as the graph holds them.

        Integers of the graph's own type are that already; all else are real values.
        """
        details = self._inputs[name]
        array = np.asarray(values).reshape(self.inputs[name])
        scale, zero_point = details["quantization"]
        if np.issubdtype(details["dtype"], np.integer) and array.dtype != details["dtype"]:
            array = quantise(array, scale, zero_point, details["dtype"])
        return np.ascontiguousarray(array, details["dtype"])

    def holds_codes(self, name: str, scale: float) -> bool:
        """Whether an input's integers are int8 of ``scale`` to a unit, and 0 is 0."""
        step, zero_point = self._inputs[name]["quantization"]
        int8 = self._inputs[name]["dtype"] == np.int8
        return bool(int8 and zero_point == 0 and abs(step * scale - 1.0) < _SAME_STEP)

    def invoke(self) -> None:
        """Run the graph alone; what a latency figure times."""
        self._interpreter.invoke()

    def get_outputs(self) -> dict[str, Array]:
        """Copy out, as real values."""
        results = {}
        for name, details in self._outputs.items():
            array = self._interpreter.get_tensor(details["index"])[0]
            if np.issubdtype(details["dtype"], np.integer):
                array = real(array, *details["quantization"])
            results[name] = np.asarray(array, np.float32)
        return results

    def output_step(self, name: str) -> float:
        """What one integer step of an output is worth; 0 for a float output."""
        return float(self._outputs[name]["quantization"][0])


def _shown(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Names and shapes for a reader."""
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())


def _plain(name: str) -> str:
    """``serving_default_planes:0`` is ``planes``."""
    return name.partition(":")[0].removeprefix("serving_default_")


def _by_signature(
    signature: Mapping[str, Mapping[str, Any]], details: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    by_index = {d["index"]: d for d in details.values()}
    return {name: by_index[d["index"]] for name, d in signature.items()}
