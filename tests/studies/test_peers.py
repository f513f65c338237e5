"""Other people's methods are given what they are made for, at the right siting."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.measure import metrics, restoration
from edge_demo.tasks import chroma
from studies import ffmpeg_filters, peers
from studies.ffmpeg_filters import without_parameters

WANTS = ("scale", "zscale", "libplacebo")
needs_filters = pytest.mark.skipif(
    bool(ffmpeg_filters.lacking(WANTS)), reason=ffmpeg_filters.lacking(WANTS)
)
# Chroma one code up, and a parameter that says by how much; in two passes.
SHADER = """//!PARAM codes
//!TYPE float
//!MINIMUM 0.0
1.0

//!HOOK CHROMA
//!BIND HOOKED
//!DESC up
vec4 hook() { return HOOKED_tex(HOOKED_pos) + vec4(codes / 255.0); }

//!HOOK CHROMA
//!BIND HOOKED
//!DESC and down by half of it
vec4 hook() { return HOOKED_tex(HOOKED_pos) - vec4(0.5 * codes / 255.0); }
"""


def test_parameters_of_shaders_become_definitions() -> None:
    plain = without_parameters(SHADER)
    assert "PARAM" not in plain and "TYPE" not in plain and "MINIMUM" not in plain
    assert plain.count("#define codes 1.0\n") == 2
    for name in ("up", "and down by half of it"):
        assert f"//!DESC {name}\n#define codes 1.0\nvec4 hook()" in plain
    assert without_parameters(plain) == plain


@needs_filters
def test_a_shader_with_parameters_is_run(natural: NDArray[np.uint8]) -> None:
    planes = chroma.Planes(natural[..., 0], np.full((*_halves(natural), 2), 100, np.uint8))
    found = ffmpeg_filters.shaded(
        without_parameters(SHADER.replace("1.0\n", "8.0\n")), planes, "full"
    )
    assert (found[..., 0] == planes.y).all() and (found[..., 1:] == 104).all()


def _halves(picture: NDArray[np.uint8]) -> tuple[int, int]:
    return picture.shape[0] // 2, picture.shape[1] // 2


@needs_filters
def test_scalers_know_where_samples_lie(natural: NDArray[np.uint8]) -> None:
    """A siting or range that is wrong costs them more than a decibel."""
    planes, truth = chroma.degrade(natural, "center"), chroma.target(natural)
    given = peers.methods({})
    ours = metrics.psnr(restoration.of("chroma").baselines()["bicubic"](planes), truth)
    for name in (*peers.SCALERS, "libplacebo"):
        assert abs(metrics.psnr(given[name].rebuild(planes), truth) - ours) < 0.35, name


def test_every_method_is_measured_on_every_kind(natural: NDArray[np.uint8], tmp_path: Path) -> None:
    truth = chroma.target(natural)
    given = {name: peers.Method(method)
             for name, method in restoration.of("chroma").baselines().items()}  # fmt: skip
    plain = peers.rebuilt(natural, None, given, tmp_path)
    assert set(plain) == set(given)
    coarse, fine = (peers.rebuilt(natural, quality, given, tmp_path) for quality in (50, 95))
    assert set(fine) == {*given, peers.PILLOW, peers.OPENCV}
    for name in fine:
        assert metrics.psnr(fine[name], truth) > metrics.psnr(coarse[name], truth) + 1, name
    # libjpeg's own way is bilinear at the same siting, but for its rounding.
    apart = np.abs(fine[peers.PILLOW].astype(int) - fine[peers.FLOOR])
    assert apart.max() <= 1
    assert np.abs(fine[peers.OPENCV].astype(int) - fine[peers.FLOOR]).mean() < 1


def test_the_table(tmp_path: Path) -> None:
    kinds = [peers.PLANES, *map(str, peers.QUALITIES)]
    host = {"cpu": "a processor", "architecture": "x", "cores": 2, "os": "a system, kernel 1",
            "python": "3", "interpreter": "an interpreter 1"}  # fmt: skip
    rows = [
        {"name": "bilinear", "chroma_psnr": dict.fromkeys(kinds, 40.0), "frame_ms": 12.3},
        {"name": "a shader", "chroma_psnr": dict.fromkeys(kinds, 42.5), "frame_ms": 99.6},
        {"name": "Pillow", "chroma_psnr": dict.fromkeys(kinds[1:], 39.9), "frame_ms": None},
    ]
    found = {"rows": rows, "images": 3, "data": "folder:photos", "size": [64, 48], "threads": 2,
             "host": host}  # fmt: skip
    lines = peers.table(json.loads(json.dumps(found))).splitlines()
    assert lines[2:5] == [
        "| bilinear | 40.00 dB | 40.00 dB | 40.00 dB | 40.00 dB | 40.00 dB | 12 |",
        "| a shader | +2.50 | +2.50 | +2.50 | +2.50 | +2.50 | 100 |",
        "| Pillow |  | -0.10 | -0.10 | -0.10 | -0.10 |  |",
    ]
    assert "3 photographs (`photos`). A frame of 64x48" in lines[-1]


@needs_filters
def test_bad_shaders_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shader, other = tmp_path / "a.glsl", tmp_path / "b" / "a.glsl"
    data = ["--data", "folder:nowhere", "--out", str(tmp_path / "out.json")]
    assert peers.main([*data, "--shader", str(shader)]) == 2
    assert f"{shader}: no such file" in capfd.readouterr().err
    other.parent.mkdir()
    for path in (shader, other):
        path.write_text(SHADER)
    assert peers.main([*data, "--shader", str(shader), "--shader", str(other)]) == 2
    assert f"--shader {other}: another one is called a" in capfd.readouterr().err
