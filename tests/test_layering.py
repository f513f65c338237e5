"""Who may import whom, and that the device's part runs without what training needs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("edge_demo", "keras_models", "datasets", "training", "export")
INTERPRETERS = ("ai_edge_litert", "tflite_runtime")

# What every module of edge_demo may import: they import nothing but the standard library and each
# other.
BASE = {f"edge_demo.{name}" for name in ("cli", "clock", "errors", "files", "quiet")}
# The rooms of edge_demo from the lowest up: each may import itself, BASE and those that it names.
ROOMS: dict[str, set[str]] = {
    "colour": set(),
    "tasks": {"colour"},
    "pictures": {"colour", "tasks"},
    "model": {"colour", "tasks"},
    "device": {"colour", "tasks", "pictures", "model"},
    "measure": {"colour", "tasks", "pictures", "model", "device"},
    "report": {"colour", "tasks", "pictures", "measure"},
    "video": {"colour", "tasks", "model", "device"},
    "camera": {"colour", "tasks", "model", "device", "video"},
    "web": {"colour", "tasks", "pictures", "model", "device", "measure", "camera", "video"},
    "benchmark": {"colour", "tasks", "pictures", "model", "device", "measure", "report"},
}
LIBRARIES: dict[str, set[str]] = {
    "report": {"numpy", "cv2", "jinja2", "markupsafe"},
    "video": {"numpy", "cv2", "av"},
    "web": {"numpy", "cv2", "flask", "waitress", "werkzeug", "prometheus_client", "segno"},
}
# What training is proven with, beside what the device runs.
PROVEN = BASE | {
    f"edge_demo.{room}"
    for room in ("colour", "tasks", "pictures", "model", "device", "measure", "report")
}


def room_rule(room: str) -> set[str]:
    return (
        LIBRARIES.get(room, {"numpy", "cv2"})
        | BASE
        | {f"edge_demo.{other}" for other in {room, *ROOMS[room]}}
    )


# The longest folder that holds a module decides: what it may import beside the standard library.
RULES: dict[str, set[str]] = {
    **{module: BASE for module in BASE},
    **{f"edge_demo.{room}": room_rule(room) for room in ROOMS},
    # The command line.
    "edge_demo": BASE | {f"edge_demo.{room}" for room in ROOMS} | {"edge_demo.run"},
    "keras_models": {"keras", "numpy", "edge_demo.colour", "edge_demo.tasks", *BASE,
                     "keras_models"},
    "datasets": {"tensorflow", "cv2", "numpy", "skimage", *PROVEN, "datasets"},
    "training": {"keras", "tensorflow", "numpy", "cv2", "matplotlib", "skimage",
                 "datasets", "keras_models", *PROVEN, "training"},
    "export": {"keras", "tensorflow", "numpy", "cv2", "skimage",
               "datasets", "keras_models", *PROVEN, "export"},
}  # fmt: skip
# Single modules that may import something of their own.
EXTRA = {
    "edge_demo.__main__": {"edge_demo.listing"},
    "edge_demo.folder": {"edge_demo.chosen", "edge_demo.file_kind"},
    "edge_demo.run": {"edge_demo.chosen", "edge_demo.file_kind", "edge_demo.folder"},
    "edge_demo.camera.source": {"picamera2"},
    "edge_demo.colour.profiles": {"PIL"},
    "edge_demo.pictures.ffmpeg": {"av"},
    "edge_demo.pictures.library": {"PIL", "pillow_heif", "pillow_jxl"},
    "edge_demo.pictures.planes": {"av"},
    "edge_demo.pictures.writing": {"PIL"},
    "datasets.augment": {"albumentations"},
    # One reader of video files; the device needs it, too.
    "datasets.video": {"edge_demo.video"},
    "datasets.cleaning.pipeline": {"apache_beam"},
    "datasets.tfds_builders.files": {"tensorflow_datasets"},
    "datasets.tfds_builders.prepared": {"tensorflow_datasets"},
    "datasets.tfds_builders.kaggle_colorization.kaggle_colorization_dataset_builder": {
        "tensorflow_datasets"
    },
    "datasets.tfds_builders.lhq.lhq_dataset_builder": {"tensorflow_datasets"},
    "datasets.tfds_builders.lol.lol_dataset_builder": {"tensorflow_datasets"},
    "export.player_onnx": {"onnx"},
    "export.quantise": {"ai_edge_quantizer"},
    "keras_models.backbone_import": {"tensorflow"},
    "keras_models.packed": {"h5py"},
    "keras_models.pytorch_files": {"torch"},
}


def files(package: str) -> list[Path]:
    built = ROOT / package / "build"  # what an installation leaves
    return sorted(path for path in (ROOT / package).rglob("*.py") if built not in path.parents)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Every module that a source imports, wherever in it, by its full dotted name.

    ``from a import b`` gives ``a.b``: whether b is a module or a name makes no difference here.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: None if is_package else -1]
                above = above[: len(above) - (node.level - 1)]
                base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value)


def is_below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def violations(path: Path) -> list[str]:
    module = module_name(path)
    folder = max((rule for rule in RULES if is_below(module, rule)), key=len)
    allowed = RULES[folder] | EXTRA.get(module, set())
    names = imported(path.read_text(), module, path.name == "__init__.py")
    return [
        f"{module} imports {name}"
        for name in names
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(is_below(name, prefix) for prefix in allowed)
    ]


def test_the_walk_sees_every_kind_of_import() -> None:
    source = (
        "import a.b, c as d\nfrom e.f import g\nfrom . import h\nfrom ..i import j\n"
        "def k():\n    from .l import m\n    importlib.import_module('n.o')\n"
    )
    expected = {"a.b", "c", "e.f.g", "p.q.h", "p.i.j", "p.q.l.m", "n.o"}
    assert set(imported(source, "p.q.r", is_package=False)) == expected
    assert set(imported("from . import h\nfrom ..i import j", "p.q", is_package=True)) == {
        "p.q.h", "p.i.j"
    }  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES)
def test_each_folder_imports_only_what_it_may(package: str) -> None:
    paths = files(package)
    assert paths
    assert [line for path in paths for line in violations(path)] == []


def arrows(package: str) -> dict[str, set[str]]:
    """Which modules of a package each of them imports, at its top or inside a function."""
    paths = {module_name(path): path for path in files(package)}
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        names = imported(path.read_text(), module, path.name == "__init__.py")
        # ``a.b`` is the module b of a, or a name in a.
        targets = {name if name in paths else name.rpartition(".")[0] for name in names}
        found[module] = targets & set(paths) - {module}
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of circles and those that import them; none where there is no circle."""
    left = dict(graph)
    while free := [module for module, others in left.items() if not others & set(left)]:
        for module in free:
            del left[module]
    return sorted(left)


