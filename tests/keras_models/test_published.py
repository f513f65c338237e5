"""The published networks compute what their authors' do, and import what they left.

The authors' graphs are built here in PyTorch, with random weights, from what the papers and the
files' names of tensors say; without PyTorch these tests are skipped.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import keras_models
from edge_demo.colour.ab_bins import BINS, COUNT
from edge_demo.errors import UserError
from edge_demo.tasks.colorize import AB
from keras_models import ab_classes, published, runs
from keras_models.__main__ import main
from tests.mistakes import refused
from training import evaluate

torch = pytest.importorskip("torch")
nn = torch.nn
SIDE = 64


def convs(
    *channels: int, dilation: int = 1, stride: int = 1, first: Any = None, norm: bool = True
) -> list[Any]:
    """3x3 convolutions from one number of channels to the next, a ReLU behind each."""
    found = [] if first is None else [first, nn.ReLU()]
    pairs = list(itertools.pairwise(channels))
    for index, (before, after) in enumerate(pairs):
        step = stride if index == len(pairs) - 1 else 1
        found += [nn.Conv2d(before, after, 3, step, dilation, dilation), nn.ReLU()]
    return [*found, nn.BatchNorm2d(channels[-1])] if norm else found


def trunk(inputs: int, stride: int) -> dict[str, Any]:
    plan = [
        ((inputs, 64, 64), 1), ((64, 128, 128), 1), ((128, 256, 256, 256), 1),
        ((256, 512, 512, 512), 1), ((512,) * 4, 2), ((512,) * 4, 2), ((512,) * 4, 1),
    ]  # fmt: skip
    return {
        f"model{number}": nn.Sequential(
            *convs(*channels, dilation=dilation, stride=stride if number <= 3 else 1)
        )
        for number, (channels, dilation) in enumerate(plan, 1)
    }


def up(before: int, after: int) -> Any:
    return nn.ConvTranspose2d(before, after, 4, 2, 1)


class Eccv16(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name, module in trunk(1, stride=2).items():
            self.add_module(name, module)
        head = nn.Conv2d(256, 313, 1)
        self.model8 = nn.Sequential(*convs(256, 256, 256, first=up(512, 256), norm=False), head)
        self.model_out = nn.Conv2d(313, 2, 1, bias=False)

    def forward(self, lightness: Any) -> Any:
        """L in 0..100 to ab at a quarter of the size, before the graph's enlargement."""
        x = (lightness - 50) / 100
        for number in range(1, 9):
            x = getattr(self, f"model{number}")(x)
        return self.model_out(x.softmax(1)) * 110


class Siggraph17(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name, module in trunk(4, stride=1).items():
            self.add_module(name, module)
        self.model8up = nn.Sequential(up(512, 256))
        self.model3short8 = nn.Sequential(nn.Conv2d(256, 256, 3, 1, 1))
        self.model8 = nn.Sequential(nn.ReLU(), *convs(256, 256, 256))
        self.model9up = nn.Sequential(up(256, 128))
        self.model2short9 = nn.Sequential(nn.Conv2d(128, 128, 3, 1, 1))
        self.model9 = nn.Sequential(nn.ReLU(), *convs(128, 128))
        self.model10up = nn.Sequential(up(128, 128))
        self.model1short10 = nn.Sequential(nn.Conv2d(64, 128, 3, 1, 1))
        self.model10 = nn.Sequential(nn.ReLU(), nn.Conv2d(128, 128, 3, 1, 1), nn.LeakyReLU(0.2))
        self.model_class = nn.Sequential(nn.Conv2d(256, 529, 1))
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def forward(self, lightness: Any, ab: Any, mask: Any) -> Any:
        """L in 0..100, ab of hints and where they are to ab at full size, and the class scores."""
        first = self.model1(torch.cat([(lightness - 50) / 100, ab / 110, mask], 1))
        second = self.model2(first[:, :, ::2, ::2])
        third = self.model3(second[:, :, ::2, ::2])
        x = self.model4(third[:, :, ::2, ::2])
        for number in (5, 6, 7):
            x = getattr(self, f"model{number}")(x)
        eighth = self.model8(self.model8up(x) + self.model3short8(third))
        ninth = self.model9(self.model9up(eighth) + self.model2short9(second))
        tenth = self.model10(self.model10up(ninth) + self.model1short10(first))
        return self.model_out(tenth) * 110, self.model_class(eighth)


def random(network: Any) -> Any:
    """Weights under which no signal dies or explodes, and every layer's part can be seen."""
    torch.manual_seed(0)
    for name, value in network.state_dict().items():
        if "num_batches" in name:
            continue
        if value.ndim > 1:
            # Each output of a transposed convolution meets a quarter of its kernel.
            fan_in = value[0].numel() if "up" not in name else value[:, 0].numel() / 4
            value.normal_(0, (2 / fan_in) ** 0.5)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        else:
            value.normal_(1.0 if name.endswith("weight") else 0.0, 0.2)
    return network.eval()


def arrays(network: Any) -> dict[str, NDArray[np.float32]]:
    return {name: value.float().numpy() for name, value in network.state_dict().items()}


def nchw(values: NDArray[np.float32]) -> Any:
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1))[None])


