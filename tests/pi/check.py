"""Do the shipped models run on a Raspberry Pi as they do here? ``make pi-check``.

Runs ``selftest``, ``run`` and ``benchmark`` of every shipped model on emulated boards, with both
interpreters, from a copy of ``edge_demo`` alone, and compares what they compute with x86. Of one
model of each task, ``serve`` must answer a request with what ``run`` writes there. Times in an
emulator mean nothing, so none are kept. Exit code 1 when anything is wrong, 2 when something is
missing that the check needs.
"""

from __future__ import annotations

import argparse
import fnmatch
import http.client
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from edge_demo import tasks  # noqa: E402
from edge_demo.device.selftest import FLOAT_RECIPES, repeated  # noqa: E402
from edge_demo.model import models_index  # noqa: E402
from edge_demo.model.interpreter import Graph  # noqa: E402
from edge_demo.model.package import flatbuffer, read_card  # noqa: E402
from edge_demo.tasks import enhance  # noqa: E402
from tests.pi import compare, fetch, hardware, operations  # noqa: E402

# Whether an interpreter rounds as the exporting one does.
SAME_KERNELS = {"ai-edge-litert": True, "tflite-runtime": False}
PROBE = Path(__file__).with_name("probe.py")
LIMIT_SECONDS = 900
# One model of each task: quick ones, as the emulator is slow.
SERVED = (
    "chroma_residual-s.r1.qat", "colorize_unet-lite0.r3.int8", "enhance_zerodce-lite.r2.int8",
)  # fmt: skip
BENCHMARK = ("--size", "64x48", "--seconds", "0.01", "--threads", "1")


