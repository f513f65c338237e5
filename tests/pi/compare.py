"""Results of an Arm board beside those of x86: how far apart, how far they may be, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_demo.device.selftest import FLOAT_RECIPES, MOST_BEYOND, MOST_STEPS
from edge_demo.report import tables

# Of the output's own unit; sums of floats in another order.
FLOAT_TOLERANCE = 1e-4
# One step of 8 bits, and a hair, for a step that is no whole float.
ONE_STEP = 1.01
# RGB codes per code of an output, at most: of chroma Cb to blue. Of a and b in Lab it is up to 42,
# in dark saturated colours, and 1 or 2 elsewhere: no bound for each pixel, so the whole counts.
TO_RGB: Mapping[str, float | None] = {"chroma": 1.772, "enhance": 1.772, "colorize": None}
# Codes, root mean square, that a picture may differ by where all operations are right. A network
# that is 27 dB from the truth, as the best one that rounding is seen in, loses 0.15 dB by it.
MOST_RMS = 2.0
# Operations whose kernels are right and yet not the same: steps that they may differ by. The 8-bit
# SOFTMAX looks its exponentials up, on x86 in a table of floats, on 64-bit Arm in one of integers.
OWN_TABLES = {"SOFTMAX": 1}

# How x86 can compute, by the name in the interpreter's package.
KERNELS = {
    "AUTO": "as exported",
    "BUILTIN_WITHOUT_DEFAULT_DELEGATES": "optimised kernels, no delegate",
    "BUILTIN_REF": "reference kernels",
}
OLDER_KERNELS = (
    "tflite-runtime 2.14 computes 8-bit operations with kernels that round twice where "
    "ai-edge-litert rounds once, and quantises the activations of `dynamic` in another way; what "
    "differs by a step adds up from operation to operation. Where its result is more than one step "
    f"from x86's as exported, other bounds hold instead: at most {MOST_STEPS:g} steps; more than "
    f"one step in at most {MOST_BEYOND:.0%} of the values; and within one step of what x86 "
    "computes with kernels that round like it, which are named. It does not have all its kernels "
    "from one of x86's sets. So where that fails, or where SOFTMAX, which has another table on "
    "Arm, stands in a graph, each operation is asked by itself: given the same values it must "
    "write the integers of one of x86's sets, SOFTMAX within a step. What is left is rounding "
    f"that adds up, and the picture may differ by {MOST_RMS:g} codes, root mean square."
)

Outputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Compared:
    """A model's outputs beside x86's.

    Attributes:
        difference: the largest, from x86's as exported.
        allowed: for that.
        beyond: share of values more than one step apart; None for a file of floats.
        kernels: x86's that are nearest, a value of ``KERNELS``.
        nearest: largest difference from those.
        ok: whether it is within what is allowed, or all operations are right.
        wrong: of the operations by themselves, what is wrong; none where all are right, None where
            they were not asked.
    """

    difference: float
    allowed: float
    beyond: float | None
    kernels: str
    nearest: float
    ok: bool
    wrong: tuple[str, ...] | None = None


def largest(a: Outputs, b: Outputs) -> float:
    """The largest difference; infinite where one side has no number."""
    if set(a) != set(b) or any(a[name].shape != b[name].shape for name in a):
        return math.inf
    differences = [np.abs(a[name].astype(np.float64) - b[name]) for name in a]
    return max(float(np.nan_to_num(values, nan=np.inf).max()) for values in differences)


def compare(
    arm: Outputs,
    x86: Mapping[str, Outputs],
    recipe: str,
    step: Mapping[str, float],
    same_kernels: bool,
) -> Compared:
    """Judge a model.

    Args:
        arm: output name to values.
        x86: name of kernels to the same.
        recipe: of the file.
        step: of each output, what a step of 8 bits is worth.
        same_kernels: whether the interpreter rounds as the exporting one does: no excuse then.
    """
    found = {kernels: largest(arm, outputs) for kernels, outputs in x86.items()}
    kernels = min(found, key=lambda name: found[name])  # the first, so AUTO, of equals
    difference = found["AUTO"]
    floats = recipe in FLOAT_RECIPES
    strict = FLOAT_TOLERANCE if floats else ONE_STEP * max(step.values())
    beyond = None
    if not floats and math.isfinite(difference):
        shares = [(np.abs(arm[n] - x86["AUTO"][n]) > ONE_STEP * step[n]).mean() for n in arm]
        beyond = float(max(shares))
    allowed, ok = strict, difference <= strict
    if not ok and not floats and not same_kernels:
        allowed = MOST_STEPS * strict
        few = beyond is not None and beyond <= MOST_BEYOND
        ok = difference <= allowed and few and found[kernels] <= strict
    return Compared(difference, allowed, beyond, KERNELS[kernels], found[kernels], ok)


def by_operation(compared: Compared, wrong: Sequence[str]) -> Compared:
    """The judgement of a model that is too far off, once its operations were asked."""
    return replace(compared, ok=not wrong, wrong=tuple(wrong))


def wrong_operations(
    arm: Sequence[NDArray[Any]], x86: Sequence[Sequence[NDArray[Any]]], kinds: Sequence[str]
) -> list[str]:
    """Operations that write what none of x86's kernels does, given the same values.

    Integers must be the same, but for ``OWN_TABLES``; floats but for their last digits.

    Args:
        arm: what each writes.
        x86: the same by each set of kernels.
        kinds: TFLite's names of the operations.

    Returns:
        Place, kind and distance from the nearest kernel of each.
    """
    found = []
    for place, (kind, values) in enumerate(zip(kinds, arm, strict=True)):
        steps = min(largest({"": values}, {"": some[place]}) for some in x86)
        allowed, unit = float(OWN_TABLES.get(kind, 0)), "steps "
        if np.issubdtype(values.dtype, np.floating):
            allowed, unit = FLOAT_TOLERANCE * max(1.0, float(np.abs(values).max())), ""
        if not steps <= allowed:
            found.append(f"operation {place} ({kind}) is {steps:g} {unit}off")
    return found


def compare_pictures(a: NDArray[Any] | None, b: NDArray[Any] | None) -> tuple[float, float]:
    """Largest difference in code values, and root mean square.

    Infinite where a picture is missing or of another size.
    """
    if a is None or b is None or a.shape != b.shape:
        return math.inf, math.inf
    apart = a.astype(np.float64) - b
    return float(np.abs(apart).max()), float(np.sqrt(np.mean(np.square(apart))))


def allowed_in_picture(allowed: float, scale: float, to_rgb: float) -> float:
    """Code values that a picture may differ by, when the graph's output may by ``allowed``.

    Either side rounds its chroma, then its RGB.
    """
    return math.floor(math.ceil(allowed * scale) * to_rgb) + 1


# Rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One model on one board in one interpreter; ``problems`` is empty where all is well."""

    cpu: str
    interpreter: str
    model: str
    compared: Compared | None
    picture: float
    picture_rms: float
    picture_allowed: float | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.problems

    @property
    def verdict(self) -> str:
        """For the table's last column."""
        if self.problems:
            return "FAIL: " + "; ".join(self.problems)
        assert self.compared
        if self.compared.wrong is not None:
            return f"ok (each operation; the picture within {self.picture_rms:.1f} codes)"
        same = self.compared.kernels == KERNELS["AUTO"]
        return "ok" if same else f"ok ({self.compared.kernels})"

    def values(self) -> dict[str, Any]:
        """For JSON, which knows no infinity."""
        compared = asdict(self.compared) if self.compared else {}
        values = {
            "cpu": self.cpu, "interpreter": self.interpreter, "model": self.model, **compared,
            "picture": self.picture, "picture_rms": self.picture_rms,
            "picture_allowed": self.picture_allowed,
            "ok": self.ok, "verdict": self.verdict,
        }  # fmt: skip
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }


