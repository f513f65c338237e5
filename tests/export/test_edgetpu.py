"""The verdict of ``check --edgetpu`` on graphs made for it, ours and as others publish them."""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from edge_demo.model import models_folder, models_index, package
from edge_demo.model.interpreter import Graph
from export import edgetpu, made
from export.__main__ import main

ROOT = Path(__file__).parents[2]
BACKBONE = ROOT.parent / "shared/data/backbone/tf2_mobilenet_v2_1.0_224_ptq.tflite"
INDEX = models_index.read(models_folder.FOLDER).entries
NONE, RELU, RELU6, TANH = 0, 1, 3, 4


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other environment, whatever there is on this machine."""
    monkeypatch.setattr("export.check.selftest_elsewhere", lambda path: None)


class Made:
    """A graph built by hand, tensor by tensor, as old and new converters write them."""

    def __init__(self, dtype: str = "uint8", old: bool = False) -> None:
        self.dtype, self.old = dtype, old
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str | None = None,
        data: NDArray[Any] | None = None,
        zero_point: int = 0,
        signature: Sequence[int] | None = None,
        variable: bool = False,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.isVariable = list(shape), variable
        tensor.type = getattr(schema.TensorType, (dtype or self.dtype).upper())
        tensor.name = f"t{len(self.graph.tensors)}"
        tensor.shapeSignature = signature
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.1], [zero_point]
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def input(self, *shape: int, dtype: str | None = None, **more: Any) -> int:
        index = self.tensor(shape, dtype, **more)
        self.graph.inputs.append(index)
        return index

    def weights(self, *shape: int, dtype: str | None = None) -> int:
        kind = dtype or self.dtype
        return self.tensor(shape, kind, np.ones(shape, kind))

    def numbers(self, *values: int) -> int:
        return self.tensor((len(values),), "int32", np.array(values, np.int32))

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        dtype: str | None = None,
        options: str = "",
        version: int = 1,
        signature: Sequence[int] | None = None,
        **values: Any,
    ) -> int:
        """Add an operation; returns its output. A name in lower case is a custom op's."""
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        builtin = getattr(schema.BuiltinOperator, name, schema.BuiltinOperator.CUSTOM)
        code.deprecatedBuiltinCode = min(builtin, 127)
        code.builtinCode = 0 if self.old else builtin
        code.version = version
        if builtin == schema.BuiltinOperator.CUSTOM:
            code.customCode = name
        op.opcodeIndex = len(self.model.operatorCodes)
        self.model.operatorCodes.append(code)
        if options:
            op.builtinOptions = getattr(schema, f"{options}T")()
            op.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            for key, value in values.items():
                assert hasattr(op.builtinOptions, key)
                setattr(op.builtinOptions, key, value)
        result = self.tensor(shape, dtype, signature=signature)
        op.inputs, op.outputs = list(inputs), [result]
        self.graph.operators.append(op)
        return result

    def conv(self, source: int, shape: Sequence[int], kernel: int = 3, **values: Any) -> int:
        depth = int(self.graph.tensors[source].shape[-1])
        given = [source, self.weights(shape[-1], kernel, kernel, depth),
                 self.weights(shape[-1], dtype="int32")]  # fmt: skip
        values = {"strideW": 1, "strideH": 1, "fusedActivationFunction": RELU6} | values
        return self.op("CONV_2D", given, shape, options="Conv2DOptions", **values)

    def depthwise(self, source: int, shape: Sequence[int], **values: Any) -> int:
        given = [source, self.weights(1, 3, 3, shape[-1]), self.weights(shape[-1], dtype="int32")]
        values = {"depthMultiplier": 1, "fusedActivationFunction": RELU6} | values
        return self.op("DEPTHWISE_CONV_2D", given, shape, options="DepthwiseConv2DOptions",
                       **values)  # fmt: skip

    def connected(self, source: int, depth: int, **values: Any) -> int:
        width = int(self.graph.tensors[source].shape[-1])
        given = [source, self.weights(depth, width), self.weights(depth, dtype="int32")]
        return self.op("FULLY_CONNECTED", given, (1, depth), options="FullyConnectedOptions",
                       **values)  # fmt: skip

    def pool(self, name: str, source: int, shape: Sequence[int], **values: Any) -> int:
        return self.op(name, [source], shape, options="Pool2DOptions", **values)

    def file(self, *outputs: int) -> bytes:
        self.graph.outputs = list(outputs)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def verdict(self, *outputs: int) -> edgetpu.Verdict:
        return edgetpu.judge(self.file(*outputs))


WHOLE = "ready: maps whole onto an Edge TPU"


# Networks as Coral publishes them, before compilation.


def old_mobilenet() -> tuple[Made, int]:
    """MobileNet of the quantisation-aware days: uint8, codes in the old place, no shape tensors."""
    made = Made(old=True)
    x = made.conv(made.input(1, 32, 32, 3), (1, 16, 16, 8), strideW=2, strideH=2)
    x = made.conv(made.depthwise(x, (1, 16, 16, 8)), (1, 16, 16, 16), 1)
    x = made.pool("AVERAGE_POOL_2D", x, (1, 1, 1, 16), filterWidth=16, filterHeight=16)
    return made, made.conv(x, (1, 1, 1, 10), 1, fusedActivationFunction=NONE)


