"""What a model is for, as somebody wants to know who looks for one: the one place that says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Purpose:
    """What a model is for.

    Attributes:
        word: in one word, or two.
        line: in a line.
    """

    word: str
    line: str


# By architecture; a preset of another shows its own name.
PURPOSES = {
    "chroma_bitrate": Purpose("best", "JPEGs: it goes by how strongly each was compressed"),
    "chroma_gan": Purpose("sharp", "sharper colour edges, at the price of some fidelity"),
    "chroma_merged": Purpose("detailed", "more detail, as much of it as you like"),
    "chroma_residual": Purpose("fast", "4:2:0 that is little compressed; small and fast"),
    "colorize_eccv16": Purpose("vivid", "strong colours; fewer where it is unsure, if you like"),
    "colorize_fusion": Purpose("careful", "keeps to colours that are safe"),
    "colorize_siggraph17": Purpose("guided", "colours by itself, or by your hints or a reference"),
    "colorize_unet": Purpose("best", "colours by itself, or by your hints or a reference"),
    "enhance_mirnet": Purpose("best", "pictures in the dark"),
    "enhance_zerodce": Purpose(
        "fast", "cameras and video in the dark: fast, keeps the tint of the night"
    ),
}


def of(preset: str, task: str) -> Purpose:
    """What a preset is for.

    Args:
        preset: its name, ``TASK_ARCHITECTURE-SIZE.rN``.
        task: of it.
    """
    known = PURPOSES.get(preset.partition("-")[0])
    return known or Purpose(preset.removeprefix(f"{task}_"), f"a model of {task}")
