"""EfficientNet-Lite is the network that its authors' weights are of, as PyTorch computes it."""

from __future__ import annotations

import functools
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import keras_models
from edge_demo.errors import UserError
from keras_models import backbone_files, backbones, efficientnet_import, efficientnet_lite
from keras_models.__main__ import main
from keras_models.efficientnet_lite import LITE, STEM, STEM_RGB, TINY
from tests.mistakes import refused

Array = NDArray[np.float32]
# A tiny network's tensors one behind the other, an RGB picture of 32x32 and what PyTorch made of
# it: features of every size and the classes' scores. ``test_pytorch_says_the_same`` computes these.
RECORDED = Path(__file__).with_name("efficientnet_lite.npz")


@pytest.fixture(scope="module")
def recorded() -> dict[str, Array]:
    with np.load(RECORDED) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


@pytest.fixture(scope="module")
def state(recorded: dict[str, Array]) -> dict[str, Array]:
    """The tensors by their names in PyTorch."""
    shapes = efficientnet_import.shapes(TINY)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    assert ends[-1] == len(recorded["tensors"])
    parts = np.split(recorded["tensors"], ends[:-1])
    return {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}


@pytest.fixture(scope="module")
def weights(state: dict[str, Array]) -> dict[str, list[Array]]:
    return efficientnet_import.of_state(state, TINY)


def answers(channels: int, weights: dict[str, list[Array]], picture: Array) -> list[Array]:
    """Features of every size and the classes' scores."""
    source = keras.Input((None, None, channels))
    found = efficientnet_lite.features(source, TINY, None)
    features = keras.Model(source, list(found.values()))
    classes = keras.Model(source, efficientnet_lite.classes(source, TINY))
    for model in (features, classes):
        for name, layer in backbones.layers(model).items():
            layer.set_weights(weights[name])
    assert list(found) == [2, 4, 8, 16, 32]
    return [np.asarray(values)[0] for values in [*features(picture[None]), classes(picture[None])]]


def test_features_and_classes_are_those_of_pytorch(
    recorded: dict[str, Array], weights: dict[str, list[Array]]
) -> None:
    found = answers(3, weights, recorded["picture"])
    for values, name in zip(found, ("f2", "f4", "f8", "f16", "f32", "classes"), strict=True):
        assert values.shape == recorded[name].shape and recorded[name].std() > 0.05
        assert np.abs(values - recorded[name]).max() < 2e-5, name


def test_grey_is_three_equal_channels(
    recorded: dict[str, Array], weights: dict[str, list[Array]]
) -> None:
    grey = recorded["picture"].mean(-1, keepdims=True)
    ours = answers(1, weights, grey)
    theirs = answers(3, weights, grey.repeat(3, -1))
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))
    assert np.array_equal(weights[STEM][0], weights[STEM_RGB][0].sum(2, keepdims=True))


@pytest.mark.parametrize(
    ("name", "parameters"), [("lite0", 4_652_008), ("lite1", 5_416_680), ("lite2", 6_092_072)]
)
def test_sizes_are_the_published_ones(name: str, parameters: int) -> None:
    """Their papers' parameters: with four numbers a channel of each normalisation, of which two
    are trained and folding leaves one."""
    source = keras.Input((None, None, 3))
    model = keras.Model(source, efficientnet_lite.classes(source, LITE[name]))
    layers = backbones.layers(model)
    normalised = sum(layer.bias.shape[0] for layer in layers.values()) - LITE[name].classes
    assert model.count_params() + normalised == parameters
    assert not model.trainable_weights


def test_fitted_are_the_coarse_pointwise_convolutions() -> None:
    source = keras.Input((None, None, 1))
    found = efficientnet_lite.features(source, LITE["lite0"], 16)
    model = keras.Model(source, list(found.values()))
    fitted = [weight.path for weight in model.trainable_weights]
    assert fitted and not any("depthwise" in path for path in fitted)
    assert not any(f"block{index}_" in path for path in fitted for index in range(5))
    for name in ("block5_project", "block6_expand", "block15_project", "embedding"):
        assert f"backbone_{name}/kernel" in fitted
    share = sum(int(np.prod(w.shape)) for w in model.trainable_weights) / model.count_params()
    assert share > 0.85


# ------------------------------------------------------------------------------------- from PyTorch