def test_old_classifiers() -> None:
    made, x = old_mobilenet()
    x = made.op("SQUEEZE", [x], (1, 10), options="SqueezeOptions", squeezeDims=[1, 2])
    verdict = made.verdict(made.op("SOFTMAX", [x], (1, 10), options="SoftmaxOptions", beta=1.0))
    assert (verdict.ready, verdict.text, verdict.problems) == (True, WHOLE, ())
    assert (verdict.mapped, verdict.total) == (7, 7)
    assert ("CONV_2D", 3, "mapped") in verdict.table
    # RESHAPE with its shape in the options, or in a constant.
    for more in ([], [made.numbers(1, 10)]):
        made, x = old_mobilenet()
        more = [made.numbers(1, 10)] if more else []
        x = made.op("RESHAPE", [x, *more], (1, 10), options="ReshapeOptions", newShape=[1, 10])
        assert made.verdict(made.op("SOFTMAX", [x], (1, 10))).text == WHOLE


def test_inception_and_resnet() -> None:
    for dtype in ("uint8", "int8"):
        made = Made(dtype)
        x = made.op("PAD", [made.input(1, 30, 30, 3), made.numbers(0, 0, 1, 1, 1, 1, 0, 0)],
                    (1, 32, 32, 3), options="PadOptions")  # fmt: skip
        x = made.conv(x, (1, 32, 32, 8))
        branches = [made.conv(x, (1, 32, 32, 8), 1), made.conv(x, (1, 32, 32, 4)),
                    made.pool("MAX_POOL_2D", x, (1, 32, 32, 8)),
                    made.pool("AVERAGE_POOL_2D", x, (1, 32, 32, 8))]  # fmt: skip
        x = made.op("CONCATENATION", branches, (1, 32, 32, 28), options="ConcatenationOptions",
                    axis=3)  # fmt: skip
        x = made.op("ADD", [made.conv(x, (1, 32, 32, 8)), branches[0]], (1, 32, 32, 8),
                    options="AddOptions", fusedActivationFunction=RELU)  # fmt: skip
        x = made.op("MEAN", [x, made.numbers(1, 2)], (1, 8), options="ReducerOptions")
        x = made.op("SOFTMAX", [made.connected(x, 10)], (1, 10))
        assert made.verdict(made.op("QUANTIZE", [x], (1, 10), "uint8")).text == WHOLE


def test_detection_of_either_age() -> None:
    for dtype in ("uint8", "int8"):
        made = Made(dtype, old=dtype == "uint8")
        x = made.conv(made.input(1, 32, 32, 3), (1, 8, 8, 16))
        boxes = made.op("RESHAPE", [made.conv(x, (1, 8, 8, 12), 1)], (1, 192, 4))
        scores = made.conv(x, (1, 8, 8, 6), 1)
        if dtype == "int8":  # EfficientDet-Lite: floats for the op, half of them before LOGISTIC
            boxes = made.op("DEQUANTIZE", [boxes], (1, 192, 4), "float32")
        scores = made.op("LOGISTIC", [made.op("RESHAPE", [scores], (1, 192, 2))], (1, 192, 2))
        if dtype == "int8":
            scores = made.op("DEQUANTIZE", [scores], (1, 192, 2), "float32")
        found = made.op("TFLite_Detection_PostProcess", [boxes, scores, made.weights(192, 4)],
                        (), "float32")  # fmt: skip
        verdict = made.verdict(found)
        assert verdict.ready, verdict
        assert verdict.mapped == 6
        if dtype == "uint8":
            assert verdict.text == "ready, 1 op stays on the CPU: TFLite_Detection_PostProcess"
        else:
            assert verdict.text == ("ready, 3 ops stay on the CPU: 2 x DEQUANTIZE, "
                                    "TFLite_Detection_PostProcess")  # fmt: skip
        assert any("TFLite_Detection_PostProcess, stays on the CPU" in n for n in verdict.notes)


def test_feature_pyramid() -> None:
    made = Made("int8")
    x = made.op("QUANTIZE", [made.input(1, 32, 32, 3, dtype="uint8")], (1, 32, 32, 3))
    x = made.conv(x, (1, 16, 16, 8), strideW=2, strideH=2)
    small = made.pool("MAX_POOL_2D", x, (1, 8, 8, 8))
    large = made.op("RESIZE_NEAREST_NEIGHBOR", [small, made.numbers(16, 16)], (1, 16, 16, 8),
                    options="ResizeNearestNeighborOptions", halfPixelCenters=True)  # fmt: skip
    x = made.op("ADD", [x, large], (1, 16, 16, 8), options="AddOptions")
    x = made.op("MUL", [x, made.op("LOGISTIC", [x], (1, 16, 16, 8))], (1, 16, 16, 8))
    assert made.verdict(x).text == WHOLE


