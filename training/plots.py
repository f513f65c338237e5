"""The training curve, and a video's figures over its frames, as pictures."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

import matplotlib

matplotlib.use("Agg")  # no screen needed

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Of methods, in order: baselines are pale.
_COLOURS = ("#b8b8b8", "#7f8a93", "#1f6f8b", "#d1603d")


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
    return _png(figure, axes.flat, title)


def frames(drawn: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> bytes:
    """Figures over the frames of a video, one below the other, as PNG.

    Args:
        drawn: what an axis is called to method to one value a frame, NaN where it has none.
        title: of the whole.
    """
    figure, axes = plt.subplots(
        len(drawn), 1, figsize=(9, 2.6 * len(drawn)), layout="constrained", squeeze=False,
        sharex=True,
    )  # fmt: skip
    for one, (name, methods) in zip(axes[:, 0], drawn.items(), strict=True):
        for (method, values), colour in zip(methods.items(), _COLOURS, strict=False):
            one.plot(values, label=method, color=colour, linewidth=0.9)
        one.set(ylabel=name)
    # Above the drawing: frames fill all of it.
    axes[0, 0].legend(frameon=False, ncols=len(_COLOURS), fontsize=8, loc="lower right",
                      bbox_to_anchor=(1.0, 1.0))  # fmt: skip
    axes[-1, 0].set(xlabel="frame")
    return _png(figure, axes.flat, title)


def _png(figure: Figure, axes: Iterable[Axes], title: str) -> bytes:
    for one in axes:
        one.grid(alpha=0.3)
        one.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return buffer.getvalue()
