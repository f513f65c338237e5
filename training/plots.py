"""The training curve as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib

matplotlib.use("Agg")  # no screen needed

import matplotlib.pyplot as plt


def curve(rows: Sequence[dict[str, float]], title: str) -> bytes:
    """Loss over steps, and validation PSNR where there is one, as PNG.

    Args:
        rows: of ``history.csv``.
        title: the run's name.
    """
    steps = [row["step"] for row in rows]
    measured = "val_psnr" in rows[0]
    figure, axes = plt.subplots(
        1, 1 + measured, figsize=(9, 3.2), layout="constrained", squeeze=False
    )
    left = axes[0, 0]
    left.plot(steps, [row["loss"] for row in rows], label="training", color="#1f6f8b")
    left.plot(steps, [row["val_loss"] for row in rows], label="validation", color="#d1603d")
    left.set(xlabel="step", ylabel="loss")
    left.legend(frameon=False)
    if measured:
        right = axes[0, 1]
        right.plot(steps, [row["val_psnr"] for row in rows], color="#d1603d")
        right.set(xlabel="step", ylabel="validation PSNR, dB")
    for one in axes.flat:
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return buffer.getvalue()