class Machine:
    """Runs Python in a folder, here or on an emulated board."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path):
        self.command, self.folder = list(command), folder
        self.environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **environment}

    def python(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Exit code, output and the last line of the errors."""
        command = [*self.command, *map(str, arguments)]
        try:
            done = subprocess.run(
                command, cwd=self.folder, env=self.environment, capture_output=True,
                text=True, errors="replace", timeout=LIMIT_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return 124, "", f"not done after {LIMIT_SECONDS} s"
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"exit code {done.returncode}"
        return done.returncode, done.stdout, reason


def wrapper(places: fetch.Places, cpu: str) -> str:
    """A shell script that is a board's Python: what it starts as ``sys.executable`` is one, too."""
    python = places.root / f"usr/bin/python{fetch.PYTHON}"
    words = [str(places.qemu), "-cpu", cpu, "-L", str(places.root)]
    return f'#!/bin/sh\nexec {shlex.join(words)} -0 "$0" {shlex.quote(str(python))} "$@"\n'


def board(folder: Path, places: fetch.Places, cpu: str, package: str, copy: Path) -> Machine:
    """An emulated board with one of the interpreters; one at a time, as they share a root."""
    hardware.write(places.root, hardware.BOARDS[cpu])
    script = folder / f"python-{cpu}"
    script.write_text(wrapper(places, cpu))
    script.chmod(0o755)
    home = {"PYTHONHOME": str(places.root / "usr"), "PYTHONPATH": str(places.sites[package])}
    return Machine([str(script)], home, copy)


def make_copy(folder: Path, wanted: str = "*") -> Path:
    """``edge_demo`` as ``scp -r`` brings it to a board, and nothing else; of its models some.

    Raises:
        fetch.Missing: no model is named so.
    """
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(
        ROOT / "edge_demo", copy / "edge_demo", ignore=shutil.ignore_patterns("__pycache__")
    )
    models = list((copy / "edge_demo" / "models").glob("*.tflite"))
    others = [
        path for path in models if not fnmatch.fnmatch(path.name.removesuffix(".tflite"), wanted)
    ]
    if len(others) == len(models):
        raise fetch.Missing(f"no model is named like {wanted}")
    for path in others:
        path.unlink()
    return copy


def make_pictures(folder: Path) -> tuple[Path, Path, Path]:
    """A part of a photograph, without loss, and as the JPEGs that ``run`` gets: by day and dark."""
    import skimage.data

    rgb = skimage.data.astronaut()[60:156, 150:278]
    png, jpeg, dark = (folder / name for name in ("picture.png", "picture.jpg", "dark.jpg"))
    for path, values in ((png, rgb), (jpeg, rgb), (dark, enhance.degrade(rgb))):
        if not cv2.imwrite(str(path), np.ascontiguousarray(values[..., ::-1])):
            raise fetch.Missing(f"{path} cannot be written")
    return png, jpeg, dark


# One machine ----------------------------------------------------------------------------------


def outputs(machine: Machine, given: Path, out: Path, kernels: str = "") -> dict[str, Any]:
    """What a machine's graphs compute.

    Returns:
        ``record``, and each model's name to its outputs; ``failed`` with the reason instead.
    """
    out.unlink(missing_ok=True)
    code, _, reason = machine.python(PROBE, "outputs", given, out, *filter(None, [kernels]))
    if code:
        return {"failed": reason}
    found: dict[str, Any] = {}
    with np.load(out) as arrays:
        for key in arrays.files:
            name, _, tensor = key.rpartition("/")
            if key == "record":
                found["record"] = json.loads(str(arrays[key]))
            else:
                found.setdefault(name, {})[tensor] = arrays[key]
    return found


class Operations:
    """A model taken apart, and what x86's kernels make of each operation."""

    def __init__(self, here: Machine, path: Path, given: Path, folder: Path) -> None:
        self._parts = operations.take_apart(flatbuffer(path))
        self._file, self._given = folder / "apart.tflite", folder / "apart.npz"
        self._out = folder / "apart.out.npz"
        task, graph = read_card(path).task, Graph(path)
        arrays = np.load(given)
        inputs = [
            graph.stored(
                tensor, repeated(arrays[f"{task.name}/{task.variant}/{tensor}"], shape[1:])
            )
            for tensor, shape in graph.inputs.items()
        ]
        written = self._run(here, self._parts.whole, inputs, "AUTO")
        known = [*inputs, *written]
        self._inputs = [known[place] for place in self._parts.given]
        self._x86 = {
            name: self._run(here, self._parts.apart, self._inputs, name) for name in compare.KERNELS
        }

    def wrong(self, machine: Machine, same_kernels: bool) -> list[str]:
        """Those that a machine computes unlike x86, see ``compare.wrong_operations``.

        Args:
            same_kernels: whether they must be those of x86 as exported, not of any of its sets.
        """
        found = self._run(machine, self._parts.apart, self._inputs)
        kinds = [
            kind
            for kind, count in zip(self._parts.kinds, self._parts.written, strict=True)
            for _ in range(count)
        ]
        x86 = [self._x86["AUTO"]] if same_kernels else list(self._x86.values())
        return compare.wrong_operations(found, x86, kinds)

    def _run(
        self, machine: Machine, graph: bytes, inputs: Sequence[Any], kernels: str = ""
    ) -> list[Any]:
        self._file.write_bytes(graph)
        np.savez(self._given, **{str(place): values for place, values in enumerate(inputs)})
        command = ["graph", self._file, self._given, self._out, *filter(None, [kernels])]
        code, _, reason = machine.python(PROBE, *command)
        if code:
            raise fetch.Missing(f"the operations of a graph could not be run: {reason}")
        with np.load(self._out) as found:
            return [found[str(place)] for place in range(len(found.files))]


def restored(machine: Machine, picture: Path, model: str, out: Path) -> tuple[Any, str]:
    """The picture that ``run`` writes, or None and why."""
    out.unlink(missing_ok=True)
    code, _, reason = machine.python(
        "-m", "edge_demo", "run", picture, out, "--model", model, "--threads", "1"
    )
    return (None, reason) if code else (cv2.imread(str(out)), "")


def served(machine: Machine, wanted: Mapping[str, tuple[Path, bytes]]) -> dict[str, str]:
    """Model to why ``serve`` did not answer with what is wanted of a picture."""
    command = ["-m", "edge_demo", "serve", "--port", "0", "--threads", "1", "--workers", "1",
               "--timeout", str(LIMIT_SECONDS)]  # fmt: skip
    with subprocess.Popen(
        [*machine.command, *command], cwd=machine.folder, env=machine.environment,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        try:
            said = re.search(r":(\d+)/", server.stdout.readline())
            if said is None:
                return dict.fromkeys(wanted, "it did not begin to serve")
            found = {
                model: _answer(int(said[1]), picture, model)
                for model, (picture, _) in wanted.items()
            }
        finally:
            server.terminate()
            code = server.wait(60)
    wrong = {
        model: data.decode(errors="replace")[:200] if status != 200 else "not what run writes"
        for model, (status, data) in found.items()
        if (status, data) != (200, wanted[model][1])
    }
    return wrong if code == 0 else dict.fromkeys(wanted, f"exit code {code}")


def _answer(port: int, picture: Path, model: str) -> tuple[int, bytes]:
    """Status and body of ``POST /process``; status 0 where there was no answer."""
    head = 'Content-Disposition: form-data; name="'
    body = (
        f'--x7x\r\n{head}model"\r\n\r\n{model}\r\n--x7x\r\n{head}image"; filename="a"\r\n\r\n'
    ).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_SECONDS)
    try:
        connection.request(
            "POST", "/process", body + picture.read_bytes() + b"\r\n--x7x--\r\n",
            {"Content-Type": "multipart/form-data; boundary=x7x"},
        )  # fmt: skip
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error).encode()
    finally:
        connection.close()


