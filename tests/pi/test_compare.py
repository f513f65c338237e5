"""Verdicts of the Arm check: what passes, what only an older kernel excuses, and what fails."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edge_demo.colour.lab import lab_to_rgb
from edge_demo.device.selftest import MOST_STEPS
from edge_demo.tasks import chroma, colorize, enhance
from tests.pi import compare

STEP = 1 / 127


def outputs(*differences: float) -> dict[str, np.ndarray]:
    """A thousand zeros; the first of them so many steps instead."""
    values = np.zeros(1000, np.float32)
    values[: len(differences)] = np.array(differences) * STEP
    return {"correction": values.reshape(10, 10, 10)}


def compared(
    arm: dict[str, np.ndarray],
    recipe: str = "int8",
    same: bool = False,
    reference: dict[str, np.ndarray] | None = None,
) -> compare.Compared:
    zeros = outputs()
    x86 = {"AUTO": zeros, "BUILTIN_WITHOUT_DEFAULT_DELEGATES": zeros,
           "BUILTIN_REF": zeros if reference is None else reference}  # fmt: skip
    return compare.compare(arm, x86, recipe, {"correction": STEP}, same)


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("recipe", ["int8", "dynamic", "mixed", "a new one"])
def test_one_step_is_right(recipe: str, same: bool) -> None:
    found = compared(outputs(*[1.0] * 900), recipe, same)
    assert found.ok and found.beyond == 0
    assert found.allowed == pytest.approx(STEP, rel=0.02)
    assert found.kernels == "as exported"


def test_floats_have_no_steps() -> None:
    for recipe in ("float32", "float16"):
        assert compared(outputs(0.01), recipe).ok
        found = compared(outputs(0.02), recipe)
        assert not found.ok and found.beyond is None and found.allowed == 1e-4


def test_older_kernels_may_be_further_off() -> None:
    arm = outputs(MOST_STEPS - 1, *[2.0] * 15)
    assert not compared(arm, same=True, reference=arm).ok
    found = compared(arm, reference=arm)
    assert found.ok and found.beyond == 0.016
    assert found.allowed == pytest.approx(MOST_STEPS * STEP, rel=0.02)
    assert (found.kernels, found.nearest) == ("reference kernels", 0)


def test_but_not_in_many_values_nor_by_much_nor_unlike_any_kernel() -> None:
    for arm in (outputs(*[2.0] * 21), outputs(MOST_STEPS + 1)):
        assert not compared(arm, reference=arm).ok
    few = outputs(2.0)
    assert compared(few, reference=outputs(1.0)).ok
    assert not compared(few).ok
    assert not compared(few, "float32", reference=few).ok


@pytest.mark.parametrize(
    "arm",
    [
        outputs(math.nan),
        {"correction": np.zeros((10, 10, 9), np.float32)},
        {"other": outputs()["correction"]},
    ],
)
def test_no_number_is_not_near(arm: dict[str, np.ndarray]) -> None:
    for recipe in ("int8", "float32"):
        found = compared(arm, recipe)
        assert found.difference == math.inf and not found.ok


def test_pictures() -> None:
    black, other = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    other[1, 2, 0] = 255  # would be 1 where bytes wrap around
    assert compare.compare_pictures(black, other) == (255, pytest.approx(255 / 48**0.5))
    assert compare.compare_pictures(black, black) == (0, 0)
    assert compare.compare_pictures(black, other[:3]) == (math.inf, math.inf)
    assert compare.compare_pictures(None, other) == (math.inf, math.inf)


def test_what_a_picture_may_differ_by() -> None:
    """Less than a code of chroma can still be a code after rounding, and 1.772 of blue."""
    assert compare.allowed_in_picture(0.0001, 48, 1.772) == 2
    assert compare.allowed_in_picture(1.01 / 127, 48, 1.772) == 2
    assert compare.allowed_in_picture(4.04 / 127, 48, 1.772) == 4


def test_every_task_says_what_its_steps_are_worth() -> None:
    """A step of chroma by a calculation; of a and b the most that it makes of a code of RGB."""
    assert set(compare.TO_RGB) == {task.name for task in (chroma.TASK, enhance.TASK, colorize.TASK)}
    grid = [[20.0, a, b] for a in range(-60, 61, 4) for b in range(-60, 61, 4)]
    half = np.array([0.0, 0.43, 0.43])
    above, below = (lab_to_rgb(np.array([grid]) + way * half).astype(int) for way in (1, -1))
    inside = ((np.minimum(above, below) > 0) & (np.maximum(above, below) < 255)).all(-1)
    assert np.abs(above - below)[inside].max() > 2 and compare.TO_RGB["colorize"] is None


def row(
    arm: dict[str, np.ndarray] | None = None,
    picture: float = 0,
    rms: float = math.inf,
    same: bool = False,
    wrong: list[str] | None = None,
    to_rgb: float | None = 1.772,
    **failures: str,
) -> compare.Row:
    found = None if arm is None else compared(arm, same=same, reference=outputs(2.0))
    if found and wrong is not None:
        found = compare.by_operation(found, wrong)
    pictures = picture, rms
    return compare.judge(
        "a cpu", "an interpreter", "m.int8", found, pictures, 48.0, to_rgb, failures, same
    )


def test_verdicts() -> None:
    assert row(outputs()).verdict == "ok" and row(outputs()).ok
    assert row(outputs(2.0)).verdict == "ok (reference kernels)"
    assert row(outputs(MOST_STEPS + 2)).verdict == "FAIL: output too far from x86's"
    assert row(outputs(), picture=3).verdict == "FAIL: picture too far from x86's"
    assert row(outputs(), picture=math.inf).verdict == "FAIL: picture too far from x86's"
    assert row(outputs(), math.inf, run="crashed").verdict == "FAIL: run: crashed"
    both = row(outputs(), selftest="differs", benchmark="failed: x")
    assert both.verdict == "FAIL: selftest: differs; benchmark: failed: x"
    assert row(None, outputs="died").verdict == "FAIL: outputs: died"
    assert not row(None).ok


@pytest.mark.parametrize("same", [True, False])
def test_right_operations_excuse_steps_and_the_picture_counts(same: bool) -> None:
    far = outputs(MOST_STEPS + 2)
    most = compare.MOST_RMS
    found = row(far, 9, rms=most, same=same, wrong=[])
    assert found.ok and found.verdict == "ok (each operation; the picture within 2.0 codes)"
    assert row(far, 40, rms=1.01 * most, same=same, wrong=[]).verdict == (
        "FAIL: picture too far from x86's"
    )
    assert row(far, rms=0, same=same, wrong=["operation 3 (MUL) is 2 steps off"]).verdict == (
        "FAIL: operation 3 (MUL) is 2 steps off"
    )
    # Steps of an output may be more codes of a picture, but not where kernels are the same.
    assert row(outputs(), 9, rms=most, same=same).ok is not same
    # Unless a step has no one worth: then the whole picture counts, whatever the kernels.
    assert row(outputs(), 9, rms=most, same=same, to_rgb=None).ok
    assert not row(outputs(), 9, rms=1.01 * most, same=same, to_rgb=None).ok


def test_operations_by_themselves() -> None:
    def written(*values: int) -> list[np.ndarray]:
        return [np.array([value], np.int8) for value in values]

    kinds = ["CONV_2D", "SOFTMAX"]
    x86 = [written(5, 5), written(-7, 7)]
    for right in (written(5, 7), written(-7, 5), written(5, 4), written(5, 8)):
        assert compare.wrong_operations(right, x86, kinds) == []
    assert compare.wrong_operations(written(6, 9), x86, kinds) == [
        "operation 0 (CONV_2D) is 1 steps off", "operation 1 (SOFTMAX) is 2 steps off",
    ]  # fmt: skip
    assert compare.wrong_operations(written(-7, 5), x86[:1], kinds) == [
        "operation 0 (CONV_2D) is 12 steps off"
    ]


def test_operations_in_floats_may_differ_in_their_last_digits() -> None:
    """By a share of their largest value; what is more is no rounding."""
    truth = np.array([0.0, 300.0], np.float32)
    kinds, x86 = ["MEAN"], [[truth], [truth + np.float32(7)]]
    assert compare.wrong_operations([truth * np.float32(1.00009)], x86, kinds) == []
    (wrong,) = compare.wrong_operations([truth * np.float32(1.001)], x86, kinds)
    assert wrong.startswith("operation 0 (MEAN) is 0.3") and "steps" not in wrong


def test_the_table_and_json() -> None:
    rows = [row(outputs(2.0), picture=2), row(None, math.inf, outputs="died")]
    header, first, last = compare.table(rows).splitlines()
    assert header.split()[0] == "cpu" and header.endswith("verdict")
    assert first.endswith("ok (reference kernels)")
    allowed = compare.allowed_in_picture(1.01 * MOST_STEPS * STEP, 48.0, 1.772)
    assert first.split()[-6:-3] == ["0.10%", "2", f"{allowed:g}"]
    assert last.endswith("FAIL: outputs: died")
    assert len({line.index(word) for line, word in
                ((header, "verdict"), (first, "ok ("), (last, "FAIL"))}) == 1  # fmt: skip
    values = [json.loads(json.dumps(line.values(), allow_nan=False)) for line in rows]
    assert values[0]["ok"] and values[0]["kernels"] == "reference kernels"
    assert values[1]["picture"] is None and not values[1]["ok"]