def test_circles_are_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": set()}) == ["a", "b"]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_has_a_circle(package: str) -> None:
    """Nor one that an import inside a function hides."""
    assert circle(arrows(package)) == []


def test_programs_are_in_their_folder() -> None:
    """Studies may import everything, so no rule is theirs; pages stand beside no program."""
    assert files("studies") and not files("docs")
    assert not any("studies" in rule for rule in RULES.values())


def test_the_interpreter_is_named_in_one_module_only() -> None:
    naming = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in files(package)
        if any(name in path.read_text() for name in INTERPRETERS)
    }
    assert naming == {"edge_demo/model/interpreter.py"}


def test_every_room_names_lower_rooms_only() -> None:
    folders = {path.parent.name for path in (ROOT / "edge_demo").glob("*/__init__.py")}
    assert folders == set(ROOMS)
    order = list(ROOMS)
    for room, others in ROOMS.items():
        assert others <= set(order[: order.index(room)])


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter at the repository's root, with nothing of this one's path."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )


BLOCKED = """
import importlib, pkgutil, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Refuse())
import edge_demo
names = [m.name for m in pkgutil.walk_packages(edge_demo.__path__, "edge_demo.")]
for name in names:
    importlib.import_module(name)
assert not set(sys.modules) & {blocked!r}
print("\\n".join(names))
"""


def test_the_device_needs_nothing_of_training() -> None:
    """Every module of edge_demo imports with the training stack away, interpreters too."""
    blocked = {"tensorflow", "keras", "albumentations", "skimage", "matplotlib", "scipy",
               *INTERPRETERS, "studies", *set(PACKAGES) - {"edge_demo"}}  # fmt: skip
    done = run_python("-c", BLOCKED.format(blocked=blocked))
    assert done.returncode == 0, done.stderr
    expected = {module_name(path) for path in files("edge_demo")} - {"edge_demo"}
    assert set(done.stdout.split()) == expected


def test_only_what_makes_pages_needs_templates() -> None:
    """A small device that writes no report spends no time and memory on them."""
    code = "import sys, edge_demo.__main__; sys.exit('jinja2' in sys.modules)"
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_datasets_is_this_repositorys() -> None:
    import datasets

    assert Path(datasets.__file__).parent == ROOT / "datasets"
    done = run_python("-m", "datasets", "list")
    assert done.returncode == 0, done.stderr
    assert "sample" in done.stdout and "folder:PATH" in done.stdout