def self_tested(machine: Machine, models: Sequence[str]) -> dict[str, str]:
    """Model to why its self-test failed."""
    code, text, reason = machine.python("-m", "edge_demo", "selftest")
    return failed_self_tests(text, models, reason) if code else {}


def failed_self_tests(text: str, models: Sequence[str], reason: str) -> dict[str, str]:
    """Of what ``selftest`` printed: model to why; ``reason`` for one that it says nothing of."""
    said = {}
    for line in text.splitlines():
        verdict, _, rest = line.partition(" ")
        name, _, why = rest.strip().partition(": ")
        said[name.removesuffix(".tflite")] = why if verdict == "FAIL" else ""
    return {model: said.get(model, reason) for model in models if said.get(model, reason)}


def benchmarked(machine: Machine, models: Sequence[str], out: Path) -> dict[str, str]:
    """Model to why it could not be measured."""
    rows, reasons = [], []
    for task in tasks.NAMES:
        out.unlink(missing_ok=True)
        code, _, reason = machine.python(
            "-m", "edge_demo", "benchmark", *BENCHMARK, "--task", task, "--json", out
        )
        rows += json.loads(out.read_text())["rows"] if out.is_file() else []
        reasons += [reason] if code else []
    if reasons and not rows:
        return dict.fromkeys(models, reasons[0])
    return failed_benchmarks(rows, models)


def failed_benchmarks(rows: Sequence[Mapping[str, Any]], models: Sequence[str]) -> dict[str, str]:
    """Of a benchmark's rows: model to why."""
    said = {Path(row["file"]).name.removesuffix(".tflite"): row["status"] for row in rows}
    found = {model: said.get(model, "not in the table") for model in models}
    return {model: status for model, status in found.items() if status != "ok"}


