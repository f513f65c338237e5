"""Chroma residual CNN, size s."""

from training.config import FitConfig

CONFIG = FitConfig(model="chroma_residual", size="s", steps=100_000)
