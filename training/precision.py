"""What a run computes in: mixed bfloat16 where the machine is made for it, float32 elsewhere.

A processor without instructions for bfloat16 emulates them and takes more than ten times as long.
"""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf

AUTO, BFLOAT16, FLOAT32 = "auto", "mixed_bfloat16", "float32"
PRECISIONS = (AUTO, BFLOAT16, FLOAT32)
# As Linux names what x86 and Arm have for it.
_INSTRUCTIONS = frozenset(("avx512_bf16", "amx_bf16", "bf16"))


def chosen(precision: str, root: Path = Path("/")) -> str:
    """One of ``PRECISIONS`` as Keras knows it: ``auto`` is what suits this machine.

    Args:
        precision: as a run states it.
        root: where ``proc`` is.
    """
    if precision != AUTO:
        return precision
    return BFLOAT16 if _accelerated() or _instructions(root) & _INSTRUCTIONS else FLOAT32


def _accelerated() -> bool:
    """Whether Keras computes on something else than a processor."""
    if keras.backend.backend() == "tensorflow":
        return bool(tf.config.list_physical_devices("GPU"))  # the runtime need not start for it
    return any(not name.startswith("cpu") for name in keras.distribution.list_devices())


def _instructions(root: Path) -> set[str]:
    """What the processor can do, as Linux says; nothing where the system is another."""
    try:
        lines = (root / "proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    pairs = (line.partition(":") for line in lines)
    stated = [value for key, _, value in pairs if key.strip() in ("flags", "Features")]
    return set(stated[0].split()) if stated else set()
