"""The tables of the pages, from results of each kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_demo.errors import UserError
from edge_demo.measure import results
from edge_demo.tasks.chroma import TASK
from edge_demo.tasks.enhance import TASK as ENHANCE
from studies import pages, reports


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """A repository of one page, and results of each kind."""
    values = {"chroma_psnr": [40.0, 42.0], "rgb_psnr": [38.0], "chroma_ssim": [0.95],
              "rgb_ssim": [0.96]}  # fmt: skip
    better = {**values, "chroma_psnr": [43.0, 45.5]}
    quality = [
        results.row("bilinear", "baseline", values),
        results.row("p.r1", "model", better, recipe="int8", bytes=2048),
    ]
    dark = [
        results.row("classical", "baseline", {"rgb_psnr": [14.0], "delta_e_2000": [12.0]}),
        results.row("e.r1", "model", {"rgb_psnr": [20.0, 22.0], "delta_e_2000": [8.0]},
                    recipe="int8", bytes=2048),
    ]  # fmt: skip
    host = {"cpu": "a processor", "architecture": "x", "cores": 2, "os": "a system, kernel 1",
            "python": "3", "interpreter": "an interpreter 1"}  # fmt: skip
    times = {"p50": 10.4, "p90": 11.6, "p99": 20.0, "runs": 20, "threads": 2}
    timed = results.row("p.r1", "model", recipe="int8", bytes=2048, latency_ms=times,
                        peak_rss_bytes=50 * 2**20)  # fmt: skip
    compared = [
        results.row("p.r1", "model", better, recipe="float32", bytes=8192,
                    latency_ms=times | {"p50": 31.2}, peak_rss_bytes=60 * 2**20, load_ms=5.2),
        results.row("p.r1", "model", values, recipe="int8", bytes=2048, latency_ms=times,
                    peak_rss_bytes=50 * 2**20, load_ms=4.6,
                    drop={"mean": 0.131, "max": 0.59, "share_over": 0.5}),
    ]  # fmt: skip
    trembling = {**values, "flicker": [0.5], "change_ratio": [1.01]}
    filmed = [
        results.row("bilinear", "baseline", trembling),
        results.row("p.r1+temporal", "model", {**trembling, "chroma_psnr": [43.0, 45.5]},
                    recipe="int8", bytes=2048),
    ]  # fmt: skip
    files = {
        "models/p.r1.left.json": results.document(TASK, 2, "folder:a/b", quality, siting="left"),
        "results/benchmark.json": results.document(
            TASK, 0, "synthetic", [timed], host=host, timed={"width": 64, "height": 48}
        ),
        "results/quantisation.json": {
            "preset": "p.r1", "images": 2, "data": "a/b",
            "calibration": {"tiles": 8, "photographs": 4},
            "rows": [{"kind": "float32", "chroma_psnr": 45.0},
                     {"kind": "int8, a way", "chroma_psnr": 44.85}],
        },
        "results/compare.json": results.document(
            TASK, 2, "folder:a/b", compared, host=host, limit_db=0.3, threads=1,
            timed={"width": 64, "height": 48},
        ),
        "models/e.r1.json": results.document(ENHANCE, 2, "pairs:a/b", dark),
        "results/compare.enhance.json": results.document(
            ENHANCE, 2, "pairs:a/b", [{**line, "name": "e.r1", "metrics": dark[1]["metrics"]}
                                      for line in compared],
            host=host, limit_db=0.3, threads=1, timed={"width": 64, "height": 48},
        ),
        "results/sensitivity.json": {
            "float_db": 45.0, "integer_db": 44.85, "tiles": 8,
            "operations": [{"name": "tail", "kind": "CONV_2D", "tensor": "t", "snr_db": 19.94,
                            "mse": 1e-5, "gain_db": 0.0313, "macs": 300},
                           {"name": "add", "kind": "ADD", "tensor": "a", "snr_db": 18.0,
                            "mse": 1e-5, "gain_db": -0.0001, "macs": 100}],
        },
        "results/pi.json": {
            "emulator": "an emulator", "boards": [{"cpu": "a72", "board": "Pi 4"},
                                                  {"cpu": "a76", "board": "Pi 5"}],
            "rows": [{"cpu": cpu, "interpreter": "i", "model": "p.r1.int8", "allowed": 0.032,
                      "difference": difference, "ok": cpu == "a72"}
                     for cpu, difference in (("a72", 0.0), ("a76", 0.0241))]
            + [{"cpu": cpu, "interpreter": "j", "model": "p.r1.int8", "allowed": 0.032,
                "difference": 0.05, "picture_rms": rms, "wrong": [], "ok": True}
               for cpu, rms in (("a72", 1.234), ("a76", 0.5))],
        },
        "results/video.walkers.json": results.document(
            TASK, 2, "video:a.mp4", filmed, siting="center", temporal=0.8
        ),
        "results/video.coding.json": {
            "what": "coding", "model": "m", "data": "folder:a/b", "images": 2,
            "rows": [{"name": "a coding", "bilinear": 40.0, "model": 44.26}],
        },
        "results/video.filters.json": {
            "what": "filters", "model": "m",
            "clips": [{"name": name, "frames": 9,
                       "rows": [{"name": "a filter", "chroma_psnr": 44.26, "flicker": 0.5011,
                                 "change_ratio": 1.0}]} for name in ("a clip", "b.mp4")],
        },
        "results/video.speed.json": {
            "what": "speed", "size": [64, 48], "frames": 9, "threads": 2,
            "rounds": 3, "host": host, "graph_ms": {"m": {"all": 200.0, "cpu": 380.4}},
            "rows": [{"model": "m", "name": "a codec", "fps": 2.5,
                      "ms": {"read": 4.0, "network": 300.0, "filter": 40.0, "rest": 26.0,
                             "write": 30.0, "all": 400.0, "cpu": 600.4}}],
        },
        "results/in_floats.json": {
            "preset": "p.r1", "sets": [{"data": "pairs:a", "images": 3}],
            "rows": [{"name": "nothing", "kib": 700, "float_macs": 0.0,
                      "sets": [{"psnr": 0.453, "ssim": 0.01204, "from_floats": 38.91}]}],
        },
        "results/tiles.json": {"rows": [{"tile": 64, "picture_ms": 7.4}], "size": [64, 48],
                               "model": "p.r1.int8", "threads": 2, "host": host},
        "results/cleaning.recall.json": {
            "data": "a",
            "draws": [{"found": {"blurry": {"one": [9, 10], "other": [hits, 10]}},
                       "good": {"flagged": 3, "pictures": 200, "kinds": {"skewed": 3}}}
                      for hits in (10, 8)],
            "others": [{"folder": "b", "flagged": 1, "pictures": 10, "kinds": {"small": 1}}],
        },
        "results/cleaning.time.json": {
            "data": "a", "workers": 2, "host": host,
            "rows": [{"pictures": 1000, "seconds": 40.0, "processor_seconds": 20.0}],
        },
        "results/curves.workers.json": {
            "model": "m", "data": "a", "settings": ["steps=2"],
            "histories": {"one": [{"epoch": 1.0, "loss": 2.0, "val_loss": 4.0}],
                          "two": [{"epoch": 1.0, "loss": 2.02, "val_loss": 4.0}]},
        },
        "results/pipeline.stages.json": {
            "data": "a", "patch": 96, "batch": 16, "rounds": 5, "host": host,
            "rows": [{"name": "decode", "unit": "photographs", "per_second": [20.0, 30.0]},
                     {"name": "crop, encode", "unit": "crops", "per_second": [600.0, 500.0]},
                     {"name": "generator", "unit": "crops", "per_second": [60.0, 100.0]}],
        },
        "results/pipeline.waiting.json": {
            "data": "a", "rounds": 5, "steps": 60, "host": host,
            "rows": [{"network": "m-s", "crops": "16 x 96", "ms": 40.2,
                      "shares": [-0.01, 0.06, 0.02]}],
        },
        "results/precision.json": {
            "data": "a", "rounds": 5, "steps": 60, "host": host,
            "rows": [{"model": "m", "size": "s", "patch": 96, "batch": 16, "ways": [
                {"precision": "float32", "jit_compile": "off", "ms": 80.4, "seconds": 2.0},
                {"precision": "mixed_bfloat16", "jit_compile": "on", "ms": 20.4, "seconds": 9.0},
            ]}],
        },
    }  # fmt: skip
    for name, document in files.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    (tmp_path / "edge_demo").mkdir()
    (tmp_path / "edge_demo" / "README.md").write_text("nothing to fill\n")
    (tmp_path / "README.md").write_text("before\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("p.r1 left", ["| bilinear | 41.00 | +0.00 | 38.00 | 0.9500 | 0.9600 |",
                       "| `p.r1.int8` | 44.25 | +3.25 | 38.00 | 0.9500 | 0.9600 |",
                       "Means over 2 photographs (`a/b`), left siting."]),
        ("e.r1", ["| method | RGB PSNR, dB | over classical, dB | ΔE 2000 |",
                  "| classical | 14.00 | +0.00 | 12.00 |",
                  "| `e.r1.int8` | 21.00 | +7.00 | 8.00 |",
                  "Means over 2 photographs (`a/b`)."]),
        ("compare enhance", ["| `float32` | 8 | 21.00 |  |  |  | 31.2 | 1.0x | 60 | 5 |"]),
        ("benchmark", ["| `p.r1.int8` | 2 | 10.4 | 11.6 | 20.0 | 50 | 2 |",
                       "A picture of 64x48 on a processor, 2 cores, a system, Python 3, "
                       "an interpreter 1."]),
        ("quantisation", ["| float32 | 45.00 | +0.000 |", "| int8, a way | 44.85 | -0.150 |",
                          "`p.r1`: means over 2 photographs (a/b), calibrated on 8 tiles of 4 "
                          "others."]),
        ("compare", ["| `float32` | 8 | 44.25 |  |  |  | 31.2 | 1.0x | 60 | 5 |",
                     "| `int8` | 2 | 41.00 | 0.13 | 0.59 | 50% | 10.4 | 3.0x | 50 | 5 |"]),
        ("sensitivity", ["| `tail` | CONV_2D | +0.031 | 19.9 | 75.0% |",
                         "| `add` | ADD | +0.000 | 18.0 | 25.0% |",
                         "8 bits lose 0.15 dB on these 8 calibration tiles."]),
        ("pi", ["| file | interpreter | Pi 4 | Pi 5 | allowed | picture, codes | verdict |",
                "| `p.r1.int8` | i | 0 | 0.024 | 0.032 |  | not ok |",
                "| `p.r1.int8` | j | 0.05 | 0.05 |  | 1.2 | ok, each operation |"]),
        ("tiles", ["| 64 | 7 |"]),
        ("video walkers", ["| bilinear | 41.00 | 40.00 | 42.00 | +0.00 | 38.00 | 0.9500 | 0.9600 "
                           "| 0.500 | 1.010 |",
                           "| `p.r1+temporal.int8` | 44.25 | 43.00 | 45.50 | +3.25 | 38.00 "
                           "| 0.9500 | 0.9600 | 0.500 | 1.010 |",
                           "2 frames of `a.mp4`, halved; center siting, filter 0.8."]),
        ("video coding", ["| a coding | 40.00 | 44.26 | +4.26 |"]),
        ("video filters", ["| a filter | 44.26 | 0.501 | 1.000 | 44.26 | 0.501 | 1.000 |",
                           "`m`; frames: 9 of a clip, 9 of b.mp4."]),
        ("video speed", ["| `m` | a codec | 2.50 | 400 | 1% | 75% | 10% | 6% | 8% | 600 |",
                         "| `m` | nothing: the graph alone | 5.00 | 200 |  | 100% |"
                         "  |  |  | 380 |"]),
        ("in_floats", ["| nothing | 0.0% | 700 | 0.45 | 0.0120 | 38.9 |",
                       "`p.r1`, 8 bits; means over 3 of `pairs:a`."]),
        ("cleaning recall", ["| `blurry` | one, other | 36 of 40 | 90.0% | 85% |",
                             "| `b` | small 100% | 1 of 10 | 10.0% | 10.0% |",
                             "Draws of 20 faults among the photographs of `a`: 2."]),
        ("cleaning time", ["| 1,000 | 40.0 | 40.0 | 20.0 |"]),
        ("curves workers", ["| 1 | 2.0000 | 2.0200 | 1.0100 | 4.0000 | 4.0000 | 1.0000 |",
                            "`m` on `a`, `steps=2`: at most 1.00% apart."]),
        ("pipeline stages", ["| decode | photographs | 25 |  |",
                             "| crop, encode | crops | 550 | 5.0x to 10.0x |"]),
        ("pipeline waiting", ["| `m-s` | 16 x 96 | 40 | +2.0% | -1.0% to +6.0% |"]),
        ("precision", ["| network | crops of a step | float32, ms | mixed_bfloat16, XLA, ms |",
                       "| `m-s` | 16 x 96 | 80 | 20 |"]),
        ("recipes", ["| `float32` | 32-bit floats, as trained | nothing |"]),
    ],
)  # fmt: skip
def test_a_table(measured: Path, name: str, lines: list[str]) -> None:
    written = pages.content(name, measured).splitlines()
    assert [line for line in lines if line not in written] == []
    # Every row has as many cells as the header.
    assert len({line.count("|") for line in written if line.startswith("|")}) == 1


def test_filling(
    measured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "ROOT", measured)
    page = measured / "README.md"
    page.write_text("before\n<!-- table: tiles -->\nold\n<!-- end -->\nafter\n")
    assert pages.main([]) == 0
    assert capsys.readouterr().out == "wrote README.md\n"
    text = page.read_text()
    assert text.startswith("before\n<!-- table: tiles -->\n\n| tile,")
    assert text.endswith(".\n\n<!-- end -->\nafter\n") and "old" not in text
    assert pages.main([]) == 0
    assert capsys.readouterr().out == ""

    page.write_text("<!-- table: nobody.r1 left -->\n<!-- end -->\n")
    assert pages.main([]) == 2
    assert "docs/models/nobody.r1.left.json is not there" in capsys.readouterr().err
    with pytest.raises(UserError, match="not there"):
        pages.content("nobody.r1 left", measured)


def test_a_long_table_of_operations_is_cut() -> None:
    line = {"name": "a", "kind": "ADD", "snr_db": 1.0, "gain_db": 0.0, "macs": 1}
    found = {"float_db": 2.0, "integer_db": 1.0, "tiles": 1, "operations": [line] * 40}
    text = reports.sensitivity(found)
    assert len(text.splitlines()) == 2 + reports.OPERATIONS + 2
    assert "The other 16 operations gain less." in text