# All machines ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """What x86 makes of the inputs that every board is given.

    Attributes:
        machine: this one, in the copy of ``edge_demo``.
        folder: for what is written on the way.
        given: inputs of each variant of a task, a file.
        outputs: name of a set of kernels to what its graphs compute.
        shown: model to the picture that it restores.
        restored: model to what it makes of that.
    """

    machine: Machine
    folder: Path
    given: Path
    outputs: Mapping[str, Mapping[str, Any]]
    shown: Mapping[str, Path]
    restored: Mapping[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        """Of this machine, and of the models."""
        record: dict[str, Any] = self.outputs["AUTO"]["record"]
        return record

    def taken_apart(self, model: str) -> Operations:
        """The operations of a model."""
        path = self.machine.folder / "edge_demo" / "models" / f"{model}.tflite"
        return Operations(self.machine, path, self.given, self.folder)


def reference(folder: Path, copy: Path) -> Reference:
    """What this machine makes of the models.

    Raises:
        fetch.Missing: it does not run them.
    """
    png, jpeg, dark = make_pictures(folder)
    here = Machine([sys.executable], {}, copy)
    given = folder / "inputs.npz"
    code, _, reason = here.python(PROBE, "inputs", png, given)
    if code:
        raise fetch.Missing(f"no inputs could be made: {reason}")
    print(f"x86: {', '.join(compare.KERNELS.values())}", flush=True)
    x86 = {name: outputs(here, given, folder / "x86.npz", name) for name in compare.KERNELS}
    for name, found in x86.items():
        if "failed" in found:
            raise fetch.Missing(f"this machine cannot run the models ({name}): {found['failed']}")
    # By day there is nothing to enhance.
    models = x86["AUTO"]["record"]["models"]
    shown = {model: dark if model.startswith("enhance_") else jpeg for model in models}
    pictures = {}
    for model, picture in shown.items():
        pictures[model], reason = restored(here, picture, model, folder / "x86.png")
        if reason:
            raise fetch.Missing(f"this machine cannot run {model}: {reason}")
    return Reference(here, folder, given, x86, shown, pictures)


class Board:
    """One emulated board with one interpreter, held to what x86 makes."""

    def __init__(self, machine: Machine, cpu: str, package: str, x86: Reference) -> None:
        self.machine, self.cpu, self.package, self.x86 = machine, cpu, package, x86
        self.label, self.same_kernels = f"{cpu}, {package}", SAME_KERNELS[package]
        self.found = outputs(machine, x86.given, x86.folder / "arm.npz")

    def told(self) -> list[dict[str, Any]]:
        """What the machine says that it is; none where it computed nothing.

        Raises:
            fetch.Missing: it is no Arm processor, or ran other code than the copy.
        """
        record = self.found.get("record")
        if record is None:
            return []
        if record["machine"] != "aarch64" or Path(record["code"]).parent != self.machine.folder:
            raise fetch.Missing(f"{self.label}: not the copy on an Arm processor: {record}")
        named = {key: record[key] for key in ("machine", "python", "packages")}
        return [{"cpu": self.cpu, "board": hardware.BOARDS[self.cpu].name, **named}]

    def failures(self) -> dict[str, dict[str, str]]:
        """Command to the models that it fails with, and why."""
        models, out = list(self.x86.shown), self.x86.folder / "arm.png"
        print(f"{self.label}: self-test, benchmark", flush=True)
        found = {
            "selftest": self_tested(self.machine, models),
            "benchmark": benchmarked(self.machine, models, self.x86.folder / "benchmark.json"),
        }
        written = {}
        for model in filter(self.x86.shown.__contains__, SERVED):
            picture = self.x86.shown[model]
            if restored(self.machine, picture, model, out)[0] is not None:
                written[model] = picture, out.read_bytes()
        print(f"{self.label}: serve", flush=True)
        return {**found, "serve": served(self.machine, written)}

    def row(
        self, model: str, failures: Mapping[str, Mapping[str, str]],
        taken_apart: dict[str, Operations],
    ) -> compare.Row:  # fmt: skip
        """A model's line of the table.

        Args:
            model: its name.
            failures: see ``failures``.
            taken_apart: the models that were taken apart so far; one that is needed is added.
        """
        print(f"{self.label}: run {model}", flush=True)
        facts = self.x86.record["models"][model]
        out = self.x86.folder / "arm.png"
        picture, reason = restored(self.machine, self.x86.shown[model], model, out)
        why = {command: said[model] for command, said in failures.items() if model in said}
        if reason:
            why["run"] = reason
        compared = None
        if model in self.found:
            compared = self._compared(model, facts, taken_apart)
        else:
            why["outputs"] = self.found.get("failed", "none")
        far = compare.compare_pictures(picture, self.x86.restored[model])
        scales = facts["scale"], compare.TO_RGB[facts["task"]]
        return compare.judge(
            self.cpu, self.package, model, compared, far, *scales, why, self.same_kernels
        )

    def _compared(
        self, model: str, facts: Mapping[str, Any], taken_apart: dict[str, Operations]
    ) -> compare.Compared:
        x86 = {name: other[model] for name, other in self.x86.outputs.items()}
        found = compare.compare(
            self.found[model], x86, facts["recipe"], facts["step"], self.same_kernels
        )
        if found.ok or facts["recipe"] in FLOAT_RECIPES:
            return found
        print(f"{self.label}: the operations of {model}", flush=True)
        if model not in taken_apart:
            taken_apart[model] = self.x86.taken_apart(model)
        wrong = taken_apart[model].wrong(self.machine, self.same_kernels)
        return compare.by_operation(found, wrong)


def check(folder: Path, wanted: str = "*") -> dict[str, Any]:
    """Everything, as the document that ``--json`` writes.

    Args:
        folder: for what is unpacked.
        wanted: a pattern of the names of models.

    Raises:
        fetch.Missing: something that the check needs, or x86 itself does not run the models.
    """
    folder = folder.resolve()
    copy = make_copy(folder, wanted)
    places = fetch.fetch(folder, ROOT)
    x86 = reference(folder, copy)
    taken_apart: dict[str, Operations] = {}
    rows: list[compare.Row] = []
    machines: list[dict[str, Any]] = []
    for cpu in hardware.BOARDS:
        for package in SAME_KERNELS:
            print(f"{cpu}, {package}: outputs", flush=True)
            one = Board(board(folder, places, cpu, package, copy), cpu, package, x86)
            machines += one.told()
            failures = one.failures()
            rows += [one.row(model, failures, taken_apart) for model in x86.shown]
    return {
        "schema": 1,
        "emulator": emulator(places.qemu),
        "commands": ["selftest", f"benchmark {' '.join(BENCHMARK)}", "run", "serve"],
        "reference": {key: x86.record[key] for key in ("machine", "python", "packages")},
        "boards": machines,
        "older_kernels": compare.OLDER_KERNELS,
        "rows": [row.values() for row in rows],
        "table": compare.table(rows),
        "ok": bool(rows) and all(row.ok for row in rows),
    }


def with_earlier(document: dict[str, Any], path: Path, listed: Container[str]) -> dict[str, Any]:
    """What was found, and of other models what a file from the same boards says already.

    Args:
        document: what was found.
        path: the file, if there is one.
        listed: the models that there are, whether or not their files are here; rows of others go.
    """
    if not path.is_file():
        return document
    earlier = json.loads(path.read_text())
    if any(earlier.get(key) != document[key] for key in ("schema", "emulator", "boards")):
        return document
    checked = {row["model"] for row in document["rows"]}
    rows = [row for row in earlier["rows"] if row["model"] in listed]
    rows = [row for row in rows if row["model"] not in checked] + document["rows"]
    rows.sort(key=lambda row: (row["cpu"], row["interpreter"], row["model"]))
    return {**document, "rows": rows, "ok": all(row["ok"] for row in rows)}


def emulator(qemu: Path) -> str:
    """Its version."""
    text = fetch.run([qemu, "--version"], "asking the emulator for its version")
    return text.splitlines()[0].partition(" (")[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, 1 (something is wrong) or 2 (something is missing)."""
    parser = argparse.ArgumentParser(prog="tests/pi/check.py", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "pi",
                        help="for what is unpacked (default: build/pi)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE",
                        help="write what was found; rows of models not checked stay")  # fmt: skip
    parser.add_argument("--models", default="*", metavar="PATTERN",
                        help="of the names of models to check (default: all)")  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        document = check(options.folder, options.models)
    except fetch.Missing as missing:
        print(f"{parser.prog}: {missing}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    print(document.pop("table"))
    print(f"\n{compare.OLDER_KERNELS}")
    count = len(document["rows"])
    wrong = sum(not row["ok"] for row in document["rows"])
    print(f"{count - wrong} of {count} ok ({document['emulator']}, compared with "
          f"{platform.machine()})")  # fmt: skip
    if options.json:
        listed = models_index.read(ROOT / "edge_demo" / "models").entries
        whole = with_earlier(document, options.json, listed)
        options.json.write_text(json.dumps(whole, indent=2) + "\n")
        print(f"wrote {options.json}")
    return 0 if document["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
