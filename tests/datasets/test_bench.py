"""The pipeline's benchmark: what it counts, and the generator that it is compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets import bench, sources
from datasets.__main__ import main


@pytest.fixture(scope="module")
def stages(small_photographs: Path) -> list[bench.Stage]:
    source = sources.open_source(f"folder:{small_photographs}")
    return bench.bench(source, patch=32, batch=4, cell=48, seconds=0.01, rounds=1)


def test_every_stage_is_measured(stages: list[bench.Stage]) -> None:
    assert [stage.name for stage in stages][-1] == bench.GENERATOR
    assert {stage.unit for stage in stages} == {"photographs", "crops"}
    assert all(stage.per_second > 0 for stage in stages)


def test_the_table_compares_crops_with_the_generator() -> None:
    found = [
        bench.Stage("decode", "photographs", 10.0),
        bench.Stage("crop", "crops", 600.0),
        bench.Stage(bench.GENERATOR, "crops", 50.0),
    ]
    _, decode, crop, generator = bench.text(found).splitlines()
    assert decode.endswith("photographs" + " " * 19)
    assert crop.split()[-1] == "12.0x" and generator.split()[-1] == "1.0x"


def test_rates_are_counts_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 1.0, 2.0])
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    assert bench.rate(iter([5, 7, 9]), 2.0) == 6.0
    clock = iter([0.0, 0.0, 1.0, 2.0])
    assert bench.rate(iter([99, 99, 5, 7, 9]), 2.0, ready=2) == 6.0  # they took no time here


def test_the_generator_gives_grey_and_colour_of_fresh_crops(small_photographs: Path) -> None:
    paths = sources.open_source(f"folder:{small_photographs}").paths
    batches = bench.generator(paths[:1], 32, 3)
    first, second = next(batches), next(batches)
    for grey, colour in (*first, *second):
        assert grey.shape == (32, 32, 1) and colour.shape == (32, 32, 2)
        assert 0 <= grey.min() <= grey.max() <= 1 and np.abs(colour).max() <= 1
    assert not np.array_equal(first[0][0], second[0][0])


@pytest.mark.parametrize(
    "options", [["--batch", "0"], ["--patch", "8"], ["--patch", "97"], ["--patch", "256"]]
)
def test_what_cannot_be_measured_is_one_line(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--data", "sample", *options]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