def nhwc(values: Any) -> NDArray[np.float32]:
    return values.detach().numpy()[0].transpose(1, 2, 0)


@pytest.fixture(scope="module")
def eccv16() -> Any:
    network = random(Eccv16())
    with torch.no_grad():
        # Some colours are much more probable than others, and no class's colour is its bin.
        network.model8[-1].weight.mul_(2.0)
        network.model_out.weight.uniform_(-1, 1)
    return network


@pytest.fixture(scope="module")
def imported(eccv16: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    torch.save(eccv16.state_dict(), folder / "eccv16.pth")
    arguments = ["import-weights", "colorize_eccv16", folder / "eccv16.pth", "--out",
                 folder / "deep" / "run"]  # fmt: skip
    assert main([str(argument) for argument in arguments]) == 0
    return folder / "deep" / "run"


@pytest.fixture(scope="module")
def siggraph17() -> keras.Model:
    """Ours, with weights that tests give it."""
    return keras_models.build("colorize_siggraph17", "full")


def lightness() -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    return rng.uniform(0, 100, (SIDE, SIDE, 1)).astype(np.float32)


# ---------------------------------------------------------------------------------------- the same


def test_eccv16_is_the_authors(eccv16: Any, imported: Path) -> None:
    values = lightness()
    with torch.no_grad():
        expected = nhwc(eccv16(nchw(values)))
    found = np.asarray(runs.load_model(imported)(values[None] / 50 - 1))[0]
    assert expected.std((0, 1)).min() > 1  # there is something to agree on
    assert np.abs(found[..., :2] * AB - expected).max() < 1e-3
    # The third channel is the mean square of the file's own colours.
    with torch.no_grad():
        square = eccv16.model_out.weight.square().sum(0, keepdim=True).clamp(max=1)
        eccv16.model_out.weight[:1] = square[0]
        again = nhwc(eccv16(nchw(values)))[..., 0] / 110
    assert np.abs(found[..., 2] - again).max() < 1e-5


def test_siggraph17_is_the_authors(siggraph17: keras.Model) -> None:
    theirs = random(Siggraph17())
    published.load(
        siggraph17, published.MODULES["colorize_siggraph17"], arrays(theirs), "the test's file"
    )
    rng = np.random.default_rng(2)
    values = lightness()
    mask = (rng.random((SIDE, SIDE, 1)) < 0.02).astype(np.float32)
    hints = mask * rng.uniform(-80, 80, (SIDE, SIDE, 2)).astype(np.float32)
    with torch.no_grad():
        ab, scores = theirs(nchw(values), nchw(hints), nchw(mask))
        ab = nhwc(nn.functional.avg_pool2d(ab, 4))
        logits = nhwc(scores)
    hinted = np.concatenate([values / 50 - 1, hints / 110, mask], -1)
    found = np.asarray(siggraph17(hinted[None]))[0]
    assert ab.std((0, 1)).min() > 1
    assert np.abs(found[..., :2] * AB - ab).max() < 1e-3
    # The class of a and b: theirs, found by its own place in their grid.
    a, b = (((BINS[:, axis] + 110) / 10).astype(int) for axis in (0, 1))
    kept = logits[..., a * 23 + b]
    probabilities = np.exp(kept - kept.max(-1, keepdims=True))
    probabilities /= probabilities.sum(-1, keepdims=True)
    assert np.abs((found[..., 2:] + 1) / 2 - probabilities).max() < 1e-4
    assert probabilities.max() > 3 / COUNT


def test_the_bins_are_among_siggraph17s_classes() -> None:
    grid = np.array([(a, b) for a in range(-110, 111, 10) for b in range(-110, 111, 10)])
    assert len(grid) == 529
    assert np.array_equal(grid[published.in_grid()], BINS)


def test_as_many_weights_as_published(eccv16: Any) -> None:
    def count(network: Any) -> int:
        return sum(value.numel() for value in network.parameters())

    def trained(model: keras.Model) -> int:
        moving = [w for w in model.weights if "moving_" in w.path]
        return model.count_params() - sum(int(np.prod(w.shape)) for w in moving)

    assert round(count(eccv16) / 1e6, 1) == 32.2
    ours = trained(keras_models.build("colorize_eccv16", "full"))
    assert ours == count(eccv16) + COUNT  # the mean square beside a and b
    theirs = count(Siggraph17())
    assert round(theirs / 1e6, 1) == 34.2
    ours = trained(keras_models.build("colorize_siggraph17", "full"))
    assert ours == theirs - (529 - COUNT) * 257


# ------------------------------------------------------------------------------------ as a run


def test_an_import_is_a_run(imported: Path, natural: NDArray[np.uint8]) -> None:
    record = runs.read_record(imported)
    assert record["config"] == {"model": "colorize_eccv16", "size": "full"}
    assert record["imported"]["file"] == "eccv16.pth"
    assert runs.stages(imported) == [] and runs.history(imported) == []
    assert not list(imported.glob("*partial*"))
    target = evaluate.load(imported)
    assert (target.name, target.task.variant) == ("colorize_eccv16-full", "spread")
    json.dumps(record)
    from training import listing

    (listed,) = listing.find(imported)
    assert listed.finished and "finished" in listing.text([listed])


def test_imports_that_are_refused(
    imported: Path, tmp_path: Path, siggraph17: keras.Model, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file, out = imported.parent.parent / "eccv16.pth", tmp_path / "run"

    def said(*arguments: object) -> str:
        line = refused("keras_models", capfd, "import-weights", *arguments, "--out", out)
        assert not out.exists()
        return line

    assert "known: colorize_eccv16, colorize_siggraph17" in said("colorize_fusion", file)
    assert "no such file" in said("colorize_eccv16", tmp_path / "none.pth")
    (tmp_path / "bad.pth").write_bytes(b"no weights at all")
    assert "not a PyTorch file" in said("colorize_eccv16", tmp_path / "bad.pth")
    assert "is not empty" in refused(
        "keras_models", capfd, "import-weights", "colorize_eccv16", file, "--out", imported
    )
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "pip install -r requirements-import.txt" in said("colorize_eccv16", file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("model9.3.running_var"), "holds no model9.3.running_var"),
        (lambda state: state.update({"model11.0.weight": np.zeros(1)}), "model11.0.weight is not"),
        (lambda state: state.update({"model2.0.bias": np.zeros(7)}), r"not conv2_1 of colorize_"),
    ],
)
def test_files_of_other_networks(
    siggraph17: keras.Model, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    state = arrays(Siggraph17())
    change(state)
    with pytest.raises(UserError, match=says):
        published.load(siggraph17, published.MODULES["colorize_siggraph17"], state, "f.pth")


def test_training_starts_with_the_bins_colours() -> None:
    model = keras_models.build("colorize_eccv16", "full")
    (kernel,) = model.get_layer(ab_classes.COLOURS).get_weights()
    assert np.allclose(kernel[0, 0, :, :2] * AB, BINS)
    assert not ab_classes.trained_part(model).get_layer("bins").weights[0].path.startswith("means")
    assert ab_classes.COLOURS not in [m.name for m in ab_classes.trained_part(model).layers]