def test_pytorch_says_the_same(recorded: dict[str, Array], state: dict[str, Array]) -> None:
    """The recorded numbers are PyTorch's, where it is installed."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    tensors = {name: torch.from_numpy(values) for name, values in state.items()}

    def conv(x: Any, name: str, stride: int = 1, groups: int = 1) -> Any:
        kernel = tensors[f"{name}.weight"]
        side, length = kernel.shape[-1], x.shape[-1]
        missing = max((-(-length // stride) - 1) * stride + side - length, 0)
        before, after = missing // 2, missing - missing // 2
        x = functional.pad(x, (before, after, before, after))
        return functional.conv2d(x, kernel, stride=stride, groups=groups)

    def norm(x: Any, name: str) -> Any:
        mean, variance, scale, offset = (
            tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, variance, scale, offset, eps=1e-3)

    x = torch.from_numpy(recorded["picture"].transpose(2, 0, 1)[None].copy())
    x = functional.relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    block, found = 0, {}
    for expansion, channels, repeats, first_stride, _ in TINY.stages:
        for index in range(repeats):
            stride, before = (first_stride if index == 0 else 1), x
            name = f"_blocks.{block}."
            if expansion > 1:
                x = functional.relu6(norm(conv(x, f"{name}_expand_conv"), f"{name}_bn0"))
            x = conv(x, f"{name}_depthwise_conv", stride, x.shape[1])
            x = functional.relu6(norm(x, f"{name}_bn1"))
            x = norm(conv(x, f"{name}_project_conv"), f"{name}_bn2")
            if stride == 1 and before.shape[1] == channels:
                x = x + before
            block += 1
        found[f"f{32 // x.shape[-1]}"] = x
    x = functional.relu6(norm(conv(x, "_conv_head"), "_bn1"))
    found["f32"] = x
    for name, values in found.items():
        ours = values[0].numpy().transpose(1, 2, 0)
        assert np.abs(ours - recorded[name]).max() < 1e-5, name
    scores = functional.linear(x.mean((2, 3)), tensors["_fc.weight"], tensors["_fc.bias"])
    assert np.abs(scores.numpy()[0] - recorded["classes"][0, 0]).max() < 1e-5


@pytest.fixture
def read_as(monkeypatch: pytest.MonkeyPatch, state: dict[str, Array]) -> Any:
    """PyTorch's reader replaced by one that finds the tiny network, or another, in every file."""

    def found(changed: dict[str, Array] | None = None) -> None:
        from keras_models import pytorch_files

        monkeypatch.setattr(pytorch_files, "read", lambda *_: state if changed is None else changed)
        monkeypatch.setitem(LITE, "tiny", TINY)

    return found


def test_a_file_of_the_command_is_what_the_network_starts_from(
    read_as: Any, weights: dict[str, list[Array]], tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    read_as()
    out = tmp_path / "tiny.npz"
    assert main(["import-backbone", "tiny.pth", "--out", str(out)]) == 0
    said = capfd.readouterr().out
    assert f"wrote {out}\nnext: python -m training fit colorize_unet" in said
    stored = backbone_files.read(out)
    assert {name.rpartition("/")[0] for name in stored} == set(weights)
    unet = keras_models.build("colorize_unet", "test")
    backbones.load(unet, str(out))
    for name, layer in backbones.layers(unet).items():
        for loaded, value in zip(layer.get_weights(), weights[name], strict=True):
            assert np.array_equal(loaded, value)


def test_files_of_other_networks_are_refused(
    read_as: Any, state: dict[str, Array], tmp_path: Path
) -> None:
    for other in (
        {**state, "_fc.weight": state["_fc.weight"][:4]},
        {name: values for name, values in state.items() if "_blocks.2" not in name},
        {**state, "_blocks.9._bn0.bias": np.zeros(3, np.float32)},
    ):
        read_as(other)
        with pytest.raises(UserError, match=r"none of EfficientNet-Lite's networks \(lite0, lite1"):
            efficientnet_import.read(tmp_path / "other.pth")


def test_a_wheel_without_one_file_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    empty, broken = tmp_path / "empty.whl", tmp_path / "broken.whl"
    with zipfile.ZipFile(empty, "w") as wheel:
        wheel.writestr("readme.txt", "nothing")
    broken.write_bytes(b"no wheel")
    for path, says in [
        (empty, "0 .pth files are in it"),
        (broken, "not a wheel"),
        (tmp_path / "none.pth", "no such file"),
        (tmp_path / "none.whl", "no such file"),
    ]:
        line = refused("keras_models", capfd, "import-backbone", path, "--out", tmp_path / "o.npz")
        assert says in line


def test_pytorch_is_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    said = functools.partial(refused, "keras_models", capfd, "import-backbone")
    line = said(tmp_path / "any.whl", "--out", tmp_path / "out.npz")
    assert "needs PyTorch" in line and "requirements-import.txt" in line
