"""What a run computes in follows the machine, and its record says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from keras_models import runs
from training import config, fit, precision

X86 = "processor\t: 0\nmodel name\t: Something\nflags\t\t: fpu sse avx2{}\n\nprocessor\t: 1\n"
ARM = "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd{}\nCPU part\t: 0xd0b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86.format(" avx512_bf16"), precision.BFLOAT16),
        (X86.format(" amx_bf16 amx_tile"), precision.BFLOAT16),
        (X86.format(" avx512f"), precision.FLOAT32),
        (X86.format(""), precision.FLOAT32),
        (ARM.format(" bf16"), precision.BFLOAT16),
        (ARM.format(""), precision.FLOAT32),
        (None, precision.FLOAT32),
    ],
)
def test_bfloat16_where_a_processor_has_it(
    text: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_accelerated", lambda: False)
    if text is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/cpuinfo").write_text(text)
    assert precision.chosen("auto", tmp_path) == expected
    assert precision.chosen("float32", tmp_path) == "float32"
    assert precision.chosen("mixed_bfloat16", tmp_path) == "mixed_bfloat16"
    monkeypatch.setattr(precision, "_accelerated", lambda: True)
    assert precision.chosen("auto", tmp_path) == precision.BFLOAT16


def test_a_run_says_what_it_computed_in_and_goes_on_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = config.override(
        config.load("chroma_residual"),
        ["size=test", "steps=2", "epoch_steps=1", "copies=0", "val_photographs=1", "batch=2"],
    )
    assert base.precision == "auto"
    monkeypatch.setattr(precision, "_instructions", lambda root: set())
    out = tmp_path / "run"
    fit.fit(base, "sample", None, out, "")
    assert runs.read_record(out)["config"]["precision"] == "float32"
    # The same command, to go on with, on a machine that would have chosen another.
    monkeypatch.setattr(precision, "_accelerated", lambda: True)
    (out / "model.keras").unlink()
    fit.fit(base, "sample", None, out, "")
    assert json.loads((out / "run.json").read_text())["config"]["precision"] == "float32"
    with pytest.raises(Exception, match="holds a run with precision='float32'"):
        fit.fit(replace(base, precision="mixed_bfloat16"), "sample", None, out, "")
