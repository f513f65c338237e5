"""The table of several cameras, beside what others published."""

from __future__ import annotations

from edge_demo.measure import results
from edge_demo.tasks.enhance import TASK
from studies import low_light


def measured(data: str, psnr: float) -> dict:
    values = {"rgb_psnr": [psnr, psnr + 2.0], "rgb_ssim": [0.8, 0.9], "cast_a": [1.0, 2.0],
              "cast_b": [3.0, 5.0]}  # fmt: skip
    worse = {**values, "rgb_psnr": [psnr - 5.0, psnr - 3.0]}
    return results.document(
        TASK,
        2,
        data,
        [
            results.row("gamma", "baseline", worse),
            results.row("classical_whole", "baseline", worse),
            results.row("e.r1", "model", values, recipe="int8", bytes=2048),
        ],
    )


def test_cameras_stand_side_by_side_and_others_in_order() -> None:
    table = low_light.table(
        {
            "sets": [measured("pairs:lol_eval15", 21.0), measured("pairs:other:test", 25.0)],
            "costs": {"e.r1.int8": {"parameters": 565_900, "gmacs": 3.92}},
        }
    )
    lines = table.splitlines()
    assert "| `e.r1.int8` | 22.00 | 0.850 | 1.5, 4.0 | 26.00 | 0.850 | 1.5, 4.0 | 24.00 |" in lines
    assert "Means over 2 pairs of `lol_eval15`, 2 pairs of `other:test`;" in table
    assert not [line for line in lines if line.startswith("| gamma")]
    order = [line.split("|")[1].strip() for line in lines[lines.index("") :] if "published" in line]
    assert order[0].startswith("SCI") and order[-1].startswith("Retinexformer")
    ours = next(line for line in lines if "`e.r1.int8` | 22.00 | 566 k | 3.9 | measured" in line)
    between = [lines.index(next(one for one in lines if name in one)) for name in ("RUAS", "IAT")]
    assert between[0] < lines.index(ours) < between[1]


def test_costs_are_told_briefly() -> None:
    assert [low_light._gmacs(value) for value in (None, 0.05, 3.92, 1437.4)] == [
        "", "0.050", "3.9", "1437"
    ]  # fmt: skip
    assert [low_light._parameters(n) for n in (0, 258, 10_561, 31_800_000)] == [
        "none", "0.3 k", "11 k", "31.8 M"
    ]  # fmt: skip