def judge(
    cpu: str,
    interpreter: str,
    model: str,
    compared: Compared | None,
    picture: tuple[float, float],
    scale: float,
    to_rgb: float | None,
    failures: Mapping[str, str],
    same_kernels: bool,
) -> Row:
    """A row of what was found.

    Args:
        compared: None where the graph did not run.
        picture: largest difference of the restored picture from x86's, and root mean square.
        scale: code values per unit of the output.
        to_rgb: of its task, as in ``TO_RGB``.
        failures: command to why it failed for this model.
        same_kernels: as for ``compare``.
    """
    problems = [f"{command}: {why}" for command, why in failures.items()]
    allowed = None
    if to_rgb is not None:
        allowed = allowed_in_picture(compared.allowed, scale, to_rgb) if compared else 0.0
    if compared and not compared.ok:
        problems.extend(compared.wrong or ["output too far from x86's"])
    most, rms = picture
    # A step of a network's output may be several codes of a picture, brightened by it.
    rounding = compared is not None and not (same_kernels and compared.wrong is None)
    as_a_whole = allowed is None or rounding
    near = (allowed is not None and most <= allowed) or (as_a_whole and rms <= MOST_RMS)
    if "run" not in failures and compared and not near:
        problems.append("picture too far from x86's")
    if not compared and not problems:
        problems.append("nothing to compare")
    return Row(cpu, interpreter, model, compared, most, rms, allowed, tuple(problems))


HEADER = ("cpu", "interpreter", "model", "largest difference", "allowed", "beyond one step",
          "picture", "allowed", "verdict")  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Aligned columns."""
    lines = []
    for row in rows:
        c = row.compared
        lines.append((
            row.cpu, row.interpreter, row.model,
            f"{c.difference:.2g}" if c else "-",
            f"{c.allowed:.2g}" if c else "-",
            "-" if c is None or c.beyond is None else f"{c.beyond:.2%}",
            f"{row.picture:g}" if math.isfinite(row.picture) else "-",
            "-" if row.picture_allowed is None else f"{row.picture_allowed:g}",
            row.verdict,
        ))  # fmt: skip
    return tables.aligned(HEADER, lines, words=HEADER)