def test_segmentation() -> None:
    """DeepLab: dilated depthwise convolutions, a pooled branch, a large answer."""
    made = Made(old=True)
    x = made.conv(made.input(1, 513, 513, 3), (1, 65, 65, 8), strideW=8, strideH=8)
    x = made.depthwise(x, (1, 65, 65, 8), dilationWFactor=2, dilationHFactor=2)
    pooled = made.conv(made.pool("AVERAGE_POOL_2D", x, (1, 1, 1, 8)), (1, 1, 1, 8), 1)
    pooled = made.op("RESIZE_BILINEAR", [pooled, made.numbers(65, 65)], (1, 65, 65, 8),
                     options="ResizeBilinearOptions", alignCorners=True)  # fmt: skip
    x = made.op("CONCATENATION", [x, pooled], (1, 65, 65, 16), options="ConcatenationOptions")
    x = made.conv(x, (1, 65, 65, 21), 1)
    x = made.op("RESIZE_BILINEAR", [x, made.numbers(513, 513)], (1, 513, 513, 21))
    x = made.op("ARG_MAX", [x, made.numbers(3)], (1, 513, 513), "int64")
    verdict = made.verdict(x)
    assert verdict.text == "ready, 1 op stays on the CPU: ARG_MAX"
    x = made.op("RESHAPE", [x, made.numbers(513, 513)], (513, 513), "int64")
    x = made.op("CAST", [x], (513, 513), "uint8")
    assert made.verdict(x).text == "ready, 3 ops stay on the CPU: ARG_MAX, RESHAPE, CAST"


def test_unet_and_poses() -> None:
    made = Made("int8")
    x = made.conv(made.input(1, 16, 16, 3), (1, 16, 16, 8))
    given = [made.numbers(1, 32, 32, 3), made.weights(3, 3, 3, 8), x,
             made.weights(3, dtype="int32")]  # fmt: skip
    x = made.op("TRANSPOSE_CONV", given, (1, 32, 32, 3), options="TransposeConvOptions", version=3)
    assert made.verdict(x).text == WHOLE
    # A probability for each pixel is an answer, too.
    x = made.op("SOFTMAX", [x], (1, 32, 32, 3))
    x = made.op("QUANTIZE", [x], (1, 32, 32, 3), "uint8")
    assert made.verdict(x).text == "ready, 2 ops stay on the CPU: SOFTMAX, QUANTIZE"
    made = Made(old=True)
    x = made.conv(made.input(1, 16, 16, 3), (1, 16, 16, 8))
    x = made.op("PosenetDecoderOp", [x, made.conv(x, (1, 16, 16, 4))], (1, 10, 17, 2), "float32")
    assert made.verdict(x).text == "ready, 1 op stays on the CPU: PosenetDecoderOp"


def test_positions_are_decoded_on_the_cpu() -> None:
    made = Made("int8")
    heat = made.conv(made.input(1, 16, 16, 3), (1, 256, 17), 1)
    place = made.op("ARG_MAX", [heat, made.numbers(1)], (1, 17), "int32")
    row = made.op("FLOOR_DIV", [place, made.numbers(16)], (1, 17), "int32")
    place = made.op("PACK", [row, place], (1, 17, 2), "int32")
    assert made.verdict(made.op("CAST", [place], (1, 17, 2), "float32")).ready
    # But a network that goes on behind its ARG_MAX is not whole.
    verdict = made.verdict(made.op("RESIZE_BILINEAR", [place], (1, 34, 2), "float32"))
    assert not verdict.ready and any("RESIZE_BILINEAR" in line for line in verdict.problems)


def test_lstm() -> None:
    made = Made("int8")
    cell = made.tensor((1, 20), "int16", variable=True)
    hidden = made.tensor((1, 20), variable=True)
    weights = [made.weights(20, 28) for _ in range(4)] + [made.weights(20, 20) for _ in range(4)]
    biases = [made.weights(20, dtype="int32") for _ in range(4)]
    given = [made.input(1, 28, 28), *weights, -1, -1, -1, *biases, -1, -1, hidden, cell]
    options = "UnidirectionalSequenceLSTMOptions"
    x = made.op("UNIDIRECTIONAL_SEQUENCE_LSTM", given, (1, 28, 20), options=options,
                fusedActivationFunction=TANH)  # fmt: skip
    places = [made.numbers(0, -1, 0), made.numbers(1, 0, 20), made.numbers(1, 1, 1)]
    x = made.op("STRIDED_SLICE", [x, *places], (1, 20), options="StridedSliceOptions",
                shrinkAxisMask=2)  # fmt: skip
    assert made.verdict(made.connected(x, 10)).text == WHOLE


# What does not map, one limit at a time.


def plain(edit: Callable[[Made, int], int], dtype: str = "int8") -> edgetpu.Verdict:
    """The verdict on a convolution, what ``edit`` adds to it, and another convolution."""
    made = Made(dtype)
    x = edit(made, made.conv(made.input(1, 16, 16, 8), (1, 16, 16, 8)))
    shape = [int(side) for side in made.graph.tensors[x].shape]
    last = made.conv(x, shape) if len(shape) == 4 else made.op("RELU", [x], shape)
    return made.verdict(last)


CASES: dict[str, tuple[str, Callable[[Made, int], int]]] = {
    "depth to space": ("DEPTH_TO_SPACE: not supported", lambda m, x: m.op(
        "DEPTH_TO_SPACE", [x], (1, 32, 32, 2), options="DepthToSpaceOptions", blockSize=2)),
    "leaky": ("LEAKY_RELU: not supported", lambda m, x: m.op("LEAKY_RELU", [x], (1, 16, 16, 8))),
    "hard swish": ("HARD_SWISH: not", lambda m, x: m.op("HARD_SWISH", [x], (1, 16, 16, 8))),
    "custom": ("custom op FlexErf", lambda m, x: m.op("FlexErf", [x], (1, 16, 16, 8))),
    "int16": ("works on int16", lambda m, x: m.conv(
        m.op("QUANTIZE", [x], (1, 16, 16, 8), "int16"), (1, 16, 16, 8))),
    "dilation": ("dilation differs", lambda m, x: m.conv(
        x, (1, 16, 16, 8), dilationWFactor=2)),
    "depthwise dilation": ("dilation differs", lambda m, x: m.depthwise(
        x, (1, 16, 16, 8), dilationHFactor=3)),
    "weights of another op": ("not constant: its weights", lambda m, x: m.op(
        "CONV_2D", [x, x, -1], (1, 16, 16, 8), options="Conv2DOptions")),
    "tanh inside": ("its fused activation", lambda m, x: m.conv(
        x, (1, 16, 16, 8), fusedActivationFunction=TANH)),
    "pool": ("AVERAGE_POOL_2D: has a fused activation", lambda m, x: m.pool(
        "AVERAGE_POOL_2D", x, (1, 8, 8, 8), fusedActivationFunction=RELU)),
    "max pool": ("MAX_POOL_2D: has a fused activation", lambda m, x: m.pool(
        "MAX_POOL_2D", x, (1, 8, 8, 8), fusedActivationFunction=RELU)),
    "fused concatenation": ("CONCATENATION: has a fused activation", lambda m, x: m.op(
        "CONCATENATION", [x, x], (1, 16, 16, 16), options="ConcatenationOptions",
        fusedActivationFunction=RELU)),
    "constant concatenated": ("constant input that is not all zero", lambda m, x: m.op(
        "CONCATENATION", [x, m.weights(1, 16, 16, 8)], (1, 16, 16, 16))),
    "constants concatenated": ("constant input beside two", lambda m, x: m.op(
        "CONCATENATION", [x, x, m.weights(1, 16, 16, 8)], (1, 16, 16, 24))),
    "mean over the batch": ("MEAN: reduces the batch", lambda m, x: m.op(
        "MEAN", [x, m.numbers(0, 1)], (1, 1, 16, 8))),
    "mean over the batch, from behind": ("MEAN: reduces the batch", lambda m, x: m.op(
        "MEAN", [x, m.numbers(-4)], (1, 16, 16, 8))),
    "mean over odd channels": ("no multiple of 4", lambda m, x: m.op(
        "MEAN", [m.conv(x, (1, 16, 16, 6)), m.numbers(3)], (1, 16, 16, 1))),
    "sum": ("SUM: reduces the batch", lambda m, x: m.op(
        "SUM", [x, m.numbers(0)], (1, 16, 16, 8))),
    "maximum over the batch": ("REDUCE_MAX: reduces the batch", lambda m, x: m.op(
        "REDUCE_MAX", [x, m.numbers(0)], (1, 16, 16, 8))),
    "padded batch": ("PAD: pads the batch", lambda m, x: m.op(
        "PAD", [x, m.numbers(0, 1, 0, 0, 0, 0, 0, 0)], (1, 16, 16, 8))),
    "prelu": ("varies over more than the channels", lambda m, x: m.op(
        "PRELU", [x, m.weights(16, 16, 8)], (1, 16, 16, 8))),
    "softmax": ("more than one dimension", lambda m, x: m.op("SOFTMAX", [x], (1, 16, 16, 8))),
    "long softmax": ("more than 16,000 elements", lambda m, x: m.op(
        "SOFTMAX", [m.op("RESHAPE", [x], (1, 20000))], (1, 20000))),
    "weights' order": ("default format", lambda m, x: m.connected(
        m.op("RESHAPE", [x], (1, 2048)), 10, weightsFormat=1)),
    "many rows": ("FULLY_CONNECTED: its output has more", lambda m, x: m.op(
        "FULLY_CONNECTED", [x, m.weights(4, 8), -1], (1, 16, 16, 4),
        options="FullyConnectedOptions", keepNumDims=True)),
    "large resize": ("too large for the chip", lambda m, x: m.op(
        "RESIZE_BILINEAR", [x, m.numbers(1024, 1024)], (1, 1024, 1024, 8))),
    "split batch": ("SPLIT: splits the batch", lambda m, x: m.op(
        "SPLIT", [m.numbers(0), x], (1, 16, 16, 8), options="SplitOptions", numSplits=1)),
    "packed batch": ("PACK: packs along the batch", lambda m, x: m.op(
        "PACK", [x], (1, 1, 16, 16, 8), options="PackOptions", axis=0)),
    "strides": ("strides other than 1", lambda m, x: m.op(
        "STRIDED_SLICE", [x, m.numbers(0, 0, 0, 0), m.numbers(1, 16, 16, 8),
                          m.numbers(1, 2, 2, 1)], (1, 8, 8, 8))),
    "new axis": ("a new axis", lambda m, x: m.op(
        "STRIDED_SLICE", [x, m.numbers(0), m.numbers(1), m.numbers(1)], (1, 1, 16, 16, 8),
        options="StridedSliceOptions", newAxisMask=1)),
    "squeeze": ("more than leading", lambda m, x: m.op(
        "SQUEEZE", [m.pool("MAX_POOL_2D", x, (1, 16, 1, 8))], (1, 16, 8))),
    "moved batch": ("moves the batch", lambda m, x: m.op(
        "TRANSPOSE", [x, m.numbers(1, 0, 2, 3)], (1, 16, 16, 8))),
    "five dimensions": ("three innermost dimensions", lambda m, x: m.op(
        "RESHAPE", [x], (1, 4, 4, 16, 8))),
    "reshape to what another op says": ("not constant: its shape", lambda m, x: m.op(
        "RESHAPE", [x, m.input(4, dtype="int32")], (1, 16, 16, 8))),
    "in the middle, what may end": ("the first that does not is op 1, ARG_MAX", lambda m, x: m.op(
        "ARG_MAX", [x, m.numbers(3)], (1, 16, 16), "int64")),
    "floats in the middle": ("the first that does not is op 1, DEQUANTIZE", lambda m, x: m.op(
        "DEQUANTIZE", [x], (1, 16, 16, 8), "float32")),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_limit(name: str) -> None:
    message, edit = CASES[name]
    verdict = plain(edit)
    assert not verdict.ready
    assert any(message in line for line in (*verdict.problems, verdict.text)), verdict
    assert verdict.mapped >= 1 and verdict.text.startswith(f"not ready: {verdict.mapped} of ")


KEPT: dict[str, Callable[[Made, int], int]] = {
    "zeros beside": lambda m, x: m.op(
        "CONCATENATION",
        [x, m.tensor((1, 16, 16, 2), "int8", np.full((1, 16, 16, 2), -3, np.int8), -3)],
        (1, 16, 16, 10)),
    "prelu": lambda m, x: m.op("PRELU", [x, m.weights(1, 1, 8)], (1, 16, 16, 8)),
    "space to depth": lambda m, x: m.op("SPACE_TO_DEPTH", [x], (1, 8, 8, 32)),
    "mean over channels": lambda m, x: m.op("MEAN", [x, m.numbers(-1)], (1, 16, 16, 1)),
    "split": lambda m, x: m.op("SPLIT", [m.numbers(3), x], (1, 16, 16, 8)),
    "slice": lambda m, x: m.op(
        "SLICE", [x, m.numbers(0, 0, 0, 0), m.numbers(1, 8, 8, 8)], (1, 8, 8, 8)),
    "transpose": lambda m, x: m.op("TRANSPOSE", [x, m.numbers(0, 2, 1, 3)], (1, 16, 16, 8)),
    "clipped": lambda m, x: m.op(
        "MINIMUM", [m.op("MAXIMUM", [x, m.weights(1)], (1, 16, 16, 8)), m.weights(1)],
        (1, 16, 16, 8)),
    "tanh": lambda m, x: m.op("TANH", [x], (1, 16, 16, 8)),
    "an open batch": lambda m, x: m.op(
        "RELU", [x], (1, 16, 16, 8), signature=(-1, 16, 16, 8)),
    "shrunk": lambda m, x: m.op(
        "RESIZE_BILINEAR", [x, m.numbers(8, 8)], (1, 8, 8, 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_within_the_limits(name: str) -> None:
    verdict = plain(KEPT[name])
    assert verdict.text == WHOLE, verdict.problems
    assert any("batch is left open" in note for note in verdict.notes) == (name == "an open batch")


def test_batches_and_open_sizes() -> None:
    made = Made("int8")
    verdict = made.verdict(made.conv(made.input(2, 16, 16, 3), (2, 16, 16, 8)))
    assert "a batch of 2" in verdict.text and verdict.mapped == 0
    made = Made("int8")
    source = made.input(1, 1, 1, 3, signature=(1, -1, -1, 3))
    verdict = made.verdict(made.conv(source, (1, 1, 1, 8)))
    assert "not constant: the size" in verdict.text and not verdict.ready


# Where a graph is cut.


def test_what_does_not_depend_on_the_break_is_mapped() -> None:
    """The order in the file does not matter, as long as it is one part."""
    made = Made("int8")
    x = made.conv(made.input(1, 16, 16, 3), (1, 16, 16, 8))
    broken = made.op("ELU", [x], (1, 16, 16, 8))
    whole = made.conv(made.conv(x, (1, 16, 16, 8)), (1, 16, 16, 8))
    joined = made.op("ADD", [broken, whole], (1, 16, 16, 8), options="AddOptions")
    verdict = made.verdict(joined)
    assert verdict.mapped == 3
    assert verdict.problems == ("1 x ELU: not supported (op 1)", "1 op behind them on the CPU: ADD")
    assert verdict.text == ("not ready: 3 of 5 ops map; the first that does not is op 1, ELU "
                            "(not supported)")  # fmt: skip


def test_problems_are_grouped() -> None:
    made = Made("int8")
    x = made.conv(made.input(1, 16, 16, 8), (1, 16, 16, 8))
    for _ in range(3):
        x = made.op("DEPTH_TO_SPACE", [made.conv(x, (1, 16, 16, 8))], (1, 16, 16, 8))
    verdict = made.verdict(x)
    assert verdict.problems[0] == "3 x DEPTH_TO_SPACE: not supported (ops 2, 4, 6)"
    assert ("DEPTH_TO_SPACE", 3, "not supported") in verdict.table
    assert ("CONV_2D", 2, "mapped") in verdict.table


def test_floats_at_both_ends() -> None:
    made = Made("int8")
    x = made.op("QUANTIZE", [made.input(1, 16, 16, 3, dtype="float32")], (1, 16, 16, 3))
    x = made.conv(x, (1, 16, 16, 8))
    x = made.op("DEQUANTIZE", [x], (1, 16, 16, 8), "float32")
    verdict = made.verdict(x)
    assert verdict.text == "ready, 2 ops stay on the CPU: QUANTIZE, DEQUANTIZE"
    assert verdict.mapped == 1
    # A float operation behind them is part of the network.
    verdict = made.verdict(made.op("RELU", [x], (1, 16, 16, 8), "float32"))
    assert "the first that does not is op 2, DEQUANTIZE" in verdict.text
    assert verdict.problems == (
        "1 x DEQUANTIZE: gives floats: only 8-bit integers map (op 2)",
        "1 x RELU: works on float32: only 8-bit integers map (op 3)",
    )


def test_what_only_converts_is_no_network() -> None:
    made = Made("int8")
    verdict = made.verdict(made.op("QUANTIZE", [made.input(1, 8, dtype="float32")], (1, 8), "int8"))
    assert not verdict.ready and "nothing that maps" in verdict.text


def test_an_op_without_its_input() -> None:
    made = Made("int8")
    x = made.conv(made.input(1, 16, 16, 3), (1, 16, 16, 8))
    x = made.op("MEAN", [-1, made.numbers(1)], (1, 1, 16, 8))
    assert "has no input" in made.verdict(x).text


def test_a_second_graph() -> None:
    made = Made("int8")
    x = made.conv(made.input(1, 16, 16, 3), (1, 16, 16, 8))
    made.model.subgraphs.append(made.graph)
    verdict = made.verdict(x)
    assert not verdict.ready and "more than one graph" in verdict.text


def test_compiled_already() -> None:
    made = Made("uint8")
    x = made.op(edgetpu.CUSTOM_OP, [made.input(1, 16, 16, 3)], (1, 16, 16, 8))
    verdict = made.verdict(made.op("ARG_MAX", [x], (1, 16, 16), "int64"))
    assert verdict.ready and verdict.compiled and verdict.text.startswith("compiled already")
    assert verdict.notes == ("on the CPU: ARG_MAX",)


# Memory, and versions.


def test_parameters_against_the_chip() -> None:
    made = Made("int8")
    x = made.op("RESHAPE", [made.input(1, 16, 16, 8)], (1, 2048))
    note = made.verdict(made.connected(x, 10)).notes[0]
    assert note == "parameters: 0.02 MiB of the 8 MiB on the chip"
    verdict = made.verdict(made.connected(x, 5120))
    assert verdict.ready
    assert "10.04 MiB of the 8 MiB on the chip; 2.04 MiB or more stream" in verdict.notes[0]


def test_activations_alive_at_once() -> None:
    """Input, then the skipped branch beside a convolution's input and output."""
    made = Made("int8")
    first = made.conv(made.input(1, 256, 256, 4), (1, 256, 256, 8))  # 0.25 + 0.5 MiB
    second = made.conv(first, (1, 256, 256, 16))  # 0.5 + 1
    third = made.conv(second, (1, 256, 256, 8))  # 0.5 + 1 + 0.5: the most
    last = made.op("ADD", [first, third], (1, 256, 256, 8), options="AddOptions")
    assert made.verdict(last).notes[1] == "activations: up to 2.00 MiB alive at once (estimate)"
    last = made.conv(last, (1, 256, 256, 128))
    verdict = made.verdict(last)
    assert (
        verdict.ready and "8.50 MiB alive at once (estimate); the compiler may" in verdict.notes[1]
    )


def test_versions_that_the_compiler_may_refuse() -> None:
    made = Made("int8")
    x = made.conv(made.input(1, 16, 16, 3), (1, 16, 16, 8), version=6)
    verdict = made.verdict(x)
    assert verdict.ready and verdict.notes[0].startswith("CONV_2D is of version 6")


# Files of the real converter.


def converted(model: keras.Model, dtype: Any = tf.int8) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    shape = (1, *model.input_shape[1:])
    rng = np.random.default_rng(3)
    converter.representative_dataset = lambda: [[rng.random(shape, np.float32)] for _ in range(2)]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = dtype
    data: bytes = converter.convert()
    return data


def network(batch: int | None = 1) -> keras.Model:
    source = keras.Input((32, 32, 3), batch_size=batch)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(source)
    x = layers.PReLU(shared_axes=[1, 2])(layers.MaxPool2D()(x))
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(source, x)


def test_a_keras_network() -> None:
    assert edgetpu.judge(converted(network())).text == WHOLE
    # Images as they are, and a batch that nobody fixed.
    assert edgetpu.judge(converted(network(None), tf.uint8)).text == WHOLE
    verdict = edgetpu.judge(converted(network(), tf.float32))
    assert verdict.text == "ready, 2 ops stay on the CPU: QUANTIZE, DEQUANTIZE"


def test_a_pixel_shuffle_breaks_a_keras_network() -> None:
    class Shuffle(layers.Layer):
        def call(self, values: Any) -> Any:
            return tf.nn.depth_to_space(values, 2)

    source = keras.Input((16, 16, 3), batch_size=1)
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(source)
    x = layers.Conv2D(3, 3, padding="same")(Shuffle()(x))
    verdict = edgetpu.judge(converted(keras.Model(source, x)))
    assert not verdict.ready
    assert verdict.problems[0].startswith("1 x DEPTH_TO_SPACE: not supported")
    assert "the first that does not is op 1, DEPTH_TO_SPACE" in verdict.text


@pytest.mark.skipif(not BACKBONE.is_file(), reason="no published model here")
def test_a_published_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert edgetpu.judge(BACKBONE.read_bytes()).text == WHOLE
    assert main(["check", "--edgetpu", str(BACKBONE)]) == 0
    assert f"{BACKBONE}: {WHOLE}" in capsys.readouterr().out


def test_our_files(model_files: dict[str, Path]) -> None:
    """Those in git, every recipe of a preset and of a network made here."""
    shipped = [*models_folder.shipped().values(), *made.of_preset("chroma_residual-xs.r2")]
    files = [(path.name.split(".")[-2], path) for path in shipped] + [*model_files.items()]
    # A preset without this recipe has an operation that an Edge TPU lacks; its page says which.
    fit = {entry.preset for entry in INDEX.values() if entry.recipe == "int8_edgetpu"}
    for recipe, path in files:
        verdict = edgetpu.judge(path.read_bytes())
        if recipe == "mixed":  # depends on what this network keeps in floats
            continue
        integer = recipe in ("int8", "qat", "int8_edgetpu")
        maps = path not in shipped or path.name.removesuffix(f".{recipe}.tflite") in fit
        assert verdict.ready == (integer and maps), (path, verdict.text)
        if not integer:
            assert "float32" in verdict.text or "floats" in verdict.text
        elif not maps:
            page = ROOT / "docs/models" / f"{path.name.removesuffix(f'.{recipe}.tflite')}.md"
            assert "int8_edgetpu is left out" in page.read_text()
            assert "does not is op" in verdict.text


# The command, and the compiler.


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / f"{name}.tflite"
    path.write_bytes(data)
    return path


def good() -> bytes:
    made = Made("int8")
    return made.file(made.conv(made.input(1, 16, 16, 3), (1, 16, 16, 8)))


def bad() -> bytes:
    made = Made("int8")
    x = made.conv(made.input(1, 16, 16, 3), (1, 16, 16, 8))
    return made.file(made.op("DEPTH_TO_SPACE", [x], (1, 32, 32, 2)))


@pytest.mark.usefixtures("no_compiler")
def test_the_command(
    tmp_path: Path, model_files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    fine, broken = written(tmp_path, "fine", good()), written(tmp_path, "broken", bad())
    assert main(["check", "--edgetpu", str(fine)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Edge TPU: 1 of 1 ops mapped" and "CONV_2D" in lines[1]
    assert "note: edgetpu_compiler is not on PATH: the verdict is this check's own" in lines
    assert lines[-2:] == [f"{fine}: {WHOLE}", f"next: edgetpu_compiler {fine}"]
    assert main(["check", "--edgetpu", str(broken), str(fine)]) == 1
    out = capsys.readouterr().out
    assert "FAIL 1 x DEPTH_TO_SPACE: not supported (op 1)" in out and "next:" not in out
    # Of ours, everything else is checked, too.
    ours = model_files["int8"]
    assert main(["check", "--edgetpu", str(ours)]) == 0
    out = capsys.readouterr().out
    assert "ok   golden pair" in out and f"{ours}: fit to ship" in out and f"{ours}: ready" in out
    assert main(["check", "--edgetpu", str(model_files["float32"])]) == 1
    assert "fit to ship" in capsys.readouterr().out


@pytest.mark.usefixtures("no_compiler")
def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fine, text = written(tmp_path, "fine", good()), written(tmp_path, "text", b"I am a text")
    out = str(tmp_path / "out")
    for arguments, message in (
        ([str(tmp_path / "none.tflite")], "no such model file"),
        ([str(text)], "not a TFLite file"),
        ([str(tmp_path)], "no such model file"),
        ([str(fine), "--out", out], "edgetpu_compiler is not on PATH"),
    ):
        assert main(["check", "--edgetpu", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert main(["check", "--out", out, str(fine)]) == 2
    assert "pass --edgetpu too" in capsys.readouterr().err


def test_a_file_with_labels_behind_it_is_not_ours(tmp_path: Path) -> None:
    import zipfile

    path = written(tmp_path, "labelled", good())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "a\nb\n")
    assert main(["check", "--edgetpu", str(path)]) == 0
    assert main(["check", str(path)]) == 1


ROWS = """Operator                       Count      Status

CONV_2D                        {convs}          Mapped to Edge TPU
{more}"""


def fake_compiler(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "", convs: int = 1, code: int = 0,
    says: str = "Model compiled successfully in 1 ms.",
) -> None:  # fmt: skip
    """An ``edgetpu_compiler`` that appends four bytes to a file and calls that compiled."""
    folder.mkdir(exist_ok=True)
    script = folder / "edgetpu_compiler"
    make = "" if code else """cat "$4" > "$name.tflite"; printf done >> "$name.tflite"
cat > "$name.log" <<'EOF'
Edge TPU Compiler version 16.0.384591198
Input: model.tflite
Output: model_edgetpu.tflite

""" + ROWS.format(convs=convs, more=more) + "\nEOF\n"  # fmt: skip
    script.write_text(f"""#!/bin/sh
[ "$1" = -s ] && [ "$2" = -o ] && [ "$3" = "$PWD" ] || exit 9
name="$3/$(basename "$4" .tflite)_edgetpu"
echo "Edge TPU Compiler version 16.0.384591198"
echo "{says}"
echo "On-chip memory used for caching model parameters: 1.00KiB"
{make}exit {code}
""")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_compiler_has_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, broken = written(tmp_path, "fine", good()), written(tmp_path, "broken", bad())
    tools = tmp_path / "tools"
    fake_compiler(tools, monkeypatch)
    assert main(["check", "--edgetpu", str(fine)]) == 0
    out = capsys.readouterr().out
    assert "CONV_2D    1  Mapped to Edge TPU" in out and "not on PATH" not in out
    assert "edgetpu_compiler: On-chip memory used for caching" in out
    assert f"{fine}: {WHOLE}" in out
    assert main(["check", "--edgetpu", str(broken)]) == 0  # it says that all map
    assert "this check alone would have said: not ready" in capsys.readouterr().out

    row = "RESIZE_BILINEAR  2  Operation is otherwise supported, but not mapped"
    fake_compiler(tools, monkeypatch, row, 3)
    assert main(["check", "--edgetpu", str(fine)]) == 1
    out = capsys.readouterr().out
    assert f"{fine}: not ready: edgetpu_compiler maps 3 of 5 ops; 2 x RESIZE_BILINEAR" in out

    fake_compiler(tools, monkeypatch, code=1, says="ERROR: Registration failed.")
    assert main(["check", "--edgetpu", str(fine)]) == 1
    out = capsys.readouterr().out
    assert "not ready: edgetpu_compiler refused it: ERROR: Registration failed." in out


def test_the_compiler_leaves_post_processing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made("uint8")
    x = made.conv(made.input(1, 16, 16, 3), (1, 192, 4), 1)
    found = made.op("TFLite_Detection_PostProcess", [x, x, made.weights(4)], (), "float32")
    path = written(tmp_path, "ssd", made.file(found))
    row = "{} {}  Operation is working on an unsupported data type"
    fake_compiler(tmp_path / "tools", monkeypatch, row.format("CUSTOM", 1))
    assert main(["check", "--edgetpu", str(path)]) == 0
    fake_compiler(tmp_path / "tools", monkeypatch, row.format("CUSTOM", 2))
    assert main(["check", "--edgetpu", str(path)]) == 1
    fake_compiler(tmp_path / "tools", monkeypatch, row.format("ADD", 1))
    assert main(["check", "--edgetpu", str(path)]) == 1


def test_compiled_files_are_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model_files: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_compiler(tmp_path / "tools", monkeypatch, convs=4)
    ours, theirs = model_files["int8"], written(tmp_path, "theirs", good())
    out = tmp_path / "out"
    command = ["check", "--edgetpu", "--out", str(out), str(ours), str(theirs)]
    assert main(command) == 0
    made = out / f"{ours.stem}_edgetpu.tflite"
    assert f"wrote {made}" in capsys.readouterr().out
    assert (out / "theirs_edgetpu.tflite").read_bytes() == good() + b"done"

    card = package.read_card(made)
    before = dict(package.read_card(ours).values)
    changed = {
        "static": True,
        "compiled": "edgetpu",
        "weights_sha256": card.values["weights_sha256"],
    }
    assert card.values == before | changed
    assert package.intact(made, card)
    assert package.flatbuffer(made) == package.flatbuffer(ours) + b"done"
    # The golden pair fills the tile, and is what the file gave before.
    golden, graph = package.read_golden(made), Graph(ours)
    (name,), (result,) = graph.inputs, graph.outputs
    assert (1, *golden[f"input_{name}"].shape) == graph.inputs[name]
    np.testing.assert_array_equal(
        graph.run({name: golden[f"input_{name}"]})[result], golden[f"output_{result}"]
    )
    assert golden[f"output_{result}"].std() > 0

    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    capsys.readouterr()
    again = str(tmp_path / ours.name)
    Path(again).write_bytes(ours.read_bytes())
    assert main([*command[:3], str(tmp_path / "new"), str(ours), again]) == 2
    assert "two files would become" in capsys.readouterr().err


# The interpreter's own class complains when it is forgotten without having loaded its library.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_compiled_file_of_ours(
    tmp_path: Path, model_files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    made = Made("int8")
    x = made.op(edgetpu.CUSTOM_OP, [made.input(1, 256, 256, 12)], (1, 256, 256, 8))
    card = dict(package.read_card(model_files["int8"]).values) | {"compiled": "edgetpu"}
    golden = package.read_golden(model_files["int8"])
    path = written(tmp_path, "ours", package.join(made.file(x), card, golden))
    assert main(["check", "--edgetpu", str(path)]) == 0
    out = capsys.readouterr().out
    assert (
        "ok   golden pair: not run: there is no Edge TPU here" in out
        and f"{path}: compiled already" in out
    )
